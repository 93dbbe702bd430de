//! Planning: which of some sources must be built, and which binaries there are for the others.
//!
//! The decisions are in `plan/`, over one state of the catalog: which builds may be taken at all
//! (`terms.rs`), which of them is reused (`decide.rs`), why none is (`why.rs`), and how that is said
//! (`words.rs`). What the caller may not read looks as if it had no builds.

mod decide;
mod terms;
#[cfg(test)]
mod tests;
mod why;
mod words;

use std::time::{Duration, Instant};

use larder_schema::plan::PlanFault;
use larder_schema::{PlanAnswer, PlanRequest};

use self::decide::Budget;
use self::terms::Terms;
use super::Registry;
use super::turns::{Asker, Full};
use crate::access::{Caller, Denied, Permission};
use crate::catalog::{self, Stock};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The caller may read nothing at all.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Something is wrong with the list of sources.
    #[error(transparent)]
    Fault(Box<PlanFault>),
    /// The work was given up.
    #[error("{0}")]
    Limit(Limit),
    /// Nobody waits for the answer any more.
    #[error("the question was taken back")]
    Gone,
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
}

impl From<PlanFault> for PlanError {
    fn from(fault: PlanFault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// A limit on the work for one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Time.
    #[error("the plan was given up when its time was over, the limit `plan_seconds`")]
    Time,
    /// Builds that are looked at.
    #[error(
        "more than {0} builds would have to be looked at, the limit `plan_candidates`, which an \
         administrator can raise; the policy `exact` looks at the fewest"
    )]
    Candidates(usize),
    /// Questions that wait for their turn.
    #[error("{0} other questions wait already, the limit `resolve_waiting`; ask again later")]
    Waiting(usize),
}

impl Limit {
    /// The name of the setting.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Time => "plan_seconds",
            Self::Candidates(_) => "plan_candidates",
            Self::Waiting(_) => "resolve_waiting",
        }
    }
}

/// Why the work stopped before its end.
#[derive(Debug)]
enum Stop {
    Catalog(catalog::Error),
    Fault(Box<PlanFault>),
    Limit(Limit),
    Gone,
}

impl From<catalog::Error> for Stop {
    fn from(error: catalog::Error) -> Self {
        Self::Catalog(error)
    }
}

impl From<Stop> for PlanError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Catalog(error) => Self::Catalog(error),
            Stop::Fault(fault) => Self::Fault(fault),
            Stop::Limit(limit) => Self::Limit(limit),
            Stop::Gone => Self::Gone,
        }
    }
}

impl Registry {
    /// What to do for each of these sources, in build order; the same question gets the same answer on
    /// the same catalog.
    pub async fn plan(
        &self,
        caller: &Caller,
        request: PlanRequest,
    ) -> Result<PlanAnswer, PlanError> {
        caller.demand_reader()?;
        let terms = Terms::of(request, &self.inner.config.plan)?;
        let limits = &self.inner.config.limits;
        let (most, waiting) = (limits.plan_candidates, Limit::Waiting(limits.resolve_waiting));
        let turn = self.inner.turns.take().await.map_err(|Full| PlanError::Limit(waiting))?;
        let deadline = Instant::now() + Duration::from_secs(limits.plan_seconds);
        let asker = Asker::default();
        let (gone, caller) = (asker.gone(), caller.clone());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = move |stock: &dyn Stock| {
            let _turn = turn;
            let budget = Budget::new(most, deadline, &gone);
            let may_read = |product: &_| caller.may(Permission::Read(product));
            // When nobody takes it, nobody waits for it.
            drop(sender.send(decide::plan(stock, &terms, &budget, &may_read)));
        };
        self.inner.catalog.with_stock(Box::new(work)).await?;
        Ok(receiver.await.unwrap_or(Err(Stop::Gone))?)
    }
}
