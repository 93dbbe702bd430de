//! The journal in the blob store: written before anything is acknowledged, and the catalog made
//! again from it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::ops::Range;

use larder_schema::archive::{self, ArchiveError, ArchiveFormat, Index, Limits, NoSink};
use larder_schema::{Checksum, Digest, Hasher, Sums};

use tracing::warn;

use super::Registry;
use crate::blobs;
use crate::catalog::journal::JournalArchive;
use crate::catalog::{self, Change, JournalEntry, JournalRow, StoredArchive};

/// Why the server cannot start on this catalog and blob store.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
    /// The blob store failed.
    #[error("the blob store failed")]
    Blobs(#[from] blobs::Error),
    /// The journal has a gap, or an entry that does not follow the one before.
    #[error("the journal breaks at entry {seq}: {fault}; the server does not start on it")]
    Broken {
        /// The entry's number.
        seq: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// An entry cannot be read.
    #[error("the journal's entry `{key}` cannot be read")]
    Unreadable {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The bytes of an archive are not what the journal says.
    #[error("the archive under `{key}` is not what the journal's entry {seq} says")]
    Archive {
        /// The archive's key.
        key: String,
        /// The entry's number.
        seq: u64,
        /// What the reader said, where it refused.
        #[source]
        source: Option<Box<ArchiveError>>,
    },
}

/// Why the journal could not be made durable.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
    /// The blob store failed.
    #[error("the blob store failed")]
    Blobs(#[from] blobs::Error),
}

impl From<FlushError> for RecoverError {
    fn from(error: FlushError) -> Self {
        match error {
            FlushError::Catalog(error) => Self::Catalog(error),
            FlushError::Blobs(error) => Self::Blobs(error),
        }
    }
}

impl Registry {
    /// Puts all journal entries into the blob store that are not there; one flush serves all who
    /// wait for it.
    pub(super) async fn flush_journal(&self) -> Result<(), FlushError> {
        let mut stored = self.inner.journal.lock().await;
        let rows = self.inner.catalog.journal_unstored().await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let seqs = first.seq..last.seq + 1;
        let before = *stored;
        for row in rows.into_iter().filter(|row| row.seq > before) {
            let (seq, key) = (row.seq, row.key());
            self.inner.blobs.put_document(&key, row.document.into_bytes()).await?;
            *stored = seq;
        }
        self.note_stored(seqs);
        Ok(())
    }

    /// Has the catalog note what is stored, without waiting for it: what a crash forgets is stored
    /// again at the next start, which changes nothing. A server that stops waits for it.
    fn note_stored(&self, seqs: Range<u64>) {
        let registry = self.clone();
        let noted = async move {
            if let Err(error) = registry.inner.catalog.journal_stored(seqs).await {
                warn!(error = &error as &dyn std::error::Error, "could not note what is stored");
            }
        };
        drop(self.inner.uploads.runtime.spawn(noted));
    }

    /// Brings catalog and journal together before the server takes requests.
    ///
    /// Entries that the blob store lacks are put there; entries that the catalog lacks are done
    /// again. A journal that does not follow from what the catalog has stops the start.
    pub async fn recover(&self) -> Result<u64, RecoverError> {
        let keys = self.inner.blobs.documents("journal/").await?;
        self.refuse_other_journal(&keys).await?;
        self.flush_journal().await?;
        let (head, mut previous) = self.inner.catalog.journal_head().await?;
        self.put_back(&keys, head).await?;
        let mut seq = head;
        for key in keys {
            if number_of(&key).is_none_or(|number| number <= head) {
                continue;
            }
            let row = self.journal_row(&key).await?;
            let entry: JournalEntry = serde_json::from_str(&row.document)
                .map_err(|source| RecoverError::Unreadable { key: key.clone(), source })?;
            follows(&entry, &row, seq, previous)?;
            self.replay(&entry, &row).await?;
            (seq, previous) = (entry.seq, Some(row.digest));
        }
        Ok(seq - head)
    }

    /// Refuses a catalog whose last entries are others than the blob store has under their numbers:
    /// it was put beside a journal that went on without it.
    async fn refuse_other_journal(&self, keys: &[String]) -> Result<(), RecoverError> {
        let (head, _) = self.inner.catalog.journal_head().await?;
        let mut own = self.inner.catalog.journal_unstored().await?;
        own.extend(self.inner.catalog.journal(head, 1).await?);
        let own: HashMap<u64, String> = own.into_iter().map(|row| (row.seq, row.key())).collect();
        let other = keys.iter().find_map(|key| {
            let seq = number_of(key)?;
            own.get(&seq).is_some_and(|own| own != key).then_some(seq)
        });
        match other {
            Some(seq) => Err(RecoverError::Broken { seq, fault: "the catalog has another" }),
            None => Ok(()),
        }
    }

    /// Puts entries back that the blob store had and has lost.
    async fn put_back(&self, keys: &[String], head: u64) -> Result<(), RecoverError> {
        let there: HashSet<u64> = keys.iter().filter_map(|key| number_of(key)).collect();
        for seq in (1..=head).filter(|seq| !there.contains(seq)) {
            for row in self.inner.catalog.journal(seq, 1).await? {
                self.inner.blobs.put_document(&row.key(), row.document.into_bytes()).await?;
            }
        }
        Ok(())
    }

    async fn journal_row(&self, key: &str) -> Result<JournalRow, RecoverError> {
        let bytes = self.inner.blobs.document(key).await?;
        let digest = Digest::of(&bytes);
        let seq = number_of(key).unwrap_or_default();
        let broken = |fault| RecoverError::Broken { seq, fault };
        let document = String::from_utf8(bytes).map_err(|_| broken("it is no text"))?;
        let row = JournalRow { seq, digest, document };
        if row.key() == key {
            Ok(row)
        } else {
            Err(broken("its digest is not the one in its name"))
        }
    }

    async fn replay(&self, entry: &JournalEntry, row: &JournalRow) -> Result<(), RecoverError> {
        if let Change::Publish { archives, .. } = &entry.change {
            for archive in archives {
                self.recover_archive(entry.seq, archive).await?;
            }
        }
        Ok(self.inner.catalog.replay(entry, row).await?)
    }

    /// Indexes an archive again from its bytes, which must be those that were published.
    async fn recover_archive(&self, seq: u64, told: &JournalArchive) -> Result<(), RecoverError> {
        let known = self.inner.catalog.archive(&Checksum::Sha256(told.sums.sha256)).await?;
        if known.is_some() {
            return Ok(());
        }
        let wrong = |source| RecoverError::Archive { key: told.key.clone(), seq, source };
        let format = told.format().ok_or_else(|| wrong(None))?;
        let limits = self.inner.config.limits.archive();
        let (source, sums) = (self.inner.blobs.open_file(&told.key).await?, told.sums);
        let look = move || index_again(source, sums, format, &limits);
        let index = tokio::task::spawn_blocking(look).await.map_err(|_| catalog::Error::Stopped)?;
        let index = index.map_err(|source| wrong(source.map(Box::new)))?;
        let archive = StoredArchive {
            sums: told.sums,
            format,
            key: told.key.clone(),
            tree: index.tree,
            tar_sha256: index.tar_sha256,
            shape: index.shape.clone(),
            unpacked_bytes: index.unpacked_bytes,
        };
        self.inner.catalog.record_archive(&archive, &index).await?;
        Ok(())
    }
}

/// The index of bytes that have the right sums; `Err(None)`: they have others.
fn index_again(
    mut source: File,
    sums: Sums,
    format: ArchiveFormat,
    limits: &Limits,
) -> Result<Index, Option<ArchiveError>> {
    let mut hasher = Hasher::new();
    hasher.take_all(&mut source).map_err(|error| Some(ArchiveError::Io(error)))?;
    if hasher.finish() != sums {
        return Err(None);
    }
    archive::read(source, format, limits, &mut NoSink).map_err(Some)
}

/// The number in the key of an entry.
fn number_of(key: &str) -> Option<u64> {
    key.strip_prefix("journal/")?.split_once('-')?.0.parse().ok()
}

/// Refuses an entry that does not come next after `seq`, whose digest is `previous`.
fn follows(
    entry: &JournalEntry,
    row: &JournalRow,
    seq: u64,
    previous: Option<Digest>,
) -> Result<(), RecoverError> {
    let broken = |fault| Err(RecoverError::Broken { seq: seq + 1, fault });
    if row.seq != seq + 1 {
        broken("an entry is missing")
    } else if entry.seq != row.seq {
        broken("its number is not the one in its name")
    } else if entry.previous != previous {
        broken("it does not hold the digest of the one before")
    } else {
        Ok(())
    }
}
