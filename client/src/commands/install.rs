//! `larder install`: makes or changes an environment, all or nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use larder_schema::{Context, Platform, Text};

use super::Session;
use super::table::Table;
use crate::cli::Prefix;
use crate::error::{Exit, Failure};
use crate::install::{Installed, Installer, Request};
use crate::lock::Lock;
use crate::plan::Change;
use crate::remote::Remote;
use crate::store::Store;
use crate::target::{ParseTargetError, Requested};
use crate::wish::{Given, Wish};

/// Arguments of `larder install`.
#[derive(Args, Debug)]
#[command(after_help = "Examples: larder install lsst_distrib --prefix env; \
                        larder install 'afw@^17.0' 'log@17.0.1-b8466' --prefix env; \
                        larder install --lock lock.json --prefix env")]
pub struct InstallArgs {
    /// Distributions (NAME, NAME@VERSION, NAME@TAG, NAME@sha256:…) and products
    /// (NAME, NAME@REQUIREMENT, NAME@VERSION-bID)
    ///
    /// A distribution's name alone stands for what its tag `current` names, else for its newest
    /// release. Products come with all that they need. Where a distribution and a product have one
    /// name, `dist:NAME` and `pkg:NAME` tell them apart.
    #[arg(value_name = "TARGET", required_unless_present = "lock", conflicts_with = "lock")]
    pub targets: Vec<String>,
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// Install exactly what this lock says, such as another environment's lock.json
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// What it is for
    #[command(flatten)]
    pub purpose: PurposeArgs,
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

/// What an environment or a lock is for; an environment keeps it.
#[derive(Args, Clone, Debug)]
pub struct PurposeArgs {
    /// For which platform [default: the environment's, else this machine's]
    #[arg(long)]
    pub platform: Option<Platform>,
    /// What it is for; operations admit no build and no debug packages
    #[arg(long)]
    pub context: Option<ContextArg>,
    /// Test builds may be in it: those of branches and pull requests
    #[arg(long)]
    pub test: bool,
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

impl From<PurposeArgs> for Given {
    fn from(args: PurposeArgs) -> Self {
        let PurposeArgs { platform, context, test } = args;
        Self { platform, context: context.map(Context::from), test }
    }
}

/// Runs `larder install`.
pub async fn run(args: InstallArgs, session: &Session) -> Result<Exit, Failure> {
    let wish = match &args.lock {
        Some(path) => Wish::Exactly(Box::new(Lock::read(path).map_err(Failure::failed)?)),
        None => Wish::Add(requested(&args.targets)?),
    };
    let remote = match (args.offline, &wish) {
        (true, _) => None,
        (false, Wish::Exactly(lock)) => Some(session.remote_or(&lock.server)?),
        (false, _) => Some(session.remote()?),
    };
    let what = match &args.lock {
        Some(path) => format!("--lock {}", path.display()),
        None => args.targets.join(" "),
    };
    let request = Request {
        prefix: args.prefix.prefix.clone(),
        wish,
        given: args.purpose.into(),
        deed: session.deed(format!("install {what}"), args.reason),
    };
    let installed = carry_out(request, remote.as_ref(), session).await?;
    session.output.answer(&installed, || summary(&installed, session))?;
    Ok(Exit::Done)
}

/// What is asked for, read from arguments.
pub(super) fn requested(targets: &[String]) -> Result<Vec<Requested>, Failure> {
    let requested: Result<Vec<Requested>, ParseTargetError> =
        targets.iter().map(|text| text.parse()).collect();
    requested.map_err(|error| Failure::new(Exit::Usage, error))
}

/// Changes an environment, and tells what a person should know.
pub(super) async fn carry_out(
    request: Request,
    remote: Option<&Remote>,
    session: &Session,
) -> Result<Installed, Failure> {
    let store = Store::open(&session.store_folder()?)?;
    let installer = Installer { remote, store: &store, progress: session.progress };
    let installed = installer.install(request).await?;
    for warning in &installed.warnings {
        session.progress.warn(warning);
    }
    for note in &installed.notes {
        session.progress.note(note);
    }
    Ok(installed)
}

fn summary(installed: &Installed, session: &Session) -> String {
    let what = [&installed.distributions[..], &installed.products].concat().join(", ");
    if session.output.quiet {
        return String::new();
    }
    if installed.unchanged {
        return format!("{what} is installed already; nothing to do");
    }
    let mut text = changes(&installed.changes);
    text.push_str(&format!("Installed {what} as {}", made(installed)));
    text
}

/// The generation that was made, and its digest.
pub(super) fn made(installed: &Installed) -> String {
    format!(
        "generation {} ({} fetched, {} reused)\ndigest {}\n",
        installed.generation,
        indicatif::HumanBytes(installed.fetched_bytes),
        indicatif::HumanBytes(installed.reused_bytes),
        installed.digest
    )
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
