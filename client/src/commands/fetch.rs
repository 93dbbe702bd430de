//! `larder fetch`: brings builds where a build tool wants them.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Session;
use super::words::{PurposeArgs, requested};
use crate::error::{Exit, Failure};
use crate::fetch::{Error, Fetched, Fetcher, of_plan};
use crate::find::Finder;
use crate::install::Packed;
use crate::planning;
use crate::remote::Remote;
use crate::store::Store;
use crate::wish::Wish;

/// Arguments of `larder fetch`.
#[derive(Args, Debug)]
#[command(after_help = "Each build comes unpacked as DIR/PRODUCT: a copy of its own, that may be \
                  changed. What is there and right is left; what is there and was not fetched \
                  is never touched.")]
pub struct FetchArgs {
    /// Distributions and products with all that they need, as `larder install` takes them
    #[arg(value_name = "TARGET", required_unless_present = "plan", conflicts_with = "plan")]
    pub targets: Vec<String>,
    /// What this plan reuses, which `larder plan -o` wrote; it says for which platform
    #[arg(long, value_name = "FILE", conflicts_with_all = ["platform", "context", "test"])]
    pub plan: Option<PathBuf>,
    /// Where to
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// The archives as they were published, under their own names, instead of what is in them
    #[arg(long)]
    pub archives: bool,
    /// What it is for
    #[command(flatten)]
    pub purpose: PurposeArgs,
}

/// Runs `larder fetch`.
pub async fn run(args: FetchArgs, session: &Session) -> Result<Exit, Failure> {
    let (remote, builds) = match &args.plan {
        Some(path) => {
            let plan = planning::read(path)?;
            let remote = session.remote()?;
            let builds = of_plan(&remote, &plan).await?;
            (remote, builds)
        }
        None => closure(&args, session).await?,
    };
    let fetched = fetch(session, &remote, &builds, &args.to, args.archives).await?;
    session.output.answer(&fetched, || match session.output.quiet {
        true => String::new(),
        false => told(&fetched, &args.to),
    })?;
    Ok(Exit::Done)
}

/// What was asked for by name, with all that it needs.
async fn closure(args: &FetchArgs, session: &Session) -> Result<(Remote, Vec<Packed>), Failure> {
    let wish = Wish::Add(requested(&args.targets)?);
    let remote = session.remote()?;
    let finder = Finder { remote: Some(&remote), progress: session.progress };
    let found = finder.find(&wish, &args.purpose.clone().into(), None).await?;
    for warning in &found.warnings {
        session.progress.warn(warning);
    }
    let records = found.lock.records.iter().filter(|record| record.archive.is_some());
    let builds: Result<Vec<Packed>, _> = records.map(Packed::of).collect();
    Ok((remote, builds.map_err(Failure::failed)?))
}

/// Brings `builds` to `to`.
pub(super) async fn fetch(
    session: &Session,
    remote: &Remote,
    builds: &[Packed],
    to: &Path,
    archives: bool,
) -> Result<Fetched, Failure> {
    let store = Store::open(&session.store_folder()?)?;
    let fetcher = Fetcher { remote, store: &store, progress: session.progress };
    let fetched = match archives {
        true => fetcher.archives(builds, to).await,
        false => fetcher.trees(builds, to).await,
    };
    Ok(fetched?)
}

/// What was fetched, for a person.
pub(super) fn told(fetched: &Fetched, to: &Path) -> String {
    let unchanged = fetched.fetched.iter().filter(|there| there.unchanged).count();
    format!(
        "fetched {} into {}, {unchanged} there already ({} fetched, {} reused)\n",
        super::words::counted(fetched.fetched.len() - unchanged, "build"),
        to.display(),
        indicatif::HumanBytes(fetched.fetched_bytes),
        indicatif::HumanBytes(fetched.reused_bytes)
    )
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Obtain(error) => (*error).into(),
            Error::Download(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Remote(error) => (*error).into(),
            Error::NotOurs { .. } => {
                Self::failed(error).hint("move it away, or fetch into another folder")
            }
            Error::SameName { .. } => {
                Self::failed(error).hint("fetch them unpacked, without `--archives`")
            }
            Error::Malformed { ref path, .. } => {
                let hint = format!(
                    "remove `{}`: what was fetched is then nobody's, and is left as it is",
                    path.display()
                );
                Self::failed(error).hint(hint)
            }
            Error::Look(_)
            | Error::Contradiction(_)
            | Error::Format { .. }
            | Error::Copy { .. }
            | Error::Disk { .. }
            | Error::Broken(_) => Self::failed(error),
        }
    }
}
