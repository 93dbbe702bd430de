//! Why there is no answer, in words and for programs.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use larder_schema::resolution::{Conflict, Demanded, Unfitting};
use larder_schema::{BuildName, ProductName};

use super::Stop;
use super::pool::{Asks, CandidateAt, Demand, Pool, ProductAt};
use super::solver::Need;
use super::terms::Unfit;
use super::words;
use crate::catalog::candidates::{Candidate, sort};

/// How many products are told where demands meet.
const MOST_PRODUCTS: usize = 5;
/// How many demands on it, and how many builds, programs are told of each.
const MOST_TOLD: usize = 50;
/// How many builds of each that a demand would take are looked at, and read at once.
const MOST_BUILDS: usize = 200;

/// Why nothing meets what was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct NoAnswer {
    /// For people: the first line says it all.
    pub detail: String,
    /// For programs.
    pub conflicts: Vec<Conflict>,
}

/// Tells why these needs exclude each other.
pub(super) fn explain(pool: &Pool<'_>, needs: &[Need]) -> Result<NoAnswer, Stop> {
    let chains = chains(pool, needs);
    let mut meeting = meeting(pool, needs);
    meeting.sort_by_key(|(product, _)| pool.name(*product));
    let more = meeting.len().saturating_sub(MOST_PRODUCTS);
    let mut conflicts = Vec::new();
    for (product, needs) in meeting.into_iter().take(MOST_PRODUCTS) {
        conflicts.push(conflict(pool, product, &needs, &chains)?);
    }
    let detail = words::detail(&conflicts, &pool.terms.platform, more);
    for conflict in &mut conflicts {
        conflict.demands.truncate(MOST_TOLD);
        conflict.demands.iter_mut().for_each(|demanded| demanded.by.truncate(MOST_TOLD));
        conflict.there.truncate(MOST_TOLD);
        conflict.unfit.truncate(MOST_TOLD);
    }
    Ok(NoAnswer { detail, conflicts })
}

/// The products whose demands nothing meets together, with those demands.
fn meeting<'a>(pool: &Pool<'_>, needs: &'a [Need]) -> Vec<(ProductAt, Vec<&'a Need>)> {
    let mut by_product: BTreeMap<ProductAt, Vec<&Need>> = BTreeMap::new();
    for need in needs {
        by_product.entry(need.demand.product).or_default().push(need);
    }
    let all = || by_product.iter().map(|(product, needs)| (*product, needs.clone()));
    let fails = all().map(|(product, needs)| (product, failing(pool, &needs)));
    let fails: Vec<_> = fails.filter(|(_, needs)| !needs.is_empty()).collect();
    if !fails.is_empty() {
        return fails;
    }
    // No two demands alone exclude each other: then it is where several meet.
    let several: Vec<_> = all().filter(|(_, needs)| needs.len() > 1).collect();
    if several.is_empty() { all().collect() } else { several }
}

/// Of the needs of one product those that nothing meets, or else those that are met by no build that
/// meets another.
fn failing<'a>(pool: &Pool<'_>, needs: &[&'a Need]) -> Vec<&'a Need> {
    let met: Vec<BTreeSet<CandidateAt>> =
        needs.iter().map(|need| met(pool, &need.demand)).collect();
    let all = || needs.iter().zip(&met);
    let unmet: Vec<&Need> =
        all().filter(|(_, met)| met.is_empty()).map(|(need, _)| *need).collect();
    if !unmet.is_empty() {
        return unmet;
    }
    // Of one product only one build is there: what two of them need is no contradiction.
    let apart = |one: &Need, two: &Need| match (one.by, two.by) {
        (Some(one), Some(two)) => one == two || pool.product_of(one) != pool.product_of(two),
        _ => true,
    };
    let excluded = all().filter(|(need, met)| {
        all().any(|(other, others)| apart(need, other) && met.is_disjoint(others))
    });
    excluded.map(|(need, _)| *need).collect()
}

fn met(pool: &Pool<'_>, demand: &Demand) -> BTreeSet<CandidateAt> {
    let admits = |at: &CandidateAt| demand.admits(*at, &pool.candidate(*at));
    pool.candidates(demand.product).into_iter().filter(admits).collect()
}

/// For each product how one comes to it from what was asked for.
fn chains(pool: &Pool<'_>, needs: &[Need]) -> BTreeMap<ProductAt, Vec<ProductName>> {
    let mut chains: BTreeMap<ProductAt, Vec<ProductName>> = BTreeMap::new();
    let asked = needs.iter().filter(|need| need.by.is_none());
    let mut open: VecDeque<ProductAt> = VecDeque::new();
    for need in asked {
        let product = need.demand.product;
        if chains.insert(product, vec![pool.name(product)]).is_none() {
            open.push_back(product);
        }
    }
    while let Some(from) = open.pop_front() {
        let made_here =
            needs.iter().filter(|need| need.by.is_some_and(|by| pool.product_of(by) == from));
        let next: BTreeSet<(ProductName, ProductAt)> =
            made_here.map(|need| (pool.name(need.demand.product), need.demand.product)).collect();
        for (name, product) in next {
            if !chains.contains_key(&product) {
                let mut chain = chains[&from].clone();
                chain.push(name);
                chains.insert(product, chain);
                open.push_back(product);
            }
        }
    }
    chains
}

fn conflict(
    pool: &Pool<'_>,
    product: ProductAt,
    needs: &[&Need],
    chains: &BTreeMap<ProductAt, Vec<ProductName>>,
) -> Result<Conflict, Stop> {
    let name = pool.name(product);
    let there: Vec<BuildName> =
        pool.candidates(product).into_iter().map(|at| pool.candidate(at).name.clone()).collect();
    let (meant, is_known) = meant(pool, &name, needs)?;
    let mut unfit = Vec::new();
    for candidate in &meant {
        // That there is no answer is known: when time is over, why not is told less fully.
        if pool.go_on().is_err() {
            break;
        }
        if let Some(reason) = reason(pool, &name, candidate, needs)? {
            unfit.push(Unfitting {
                build: candidate.name.clone(),
                platform: candidate.platform.clone(),
                reason,
            });
        }
    }
    let unmet = needs.iter().any(|need| met(pool, &need.demand).is_empty());
    let mut seen = HashSet::new();
    Ok(Conflict {
        demands: demanded(pool, needs, chains),
        is_known,
        unmet,
        there: there.into_iter().filter(|build| seen.insert(build.clone())).collect(),
        unfit,
        product: name,
    })
}

/// Builds of a product for all platforms that a demand would take, the newest first, and those that
/// were asked for by name; and whether there is any build of it at all.
///
/// That there is no answer is known by now: of builds that no demand would take, only a share of what
/// a resolution may read is passed over.
fn meant(
    pool: &Pool<'_>,
    name: &ProductName,
    needs: &[&Need],
) -> Result<(Vec<Candidate>, bool), Stop> {
    let is_meant =
        |candidate: &Candidate| admits(needs, candidate) || other_abi(needs, candidate).is_some();
    let by_name: BTreeSet<&BuildName> = needs.iter().filter_map(named).collect();
    let mut left = match needs.iter().all(|need| named(need).is_some()) {
        // Then no other would be taken.
        true => 1,
        false => (pool.most() / MOST_PRODUCTS).max(MOST_BUILDS),
    };
    let (mut meant, mut is_known): (Vec<Candidate>, _) = (Vec::new(), false);
    let mut newest = pool.source().newest(name, None)?;
    while meant.len() < MOST_BUILDS && left > 0 && pool.go_on().is_ok() {
        let page = newest.next(left.min(MOST_BUILDS))?;
        if page.is_empty() {
            break;
        }
        (is_known, left) = (true, left - page.len());
        meant.extend(page.into_iter().filter(is_meant));
    }
    meant.truncate(MOST_BUILDS);
    for build in by_name {
        let found = pool.source().named(name, build)?;
        let is_new = |one: &Candidate| meant.iter().all(|known| known.seq != one.seq);
        let found: Vec<Candidate> = found.into_iter().filter(is_new).collect();
        meant.extend(found);
    }
    sort(&mut meant, Some(&pool.terms.platform));
    Ok((meant, is_known))
}

fn named<'a>(need: &&'a Need) -> Option<&'a BuildName> {
    match &need.demand.asks {
        Asks::For { build, .. } => build.as_ref(),
        Asks::OneOf(_) => None,
    }
}

/// Whether a demand would take a build. No place in the pool is asked for here, but versions and names.
fn admits(needs: &[&Need], candidate: &Candidate) -> bool {
    needs.iter().any(|need| need.demand.admits(CandidateAt::MAX, candidate))
}

fn other_abi(needs: &[&Need], candidate: &Candidate) -> Option<String> {
    words::other_abi(candidate, needs.iter().map(|need| &need.demand.asks))
}

/// Why a build that a demand would have taken may not be taken.
fn reason(
    pool: &Pool<'_>,
    name: &ProductName,
    candidate: &Candidate,
    needs: &[&Need],
) -> Result<Option<String>, Stop> {
    if !admits(needs, candidate) {
        return Ok(other_abi(needs, candidate));
    }
    let unfit = match (pool.terms.unfit(name, candidate), pool.terms.stage) {
        (None, Some(stage)) if !pool.has_stage(name, candidate)? => Some(Unfit::Stage(stage)),
        (unfit, _) => unfit,
    };
    Ok(unfit.map(|unfit| words::unfit(&unfit)))
}

/// The demands on a product: who makes them, and how one comes there.
fn demanded(
    pool: &Pool<'_>,
    needs: &[&Need],
    chains: &BTreeMap<ProductAt, Vec<ProductName>>,
) -> Vec<Demanded> {
    let mut needs = needs.to_vec();
    needs.sort_by_key(|need| {
        let by = need.by?;
        pool.candidates(pool.product_of(by)).into_iter().position(|at| at == by)
    });
    let mut demands: BTreeMap<(Vec<ProductName>, String), Demanded> = BTreeMap::new();
    for need in needs {
        let Asks::For { requirement, against, build } = &need.demand.asks else { continue };
        let chain = need.by.and_then(|by| chains.get(&pool.product_of(by))).cloned();
        let chain = chain.unwrap_or_default();
        let key = (chain.clone(), format!("{requirement:?} {against:?} {build:?}"));
        let demanded = demands.entry(key).or_insert_with(|| Demanded {
            chain,
            by: Vec::new(),
            requirement: requirement.clone(),
            built_against: against.clone(),
            build: build.clone(),
        });
        demanded.by.extend(need.by.map(|by| pool.candidate(by).name.clone()));
        demanded.by.dedup();
    }
    demands.into_values().collect()
}
