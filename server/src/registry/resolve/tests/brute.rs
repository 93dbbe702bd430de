//! The same question answered by trying everything; written from the contract and not from the
//! resolver.

use std::collections::BTreeMap;

use larder_schema::record::{Abi, Role};
use larder_schema::{Context, Platform, ProductName, newest_first};

use super::catalog::Memory;
use crate::catalog::candidates::Candidate;
use crate::registry::resolve::terms::{Listing, Terms};

type Closure = BTreeMap<ProductName, Candidate>;

fn lists(listing: &Listing, product: &ProductName, candidate: &Candidate) -> bool {
    listing.builds.get(product) == Some(&(candidate.name.clone(), candidate.platform.clone()))
}

/// Whether a build may be in an answer at all.
pub(super) fn may_be_taken(
    memory: &Memory,
    terms: &Terms,
    product: &ProductName,
    candidate: &Candidate,
) -> bool {
    let fixed: Vec<&Listing> =
        terms.with.iter().filter(|listing| listing.builds.contains_key(product)).collect();
    let here = candidate.platform.fits(&terms.platform)
        && candidate.needs.iter().all(|(what, need)| match terms.host.get(what) {
            None => true,
            Some(None) => false,
            Some(Some(version)) => need.is_met_by(version.as_str()),
        });
    let admitted = terms.context != Some(Context::Operations)
        || (candidate.role != Role::Build && candidate.role != Role::Debug);
    if !here || !admitted {
        return false;
    }
    if !fixed.is_empty() {
        return fixed.into_iter().all(|listing| lists(listing, product, candidate));
    }
    let in_limit = terms.limit.as_ref().map(|limit| lists(limit, product, candidate));
    let is_named = terms
        .wanted
        .iter()
        .any(|wanted| wanted.product == *product && wanted.build.as_ref() == Some(&candidate.name));
    let test = !candidate.test || terms.test || is_named || in_limit == Some(true);
    let has_stage = terms.stage.is_none_or(|at_least| {
        memory.stages.get(&candidate.seq).is_some_and(|stage| *stage >= at_least)
    });
    candidate.withdrawn.is_none() && test && in_limit != Some(false) && has_stage
}

/// What is not met, if anything is not.
pub(super) fn unmet(memory: &Memory, terms: &Terms, closure: &Closure) -> Option<String> {
    for wanted in &terms.wanted {
        let met = closure.get(&wanted.product).is_some_and(|found| {
            wanted.requirement.as_ref().is_none_or(|one| one.matches(&found.name.version))
                && wanted.build.as_ref().is_none_or(|build| *build == found.name)
        });
        if !met {
            return Some(format!("{wanted:?} is not met"));
        }
    }
    for (product, candidate) in closure {
        for needed in &memory.run[&candidate.seq] {
            let met = closure.get(&needed.product).is_some_and(|found| {
                needed.requirement.matches(&found.name.version)
                    && (found.abi == Abi::Semver
                        || needed.against.as_ref().is_none_or(|one| *one == found.name))
            });
            if !met {
                return Some(format!("{product} needs {needed:?}"));
            }
        }
    }
    None
}

/// How good an answer is: for each product that was asked for, in that order, at which place of its
/// builds it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Best(Vec<usize>);

impl Best {
    pub(super) fn of(memory: &Memory, terms: &Terms, closure: &Closure) -> Self {
        let place = |product: &ProductName| {
            let order = order(memory, terms, product);
            let chosen = &closure[product];
            order.iter().position(|one| one.seq == chosen.seq).unwrap()
        };
        Self(terms.wanted.iter().map(|wanted| place(&wanted.product)).collect())
    }
}

/// The builds of a product as they are to be tried: preferred ones, then the newest, then for the
/// platform itself before its variants before any.
fn order(memory: &Memory, terms: &Terms, product: &ProductName) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = memory
        .builds
        .iter()
        .filter(|(known, candidate)| known == product && candidate.platform.fits(&terms.platform))
        .map(|(_, candidate)| candidate.clone())
        .collect();
    let rank = |candidate: &Candidate| {
        let own = candidate.platform == terms.platform;
        (!own, candidate.platform == Platform::Any, candidate.platform.clone())
    };
    newest_first(
        &mut all,
        |candidate| (candidate.name.clone(), candidate.seq),
        |one, two| rank(one).cmp(&rank(two)),
    );
    all.sort_by_key(|candidate| terms.preferred(product, candidate).unwrap_or(usize::MAX));
    all
}

/// The best of all answers, by trying everything that is reached.
pub(super) fn best(memory: &Memory, terms: &Terms) -> Option<Best> {
    let mut best = None;
    let mut chosen = Closure::new();
    let open: Vec<ProductName> =
        terms.wanted.iter().rev().map(|wanted| wanted.product.clone()).collect();
    try_all(memory, terms, open, &mut chosen, &mut best);
    best
}

fn try_all(
    memory: &Memory,
    terms: &Terms,
    mut open: Vec<ProductName>,
    chosen: &mut Closure,
    best: &mut Option<Best>,
) {
    let product = loop {
        match open.pop() {
            None => {
                if unmet(memory, terms, chosen).is_none() {
                    let found = Best::of(memory, terms, chosen);
                    if best.as_ref().is_none_or(|best| found < *best) {
                        *best = Some(found);
                    }
                }
                return;
            }
            Some(product) if !chosen.contains_key(&product) => break product,
            Some(_) => {}
        }
    };
    for candidate in order(memory, terms, &product) {
        if may_be_taken(memory, terms, &product, &candidate) {
            let mut open = open.clone();
            open.extend(memory.run[&candidate.seq].iter().map(|needed| needed.product.clone()));
            chosen.insert(product.clone(), candidate);
            try_all(memory, terms, open, chosen, best);
            chosen.remove(&product);
        }
    }
}
