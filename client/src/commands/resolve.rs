//! `larder resolve`: which builds meet requirements?

use clap::Args;
use larder_schema::resolution::{DistributionChoice, Preferred};
use larder_schema::{BuildRef, Platform, ResolveRequest, Stage, Wanted};

use super::Session;
use super::list::table;
use super::words::{PurposeArgs, word};
use crate::error::{Exit, Failure};
use crate::resolve::{self, host_of};
use crate::target::{Asked, ParseTargetError, Target, Which};

/// Arguments of `larder resolve`.
#[derive(Args, Debug)]
#[command(after_help = "Example: larder resolve 'afw@^17.0' 'log@>=17.0.1, <18'\n\
                        Exit code 3: nothing meets them, and the reason is told.")]
pub struct ResolveArgs {
    /// Products: NAME, NAME@REQUIREMENT or NAME@VERSION-bID; earlier ones are decided first
    #[arg(value_name = "REQ", required = true)]
    pub requirements: Vec<String>,
    /// For what
    #[command(flatten)]
    pub purpose: PurposeArgs,
    /// Take only builds of distributions that have come so far: test, nightly, weekly, candidate
    /// or release
    #[arg(long, value_name = "STAGE", value_parser = word::<Stage>)]
    pub stage: Option<Stage>,
    /// Take only builds of this distribution
    #[arg(long, value_name = "NAME@VERSION")]
    pub distribution: Option<Target>,
    /// Builds (PRODUCT@VERSION-bID) or distributions to take from first, where they will do
    #[arg(long, value_name = "BUILD|DISTRIBUTION")]
    pub prefer: Vec<String>,
}

/// Runs `larder resolve`.
pub async fn run(args: ResolveArgs, session: &Session) -> Result<Exit, Failure> {
    let request = request(args)?;
    let resolved = resolve::resolve(&session.remote()?, &request, std::iter::empty()).await?;
    for withdrawn in &resolved.answer.withdrawn {
        session.progress.warn(withdrawn);
    }
    session.output.answer(&resolved.answer, || table(&resolved.answer.builds).render())?;
    Ok(Exit::Done)
}

fn request(args: ResolveArgs) -> Result<ResolveRequest, Failure> {
    let PurposeArgs { platform, context, test } = args.purpose;
    let platform = platform.unwrap_or_else(Platform::of_this_host);
    let requirements: Result<Vec<Wanted>, Failure> =
        args.requirements.iter().map(|text| wanted(text)).collect();
    let prefer: Result<Vec<Preferred>, Failure> =
        args.prefer.iter().map(|text| preferred(text)).collect();
    Ok(ResolveRequest {
        requirements: requirements?,
        host: host_of(&platform),
        platform,
        context,
        stage: args.stage,
        distribution: args.distribution.as_ref().map(choice).transpose()?,
        with: Vec::new(),
        prefer: prefer?,
        test,
        records: true,
    })
}

fn wrong(error: ParseTargetError) -> Failure {
    Failure::new(Exit::Usage, error)
}

/// A product, whether or not that is said.
fn wanted(text: &str) -> Result<Wanted, Failure> {
    let product = text.strip_prefix("pkg:").unwrap_or(text);
    match format!("pkg:{product}").parse().map_err(wrong)? {
        Asked::Product(wanted) => Ok(wanted),
        Asked::Distribution(target) => {
            Err(Failure::usage(format!("`{target}` is no requirement of a product")))
        }
    }
}

/// A build, or a distribution.
fn preferred(text: &str) -> Result<Preferred, Failure> {
    match text.parse::<BuildRef>() {
        Ok(build) => Ok(Preferred::Build(build)),
        Err(_) => Ok(Preferred::Distribution(choice(&text.parse().map_err(wrong)?)?)),
    }
}

fn choice(target: &Target) -> Result<DistributionChoice, Failure> {
    let name = target.name.clone();
    match &target.which {
        Which::Named(version) => {
            Ok(DistributionChoice { name, version: Some(version.clone()), digest: None })
        }
        Which::Exactly(digest) => {
            Ok(DistributionChoice { name, version: None, digest: Some(*digest) })
        }
        Which::Current => {
            Err(Failure::usage(format!("which version of `{name}`? write `{name}@VERSION`")))
        }
    }
}
