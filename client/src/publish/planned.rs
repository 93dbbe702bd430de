//! Builds that a plan asked for: what the plan fills in of their records, what contradicts it, and how
//! far the run has come.

mod error;
mod published;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use larder_schema::plan::{EnvironmentName, Needed, Step};
use larder_schema::record::{BuiltAgainst, BuiltIn, Dependency, Extra};
use larder_schema::{
    Build, BuildId, BuildKey, BuildName, Digest, Listed, PlanAnswer, ProductName, Requirement, Role,
};
use serde_json::{Value, json};

pub use error::Error;

use super::Offer;
use crate::record::{self, Bytes, Part};

/// A plan, and the run that carries it out.
#[derive(Clone, Debug)]
pub struct Planned {
    plan: PlanAnswer,
    /// "the plan `plan.json`".
    said_by: String,
    run: Option<BuildId>,
}

/// A build that is there for a step: reused, published by this run, or about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct There {
    /// Which.
    pub key: BuildKey,
    /// What it is for.
    pub role: Role,
    /// Its archive.
    pub archive: Option<Digest>,
    /// Why no release should have it, where this was found on the server.
    pub doubt: Option<Doubt>,
}

/// Why a build that somebody published under the run's id is no part of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// A token for tests published it.
    #[error("is a test build")]
    Test,
    /// No revision tells all of it.
    #[error("was built with changes that no revision tells")]
    Dirty,
}

impl Doubt {
    fn of(build: &Build) -> Option<Self> {
        let dirty = build.source.as_ref().is_some_and(|source| source.dirty);
        if build.test { Some(Self::Test) } else { dirty.then_some(Self::Dirty) }
    }
}

/// What a file is to a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    /// A build of this run.
    Built(Box<Build>),
    /// The very build that the plan reuses.
    Reused(BuildKey),
}

/// The builds that are there, by product.
pub type AllThere = BTreeMap<ProductName, There>;

impl Planned {
    /// The plan in `path`, carried out by the run that was `given`, else by the one that it names.
    pub fn new(plan: PlanAnswer, path: &Path, given: Option<&BuildId>) -> Result<Self, Error> {
        let said_by = format!("the plan `{}`", path.display());
        match (&plan.build, given) {
            (Some(planned), Some(given)) if planned != given => {
                Err(contradiction("build", &said_by, planned, "the arguments", given))
            }
            (planned, given) => {
                let run = given.or(planned.as_ref()).cloned();
                Ok(Self { plan, said_by, run })
            }
        }
    }

    /// The plan.
    pub fn plan(&self) -> &PlanAnswer {
        &self.plan
    }

    /// Whether the plan has a product.
    pub fn has(&self, product: &ProductName) -> bool {
        self.plan.steps.iter().any(|step| step.source.product == *product)
    }

    /// The step of a product.
    fn step(&self, product: &ProductName) -> Result<&Step, Error> {
        let step = self.plan.steps.iter().find(|step| step.source.product == *product);
        step.ok_or_else(|| Error::NoStep { product: product.clone(), plan: self.said_by.clone() })
    }

    /// The record that `parts` and the plan make together.
    pub fn record(
        &self,
        mut parts: Vec<Part>,
        file: &str,
        bytes: Option<&Bytes>,
    ) -> Result<Recorded, Error> {
        let product = parts.iter().find_map(|part| part.fields.get("product")?.as_str());
        // Where nobody says what it is of, that is what will be told.
        let step = match product.and_then(|product| product.parse().ok()) {
            Some(product) => Some(self.step(&product)?),
            None => None,
        };
        if !parts.iter().any(|part| part.fields.contains_key("platform")) {
            parts.push(self.said([("platform", json!(self.plan.platform))]));
        }
        let is_reused = step.is_some_and(|step| step.reused().is_some());
        parts.extend(step.filter(|_| !is_reused).map(|step| self.part(step)));
        let mut build = record::put_together(&parts, file, bytes)?;
        let step = self.step(&build.product)?;
        if self.is_reused(step, &build)? {
            return Ok(Recorded::Reused(build.key()));
        }
        self.complete(step, &mut build)?;
        Ok(Recorded::Built(Box::new(build)))
    }

    /// What the plan says of the build of a step, as a part of its record.
    fn part(&self, step: &Step) -> Part {
        let run = self.run.as_ref().map(|run| ("build", json!(run)));
        let version = ("version", json!(step.version()));
        let source = ("source", json!({"revision": step.source.revision}));
        self.said([version, source].into_iter().chain(run))
    }

    fn said(&self, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Part {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Part { said_by: self.said_by.clone(), fields }
    }

    /// Whether `offer` is the very build that its step reuses; another one is refused.
    fn is_reused(&self, step: &Step, offer: &Build) -> Result<bool, Error> {
        let Some(reuse) = step.reused() else { return Ok(false) };
        let digest = offer.archive.as_ref().map(|archive| Digest(archive.sha256));
        if reuse.key() != offer.key() || reuse.archive != digest {
            let (offered, reused) = (Box::new(offer.key()), Box::new(reuse.key()));
            return Err(Error::Reused { offered, reused, plan: self.said_by.clone() });
        }
        Ok(true)
    }

    /// Fills in what the record of a step's build leaves open, and checks what it says.
    fn complete(&self, step: &Step, build: &mut Build) -> Result<(), Error> {
        if !build.platform.fits(&self.plan.platform) {
            let key = Box::new(build.key());
            return Err(Error::Platform { key, platform: self.plan.platform.clone() });
        }
        if let Some(source) = &mut build.source
            && source.repository.is_none()
        {
            source.repository.clone_from(&step.source.repository);
        }
        if build.upstream_version.is_none() {
            build.upstream_version.clone_from(&step.source.upstream_version);
        }
        match (&self.plan.built_in, &build.built_in) {
            (Some(planned), Some(said)) if EnvironmentName::of(said) != *planned => {
                let said = EnvironmentName::of(said);
                let who = format!("the record of {}", build.key());
                Err(contradiction("built_in", &who, &said, &self.said_by, planned))
            }
            (Some(planned), None) => {
                let EnvironmentName { name, version } = planned.clone();
                build.built_in = Some(BuiltIn { name, version, lock: None, extra: Extra::new() });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The run that the builds are of: one for all.
    pub fn run(&self, offers: &[Offer]) -> Result<Option<BuildId>, Error> {
        let mut run: Option<(&BuildId, Option<BuildKey>)> = self.run.as_ref().map(|id| (id, None));
        for offer in offers {
            match &run {
                Some((id, first)) if **id != offer.build.build => {
                    let of = |key: &BuildKey| format!("the record of {key}");
                    let one = first.as_ref().map_or_else(|| self.said_by.clone(), of);
                    let two = of(&offer.build.key());
                    return Err(contradiction("build", &one, id, &two, &offer.build.build));
                }
                Some(_) => {}
                None => run = Some((&offer.build.build, Some(offer.build.key()))),
            }
        }
        Ok(run.map(|(id, _)| id.clone()))
    }

    /// What is there without asking: what is reused, and what is offered.
    pub fn at_hand(&self, offers: &[Offer]) -> AllThere {
        let reused = self.plan.steps.iter().filter_map(Step::reused).map(There::of_listed);
        let offered = offers.iter().map(|offer| There::of(&offer.build));
        reused.chain(offered).map(|there| (there.key.product.clone(), there)).collect()
    }

    /// The products that are not `there`, in build order.
    pub fn lacking(&self, there: &AllThere) -> Vec<ProductName> {
        let products = self.plan.steps.iter().map(|step| &step.source.product);
        products.filter(|product| !there.contains_key(product)).cloned().collect()
    }

    /// The products that the builds were built against and that are not `there`.
    pub fn needed(&self, offers: &[Offer], there: &AllThere) -> Result<Vec<ProductName>, Error> {
        let mut needed = Vec::new();
        for offer in offers {
            let step = self.step(&offer.build.product)?;
            needed.extend(step.source.built_against().map(|needed| needed.product.clone()));
        }
        needed.sort();
        needed.dedup();
        needed.retain(|product| !there.contains_key(product));
        Ok(needed)
    }

    /// Says in a record against what it was built: what the plan took, and what this run built.
    pub fn bind(&self, build: &mut Build, there: &AllThere) -> Result<(), Error> {
        let step = self.step(&build.product)?;
        let mut needed: BTreeMap<&ProductName, Vec<&Needed>> = BTreeMap::new();
        for one in step.source.built_against() {
            let all = needed.entry(&one.product).or_default();
            // To build and to run are two things; the same twice is one.
            if !all.contains(&one) {
                all.push(one);
            }
        }
        let extra = build
            .dependencies
            .iter()
            .find(|entry| entry.kind.is_built_against() && !needed.contains_key(&entry.product));
        if let Some(extra) = extra {
            return Err(Error::NotPlanned {
                key: Box::new(build.key()),
                dependency: extra.product.clone(),
                plan: self.said_by.clone(),
            });
        }
        let key = build.key();
        for (product, needed) in needed {
            let there = there.get(product).ok_or_else(|| Error::NotPublished {
                key: Box::new(key.clone()),
                dependency: product.clone(),
            })?;
            let mut entries = build
                .dependencies
                .iter_mut()
                .filter(|entry| entry.product == *product && entry.kind.is_built_against())
                .peekable();
            if entries.peek().is_none() {
                for one in needed {
                    let mut entry = as_planned(one);
                    self.bind_one(&key, &mut entry, there)?;
                    build.dependencies.push(entry);
                }
                continue;
            }
            for entry in entries {
                self.bind_one(&key, entry, there)?;
            }
        }
        for needed in
            step.source.dependencies.iter().filter(|needed| !needed.kind.is_built_against())
        {
            if build.dependencies.iter().all(|entry| entry.product != needed.product) {
                build.dependencies.push(as_planned(needed));
            }
        }
        match build.fault() {
            None => Ok(()),
            Some(source) => {
                Err(Error::Record(record::Error::Fault { file: build.key().to_string(), source }))
            }
        }
    }

    fn bind_one(&self, key: &BuildKey, entry: &mut Dependency, there: &There) -> Result<(), Error> {
        let record = format!("the record of {key}");
        let field = |what: &str| format!("dependencies.{}.{what}", entry.product);
        if !entry.requirement.matches(&there.key.build.version) {
            let (said, taken) = (&entry.requirement, &there.key.build);
            return Err(contradiction(&field("requirement"), &record, said, &self.said_by, taken));
        }
        if let Some(said) = &entry.built_against {
            if said.build != there.key.build {
                let (said, taken) = (&said.build, &there.key.build);
                let field = field("built_against");
                return Err(contradiction(&field, &record, said, &self.said_by, taken));
            }
            if let (Some(said), Some(taken)) = (&said.archive, &there.archive)
                && said != taken
            {
                let field = field("built_against.archive");
                return Err(contradiction(&field, &record, said, &self.said_by, taken));
            }
        }
        let extra = entry.built_against.take().map(|said| said.extra).unwrap_or_default();
        let (build, archive) = (there.key.build.clone(), there.archive);
        entry.built_against = Some(BuiltAgainst { build, archive, extra });
        Ok(())
    }

    /// The name of the build that a step's product has when `run` has built it.
    fn name(step: &Step, run: &BuildId) -> BuildName {
        BuildName { version: step.version(), build: run.clone() }
    }
}

/// A dependency that the record does not list.
fn as_planned(needed: &Needed) -> Dependency {
    Dependency {
        product: needed.product.clone(),
        requirement: needed.requirement.clone().unwrap_or_else(Requirement::any),
        kind: needed.kind,
        built_against: None,
        extra: Extra::new(),
    }
}

impl There {
    fn of(build: &Build) -> Self {
        let archive = build.archive.as_ref().map(|archive| Digest(archive.sha256));
        Self { key: build.key(), role: build.role, archive, doubt: None }
    }

    fn of_listed(listed: &Listed) -> Self {
        Self { key: listed.key(), role: listed.role, archive: listed.archive, doubt: None }
    }
}

/// Two say different things.
fn contradiction(
    field: &str,
    one: &str,
    one_value: &impl std::fmt::Display,
    two: &str,
    two_value: &impl std::fmt::Display,
) -> Error {
    Error::Record(record::Error::Contradiction {
        field: field.to_owned(),
        one: one.to_owned(),
        one_value: Value::String(one_value.to_string()).to_string(),
        two: two.to_owned(),
        two_value: Value::String(two_value.to_string()).to_string(),
    })
}
