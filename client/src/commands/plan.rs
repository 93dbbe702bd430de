//! `larder plan`: what of some sources must be built, and which binaries there are for the rest?

mod told;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use larder_schema::plan::EnvironmentName;
use larder_schema::{BuildId, PlanAnswer, PlanRequest, Platform};
use serde::Serialize;

use super::Session;
use super::fetch::{self, How};
use crate::durable::{place_of, write_whole};
use crate::error::{Exit, Failure};
use crate::fetch::{Fetched, of_plan};
use crate::planning;
use crate::policies::{Choice, Policies};
use crate::remote::Remote;
use crate::resolve::host_of;
use crate::sources::{self, Sources};

/// Arguments of `larder plan`.
#[derive(Args, Debug)]
#[command(after_help = "SOURCES is a manifest.txt of lsst_build as it is, or JSON: a list of \
                  {product, version, revision, dependencies}, or {sources: […], policy, policies, \
                  platform, built_in, build}. What the arguments say counts before what it says.\n\
                  Policies: exact (always safe: a build is reused where all that it was built against \
                  is reused), content (the same, but what unpacks to the same counts as the same), \
                  direct (its direct dependencies are at the same revisions), semver (or have the same \
                  major version).")]
pub struct PlanArgs {
    /// The sources of the build; `-`: from standard input
    #[arg(value_name = "SOURCES")]
    pub sources: PathBuf,
    /// When a binary may be reused, for all or for one product [default: as the sources, else the
    /// settings, else the server have it]
    #[arg(long = "policy", value_name = "POLICY|PRODUCT=POLICY")]
    pub policies: Vec<Choice>,
    /// For which platform [default: this machine's]
    #[arg(long)]
    pub platform: Option<Platform>,
    /// Reuse only what was built in this environment
    #[arg(long, value_name = "NAME@VERSION")]
    pub built_in: Option<EnvironmentName>,
    /// What the build tool calls this run; `new`: an id that nobody had [default: as the sources have
    /// it]
    #[arg(long, value_name = "ID|new")]
    pub build: Option<BuildId>,
    /// Write the plan down, for `larder publish --plan` and `larder fetch --plan`; `-`: to standard
    /// output, and nothing else
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Fetch what is reused into this folder, as `larder fetch` does
    #[arg(long, value_name = "DIR")]
    pub fetch: Option<PathBuf>,
    /// Replace in it also what was changed since larder put it there
    #[arg(long, requires = "fetch")]
    pub replace: bool,
}

/// The plan, and what was fetched of it.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    plan: &'a PlanAnswer,
    #[serde(flatten)]
    fetched: Option<&'a Fetched>,
}

/// A plan was not written.
#[derive(Debug, thiserror::Error)]
#[error("could not write `{}`", .path.display())]
struct Unwritten {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Runs `larder plan`.
pub async fn run(args: PlanArgs, session: &Session) -> Result<Exit, Failure> {
    let sources = Sources::read(&args.sources, io::stdin()).map_err(bad_sources)?;
    let mut request = request(&args, &sources, session.policies());
    sources.check(&request).map_err(bad_sources)?;
    let remote = session.remote()?;
    if args.build.as_ref().is_some_and(|id| id.as_str() == "new") {
        request.build = planning::build_ids(&remote, 1).await?.into_iter().next();
    }
    let plan = planning::ask(&remote, &request).await?;
    let to_standard_output = args.output.as_deref().is_some_and(|path| path.as_os_str() == "-");
    if let Some(path) = args.output.as_deref().filter(|_| !to_standard_output) {
        write(path, &plan)?;
    }
    let fetched = fetched(&args, &plan, &remote, session).await?;
    if to_standard_output {
        session.output.text(planning::to_json(&plan).map_err(Failure::failed)?)?;
    } else {
        let report = Report { plan: &plan, fetched: fetched.as_ref() };
        session.output.answer(&report, || told::told(&plan, &args, fetched.as_ref()))?;
    }
    for warning in &plan.warnings {
        session.progress.warn(warning);
    }
    Ok(Exit::Done)
}

async fn fetched(
    args: &PlanArgs,
    plan: &PlanAnswer,
    remote: &Remote,
    session: &Session,
) -> Result<Option<Fetched>, Failure> {
    let Some(to) = &args.fetch else { return Ok(None) };
    let builds = of_plan(remote, plan).await?;
    let how = How { archives: false, replaces: args.replace, clears: true };
    Ok(Some(fetch::fetch(session, remote, &builds, to, how).await?))
}

/// What the arguments say, then the sources, then the settings.
fn request(args: &PlanArgs, sources: &Sources, settings: &Policies) -> PlanRequest {
    let products = sources.list.iter().map(|source| &source.product);
    let arguments: Policies = args.policies.iter().cloned().collect();
    let Policies { policy, policies } =
        arguments.over(&sources.policies.clone().over(&settings.about(products)));
    let platform = args.platform.clone().or_else(|| sources.platform.clone());
    let platform = platform.unwrap_or_else(Platform::of_this_host);
    PlanRequest {
        sources: sources.list.clone(),
        host: host_of(&platform),
        platform,
        policy,
        policies,
        built_in: args.built_in.clone().or_else(|| sources.built_in.clone()),
        build: args.build.clone().or_else(|| sources.build.clone()),
    }
}

fn write(path: &Path, plan: &PlanAnswer) -> Result<(), Failure> {
    let text = planning::to_json(plan).map_err(Failure::failed)?;
    place_of(path)
        .and_then(|place| write_whole(&place, text.as_bytes(), 0o644))
        .map_err(|source| Failure::failed(Unwritten { path: path.to_owned(), source }))
}

/// The sources come from the arguments, so that what is wrong with them is wrong usage.
fn bad_sources(error: sources::Error) -> Failure {
    let exit = match &error {
        sources::Error::Unreadable { .. } => Exit::Failed,
        sources::Error::TooLarge { .. }
        | sources::Error::Line { .. }
        | sources::Error::Json { .. }
        | sources::Error::Fault { .. } => Exit::Usage,
    };
    Failure::new(exit, error)
}
