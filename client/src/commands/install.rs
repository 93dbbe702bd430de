//! `larder install`: makes or changes an environment, all or nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use larder_schema::Text;

use super::Session;
use super::changed::{carry_out, changes, made, what};
use super::words::{PurposeArgs, requested};
use crate::cli::Prefix;
use crate::error::{Exit, Failure};
use crate::install::{Installed, Request};
use crate::lock::Lock;
use crate::wish::Wish;

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
    /// Install exactly what this lock says, such as another environment's lock.json; it says for
    /// which platform
    #[arg(long, value_name = "FILE", conflicts_with_all = ["platform", "test"])]
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

/// How packages get into an environment.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LinkMode {
    /// As links to the store.
    Symlink,
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
        deed: session.deed(format!("install {what}{}", args.purpose.written()), args.reason),
        given: args.purpose.into(),
    };
    let installed = carry_out(request, remote.as_ref(), session).await?;
    session.output.answer(&installed, || summary(&installed, session))?;
    Ok(Exit::Done)
}

fn summary(installed: &Installed, session: &Session) -> String {
    let what = what(installed);
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
