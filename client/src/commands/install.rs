//! `larder install`: makes or changes an environment, all or nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use larder_schema::{Context, Platform, Text};

use super::Session;
use super::table::Table;
use crate::cli::Prefix;
use crate::error::{Exit, Failure};
use crate::install::{self, Installed, Installer, Request, Wish};
use crate::lock::Lock;
use crate::plan::Change;
use crate::store::Store;
use crate::target::{ParseTargetError, Target};
use crate::{download, environment, lookup, memory};

/// Arguments of `larder install`.
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// Distributions: NAME, NAME@VERSION, NAME@TAG or NAME@sha256:…
    ///
    /// A name alone stands for what the tag `current` names, else for the newest release.
    #[arg(value_name = "TARGET", required_unless_present = "lock", conflicts_with = "lock")]
    pub targets: Vec<String>,
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// Install exactly what this lock says, such as another environment's lock.json
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// For which platform [default: the environment's, else this machine's]
    #[arg(long)]
    pub platform: Option<Platform>,
    /// What the environment is for; operations admit no build and no debug packages
    #[arg(long)]
    pub context: Option<ContextArg>,
    /// How packages get into the environment
    #[arg(long, value_enum, default_value = "symlink")]
    pub link_mode: LinkMode,
    /// Ask no server: take everything from the store
    #[arg(long)]
    pub offline: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<Text>,
}

/// What an environment is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ContextArg {
    /// Has build and debug tools.
    Development,
    /// Has test tools on top.
    Test,
    /// Has what operations run.
    Operations,
}

/// How packages get into an environment.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LinkMode {
    /// As links to the store.
    Symlink,
}

impl From<ContextArg> for Context {
    fn from(context: ContextArg) -> Self {
        match context {
            ContextArg::Development => Self::Development,
            ContextArg::Test => Self::Test,
            ContextArg::Operations => Self::Operations,
        }
    }
}

/// Runs `larder install`.
pub async fn run(args: InstallArgs, session: &Session) -> Result<Exit, Failure> {
    let request = request(&args, session)?;
    let remote = match (args.offline, &request.wish) {
        (true, _) => None,
        (false, Wish::Lock(lock)) => Some(session.remote_or(&lock.server)?),
        (false, Wish::Targets(_)) => Some(session.remote()?),
    };
    let store = Store::open(&session.store_folder()?)?;
    let installer =
        Installer { remote: remote.as_ref(), store: &store, progress: session.progress };
    let installed = installer.install(request).await?;
    for warning in &installed.warnings {
        session.progress.warn(warning);
    }
    session.output.answer(&installed, || summary(&installed, session.output.quiet))?;
    Ok(Exit::Done)
}

fn request(args: &InstallArgs, session: &Session) -> Result<Request, Failure> {
    let wish = match &args.lock {
        Some(path) => Wish::Lock(Box::new(Lock::read(path).map_err(Failure::failed)?)),
        None => {
            let targets: Result<Vec<Target>, ParseTargetError> =
                args.targets.iter().map(|text| text.parse()).collect();
            Wish::Targets(targets.map_err(|error| Failure::new(Exit::Usage, error))?)
        }
    };
    let what = match &args.lock {
        Some(path) => format!("--lock {}", path.display()),
        None => args.targets.join(" "),
    };
    let deed = session.deed(format!("install {what}"), args.reason.clone());
    Ok(Request {
        prefix: args.prefix.prefix.clone(),
        wish,
        platform: args.platform.clone(),
        context: args.context.map(Context::from),
        deed,
    })
}

fn summary(installed: &Installed, quiet: bool) -> String {
    let what = installed.distributions.join(", ");
    if quiet {
        return String::new();
    }
    if installed.unchanged {
        return format!("{what} is installed already; nothing to do");
    }
    let mut text = changes(&installed.changes);
    text.push_str(&format!(
        "Installed {what} as generation {} ({} fetched, {} reused)\n",
        installed.generation,
        indicatif::HumanBytes(installed.fetched_bytes),
        indicatif::HumanBytes(installed.reused_bytes),
    ));
    text.push_str(&format!("digest {}\n", installed.digest));
    text
}

/// What changed, one package a line.
pub(super) fn changes(changes: &[Change]) -> String {
    let mut table = Table::bare();
    for Change { product, from, to } in changes {
        let (sign, build) = match (from, to) {
            (None, Some(to)) => ("+", to.to_string()),
            (Some(from), None) => ("-", from.to_string()),
            (Some(from), Some(to)) => ("~", format!("{from} → {to}")),
            (None, None) => continue,
        };
        table.row([sign.to_owned(), product.to_string(), build]);
    }
    table.render()
}

impl From<install::Error> for Failure {
    fn from(error: install::Error) -> Self {
        use install::Error;
        match error {
            Error::Environment(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Lookup(error) => error.into(),
            Error::Host(_) => Self::new(Exit::No, error)
                .hint("put a fitting `python3` first on the PATH, or install for another platform"),
            Error::Conflict(_) => Self::new(Exit::No, error),
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
            Error::NoPlatform { .. } => {
                Self::new(Exit::No, error).hint("name one of them with `--platform`")
            }
            Error::NoRelease { .. } => {
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
            Error::Malformed { .. } => Self::failed(error)
                .hint("remove that file; what the server says next is then taken for the truth"),
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
                "nothing was installed; the server's administrator should run `larder-server check`",
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

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        let hint = error.hint();
        Self { hint, ..Self::failed(error) }
    }
}
