//! Why an environment cannot be used.

use std::path::PathBuf;

use larder_schema::ProductName;
use larder_schema::canonical::CanonicalError;

use crate::durable::DiskError;
use crate::lock;

/// An environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing.
    #[error("there is no environment in `{}`", .path.display())]
    Absent {
        /// The folder.
        path: PathBuf,
    },
    /// There is something else.
    #[error("`{}` holds something else than an environment; it is left as it is", .path.display())]
    NotOne {
        /// The folder.
        path: PathBuf,
    },
    /// Its path cannot be part of a `PATH`.
    #[error("`{}` cannot be part of a PATH: it has a colon, a control character or no UTF-8 in it", .path.display())]
    Unlistable {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing was installed in it yet.
    #[error("nothing is installed in `{}`", .path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// `current` points to nothing that larder made.
    #[error("`{}` does not point to a generation", .path.display())]
    Current {
        /// The link.
        path: PathBuf,
    },
    /// A folder stands where `current` should be.
    #[error("`{}` is a folder, and one that was set aside before stands at `{}`", .path.display(), .aside.display())]
    Aside {
        /// Where the link should be.
        path: PathBuf,
        /// Where the folder would go.
        aside: PathBuf,
    },
    /// A generation whose folder is a link says not how it came to be.
    #[error("`{}` is a link to something that is no generation", .path.display())]
    Unmade {
        /// The link.
        path: PathBuf,
    },
    /// Somebody else switches it again and again.
    #[error("`{}` is changed by others all the time", .path.display())]
    Restless {
        /// The folder.
        path: PathBuf,
    },
    /// A generation has no digest.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Two builds have a script of one name.
    #[error("`{first}` and `{second}` both have a script `{script}`")]
    TwoScripts {
        /// The script.
        script: String,
        /// One product.
        first: ProductName,
        /// The other.
        second: ProductName,
    },
    /// Its lock is not good.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// A document cannot be written as JSON.
    #[error("could not write `{}` as JSON", .path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Error {
    /// A way out, when one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Absent { .. } | Self::Empty { .. } => {
                Some("make one: larder install NAME --prefix ENV".into())
            }
            Self::NotOne { .. } | Self::Unlistable { .. } => Some(
                "give the folder of an environment with `--prefix`, or a new one to install into"
                    .into(),
            ),
            Self::Current { .. } => {
                Some("lead it to the newest generation: larder verify --repair --prefix ENV".into())
            }
            Self::Aside { aside, .. } => {
                Some(format!("look what `{}` holds, and move it away", aside.display()))
            }
            Self::TwoScripts { .. }
            | Self::Lock(_)
            | Self::Unmade { .. }
            | Self::Restless { .. }
            | Self::Canonical(_)
            | Self::Encode { .. }
            | Self::Disk(_) => None,
        }
    }
}
