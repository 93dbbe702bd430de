//! Turns: few questions that take a processor for long are worked on at once, and few wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who may work, and who may wait for it.
pub(super) struct Turns {
    working: Arc<Semaphore>,
    /// With those that wait.
    places: Arc<Semaphore>,
}

/// The right to work until it is dropped. It is held by the work and not by who waits for it: that
/// one may be gone before the work ends.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _working: OwnedSemaphorePermit,
}

/// Nobody more may wait.
pub(super) struct Full;

impl Turns {
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        let semaphore = |most| Arc::new(Semaphore::new(most));
        Self { working: semaphore(at_once), places: semaphore(at_once + waiting) }
    }

    /// Waits for a turn.
    pub(super) async fn take(&self) -> Result<Turn, Full> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Full)?;
        let working = Arc::clone(&self.working).acquire_owned().await;
        let working = working.expect("it is never closed");
        Ok(Turn { _place: place, _working: working })
    }
}

/// Whoever waits for an answer; when this is dropped, nobody does any more.
#[derive(Default)]
pub(super) struct Asker(Arc<AtomicBool>);

impl Asker {
    /// Set when nobody waits any more.
    pub(super) fn gone(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
