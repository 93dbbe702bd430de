//! `larder import eups`: publishes the packages of an EUPS package root.

use clap::Args;
use larder_schema::{Platform, ProductName};

use crate::commands::Session;
use crate::commands::published::uploads;
use crate::commands::words::counted;
use crate::error::{Exit, Failure};
use crate::import::eups::{self, Error, Mapped, Options, Report};

/// How many notes are told, and how many packages of a dry run.
const MOST_TOLD: usize = 20;

/// Arguments of `larder import eups`.
#[derive(Args, Debug)]
#[command(
    after_help = "Tarballs are published byte for byte. A version that is `M.n.p+bID` stays that \
                  build, and is kept as it is for EUPS; dependencies and variables are read from \
                  the tables in the tarballs. A tag becomes NAME@TAG (`v30_0_0` becomes `30.0.0`), \
                  one without a digit becomes a tag that moves; its `env/TAG.env` goes with it. What cannot come in is told at the \
                  end, and stops nothing else (exit 1). What is there is not fetched again, so that \
                  a run that was cut is gone on with by the same command; what is there with \
                  another size is told. Tarballs from a URL lie in TMPDIR for as long as it takes to \
                  send them, eight at most."
)]
pub struct EupsArgs {
    /// The package root: what `EUPS_PKGROOT` says, or a folder of such files
    #[arg(value_name = "URL|FOLDER")]
    pub root: String,
    /// A tag whose packages are imported, with all that they need [default: all tags, all packages]
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// What the packages run on [default: what their flavors say]; those of other flavors are left
    /// out
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// The name of the distributions that tags become
    #[arg(long, value_name = "NAME", default_value = "stack")]
    pub distribution: ProductName,
    /// Say what would come in, and publish nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs it.
pub async fn run(args: EupsArgs, session: &Session) -> Result<Exit, Failure> {
    let root = eups::root(&args.root, session.progress).map_err(failure)?;
    let options =
        Options { tags: args.tags, platform: args.platform, distribution: args.distribution };
    let mut report = Report::default();
    let found = match eups::find(root, &options, session.progress, &mut report).await {
        Ok(found) => found,
        Err(error) => return ended(session, &report, error),
    };
    if args.dry_run {
        found.dry_run(&mut report);
        for mapped in report.imported.iter().take(MOST_TOLD) {
            session.output.say(line(mapped))?;
        }
        more(session, report.imported.len())?;
        return told(session, &report, "would import");
    }
    let mut unsaid = None;
    let mut hear = |mapped: &Mapped| {
        if let Err(failure) = session.output.say(line(mapped)) {
            unsaid = Some(failure);
        }
    };
    let done = found.import(session.remote()?, uploads(session), &mut report, &mut hear).await;
    if let Some(failure) = unsaid {
        return Err(failure);
    }
    match done {
        Ok(()) => told(session, &report, "imported"),
        Err(error) => ended(session, &report, error),
    }
}

/// Tells what was done and found out before a run ended too early.
fn ended(session: &Session, report: &Report, error: Error) -> Result<Exit, Failure> {
    if *report != Report::default() {
        told(session, report, "imported")?;
    }
    Err(failure(error))
}

/// `afw g1a2b+3c → afw@0.0.0-e1234…`
fn line(Mapped { eups_version, key }: &Mapped) -> String {
    format!("{} {eups_version} → {key}", key.product)
}

fn more(session: &Session, count: usize) -> Result<(), Failure> {
    match count.checked_sub(MOST_TOLD) {
        Some(more @ 1..) => session.output.say(format_args!("and {more} more")),
        _ => Ok(()),
    }
}

/// Tells what was done, and what was not.
fn told(session: &Session, report: &Report, done: &str) -> Result<Exit, Failure> {
    let exit = if report.refused.is_empty() { Exit::Done } else { Exit::Failed };
    if session.output.json {
        session.output.json(report)?;
        return Ok(exit);
    }
    for note in report.notes.iter().take(MOST_TOLD) {
        session.progress.note(format_args!("note: {}: {}", note.what, note.note));
    }
    if let Some(more @ 1..) = report.notes.len().checked_sub(MOST_TOLD) {
        session.progress.note(format_args!("note: and {more} more; `--json` has all of them"));
    }
    for it in &report.distributions {
        let there = if it.existing { ", there already" } else { "" };
        session.output.say(format_args!(
            "{} → {}@{} for {} ({}{there})",
            it.tag,
            it.name,
            it.version,
            it.platform,
            counted(it.builds, "build")
        ))?;
    }
    for it in &report.tags {
        let there = if it.moved { "" } else { ", as before" };
        session.output.say(format_args!("tag {} stands at {}{there}", it.tag, it.version))?;
    }
    if report.elsewhere > 0 {
        let left_out = counted(report.elsewhere, "package");
        session.output.say(format_args!("left out {left_out} for other platforms"))?;
    }
    session.output.say(format_args!(
        "{done} {}, {} there already; sent {}",
        counted(report.imported.len(), "package"),
        report.existing.len(),
        indicatif::HumanBytes(report.sent_bytes)
    ))?;
    for refused in &report.refused {
        session.progress.warn(format_args!("{} did not come in: {}", refused.what, refused.reason));
    }
    Ok(exit)
}

fn failure(error: Error) -> Failure {
    let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
    let known = error.remote().and_then(crate::remote::Error::hint);
    let go_on = "run it again to go on: what came in is not fetched again";
    let hint = known.or_else(|| matches!(error, Error::Ended { .. }).then(|| go_on.to_owned()));
    Failure { hint, ..Failure::new(exit, error) }
}
