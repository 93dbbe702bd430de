//! The replay: each build is planned, then published, in the order of the history.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::{Build, PlanRequest, Platform, Policy, Sha256};

use larder_benches::api::{Api, Planned};
use larder_benches::history::count::{Document, PerBuild};
use larder_benches::history::{History, Run};
use larder_benches::parcel::{self, Parcel};

/// The most faults of plans that are kept to be told.
const FAULTS: usize = 1000;

/// A history on its way into a server.
pub(crate) struct Replay<'a> {
    history: &'a History,
    api: Api,
    platform: Platform,
    policies: Vec<Policy>,
    at_once: usize,
    distributes: bool,
    /// The archive of each binary that is published.
    archives: Vec<Option<Sha256>>,
    /// What was counted.
    pub(crate) counted: Document,
    /// What plans did that no policy allows.
    pub(crate) faults: Vec<String>,
    /// How long each plan took, by policy, in the order of the builds.
    pub(crate) latencies: BTreeMap<Policy, Vec<Duration>>,
    /// How long archives were sent, and records.
    pub(crate) uploading: Duration,
    pub(crate) publishing: Duration,
}

/// What one build published.
pub(crate) struct Batch {
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) builds: Vec<Build>,
    /// How long that took the server.
    pub(crate) took: Duration,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(
        history: &'a History,
        api: Api,
        policies: Vec<Policy>,
        at_once: usize,
        distributes: bool,
    ) -> Result<Self> {
        Ok(Self {
            history,
            api,
            platform: "linux-x86_64".parse()?,
            policies,
            at_once,
            distributes,
            archives: vec![None; history.binaries.len()],
            counted: Document::default(),
            faults: Vec::new(),
            latencies: BTreeMap::new(),
            uploading: Duration::ZERO,
            publishing: Duration::ZERO,
        })
    }

    /// Asks for the plan of a build under each policy, and counts what is reused.
    pub(crate) async fn plan(&mut self, run: &Run) -> Result<()> {
        let (mut reused, mut risky) = (BTreeMap::new(), BTreeMap::new());
        let mut request = self.request(run);
        for policy in self.policies.clone() {
            request.policy = Some(policy);
            let began = Instant::now();
            let answer = self.api.plan(&request).await;
            self.latencies.entry(policy).or_default().push(began.elapsed());
            let answer =
                answer.with_context(|| format!("the plan of {} under {policy}", run.id))?;
            let planned: Planned = serde_json::from_slice(&answer)?;
            let (found, without_exact) = self.judge(run, policy, &planned);
            reused.insert(policy.to_string(), found);
            risky.insert(policy.to_string(), without_exact);
        }
        let (build, time) = (run.id.to_string(), run.time.clone());
        let counted = PerBuild { build, time, products: run.lines.len() as u64, reused };
        self.counted.add(counted, &risky);
        Ok(())
    }

    /// How many products are reused, and how many of these have no exact binary.
    ///
    /// Which binary is the exact one is known: the one that the history has in this build.
    fn judge(&mut self, run: &Run, policy: Policy, planned: &Planned) -> (u64, u64) {
        let exact: HashMap<&str, usize> = run
            .binaries
            .iter()
            .map(|binary| (self.history.product(*binary).as_str(), *binary))
            .collect();
        let (mut reused, mut without_exact) = (0, 0);
        let mut faults = Vec::new();
        let mut fault = |what: String| faults.push(format!("{} under {policy}: {what}", run.id));
        if planned.steps.len() != run.lines.len() {
            fault(format!("{} steps for {} sources", planned.steps.len(), run.lines.len()));
        }
        for step in &planned.steps {
            let product = &step.product;
            let Some(binary) = exact.get(product.as_str()) else {
                fault(format!("a step for `{product}`, which is no source"));
                continue;
            };
            let name = self.history.binaries[*binary].name.to_string();
            let is_there = self.archives[*binary].is_some();
            match &step.reuse {
                None if is_there => fault(format!("`{product}` is built, though {name} is there")),
                None => {}
                Some(found) if is_there && found.build != name => {
                    let found = &found.build;
                    fault(format!("`{product}` is {found}, though the exact {name} is there"));
                }
                Some(found) if !is_there && policy == Policy::Exact => {
                    fault(format!("`{product}` is {}, which is not exact", found.build));
                }
                Some(_) => {}
            }
            if step.reuse.is_some() {
                reused += 1;
                without_exact += u64::from(!is_there);
            }
        }
        faults.truncate(FAULTS.saturating_sub(self.faults.len()));
        self.faults.append(&mut faults);
        (reused, without_exact)
    }

    fn request(&self, run: &Run) -> PlanRequest {
        PlanRequest {
            sources: self.history.sources(run),
            platform: self.platform.clone(),
            policy: None,
            policies: BTreeMap::new(),
            built_in: None,
            host: BTreeMap::new(),
            build: Some(run.id.clone()),
        }
    }

    /// Publishes the binaries that a build is the first to have; none: it has none.
    pub(crate) async fn publish(&mut self, run: &Run) -> Result<Option<Batch>> {
        if run.new.is_empty() && !self.distributes {
            return Ok(None);
        }
        let (history, platform) = (self.history, &self.platform);
        let packed = run.new.iter().map(|binary| Parcel::pack(history, *binary, platform));
        let parcels: Vec<Parcel> = packed.collect::<Result<_>>()?;
        for (binary, parcel) in run.new.iter().zip(&parcels) {
            self.archives[*binary] = Some(parcel.sha256);
        }
        let records = run.new.iter().zip(&parcels).map(|(binary, parcel)| {
            parcel::record(history, *binary, platform, parcel, &self.archives)
        });
        let builds: Vec<Build> = records.collect::<Result<_>>()?;
        let began = Instant::now();
        let sent = stream::iter(&parcels).map(|parcel| self.api.upload(parcel));
        sent.buffer_unordered(self.at_once).try_collect::<()>().await?;
        let uploaded = began.elapsed();
        let distribution = match self.distributes {
            true => Some(parcel::distribution(history, run, platform)?),
            false => None,
        };
        let answer = self.api.publish(builds.clone(), distribution).await;
        let answer = answer.with_context(|| format!("publishing {}", run.id))?;
        let took = began.elapsed();
        ensure!(
            answer.published.len() == builds.len(),
            "{} of {} builds are new to the server",
            answer.published.len(),
            builds.len()
        );
        self.uploading += uploaded;
        self.publishing += took - uploaded;
        self.counted.binaries_stored += builds.len() as u64;
        Ok(Some(Batch { parcels, builds, took }))
    }
}

#[cfg(test)]
mod tests {
    use larder_tests::TestRegistry;

    use super::*;
    use larder_benches::history::example::{EXAMPLE, Written};

    async fn replayed(history: &History, distributes: bool) -> Document {
        let registry = TestRegistry::start().await;
        let token = registry.admin().token().unwrap().to_owned();
        let api = Api::new(registry.origin(), token).unwrap();
        let policies = vec![Policy::Exact, Policy::Direct, Policy::Semver];
        let mut replay = Replay::new(history, api, policies, 4, distributes).unwrap();
        for run in &history.runs {
            replay.plan(run).await.unwrap();
            replay.publish(run).await.unwrap();
        }
        assert_eq!(replay.faults, Vec::<String>::new());
        replay.counted
    }

    #[tokio::test]
    async fn each_policy_reuses_in_the_example_what_it_must() {
        let written = Written::new(&EXAMPLE);
        let history = History::read(&[written.path().to_owned()]).unwrap();

        for distributes in [false, true] {
            let counted = replayed(&history, distributes).await;

            let reused = |policy: &str| counted.policies[policy].reused;
            assert_eq!([reused("exact"), reused("direct"), reused("semver")], [2, 4, 6]);
            assert_eq!(counted.policies["semver"].risky, 4);
            assert_eq!((counted.product_builds, counted.binaries_stored), (12, 10));
        }
    }
}
