//! Why a source must be built, and in what a build that is reused is not what would be built now.

use std::collections::HashSet;
use std::ops::ControlFlow;

use larder_schema::plan::{EnvironmentName, Reason, WithdrawnBuild};
use larder_schema::record::Abi;
use larder_schema::{BuildName, Platform, Policy, Version};

use super::Stop;
use super::decide::{Decided, Planning, Question};
use super::terms::Obstacle;
use crate::catalog::stock::{Input, Major, Recorded, Stocked};

/// How many platforms, environments or dependencies that are gone are told.
const MOST_TOLD: usize = 20;

/// What stands in the way of builds of one revision, each kind by the last published.
#[derive(Default)]
struct InTheWay {
    platforms: Vec<Platform>,
    environments: Vec<EnvironmentName>,
    reasons: Vec<Reason>,
}

impl InTheWay {
    fn add(&mut self, obstacle: Obstacle, build: &Stocked) {
        let name = || build.name.clone();
        let reason = match obstacle {
            Obstacle::Platform(platform) => {
                tell(&mut self.platforms, platform);
                Reason::Platform { there: Vec::new() }
            }
            Obstacle::Environment => {
                if let Some(environment) = &build.facts.built_in {
                    tell(&mut self.environments, environment.clone());
                }
                Reason::Environment { there: Vec::new() }
            }
            Obstacle::Test => Reason::Test { build: name() },
            Obstacle::Dirty => Reason::Dirty { build: name() },
            Obstacle::Host { what, need, host } => {
                Reason::Host { what, need: need.to_string(), host }
            }
            Obstacle::Withdrawn(why) => Reason::Withdrawn(WithdrawnBuild { build: name(), why }),
        };
        let kind = std::mem::discriminant(&reason);
        if self.reasons.iter().all(|known| std::mem::discriminant(known) != kind) {
            self.reasons.push(reason);
        }
    }

    fn into_reasons(self) -> Vec<Reason> {
        let (mut platforms, mut environments) = (self.platforms, self.environments);
        platforms.sort();
        environments.sort();
        let mut reasons = self.reasons;
        for reason in &mut reasons {
            if let Reason::Platform { there } = reason {
                there.append(&mut platforms);
            } else if let Reason::Environment { there } = reason {
                there.append(&mut environments);
            }
        }
        reasons
    }
}

fn tell<T: PartialEq>(told: &mut Vec<T>, one: T) {
    if told.len() < MOST_TOLD && !told.contains(&one) {
        told.push(one);
    }
}

impl Planning<'_> {
    /// Why nothing is reused, and the build that is nearest to it.
    pub(super) fn why(
        &self,
        question: &Question<'_>,
        source: &Decided<'_>,
        withdrawn: Option<Stocked>,
    ) -> Result<(Vec<Reason>, Option<BuildName>), Stop> {
        let Some(number) = source.number else {
            let newest = source.product.map(|product| self.stock.newest(product)).transpose()?;
            return Ok(match newest.flatten() {
                Some((newest, from)) => (vec![Reason::Revision { newest, from }], None),
                None => (vec![Reason::NoBuild], None),
            });
        };
        let (mut in_the_way, mut nearest, mut stop) = (InTheWay::default(), None, Ok(()));
        self.stock.of_source(number, &mut |build| {
            stop = self.budget.count();
            let obstacles = self.terms.obstacles(&build);
            if stop.is_ok() && !obstacles.is_empty() {
                obstacles.into_iter().for_each(|obstacle| in_the_way.add(obstacle, &build));
                return ControlFlow::Continue(());
            }
            nearest = Some(build);
            ControlFlow::Break(())
        })?;
        stop?;
        let Some(nearest) = nearest else { return Ok((in_the_way.into_reasons(), None)) };
        let mut reasons: Vec<Reason> = Vec::new();
        if let Some(Stocked { name: build, withdrawn: Some(why), .. }) = withdrawn {
            reasons.push(Reason::Withdrawn(WithdrawnBuild { build, why }));
        }
        reasons.extend(self.compared(question, &nearest)?);
        // By its record it might be reused, and yet the catalog does not find it.
        if reasons.is_empty() {
            reasons.push(Reason::DependenciesUnknown { build: nearest.name.clone() });
        }
        Ok((reasons, Some(nearest.name)))
    }

    /// What keeps a build from being reused, by what it was built against.
    fn compared(&self, question: &Question<'_>, nearest: &Stocked) -> Result<Vec<Reason>, Stop> {
        let recorded = self.recorded(nearest)?;
        let mut reasons = Vec::new();
        for needed in &question.needs {
            match recorded.iter().find(|one| one.product == *needed.name()) {
                None => reasons.push(Reason::DependencyNew { product: needed.name().clone() }),
                Some(then) => {
                    self.add_changes(&mut reasons, question.policy, nearest, then, needed)?;
                }
            }
        }
        let needed: HashSet<_> = question.needs.iter().map(|needed| needed.name()).collect();
        let gone = recorded.into_iter().map(|one| one.product);
        let gone = gone.filter(|product| !needed.contains(product)).take(MOST_TOLD);
        reasons.extend(gone.map(|product| Reason::DependencyGone { product }));
        Ok(reasons)
    }

    /// What a build was built against, as far as it is known.
    fn recorded(&self, build: &Stocked) -> Result<Vec<Recorded>, Stop> {
        let Some(against) = &build.against else {
            let recorded = self.stock.recorded(build.seq)?;
            recorded.iter().try_for_each(|_| self.budget.count())?;
            return Ok(recorded);
        };
        let known = |seq: &u64| {
            let Input { product, name, seq, .. } = &*self.input(*seq)?;
            Ok(Recorded { product: product.clone(), told: Some(name.clone()), build: Some(*seq) })
        };
        against.iter().map(known).collect()
    }

    fn add_changes(
        &self,
        reasons: &mut Vec<Reason>,
        policy: Policy,
        nearest: &Stocked,
        then: &Recorded,
        now: &Decided<'_>,
    ) -> Result<(), Stop> {
        let product = now.name().clone();
        let by_binary = matches!(policy, Policy::Exact | Policy::Content);
        if by_binary && now.taken.is_none() {
            reasons.push(Reason::DependencyBuild { product });
            return Ok(());
        }
        // What the caller may not read has no number, and is as good as not there.
        let (Some(seq), Some(_)) = (then.build, now.product) else {
            reasons.push(Reason::DependencyUnknown { product, from: then.told.clone() });
            return Ok(());
        };
        if now.taken.as_ref().is_some_and(|taken| taken.seq == seq) {
            return Ok(());
        }
        let input = self.input(seq)?;
        if policy != Policy::Exact {
            reasons.extend(served(&input, now));
        }
        reasons.extend(match policy {
            Policy::Exact => other_binary(&input, now),
            Policy::Content => other_content(&input, now),
            Policy::Direct => other_revision(&input, now),
            Policy::Semver => other_major(&input, now),
        });
        if policy != Policy::Exact {
            reasons.extend(refusing(nearest, now));
        }
        Ok(())
    }

    /// In what a build that is reused was built against others than are there now.
    pub(super) fn differs(
        &self,
        question: &Question<'_>,
        taken: &Stocked,
    ) -> Result<Vec<Reason>, Stop> {
        let against = taken.against.as_deref().unwrap_or_default();
        let is_same = |needed: &&Decided<'_>| {
            let now = needed.taken.as_ref();
            now.is_some_and(|now| against.binary_search(&now.seq).is_ok())
        };
        if question.needs.iter().all(is_same) {
            return Ok(Vec::new());
        }
        let inputs = against.iter().map(|seq| self.input(*seq)).collect::<Result<Vec<_>, _>>()?;
        let mut differs = Vec::new();
        for now in question.needs.iter().filter(|needed| !is_same(needed)) {
            let then = inputs.iter().find(|input| input.product == *now.name());
            let Some(then) = then else { continue };
            if then.source != now.number {
                differs.extend(other_revision(then, now));
            }
            differs.push(
                other_binary(then, now)
                    .unwrap_or_else(|| Reason::DependencyBuild { product: now.name().clone() }),
            );
        }
        Ok(differs)
    }
}

fn other_binary(then: &Input, now: &Decided<'_>) -> Option<Reason> {
    let taken = now.taken.as_ref()?;
    Some(Reason::DependencyBinary {
        product: now.name().clone(),
        from: then.name.clone(),
        to: taken.name.clone(),
    })
}

fn other_content(then: &Input, now: &Decided<'_>) -> Option<Reason> {
    let taken = now.taken.as_ref()?;
    // What serves only who was built against it is told as that.
    let is_told = then.abi == Abi::Exact || taken.abi == Abi::Exact;
    (then.content != taken.content && !is_told).then(|| Reason::DependencyContent {
        product: now.name().clone(),
        from: then.name.clone(),
        to: taken.name.clone(),
    })
}

fn other_revision(then: &Input, now: &Decided<'_>) -> Option<Reason> {
    let is_same = then.source.is_some() && then.source == now.number;
    (!is_same).then(|| Reason::DependencyRevision {
        product: now.name().clone(),
        from: then.revision.clone(),
        to: now.source.revision.clone(),
    })
}

fn other_major(then: &Input, now: &Decided<'_>) -> Option<Reason> {
    other_revision(then, now)?;
    let product = now.name().clone();
    let told = |version: Version| Major::of(version).map(|_| version);
    let (from, to) = (told(then.name.version), now.source.version.and_then(told));
    match (from, to) {
        (Some(from), Some(to)) if Major::of(from) == Major::of(to) => None,
        (Some(from), Some(to)) => Some(Reason::DependencyMajor { product, from, to }),
        (from, to) => Some(Reason::DependencyUnversioned { product, from, to }),
    }
}

/// That a dependency serves only who was built against the very build.
fn served(then: &Input, now: &Decided<'_>) -> Option<Reason> {
    let taken = now.taken.as_ref();
    let is_exact = then.abi == Abi::Exact || taken.is_some_and(|taken| taken.abi == Abi::Exact);
    is_exact.then(|| Reason::DependencyAbi {
        product: now.name().clone(),
        from: then.name.clone(),
        to: taken.map(|taken| taken.name.clone()),
    })
}

/// The requirements of a build that do not admit the version that a dependency has now.
fn refusing<'a>(
    build: &'a Stocked,
    now: &'a Decided<'_>,
) -> impl Iterator<Item = Reason> + use<'a> {
    let version = now.version();
    let of = build.facts.requirements.iter().filter(|(product, _)| product == now.name());
    of.filter(move |(_, requirement)| !requirement.matches(&version)).map(
        move |(product, requirement)| Reason::DependencyRequirement {
            product: product.clone(),
            requirement: requirement.clone(),
            version,
        },
    )
}
