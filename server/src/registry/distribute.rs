//! Distributions and tags: looking them up, moving tags, saying something about a digest.

use larder_schema::api::{
    AboutDistribution, DistributionAnswer, DistributionSummary, Page, StatementRequest, TagRequest,
    TagState, TagsAnswer, Withdrawn,
};
use larder_schema::{Build, Digest, DistributionVersion, Label, Listed, Platform, ProductName};

use super::Registry;
use super::lookup::{self, LookupError};
use super::publish::{PublishError, to_the_end};
use crate::access::{Caller, Denied, Permission};
use crate::catalog::{
    self, DistributionSelector, Statement, StoredBuild, StoredDistribution, TagChange,
};

/// Why a distribution was not found.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// There is none of this name.
    #[error("there is no distribution `{name}` here; `larder dist list` shows all")]
    NoName {
        /// The name.
        name: ProductName,
    },
    /// There is none of this version, tag or digest.
    #[error("there is no {name} {asked} here; `larder dist list` shows all")]
    NoVersion {
        /// The name.
        name: ProductName,
        /// The version, tag or digest.
        asked: String,
    },
    /// Anything that may be in the way of a look-up.
    #[error(transparent)]
    Lookup(#[from] LookupError),
}

impl From<Denied> for DistributionError {
    fn from(denied: Denied) -> Self {
        Self::Lookup(denied.into())
    }
}

impl From<catalog::Error> for DistributionError {
    fn from(error: catalog::Error) -> Self {
        Self::Lookup(error.into())
    }
}

impl Registry {
    /// Distributions whose name has `query` in it, the last published first.
    pub async fn distributions(
        &self,
        caller: &Caller,
        query: Option<&str>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<DistributionSummary>, DistributionError> {
        caller.demand_reader()?;
        let after = lookup::number(cursor)?;
        let mut page = self.inner.catalog.distributions(query, None, after, limit).await?;
        page.items.retain(|summary| caller.may(Permission::ReadDistribution(&summary.name)));
        Ok(page)
    }

    /// All versions of one distribution, the last published first.
    pub async fn distribution_versions(
        &self,
        caller: &Caller,
        name: &ProductName,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<DistributionSummary>, DistributionError> {
        caller.demand(Permission::ReadDistribution(name))?;
        let after = lookup::number(cursor)?;
        let page = self.inner.catalog.distributions(None, Some(name), after, limit).await?;
        if page.items.is_empty() && after.is_none() {
            return Err(DistributionError::NoName { name: name.clone() });
        }
        Ok(page)
    }

    /// One distribution; the platform may be left out when there is only one.
    ///
    /// With `records` the answer has the records of all its builds.
    pub async fn distribution(
        &self,
        caller: &Caller,
        name: &ProductName,
        selector: &DistributionSelector,
        platform: Option<&Platform>,
        records: bool,
    ) -> Result<DistributionAnswer, DistributionError> {
        caller.demand(Permission::ReadDistribution(name))?;
        let found = self.inner.catalog.distribution(name, selector).await?;
        let asked = match selector {
            DistributionSelector::Version(version) => version.to_string(),
            DistributionSelector::Digest(digest) => digest.to_string(),
        };
        let what = || format!("{name} {asked}");
        let platform_of = |stored: &StoredDistribution| stored.distribution.platform.clone();
        let platforms: Vec<Platform> = found.distributions.iter().map(platform_of).collect();
        let chosen = lookup::for_platform(
            what,
            found.distributions.into_iter().zip(platforms).collect(),
            platform,
            |(_, platform)| platform,
        )?;
        let Some((stored, _)) = chosen else {
            return Err(DistributionError::NoVersion { name: name.clone(), asked });
        };
        self.answer(caller, stored, found.tag, records).await
    }

    async fn answer(
        &self,
        caller: &Caller,
        stored: StoredDistribution,
        tag: Option<TagState>,
        records: bool,
    ) -> Result<DistributionAnswer, DistributionError> {
        let keys: Vec<_> = stored.distribution.builds.iter().map(Listed::key).collect();
        let builds = self.inner.catalog.builds_by_key(&keys).await?;
        let mut builds: Vec<StoredBuild> = builds.into_iter().flatten().collect();
        builds.retain(|stored| caller.may(Permission::Read(&stored.build.product)));
        let withdrawn = builds.iter().filter_map(|stored| {
            let reason = stored.withdrawn.clone()?;
            Some(Withdrawn { key: stored.build.key(), reason })
        });
        let about = AboutDistribution {
            withdrawn: withdrawn.collect(),
            published: stored.published,
            tag,
            records: records
                .then(|| builds.into_iter().map(|stored| stored.build).collect::<Vec<Build>>()),
        };
        Ok(DistributionAnswer { distribution: stored.distribution, digest: stored.digest, about })
    }

    /// Where the tags of a distribution stand.
    pub async fn tags(
        &self,
        caller: &Caller,
        name: &ProductName,
    ) -> Result<TagsAnswer, DistributionError> {
        caller.demand(Permission::ReadDistribution(name))?;
        let (items, history) = self.inner.catalog.tags(name).await?;
        Ok(TagsAnswer { items, history, next: None })
    }

    /// Moves a tag; durable when this returns.
    pub async fn move_tag(
        &self,
        caller: &Caller,
        name: &ProductName,
        tag: &Label,
        request: TagRequest,
    ) -> Result<TagState, PublishError> {
        caller.demand(Permission::Tag(name))?;
        let TagRequest { version, expected, require } = request;
        let change = TagChange { name: name.clone(), tag: tag.clone(), version, expected, require };
        let (registry, act) = (self.clone(), self.act(caller));
        to_the_end(async move {
            let state = registry.inner.catalog.move_tag(&change, &act).await??;
            registry.flush_journal().await?;
            Ok(state)
        })
        .await
    }

    /// Says something about the record of a build or a distribution; durable when this returns.
    ///
    /// A digest does not tell whose it is, so it is looked up first; what the caller may not read is
    /// not known.
    pub async fn state(
        &self,
        caller: &Caller,
        request: StatementRequest,
    ) -> Result<Statement, PublishError> {
        caller.demand_withdrawer()?;
        let subject = request.subject;
        let mut names = self.inner.catalog.names_of(&subject).await?;
        names.retain(|name| caller.may(Permission::Read(name)));
        if names.is_empty() {
            return Err(PublishError::NoSubject { subject });
        }
        for name in &names {
            caller.demand(Permission::Withdraw(name))?;
        }
        let statement = self.inner.catalog.state(&request, &self.act(caller)).await?;
        self.flush_journal().await?;
        Ok(statement)
    }

    /// What was said about a digest.
    pub async fn statements(
        &self,
        caller: &Caller,
        subject: &Digest,
    ) -> Result<Vec<Statement>, DistributionError> {
        caller.demand_reader()?;
        Ok(self.inner.catalog.statements(subject).await?)
    }
}

/// What the last part of a distribution's address asks for.
pub fn selector(text: &str) -> Option<DistributionSelector> {
    if let Ok(digest) = text.parse::<Digest>() {
        return Some(DistributionSelector::Digest(digest));
    }
    text.parse::<DistributionVersion>().ok().map(DistributionSelector::Version)
}
