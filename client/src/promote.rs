//! Promotion: a candidate gets a new name, on all platforms that it is there for.
//!
//! All is looked at before anything is published, so that what can be refused is refused whole.
//! What is interrupted goes on when it is run again: what is there already stays.

use larder_schema::api::{DistributionName, DistributionSummary, PublishAnswer, paths};
use larder_schema::{Distribution, DistributionVersion, Platform, ProductName, Stage};

use crate::lookup::{self, WithdrawnDistribution};
use crate::remote::{self, Remote};
use crate::target::{Target, Which};

/// What shall be promoted, and to what.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The distribution.
    pub name: ProductName,
    /// The candidate.
    pub candidate: DistributionVersion,
    /// What it becomes.
    pub version: DistributionVersion,
    /// How far that has come.
    pub stage: Stage,
    /// For which platforms; none: all that the candidate is there for.
    pub platforms: Vec<Platform>,
}

/// It was not promoted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// The candidate cannot be had.
    #[error(transparent)]
    Lookup(#[from] lookup::Error),
    /// There is no such version.
    #[error("there is no {name} {version} here{}", lookup::there_are(.there))]
    NoVersion {
        /// The distribution.
        name: ProductName,
        /// The version.
        version: DistributionVersion,
        /// The versions that there are.
        there: Vec<DistributionVersion>,
    },
    /// The candidate is not there for a platform.
    #[error("{} {} is not there for {}", .0.name, .0.version, .0.platform)]
    NoPlatform(Box<DistributionName>),
    /// It is no candidate.
    #[error(
        "{} {} for {} is no candidate, its stage is `{stage}`; a candidate has the stage \
         `candidate`, or a version such as `17.0.1.rc2`", .named.name, .named.version,
        .named.platform
    )]
    NoCandidate {
        /// What it is.
        named: Box<DistributionName>,
        /// How far it has come.
        stage: Stage,
    },
    /// It was withdrawn.
    #[error("{0}")]
    Withdrawn(Box<WithdrawnDistribution>),
    /// It is a candidate for another version.
    #[error("{candidate} is a candidate of another version than {version}")]
    OfAnother {
        /// The candidate's version.
        candidate: DistributionVersion,
        /// The version that it should become.
        version: DistributionVersion,
    },
    /// Something else has the new name already.
    #[error(
        "{} {} for {} is already published, and is not this candidate", .0.name, .0.version,
        .0.platform
    )]
    Taken(Box<DistributionName>),
    /// A document has no canonical form.
    #[error("the candidate's document has no canonical form")]
    Canonical(#[from] larder_schema::canonical::CanonicalError),
}

/// What is to be done, all of it looked at.
#[derive(Debug)]
pub struct Plan {
    /// Documents to publish, by platform.
    pub documents: Vec<Distribution>,
    /// What is there already.
    pub existing: Vec<DistributionSummary>,
}

impl Wish {
    /// Looks at the candidate and at what has the new name, on every platform.
    pub async fn plan(&self, remote: &Remote) -> Result<Plan, Error> {
        let path = paths::distribution_versions(&self.name);
        let there: Vec<DistributionSummary> = remote.pages(&path, &[]).await?;
        let mut plan = Plan { documents: Vec::new(), existing: Vec::new() };
        for candidate in self.candidates(&there)? {
            let (document, withdrawn) = self.document(remote, candidate).await?;
            let taken = there.iter().find(|summary| {
                summary.version == self.version && summary.platform == document.platform
            });
            match taken {
                None => match withdrawn {
                    None => plan.documents.push(document),
                    Some(withdrawn) => return Err(Error::Withdrawn(Box::new(withdrawn))),
                },
                Some(taken) if taken.digest == document.digest()? => {
                    plan.existing.push(taken.clone());
                }
                Some(_) => {
                    let Distribution { name, version, platform, .. } = document;
                    return Err(Error::Taken(Box::new(DistributionName {
                        name,
                        version,
                        platform,
                    })));
                }
            }
        }
        Ok(plan)
    }

    /// The candidate for each platform, by platform.
    fn candidates<'a>(
        &self,
        there: &'a [DistributionSummary],
    ) -> Result<Vec<&'a DistributionSummary>, Error> {
        let mut found: Vec<&DistributionSummary> =
            there.iter().filter(|summary| summary.version == self.candidate).collect();
        found.sort_by(|one, two| one.platform.cmp(&two.platform));
        let (name, version) = (self.name.clone(), self.candidate.clone());
        if found.is_empty() {
            let there = there.iter().map(|summary| summary.version.clone()).collect();
            return Err(Error::NoVersion { name, version, there });
        }
        let is_there = |platform: &Platform| found.iter().any(|one| one.platform == *platform);
        if let Some(platform) = self.platforms.iter().find(|platform| !is_there(platform)) {
            let platform = platform.clone();
            return Err(Error::NoPlatform(Box::new(DistributionName { name, version, platform })));
        }
        if !self.platforms.is_empty() {
            found.retain(|summary| self.platforms.contains(&summary.platform));
        }
        Ok(found)
    }

    /// What a candidate becomes, and whether it was withdrawn.
    async fn document(
        &self,
        remote: &Remote,
        candidate: &DistributionSummary,
    ) -> Result<(Distribution, Option<WithdrawnDistribution>), Error> {
        let which = Which::Exactly(candidate.digest);
        let target = Target { name: self.name.clone(), which };
        let found = lookup::distribution(remote, &target, &candidate.platform).await?;
        let withdrawn = WithdrawnDistribution::of(&found.answer);
        let document = found.distribution.document;
        if !document.is_candidate() {
            let Distribution { name, version, platform, stage, .. } = document;
            let named = Box::new(DistributionName { name, version, platform });
            return Err(Error::NoCandidate { named, stage });
        }
        if !document.version.may_become(&self.version) {
            let (candidate, version) = (document.version, self.version.clone());
            return Err(Error::OfAnother { candidate, version });
        }
        let promoted = document.promoted(candidate.digest, self.version.clone(), self.stage);
        Ok((promoted, withdrawn))
    }
}

/// Publishes one document of a plan.
pub async fn publish(
    remote: &Remote,
    document: &Distribution,
) -> Result<PublishAnswer, remote::Error> {
    remote.post(&paths::distributions(), document).await
}
