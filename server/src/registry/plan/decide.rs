//! Which build is reused for each source, decided in build order.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use larder_schema::distribution::Listed;
use larder_schema::plan::{Action, PlanFault, Source, Step, in_words};
use larder_schema::record::Abi;
use larder_schema::{PlanAnswer, Policy, ProductName, Version};

use super::terms::{Obstacle, Terms};
use super::{Limit, Stop, words};
use crate::catalog::stock::{
    Alike, AlikeBuild, Input, Look, Major, ProductNumber, SourceNumber, Stock, Stocked,
};

/// Builds between two looks at the clock.
const BETWEEN_LOOKS: usize = 64;

/// How much one plan may cost.
pub(super) struct Budget<'a> {
    most: usize,
    deadline: Instant,
    /// Set when nobody waits for the answer any more.
    gone: &'a AtomicBool,
    looked_at: Cell<usize>,
}

impl<'a> Budget<'a> {
    pub(super) fn new(most: usize, deadline: Instant, gone: &'a AtomicBool) -> Self {
        Self { most, deadline, gone, looked_at: Cell::new(0) }
    }

    /// Counts a build, a set of dependencies or one of them that is looked at.
    pub(super) fn count(&self) -> Result<(), Stop> {
        self.looked_at.set(self.looked_at.get() + 1);
        if self.looked_at.get() > self.most {
            return Err(Stop::Limit(Limit::Candidates(self.most)));
        }
        if self.looked_at.get().is_multiple_of(BETWEEN_LOOKS) { self.go_on() } else { Ok(()) }
    }

    /// Fails when the time is over, or nobody waits any more.
    fn go_on(&self) -> Result<(), Stop> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(Stop::Gone);
        }
        match Instant::now() > self.deadline {
            true => Err(Stop::Limit(Limit::Time)),
            false => Ok(()),
        }
    }
}

/// A source for which it is decided what to do.
pub(super) struct Decided<'a> {
    pub(super) source: &'a Source,
    /// Its product, where there are builds of it that the caller may see.
    pub(super) product: Option<ProductNumber>,
    /// The same with its revision.
    pub(super) number: Option<SourceNumber>,
    /// The build that is reused; none: it is built.
    pub(super) taken: Option<Stocked>,
}

impl Decided<'_> {
    pub(super) fn name(&self) -> &ProductName {
        &self.source.product
    }

    /// The major version of the source.
    pub(super) fn major(&self) -> Option<Major> {
        self.source.version.and_then(Major::of)
    }

    /// The version that its users get: of the build that is reused, or of the one that is built.
    pub(super) fn version(&self) -> Version {
        self.taken.as_ref().map_or_else(|| self.source.build_version(), |taken| taken.name.version)
    }
}

/// What is asked about one source: what it needs is decided.
pub(super) struct Question<'a> {
    pub(super) policy: Policy,
    /// What it needs directly, each once, in the order of the source.
    pub(super) needs: Vec<&'a Decided<'a>>,
}

impl Question<'_> {
    /// A number of each build that is reused for what is needed, in ascending order; none where
    /// something of it is built.
    fn ascending(&self, of: fn(&Stocked) -> u64) -> Option<Vec<u64>> {
        let taken = self.needs.iter().map(|needed| needed.taken.as_ref().map(of));
        let mut numbers: Vec<u64> = taken.collect::<Option<_>>()?;
        numbers.sort_unstable();
        Some(numbers)
    }

    /// Whether a build whose dependencies were these may be reused under `direct` or `semver`;
    /// `needs`: what is needed, by the numbers of the products.
    fn admits(&self, needs: &[&Decided<'_>], alike: &[Alike]) -> bool {
        alike.len() == needs.len()
            && alike.iter().zip(needs).all(|(alike, needed)| {
                Some(alike.product) == needed.product && self.admits_one(alike.build, needed)
            })
    }

    fn admits_one(&self, then: AlikeBuild, now: &Decided<'_>) -> bool {
        match then {
            AlikeBuild::Very(seq) => now.taken.as_ref().is_some_and(|taken| taken.seq == seq),
            AlikeBuild::Of(source, major) => {
                let same_major = self.policy == Policy::Semver && major.is_some();
                source.is_some() && source == now.number || same_major && major == now.major()
            }
        }
    }

    /// Whether a build can run with what is needed as it is now: what it was not built against itself
    /// must be of a version that its record admits, and serve others than its own.
    fn can_stand(&self, build: &Stocked) -> bool {
        let is_very = |needed: &Decided<'_>| {
            let against = build.against.as_deref().unwrap_or_default();
            needed.taken.as_ref().is_some_and(|taken| against.binary_search(&taken.seq).is_ok())
        };
        let serves = |needed: &&&Decided<'_>| {
            needed.taken.as_ref().is_none_or(|taken| taken.abi == Abi::Semver) || is_very(needed)
        };
        let admits = |needed: &Decided<'_>| {
            let of = build.facts.requirements.iter().filter(|of| of.0 == *needed.name());
            of.map(|(_, requirement)| requirement).all(|it| it.matches(&needed.version()))
        };
        self.needs.iter().filter(|needed| !serves(needed)).count() == 0
            && self.needs.iter().all(|needed| admits(needed) || is_very(needed))
    }
}

/// What was found for one source.
#[derive(Default)]
pub(super) struct Found {
    /// The build to reuse.
    pub(super) taken: Option<Stocked>,
    /// The last published build that would be reused had nobody withdrawn it.
    pub(super) withdrawn: Option<Stocked>,
}

/// One plan in the making.
pub(super) struct Planning<'a> {
    pub(super) stock: &'a dyn Stock,
    pub(super) terms: &'a Terms,
    pub(super) budget: &'a Budget<'a>,
    may_read: &'a dyn Fn(&ProductName) -> bool,
    inputs: RefCell<HashMap<u64, Rc<Input>>>,
}

/// Decides for all sources.
pub(super) fn plan(
    stock: &dyn Stock,
    terms: &Terms,
    budget: &Budget<'_>,
    may_read: &dyn Fn(&ProductName) -> bool,
) -> Result<PlanAnswer, Stop> {
    let planning = Planning { stock, terms, budget, may_read, inputs: RefCell::default() };
    let mut decided: HashMap<&ProductName, Decided<'_>> = HashMap::new();
    let mut steps = Vec::with_capacity(terms.request.sources.len());
    for source in terms.sources() {
        budget.go_on()?;
        let (step, done) = planning.step(source, &decided)?;
        steps.push(step);
        decided.insert(&source.product, done);
    }
    let warnings = words::warnings(&planning, &steps, &decided)?;
    Ok(PlanAnswer {
        platform: terms.request.platform.clone(),
        policy: terms.policy(),
        built_in: terms.request.built_in.clone(),
        build: terms.request.build.clone(),
        steps,
        warnings,
    })
}

impl<'a> Planning<'a> {
    /// A build that another was built against.
    pub(super) fn input(&self, seq: u64) -> Result<Rc<Input>, Stop> {
        if let Some(known) = self.inputs.borrow().get(&seq) {
            return Ok(Rc::clone(known));
        }
        self.budget.count()?;
        let input = Rc::new(self.stock.input(seq)?);
        self.inputs.borrow_mut().insert(seq, Rc::clone(&input));
        Ok(input)
    }

    fn step(
        &self,
        source: &'a Source,
        decided: &HashMap<&ProductName, Decided<'a>>,
    ) -> Result<(Step, Decided<'a>), Stop> {
        let policy = self.terms.policy_for(&source.product);
        let question = Question { policy, needs: needs(source, decided) };
        let known = match (self.may_read)(&source.product) {
            true => self.stock.source(&source.product, &source.revision)?,
            false => None,
        };
        let (product, number) = (known.map(|known| known.0), known.and_then(|known| known.1));
        let found = match number {
            Some(number) => self.find(&question, number)?,
            None => Found::default(),
        };
        let mut done = Decided { source, product, number, taken: None };
        let (action, because) = match found.taken {
            Some(taken) => {
                let differs = self.differs(&question, &taken)?;
                let because = words::reused(&question, &taken);
                let reuse = Box::new(listed(&source.product, &taken));
                let archive_name = taken.archive.as_ref().map(|archive| archive.name.clone());
                done.taken = Some(taken);
                (Action::Reuse { reuse, archive_name, differs }, because)
            }
            None => {
                self.demand_versions(source, decided)?;
                let (reasons, nearest) = self.why(&question, &done, found.withdrawn)?;
                let because = in_words(&reasons);
                (Action::Build { reasons, nearest }, because)
            }
        };
        Ok((Step { source: source.clone(), policy, action, because }, done))
    }

    /// A source is not built against a version that it does not admit: what comes of hours of building
    /// could not be published. Where no version is known, none is demanded.
    fn demand_versions(
        &self,
        source: &Source,
        decided: &HashMap<&ProductName, Decided<'a>>,
    ) -> Result<(), Stop> {
        for needed in source.built_against() {
            let Some(requirement) = &needed.requirement else { continue };
            let version = decided.get(&needed.product).map(Decided::version);
            let Some(version) = version.filter(|version| Major::of(*version).is_some()) else {
                continue;
            };
            if !requirement.matches(&version) {
                let sources = &self.terms.request.sources;
                let at = sources.iter().position(|other| other.product == source.product);
                return Err(Stop::Fault(Box::new(PlanFault::Unmet {
                    product: source.product.clone(),
                    dependency: needed.product.clone(),
                    requirement: Box::new(requirement.clone()),
                    version,
                    at: at.unwrap_or_default(),
                })));
            }
        }
        Ok(())
    }

    /// The build to reuse: one that was built against exactly what the plan takes, else the last
    /// published of those that the policy admits.
    fn find(&self, question: &Question<'_>, source: SourceNumber) -> Result<Found, Stop> {
        let mut found = Found::default();
        if let Some(builds) = question.ascending(|taken| taken.seq) {
            let look = |look: Look<'_>| self.stock.against(source, &builds, look);
            self.last_of(&mut found, look, |_| true)?;
        }
        if found.taken.is_some() {
            return Ok(found);
        }
        match question.policy {
            Policy::Exact => {}
            Policy::Content => {
                if let Some(first) = question.ascending(|taken| taken.content) {
                    let look = |look: Look<'_>| self.stock.against_content(source, &first, look);
                    self.last_of(&mut found, look, |build| question.can_stand(build))?;
                }
            }
            Policy::Direct | Policy::Semver => self.find_alike(question, source, &mut found)?,
        }
        Ok(found)
    }

    /// Looks through the likenesses, the newest first, until none can have a build that was published
    /// later.
    fn find_alike(
        &self,
        question: &Question<'_>,
        source: SourceNumber,
        found: &mut Found,
    ) -> Result<(), Stop> {
        let mut needs = question.needs.clone();
        needs.sort_unstable_by_key(|needed| needed.product);
        let mut stop = Ok(());
        let mut admitted = self.stock.likenesses(source, &mut |alike| {
            if stop.is_ok() {
                stop = self.budget.count();
            }
            stop.is_ok() && question.admits(&needs, alike)
        })?;
        stop?;
        admitted.sort_unstable_by_key(|likeness| std::cmp::Reverse(likeness.newest));
        for likeness in admitted {
            if found.taken.as_ref().is_some_and(|taken| taken.seq > likeness.newest) {
                break;
            }
            let look = |look: Look<'_>| self.stock.alike(likeness.number, look);
            self.last_of(found, look, |build| question.can_stand(build))?;
        }
        Ok(())
    }

    /// The last published of the builds that `from` hands over which nothing stands in the way of, if
    /// it was published after what is found already.
    fn last_of(
        &self,
        found: &mut Found,
        from: impl FnOnce(Look<'_>) -> Result<(), crate::catalog::Error>,
        will_do: impl Fn(&Stocked) -> bool,
    ) -> Result<(), Stop> {
        let mut stop = Ok(());
        from(&mut |build| {
            stop = self.budget.count();
            if stop.is_err() || found.taken.as_ref().is_some_and(|taken| taken.seq > build.seq) {
                return ControlFlow::Break(());
            }
            match self.terms.obstacles(&build).as_slice() {
                [] if will_do(&build) => {
                    found.taken = Some(build);
                    return ControlFlow::Break(());
                }
                [Obstacle::Withdrawn(_)] if will_do(&build) => {
                    let last = found.withdrawn.as_ref();
                    if last.is_none_or(|last| last.seq < build.seq) {
                        found.withdrawn = Some(build);
                    }
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        stop
    }
}

/// What a source needs directly, each once: tests are made without what only they need.
fn needs<'a, 'd>(
    source: &Source,
    decided: &'d HashMap<&ProductName, Decided<'a>>,
) -> Vec<&'d Decided<'a>> {
    let mut seen = HashSet::new();
    source
        .built_against()
        .filter(|needed| seen.insert(&needed.product))
        .filter_map(|needed| decided.get(&needed.product))
        .collect()
}

/// A build as a distribution lists it.
fn listed(product: &ProductName, build: &Stocked) -> Listed {
    let archive = build.archive.as_ref();
    Listed {
        product: product.clone(),
        build: build.name.clone(),
        platform: build.platform.clone(),
        role: build.facts.role,
        record: Some(build.record),
        archive: archive.map(|archive| archive.digest),
        tree: archive.map(|archive| archive.tree),
        size: archive.map(|archive| archive.size),
        extra: larder_schema::record::Extra::new(),
    }
}
