//! `larder fetch`: brings builds where a build tool wants them.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Session;
use super::words::{PurposeArgs, counted, requested};
use crate::error::{Exit, Failure};
use crate::fetch::{Error, Fetched, Fetcher, Left, of_plan};
use crate::find::Finder;
use crate::install::Packed;
use crate::planning;
use crate::remote::Remote;
use crate::store::Store;
use crate::wish::Wish;

/// Arguments of `larder fetch`.
#[derive(Args, Debug)]
#[command(after_help = "Each build comes unpacked as DIR/PRODUCT: a copy of its own, that may be \
                  changed. What is there and right is left. What larder put there is replaced by \
                  another build, and removed when a plan does not reuse it any more; not so what was \
                  changed since: it is named, and replaced with `--replace`. What was not fetched is \
                  never touched.")]
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
    /// Replace also what was changed since larder put it there
    #[arg(long)]
    pub replace: bool,
    /// What it is for
    #[command(flatten)]
    pub purpose: PurposeArgs,
}

/// How builds are brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// As archives.
    pub(super) archives: bool,
    /// Also in place of what was changed.
    pub(super) replaces: bool,
    /// What a plan before had is removed.
    pub(super) clears: bool,
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
    let how = How { archives: args.archives, replaces: args.replace, clears: args.plan.is_some() };
    let fetched = fetch(session, &remote, &builds, &args.to, how).await?;
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
    How { archives, replaces, clears }: How,
) -> Result<Fetched, Failure> {
    let store = Store::open(&session.store_folder()?)?;
    let progress = session.progress;
    let fetcher = Fetcher { remote, store: &store, progress, replaces, clears };
    let fetched = match archives {
        true => fetcher.archives(builds, to).await,
        false => fetcher.trees(builds, to).await,
    }?;
    for left in &fetched.kept {
        progress.warn(format_args!(
            "`{}` is of an earlier plan, and stays because it was changed; remove it, so that nothing \
             is built against it",
            left.path.display()
        ));
    }
    Ok(fetched)
}

/// What was fetched, for a person.
pub(super) fn told(fetched: &Fetched, to: &Path) -> String {
    let unchanged = fetched.fetched.iter().filter(|there| there.unchanged).count();
    let mut text = format!(
        "fetched {} into {}, {unchanged} there already ({} fetched, {} reused)\n",
        counted(fetched.fetched.len() - unchanged, "build"),
        to.display(),
        indicatif::HumanBytes(fetched.fetched_bytes),
        indicatif::HumanBytes(fetched.reused_bytes)
    );
    if !fetched.removed.is_empty() {
        let name = |left: &Left| format!("{}@{}", left.key.product, left.key.build);
        let keys: Vec<String> = fetched.removed.iter().map(name).collect();
        text.push_str(&format!("removed what the plan does not reuse: {}\n", keys.join(", ")));
    }
    text
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
            Error::Changed { .. } => Self::failed(error)
                .hint("move away what you want to keep; `--replace` puts the builds in its place"),
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
            | Error::Disk(_)
            | Error::Broken(_) => Self::failed(error),
        }
    }
}
