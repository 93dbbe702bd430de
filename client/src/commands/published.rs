//! What `publish` and `import` share: what goes with the builds, the publish itself, the report.

use clap::Args;
use larder_schema::api::PublishAnswer;
use larder_schema::record::Role;
use larder_schema::{
    Build, BuildKey, Distribution, Label, Platform, ProblemKind, ProductName, Stage,
};
use serde::Serialize;

use super::Session;
use super::changed::{distributed, tagged};
use super::words::{counted, word};
use crate::error::{Exit, Failure};
use crate::publish::distribution::{self, NameAndVersion, Wish};
use crate::publish::{self, Order, Outcome, conflict};
use crate::remote::Remote;
use crate::upload::{self, Memory};

/// How many builds are named that were there already, and how many warnings.
const MOST_TOLD: usize = 20;

/// What is published with the builds.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What goes with the builds")]
pub struct Target {
    /// A distribution of these builds
    #[arg(long, value_name = "NAME@VERSION")]
    pub distribution: Option<NameAndVersion>,
    /// What the distribution was made for [default: what no other build in it depends on]
    #[arg(long = "root", value_name = "PRODUCT", requires = "distribution")]
    pub roots: Vec<ProductName>,
    /// How far it has come: test, nightly, weekly, candidate or release [default: test]
    #[arg(long, value_name = "STAGE", requires = "distribution", value_parser = word::<Stage>)]
    pub stage: Option<Stage>,
    /// A tag that shall point to the distribution
    #[arg(long, value_name = "TAG", requires = "distribution")]
    pub tag: Option<Label>,
    /// A platform that the distribution must be there for before the tag moves; each job that
    /// publishes for one tries it
    #[arg(long, value_name = "PLATFORM", requires = "tag")]
    pub require: Vec<Platform>,
    /// The platform [default: the system and processor that the builds share, else any]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Print the records and publish nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Target {
    /// An order of nothing but the tag.
    pub fn order(&self) -> Order {
        Order { tag: self.tag.clone(), require: self.require.clone(), ..Order::default() }
    }

    /// The distribution of `builds`, if one was asked for.
    pub fn distribution(
        &self,
        builds: &[(BuildKey, Role)],
    ) -> Result<Option<Distribution>, Failure> {
        let Some(key) = self.distribution.clone() else { return Ok(None) };
        let wish = Wish {
            key,
            roots: self.roots.clone(),
            stage: self.stage.unwrap_or_default(),
            platform: self.platform.clone(),
        };
        distribution::make(&wish, builds).map(Some).map_err(distribution_failure)
    }
}

/// What `--dry-run` prints.
#[derive(Serialize)]
struct DryRun<'a> {
    builds: Vec<&'a Build>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    taken: &'a [BuildKey],
    #[serde(skip_serializing_if = "Option::is_none")]
    distribution: Option<&'a Distribution>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    widened: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    still_to_build: &'a [ProductName],
}

/// The server's answer, and what it took to get it.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    answer: &'a PublishAnswer,
    sent_bytes: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    waits_for: &'a [Platform],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    widened: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    still_to_build: &'a [ProductName],
}

/// What is told beside what was published.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// Requirements that admit more than their makers said.
    pub widened: &'a [String],
    /// What of the plan must be built before the distribution can be published, as far as is known.
    pub still_to_build: &'a [ProductName],
}

/// Publishes `order` and tells what was done, and what is `beside` that.
pub async fn publish(
    session: &Session,
    target: &Target,
    order: &Order,
    beside: Beside<'_>,
) -> Result<Exit, Failure> {
    if target.dry_run {
        warn_of_widened(session, beside.widened);
        order.check().map_err(distribution_failure)?;
        let Beside { widened, still_to_build } = beside;
        let builds = order.offers.iter().map(|offer| &offer.build).collect();
        let (taken, distribution) = (&order.taken, order.distribution.as_ref());
        let dry_run = DryRun { builds, taken, distribution, widened, still_to_build };
        session.output.json(&dry_run)?;
        return Ok(Exit::Done);
    }
    let outcome = send(session, order).await?;
    tell(session, target, &outcome, beside)
}

/// Publishes `order`.
pub async fn send(session: &Session, order: &Order) -> Result<Outcome, Failure> {
    let remote = session.remote()?;
    match publish::publish(&remote, &uploads(session), order, session.progress).await {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(failure(&remote, order, error).await),
    }
}

/// Tells what was done, and what is `beside` that.
pub fn tell(
    session: &Session,
    target: &Target,
    outcome: &Outcome,
    Beside { widened, still_to_build }: Beside<'_>,
) -> Result<Exit, Failure> {
    warn_of_widened(session, widened);
    for warning in outcome.answer.warnings.iter().take(MOST_TOLD) {
        session.progress.warn(warning);
    }
    if let Some(more @ 1..) = outcome.answer.warnings.len().checked_sub(MOST_TOLD) {
        session.progress.warn(format_args!("and {more} more; `--json` has all of them"));
    }
    if let (Some(tag), [_, ..]) = (&target.tag, &outcome.waits_for[..]) {
        session.progress.warn(format_args!(
            "the tag `{tag}` has not moved: the distribution is not there yet for {}",
            outcome.waits_for.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
    if session.output.json {
        let Outcome { answer, sent_bytes, waits_for, .. } = outcome;
        let sent_bytes = *sent_bytes;
        let report = Report { answer, sent_bytes, waits_for, widened, still_to_build };
        session.output.json(&report)?;
    } else {
        session.output.say(told(outcome))?;
    }
    Ok(Exit::Done)
}

fn warn_of_widened(session: &Session, widened: &[String]) {
    for requirement in widened {
        session.progress.warn(format_args!("widened: {requirement}"));
    }
}

/// Where uploads are remembered: beside the settings.
pub fn uploads(session: &Session) -> Memory {
    let file = session.config_file().ok();
    let folder = file.as_deref().and_then(|file| file.parent()).map(|f| f.join("uploads"));
    folder.map_or_else(Memory::default, Memory::in_folder)
}

/// What was done, for a person.
fn told(outcome: &Outcome) -> String {
    let Outcome { answer, sent, sent_bytes, .. } = outcome;
    let mut lines = vec![format!(
        "published {}, {} there already; sent {}",
        counted(answer.published.len(), "build"),
        answer.existing.len(),
        publish::archives_and_bytes(*sent, *sent_bytes)
    )];
    lines.extend(answer.published.iter().map(|key| format!("  {key}")));
    let existing = answer.existing.iter().take(MOST_TOLD);
    lines.extend(existing.map(|key| format!("  {key} (there already)")));
    if let Some(more @ 1..) = answer.existing.len().checked_sub(MOST_TOLD) {
        lines.push(format!("  and {more} more (there already)"));
    }
    lines.extend(answer.distribution.iter().map(distributed));
    lines.extend(answer.tags.iter().map(tagged));
    lines.join("\n")
}

fn distribution_failure(error: distribution::Error) -> Failure {
    let exit = match &error {
        // The builds are at fault, not the arguments.
        distribution::Error::Unmet(_) => Exit::Failed,
        distribution::Error::SeveralPlatforms(_) | distribution::Error::Fault(_) => Exit::Usage,
    };
    Failure::new(exit, error)
}

/// A failure of a publish, with the way out that is known.
async fn failure(remote: &Remote, order: &Order, error: publish::Error) -> Failure {
    match error {
        publish::Error::Remote(error) if error.kind() == Some(ProblemKind::Conflict) => {
            let explained = conflict::explain(remote, order, &error).await;
            let why = explained.map(|why| why + "; ").unwrap_or_default();
            Failure::from(error).hint(format!(
                "{why}what is published never changes: give it a new bID, or a new version"
            ))
        }
        publish::Error::Remote(error) => Failure::from(error),
        publish::Error::Distribution(error) => distribution_failure(error),
        publish::Error::Upload(error) => {
            let hint = match &error {
                upload::Error::Remote { source, .. } => source.hint(),
                upload::Error::File(_)
                | upload::Error::WrongSum { .. }
                | upload::Error::NotTus { .. } => None,
            };
            Failure { hint, ..Failure::failed(error) }
        }
    }
}
