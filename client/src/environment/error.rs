//! Why an environment cannot be used.

use std::io;
use std::path::PathBuf;

use larder_schema::ProductName;

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
    #[error("could not {what} `{}`", .path.display())]
    Disk {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
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
            Self::TwoScripts { .. } | Self::Lock(_) | Self::Encode { .. } | Self::Disk { .. } => {
                None
            }
        }
    }
}
