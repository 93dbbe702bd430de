//! From a question to the best answer, or to the few demands that have none.

use std::collections::HashSet;

use super::Stop;
use super::pool::{Asks, CandidateAt, Demand, Pool, ProductAt};
use super::solver::{Choice, Need, Outcome, needs_of, solve};

/// Looks for the best answer: what was asked for first is as good as it can be, then what was asked
/// for next, and so on; then what is preferred is taken wherever it can be; then all else, by name,
/// is as new as those who need it let it be.
pub(super) fn search(pool: &Pool<'_>) -> Result<Outcome, Stop> {
    match first_of_all(pool, &demands(pool))? {
        Some(choice) => Ok(Outcome::Answer(choice)),
        None => by_solver(pool),
    }
}

/// The same without a look at whether the first builds of all go together.
pub(super) fn by_solver(pool: &Pool<'_>) -> Result<Outcome, Stop> {
    let demands = demands(pool);
    let found = solve(pool, &demands, &[])?;
    pool.spare_steps();
    match found {
        Outcome::Answer(choice) => Ok(Outcome::Answer(improve(pool, &demands, choice)?)),
        Outcome::None(needs) => Ok(Outcome::None(essence(pool, &demands, needs)?)),
    }
}

/// The build that comes first of each product, where these go together: nothing is better than that,
/// and mostly it is so.
fn first_of_all(pool: &Pool<'_>, demands: &[Demand]) -> Result<Option<Choice>, Stop> {
    let mut choice = Choice::new();
    let mut open = demands.to_vec();
    while let Some(demand) = open.pop() {
        pool.go_on()?;
        let first = match choice.get(&demand.product) {
            Some(first) => Some(*first),
            None => pool.list(demand.product).first().copied(),
        };
        if let Some(stop) = pool.stopped() {
            return Err(stop);
        }
        let Some(first) = first.filter(|at| demand.admits(*at, &pool.candidate(*at))) else {
            return Ok(None);
        };
        if choice.insert(demand.product, first).is_none() {
            open.extend(needs_of(pool, first));
        }
    }
    Ok(Some(choice))
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
fn improve(pool: &Pool<'_>, demands: &[Demand], choice: Choice) -> Result<Choice, Stop> {
    let mut better = Better { pool, demands, choice, held: Vec::new(), settled: HashSet::new() };
    match better.settle_all() {
        // There is an answer; that a better one may be there is no reason to give none.
        Err(stop) if !stop.is_limit() => Err(stop),
        Ok(()) | Err(_) => Ok(better.choice),
    }
}

/// An answer that gets better, one product after the other.
struct Better<'a, 'p> {
    pool: &'a Pool<'p>,
    demands: &'a [Demand],
    choice: Choice,
    /// What the products that were settled must stay.
    held: Vec<Demand>,
    settled: HashSet<ProductAt>,
}

/// What may come of a product whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It was asked for: whatever comes before what was chosen.
    Asked,
    /// A build of it is preferred: that one.
    Preferred,
    /// Any other: what those who need it let it be.
    Other,
}

impl Better<'_, '_> {
    fn settle_all(&mut self) -> Result<(), Stop> {
        let pool = self.pool;
        for demand in self.demands {
            self.settle(demand.product, Turn::Asked)?;
        }
        for preferred in &pool.terms.prefer.products {
            self.settle(pool.product(preferred), Turn::Preferred)?;
        }
        while self.settle_by_name()? {}
        Ok(())
    }

    /// Settles products by name until the answer changes; `false` when all are settled.
    fn settle_by_name(&mut self) -> Result<bool, Stop> {
        let open = self.choice.keys().filter(|product| !self.settled.contains(product));
        let mut open: Vec<_> = open.map(|product| (self.pool.name(*product), *product)).collect();
        open.sort();
        for (_, product) in open {
            if self.settle(product, Turn::Other)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes a product as good as it can be, and holds it there; answers whether that changed the
    /// answer.
    fn settle(&mut self, product: ProductAt, turn: Turn) -> Result<bool, Stop> {
        if !self.choice.contains_key(&product) || !self.settled.insert(product) {
            return Ok(false);
        }
        let mut changed = false;
        while let Some(chosen) = self.choice.get(&product) {
            let better = self.better(*chosen, turn);
            if better.is_empty() {
                break;
            }
            self.held.push(Demand { product, asks: Asks::OneOf(better) });
            let again = solve(self.pool, self.demands, &self.held);
            self.held.pop();
            match again? {
                Outcome::Answer(found) if found.contains_key(&product) => {
                    self.choice = found;
                    changed = true;
                }
                Outcome::Answer(_) | Outcome::None(_) => break,
            }
        }
        if let Some(chosen) = self.choice.get(&product) {
            self.held.push(Demand { product, asks: Asks::OneOf(vec![*chosen]) });
        }
        Ok(changed)
    }

    /// What would be better than the candidate that was chosen.
    fn better(&self, chosen: CandidateAt, turn: Turn) -> Vec<CandidateAt> {
        let product = self.pool.product_of(chosen);
        let mut better = self.pool.candidates(product);
        better.truncate(better.iter().position(|at| *at == chosen).unwrap_or(0));
        if better.is_empty() {
            return better;
        }
        let name = self.pool.name(product);
        let mut demands = self.demands.to_vec();
        if turn == Turn::Other {
            demands.extend(self.choice.values().flat_map(|at| needs_of(self.pool, *at)));
        }
        demands.retain(|demand| demand.product == product);
        better.retain(|at| {
            let candidate = self.pool.candidate(*at);
            let is_preferred = || self.pool.terms.preferred(&name, &candidate).is_some();
            demands.iter().all(|demand| demand.admits(*at, &candidate))
                && (turn != Turn::Preferred || is_preferred())
        });
        better
    }
}

/// Of demands without an answer a few that have none already, and why; of several such few, those
/// that were asked for first.
///
/// At any time the core and the rest have no answer together, for the reason that is held.
fn essence(pool: &Pool<'_>, demands: &[Demand], mut needs: Vec<Need>) -> Result<Vec<Need>, Stop> {
    let mut core: Vec<Demand> = Vec::new();
    let mut rest = demands;
    while !rest.is_empty() {
        // How many of the rest are the fewest that have no answer together with the core: the last
        // of them is part of what is looked for.
        let (mut few, mut enough) = (1, rest.len());
        while few < enough {
            let half = few.midpoint(enough);
            let tried: Vec<Demand> = core.iter().chain(&rest[..half]).cloned().collect();
            match briefly(pool, &tried)? {
                Some(Outcome::Answer(_)) => few = half + 1,
                Some(Outcome::None(found)) => (enough, needs) = (half, found),
                None => return Ok(needs),
            }
        }
        core.push(rest[enough - 1].clone());
        rest = &rest[..enough - 1];
        if !rest.is_empty() {
            match briefly(pool, &core)? {
                Some(Outcome::Answer(_)) => {}
                Some(Outcome::None(found)) => return Ok(found),
                None => return Ok(needs),
            }
        }
    }
    Ok(needs)
}

/// Nothing when a limit is reached: it is known that there is no answer, and why is then told
/// less briefly.
fn briefly(pool: &Pool<'_>, demands: &[Demand]) -> Result<Option<Outcome>, Stop> {
    match solve(pool, demands, &[]) {
        Err(stop) if stop.is_limit() => Ok(None),
        solved => solved.map(Some),
    }
}
