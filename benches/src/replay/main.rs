//! The history of real builds as a load, and as a test of what plans reuse.
//!
//! ```sh
//! benches/replay FOLDER…
//! ```
//!
//! No figure here is a test; the counts are.

mod asked;
mod peer;
mod replay;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use larder_benches::api::Api;
use larder_benches::history::{History, Run};
use larder_benches::server::Server;
use larder_schema::{BuildId, Policy};

use peer::Peer;
use replay::Replay;
use report::Filled;

/// Of how many batches one goes through the peer too.
const PEER_EVERY: usize = 20;
/// How often it is said how far the replay is.
const SAY_EVERY: Duration = Duration::from_secs(20);

/// Replays a history of real builds against a fresh server
///
/// Builds come in the order of their numbers. Just before each is published, its plan is asked for
/// under each policy; then the binaries that it is the first to have are published: their archives,
/// several at once, then all their records in one request. Whatever a plan would have reused, what the
/// history says is published.
///
/// What is reused is counted, and compared with the expected.json.gz of each folder that has one, and
/// with what must be so in any history: exact takes the very binary that the build had, and so does
/// every other policy where that binary is there.
///
/// Exit code: 0 nothing differs, 1 something does, or it failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "benches/replay")]
struct Arguments {
    /// Folders with lines.tsv.gz, builds.tsv.gz and, maybe, binaries.tsv.gz and expected.json.gz; several
    /// are read as one history
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Ask for plans under this policy; may be given again [default: exact, direct and semver]
    #[arg(long = "policy", value_name = "POLICY")]
    policies: Vec<Policy>,
    /// Ask for plans from this build on; those before it are published all the same, so that the
    /// numbers by build are the same as in a whole replay
    #[arg(long, value_name = "BUILD")]
    from: Option<BuildId>,
    /// End with this build
    #[arg(long, value_name = "BUILD")]
    to: Option<BuildId>,
    /// Print the counts as one JSON document, in the shape of expected.json.gz; the rest goes to
    /// standard error
    #[arg(long)]
    json: bool,
    /// Fill the server, and ask for no plan
    #[arg(long, conflicts_with = "policies")]
    no_plan: bool,
    /// At the end, measure plans and closures of the last build
    #[arg(long)]
    figures: bool,
    /// Publish with each build a distribution `lsst_distrib` of all its products
    #[arg(long)]
    distributions: bool,
    /// Archives that are sent at once
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    at_once: usize,
}

impl Arguments {
    fn policies(&self) -> Vec<Policy> {
        match self.policies.as_slice() {
            [] if self.no_plan => Vec::new(),
            [] => vec![Policy::Exact, Policy::Direct, Policy::Semver],
            given => given.to_vec(),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // It fails only where one was chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(&arguments)));
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Replays; answers whether all was as it must be.
async fn run(arguments: &Arguments) -> Result<bool> {
    let history = History::read(&arguments.folders)?;
    let (first, last) = (place(&history, &arguments.from)?, place(&history, &arguments.to)?);
    let runs = &history.runs[..last.map_or(history.runs.len(), |last| last + 1)];
    let first = first.unwrap_or(0);
    ensure!(first < runs.len(), "there is no build to ask about: `--from` is after `--to`");

    let sandbox = tempfile::tempdir()?;
    let server = Server::start(sandbox.path())?;
    let api = Api::new(server.origin(), server.token()?)?;
    let mut peer = Peer::new(&sandbox.path().join("peer"))?;
    let policies = arguments.policies();
    let (at_once, distributes) = (arguments.at_once, arguments.distributions);
    let mut replay = Replay::new(&history, api, policies, at_once, distributes)?;
    let mut filled = Filled::default();
    let mut said = Instant::now();
    for (at, run) in runs.iter().enumerate() {
        step(&mut replay, &mut peer, &mut filled, run, at >= first).await?;
        if said.elapsed() > SAY_EVERY {
            said = Instant::now();
            say(&format!("{} of {}: {}", run.id, runs[runs.len() - 1].id, filled.so_far()));
        }
    }

    let report = report::Report::of(&history, &replay, &filled, &server)?;
    if let (true, Some(last)) = (arguments.figures, runs.last()) {
        let api = Api::new(server.origin(), server.token()?)?;
        let figures = asked::ask(&history, last, &api, server.origin(), sandbox.path()).await?;
        say(&figures.to_string());
    }
    if arguments.json {
        say(&report.to_string());
        print(&serde_json::to_string(&replay.counted)?);
    } else {
        print(&report.to_string());
    }
    Ok(report.is_good())
}

async fn step(
    replay: &mut Replay<'_>,
    peer: &mut Peer,
    filled: &mut Filled,
    run: &Run,
    is_counted: bool,
) -> Result<()> {
    let began = Instant::now();
    if is_counted {
        replay.plan(run).await?;
    }
    let batch = replay.publish(run).await?;
    filled.took += began.elapsed();
    let Some(batch) = batch else { return Ok(()) };
    filled.batches += 1;
    filled.binaries += batch.builds.len();
    if filled.batches.is_multiple_of(PEER_EVERY) {
        filled.compared.binaries += batch.builds.len();
        filled.compared.larder += batch.took;
        filled.compared.peer += peer.keep(&batch.parcels, &batch.builds)?;
    }
    Ok(())
}

/// Where a build stands in the history.
fn place(history: &History, id: &Option<BuildId>) -> Result<Option<usize>> {
    let Some(id) = id else { return Ok(None) };
    let found = history.runs.iter().position(|run| run.id == *id);
    found.map(Some).with_context(|| format!("the history has no build `{id}`"))
}

#[expect(clippy::print_stdout, reason = "the counts are what this program is for")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "how far it is, for who waits")]
fn say(text: &str) {
    eprintln!("{text}");
}
