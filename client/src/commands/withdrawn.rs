//! What was withdrawn since it was installed, for commands that also work without a server.

use std::time::Duration;

use larder_schema::api::Withdrawal;

use super::Session;
use crate::lock::Lock;
use crate::lookup::{self, Since};
use crate::remote::Retries;

/// How long an answer that is not the main thing is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What of an environment was withdrawn; nothing where no server says so in a moment.
pub(super) async fn since(session: &Session, lock: &Lock) -> Since {
    let Ok(remote) = session.remote_or(&lock.server) else { return Since::default() };
    let once = Retries { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO };
    let remote = remote.with_retries(once);
    let asked = tokio::time::timeout(PATIENCE, lookup::withdrawn(&remote, lock));
    let Ok(Ok(since)) = asked.await else { return Since::default() };
    since
}

/// One line for each.
pub(super) fn lines(since: &Since) -> String {
    let distributions = since.distributions.iter().map(|one| {
        let key = &one.key;
        format!("WITHDRAWN  {}@{} for {}: {}\n", key.name, key.version, key.platform, one.why)
    });
    let builds = since.builds.iter().map(|one| format!("WITHDRAWN  {}: {}\n", one.key, one.why()));
    distributions.chain(builds).collect()
}

/// A mark on what was withdrawn, in a table.
pub(super) fn mark(why: &Withdrawal) -> String {
    format!("WITHDRAWN: {why}")
}
