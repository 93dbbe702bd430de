//! One question to the solver: builds for these demands, or the demands that exclude each other.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use resolvo::conflict::{ConflictCause, ConflictEdge, ConflictGraph, ConflictNode};
use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, Dependencies, DependencyProvider,
    Interner, KnownDependencies, NameId, Problem, Requirement, SolvableId, Solver, SolverCache,
    StringId, UnsolvableOrCancelled, VersionSetId, VersionSetUnionId,
};

use super::Stop;
use super::pool::{Asks, CandidateAt, Demand, Pool, ProductAt};

/// What the solver found.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A build for each product that is reached from the demands.
    Answer(Choice),
    /// None; these needs exclude each other.
    None(Vec<Need>),
}

/// The build of each product.
pub(super) type Choice = BTreeMap<ProductAt, CandidateAt>;

/// A demand, and the build that makes it; none: it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Need {
    pub(super) by: Option<CandidateAt>,
    pub(super) demand: Demand,
}

/// Looks for builds that meet `demands` and all that they need, where the products that `held` names
/// have the builds that it admits.
pub(super) fn solve(pool: &Pool<'_>, demands: &[Demand], held: &[Demand]) -> Result<Outcome, Stop> {
    loop {
        pool.begin();
        let provider = Provider { pool, demands: RefCell::default(), is_stale: Cell::new(false) };
        let requirements = demands.iter().map(|demand| provider.required(demand)).collect();
        let constraints = held.iter().map(|demand| provider.set(demand)).collect();
        let mut solver = Solver::new(provider);
        let problem = Problem::new().requirements(requirements).constraints(constraints);
        let solved = solver.solve(problem);
        if let Some(stop) = pool.stopped() {
            return Err(stop);
        }
        let is_stale = solver.provider().is_stale.get();
        match solved {
            _ if is_stale => {}
            Ok(chosen) => return Ok(Outcome::Answer(reached(pool, demands, &chosen))),
            Err(UnsolvableOrCancelled::Cancelled(_)) => return Err(Stop::Gone),
            Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
                let (needs, products) = solver.provider().told(&conflict.graph(&solver));
                let cut: Vec<ProductAt> =
                    products.into_iter().filter(|product| pool.is_cut(*product)).collect();
                if cut.is_empty() {
                    return Ok(Outcome::None(needs));
                }
                // What was not read may have the answer.
                cut.into_iter().try_for_each(|product| pool.widen(product))?;
            }
        }
    }
}

/// Of the builds that the solver chose those that the demands lead to.
fn reached(pool: &Pool<'_>, demands: &[Demand], chosen: &[SolvableId]) -> Choice {
    let chosen: HashMap<ProductAt, CandidateAt> = chosen
        .iter()
        .map(|solvable| (pool.product_of(solvable.into_raw()), solvable.into_raw()))
        .collect();
    let mut open: Vec<ProductAt> = demands.iter().map(|demand| demand.product).collect();
    let mut choice = Choice::new();
    while let Some(product) = open.pop() {
        if let Some(at) = chosen.get(&product)
            && choice.insert(product, *at).is_none()
        {
            open.extend(pool.run(*at).iter().map(|needed| pool.product(&needed.product)));
        }
    }
    choice
}

/// The demands that a candidate makes.
pub(super) fn needs_of(pool: &Pool<'_>, at: CandidateAt) -> Vec<Demand> {
    let run = pool.run(at);
    let needs = run.iter().map(|needed| Demand {
        product: pool.product(&needed.product),
        asks: Asks::For {
            requirement: Some(needed.requirement.clone()),
            against: needed.against.clone(),
            build: None,
        },
    });
    needs.collect()
}

/// The pool in the solver's words: products are names, candidates solvables, demands version sets.
struct Provider<'a, 'p> {
    pool: &'a Pool<'p>,
    demands: RefCell<Demands>,
    /// Whether a list grew after the solver had it.
    is_stale: Cell<bool>,
}

#[derive(Default)]
struct Demands {
    all: Vec<Demand>,
    places: HashMap<Demand, u32>,
}

impl Provider<'_, '_> {
    fn set(&self, demand: &Demand) -> VersionSetId {
        let mut demands = self.demands.borrow_mut();
        if let Some(place) = demands.places.get(demand) {
            return VersionSetId(*place);
        }
        let place = u32::try_from(demands.all.len()).unwrap_or(u32::MAX);
        demands.all.push(demand.clone());
        demands.places.insert(demand.clone(), place);
        VersionSetId(place)
    }

    fn required(&self, demand: &Demand) -> ConditionalRequirement {
        match self.pool.look_for(demand) {
            Ok(grew) => self.is_stale.set(self.is_stale.get() || grew),
            Err(stop) => self.pool.stop(stop),
        }
        let requirement = Requirement::Single(self.set(demand));
        ConditionalRequirement { condition: None, requirement }
    }

    fn demand(&self, set: VersionSetId) -> Demand {
        self.demands.borrow().all[set.0 as usize].clone()
    }

    /// The needs that a conflict is made of, each once, and all products that it rests on.
    fn told(&self, conflict: &ConflictGraph<SolvableId>) -> (Vec<Need>, BTreeSet<ProductAt>) {
        let graph = &conflict.graph;
        let mut needs = Vec::new();
        let mut products = BTreeSet::new();
        for edge in graph.edge_indices() {
            let (Some((from, _)), Some(weight)) =
                (graph.edge_endpoints(edge), graph.edge_weight(edge))
            else {
                continue;
            };
            let by = match graph[from] {
                ConflictNode::Solvable(solvable) => Some(solvable.into_raw()),
                ConflictNode::Root
                | ConflictNode::UnresolvedDependency
                | ConflictNode::Excluded(_) => None,
            };
            products.extend(by.map(|by| self.pool.product_of(by)));
            match weight {
                ConflictEdge::Requires(Requirement::Single(set)) => {
                    let demand = self.demand(*set);
                    products.insert(demand.product);
                    needs.push(Need { by, demand });
                }
                ConflictEdge::Conflict(ConflictCause::Constrains(set)) => {
                    products.insert(self.demand(*set).product);
                }
                ConflictEdge::Requires(Requirement::Union(_)) | ConflictEdge::Conflict(_) => {}
            }
        }
        let mut seen = std::collections::HashSet::new();
        needs.retain(|need| seen.insert(need.clone()));
        (needs, products)
    }
}

impl Interner for Provider<'_, '_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        let at = solvable.into_raw();
        format!("{}@{}", self.pool.name(self.pool.product_of(at)), self.pool.candidate(at).name)
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        self.pool.name(name.into_raw())
    }

    fn display_version_set(&self, set: VersionSetId) -> impl Display + '_ {
        match self.demand(set).asks {
            Asks::For { requirement: Some(requirement), .. } => requirement.to_string(),
            Asks::For { .. } | Asks::OneOf(_) => String::new(),
        }
    }

    fn display_string(&self, _: StringId) -> impl Display + '_ {
        ""
    }

    fn version_set_name(&self, set: VersionSetId) -> NameId {
        NameId::from_raw(self.demands.borrow().all[set.0 as usize].product)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        NameId::from_raw(self.pool.product_of(solvable.into_raw()))
    }

    fn version_sets_in_union(&self, _: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        // Alternatives are part of one requirement here; no unions are made.
        std::iter::empty()
    }

    fn resolve_condition(&self, condition: ConditionId) -> Condition {
        unreachable!("no conditions are made, but the solver asks for {condition:?}")
    }
}

impl DependencyProvider for Provider<'_, '_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let demand = self.demand(set);
        let admits = |solvable: &SolvableId| {
            let at = solvable.into_raw();
            demand.admits(at, &self.pool.candidate(at)) != inverse
        };
        candidates.iter().copied().filter(admits).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let list = self.pool.list(name.into_raw());
        let candidates = list.into_iter().map(SolvableId::from_raw).collect();
        Some(Candidates { candidates, ..Candidates::default() })
    }

    /// They come in the order in which they are to be tried, and filtering keeps it.
    async fn sort_candidates(&self, _: &SolverCache<Self>, _: &mut [SolvableId]) {}

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        let needs = needs_of(self.pool, solvable.into_raw());
        let requirements = needs.iter().map(|demand| self.required(demand)).collect();
        Dependencies::Known(KnownDependencies { requirements, constrains: Vec::new() })
    }

    fn should_cancel_with_value(&self) -> Option<Box<dyn Any>> {
        self.pool.step().then(|| Box::new(()) as Box<dyn Any>)
    }
}
