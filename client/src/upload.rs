//! Uploads: archives go up in parts (tus 1.0) and go on where they were cut.
//!
//! A part is acknowledged before the next one is sent, so whatever dies in the middle, at most one
//! part is sent again. The last part is answered when the server has hashed, checked and indexed
//! the whole archive, which may take a while.

mod body;
mod file;
mod memory;
mod sending;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_schema::api::{HaveAnswer, HaveRequest, paths};
use larder_schema::{ArchiveName, Checksum, Sha256};

pub use file::{FileError, LocalFile};
pub use memory::{Memory, Slot};

use crate::progress::Transfer;
use crate::remote::{self, Remote};
use sending::Sending;

/// The most bytes of one part: what may have to be sent again after a crash.
pub const PART_BYTES: u64 = 64 << 20;
/// An archive was not uploaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its file cannot be read, or changed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The server did not take it, or could not be reached.
    #[error("could not upload `{name}`")]
    Remote {
        /// The archive.
        name: ArchiveName,
        /// Why.
        #[source]
        source: remote::Error,
    },
    /// What arrived is not what was sent.
    #[error(
        "`{name}` arrived damaged; publish again, and check the way to the server if it stays so"
    )]
    WrongSum {
        /// The archive.
        name: ArchiveName,
        /// What the server found.
        #[source]
        source: remote::Error,
    },
    /// The server does not answer as tus 1.0 says.
    #[error("the server took `{name}` and gave no usable `{header}`; it does not speak tus 1.0")]
    NotTus {
        /// The archive.
        name: ArchiveName,
        /// The header.
        header: &'static str,
    },
}

/// Sends archives to one server.
#[derive(Clone)]
pub struct Uploader {
    remote: Remote,
    memory: Memory,
    transfer: Transfer,
    part_bytes: u64,
    sent: Arc<AtomicU64>,
}

impl Uploader {
    /// Sends to `remote`; `transfer` hears of every byte.
    pub fn new(remote: Remote, memory: Memory, transfer: Transfer) -> Self {
        Self { remote, memory, transfer, part_bytes: PART_BYTES, sent: Arc::default() }
    }

    /// The same with parts of another size.
    #[must_use]
    pub fn with_part_bytes(self, part_bytes: u64) -> Self {
        Self { part_bytes: part_bytes.max(1), ..self }
    }

    /// How many bytes of archives went out, those that went out again among them.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends one archive; when this returns the server holds it for good.
    pub async fn send(&self, file: &LocalFile, name: &ArchiveName) -> Result<(), Error> {
        Sending::of(self, file, name).run().await
    }
}

/// Which of the archives the server lacks, in the order of `sums`.
pub async fn missing(remote: &Remote, sums: &[Sha256]) -> Result<Vec<Sha256>, remote::Error> {
    if sums.is_empty() {
        return Ok(Vec::new());
    }
    let checksums: Vec<Checksum> = sums.iter().map(|sum| Checksum::Sha256(*sum)).collect();
    let answer: HaveAnswer = remote.post(&paths::have(), &HaveRequest { checksums }).await?;
    let lacks = |sum: &&Sha256| answer.missing.contains(&Checksum::Sha256(**sum));
    Ok(sums.iter().filter(lacks).copied().collect())
}

#[cfg(test)]
mod tests;
