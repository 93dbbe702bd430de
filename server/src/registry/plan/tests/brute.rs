//! The policies word for word, by looking at every build for every source.

use std::collections::{BTreeMap, BTreeSet};

use larder_schema::plan::Source;
use larder_schema::record::{Abi, BuiltAgainst};
use larder_schema::{Build, DependencyKind, PlanRequest, Platform, Policy, ProductName, Version};

use super::history::Made;

/// A history, in the order of its publication.
pub(super) struct Brute<'a> {
    pub(super) history: &'a [Made],
    pub(super) request: &'a PlanRequest,
    pub(super) policy: Policy,
}

/// For each product the place of the build in the history that is reused.
pub(super) type Taken = BTreeMap<ProductName, Option<usize>>;

type Recorded = BTreeMap<ProductName, Option<usize>>;

fn counts(kind: DependencyKind) -> bool {
    match kind {
        DependencyKind::Run | DependencyKind::Build => true,
        DependencyKind::Test => false,
    }
}

impl Brute<'_> {
    pub(super) fn plan(&self) -> Taken {
        let mut taken = Taken::new();
        for at in self.request.in_build_order().unwrap() {
            let source = &self.request.sources[at];
            taken.insert(source.product.clone(), self.reused(source, &taken));
        }
        taken
    }

    /// Those of the product and revision that nothing stands in the way of.
    pub(super) fn eligible(&self, source: &Source) -> Vec<usize> {
        (0..self.history.len()).filter(|at| self.is_eligible(source, &self.history[*at])).collect()
    }

    fn is_eligible(&self, source: &Source, made: &Made) -> bool {
        let Made { build, withdrawn, .. } = made;
        let told = build.source.as_ref();
        let dirty = told.is_some_and(|told| told.dirty);
        let of_revision = told.is_some_and(|told| told.revision.as_ref() == Some(&source.revision));
        let environment = self.request.built_in.as_ref().is_none_or(|asked| {
            let built_in = build.built_in.as_ref();
            built_in.is_some_and(|it| it.name == asked.name && it.version == asked.version)
        });
        let host = build.needs.iter().all(|(what, need)| match self.request.host.get(what) {
            None => true,
            Some(None) => false,
            Some(Some(version)) => need.is_met_by(version.as_str()),
        });
        let fits = build.platform.fits(&self.request.platform);
        build.product == source.product
            && of_revision
            && !dirty
            && !build.test
            && !withdrawn
            && environment
            && host
            && fits
    }

    fn reused(&self, source: &Source, taken: &Taken) -> Option<usize> {
        let eligible = self.eligible(source);
        let exact = eligible.iter().rev().find(|at| self.is_exact(source, **at, taken));
        let other = || eligible.iter().rev().find(|at| self.may_be_reused(source, **at, taken));
        exact.or_else(other).copied()
    }

    fn recorded(&self, build: &Build) -> Recorded {
        let mut recorded = Recorded::new();
        for product in build.dependencies.iter().map(|needed| &needed.product) {
            let of: Vec<_> = build
                .dependencies
                .iter()
                .filter(|needed| needed.product == *product && counts(needed.kind))
                .collect();
            let told: Vec<_> =
                of.iter().filter_map(|needed| needed.built_against.as_ref()).collect();
            let places: BTreeSet<Option<usize>> =
                told.iter().map(|against| self.meant(product, against, &build.platform)).collect();
            let place = if places.len() == 1 { places.into_iter().next().flatten() } else { None };
            if !of.is_empty() {
                recorded.insert(product.clone(), place);
            }
        }
        recorded
    }

    /// The build that a record for `platform` means.
    fn meant(
        &self,
        product: &ProductName,
        told: &BuiltAgainst,
        platform: &Platform,
    ) -> Option<usize> {
        let has_it = |made: &Made| {
            let archive = made.build.archive.as_ref().map(|it| larder_schema::Digest(it.sha256));
            made.build.product == *product
                && made.build.name() == told.build
                && told.archive.is_none_or(|told| archive == Some(told))
        };
        let all: Vec<usize> =
            (0..self.history.len()).filter(|at| has_it(&self.history[*at])).collect();
        let of = |at: &usize| &self.history[*at].build.platform;
        let own = all.iter().find(|at| of(at) == platform);
        let others: Vec<&usize> =
            all.iter().filter(|at| *of(at) != Platform::Any && of(at).fits(platform)).collect();
        let fits = own.or(match others[..] {
            [] => all.iter().find(|at| *of(at) == Platform::Any),
            [only] => Some(only),
            _ => None,
        });
        fits.or(all.first().filter(|_| told.archive.is_some())).copied()
    }

    fn needs(source: &Source) -> BTreeSet<ProductName> {
        let counted = source.dependencies.iter().filter(|needed| counts(needed.kind));
        counted.map(|needed| needed.product.clone()).collect()
    }

    fn is_exact(&self, source: &Source, at: usize, taken: &Taken) -> bool {
        let recorded = self.recorded(&self.history[at].build);
        let now: Recorded = Self::needs(source)
            .into_iter()
            .map(|product| {
                let now = taken[&product];
                (product, now)
            })
            .collect();
        now.values().all(Option::is_some) && recorded == now
    }

    fn may_be_reused(&self, source: &Source, at: usize, taken: &Taken) -> bool {
        let build = &self.history[at].build;
        let recorded = self.recorded(build);
        recorded.keys().cloned().collect::<BTreeSet<_>>() == Self::needs(source)
            && recorded.iter().all(|(product, then)| {
                let Some(then) = then else { return false };
                let now = taken[product];
                if now == Some(*then) {
                    return self.policy != Policy::Exact;
                }
                let then = &self.history[*then].build;
                self.is_alike(then, product, now) && self.goes_with(build, then, product, now)
            })
    }

    fn is_alike(&self, then: &Build, product: &ProductName, now: Option<usize>) -> bool {
        let source = self.request.sources.iter().find(|source| source.product == *product).unwrap();
        let told = then.source.as_ref().filter(|source| !source.dirty && !then.test);
        let revision = told.and_then(|source| source.revision.as_ref());
        let same_revision = revision == Some(&source.revision);
        match self.policy {
            Policy::Exact => false,
            Policy::Content => now.is_some_and(|now| {
                let now = &self.history[now].build;
                then.tree.is_some() && then.tree == now.tree
            }),
            Policy::Direct => same_revision,
            Policy::Semver => {
                same_revision
                    || match (class(Some(then.version)), class(source.version)) {
                        (Some(then), Some(now)) => then == now,
                        _ => false,
                    }
            }
        }
    }

    /// Whether a build, built against `then`, can be published beside what there is now.
    fn goes_with(
        &self,
        build: &Build,
        then: &Build,
        product: &ProductName,
        now: Option<usize>,
    ) -> bool {
        let now = now.map(|now| &self.history[now].build);
        let source = self.request.sources.iter().find(|source| source.product == *product).unwrap();
        let none = Version { major: 0, minor: 0, patch: 0 };
        let version = now.map_or(source.version.unwrap_or(none), |now| now.version);
        then.abi == Abi::Semver
            && now.is_none_or(|now| now.abi == Abi::Semver)
            && build
                .dependencies
                .iter()
                .filter(|needed| needed.product == *product && counts(needed.kind))
                .all(|needed| needed.requirement.matches(&version))
    }
}

fn class(version: Option<Version>) -> Option<(u64, u64)> {
    let Version { major, minor, patch } = version?;
    match (major, minor, patch) {
        (0, 0, 0) => None,
        (0, minor, _) => Some((0, minor)),
        (major, ..) => Some((major, 0)),
    }
}
