//! Catalogs in memory, and random ones of them.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use larder_schema::api::Withdrawal;
use larder_schema::record::Abi;
use larder_schema::{
    Build, BuildName, Context, Listed, Platform, ProductName, Role, Stage, Text, Wanted,
};

use crate::catalog::Error;
use crate::catalog::candidates::{Candidate, Candidates, Needed, Newest, sort};
use crate::registry::random::Random;
use crate::registry::resolve::terms::{Listing, Preferences, Terms};

/// A catalog in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) builds: Vec<(ProductName, Candidate)>,
    /// By number of publication, what a build needs to run.
    pub(super) run: BTreeMap<u64, Vec<Needed>>,
    /// By number of publication, the stage of the distribution that lists it.
    pub(super) stages: BTreeMap<u64, Stage>,
    /// How many builds were read.
    pub(super) read: Cell<usize>,
}

const PRODUCTS: [&str; 5] = ["a", "b", "c", "d", "e"];
const PLATFORMS: [&str; 6] =
    ["linux-x86_64", "linux-x86_64", "linux-x86_64-v1", "linux-x86_64-v2", "any", "macos-aarch64"];
const REQUIREMENTS: [&str; 8] =
    ["*", "*", "*", "^1.0", "^2.0", ">=1.1, <3", "=1.0.0 || =2.0.0", "<1.1 || >2"];

impl Memory {
    pub(super) fn add(
        &mut self,
        product: &str,
        name: &BuildName,
        platform: &str,
        needs: &[(&str, &str)],
    ) -> &mut Candidate {
        let run = needs.iter().map(|(product, requirement)| Needed {
            product: product.parse().unwrap(),
            requirement: requirement.parse().unwrap(),
            against: None,
        });
        let candidate = Candidate {
            name: name.clone(),
            seq: self.builds.len() as u64 + 1,
            platform: platform.parse().unwrap(),
            role: Role::Runtime,
            abi: Abi::Semver,
            needs: BTreeMap::new(),
            test: false,
            withdrawn: None,
        };
        self.run.insert(candidate.seq, run.collect());
        self.builds.push((product.parse().unwrap(), candidate));
        &mut self.builds.last_mut().unwrap().1
    }

    /// At most five products with at most a handful of builds each.
    pub(super) fn random(random: &mut Random) -> Self {
        let mut memory = Self::default();
        let products = 2 + random.below(4);
        for _ in 0..2 * products + random.below(3 * products) {
            let product = PRODUCTS[random.below(products)];
            let version = ["1.0.0", "1.1.0", "2.0.0", "2.1.0"][random.below(4)];
            let id = ["b1", "b2", "b10", "x1", "zz"][random.below(5)];
            let name: BuildName = format!("{version}-{id}").parse().unwrap();
            let platform = *random.one(&PLATFORMS);
            let is_there = memory.builds.iter().any(|(known, candidate)| {
                known.as_str() == product
                    && candidate.name == name
                    && candidate.platform.to_string() == platform
            });
            if is_there {
                continue;
            }
            let mut needs: Vec<(&str, &str)> = (0..random.below(3))
                .map(|_| (PRODUCTS[random.below(products)], *random.one(&REQUIREMENTS)))
                .collect();
            // No record names a product twice, or its own.
            let mut seen = BTreeSet::from([product]);
            needs.retain(|(needed, _)| seen.insert(needed));
            memory.add(product, &name, platform, &needs);
            memory.vary_last(random);
        }
        memory
    }

    fn vary_last(&mut self, random: &mut Random) {
        let names: Vec<(ProductName, BuildName)> = self
            .builds
            .iter()
            .map(|(product, candidate)| (product.clone(), candidate.name.clone()))
            .collect();
        let (_, last) = self.builds.last_mut().unwrap();
        last.test = random.once_in(10);
        if random.once_in(6) {
            last.abi = Abi::Exact;
        }
        if random.once_in(10) {
            last.role = *random.one(&[Role::Build, Role::Debug, Role::Doc]);
        }
        if random.once_in(12) {
            let reason = "it crashes".parse::<Text>().unwrap();
            last.withdrawn = Some(Withdrawal { reason, replaced_by: None });
        }
        if random.once_in(6) {
            let need = *random.one(&["3.11.*", ">=3.12"]);
            last.needs.insert("python".to_owned(), need.parse().unwrap());
        }
        for needed in self.run.get_mut(&last.seq).unwrap() {
            let of: Vec<&BuildName> = names
                .iter()
                .filter(|(product, _)| *product == needed.product)
                .map(|(_, name)| name)
                .collect();
            if !of.is_empty() && random.once_in(2) {
                needed.against = Some((*random.one(&of)).clone());
            }
        }
        let seq = last.seq;
        if random.once_in(2) {
            self.stages.insert(seq, *random.one(&[Stage::Test, Stage::Weekly, Stage::Release]));
        }
    }

    /// The same catalog, found in another order.
    pub(super) fn shuffled(&self, random: &mut Random) -> Self {
        let mut builds = self.builds.clone();
        for place in (1..builds.len()).rev() {
            builds.swap(place, random.below(place + 1));
        }
        Self { builds, run: self.run.clone(), stages: self.stages.clone(), read: Cell::new(0) }
    }

    fn of(&self, product: &ProductName) -> Vec<Candidate> {
        let of = self.builds.iter().filter(|(known, _)| known == product);
        of.map(|(_, candidate)| candidate.clone()).collect()
    }
}

/// What is still to be read of a product's builds.
struct InMemory<'a> {
    all: VecDeque<Candidate>,
    read: &'a Cell<usize>,
}

impl Newest for InMemory<'_> {
    fn next(&mut self, most: usize) -> Result<Vec<Candidate>, Error> {
        let found: Vec<Candidate> = self.all.drain(..most.min(self.all.len())).collect();
        self.read.set(self.read.get() + found.len());
        Ok(found)
    }
}

impl Candidates for Memory {
    fn newest<'a>(
        &'a self,
        product: &ProductName,
        asked: Option<&Platform>,
    ) -> Result<Box<dyn Newest + 'a>, Error> {
        let mut all = self.of(product);
        all.retain(|candidate| asked.is_none_or(|asked| candidate.platform.fits(asked)));
        sort(&mut all, asked);
        Ok(Box::new(InMemory { all: all.into(), read: &self.read }))
    }

    fn run(&self, seq: u64) -> Result<Vec<Needed>, Error> {
        Ok(self.run[&seq].clone())
    }

    fn named(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Candidate>, Error> {
        let mut all = self.of(product);
        all.retain(|candidate| candidate.name == *name);
        Ok(all)
    }

    fn listed_by(&self, seq: u64, at_least: Stage) -> Result<Vec<ProductName>, Error> {
        let stage = self.stages.get(&seq).filter(|stage| **stage >= at_least);
        Ok(stage.map(|_| "weekly".parse().unwrap()).into_iter().collect())
    }

    fn listed(&self, _: u64) -> Result<Listed, Error> {
        unreachable!("the solver asks for no lists")
    }

    fn record(&self, _: u64) -> Result<Build, Error> {
        unreachable!("the solver asks for no records")
    }
}

/// A question for some products and nothing else.
pub(super) fn asked(wanted: &[(&str, &str)]) -> Terms {
    let wanted = wanted.iter().map(|(product, requirement)| Wanted {
        product: product.parse().unwrap(),
        requirement: Some(requirement.parse().unwrap()),
        build: None,
    });
    Terms {
        wanted: wanted.collect(),
        platform: "linux-x86_64".parse().unwrap(),
        host: BTreeMap::new(),
        context: None,
        stage: None,
        limit: None,
        with: Vec::new(),
        prefer: Preferences::default(),
        test: false,
        withdrawn: Vec::new(),
    }
}

/// A random question to a catalog.
pub(super) fn terms(random: &mut Random, memory: &Memory) -> Terms {
    let wanted: Vec<(&str, &str)> = (0..1 + random.below(3))
        .map(|_| (random.one(&memory.builds).0.as_str(), *random.one(&REQUIREMENTS)))
        .collect();
    let mut terms = asked(&wanted);
    if random.once_in(8) {
        let (product, candidate) = random.one(&memory.builds);
        terms.wanted.push(Wanted {
            product: product.clone(),
            requirement: None,
            build: Some(candidate.name.clone()),
        });
    }
    if random.once_in(4) {
        terms.platform = random.one(&["linux-x86_64-v1", "any"]).parse().unwrap();
    }
    match random.below(4) {
        0 => drop(terms.host.insert("python".to_owned(), Some("3.11.4".parse().unwrap()))),
        1 => drop(terms.host.insert("python".to_owned(), None)),
        _ => {}
    }
    if random.once_in(3) {
        terms.context = Some(*random.one(&[Context::Operations, Context::Development]));
    }
    if random.once_in(8) {
        terms.stage = Some(*random.one(&[Stage::Test, Stage::Weekly, Stage::Release]));
    }
    if random.once_in(8) {
        terms.limit = Some(listing(random, memory, "limit"));
    }
    for _ in 0..random.below(6).saturating_sub(3) {
        terms.with.push(listing(random, memory, "with"));
    }
    for _ in 0..random.below(8).saturating_sub(4) {
        let (product, candidate) = random.one(&memory.builds);
        let platform = random.once_in(2).then(|| candidate.platform.clone());
        terms.prefer.add(product, candidate.name.clone(), platform);
    }
    terms.test = random.once_in(5);
    terms
}

fn listing(random: &mut Random, memory: &Memory, title: &str) -> Listing {
    let mut builds = BTreeMap::new();
    for _ in 0..1 + random.below(5) {
        let (product, candidate) = random.one(&memory.builds);
        builds.insert(product.clone(), (candidate.name.clone(), candidate.platform.clone()));
    }
    Listing { title: title.to_owned(), builds }
}
