//! What comes in is written, hashed on the way, synced, and only then counted.
//!
//! The request pumps its body into a channel; a task of its own, which holds the gate, writes. So a
//! connection that breaks, at whatever moment, leaves a file, hashes and a row that agree.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use larder_schema::Hasher;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, warn};

use super::part_sum::PartHasher;
use super::staging::{Gate, Slot, blocking};
use super::{PartSum, Standing, UploadError};
use crate::access::Caller;
use crate::catalog::{self, Upload};
use crate::registry::Registry;

/// Parts of a body that wait to be written: with their size, the memory that an upload takes.
const WAITING: usize = 16;

/// How long a body may still be taken when somebody else asks for the upload, and how long nothing
/// of it may come then.
const LAST_MOMENTS: Duration = Duration::from_secs(2);
const LULL: Duration = Duration::from_millis(100);

/// Why a body did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It was slower than it may be.
    Slow,
    /// The connection broke.
    Broken,
}

/// What the request tells the task.
enum Part {
    Bytes(Bytes),
    /// The body came to its end.
    End,
}

/// How the body ended.
enum Ending {
    Whole,
    Fault(BodyFault),
    Superseded,
}

impl Registry {
    /// Takes the bytes of `body` in at `offset`, and completes the upload with its last byte.
    ///
    /// With `sum` all of the body counts, or nothing of it; without, whatever came before the
    /// body broke off is kept.
    pub async fn append_upload(
        &self,
        caller: &Caller,
        id: &str,
        offset: u64,
        sum: Option<PartSum>,
        body: impl Stream<Item = Result<Bytes, BodyFault>>,
    ) -> Result<Standing, UploadError> {
        if self.own_upload(caller, id).await?.is_none() {
            return self.replayed(caller, id, offset);
        }
        let slot = self.inner.uploads.slot(id);
        let gate = slot.try_enter()?;
        let Some(upload) = self.own_upload(caller, id).await? else {
            self.inner.uploads.remove_slot(id);
            return self.replayed(caller, id, offset);
        };
        if upload.offset != offset {
            return Err(UploadError::Offset { offset: upload.offset, offered: offset });
        }
        self.demand_room(0)?;
        let (sender, parts) = mpsc::channel(WAITING);
        let registry = self.clone();
        let work = async move { registry.take_in(upload, gate, sum, parts).await };
        let task = self.inner.uploads.runtime.spawn(work.in_current_span());
        let ending = pump(body, sender, &slot).await;
        let standing = task.await.unwrap_or(Err(UploadError::Stopped))?;
        told(standing, ending)
    }

    /// The answer to who sends again to an upload that is done.
    fn replayed(&self, caller: &Caller, id: &str, offset: u64) -> Result<Standing, UploadError> {
        let done = self.inner.uploads.done(caller, id).ok_or(UploadError::Unknown)?;
        if done.offset == offset {
            return Ok(done);
        }
        Err(UploadError::Offset { offset: done.offset, offered: offset })
    }

    async fn take_in(
        self,
        mut upload: Upload,
        mut gate: Gate,
        sum: Option<PartSum>,
        parts: mpsc::Receiver<Part>,
    ) -> Result<Standing, UploadError> {
        let path = self.inner.uploads.path(&upload.id);
        let (hasher, offset) = (gate.take(), upload.offset);
        let staged = blocking(move || Staged::open(&path, hasher, offset)).await?;
        let taken = self.write_all(&mut upload, staged, sum, parts).await;
        *gate = Some(taken.hasher);
        if let Some(fault) = taken.fault {
            return Err(self.after_fault(upload, gate, fault).await);
        }
        if upload.offset < upload.length {
            return Ok(Standing::of(&upload));
        }
        self.complete(upload, gate).await
    }

    /// Leaves an upload so that it can go on where its row says, if it can go on at all.
    async fn after_fault(&self, upload: Upload, mut gate: Gate, fault: UploadError) -> UploadError {
        let (path, offset) = (self.inner.uploads.path(&upload.id), upload.offset);
        let is_full =
            matches!(fault, UploadError::DiskFull | UploadError::Catalog(catalog::Error::DiskFull));
        let left = if is_full {
            // The bytes that were not counted are what others lack: the catalog cannot write.
            *gate = None;
            blocking(move || Ok(File::options().write(true).open(path)?.set_len(offset)?)).await
        } else if matches!(fault, UploadError::Io(_)) {
            // What the disk holds after a failed write or sync is anybody's guess.
            self.forget(&upload, gate).await
        } else {
            Ok(())
        };
        if let Err(error) = left {
            warn!(error = &error as &dyn std::error::Error, "could not put an upload in order");
        }
        fault
    }

    /// Writes until the body ends; what is kept is synced and in the row when this returns.
    async fn write_all(
        &self,
        upload: &mut Upload,
        staged: Staged,
        sum: Option<PartSum>,
        parts: mpsc::Receiver<Part>,
    ) -> Taken {
        let before = sum.is_some().then(|| staged.hasher.clone());
        let mut writing = Writing { staged, sum: sum.as_ref().map(PartSum::hasher), whole: false };
        let written = self.write_parts(upload, &mut writing, sum.is_none(), parts).await;
        let Writing { mut staged, sum: summed, whole } = writing;
        let wrong = match (&sum, summed) {
            (Some(sum), Some(summed)) if whole => !sum.fits(summed),
            (Some(_), _) => true,
            (None, _) => false,
        };
        if let Some(before) = before.filter(|_| wrong || written.is_err()) {
            staged.hasher = before;
        }
        let hasher = staged.hasher.clone();
        let synced = self.sync(upload, staged).await;
        let offset = upload.offset;
        let wrong = (wrong && whole).then_some(UploadError::WrongPart { offset });
        Taken { hasher, fault: synced.err().or(written.err()).or(wrong) }
    }

    async fn write_parts(
        &self,
        upload: &mut Upload,
        writing: &mut Writing,
        counts_at_once: bool,
        mut parts: mpsc::Receiver<Part>,
    ) -> Result<(), UploadError> {
        let mut batch = Vec::with_capacity(WAITING);
        while parts.recv_many(&mut batch, WAITING).await > 0 {
            self.demand_room(0)?;
            let length = upload.length;
            let parts = std::mem::take(&mut batch);
            writing.write(parts, length).await?;
            let unsynced = writing.staged.hasher.size() - upload.offset;
            if counts_at_once && unsynced >= self.inner.config.limits.upload_sync_bytes {
                let staged = writing.staged.again()?;
                self.sync(upload, staged).await?;
            }
        }
        Ok(())
    }

    /// Makes what was written durable, then says so in the row.
    async fn sync(&self, upload: &mut Upload, staged: Staged) -> Result<(), UploadError> {
        let offset = staged.hasher.size();
        blocking(move || staged.sync()).await?;
        if offset != upload.offset {
            self.inner.catalog.advance_upload(&upload.id, offset).await?;
            self.inner.metrics.received(offset.saturating_sub(upload.offset));
            upload.offset = offset;
        }
        Ok(())
    }

    /// The hashes of an upload's bytes, which all came, made again from the file if need be.
    pub(super) async fn hashes(
        &self,
        upload: &Upload,
        gate: &mut Gate,
    ) -> Result<Hasher, UploadError> {
        if let Some(hasher) = gate.take() {
            return Ok(hasher);
        }
        let (path, offset) = (self.inner.uploads.path(&upload.id), upload.offset);
        blocking(move || Ok(Staged::open(&path, None, offset)?.hasher)).await
    }
}

/// What came of a body.
struct Taken {
    hasher: Hasher,
    fault: Option<UploadError>,
}

struct Writing {
    staged: Staged,
    sum: Option<PartHasher>,
    /// Whether the body came to its end.
    whole: bool,
}

impl Writing {
    async fn write(&mut self, parts: Vec<Part>, length: u64) -> Result<(), UploadError> {
        self.whole |= parts.iter().any(|part| matches!(part, Part::End));
        let mut staged = self.staged.again()?;
        let mut sum = self.sum.take();
        let (hasher, sum, written) = tokio::task::spawn_blocking(move || {
            let written = staged.write(parts, length, sum.as_mut());
            (staged.hasher, sum, written)
        })
        .await
        .map_err(|_| UploadError::Stopped)?;
        (self.staged.hasher, self.sum) = (hasher, sum);
        written
    }
}

/// An upload's file with the hashes of what is in it.
struct Staged {
    file: File,
    hasher: Hasher,
}

impl Staged {
    /// Opens the file at `offset`; what lies behind was never counted and is cut off.
    fn open(path: &Path, hasher: Option<Hasher>, offset: u64) -> Result<Self, UploadError> {
        let mut file = File::options().read(true).write(true).open(path)?;
        if file.metadata()?.len() < offset {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        file.set_len(offset)?;
        let hasher = match hasher.filter(|hasher| hasher.size() == offset) {
            Some(hasher) => hasher,
            None => hashed(&mut file)?,
        };
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file, hasher })
    }

    /// The same file and hashes, to be moved to where waiting harms nobody.
    fn again(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, hasher: self.hasher.clone() })
    }

    fn write(
        &mut self,
        parts: Vec<Part>,
        length: u64,
        mut sum: Option<&mut PartHasher>,
    ) -> Result<(), UploadError> {
        for part in parts {
            let Part::Bytes(bytes) = part else { continue };
            if self.hasher.size() + bytes.len() as u64 > length {
                return Err(UploadError::TooMany { length });
            }
            self.file.write_all(&bytes)?;
            self.hasher.update(&bytes);
            if let Some(sum) = sum.as_deref_mut() {
                sum.update(&bytes);
            }
        }
        Ok(())
    }

    /// Cuts off what the hashes do not cover, and syncs.
    fn sync(&self) -> Result<(), UploadError> {
        if self.file.metadata()?.len() != self.hasher.size() {
            self.file.set_len(self.hasher.size())?;
        }
        self.file.sync_data()?;
        Ok(())
    }
}

fn hashed(file: &mut File) -> io::Result<Hasher> {
    let mut hasher = Hasher::new();
    file.rewind()?;
    hasher.take_all(file)?;
    Ok(hasher)
}

/// Sends the body to the task, until it ends or somebody else asks for the upload. Then what is
/// on its way already is still taken, so that a broken connection costs no more than it must.
async fn pump(
    body: impl Stream<Item = Result<Bytes, BodyFault>>,
    sender: mpsc::Sender<Part>,
    slot: &Slot,
) -> Ending {
    let mut asked = slot.asked();
    let mut body = pin!(body);
    let mut last_moment = None;
    loop {
        let part = match last_moment {
            None => tokio::select! {
                part = body.next() => part,
                () = asked.as_mut() => {
                    last_moment = Some(Instant::now() + LAST_MOMENTS);
                    continue;
                }
            },
            Some(moment) => {
                match timeout_at(moment.min(Instant::now() + LULL), body.next()).await {
                    Ok(part) => part,
                    Err(_) => return Ending::Superseded,
                }
            }
        };
        let (part, is_end) = match part {
            Some(Ok(bytes)) => (Part::Bytes(bytes), false),
            Some(Err(fault)) => return Ending::Fault(fault),
            None => (Part::End, true),
        };
        // The task ends early when it refuses; then its answer is what counts.
        if sender.send(part).await.is_err() || is_end {
            return Ending::Whole;
        }
    }
}

fn told(standing: Standing, ending: Ending) -> Result<Standing, UploadError> {
    let offset = standing.offset;
    match ending {
        _ if offset == standing.length => Ok(standing),
        Ending::Whole => Ok(standing),
        Ending::Superseded => Err(UploadError::Superseded { offset }),
        Ending::Fault(BodyFault::Slow) => Err(UploadError::Slow { offset }),
        Ending::Fault(BodyFault::Broken) => Err(UploadError::Broken { offset }),
    }
}
