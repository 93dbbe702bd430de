//! Says something about a build or a distribution, for good.

use larder_schema::api::{
    BuildAnswer, DistributionAnswer, Statement, StatementKind, StatementRequest, paths,
};
use larder_schema::{BuildName, BuildRef, Digest, Platform, Text};

use crate::remote::{self, Remote};
use crate::target::{ParseTargetError, Target, Which};

/// What can be spoken about.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A build.
    Build(BuildRef),
    /// A distribution.
    Distribution(Target),
}

/// What is said.
#[derive(Clone, Debug)]
pub struct Saying {
    /// That it is withdrawn, or a note.
    pub kind: StatementKind,
    /// Why, for people.
    pub reason: Text,
    /// What to take instead.
    pub replaced_by: Option<BuildName>,
}

/// What was said, and about what.
#[derive(Clone, Debug)]
pub struct Said {
    /// What it is called.
    pub name: String,
    /// What was said of it.
    pub statement: Statement,
}

/// It was not said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// It may be another one tomorrow.
    #[error("`{target}` names no version")]
    NoVersion {
        /// What was named.
        target: Target,
    },
}

impl std::str::FromStr for Subject {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(build) => Ok(Self::Build(build)),
            Err(_) => text.parse().map(Self::Distribution),
        }
    }
}

impl Saying {
    /// Says it about `subject` for each of the platforms, or for the only one that there is; all are
    /// looked up before anything is said.
    pub async fn about(
        &self,
        subject: &Subject,
        platforms: &[Platform],
        remote: &Remote,
    ) -> Result<Vec<Said>, Error> {
        let platforms: Vec<Option<&Platform>> = match platforms {
            [] => vec![None],
            some => some.iter().map(Some).collect(),
        };
        let mut found = Vec::with_capacity(platforms.len());
        for platform in platforms {
            found.push(subject.digest(remote, platform).await?);
        }
        let mut said = Vec::with_capacity(found.len());
        for (subject, name) in found {
            let Self { kind, reason, replaced_by } = self.clone();
            let request = StatementRequest { subject, kind, reason, replaced_by };
            let statement = remote.post(&paths::statements(), &request).await?;
            said.push(Said { name, statement });
        }
        Ok(said)
    }
}

impl Subject {
    /// The digest of its record or document, and what it is called.
    async fn digest(
        &self,
        remote: &Remote,
        platform: Option<&Platform>,
    ) -> Result<(Digest, String), Error> {
        let platform = platform.map(ToString::to_string);
        let query: Vec<(&str, &str)> =
            platform.iter().map(|it| ("platform", it.as_str())).collect();
        match self {
            Self::Build(build) => {
                let path = paths::build(&build.product, &build.build);
                let found: BuildAnswer = remote.get(&path, &query).await?;
                Ok((found.digest, found.build.key().to_string()))
            }
            Self::Distribution(target) => {
                let path = match &target.which {
                    Which::Named(version) => paths::distribution(&target.name, version),
                    Which::Exactly(digest) => paths::distribution_by_digest(&target.name, digest),
                    Which::Current => return Err(Error::NoVersion { target: target.clone() }),
                };
                let found: DistributionAnswer = remote.get(&path, &query).await?;
                let document = found.distribution;
                let name =
                    format!("{}@{} for {}", document.name, document.version, document.platform);
                Ok((found.digest, name))
            }
        }
    }
}

/// What was noted about a digest, in its order.
pub async fn notes(remote: &Remote, subject: Digest) -> Result<Vec<Statement>, remote::Error> {
    let subject = subject.to_string();
    let said: Vec<Statement> =
        remote.pages(&paths::statements(), &[("subject", subject.as_str())]).await?;
    Ok(said.into_iter().filter(|one| one.said.kind == StatementKind::Note).collect())
}
