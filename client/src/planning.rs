//! Plans of builds: asks for them, writes them down and reads them, and believes none that contradicts
//! itself.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use larder_schema::api::{BuildIdsAnswer, BuildIdsRequest, paths};
use larder_schema::plan::{Action, Needed, PlanFault, Source, Step};
use larder_schema::{BuildId, PlanAnswer, PlanRequest, ProductName};

use crate::bounded;
use crate::memory::{self, Said, SaidOf};
use crate::remote::{self, Remote};

/// The most bytes of a plan: some KiB for each of as many sources as a plan has.
const MOST_BYTES: u64 = 256 << 20;

/// There is no plan, or it is not one for what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// The server does not say what it said before.
    #[error(transparent)]
    Memory(#[from] memory::Error),
    /// The answer is no plan.
    #[error("the server's plan contradicts itself")]
    Contradiction(#[source] Contradiction),
    /// The server gave other build ids than it was asked for.
    #[error("the server gave {got} build ids instead of {asked}")]
    BuildIds {
        /// How many came.
        got: usize,
        /// How many were asked for.
        asked: u32,
    },
}

/// A file with a plan is no good.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("could not read the plan `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is none.
    #[error("`{}` is no plan that larder understands", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// It contradicts itself.
    #[error("the plan `{}` contradicts itself", .path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// How.
        #[source]
        source: Contradiction,
    },
}

/// Something in a plan that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    /// Its sources make no build.
    #[error(transparent)]
    Sources(#[from] Box<PlanFault>),
    /// A step stands before one that it is built against.
    #[error("`{product}` stands before `{needed}`, which it needs")]
    Order {
        /// Whose step.
        product: ProductName,
        /// What it needs.
        needed: ProductName,
    },
    /// It is for other sources than were asked about.
    #[error("`{product}` is not in it as it was asked about")]
    NotAsked {
        /// The product.
        product: ProductName,
    },
    /// It is for something else than was asked for.
    #[error("it is for another {what}")]
    Other {
        /// What is another: `platform`.
        what: &'static str,
    },
    /// A build of something else, or for something else, is reused.
    #[error("`{product}` is reused from a build that cannot be: its {field}")]
    Reuse {
        /// The product.
        product: ProductName,
        /// What of the build is wrong.
        field: &'static str,
    },
}

/// Asks what must be built.
pub async fn ask(remote: &Remote, request: &PlanRequest) -> Result<PlanAnswer, Error> {
    let answer: PlanAnswer = remote.post(&paths::plan(), request).await?;
    check(&answer).and_then(|()| check_asked(request, &answer)).map_err(Error::Contradiction)?;
    let reused = answer.steps.iter().filter_map(Step::reused);
    let builds = reused.filter_map(|it| Some(SaidOf { key: it.key(), digest: it.record? }));
    remote.hear(&Said { builds: builds.collect(), ..Said::default() })?;
    Ok(answer)
}

/// Asks for build ids that nobody had.
pub async fn build_ids(remote: &Remote, count: u32) -> Result<Vec<BuildId>, Error> {
    let request = BuildIdsRequest { count };
    let BuildIdsAnswer { ids } = remote.post(&paths::build_ids(), &request).await?;
    match ids.len() == count as usize {
        true => Ok(ids),
        false => Err(Error::BuildIds { got: ids.len(), asked: count }),
    }
}

/// Reads a plan that was written down.
pub fn read(path: &Path) -> Result<PlanAnswer, FileError> {
    let bytes = bounded::read(path, MOST_BYTES)
        .map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
    let plan: PlanAnswer = serde_json::from_slice(&bytes)
        .map_err(|source| FileError::Malformed { path: path.to_owned(), source })?;
    match check(&plan) {
        Ok(()) => Ok(plan),
        Err(source) => Err(FileError::Contradiction { path: path.to_owned(), source }),
    }
}

/// A plan as it is written down.
pub fn to_json(plan: &PlanAnswer) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(plan)? + "\n")
}

/// Whether a plan can be one at all.
fn check(plan: &PlanAnswer) -> Result<(), Contradiction> {
    let sources = PlanRequest {
        sources: plan.steps.iter().map(|step| step.source.clone()).collect(),
        platform: plan.platform.clone(),
        policy: None,
        policies: BTreeMap::new(),
        built_in: None,
        host: BTreeMap::new(),
        build: None,
    };
    sources.in_build_order().map_err(Box::new)?;
    let mut done: HashMap<&ProductName, usize> = HashMap::new();
    for (place, step) in plan.steps.iter().enumerate() {
        let mut needed = step.source.built_against().map(|needed| &needed.product);
        if let Some(needed) = needed.find(|needed| !done.contains_key(needed)) {
            let product = step.source.product.clone();
            return Err(Contradiction::Order { product, needed: needed.clone() });
        }
        done.insert(&step.source.product, place);
        check_reuse(plan, step)?;
    }
    Ok(())
}

fn check_reuse(plan: &PlanAnswer, step: &Step) -> Result<(), Contradiction> {
    let Action::Reuse { reuse, .. } = &step.action else { return Ok(()) };
    let wrong = [
        ("product", reuse.product != step.source.product),
        ("platform", !reuse.platform.fits(&plan.platform)),
        ("record", reuse.record.is_none()),
        ("tree", reuse.archive.is_some() && reuse.tree.is_none()),
    ];
    match wrong.into_iter().find(|(_, is_wrong)| *is_wrong) {
        None => Ok(()),
        Some((field, _)) => {
            Err(Contradiction::Reuse { product: step.source.product.clone(), field })
        }
    }
}

/// Whether a plan is for what was asked: records are filled in from it.
fn check_asked(request: &PlanRequest, plan: &PlanAnswer) -> Result<(), Contradiction> {
    let others = [
        ("platform", request.platform != plan.platform),
        ("environment", request.built_in != plan.built_in),
        ("build id", request.build != plan.build),
        ("policy", request.policy.is_some_and(|policy| policy != plan.policy)),
    ];
    if let Some((what, _)) = others.into_iter().find(|(_, is_other)| *is_other) {
        return Err(Contradiction::Other { what });
    }
    let steps: HashMap<&ProductName, &Step> =
        plan.steps.iter().map(|step| (&step.source.product, step)).collect();
    for source in &request.sources {
        let policy = request.policies.get(&source.product).copied().or(request.policy);
        let same = steps.get(&source.product).is_some_and(|step| {
            is_same(&step.source, source) && policy.is_none_or(|policy| policy == step.policy)
        });
        if !same {
            return Err(Contradiction::NotAsked { product: source.product.clone() });
        }
    }
    match plan.steps.get(request.sources.len()) {
        None => Ok(()),
        Some(more) => Err(Contradiction::NotAsked { product: more.source.product.clone() }),
    }
}

/// Whether two sources are one; what they need is a set.
fn is_same(one: &Source, other: &Source) -> bool {
    let plain = |source: &Source| Source { dependencies: Vec::new(), ..source.clone() };
    plain(one) == plain(other) && needed(one) == needed(other)
}

fn needed(source: &Source) -> Vec<&Needed> {
    let mut needed: Vec<&Needed> = source.dependencies.iter().collect();
    needed.sort_by(|one, other| one.product.cmp(&other.product));
    needed.dedup();
    needed
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use serde_json::{Value, json};

    /// A plan that reuses `log` and builds `afw`, which needs it.
    pub(crate) fn plan(change: impl FnOnce(&mut Value)) -> PlanAnswer {
        let (revision, sum) = ("a".repeat(40), "0".repeat(64));
        let mut plan = json!({
            "platform": "linux-x86_64", "policy": "exact", "build": "b2", "steps": [
                {"product": "log", "version": "1.0.0", "revision": revision, "policy": "exact",
                 "action": "reuse", "because": "it is there", "archive_name": "log-1.0.0-b1-any.tar",
                 "reuse": {"product": "log", "build": "1.0.0-b1", "platform": "any",
                           "record": format!("sha256:{sum}"), "archive": format!("sha256:{sum}"),
                           "tree": format!("tree:{sum}"), "size": 7}},
                {"product": "afw", "version": "2.0.0", "revision": revision, "policy": "exact",
                 "dependencies": ["log"], "action": "build", "reasons": [{"kind": "no_build"}],
                 "because": "there is no binary of this product"},
            ]
        });
        change(&mut plan);
        serde_json::from_value(plan).unwrap()
    }

    #[test]
    fn a_plan_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        let plan = plan(|_| {});
        fs::write(&path, to_json(&plan).unwrap()).unwrap();

        assert_eq!(read(&path).unwrap(), plan);
        fs::write(&path, "{").unwrap();
        assert!(matches!(read(&path), Err(FileError::Malformed { .. })));
    }

    #[test]
    fn a_plan_that_contradicts_itself_is_refused() {
        let told = |change: fn(&mut Value)| check(&plan(change)).unwrap_err().to_string();

        assert!(check(&plan(|_| {})).is_ok());
        let backwards = told(|plan| plan["steps"].as_array_mut().unwrap().reverse());
        assert_eq!(backwards, "`afw` stands before `log`, which it needs");
        let for_tests = plan(|plan| {
            plan["steps"][1]["dependencies"] = json!([{"product": "log", "kind": "test"}]);
            plan["steps"].as_array_mut().unwrap().reverse();
        });
        assert!(check(&for_tests).is_ok());
        let lacking = told(|plan| drop(plan["steps"].as_array_mut().unwrap().remove(0)));
        assert!(lacking.contains("`afw` needs `log`"), "{lacking}");
        for (field, value) in [("product", json!("afw")), ("platform", json!("macos-aarch64"))] {
            let other = plan(|plan| plan["steps"][0]["reuse"][field] = value.clone());
            assert!(check(&other).unwrap_err().to_string().ends_with(field));
        }
        for field in ["record", "tree"] {
            let other = plan(|plan| plan["steps"][0]["reuse"][field] = Value::Null);
            assert!(check(&other).unwrap_err().to_string().ends_with(field));
        }
    }

    #[test]
    fn a_plan_for_something_else_is_refused() {
        let answer = plan(|_| {});
        let both: Vec<Value> =
            answer.steps.iter().map(|step| serde_json::to_value(&step.source).unwrap()).collect();
        let asked = |change: fn(&mut Value)| -> PlanRequest {
            let mut request = json!({"sources": both, "platform": "linux-x86_64", "build": "b2"});
            change(&mut request);
            serde_json::from_value(request).unwrap()
        };
        let twice = asked(|it| it["sources"][1]["dependencies"] = json!(["log", "log"]));
        let order = asked(|it| it["sources"].as_array_mut().unwrap().reverse());
        for same in [asked(|_| {}), asked(|it| it["policy"] = json!("exact")), twice, order] {
            assert!(check_asked(&same, &answer).is_ok());
        }

        let others: [fn(&mut Value); 13] = [
            |it| it["platform"] = json!("any"),
            |it| it["build"] = json!("b3"),
            |it| it["build"] = Value::Null,
            |it| it["built_in"] = json!({"name": "env", "version": "1"}),
            |it| it["policy"] = json!("semver"),
            |it| it["policies"] = json!({"log": "direct"}),
            |it| it["sources"][0]["revision"] = json!("b".repeat(40)),
            |it| it["sources"][0]["upstream_version"] = json!("1.0"),
            |it| it["sources"][0]["repository"] = json!("https://example.org/log"),
            |it| it["sources"][0]["product"] = json!("base"),
            |it| it["sources"][1]["dependencies"] = json!([]),
            |it| it["sources"][1]["dependencies"] = json!([{"product": "log", "kind": "test"}]),
            |it| drop(it["sources"].as_array_mut().unwrap().remove(0)),
        ];
        for (place, other) in others.into_iter().enumerate() {
            assert!(check_asked(&asked(other), &answer).is_err(), "{place}");
        }
    }
}
