//! From a question to the best answer, or to the few demands that have none.

use std::collections::HashSet;

use super::pool::{Asks, CandidateAt, Demand, Pool, ProductAt};
use super::solver::{Choice, Need, Outcome, needs_of, solve};
use super::{Limit, Stop};

/// Looks for the best answer: what was asked for first is as good as it can be, then what was asked
/// for next, and so on; then what is preferred is taken wherever it can be; then all else, by name,
/// is as new as those who need it let it be.
pub(super) fn search(pool: &Pool<'_>) -> Result<Outcome, Stop> {
    let demands = demands(pool);
    match solve(pool, &demands, &[])? {
        Outcome::Answer(choice) => Ok(Outcome::Answer(improve(pool, &demands, choice)?)),
        Outcome::None(needs) => Ok(Outcome::None(essence(pool, &demands, needs)?)),
    }
}

fn demands(pool: &Pool<'_>) -> Vec<Demand> {
    let wanted = pool.terms.wanted.iter();
    wanted
        .map(|wanted| Demand {
            product: pool.product(&wanted.product),
            asks: Asks::For {
                requirement: wanted.requirement.clone(),
                against: None,
                build: wanted.build.clone(),
            },
        })
        .collect()
}

/// A solver takes the newest it can, but gives way where it first sees a conflict; this takes it
/// back where another could have given way.
fn improve(pool: &Pool<'_>, demands: &[Demand], mut choice: Choice) -> Result<Choice, Stop> {
    let mut held: Vec<Demand> = Vec::new();
    let mut decided: HashSet<ProductAt> = HashSet::new();
    while let Some((product, turn)) = next(pool, demands, &choice, &decided) {
        decided.insert(product);
        while let Some(chosen) = choice.get(&product) {
            let better = better(pool, demands, &choice, *chosen, turn);
            if better.is_empty() {
                break;
            }
            held.push(Demand { product, asks: Asks::OneOf(better) });
            let again = solve(pool, demands, &held);
            held.pop();
            match again {
                Ok(Outcome::Answer(found)) if found.contains_key(&product) => choice = found,
                Ok(_) => break,
                // There is an answer; that a better one may be there is no reason to give none.
                Err(Stop::Limit(Limit::Steps(_))) => return Ok(choice),
                Err(stop) => return Err(stop),
            }
        }
        if let Some(chosen) = choice.get(&product) {
            held.push(Demand { product, asks: Asks::OneOf(vec![*chosen]) });
        }
    }
    Ok(choice)
}

/// Whose turn it is to be as good as it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// What was asked for.
    Asked,
    /// Products of which a build is preferred.
    Preferred,
    /// All others.
    Other,
}

/// The next product to be decided: requests in order, preferred builds in order, then by name.
fn next(
    pool: &Pool<'_>,
    demands: &[Demand],
    choice: &Choice,
    decided: &HashSet<ProductAt>,
) -> Option<(ProductAt, Turn)> {
    let is_open = |product: &ProductAt| choice.contains_key(product) && !decided.contains(product);
    let mut asked = demands.iter().map(|demand| demand.product);
    let mut preferred = pool.terms.prefer.iter().map(|one| pool.product(&one.product));
    let by_name = || {
        let open = choice.keys().copied().filter(is_open);
        open.min_by_key(|product| pool.name(*product)).map(|product| (product, Turn::Other))
    };
    asked
        .find(is_open)
        .map(|product| (product, Turn::Asked))
        .or_else(|| preferred.find(is_open).map(|product| (product, Turn::Preferred)))
        .or_else(by_name)
}

/// What would be better than the candidate that was chosen: for what was asked for and for what is
/// preferred whatever comes before it, else only what those who need it let it be.
fn better(
    pool: &Pool<'_>,
    demands: &[Demand],
    choice: &Choice,
    chosen: CandidateAt,
    turn: Turn,
) -> Vec<CandidateAt> {
    let product = pool.product_of(chosen);
    let name = pool.name(product);
    let mut better = pool.candidates(product);
    better.truncate(better.iter().position(|at| *at == chosen).unwrap_or(0));
    if better.is_empty() {
        return better;
    }
    let mut made: Vec<Demand> =
        demands.iter().filter(|demand| demand.product == product).cloned().collect();
    if turn == Turn::Other {
        let needs = choice.values().flat_map(|at| needs_of(pool, *at));
        made.extend(needs.filter(|demand| demand.product == product));
    }
    better.retain(|at| {
        let candidate = pool.candidate(*at);
        let is_preferred = || pool.terms.preferred(&name, &candidate).is_some();
        made.iter().all(|demand| demand.admits(*at, &candidate))
            && (turn != Turn::Preferred || is_preferred())
    });
    better
}

/// Of demands without an answer a few that have none already, and why; of several such few, those
/// that were asked for first.
fn essence(pool: &Pool<'_>, demands: &[Demand], mut needs: Vec<Need>) -> Result<Vec<Need>, Stop> {
    let mut core: Vec<Demand> = Vec::new();
    let mut rest = demands;
    loop {
        // The fewest of the rest that have no answer together with the core; the last of them is
        // part of every such few.
        let (mut some, mut all) = (0, rest.len());
        while some < all {
            let half = some.midpoint(all);
            let tried: Vec<Demand> = core.iter().chain(&rest[..half]).cloned().collect();
            match solve(pool, &tried, &[]) {
                Ok(Outcome::Answer(_)) => some = half + 1,
                Ok(Outcome::None(found)) => (all, needs) = (half, found),
                // It is known that there is no answer; why is told less briefly.
                Err(Stop::Limit(Limit::Steps(_))) => return Ok(needs),
                Err(stop) => return Err(stop),
            }
        }
        let Some(last) = all.checked_sub(1) else { return Ok(needs) };
        core.push(rest[last].clone());
        rest = &rest[..last];
        if let Outcome::None(found) = solve(pool, &core, &[])? {
            return Ok(found);
        }
    }
}
