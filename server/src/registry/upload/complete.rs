//! The last byte is there: compare, read as hostile, keep, record.
//!
//! The order is for a process that may die between any two lines: the archive's bytes are durable
//! before its row, and the upload's own row and file go last, so that what was cut is done again.

use std::io::{BufReader, Cursor};

use bytes::Bytes;
use larder_schema::archive::{self, ArchiveError, ArchiveFormat, Index, NoSink};
use larder_schema::{Checksum, Sums};
use tracing::{Instrument as _, info, warn};

use super::staging::{Gate, blocking};
use super::{ArchiveRefused, Standing, UploadError};
use crate::blobs;
use crate::catalog::{StoredArchive, Upload};
use crate::registry::Registry;

/// Bytes that are read ahead of the archive reader.
const READ_AHEAD: usize = 256 * 1024;

/// Where the bytes are that an upload brought.
#[derive(Clone, Debug)]
pub(super) enum Brought {
    /// In its staged file.
    Staged,
    /// In memory: they came in one go, and are few.
    Whole(Bytes),
}

impl Registry {
    /// Completes an upload whose bytes are all there, and goes on doing so when the asker is gone.
    pub(super) async fn complete_in_background(
        &self,
        upload: Upload,
        mut gate: Gate,
    ) -> Result<Standing, UploadError> {
        let registry = self.clone();
        let work = async move {
            *gate = Some(registry.hashes(&upload, &mut gate).await?);
            registry.complete(upload, gate).await
        };
        let task = self.inner.uploads.runtime.spawn(work.in_current_span());
        task.await.unwrap_or(Err(UploadError::Stopped))
    }

    /// Keeps the archive that `upload` brought, or throws the upload away.
    ///
    /// Trouble of the machine leaves it as it is: the next request tries again.
    pub(super) async fn complete(
        &self,
        upload: Upload,
        mut gate: Gate,
    ) -> Result<Standing, UploadError> {
        let sums = self.hashes(&upload, &mut gate).await?.finish();
        // Before the row goes: who asks right after must not be told that there was no such upload.
        self.inner.uploads.remember(&upload);
        let kept = self.keep(&upload, &sums, &Brought::Staged).await;
        if kept.is_err() {
            self.inner.uploads.unremember(&upload.id);
        }
        match kept {
            Ok(()) => {
                self.clear(&upload, gate).await;
                Ok(Standing { offset: upload.length, ..Standing::of(&upload) })
            }
            Err(
                error @ (UploadError::WrongSum { .. }
                | UploadError::OtherFormat { .. }
                | UploadError::Refused(_)),
            ) => {
                info!(upload = upload.id, "an upload was refused: {error}");
                self.forget(&upload, gate).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps the archive, notes who sent it, and forgets the upload's row.
    pub(super) async fn keep(
        &self,
        upload: &Upload,
        sums: &Sums,
        brought: &Brought,
    ) -> Result<(), UploadError> {
        let found = sums.sha256;
        if let Some(promised) = upload.sha256.filter(|promised| *promised != found) {
            self.inner.metrics.archive("wrong_sum");
            return Err(UploadError::WrongSum { promised, found });
        }
        let format = format_of(&upload.filename)?;
        if self.is_kept(upload, sums, format, brought).await? {
            self.inner.catalog.note_sender(&upload.token, &found).await?;
            self.inner.catalog.end_upload(&upload.id).await?;
            self.inner.metrics.archive("known");
            return Ok(());
        }
        let index = self.index(upload, format, brought).await?;
        self.record(upload, sums, format, &index, brought).await?;
        self.inner.metrics.archive("stored");
        let size_bytes = sums.size;
        info!(checksum = %Checksum::Sha256(found), size_bytes, "keeps `{}`", upload.filename);
        Ok(())
    }

    /// Whether the archive is there already. Bytes that the disk has lost since are put back.
    ///
    /// In another format it is not, and where a build names it as that, it cannot be in this one: an
    /// archive has one tree.
    async fn is_kept(
        &self,
        upload: &Upload,
        sums: &Sums,
        format: ArchiveFormat,
        brought: &Brought,
    ) -> Result<bool, UploadError> {
        let checksum = Checksum::Sha256(sums.sha256);
        let Some(known) = self.inner.catalog.archive(&checksum).await? else { return Ok(false) };
        if self.inner.blobs.size(&known.key).await? != Some(sums.size) {
            warn!(%checksum, "the bytes of a known archive were gone; puts them back");
            let fresh = self.adopt(upload, sums, brought).await?;
            self.inner.blobs.put_back(&known.key, &fresh).await?;
        }
        if known.format != format && self.inner.catalog.is_named(&sums.sha256).await? {
            return Err(other_format(upload, known.format));
        }
        Ok(known.format == format)
    }

    /// Gives the bytes a key of their own; they are durable under it when this returns.
    async fn adopt(
        &self,
        upload: &Upload,
        sums: &Sums,
        brought: &Brought,
    ) -> Result<String, blobs::Error> {
        let staged = self.inner.uploads.path(&upload.id);
        match brought {
            Brought::Staged => self.inner.blobs.adopt(&staged, sums).await,
            Brought::Whole(bytes) => self.inner.blobs.keep(bytes.clone(), &staged, sums).await,
        }
    }

    /// Reads the archive from its first byte to its last.
    async fn index(
        &self,
        upload: &Upload,
        format: ArchiveFormat,
        brought: &Brought,
    ) -> Result<Index, UploadError> {
        let permit = self.inner.uploads.index.acquire().await;
        let _permit = permit.map_err(|_| UploadError::Stopped)?;
        let (path, filename) = (self.inner.uploads.path(&upload.id), upload.filename.clone());
        let brought = brought.clone();
        let limits = self.inner.config.limits.archive();
        let read = blocking(move || {
            let read = match brought {
                Brought::Staged => {
                    let source = BufReader::with_capacity(READ_AHEAD, std::fs::File::open(path)?);
                    archive::read(source, format, &limits, &mut NoSink)
                }
                Brought::Whole(bytes) => {
                    archive::read(Cursor::new(bytes), format, &limits, &mut NoSink)
                }
            };
            read.map_err(|error| to_refusal(error, filename))
        });
        let read = read.await;
        if matches!(read, Err(UploadError::Refused(_))) {
            self.inner.metrics.archive("refused");
        }
        read
    }

    async fn record(
        &self,
        upload: &Upload,
        sums: &Sums,
        format: ArchiveFormat,
        index: &Index,
        brought: &Brought,
    ) -> Result<(), UploadError> {
        let key = self.adopt(upload, sums, brought).await?;
        let archive = StoredArchive {
            sums: *sums,
            format,
            key: key.clone(),
            tree: index.tree,
            tar_sha256: index.tar_sha256,
            shape: index.shape.clone(),
            unpacked_bytes: index.unpacked_bytes,
        };
        let recorded = self.inner.catalog.complete_upload(upload, &archive, index).await;
        if !self.is_named(&archive, recorded.as_ref().ok()).await
            && let Err(error) = self.inner.blobs.delete(&key).await
        {
            warn!(error = &error as &dyn std::error::Error, "could not remove a second copy");
        }
        let recorded = recorded?;
        if recorded.format == format { Ok(()) } else { Err(other_format(upload, recorded.format)) }
    }

    /// Whether the row names these very bytes, or may: somebody else may have brought the same
    /// meanwhile, and after an error only a look tells. Bytes too many harm less than bytes too few.
    async fn is_named(&self, archive: &StoredArchive, recorded: Option<&StoredArchive>) -> bool {
        if let Some(recorded) = recorded {
            return recorded.key == archive.key;
        }
        let known = self.inner.catalog.archive(&Checksum::Sha256(archive.sums.sha256)).await;
        known.map_or(true, |known| known.is_some_and(|known| known.key == archive.key))
    }
}

fn format_of(filename: &str) -> Result<ArchiveFormat, UploadError> {
    let unknown = || UploadError::Format { filename: filename.to_owned() };
    ArchiveFormat::of_name(filename).ok_or_else(unknown)
}

fn other_format(upload: &Upload, known: ArchiveFormat) -> UploadError {
    UploadError::OtherFormat { filename: upload.filename.clone(), known: known.extension() }
}

/// A refusal, unless the machine is to blame.
fn to_refusal(error: ArchiveError, filename: String) -> UploadError {
    if matches!(error, ArchiveError::Io(_) | ArchiveError::Sink(_)) {
        return UploadError::Read(error);
    }
    UploadError::Refused(ArchiveRefused { filename, source: error })
}
