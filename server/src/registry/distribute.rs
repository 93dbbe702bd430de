//! Distributions and tags: looking them up, comparing them, moving tags.

use larder_schema::api::{
    AboutDistribution, DistributionAnswer, DistributionSummary, Page, TagRequest, TagState,
    TagsAnswer,
};
use larder_schema::difference::Side;
use larder_schema::{
    Build, Difference, Digest, DistributionVersion, Label, Listed, Platform, ProductName,
};

use super::Registry;
use super::lookup::{self, LookupError};
use super::publish::{PublishError, to_the_end};
use crate::access::{Caller, Denied, Permission};
use crate::catalog::{self, DistributionSelector, StoredBuild, StoredDistribution, TagChange};

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
        let what = || format!("{name} {selector}");
        let platform_of = |stored: &StoredDistribution| stored.distribution.platform.clone();
        let platforms: Vec<Platform> = found.distributions.iter().map(platform_of).collect();
        let chosen = lookup::for_platform(
            what,
            found.distributions.into_iter().zip(platforms).collect(),
            platform,
            |(_, platform)| platform,
        )?;
        let Some((stored, _)) = chosen else {
            let asked = selector.to_string();
            return Err(DistributionError::NoVersion { name: name.clone(), asked });
        };
        self.answer(caller, stored, found.tag, records).await
    }

    /// What differs between two distributions of one name; the platform may be left out where there
    /// is only one.
    ///
    /// Where the caller may not read a record, the versions alone tell the reason.
    pub async fn difference(
        &self,
        caller: &Caller,
        name: &ProductName,
        (old, new): (&DistributionSelector, &DistributionSelector),
        platform: Option<&Platform>,
    ) -> Result<Difference, DistributionError> {
        let old = self.distribution(caller, name, old, platform, true).await?;
        let new = self.distribution(caller, name, new, platform, true).await?;
        Ok(Difference::of(Side::of(&old), Side::of(&new)))
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
        let withdrawn = builds
            .iter()
            .filter_map(|stored| Some(stored.withdrawn.clone()?.of(stored.build.key())));
        let about = AboutDistribution {
            withdrawn: withdrawn.collect(),
            withdrawal: stored.withdrawn,
            published: stored.published,
            tag,
            records: records
                .then(|| builds.into_iter().map(|stored| stored.build).collect::<Vec<Build>>()),
        };
        Ok(DistributionAnswer { distribution: stored.distribution, digest: stored.digest, about })
    }

    /// Where the tags of a distribution stand, and a page of their moves.
    pub async fn tags(
        &self,
        caller: &Caller,
        name: &ProductName,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<TagsAnswer, DistributionError> {
        caller.demand(Permission::ReadDistribution(name))?;
        let tags = self.inner.catalog.tags(name, lookup::number(cursor)?, limit).await?;
        if tags.items.is_empty() {
            // That it has no tag is an answer only of a distribution that is there.
            self.distribution_versions(caller, name, None, 1).await?;
        }
        Ok(tags)
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
}

/// What the last part of a distribution's address asks for.
pub fn selector(text: &str) -> Option<DistributionSelector> {
    if let Ok(digest) = text.parse::<Digest>() {
        return Some(DistributionSelector::Digest(digest));
    }
    text.parse::<DistributionVersion>().ok().map(DistributionSelector::Version)
}
