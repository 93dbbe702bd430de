//! How plans and closures cost as a registry grows, and what a plan saves on the way to a server.
//!
//! ```sh
//! benches/scale FOLDER
//! ```
//!
//! No figure here is a test.

mod distance;
mod fetching;
mod synthetic;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use larder_benches::api::Api;
use larder_benches::figures::Figures;
use larder_benches::history::History;
use larder_benches::server::Server;
use larder_schema::plan::Source;
use larder_schema::{Build, PlanRequest, Platform, Policy, ProductName, ResolveRequest};

use synthetic::{Synthetic, graph};

/// Fills a registry with builds in the shape of a real one, and asks it at several sizes
///
/// The graph is that of the last build of FOLDER. It stands there many times over, under other names;
/// again and again two sources of one of them change, and all above them is built anew.
#[derive(Debug, Parser)]
#[command(name = "benches/scale")]
struct Arguments {
    /// A folder with lines.tsv.gz, builds.tsv.gz and binaries.tsv.gz
    folder: PathBuf,
    /// At which sizes it is asked
    #[arg(long, value_name = "BUILDS", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    sizes: Vec<usize>,
    /// How many times over the graph stands there
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    stacks: usize,
    /// How often each question is asked
    #[arg(long, value_name = "NUMBER", default_value_t = 400)]
    times: usize,
    /// How far the server is in the comparison of ways to fetch, in milliseconds each way
    #[arg(long, value_name = "MS", default_value_t = 20)]
    away: u64,
}

/// How many builds one request publishes, about.
const BATCH: usize = 600;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // It fails only where one was chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("no runtime")?.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<()> {
    let platform: Platform = "linux-x86_64".parse()?;
    let history = History::read(std::slice::from_ref(&arguments.folder))?;
    let last = history.runs.last().context("the history is empty")?;
    let sources = history.sources(last);

    let away = Duration::from_millis(arguments.away);
    let ways = fetching::compare(&sources, &platform, away).await?;
    let what = format!("Fetching {} binaries, {} ms each way:", sources.len(), arguments.away);
    print(&format!("{what}\n{}\n", fetching::table(&ways)));

    grow(arguments, &sources, platform).await
}

async fn grow(arguments: &Arguments, sources: &[Source], platform: Platform) -> Result<()> {
    let sandbox = tempfile::tempdir()?;
    let server = Server::start(sandbox.path())?;
    let api = Api::new(server.origin(), server.token()?)?;
    let mut synthetic = Synthetic::new(graph(sources), arguments.stacks, 100, platform.clone())?;
    for parcel in synthetic.archives() {
        api.upload(parcel).await?;
    }
    let (mut published, began) = (0, Instant::now());
    for size in &arguments.sizes {
        while published < *size {
            let mut batch: Vec<Build> = Vec::new();
            while batch.len() < BATCH {
                let stack = synthetic.change()?;
                batch.extend(synthetic.build(stack)?);
            }
            published += batch.len();
            api.publish(batch, None).await?;
        }
        let held = server.catalog()?;
        print(&format!(
            "{published} builds of {} products, after {:.0} s; catalog {} bytes a build, server {} MiB at most",
            arguments.stacks * sources.len(),
            began.elapsed().as_secs_f64(),
            held.bytes / published.max(1) as u64,
            server.peak_memory()? >> 20,
        ));
        let figures = asked(arguments, &mut synthetic, &api, &platform).await?;
        print(&figures.to_string());
    }
    Ok(())
}

/// Plans and closures of several graphs in turn, with two sources that are not published yet.
async fn asked(
    arguments: &Arguments,
    synthetic: &mut Synthetic,
    api: &Api,
    platform: &Platform,
) -> Result<Figures> {
    let mut figures = Figures::default();
    let mut pending = Vec::new();
    for policy in [Policy::Exact, Policy::Content, Policy::Direct, Policy::Semver] {
        let mut requests = Vec::new();
        for _ in 0..synthetic.stacks() {
            let stack = synthetic.change()?;
            requests.push(plan(synthetic.sources(stack)?, platform, policy));
            pending.push(stack);
        }
        let what = format!("plan of {} products, {policy}", requests[0].sources.len());
        let ask = |turn: usize| {
            let (api, request) = (api.clone(), &requests[turn % requests.len()]);
            async move { api.plan(request).await.map(drop) }
        };
        figures.ask(what, arguments.times, ask).await?;
    }
    // What was only asked about is published, so that the next size begins with what is there.
    for stack in pending {
        let builds = synthetic.build(stack)?;
        if !builds.is_empty() {
            api.publish(builds, None).await?;
        }
    }
    let synthetic = &*synthetic;
    let ask = |turn: usize| {
        let request = closure(synthetic.top(turn % synthetic.stacks()), platform);
        let api = api.clone();
        async move { api.resolve(&request?).await.map(drop) }
    };
    figures.ask("closure of the product at the top", arguments.times, ask).await?;
    Ok(figures)
}

fn plan(sources: Vec<Source>, platform: &Platform, policy: Policy) -> PlanRequest {
    PlanRequest {
        sources,
        platform: platform.clone(),
        policy: Some(policy),
        policies: Default::default(),
        built_in: None,
        host: Default::default(),
        build: None,
    }
}

fn closure(product: &ProductName, platform: &Platform) -> Result<ResolveRequest> {
    let fields =
        serde_json::json!({ "requirements": [{ "product": product }], "platform": platform });
    Ok(serde_json::from_value(fields)?)
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn print(text: &str) {
    println!("{text}");
}
