//! Staging: the files of uploads under way, and who is at which of them.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use larder_schema::{Hasher, Sha256};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedMutexGuard, Semaphore};
use tracing::warn;

use super::{Standing, UploadError};
use crate::access::Caller;
use crate::catalog::{Upload, UploadQuota};
use crate::durable::sync_folder;

/// How many uploads that are done are remembered, for clients whose connection broke at the end.
const DONE: usize = 10_000;

/// All uploads under way.
#[derive(Debug)]
pub(in crate::registry) struct Uploads {
    folder: PathBuf,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    done: Mutex<VecDeque<Done>>,
    /// By token, what is coming whole: how many, and how many bytes.
    whole: Mutex<HashMap<Sha256, (u64, u64)>>,
    /// Archives that may be read at once.
    pub(super) index: Semaphore,
    /// Where work goes on that must not end with the request that began it.
    pub(in crate::registry) runtime: tokio::runtime::Handle,
}

#[derive(Debug)]
struct Done {
    token: Sha256,
    standing: Standing,
}

/// One upload: only who holds the gate may touch its file.
///
/// In the gate lies the state of the hashes at the row's offset, if it is known; after a restart
/// it is made again from the file.
#[derive(Debug, Default)]
pub(super) struct Slot {
    gate: Arc<tokio::sync::Mutex<Option<Hasher>>>,
    asked: Notify,
}

/// The right to touch an upload's file.
pub(super) type Gate = OwnedMutexGuard<Option<Hasher>>;

impl Slot {
    /// The gate, if nobody has it.
    pub(super) fn try_enter(&self) -> Result<Gate, UploadError> {
        self.gate.clone().try_lock_owned().map_err(|_| UploadError::Busy)
    }

    /// The gate, when whoever sends to the upload was told to end.
    pub(super) async fn take_over(&self) -> Gate {
        self.asked.notify_waiters();
        self.gate.clone().lock_owned().await
    }

    /// Is ready once somebody else asks for the gate, from this moment on.
    pub(super) fn asked(&self) -> Pin<Box<Notified<'_>>> {
        let mut asked = Box::pin(self.asked.notified());
        asked.as_mut().enable();
        asked
    }
}

impl Uploads {
    /// Uploads in `folder`; `index_at_once` archives are read at once. Work goes on in the runtime
    /// of whoever calls this.
    pub(in crate::registry) fn new(folder: PathBuf, index_at_once: usize) -> Self {
        Self {
            folder,
            slots: Mutex::default(),
            done: Mutex::default(),
            whole: Mutex::default(),
            index: Semaphore::new(index_at_once),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    pub(super) fn slot(&self, id: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(id.to_owned()).or_default().clone()
    }

    pub(super) fn remove_slot(&self, id: &str) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Waits until nobody is at any upload.
    pub(in crate::registry) async fn idle(&self) {
        let slots: Vec<Arc<Slot>> = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.values().cloned().collect()
        };
        for slot in slots {
            drop(slot.take_over().await);
        }
    }

    /// Counts an archive that comes whole, unless its token then had more coming than `quota`; then
    /// what it has is told.
    pub(super) fn enter_whole(
        &self,
        token: &Sha256,
        length: u64,
        quota: UploadQuota,
    ) -> Result<(), (u64, u64)> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let (uploads, bytes) = whole.get(token).copied().unwrap_or_default();
        if uploads >= quota.uploads || bytes.saturating_add(length) > quota.bytes {
            return Err((uploads, bytes));
        }
        whole.insert(*token, (uploads + 1, bytes + length));
        Ok(())
    }

    /// Counts it no more.
    pub(super) fn leave_whole(&self, token: &Sha256, length: u64) {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((uploads, bytes)) = whole.remove(token)
            && uploads > 1
        {
            whole.insert(*token, (uploads - 1, bytes - length));
        }
    }

    /// Remembers an upload whose archive is kept; nobody is told before its row is gone.
    pub(super) fn remember(&self, upload: &Upload) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = Standing { offset: upload.length, ..Standing::of(upload) };
        done.push_back(Done { token: upload.token, standing });
        if done.len() > DONE {
            done.pop_front();
        }
    }

    /// Forgets an upload whose archive was not kept after all.
    pub(super) fn unremember(&self, id: &str) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.retain(|done| done.standing.id != id);
    }

    /// Where an upload of the caller stands that is done.
    pub(super) fn done(&self, caller: &Caller, id: &str) -> Option<Standing> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |done: &&Done| done.standing.id == id && caller.token() == Some(done.token);
        done.iter().rev().find(own).map(|done| done.standing.clone())
    }

    /// Where the bytes of an upload are.
    pub(in crate::registry) fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.part"))
    }

    /// Makes the file of an upload; its name is durable when this returns.
    pub(super) async fn create_file(&self, id: &str) -> Result<(), UploadError> {
        let (path, folder) = (self.path(id), self.folder.clone());
        blocking(move || {
            std::fs::File::create_new(path)?;
            sync_folder(&folder)?;
            Ok(())
        })
        .await
    }

    /// Removes the file of an upload; where it stays, the next start removes it.
    pub(super) async fn remove_file(&self, id: &str) {
        let path = self.path(id);
        let removed = blocking(move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        });
        if let Err(error) = removed.await {
            warn!(error = &error as &dyn std::error::Error, "could not remove a staged file");
        }
    }

    /// The ids of all staged files, and other files' names.
    pub(super) async fn files(&self) -> Result<Vec<(PathBuf, Option<String>)>, UploadError> {
        let folder = self.folder.clone();
        blocking(move || {
            let mut files = Vec::new();
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                let id = id_of(&path);
                files.push((path, id));
            }
            Ok(files)
        })
        .await
    }

    /// Bytes that the disk has left.
    pub(in crate::registry) fn room(&self) -> Result<u64, UploadError> {
        let stat = rustix::fs::statvfs(&self.folder).map_err(io::Error::from)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

fn id_of(path: &Path) -> Option<String> {
    path.file_name()?.to_str()?.strip_suffix(".part").map(str::to_owned)
}

/// An id that nobody guesses: 128 random bits.
pub(in crate::registry) fn new_id() -> Result<String, UploadError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(UploadError::Random)?;
    Ok(larder_schema::checksum::to_hex(&bytes))
}

/// Does work that waits for the disk where waiting harms nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(UploadError::Stopped))
}
