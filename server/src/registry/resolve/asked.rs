//! From a question as it came to its terms: how much it may ask, and the distributions that it names.

use std::collections::HashSet;

use larder_schema::api::{DistributionName, WithdrawnDistribution};
use larder_schema::platform::fitting;
use larder_schema::resolution::{DistributionChoice, Preferred};
use larder_schema::{Distribution, Platform, ResolveRequest};

use super::ResolveError;
use super::terms::{Listing, Preferences, Terms};
use crate::access::{Caller, Permission};
use crate::catalog::{DistributionSelector, StoredDistribution};
use crate::config::Limits;
use crate::registry::Registry;
use crate::registry::distribute::DistributionError;
use crate::registry::lookup::LookupError;

/// Refuses a question that asks more than one may, before anything is looked up.
pub(super) fn demand_few(request: &ResolveRequest, limits: &Limits) -> Result<(), ResolveError> {
    let of_prefer =
        request.prefer.iter().filter(|one| matches!(one, Preferred::Distribution(_))).count();
    let distributions = request.with.len() + of_prefer;
    let counts = [
        (
            "requirements",
            request.requirements.len(),
            limits.resolve_requirements,
            "resolve_requirements",
        ),
        ("distributions", distributions, limits.resolve_distributions, "resolve_distributions"),
        ("preferred builds", request.prefer.len(), limits.resolve_candidates, "resolve_candidates"),
    ];
    match counts.into_iter().find(|(_, count, most, _)| count > most) {
        Some((what, count, most, limit)) => Err(ResolveError::TooMany { what, count, most, limit }),
        None => Ok(()),
    }
}

impl Registry {
    /// The question with all its distributions looked up, each once.
    pub(super) async fn terms(
        &self,
        caller: &Caller,
        request: ResolveRequest,
    ) -> Result<Terms, ResolveError> {
        let most = self.inner.config.limits.resolve_candidates;
        let mut builds = Builds { count: 0, most, withdrawn: Vec::new() };
        let platform = &request.platform;
        let limit = match &request.distribution {
            Some(choice) => Some(builds.listing(self.chosen(caller, choice, platform).await?)?),
            None => None,
        };
        let mut with = Vec::new();
        let mut seen = HashSet::new();
        for choice in request.with.iter().filter(|choice| seen.insert(*choice)) {
            with.push(builds.listing(self.chosen(caller, choice, platform).await?)?);
        }
        let mut prefer = Preferences::default();
        let mut seen = HashSet::new();
        for preferred in request.prefer.iter().filter(|preferred| seen.insert(*preferred)) {
            match preferred {
                Preferred::Build(one) => {
                    builds.add(1)?;
                    prefer.add(&one.product, one.build.clone(), None);
                }
                Preferred::Distribution(choice) => {
                    let chosen = self.chosen(caller, choice, platform).await?.distribution;
                    builds.add(chosen.builds.len())?;
                    for listed in chosen.builds {
                        prefer.add(&listed.product, listed.build, Some(listed.platform));
                    }
                }
            }
        }
        let ResolveRequest { requirements, platform, host, context, stage, test, .. } = request;
        Ok(Terms {
            wanted: requirements,
            platform,
            host,
            context,
            stage,
            limit,
            with,
            prefer,
            test,
            withdrawn: builds.withdrawn,
        })
    }

    /// The distribution for the platform of the question: the very one, the only one that fits
    /// otherwise, or one for all.
    async fn chosen(
        &self,
        caller: &Caller,
        choice: &DistributionChoice,
        platform: &Platform,
    ) -> Result<StoredDistribution, ResolveError> {
        let name = &choice.name;
        let selector = match (&choice.digest, &choice.version) {
            (Some(digest), _) => DistributionSelector::Digest(*digest),
            (None, Some(version)) => DistributionSelector::Version(version.clone()),
            (None, None) => return Err(ResolveError::NoVersion { name: name.clone() }),
        };
        caller.demand(Permission::ReadDistribution(name))?;
        let found = self.inner.catalog.distribution(name, &selector).await?.distributions;
        if found.is_empty() {
            let asked = selector.to_string();
            return Err(DistributionError::NoVersion { name: name.clone(), asked }.into());
        }
        let platforms: Vec<Platform> =
            found.iter().map(|stored| stored.distribution.platform.clone()).collect();
        let fits = fitting(&platforms, platform);
        let chosen = found.into_iter().find(|stored| Some(&stored.distribution.platform) == fits);
        chosen.ok_or_else(|| {
            let what = format!("{name} {selector}");
            let fault = match platforms.iter().any(|there| there.fits(platform)) {
                true => LookupError::SeveralPlatforms { what, platforms },
                false => LookupError::OtherPlatforms { what, asked: platform.clone(), platforms },
            };
            DistributionError::Lookup(fault).into()
        })
    }
}

/// How many builds a question names, by itself and through distributions, and which of these were
/// withdrawn.
struct Builds {
    count: usize,
    most: usize,
    withdrawn: Vec<WithdrawnDistribution>,
}

impl Builds {
    fn listing(&mut self, stored: StoredDistribution) -> Result<Listing, ResolveError> {
        let StoredDistribution { distribution, withdrawn, .. } = stored;
        self.add(distribution.builds.len())?;
        let listing = Listing::of(&distribution);
        let Distribution { name, version, platform, .. } = distribution;
        let key = DistributionName { name, version, platform };
        self.withdrawn.extend(withdrawn.map(|why| WithdrawnDistribution { key, why }));
        Ok(listing)
    }

    fn add(&mut self, more: usize) -> Result<(), ResolveError> {
        let Self { count, most, .. } = self;
        *count += more;
        match *count > *most {
            true => Err(ResolveError::TooMany {
                what: "builds named or listed by distributions",
                count: *count,
                most: *most,
                limit: "resolve_candidates",
            }),
            false => Ok(()),
        }
    }
}
