//! `larder withdraw` and `larder note`: something is said about a build or a distribution, for good.

use clap::Args;
use larder_schema::api::{Page, StatementKind};
use larder_schema::{BuildName, Digest, Platform, Text};

use super::Session;
use crate::error::{Exit, Failure};
use crate::remote::{self, Remote};
use crate::state::{self, Saying, Subject};

/// Arguments of `larder withdraw`.
#[derive(Args, Debug)]
#[command(
    after_help = "What is withdrawn stays where it is, and an exact lock still installs it, with \
                        a warning; nothing new is made with it. It cannot be taken back."
)]
pub struct WithdrawArgs {
    /// What it is about
    #[command(flatten)]
    subject: SubjectArgs,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Text,
    /// The build of the same product to take instead
    #[arg(long, value_name = "VERSION-bID")]
    replaced_by: Option<BuildName>,
}

/// Arguments of `larder note`.
#[derive(Args, Debug)]
pub struct NoteArgs {
    /// What it is about
    #[command(flatten)]
    subject: SubjectArgs,
    /// What people should know
    text: Text,
}

#[derive(Args, Debug)]
struct SubjectArgs {
    /// A build, PRODUCT@VERSION-bID, or a distribution, NAME@VERSION or NAME@sha256:…
    #[arg(value_name = "BUILD|NAME@VERSION")]
    subject: Subject,
    /// For which platform, where there are several; may be given more than once
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<Platform>,
}

/// Runs `larder withdraw`.
pub async fn withdraw(args: WithdrawArgs, session: &Session) -> Result<Exit, Failure> {
    let WithdrawArgs { subject, reason, replaced_by } = args;
    let saying = Saying { kind: StatementKind::Withdrawn, reason, replaced_by };
    say(&saying, &subject, "is withdrawn", session).await
}

/// Runs `larder note`.
pub async fn note(args: NoteArgs, session: &Session) -> Result<Exit, Failure> {
    let saying = Saying { kind: StatementKind::Note, reason: args.text, replaced_by: None };
    say(&saying, &args.subject, "has a note", session).await
}

async fn say(
    saying: &Saying,
    args: &SubjectArgs,
    done: &str,
    session: &Session,
) -> Result<Exit, Failure> {
    let said = saying.about(&args.subject, &args.platform, &session.remote()?).await?;
    let told = said.iter().map(|one| format!("{} {done}\n", one.name)).collect();
    let items = said.into_iter().map(|one| one.statement).collect();
    session.output.answer(&Page { items, next: None }, || told)?;
    Ok(Exit::Done)
}

/// Rows that tell what was said about a digest, but for withdrawals, which are told elsewhere.
pub(super) async fn notes(
    remote: &Remote,
    subject: Digest,
) -> Result<Vec<(&'static str, String)>, remote::Error> {
    let notes = state::notes(remote, subject).await?.into_iter();
    Ok(notes.map(|one| ("note", format!("{} ({}, {})", one.said.reason, one.by, one.at))).collect())
}

impl From<state::Error> for Failure {
    fn from(error: state::Error) -> Self {
        match error {
            state::Error::Remote(error) if error.platforms().is_some() => {
                Self::from(error).hint("name them with `--platform`")
            }
            state::Error::Remote(error) => error.into(),
            state::Error::NoVersion { .. } => Self::new(Exit::Usage, error)
                .hint("name a build, `PRODUCT@VERSION-bID`, or a distribution, `NAME@VERSION`"),
        }
    }
}
