//! Statements: what is said later about a digest.

use larder_schema::api::{Page, Statement, StatementKind, StatementRequest};
use larder_schema::{BuildKey, BuildName, Digest, ProductName};

use super::Registry;
use super::lookup::{self, LookupError};
use super::publish::{PublishError, to_the_end};
use crate::access::{Caller, Permission};
use crate::catalog::Subject;

/// Why something cannot be what is to be taken instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplacementFault {
    /// Nothing is replaced.
    #[error("only a build that is withdrawn is replaced by another; say it in the reason")]
    NotABuild,
    /// There is no such build for this platform.
    #[error("{0} is not published; publish it first, or withdraw without a replacement")]
    Unknown(Box<BuildKey>),
    /// It was withdrawn itself.
    #[error("{0} was withdrawn itself; name another")]
    Withdrawn(Box<BuildKey>),
    /// It is the build that is withdrawn.
    #[error("{0} cannot replace itself")]
    Itself(Box<BuildKey>),
}

impl Subject {
    fn name(&self) -> &ProductName {
        match self {
            Self::Build(key) => &key.product,
            Self::Distribution(named) => &named.name,
        }
    }

    fn is_read_by(&self, caller: &Caller) -> bool {
        caller.may(match self {
            Self::Build(key) => Permission::Read(&key.product),
            Self::Distribution(named) => Permission::ReadDistribution(&named.name),
        })
    }
}

impl Registry {
    /// Says something about the record of a build or a distribution; durable when this returns.
    ///
    /// The very same as the last of its kind about this subject changes nothing, and `false` comes
    /// with it: a request that is sent twice says nothing twice.
    ///
    /// A digest does not tell whose it is, so it is looked up first; what the caller may not read is
    /// not known.
    pub async fn state(
        &self,
        caller: &Caller,
        request: StatementRequest,
    ) -> Result<(Statement, bool), PublishError> {
        caller.demand_withdrawer()?;
        let subjects = self.readable_subjects(caller, &request.subject).await?;
        if subjects.is_empty() {
            return Err(PublishError::NoSubject { subject: request.subject });
        }
        for subject in &subjects {
            caller.demand(Permission::Withdraw(subject.name()))?;
        }
        if let Some(instead) = &request.replaced_by {
            self.demand_replacement(request.kind, &subjects, instead).await?;
        }
        let (registry, act) = (self.clone(), self.act(caller));
        to_the_end(async move {
            let said = registry.inner.catalog.state(&request, &act).await?;
            registry.flush_journal().await?;
            Ok(said)
        })
        .await
    }

    /// What was said about a digest; nothing about what the caller may not read.
    pub async fn statements(
        &self,
        caller: &Caller,
        subject: &Digest,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Statement>, LookupError> {
        caller.demand_reader()?;
        let after = lookup::number(cursor)?;
        if self.readable_subjects(caller, subject).await?.is_empty() {
            return Ok(Page { items: Vec::new(), next: None });
        }
        Ok(self.inner.catalog.statements(subject, after, limit).await?)
    }

    async fn readable_subjects(
        &self,
        caller: &Caller,
        subject: &Digest,
    ) -> Result<Vec<Subject>, crate::catalog::Error> {
        let mut subjects = self.inner.catalog.subjects(subject).await?;
        subjects.retain(|subject| subject.is_read_by(caller));
        Ok(subjects)
    }

    /// What is to be taken instead must be there for the same platform, and be no withdrawn build.
    async fn demand_replacement(
        &self,
        kind: StatementKind,
        subjects: &[Subject],
        instead: &BuildName,
    ) -> Result<(), PublishError> {
        for subject in subjects {
            let (StatementKind::Withdrawn, Subject::Build(key)) = (kind, subject) else {
                return Err(ReplacementFault::NotABuild.into());
            };
            let other = BuildKey { build: instead.clone(), ..key.clone() };
            if other == *key {
                return Err(ReplacementFault::Itself(Box::new(other)).into());
            }
            let found = self.inner.catalog.builds_by_key(std::slice::from_ref(&other)).await?;
            match found.into_iter().flatten().next() {
                None => return Err(ReplacementFault::Unknown(Box::new(other)).into()),
                Some(stored) if stored.withdrawn.is_some() => {
                    return Err(ReplacementFault::Withdrawn(Box::new(other)).into());
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
