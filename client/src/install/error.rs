//! Why an install did not happen.

use std::path::PathBuf;

use larder_schema::canonical::CanonicalError;
use tokio::task::JoinError;

use super::obtain::Refused;
use crate::host::Unmet;
use crate::{download, environment, find, store};

/// An install did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment.
    #[error(transparent)]
    Environment(#[from] environment::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What is wished was not found, or cannot be.
    #[error(transparent)]
    Find(#[from] find::Error),
    /// The host is not good enough.
    #[error("this host will not do: {}", .0.iter().map(Unmet::sentence).collect::<Vec<_>>().join("; "))]
    Host(Vec<Unmet>),
    /// An archive did not come.
    #[error(transparent)]
    Download(#[from] download::Error),
    /// An archive cannot be used.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Something must be fetched, and nothing may be.
    #[error("the server must not be asked, and this is not here: {}", few(.missing))]
    Offline {
        /// Whose archives.
        missing: Vec<String>,
    },
    /// The disk could not be synced.
    #[error("could not sync `{}`", .path.display())]
    Sync {
        /// What is on it.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A lock has no digest.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Somebody else changes the environment again and again.
    #[error("`{}` is changed by others all the time", .path.display())]
    Busy {
        /// The environment.
        path: PathBuf,
    },
    /// A bug: a task panicked.
    #[error("the install broke off")]
    Broken(#[source] JoinError),
}

fn few(names: &[String]) -> String {
    const MOST: usize = 4;
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
