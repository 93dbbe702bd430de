//! What was withdrawn since it was installed, for commands that also work without a server.

use std::time::Duration;

use larder_schema::api::Withdrawn;

use super::Session;
use crate::lock::Lock;
use crate::lookup;
use crate::remote::Retries;

/// How long an answer that is not the main thing is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What of an environment was withdrawn, by product; nothing where no server says so in a moment.
pub(super) async fn since(session: &Session, lock: &Lock) -> Vec<Withdrawn> {
    let Ok(remote) = session.remote_or(&lock.server) else { return Vec::new() };
    let once = Retries { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO };
    let remote = remote.with_retries(once);
    let asked = tokio::time::timeout(PATIENCE, lookup::withdrawn(&remote, &lock.records));
    let Ok(Ok(withdrawn)) = asked.await else { return Vec::new() };
    withdrawn.into_iter().map(|(key, why)| why.of(key)).collect()
}

/// One line for each.
pub(super) fn lines(withdrawn: &[Withdrawn]) -> String {
    withdrawn.iter().map(|one| format!("WITHDRAWN  {}: {}\n", one.key, one.why())).collect()
}
