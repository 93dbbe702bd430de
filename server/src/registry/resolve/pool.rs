//! The builds to choose from, read as the solver comes to their products.
//!
//! Of each product builds are read, the newest first, until one fits. More are read when a demand finds
//! none among them, and when a proof that there is no answer rests on a product of which not all was
//! read. So an answer is looked for among the newest first, and "there is none" is only said of all.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use larder_schema::{BuildName, ProductName, Requirement};

use super::terms::Terms;
use super::{Limit, Stop};
use crate::catalog::candidates::{Candidate, Candidates, Needed, Newest, sort};

/// How many builds of a product are read at first, and how many times more each time after.
const FIRST_WINDOW: usize = 1;
const WIDER: usize = 8;
/// Which part of all steps there is once it is known whether there is an answer.
const SHARE: u64 = 4;

/// A product, by its place in the pool.
pub(super) type ProductAt = u32;
/// A candidate, by its place in the pool.
pub(super) type CandidateAt = u32;

/// What a demand asks of the build of a product.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Demand {
    pub(super) product: ProductAt,
    pub(super) asks: Asks,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asks {
    /// A build that meets all of this.
    For {
        requirement: Option<Requirement>,
        /// The build that the dependant was built against.
        against: Option<BuildName>,
        /// The very build.
        build: Option<BuildName>,
    },
    /// One of these.
    OneOf(Vec<CandidateAt>),
}

impl Demand {
    /// Whether a candidate of its product will do.
    pub(super) fn admits(&self, at: CandidateAt, candidate: &Candidate) -> bool {
        match &self.asks {
            Asks::OneOf(these) => these.contains(&at),
            Asks::For { requirement, against, build } => {
                let version =
                    |requirement: &Requirement| requirement.matches(&candidate.name.version);
                requirement.as_ref().is_none_or(version)
                    && candidate.abi.serves(against.as_ref(), &candidate.name)
                    && build.as_ref().is_none_or(|build| *build == candidate.name)
            }
        }
    }
}

/// How much one resolution may cost.
pub(super) struct Budget<'a> {
    pub(super) steps: u64,
    pub(super) candidates: usize,
    pub(super) deadline: Instant,
    /// Set when nobody waits for the answer any more.
    pub(super) gone: &'a AtomicBool,
}

/// The builds to choose from.
pub(super) struct Pool<'a> {
    source: &'a dyn Candidates,
    pub(super) terms: &'a Terms,
    budget: Budget<'a>,
    steps: Cell<u64>,
    most_steps: Cell<u64>,
    read: Cell<usize>,
    stopped: RefCell<Option<Stop>>,
    products: RefCell<Vec<Product<'a>>>,
    by_name: RefCell<HashMap<ProductName, ProductAt>>,
    candidates: RefCell<Vec<(ProductAt, Rc<Candidate>)>>,
    /// What candidates need to run, of those that the solver came to.
    run: RefCell<HashMap<CandidateAt, Rc<[Needed]>>>,
}

struct Product<'a> {
    name: ProductName,
    /// Those that fit, as they are to be tried.
    order: Vec<CandidateAt>,
    /// Those that fit of what was read, the newest first.
    read: Vec<CandidateAt>,
    /// Those that fit and were singled out.
    singled_out: Vec<CandidateAt>,
    /// The same by their numbers of publication.
    by_seq: HashMap<u64, CandidateAt>,
    /// Where reading goes on; none: nothing was read yet.
    reader: Option<Box<dyn Newest + 'a>>,
    window: usize,
    /// Whether there is nothing more to read.
    whole: bool,
    /// Whether the present solver has its list.
    is_seen: bool,
}

impl<'a> Pool<'a> {
    pub(super) fn new(source: &'a dyn Candidates, terms: &'a Terms, budget: Budget<'a>) -> Self {
        Self {
            source,
            terms,
            most_steps: Cell::new(budget.steps),
            budget,
            steps: Cell::new(0),
            read: Cell::new(0),
            stopped: RefCell::new(None),
            products: RefCell::default(),
            by_name: RefCell::default(),
            candidates: RefCell::default(),
            run: RefCell::default(),
        }
    }

    /// Where candidates come from.
    pub(super) fn source(&self) -> &'a dyn Candidates {
        self.source
    }

    /// How many candidates one resolution may read.
    pub(super) fn most(&self) -> usize {
        self.budget.candidates
    }

    /// The place of a product.
    pub(super) fn product(&self, name: &ProductName) -> ProductAt {
        if let Some(at) = self.by_name.borrow().get(name) {
            return *at;
        }
        let mut products = self.products.borrow_mut();
        let at = ProductAt::try_from(products.len()).unwrap_or(ProductAt::MAX);
        products.push(Product {
            name: name.clone(),
            order: Vec::new(),
            read: Vec::new(),
            singled_out: Vec::new(),
            by_seq: HashMap::new(),
            reader: None,
            window: 0,
            whole: false,
            is_seen: false,
        });
        self.by_name.borrow_mut().insert(name.clone(), at);
        at
    }

    pub(super) fn name(&self, at: ProductAt) -> ProductName {
        self.products.borrow()[at as usize].name.clone()
    }

    pub(super) fn candidate(&self, at: CandidateAt) -> Rc<Candidate> {
        Rc::clone(&self.candidates.borrow()[at as usize].1)
    }

    /// What a candidate needs to run; nothing when that cannot be read, which stops the solver.
    pub(super) fn run(&self, at: CandidateAt) -> Rc<[Needed]> {
        if let Some(known) = self.run.borrow().get(&at) {
            return Rc::clone(known);
        }
        let run = self.source.run(self.candidate(at).seq).unwrap_or_else(|error| {
            self.stop(Stop::Catalog(error));
            Vec::new()
        });
        let run: Rc<[Needed]> = run.into();
        self.run.borrow_mut().insert(at, Rc::clone(&run));
        run
    }

    pub(super) fn product_of(&self, at: CandidateAt) -> ProductAt {
        self.candidates.borrow()[at as usize].0
    }

    /// The candidates of a product as they are to be tried, as far as they were read.
    pub(super) fn candidates(&self, at: ProductAt) -> Vec<CandidateAt> {
        self.products.borrow()[at as usize].order.clone()
    }

    /// The same for the solver, which asks once.
    pub(super) fn list(&self, at: ProductAt) -> Vec<CandidateAt> {
        let is_read = self.products.borrow()[at as usize].window > 0;
        if !is_read && let Err(stop) = self.widen(at) {
            self.stop(stop);
        }
        self.products.borrow_mut()[at as usize].is_seen = true;
        self.candidates(at)
    }

    /// Whether not all builds of a product were read.
    pub(super) fn is_cut(&self, at: ProductAt) -> bool {
        !self.products.borrow()[at as usize].whole
    }

    /// Forgets which lists a solver has; a new one begins.
    pub(super) fn begin(&self) {
        self.products.borrow_mut().iter_mut().for_each(|product| product.is_seen = false);
    }

    /// Reads on until something meets the demand, or there is nothing more; answers whether the
    /// solver has a list that is out of date now.
    pub(super) fn look_for(&self, demand: &Demand) -> Result<bool, Stop> {
        let mut grew = false;
        while !self.meets(demand) && self.is_cut(demand.product) {
            self.widen(demand.product)?;
            grew = true;
        }
        Ok(grew && self.products.borrow()[demand.product as usize].is_seen)
    }

    fn meets(&self, demand: &Demand) -> bool {
        let order = self.candidates(demand.product);
        order.into_iter().any(|at| demand.admits(at, &self.candidate(at)))
    }

    /// Reads more builds of a product.
    pub(super) fn widen(&self, at: ProductAt) -> Result<(), Stop> {
        let (name, window) = {
            let products = self.products.borrow();
            let product = &products[at as usize];
            (product.name.clone(), (product.window * WIDER).max(FIRST_WINDOW))
        };
        if let Some(fixed) = self.listed(&name)? {
            let fitting = self.admit(at, &name, fixed)?;
            self.put(at, |product| {
                (product.read, product.window, product.whole) = (fitting, window, true);
            });
            return Ok(());
        }
        let reader = self.products.borrow_mut()[at as usize].reader.take();
        let reader = match reader {
            Some(reader) => reader,
            None => {
                self.single_out(at, &name)?;
                self.source.newest(&name, Some(&self.terms.platform))?
            }
        };
        self.read_on(at, &name, window, reader)
    }

    /// Reads the builds of a product that the question names.
    fn single_out(&self, at: ProductAt, name: &ProductName) -> Result<(), Stop> {
        let mut found = Vec::new();
        for build in self.terms.singled_out(name) {
            self.go_on()?;
            found.extend(self.source.named(name, &build)?);
        }
        // A build of another platform than the preferred one is none to take before newer ones.
        found.retain(|one| {
            let is_named = self.terms.named(name).any(|named| *named == one.name);
            is_named || self.terms.preferred(name, one).is_some()
        });
        sort(&mut found, Some(&self.terms.platform));
        let singled_out = self.admit(at, name, found)?;
        let seqs = singled_out.iter().map(|at| (self.candidate(*at).seq, *at)).collect();
        self.put(at, |product| {
            (product.singled_out, product.by_seq) = (singled_out, seqs);
        });
        Ok(())
    }

    fn read_on(
        &self,
        at: ProductAt,
        name: &ProductName,
        window: usize,
        mut reader: Box<dyn Newest + 'a>,
    ) -> Result<(), Stop> {
        let mut whole = false;
        let mut fitting = self.products.borrow()[at as usize].read.clone();
        while fitting.len() < window && !whole {
            // One more than may be read tells that there is more.
            let most = self.budget.candidates.saturating_sub(self.read.get()).saturating_add(1);
            let page = reader.next(most.min(window - fitting.len()))?;
            whole = page.is_empty();
            fitting.extend(self.admit(at, name, page)?);
        }
        self.put(at, |product| {
            (product.read, product.window, product.whole) = (fitting, window, whole);
            product.reader = Some(reader);
        });
        Ok(())
    }

    /// The builds of a product that are all there is, because distributions say so.
    fn listed(&self, name: &ProductName) -> Result<Option<Vec<Candidate>>, Stop> {
        let fixed = self.terms.with.iter().find(|listing| listing.builds.contains_key(name));
        let Some(listing) = fixed.or(self.terms.limit.as_ref()) else { return Ok(None) };
        let Some((build, _)) = listing.builds.get(name) else { return Ok(Some(Vec::new())) };
        let mut found = self.source.named(name, build)?;
        found.retain(|candidate| listing.lists(name, candidate));
        sort(&mut found, Some(&self.terms.platform));
        Ok(Some(found))
    }

    /// Takes those that fit into the pool.
    fn admit(
        &self,
        at: ProductAt,
        name: &ProductName,
        found: Vec<Candidate>,
    ) -> Result<Vec<CandidateAt>, Stop> {
        self.read.set(self.read.get() + found.len());
        if self.read.get() > self.budget.candidates {
            return Err(Stop::Limit(Limit::Candidates(self.budget.candidates)));
        }
        let mut admitted = Vec::new();
        for candidate in found {
            self.go_on()?;
            if self.terms.unfit(name, &candidate).is_none() && self.has_stage(name, &candidate)? {
                admitted.push(self.keep(at, candidate));
            }
        }
        Ok(admitted)
    }

    /// Whether a distribution of the stage that was asked for lists the build.
    pub(super) fn has_stage(
        &self,
        name: &ProductName,
        candidate: &Candidate,
    ) -> Result<bool, Stop> {
        match self.terms.stage.filter(|_| !self.terms.stands_fast(name)) {
            None => Ok(true),
            Some(stage) => Ok(!self.source.listed_by(candidate.seq, stage)?.is_empty()),
        }
    }

    /// A candidate's place, which it keeps when it is read again.
    fn keep(&self, at: ProductAt, candidate: Candidate) -> CandidateAt {
        let products = self.products.borrow();
        let mut candidates = self.candidates.borrow_mut();
        let known = products[at as usize].by_seq.get(&candidate.seq);
        known.copied().unwrap_or_else(|| {
            candidates.push((at, Rc::new(candidate)));
            CandidateAt::try_from(candidates.len() - 1).unwrap_or(CandidateAt::MAX)
        })
    }

    /// Changes what is known of a product, and orders it anew: what is preferred, then what was
    /// read, then what was singled out and not read.
    fn put(&self, at: ProductAt, change: impl FnOnce(&mut Product<'a>)) {
        let mut products = self.products.borrow_mut();
        let product = &mut products[at as usize];
        change(product);
        let mut order = product.read.clone();
        let read: HashSet<CandidateAt> = order.iter().copied().collect();
        order.extend(product.singled_out.iter().filter(|at| !read.contains(at)));
        let candidates = self.candidates.borrow();
        let place = |at: &CandidateAt| {
            let preferred = self.terms.preferred(&product.name, &candidates[*at as usize].1);
            preferred.unwrap_or(usize::MAX)
        };
        order.sort_by_cached_key(place);
        product.order = order;
    }

    /// Counts a step of the solver; `true` when it shall stop.
    pub(super) fn step(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > self.most_steps.get() {
            self.stop(Stop::Limit(Limit::Steps(self.budget.steps)));
        } else if self.steps.get().is_multiple_of(16)
            && let Err(stop) = self.go_on()
        {
            self.stop(stop);
        }
        self.stopped.borrow().is_some()
    }

    /// Has only a share of the steps be left: whether there is an answer is known, and a better one, or
    /// a shorter reason, shall not take all the time.
    pub(super) fn spare_steps(&self) {
        let share = self.steps.get().saturating_add(self.budget.steps / SHARE);
        self.most_steps.set(share.min(self.budget.steps));
    }

    /// Fails when the time is over, or nobody waits any more.
    pub(super) fn go_on(&self) -> Result<(), Stop> {
        if self.budget.gone.load(Ordering::Relaxed) {
            return Err(Stop::Gone);
        }
        match Instant::now() > self.budget.deadline {
            true => Err(Stop::Limit(Limit::Time)),
            false => Ok(()),
        }
    }

    /// Has the solver stop; the first reason counts.
    pub(super) fn stop(&self, stop: Stop) {
        self.stopped.borrow_mut().get_or_insert(stop);
    }

    /// Why the solver was stopped, if it was.
    pub(super) fn stopped(&self) -> Option<Stop> {
        self.stopped.borrow_mut().take()
    }
}
