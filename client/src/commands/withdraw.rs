//! `larder withdraw` and `larder note`: something is said about a build or a distribution, for good.

use clap::Args;
use larder_schema::api::{
    BuildAnswer, DistributionAnswer, Page, Statement, StatementKind, StatementRequest, paths,
};
use larder_schema::{BuildName, BuildRef, Digest, Platform, Text};

use super::Session;
use crate::error::{Exit, Failure};
use crate::remote::{self, Remote};
use crate::target::{Target, Which};

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

/// What can be spoken about.
#[derive(Clone, Debug)]
enum Subject {
    Build(BuildRef),
    Distribution(Target),
}

impl std::str::FromStr for Subject {
    type Err = crate::target::ParseTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(build) => Ok(Self::Build(build)),
            Err(_) => text.parse().map(Self::Distribution),
        }
    }
}

/// Runs `larder withdraw`.
pub async fn withdraw(args: WithdrawArgs, session: &Session) -> Result<Exit, Failure> {
    let WithdrawArgs { subject, reason, replaced_by } = args;
    state(&subject, StatementKind::Withdrawn, &reason, replaced_by.as_ref(), session).await
}

/// Runs `larder note`.
pub async fn note(args: NoteArgs, session: &Session) -> Result<Exit, Failure> {
    state(&args.subject, StatementKind::Note, &args.text, None, session).await
}

/// Says it about the subject on each platform; all are looked up before anything is said.
async fn state(
    args: &SubjectArgs,
    kind: StatementKind,
    reason: &Text,
    replaced_by: Option<&BuildName>,
    session: &Session,
) -> Result<Exit, Failure> {
    let remote = session.remote()?;
    let platforms: Vec<Option<&Platform>> = match args.platform.as_slice() {
        [] => vec![None],
        some => some.iter().map(Some).collect(),
    };
    let mut found = Vec::with_capacity(platforms.len());
    for platform in platforms {
        found.push(args.subject.digest(&remote, platform).await?);
    }
    let (mut items, mut told) = (Vec::new(), String::new());
    for (subject, name) in found {
        let (reason, replaced_by) = (reason.clone(), replaced_by.cloned());
        let request = StatementRequest { subject, kind, reason, replaced_by };
        let statement: Statement = remote.post(&paths::statements(), &request).await?;
        told.push_str(&match kind {
            StatementKind::Withdrawn => format!("{name} is withdrawn\n"),
            StatementKind::Note => format!("{name} has a note\n"),
        });
        items.push(statement);
    }
    session.output.answer(&Page { items, next: None }, || told)?;
    Ok(Exit::Done)
}

impl Subject {
    /// The digest of its record or document, and what it is called.
    async fn digest(
        &self,
        remote: &Remote,
        platform: Option<&Platform>,
    ) -> Result<(Digest, String), Failure> {
        let several = |error: remote::Error| {
            let several = error.platforms().is_some();
            let failure = Failure::from(error);
            if several { failure.hint("name them with `--platform`") } else { failure }
        };
        let platform = platform.map(ToString::to_string);
        let query: Vec<(&str, &str)> =
            platform.iter().map(|it| ("platform", it.as_str())).collect();
        match self {
            Self::Build(build) => {
                let path = paths::build(&build.product, &build.build);
                let found: BuildAnswer = remote.get(&path, &query).await.map_err(several)?;
                Ok((found.digest, found.build.key().to_string()))
            }
            Self::Distribution(target) => {
                let path = match &target.which {
                    Which::Named(version) => paths::distribution(&target.name, version),
                    Which::Exactly(digest) => paths::distribution_by_digest(&target.name, digest),
                    Which::Current => {
                        return Err(Failure::usage(format!("`{target}` names no version")).hint(
                            "name a build, `PRODUCT@VERSION-bID`, or a distribution, \
                             `NAME@VERSION`",
                        ));
                    }
                };
                let found: DistributionAnswer = remote.get(&path, &query).await.map_err(several)?;
                let document = found.distribution;
                let name =
                    format!("{}@{} for {}", document.name, document.version, document.platform);
                Ok((found.digest, name))
            }
        }
    }
}

/// Rows that tell what was said about a digest, but for withdrawals, which are told elsewhere.
pub(super) async fn notes(
    remote: &Remote,
    subject: Digest,
) -> Result<Vec<(&'static str, String)>, remote::Error> {
    let subject = subject.to_string();
    let said: Vec<Statement> =
        remote.pages(&paths::statements(), &[("subject", subject.as_str())]).await?;
    let notes = said.into_iter().filter(|one| one.said.kind == StatementKind::Note);
    Ok(notes.map(|one| ("note", format!("{} ({}, {})", one.said.reason, one.by, one.at))).collect())
}
