//! Resolving: which builds meet some requirements, together with all that they need.
//!
//! The solver is resolvo, over the candidates of one state of the catalog (`resolve/`). Who may read
//! what is decided before it: it never sees a product that the caller may not read.

mod explain;
mod pool;
mod search;
mod solver;
mod terms;
#[cfg(test)]
mod tests;
mod visible;
mod words;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use larder_schema::closure::Closure;
use larder_schema::resolution::{DistributionChoice, Preferred};
use larder_schema::{
    BuildKey, Digest, Distribution, Listed, Platform, ProductName, ResolveAnswer, ResolveRequest,
};

pub use explain::NoAnswer;

use self::pool::{Budget, Pool};
use self::solver::Outcome;
use self::terms::{Listing, Preferences, Terms};
use self::visible::Visible;
use super::Registry;
use super::distribute::DistributionError;
use super::lookup::LookupError;
use crate::access::{Caller, Denied, Permission};
use crate::catalog::{self, Candidates, DistributionSelector, StoredBuild};
use crate::config::Limits;

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

/// Set when it is dropped: whoever waited is gone.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Registry {
    /// Which builds meet these requirements, with all that they need to run.
    ///
    /// The same question gets the same answer on the same catalog.
    pub async fn resolve(
        &self,
        caller: &Caller,
        request: ResolveRequest,
    ) -> Result<ResolveAnswer, ResolveError> {
        caller.demand_reader()?;
        let limits = self.inner.config.limits.clone();
        demand_few(&request, &limits)?;
        let records = request.records;
        let terms = self.terms(caller, request).await?;
        let waiting = Waiting(Arc::default());
        let (gone, caller) = (Arc::clone(&waiting.0), caller.clone());
        // A resolution may take a processor for long: few do at once, and reads go on beside them.
        let turn = Arc::clone(&self.inner.resolving).acquire_owned().await;
        let turn = turn.map_err(|_| ResolveError::Gone)?;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = move |source: &dyn Candidates| {
            // Held by the work and not by who waits for it: that one may be gone before it ends.
            let _turn = turn;
            let budget = Budget {
                steps: limits.resolve_steps,
                candidates: limits.resolve_candidates,
                deadline: Instant::now() + Duration::from_secs(limits.resolve_seconds),
                gone: &gone,
            };
            let source = Visible { source, caller: &caller };
            // When nobody takes it, nobody waits for it.
            drop(sender.send(resolve(&source, &terms, budget, records)));
        };
        self.inner.catalog.with_candidates(Box::new(work)).await?;
        receiver.await.unwrap_or(Err(ResolveError::Gone))
    }

    /// The question with all its distributions looked up.
    async fn terms(&self, caller: &Caller, request: ResolveRequest) -> Result<Terms, ResolveError> {
        let platform = &request.platform;
        let limit = match &request.distribution {
            Some(choice) => Some(Listing::of(&self.chosen(caller, choice, platform).await?)),
            None => None,
        };
        let mut with = Vec::new();
        for choice in &request.with {
            with.push(Listing::of(&self.chosen(caller, choice, platform).await?));
        }
        let mut prefer = Preferences::default();
        for preferred in &request.prefer {
            match preferred {
                Preferred::Build(one) => prefer.add(&one.product, one.build.clone(), None),
                Preferred::Distribution(choice) => {
                    for listed in self.chosen(caller, choice, platform).await?.builds {
                        prefer.add(&listed.product, listed.build, Some(listed.platform));
                    }
                }
            }
        }
        let ResolveRequest { requirements, platform, host, context, stage, test, .. } = request;
        Ok(Terms {
            wanted: requirements,
            platform,
            host,
            context,
            stage,
            limit,
            with,
            prefer,
            test,
        })
    }

    /// The distribution for the platform of the question: the very one, or one for the same without
    /// a variant, or one for all.
    async fn chosen(
        &self,
        caller: &Caller,
        choice: &DistributionChoice,
        platform: &Platform,
    ) -> Result<Distribution, ResolveError> {
        let name = &choice.name;
        let selector = match (&choice.digest, &choice.version) {
            (Some(digest), _) => DistributionSelector::Digest(*digest),
            (None, Some(version)) => DistributionSelector::Version(version.clone()),
            (None, None) => return Err(ResolveError::NoVersion { name: name.clone() }),
        };
        caller.demand(Permission::ReadDistribution(name))?;
        let found = self.inner.catalog.distribution(name, &selector).await?.distributions;
        let documents: Vec<Distribution> =
            found.into_iter().map(|stored| stored.distribution).collect();
        let asked = match &selector {
            DistributionSelector::Digest(digest) => digest.to_string(),
            DistributionSelector::Version(version) => version.to_string(),
        };
        if documents.is_empty() {
            return Err(DistributionError::NoVersion { name: name.clone(), asked }.into());
        }
        let wanted = [platform.clone(), platform.without_variant(), Platform::Any];
        let fits = wanted.iter().find_map(|wanted| {
            documents.iter().find(|document| document.platform == *wanted).cloned()
        });
        fits.ok_or_else(|| {
            let platforms = documents.into_iter().map(|document| document.platform).collect();
            let (what, asked) = (format!("{name} {asked}"), platform.clone());
            DistributionError::Lookup(LookupError::OtherPlatforms { what, asked, platforms }).into()
        })
    }
}

fn demand_few(request: &ResolveRequest, limits: &Limits) -> Result<(), ResolveError> {
    let most = limits.resolve_requirements;
    let counts = [
        ("requirements", request.requirements.len(), most, "resolve_requirements"),
        ("distributions", request.with.len(), most, "resolve_requirements"),
        ("preferred builds", request.prefer.len(), limits.resolve_candidates, "resolve_candidates"),
    ];
    match counts.into_iter().find(|(_, count, most, _)| count > most) {
        Some((what, count, most, limit)) => Err(ResolveError::TooMany { what, count, most, limit }),
        None => Ok(()),
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
        Outcome::Answer(choice) => {
            let keys: Vec<BuildKey> = choice
                .into_values()
                .map(|at| {
                    let candidate = pool.candidate(at);
                    BuildKey {
                        product: pool.name(pool.product_of(at)),
                        build: candidate.name.clone(),
                        platform: candidate.platform.clone(),
                    }
                })
                .collect();
            let chosen: Vec<StoredBuild> = source.whole(&keys)?.into_iter().flatten().collect();
            Ok(answer(&chosen, records))
        }
    }
}

/// The builds in install order.
fn answer(chosen: &[StoredBuild], records: bool) -> ResolveAnswer {
    let closure = Closure::of(chosen.iter().map(|stored| &stored.build));
    debug_assert!(closure.unmet().is_empty(), "not met: {:?}", closure.unmet());
    let by_product: HashMap<&ProductName, &StoredBuild> =
        chosen.iter().map(|stored| (&stored.build.product, stored)).collect();
    let order = closure.in_install_order();
    let ordered = || order.iter().filter_map(|build| by_product.get(&build.product).copied());
    ResolveAnswer {
        builds: ordered().map(listed).collect(),
        records: records.then(|| ordered().map(|stored| stored.build.clone()).collect()),
        withdrawn: ordered()
            .filter_map(|stored| Some(stored.withdrawn.clone()?.of(stored.build.key())))
            .collect(),
    }
}

fn listed(stored: &StoredBuild) -> Listed {
    let build = &stored.build;
    Listed {
        product: build.product.clone(),
        build: build.name(),
        platform: build.platform.clone(),
        role: build.role,
        record: Some(stored.digest),
        archive: build.archive.as_ref().map(|archive| Digest(archive.sha256)),
        tree: build.tree,
        size: build.archive.as_ref().and_then(|archive| archive.size),
        extra: Default::default(),
    }
}
