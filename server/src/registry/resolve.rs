//! Resolving: which builds meet some requirements, together with all that they need.
//!
//! The solver is resolvo, over the candidates of one state of the catalog (`resolve/`). Who may read
//! what is decided before it: it never sees a product that the caller may not read.

mod asked;
mod explain;
mod pool;
mod search;
mod solver;
mod terms;
#[cfg(test)]
mod tests;
mod visible;
mod words;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use larder_schema::closure::install_order;
use larder_schema::{ProductName, ResolveAnswer, ResolveRequest};

pub use explain::NoAnswer;

use self::pool::{Budget, CandidateAt, Pool};
use self::solver::{Choice, Outcome};
use self::terms::Terms;
use self::visible::Visible;
use super::Registry;
use super::distribute::DistributionError;
use super::turns::{Asker, Full};
use crate::access::{Caller, Denied};
use crate::catalog::{self, Candidates};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The caller may read nothing at all.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A distribution that the question names is not there.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// A distribution is named without saying which of its versions.
    #[error("of `{name}` neither a version, a tag nor a digest is given")]
    NoVersion {
        /// The distribution.
        name: ProductName,
    },
    /// More than one question may ask.
    #[error("{count} {what} are more than the {most} that one question may have ({limit})")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many may be.
        most: usize,
        /// The limit's name.
        limit: &'static str,
    },
    /// No builds meet the requirements.
    #[error(transparent)]
    NoAnswer(Box<NoAnswer>),
    /// The work was given up; whether there is an answer is not known.
    #[error("{0}")]
    Limit(Limit),
    /// Nobody waits for the answer any more.
    #[error("the question was taken back")]
    Gone,
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
}

/// A limit on the work for one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Steps of the solver.
    #[error(
        "the solver gave up after {0} steps, the limit `resolve_steps`; whether there is an answer \
         is not known. Narrower requirements take fewer steps"
    )]
    Steps(u64),
    /// Time.
    #[error(
        "the solver gave up when its time was over, the limit `resolve_seconds`; whether there is \
         an answer is not known. Narrower requirements take less time"
    )]
    Time,
    /// Questions that wait for their turn.
    #[error("{0} other questions wait already, the limit `resolve_waiting`; ask again later")]
    Waiting(usize),
    /// Builds that are read.
    #[error(
        "more than {0} builds would have to be looked at, the limit `resolve_candidates`; whether \
         there is an answer is not known. Narrower requirements need fewer"
    )]
    Candidates(usize),
}

impl Limit {
    /// The name of the setting.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Steps(_) => "resolve_steps",
            Self::Time => "resolve_seconds",
            Self::Candidates(_) => "resolve_candidates",
            Self::Waiting(_) => "resolve_waiting",
        }
    }
}

/// Why the work stopped before its end.
#[derive(Debug)]
enum Stop {
    Catalog(catalog::Error),
    Limit(Limit),
    Gone,
}

impl Stop {
    /// Whether it is a limit on the work: then what is known already is better than nothing.
    fn is_limit(&self) -> bool {
        match self {
            Self::Limit(_) => true,
            Self::Catalog(_) | Self::Gone => false,
        }
    }
}

impl From<catalog::Error> for Stop {
    fn from(error: catalog::Error) -> Self {
        Self::Catalog(error)
    }
}

impl From<Stop> for ResolveError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Catalog(error) => Self::Catalog(error),
            Stop::Limit(limit) => Self::Limit(limit),
            Stop::Gone => Self::Gone,
        }
    }
}

impl Registry {
    /// Which builds meet these requirements, with all that they need to run.
    ///
    /// The same question gets the same answer on the same catalog, unless its time was over while a
    /// better one was looked for.
    pub async fn resolve(
        &self,
        caller: &Caller,
        request: ResolveRequest,
    ) -> Result<ResolveAnswer, ResolveError> {
        caller.demand_reader()?;
        let limits = self.inner.config.limits.clone();
        asked::demand_few(&request, &limits)?;
        let records = request.records;
        // A resolution may take a processor for long: few do at once, and reads go on beside them.
        let waiting = Limit::Waiting(limits.resolve_waiting);
        let turn = self.inner.turns.take().await.map_err(|Full| ResolveError::Limit(waiting))?;
        let deadline = Instant::now() + Duration::from_secs(limits.resolve_seconds);
        let terms = tokio::time::timeout_at(deadline.into(), self.terms(caller, request));
        let terms = terms.await.map_err(|_| ResolveError::Limit(Limit::Time))??;
        let asker = Asker::default();
        let (gone, caller) = (asker.gone(), caller.clone());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = move |source: &dyn Candidates| {
            let _turn = turn;
            let budget = Budget {
                steps: limits.resolve_steps,
                candidates: limits.resolve_candidates,
                deadline,
                gone: &gone,
            };
            let source = Visible { source, caller: &caller };
            // When nobody takes it, nobody waits for it.
            drop(sender.send(resolve(&source, &terms, budget, records)));
        };
        self.inner.catalog.with_candidates(Box::new(work)).await?;
        receiver.await.unwrap_or(Err(ResolveError::Gone))
    }
}

/// Answers a question from candidates.
fn resolve(
    source: &dyn Candidates,
    terms: &Terms,
    budget: Budget<'_>,
    records: bool,
) -> Result<ResolveAnswer, ResolveError> {
    let pool = Pool::new(source, terms, budget);
    match search::search(&pool)? {
        Outcome::None(needs) => {
            Err(ResolveError::NoAnswer(Box::new(explain::explain(&pool, &needs)?)))
        }
        Outcome::Answer(choice) => answer(&pool, &choice, records),
    }
}

/// The builds in install order.
fn answer(pool: &Pool<'_>, choice: &Choice, records: bool) -> Result<ResolveAnswer, ResolveError> {
    let chosen: BTreeMap<ProductName, CandidateAt> =
        choice.iter().map(|(product, at)| (pool.name(*product), *at)).collect();
    let needs: Vec<_> = chosen.values().map(|at| pool.run(*at)).collect();
    if let Some(stop) = pool.stopped() {
        return Err(stop.into());
    }
    let needed = needs.iter().map(|run| run.iter().map(|needed| &needed.product).collect());
    let order = install_order(chosen.keys().zip(needed).collect());
    let mut answer = ResolveAnswer {
        withdrawn_distributions: pool.terms.withdrawn.clone(),
        records: records.then(Vec::new),
        ..ResolveAnswer::default()
    };
    for product in order {
        let candidate = pool.candidate(chosen[product]);
        let listed = pool.source().listed(candidate.seq)?;
        answer.withdrawn.extend(candidate.withdrawn.clone().map(|it| it.of(listed.key())));
        answer.builds.push(listed);
        if let Some(records) = &mut answer.records {
            records.push(pool.source().record(candidate.seq)?);
        }
    }
    Ok(answer)
}
