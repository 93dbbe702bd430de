//! What is asked, with all names of distributions looked up, and which builds may be taken at all.

use std::collections::{BTreeMap, HashMap};

use larder_schema::api::{Withdrawal, WithdrawnDistribution};
use larder_schema::record::Role;
use larder_schema::{
    BuildName, Context, Distribution, Need, Platform, ProductName, Stage, Text, Wanted,
};

use crate::catalog::candidates::Candidate;

/// A question that needs nothing but candidates any more.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) wanted: Vec<Wanted>,
    pub(super) platform: Platform,
    pub(super) host: BTreeMap<String, Option<Text>>,
    pub(super) context: Option<Context>,
    pub(super) stage: Option<Stage>,
    /// Only what this lists is taken.
    pub(super) limit: Option<Listing>,
    /// What these list stands fast.
    pub(super) with: Vec<Listing>,
    /// What to take before all others.
    pub(super) prefer: Preferences,
    pub(super) test: bool,
    /// Those of `limit` and `with` that were withdrawn.
    pub(super) withdrawn: Vec<WithdrawnDistribution>,
}

/// The builds of a distribution, by product.
#[derive(Debug)]
pub(super) struct Listing {
    /// What it is called: `lsst_distrib 17.0.1`.
    pub(super) title: String,
    pub(super) builds: BTreeMap<ProductName, (BuildName, Platform)>,
}

/// Builds to take before others, earlier ones first; for any platform that fits unless one is said.
#[derive(Debug, Default)]
pub(super) struct Preferences {
    /// Their products, as they come first.
    pub(super) products: Vec<ProductName>,
    of: HashMap<ProductName, HashMap<BuildName, Vec<Place>>>,
    count: usize,
}

/// At which place a build is preferred, and for which platform.
#[derive(Debug)]
struct Place {
    at: usize,
    platform: Option<Platform>,
}

impl Place {
    fn is_for(&self, platform: &Platform) -> bool {
        self.platform.as_ref().is_none_or(|own| own == platform)
    }
}

/// Why a build that is there may not be taken, whatever others need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is for another platform.
    Platform(Platform),
    /// It was withdrawn.
    Withdrawn(Withdrawal),
    /// It is a test build, and those were not asked for.
    Test,
    /// Its role has no place in the context.
    Context(Context, Role),
    /// The host has not what it needs.
    Needs { what: String, need: Need, host: Option<Text> },
    /// Another build of the product stands fast.
    Fixed { title: String, build: BuildName },
    /// The distribution that is the limit does not list it.
    Outside(String),
    /// No distribution of the stage lists it.
    Stage(Stage),
}

impl Listing {
    pub(super) fn of(distribution: &Distribution) -> Self {
        let builds = distribution.builds.iter().map(|listed| {
            (listed.product.clone(), (listed.build.clone(), listed.platform.clone()))
        });
        let title = format!("{} {}", distribution.name, distribution.version);
        Self { title, builds: builds.collect() }
    }

    /// Whether this lists the very build.
    pub(super) fn lists(&self, product: &ProductName, candidate: &Candidate) -> bool {
        self.builds.get(product).is_some_and(|(name, platform)| {
            *name == candidate.name && *platform == candidate.platform
        })
    }
}

impl Preferences {
    /// Adds one that comes after all others, unless it is there already.
    pub(super) fn add(
        &mut self,
        product: &ProductName,
        build: BuildName,
        platform: Option<Platform>,
    ) {
        let of_product = self.of.entry(product.clone()).or_default();
        if of_product.is_empty() {
            self.products.push(product.clone());
        }
        let places = of_product.entry(build).or_default();
        let is_new = places
            .iter()
            .all(|place| place.platform.is_some() && place.platform.as_ref() != platform.as_ref());
        if is_new {
            places.push(Place { at: self.count, platform });
            self.count += 1;
        }
    }
}

impl Terms {
    /// Why this build may not be taken, if it may not; whether a distribution of the stage lists it
    /// is asked elsewhere.
    pub(super) fn unfit(&self, product: &ProductName, candidate: &Candidate) -> Option<Unfit> {
        if !candidate.platform.fits(&self.platform) {
            return Some(Unfit::Platform(candidate.platform.clone()));
        }
        let stands_fast = self.stands_fast(product);
        self.unfit_itself(product, candidate, stands_fast)
            .or_else(|| self.unfit_among_others(product, candidate))
    }

    fn unfit_itself(
        &self,
        product: &ProductName,
        candidate: &Candidate,
        stands_fast: bool,
    ) -> Option<Unfit> {
        if let Some(withdrawal) = candidate.withdrawn.as_ref().filter(|_| !stands_fast) {
            return Some(Unfit::Withdrawn(withdrawal.clone()));
        }
        if candidate.test && !stands_fast && !self.takes_test(product, candidate) {
            return Some(Unfit::Test);
        }
        if let Some(context) = self.context.filter(|context| !context.admits(candidate.role)) {
            return Some(Unfit::Context(context, candidate.role));
        }
        candidate.needs.iter().find_map(|(what, need)| {
            let host = self.host.get(what)?;
            let is_met = host.as_ref().is_some_and(|host| need.is_met_by(host.as_str()));
            (!is_met).then(|| Unfit::Needs {
                what: what.clone(),
                need: need.clone(),
                host: host.clone(),
            })
        })
    }

    fn unfit_among_others(&self, product: &ProductName, candidate: &Candidate) -> Option<Unfit> {
        for listing in &self.with {
            if let Some((build, _)) = listing.builds.get(product)
                && !listing.lists(product, candidate)
            {
                return Some(Unfit::Fixed { title: listing.title.clone(), build: build.clone() });
            }
        }
        let outside = |limit: &&Listing| !limit.lists(product, candidate);
        match self.limit.as_ref().filter(outside) {
            Some(limit) if !self.stands_fast(product) => Some(Unfit::Outside(limit.title.clone())),
            _ => None,
        }
    }

    fn takes_test(&self, product: &ProductName, candidate: &Candidate) -> bool {
        self.test
            || self.limit.as_ref().is_some_and(|limit| limit.lists(product, candidate))
            || self.named(product).any(|name| *name == candidate.name)
    }

    /// Whether a distribution that stands fast has a build of this product.
    pub(super) fn stands_fast(&self, product: &ProductName) -> bool {
        self.with.iter().any(|listing| listing.builds.contains_key(product))
    }

    /// The builds of this product that were asked for by name.
    pub(super) fn named<'a>(
        &'a self,
        product: &'a ProductName,
    ) -> impl Iterator<Item = &'a BuildName> {
        let of = self.wanted.iter().filter(move |wanted| wanted.product == *product);
        of.filter_map(|wanted| wanted.build.as_ref())
    }

    /// At which place this build is preferred, if it is.
    pub(super) fn preferred(&self, product: &ProductName, candidate: &Candidate) -> Option<usize> {
        let places = self.prefer.of.get(product)?.get(&candidate.name)?;
        places.iter().find(|place| place.is_for(&candidate.platform)).map(|place| place.at)
    }

    /// The builds of this product that are there whatever the window, by name.
    pub(super) fn singled_out(&self, product: &ProductName) -> Vec<BuildName> {
        let mut names: Vec<BuildName> = self.named(product).cloned().collect();
        names.extend(self.prefer.of.get(product).into_iter().flat_map(HashMap::keys).cloned());
        names.sort();
        names.dedup();
        names
    }
}
