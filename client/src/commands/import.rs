//! `larder import`: publishes what other tools made.

pub mod eups;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use larder_schema::record::Role;
use larder_schema::{BuildId, BuildKey, Sha256};
use pep508_rs::ExtraName;

use super::Session;
use super::published::{self, Beside, Target};
use crate::error::{Exit, Failure};
use crate::import::python::DEFAULT;
use crate::import::{self, Imported, Options, Python, VersionChoice, Wheels, interpreter};
use crate::publish::{Offer, Order, known, sums};
use crate::upload::LocalFile;

/// Arguments of `larder import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// What is imported
    #[command(subcommand)]
    pub kind: ImportKind,
}

/// What can be imported.
#[derive(Debug, Subcommand)]
pub enum ImportKind {
    /// Publish Python wheels, byte for byte as they are
    Wheel(WheelArgs),
    /// Publish the packages and tags of an EUPS package root; tarballs byte for byte
    Eups(eups::EupsArgs),
}

/// Arguments of `larder import wheel`.
#[derive(Args, Debug)]
#[command(after_help = "Names, versions, dependencies, platform and commands are read from the \
                        wheels. A wheel that the server has is taken as the build that it is there.")]
pub struct WheelArgs {
    /// The wheels
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What the build tool calls these builds
    #[arg(long, value_name = "ID")]
    pub build: BuildId,
    /// A build's version, where the wheel's is no M.n.p; for one FILE without `PRODUCT=`
    #[arg(long = "version", value_name = "PRODUCT=M.n.p")]
    pub versions: Vec<VersionChoice>,
    /// An extra whose requirements count as well
    #[arg(long = "extra", value_name = "NAME")]
    pub extras: Vec<ExtraName>,
    /// The Python that markers are read for [default: the wheels', else the python3 that is here]
    #[arg(long, value_name = "3.N")]
    pub python: Option<Python>,
    /// Publish under `--build` even what the server has as another build
    #[arg(long)]
    pub force: bool,
    /// What to publish with the builds
    #[command(flatten)]
    pub target: Target,
}

/// Runs `larder import`.
pub async fn run(args: ImportArgs, session: &Session) -> Result<Exit, Failure> {
    match args.kind {
        ImportKind::Wheel(args) => wheel(args, session).await,
        ImportKind::Eups(args) => eups::run(args, session).await,
    }
}

async fn wheel(args: WheelArgs, session: &Session) -> Result<Exit, Failure> {
    let wheels = read(&args).await?;
    let files = sums::of(&args.files, session.progress).await.map_err(Failure::failed)?;
    let imported = builds(&wheels, &files).await?;
    for note in imported.iter().flat_map(|imported| &imported.notes) {
        session.progress.note(format_args!("note: {note}"));
    }
    let existing = if args.force || args.target.dry_run {
        Vec::new()
    } else {
        existing(session, &imported, &files).await?
    };
    let (order, widened) = order(&args, imported, files, &existing)?;
    let beside = Beside { widened: &widened, ..Beside::default() };
    published::publish(session, &args.target, &order, beside).await
}

async fn read(args: &WheelArgs) -> Result<Wheels, Failure> {
    let options = Options {
        build: args.build.clone(),
        versions: args.versions.clone(),
        extras: args.extras.clone(),
        platform: args.target.platform.clone(),
        python: args.python,
    };
    let paths = args.files.clone();
    let reading = move || Wheels::read(&paths, options);
    tokio::task::spawn_blocking(reading).await.map_err(Failure::failed)?.map_err(failure)
}

async fn builds(wheels: &Wheels, files: &[LocalFile]) -> Result<Vec<Imported>, Failure> {
    let python = match wheels.python() {
        Some(python) => python,
        None => {
            let here = tokio::task::spawn_blocking(interpreter::version).await;
            here.map_err(Failure::failed)?.unwrap_or(DEFAULT)
        }
    };
    let sums: Vec<Sha256> = files.iter().map(|file| file.sha256).collect();
    wheels.builds(&sums, python).map_err(failure)
}

/// For each wheel the build that it is on the server already.
async fn existing(
    session: &Session,
    imported: &[Imported],
    files: &[LocalFile],
) -> Result<Vec<Option<BuildKey>>, Failure> {
    let sums: Vec<Sha256> = files.iter().map(|file| file.sha256).collect();
    let holders = known::holders(&session.remote()?, &sums).await?;
    let of = |(imported, sum): (&Imported, &Sha256)| {
        known::same_but_for_build_id(&imported.build, holders.get(sum)?)
    };
    Ok(imported.iter().zip(&sums).map(of).collect())
}

/// What is to be published, and the requirements that were widened in it.
fn order(
    args: &WheelArgs,
    imported: Vec<Imported>,
    files: Vec<LocalFile>,
    existing: &[Option<BuildKey>],
) -> Result<(Order, Vec<String>), Failure> {
    let mut order = args.target.order();
    let mut widened = Vec::new();
    let mut listed: Vec<(BuildKey, Role)> = Vec::with_capacity(imported.len());
    for (index, (imported, file)) in imported.into_iter().zip(files).enumerate() {
        match existing.get(index).cloned().flatten() {
            Some(key) => {
                listed.push((key.clone(), imported.build.role));
                order.taken.push(key);
            }
            None => {
                listed.push((imported.build.key(), imported.build.role));
                widened.extend(imported.widened.iter().map(ToString::to_string));
                order.offers.push(Offer { build: imported.build, file: Some(file) });
            }
        }
    }
    order.distribution = args.target.distribution(&listed)?;
    Ok((order, widened))
}

fn failure(error: import::Error) -> Failure {
    let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
    let unreadable = error.is_dependency();
    let failure = Failure::new(exit, error);
    if unreadable {
        failure.hint("write its record yourself: `larder publish FILE` with FILE.json beside it")
    } else {
        failure
    }
}
