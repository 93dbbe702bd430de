//! Asks the server for closures, and believes none that is not what its records say.

use std::collections::{BTreeMap, HashSet};

use larder_schema::api::paths;
use larder_schema::closure::{Closure, Unmet};
use larder_schema::{
    Build, Listed, Platform, ProductName, ResolveAnswer, ResolveRequest, Text, Wanted,
};

use crate::host::Host;
use crate::lock::{Contradiction, check_record};
use crate::memory::{self, Said, SaidOf};
use crate::remote::{self, Remote};

/// A closure that was found, with the records of its builds.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The records, each after those that it needs.
    pub records: Vec<Build>,
    /// The answer, as it came.
    pub answer: ResolveAnswer,
}

/// There is no closure, or it is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server; also when there is no answer.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// The server does not say what it said before.
    #[error(transparent)]
    Memory(#[from] memory::Error),
    /// A record is not the one that the answer lists.
    #[error("the server's closure contradicts itself")]
    Contradiction(#[source] Contradiction),
    /// A build that was not asked for in place of one that was, or none.
    #[error("the server's closure has no `{product}` as it was asked for")]
    NotAsked {
        /// The product.
        product: ProductName,
    },
    /// Another build than the one that stands fast.
    #[error("the server's closure has another `{product}` than the distribution that lists it")]
    NotFast {
        /// The product.
        product: ProductName,
    },
    /// It is no closure.
    #[error("the server's closure is none")]
    Unmet(#[source] Box<Unmet>),
}

/// Finds the closure that `request` asks for; builds that are `fast` must be in it as they are.
pub async fn resolve(
    remote: &Remote,
    request: &ResolveRequest,
    fast: impl Iterator<Item = &Listed>,
) -> Result<Resolved, Error> {
    let mut answer: ResolveAnswer = remote.post(&paths::resolve(), request).await?;
    let records = answer.records.take().unwrap_or_default();
    check(&answer, &records).map_err(Error::Contradiction)?;
    check_wanted(&request.requirements, &records)?;
    let found: BTreeMap<&ProductName, &Listed> =
        answer.builds.iter().map(|build| (&build.product, build)).collect();
    for build in fast {
        let other = found.get(&build.product).is_some_and(|found| found.record != build.record);
        if other {
            return Err(Error::NotFast { product: build.product.clone() });
        }
    }
    if let Some(unmet) = Closure::of(&records).unmet().into_iter().next() {
        return Err(Error::Unmet(Box::new(unmet)));
    }
    remote.hear(&said(&answer))?;
    Ok(Resolved { records, answer })
}

/// Each build has its record, and no product has two.
fn check(answer: &ResolveAnswer, records: &[Build]) -> Result<(), Contradiction> {
    let mut products = HashSet::new();
    for (at, listed) in answer.builds.iter().enumerate() {
        let missing = || Contradiction::Records { product: listed.product.clone() };
        if !products.insert(&listed.product) {
            return Err(missing());
        }
        check_record(records.get(at).ok_or_else(missing)?, Some(listed))?;
    }
    match records.get(answer.builds.len()) {
        None => Ok(()),
        Some(record) => Err(Contradiction::Records { product: record.product.clone() }),
    }
}

fn check_wanted(wanted: &[Wanted], records: &[Build]) -> Result<(), Error> {
    let is_met = |wanted: &&Wanted| {
        let record = records.iter().find(|record| record.product == wanted.product);
        record.is_some_and(|record| {
            let version = wanted.requirement.as_ref().is_none_or(|it| it.matches(&record.version));
            version && wanted.build.as_ref().is_none_or(|build| *build == record.name())
        })
    };
    match wanted.iter().find(|wanted| !is_met(wanted)) {
        None => Ok(()),
        Some(wanted) => Err(Error::NotAsked { product: wanted.product.clone() }),
    }
}

fn said(answer: &ResolveAnswer) -> Said {
    let digests = answer
        .builds
        .iter()
        .filter_map(|build| Some(SaidOf { key: build.key(), digest: build.record? }));
    Said { builds: digests.collect(), ..Said::default() }
}

/// What this host has, for closures that it shall run; of another platform's host nothing is known.
pub fn host_of(platform: &Platform) -> BTreeMap<String, Option<Text>> {
    if !platform.fits(&Platform::of_this_host()) {
        return BTreeMap::new();
    }
    Host::look().versions()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::build;

    fn answer(builds: &[Build]) -> ResolveAnswer {
        let builds = builds.iter().map(|build| Listed::of(build).unwrap()).collect();
        ResolveAnswer {
            builds,
            records: None,
            withdrawn: Vec::new(),
            withdrawn_distributions: Vec::new(),
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let (afw, log) = (build("afw", "1.0.0-b1", &[]), build("log", "1.0.0-b1", &[]));
        let both = [afw.clone(), log.clone()];
        assert!(check(&answer(&both), &both).is_ok());

        let mut other = both.clone();
        other[1].summary = Some("other".parse().unwrap());
        let twice = [afw.clone(), afw];
        assert!(check(&answer(&both), &other).is_err());
        assert!(check(&answer(&both), &both[..1]).is_err());
        assert!(check(&answer(&both[..1]), &both).is_err());
        assert!(check(&answer(&twice), &twice).is_err());
    }

    #[test]
    fn what_was_not_asked_for_is_refused() {
        let wanted = |requirement: &str| {
            let (product, build) = ("afw".parse().unwrap(), None);
            [Wanted { product, requirement: Some(requirement.parse().unwrap()), build }]
        };
        let records = [build("afw", "1.0.0-b1", &[])];
        assert!(check_wanted(&wanted("^1.0"), &records).is_ok());
        assert!(check_wanted(&wanted("^2.0"), &records).is_err());
        assert!(check_wanted(&wanted("*"), &[]).is_err());
    }
}
