//! What the errors of an install are to the one who asked for it: exit codes and hints.

use crate::error::{Exit, Failure};
use crate::install;
use crate::{download, environment, find, lookup, memory, planning, resolve};

impl From<install::Error> for Failure {
    fn from(error: install::Error) -> Self {
        use install::Error;
        match error {
            Error::Environment(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Find(error) => error.into(),
            Error::Host(_) => Self::new(Exit::No, error)
                .hint("put a fitting `python3` first on the PATH, or install for another platform"),
            Error::Offline { .. } => {
                Self::failed(error).hint("run it once without `--offline`, or give `--lock FILE`")
            }
            Error::Download(error) => error.into(),
            Error::Refused(_)
            | Error::Sync { .. }
            | Error::Canonical(_)
            | Error::Busy { .. }
            | Error::Broken(_) => Self::failed(error),
        }
    }
}

impl From<lookup::Error> for Failure {
    fn from(error: lookup::Error) -> Self {
        use lookup::Error;
        match error {
            Error::Remote(error) => Self::of_question(error),
            Error::Neither { .. } => {
                Self::new(Exit::No, error).hint("look with `larder search` and `larder dist list`")
            }
            Error::Both { .. } => Self::new(Exit::Usage, error).hint("say which is meant"),
            Error::OfProduct { ref name, .. } => {
                let hint = format!(
                    "a version of it is `{name}@=M.n.p`, the newest that fits `{name}@^M.n`, one \
                     build `{name}@M.n.p-bID`; `larder show {name}` shows all"
                );
                Self::new(Exit::No, error).hint(hint)
            }
            Error::NoPlatform { .. } => {
                Self::new(Exit::No, error).hint("name one of them with `--platform`")
            }
            Error::NoRelease { .. } | Error::AllWithdrawn(_) => {
                Self::new(Exit::No, error).hint("name a version: `NAME@VERSION`")
            }
            Error::Memory(error) => error.into(),
            Error::Another { .. } | Error::Contradiction { .. } => Self::failed(error),
        }
    }
}

impl From<memory::Error> for Failure {
    fn from(error: memory::Error) -> Self {
        use memory::Error;
        match error {
            Error::Rollback(_) => Self::new(Exit::No, error).hint(
                "ask the server's administrator; if the server was set back for a reason that you \
                 know, `--accept-rollback` remembers what it says now",
            ),
            Error::Store(error) => error.into(),
            Error::Malformed { .. } | Error::Unreadable { .. } | Error::TooLarge { .. } => {
                Self::failed(error).hint(
                    "`--accept-rollback` starts it anew: what the server says next is then taken \
                     for the truth",
                )
            }
        }
    }
}

impl From<download::Error> for Failure {
    fn from(error: download::Error) -> Self {
        match &error {
            download::Error::Remote { source, .. } => {
                let hint = source.hint();
                Self { hint, ..Self::failed(error) }
            }
            download::Error::WrongSum { .. } => Self::failed(error).hint(
                "nothing of it was kept; the server's administrator should run `larder-server check`",
            ),
            download::Error::Disk { .. } | download::Error::Broken { .. } => Self::failed(error),
        }
    }
}

impl From<environment::Error> for Failure {
    fn from(error: environment::Error) -> Self {
        let hint = error.hint();
        Self { hint, ..Self::failed(error) }
    }
}

impl From<environment::ReplacementError> for Failure {
    fn from(error: environment::ReplacementError) -> Self {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
        let hint = error.hint();
        Self { hint, ..Self::new(exit, error) }
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        let hint = error.hint();
        Self { hint, ..Self::failed(error) }
    }
}

impl From<find::Error> for Failure {
    fn from(error: find::Error) -> Self {
        use find::Error;
        match error {
            Error::Lookup(error) => error.into(),
            Error::Resolve(error) => error.into(),
            Error::Conflict(_) => Self::new(Exit::No, error),
            Error::Refusal(crate::wish::Refusal::Both { .. }) => {
                Self::new(Exit::Usage, error).hint("say which is meant: `dist:NAME` or `pkg:NAME`")
            }
            Error::Refusal(_) | Error::Nothing => Self::new(Exit::No, error),
            Error::Offline { .. } => {
                Self::failed(error).hint("run it once without `--offline`, or give `--lock FILE`")
            }
        }
    }
}

impl From<resolve::Error> for Failure {
    fn from(error: resolve::Error) -> Self {
        use resolve::Error;
        match error {
            Error::Remote(error) => Self::of_question(error),
            Error::Memory(error) => error.into(),
            Error::Contradiction(_)
            | Error::NotAsked { .. }
            | Error::NotFast { .. }
            | Error::Unmet(_) => Self::failed(error),
        }
    }
}

impl From<planning::Error> for Failure {
    fn from(error: planning::Error) -> Self {
        use planning::Error;
        match error {
            Error::Remote(error) => error.into(),
            Error::Memory(error) => error.into(),
            Error::Contradiction(_) | Error::BuildIds { .. } => Self::failed(error),
        }
    }
}

impl From<planning::FileError> for Failure {
    /// The file comes from the arguments.
    fn from(error: planning::FileError) -> Self {
        use planning::FileError;
        let exit = match &error {
            FileError::Unreadable { .. } => Exit::Failed,
            FileError::Malformed { .. } | FileError::Contradiction { .. } => Exit::Usage,
        };
        Self::new(exit, error).hint("`larder plan SOURCES -o FILE` writes one")
    }
}
