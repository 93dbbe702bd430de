//! `larder dist promote`: a candidate gets a new name.

use clap::Args;
use larder_schema::api::{DistributionSummary, TagState};
use larder_schema::{DistributionVersion, Label, Platform, Stage};
use serde::Serialize;

use super::super::changed::tagged;
use super::super::words::word;
use super::super::{Session, tag};
use crate::error::{Exit, Failure};
use crate::promote::{self, Wish};
use crate::publish::distribution::NameAndVersion;
use crate::tag::Move;

/// Arguments of `larder dist promote`.
#[derive(Args, Debug)]
#[command(after_help = "The new distribution lists the very builds of the candidate and has the \
                        candidate's digest in it: the two documents prove it. Run again, it goes on \
                        with what is missing.")]
pub(super) struct PromoteArgs {
    /// The candidate: its stage is `candidate`, or its version is as 17.0.1.rc2
    #[arg(value_name = "NAME@VERSION")]
    candidate: NameAndVersion,
    /// What it becomes
    #[arg(long = "as", value_name = "VERSION")]
    version: DistributionVersion,
    /// How far that has come [default: release, or candidate for a version as 17.0.1.rc3]
    #[arg(long, value_name = "STAGE", value_parser = word::<Stage>)]
    stage: Option<Stage>,
    /// A tag that shall name it, once it is there for all platforms
    #[arg(long, value_name = "TAG")]
    tag: Option<Label>,
    /// For which platform [default: all that the candidate is there for]
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<Platform>,
}

/// What was done.
#[derive(Serialize)]
struct Report {
    promoted: Vec<DistributionSummary>,
    existing: Vec<DistributionSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<TagState>,
}

/// Runs `larder dist promote`.
pub(super) async fn run(args: PromoteArgs, session: &Session) -> Result<Exit, Failure> {
    let remote = session.remote()?;
    let stage = args.stage.unwrap_or(match args.version {
        DistributionVersion::Candidate(..) => Stage::Candidate,
        DistributionVersion::Release(_) | DistributionVersion::Label(_) => Stage::Release,
    });
    let NameAndVersion { name, version: candidate } = args.candidate;
    let (version, platforms) = (args.version, args.platform);
    let wish = Wish { name, candidate, version, stage, platforms };
    let plan = wish.plan(&remote).await?;
    let mut report = Report { promoted: Vec::new(), existing: plan.existing, tag: None };
    for document in &plan.documents {
        let answer = promote::publish(&remote, document).await;
        let answer = answer.map_err(|error| interrupted(error, &report))?;
        for warning in answer.warnings {
            session.progress.warn(warning);
        }
        report.promoted.extend(answer.distribution);
    }
    if let Some(tag) = args.tag {
        let there = report.promoted.iter().chain(&report.existing);
        let require = there.map(|summary| summary.platform.clone()).collect();
        let Wish { name, version, .. } = wish;
        let wanted = Move { name, tag, version, require };
        report.tag = Some(wanted.carry_out(&remote).await.map_err(tag::lost)?);
    }
    session.output.answer(&report, || describe(&report))?;
    Ok(Exit::Done)
}

fn interrupted(error: crate::remote::Error, report: &Report) -> Failure {
    let failure = Failure::from(error);
    let done: Vec<String> =
        report.promoted.iter().map(|summary| summary.platform.to_string()).collect();
    if done.is_empty() {
        return failure;
    }
    failure.hint(format!("promoted for {}; run it again to go on from there", done.join(", ")))
}

fn describe(report: &Report) -> String {
    let line = |summary: &DistributionSummary, more: &str| {
        let DistributionSummary { name, version, platform, digest, .. } = summary;
        format!("{name}@{version} for {platform}{more}, {digest}\n")
    };
    let promoted = report.promoted.iter().map(|summary| line(summary, ""));
    let existing = report.existing.iter().map(|summary| line(summary, " (there already)"));
    let mut text: String = promoted.chain(existing).collect();
    if let Some(tag) = &report.tag {
        text.push_str(&tagged(tag));
        text.push('\n');
    }
    text
}

impl From<promote::Error> for Failure {
    fn from(error: promote::Error) -> Self {
        use promote::Error;
        match error {
            Error::Remote(error) => error.into(),
            Error::Lookup(error) => error.into(),
            Error::Taken(_) => {
                Self::failed(error).hint("what is published never changes: take a new version")
            }
            Error::NoVersion { version: DistributionVersion::Label(_), .. } => Self::failed(error)
                .hint("it takes a version; `larder tag list NAME` tells which one a tag names"),
            Error::NoVersion { .. }
            | Error::OfAnother { .. }
            | Error::Withdrawn(_)
            | Error::NoPlatform(_)
            | Error::NoCandidate { .. }
            | Error::Canonical(_) => Self::failed(error),
        }
    }
}
