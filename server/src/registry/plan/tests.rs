//! Plans over random small histories in SQLite, against the definition word for word.
//!
//! A seed makes each history, and is told when something is wrong.

mod brute;
mod history;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use larder_schema::api::{StatementKind, StatementRequest};
use larder_schema::plan::{Action, Reason};
use larder_schema::{PlanAnswer, PlanRequest, Platform, Policy, ProductName};
use serde_json::json;
use tempfile::TempDir;

use self::brute::{Brute, Taken};
use self::history::{Made, Oddities, archives, history, question};
use super::decide::{Budget, plan};
use super::terms::Terms;
use super::{Limit, Stop};
use crate::catalog::{Act, Catalog, Publication, Sqlite, Stock};
use crate::config;
use crate::registry::random::Random;

/// How many histories are tried.
const HISTORIES: u64 = 60;
/// How many builds are published together.
const TOGETHER: usize = 7;

/// A history in a catalog.
struct Stored {
    catalog: Sqlite,
    history: Vec<Made>,
    _folder: TempDir,
}

fn act() -> Act {
    Act { by: "ci".parse().unwrap(), at: "2026-11-23T06:00:00Z".parse().unwrap() }
}

impl Stored {
    async fn new(history: Vec<Made>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Sqlite::open(&folder.path().join("catalog.sqlite")).unwrap();
        for (archive, index) in archives() {
            catalog.record_archive(&archive, &index).await.unwrap();
        }
        let mut stored = Self { catalog, history: Vec::new(), _folder: folder };
        for some in history.chunks(TOGETHER) {
            stored.publish(some.to_vec()).await;
        }
        stored
    }

    async fn publish(&mut self, some: Vec<Made>) {
        let builds = some.iter().map(|made| (made.build.clone(), made.digest)).collect();
        let publication = Publication {
            builds,
            distribution: None,
            tags: Vec::new(),
            twins: true,
            new_products: true,
        };
        self.catalog.record(&publication, &act()).await.unwrap().unwrap();
        for made in some.iter().filter(|made| made.withdrawn) {
            let said = StatementRequest {
                subject: made.digest,
                kind: StatementKind::Withdrawn,
                reason: "it crashes".parse().unwrap(),
                replaced_by: None,
            };
            self.catalog.state(&said, &act()).await.unwrap();
        }
        self.history.extend(some);
    }

    async fn planned(&self, request: &PlanRequest) -> PlanAnswer {
        self.planned_within(request, usize::MAX, Duration::from_secs(60)).await.unwrap()
    }

    async fn planned_within(
        &self,
        request: &PlanRequest,
        most: usize,
        time: Duration,
    ) -> Result<PlanAnswer, Stop> {
        let terms = Terms::of(request.clone(), &config::Plan::default()).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let work = move |stock: &dyn Stock| {
            let gone = AtomicBool::new(false);
            let budget = Budget::new(most, Instant::now() + time, &gone);
            sender.send(plan(stock, &terms, &budget, &|_| true)).unwrap();
        };
        self.catalog.with_stock(Box::new(work)).await.unwrap();
        receiver.recv().unwrap()
    }

    /// What is reused, by the places in the history.
    fn taken(&self, answer: &PlanAnswer) -> Taken {
        let place = |step: &larder_schema::plan::Step| {
            let reused = step.reused()?;
            let is = |made: &Made| made.build.key() == reused.key();
            Some(self.history.iter().position(is).unwrap())
        };
        answer.steps.iter().map(|step| (step.source.product.clone(), place(step))).collect()
    }
}

fn under(request: &PlanRequest, policy: Policy) -> PlanRequest {
    PlanRequest { policy: Some(policy), ..request.clone() }
}

fn reused(answer: &PlanAnswer) -> BTreeSet<&ProductName> {
    let reused = answer.steps.iter().filter(|step| step.reused().is_some());
    reused.map(|step| &step.source.product).collect()
}

/// What is said of a step agrees with what is done.
fn is_told_well(brute: &Brute<'_>, answer: &PlanAnswer) -> Result<(), String> {
    for step in &answer.steps {
        let wrong = |what: &str| Err(format!("{what}: {step:#?}"));
        let eligible = brute.eligible(&step.source);
        match &step.action {
            Action::Reuse { reuse, differs, .. } => {
                let exact = !step.because.contains("another build")
                    && !step.because.contains("other builds");
                if exact != differs.is_empty() {
                    return wrong("what differs is not told");
                }
                if step.policy == Policy::Exact && !differs.is_empty() {
                    return wrong("what is the same differs");
                }
                let made = brute.history.iter().find(|made| made.build.key() == reuse.key());
                let build = &made.unwrap().build;
                let whole = larder_schema::Listed::of(build).unwrap();
                let same = (reuse.record, reuse.archive, reuse.tree, reuse.role);
                if same != (whole.record, whole.archive, whole.tree, whole.role) {
                    return wrong("the build is listed otherwise");
                }
            }
            Action::Build { reasons, nearest } => {
                if reasons.is_empty() {
                    return wrong("there is no reason");
                }
                let last = eligible.last().map(|at| brute.history[*at].build.name());
                if *nearest != last {
                    return wrong("another is nearest");
                }
                let of_dependency = |reason: &Reason| reason_of_dependency(reason);
                if nearest.is_some() != reasons.iter().any(of_dependency) {
                    return wrong("the reason is of another kind");
                }
            }
        }
    }
    Ok(())
}

fn reason_of_dependency(reason: &Reason) -> bool {
    let kind = serde_json::to_value(reason).unwrap()["kind"].clone();
    kind.as_str().unwrap().starts_with("dependency")
}

#[tokio::test]
async fn what_is_reused_is_what_the_policy_says_word_for_word() {
    let (mut reused, mut built, mut inexact) = (0, 0, 0);
    for seed in 0..HISTORIES {
        let mut random = Random::new(seed);
        let oddities = Oddities::some(&mut random);
        let stored = Stored::new(history(&mut random, oddities)).await;
        for _ in 0..3 {
            let request = question(&mut random, oddities);
            for policy in Policy::ALL {
                let request = under(&request, policy);
                let answer = stored.planned(&request).await;

                let brute = Brute { history: &stored.history, request: &request, policy };
                let taken = stored.taken(&answer);
                let told = || format!("seed {seed} {policy}\n{answer:#?}\n{:#?}", stored.history);
                assert_eq!(taken, brute.plan(), "{}", told());
                is_told_well(&brute, &answer).unwrap_or_else(|wrong| panic!("{wrong}\n{}", told()));
                reused += taken.values().filter(|taken| taken.is_some()).count();
                built += taken.values().filter(|taken| taken.is_none()).count();
                let differs = |step: &&larder_schema::plan::Step| matches!(&step.action, Action::Reuse { differs, .. } if !differs.is_empty());
                inexact += answer.steps.iter().filter(differs).count();
            }
        }
    }
    assert!(
        reused > 800 && built > 1_000 && inexact > 200,
        "{reused} were reused, {inexact} of them not exactly, and {built} built"
    );
}

#[tokio::test]
async fn a_stricter_policy_reuses_nothing_that_another_does_not() {
    let mut more = [0; 3];
    for seed in 0..HISTORIES {
        let mut random = Random::new(seed);
        let bytes_change = seed % 2 == 0;
        let mut history = history(&mut random, Oddities::NONE);
        if bytes_change {
            history.iter_mut().for_each(Made::drop_archive);
        }
        let stored = Stored::new(history).await;
        let request = question(&mut random, Oddities::NONE);
        let under = async |policy| stored.planned(&under(&request, policy)).await;
        let answers =
            (under(Policy::Exact).await, under(Policy::Content).await, under(Policy::Direct).await);
        let (exact, content, direct) = (reused(&answers.0), reused(&answers.1), reused(&answers.2));
        let semver = under(Policy::Semver).await;
        let semver = reused(&semver);

        assert!(exact.is_subset(&content), "seed {seed}");
        assert!(exact.is_subset(&direct), "seed {seed}");
        assert!(direct.is_subset(&semver), "seed {seed}");
        assert!(!bytes_change || exact == content, "seed {seed}");
        more[0] += content.len() - exact.len();
        more[1] += direct.len() - exact.len();
        more[2] += semver.len() - direct.len();
    }
    assert!(more.iter().all(|more| *more > 2), "policies are not told apart: {more:?}");
}

/// The builds that a plan asks for, as records.
fn followed(request: &PlanRequest, answer: &PlanAnswer, id: &str) -> Vec<Made> {
    let name = |product: &ProductName| {
        let step = answer.steps.iter().find(|step| step.source.product == *product).unwrap();
        match step.reused() {
            Some(reused) => reused.build.to_string(),
            None => format!("{}-{id}", step.version()),
        }
    };
    let build = |step: &larder_schema::plan::Step| {
        let mut dependencies: Vec<serde_json::Value> = Vec::new();
        for needed in &step.source.dependencies {
            let told = json!({
                "product": needed.product, "requirement": "*", "kind": needed.kind,
                "built_against": {"build": name(&needed.product)},
            });
            if !dependencies.contains(&told) {
                dependencies.push(told);
            }
        }
        let mut record = json!({
            "product": step.source.product, "version": step.version(), "build": id,
            "platform": request.platform, "archive": null, "dependencies": dependencies,
            "source": {"repository": "https://example.org/x", "revision": step.source.revision},
        });
        if let Some(asked) = &request.built_in {
            record["built_in"] = json!(asked);
        }
        Made::of(record, false)
    };
    answer.steps.iter().filter(|step| step.reused().is_none()).map(build).collect()
}

#[tokio::test]
async fn a_plan_that_was_followed_leaves_nothing_to_build() {
    for seed in 0..HISTORIES {
        let mut random = Random::new(seed);
        // What is made here tells names alone, which may mean another of several.
        let oddities = Oddities::some(&mut random).with_one_build_of_a_name();
        let mut stored = Stored::new(history(&mut random, oddities)).await;
        let policy = *random.one(&Policy::ALL);
        let request = under(&question(&mut random, oddities), policy);
        let first = stored.planned(&request).await;

        stored.publish(followed(&request, &first, "after")).await;
        let second = stored.planned(&request).await;

        let told = || format!("seed {seed} {policy}\n{first:#?}\n{second:#?}");
        assert_eq!(reused(&second).len(), request.sources.len(), "{}", told());
        let kept = |step: &larder_schema::plan::Step| step.reused().cloned();
        for (before, after) in first.steps.iter().zip(&second.steps) {
            let (before, after) = (kept(before), kept(after));
            assert!(before.is_none() || before == after, "another is reused now\n{}", told());
        }
    }
}

#[tokio::test]
async fn what_a_caller_may_not_read_looks_as_if_there_were_no_builds() {
    let mut random = Random::new(1);
    let stored = Stored::new(history(&mut random, Oddities::NONE)).await;
    let request = question(&mut random, Oddities::NONE);
    let terms = Terms::of(under(&request, Policy::Semver), &config::Plan::default()).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let work = move |stock: &dyn Stock| {
        let gone = AtomicBool::new(false);
        let budget = Budget::new(1_000, Instant::now() + Duration::from_secs(60), &gone);
        let hidden: ProductName = "a".parse().unwrap();
        sender.send(plan(stock, &terms, &budget, &|name| *name != hidden)).unwrap();
    };

    stored.catalog.with_stock(Box::new(work)).await.unwrap();
    let answer = receiver.recv().unwrap().unwrap();

    for step in &answer.steps {
        let needs_it = step.source.dependencies.iter().any(|it| it.product.as_str() == "a");
        match &step.action {
            Action::Build { reasons, .. } if step.source.product.as_str() == "a" => {
                assert_eq!(reasons, &[Reason::NoBuild]);
            }
            Action::Build { .. } => {}
            Action::Reuse { .. } => assert!(!needs_it, "{step:#?}"),
        }
    }
}

#[tokio::test]
async fn more_builds_than_a_plan_may_look_at_and_more_time_are_told_as_limits() {
    let mut random = Random::new(2);
    let stored = Stored::new(history(&mut random, Oddities::NONE)).await;
    let request = question(&mut random, Oddities::NONE);
    let platform: Platform = "any".parse().unwrap();
    let request = PlanRequest { platform, ..request };

    let many = stored.planned_within(&request, 1, Duration::from_secs(60)).await;
    let late = stored.planned_within(&request, usize::MAX, Duration::ZERO).await;

    assert!(matches!(many, Err(Stop::Limit(Limit::Candidates(1)))), "{many:?}");
    assert!(matches!(late, Err(Stop::Limit(Limit::Time))), "{late:?}");
}

/// A build at a revision, as its record tells what it needs.
fn at_one(product: &str, needs: &[serde_json::Value]) -> Made {
    let source = json!({"repository": "https://example.org/x", "revision": "1".repeat(40)});
    Made::of(
        json!({"product": product, "version": "1.0.0", "build": "b1", "platform": "any",
               "archive": null, "source": source, "dependencies": needs}),
        false,
    )
}

fn question_of(sources: &[(&str, &str, &[&str])]) -> PlanRequest {
    let sources: Vec<_> = sources
        .iter()
        .map(|(product, letter, needs)| {
            json!({"product": product, "revision": letter.repeat(40), "dependencies": needs})
        })
        .collect();
    serde_json::from_value(json!({"sources": sources, "platform": "any", "build": "b2"})).unwrap()
}

fn reasons_of<'a>(answer: &'a PlanAnswer, product: &str) -> &'a [Reason] {
    let step = answer.steps.iter().find(|step| step.source.product.as_str() == product).unwrap();
    match &step.action {
        Action::Build { reasons, .. } => reasons,
        Action::Reuse { .. } => &[],
    }
}

#[tokio::test]
async fn what_was_built_against_changes_that_no_revision_tells_is_built_again() {
    let needs = |product: &str| json!({"product": product, "requirement": "*", "built_against": {"build": "1.0.0-b1"}});
    let odd = |product: &str, change: fn(&mut larder_schema::Build)| {
        let Made { mut build, .. } = at_one(product, &[]);
        change(&mut build);
        Made { digest: build.digest().unwrap(), build, withdrawn: false }
    };
    let dirty = odd("dirty", |build| build.source.as_mut().unwrap().dirty = true);
    let test = odd("test", |build| build.test = true);
    let (on_dirty, on_test) = (at_one("b", &[needs("dirty")]), at_one("c", &[needs("test")]));
    let stored = Stored::new(vec![dirty, test, on_dirty, on_test]).await;
    let request = question_of(&[
        ("dirty", "1", &[]),
        ("test", "1", &[]),
        ("b", "1", &["dirty"]),
        ("c", "1", &["test"]),
    ]);

    let answer = stored.planned(&under(&request, Policy::Direct)).await;

    let from = None;
    for (user, product) in [("b", "dirty"), ("c", "test")] {
        let (product, to) = (product.parse().unwrap(), "1".repeat(40).parse().unwrap());
        let changed = Reason::DependencyRevision { product, from: from.clone(), to };
        assert_eq!(reasons_of(&answer, user), [changed]);
    }
}

#[tokio::test]
async fn a_reason_is_told_also_where_it_is_lost_what_builds_were_built_against() {
    let needs = json!({"product": "a", "requirement": "*", "built_against": {"build": "1.0.0-b1"}});
    let stored = Stored::new(vec![at_one("a", &[]), at_one("b", &[needs])]).await;
    let request = under(&question_of(&[("a", "1", &[]), ("b", "1", &["a"])]), Policy::Direct);
    stored.catalog.lose_inputs().await.unwrap();

    let answer = stored.planned(&request).await;

    let build = "1.0.0-b1".parse().unwrap();
    assert_eq!(reasons_of(&answer, "a"), [Reason::DependenciesUnknown { build }]);
    assert_eq!(reasons_of(&answer, "b").len(), 1);
    assert_eq!(answer.steps[0].because, "what 1.0.0-b1 was built against is not known");
}

#[tokio::test]
async fn of_many_dependencies_that_are_gone_a_few_are_told() {
    let needs: Vec<_> =
        (0..30).map(|at| json!({"product": format!("gone{at}"), "requirement": "*"})).collect();
    let stored = Stored::new(vec![at_one("a", &needs)]).await;

    let answer = stored.planned(&question_of(&[("a", "1", &[])])).await;

    assert_eq!(reasons_of(&answer, "a").len(), 20);
}

#[tokio::test]
async fn all_that_a_plan_looks_at_counts_against_its_limit() {
    let mut stored = Stored::new(vec![at_one("a", &[]), at_one("b", &[]), at_one("c", &[])]).await;
    let needs = (0..9).map(|at| json!({"product": format!("x{at}"), "requirement": "*"}));
    stored.publish(vec![at_one("d", &needs.collect::<Vec<_>>())]).await;
    let names = question_of(&[("a", "2", &[]), ("b", "2", &[]), ("c", "2", &[])]);
    let recorded = question_of(&[("d", "1", &[])]);

    for request in [&names, &recorded] {
        let many = stored.planned_within(request, 2, Duration::from_secs(60)).await;

        assert!(matches!(many, Err(Stop::Limit(Limit::Candidates(2)))), "{many:?}");
    }
}

#[test]
fn what_a_request_says_goes_over_the_settings_and_a_product_over_all() {
    let request: PlanRequest = serde_json::from_value(json!({
        "sources": [{"product": "a", "revision": "1".repeat(40)}], "platform": "any",
    }))
    .unwrap();
    let (a, b): (ProductName, ProductName) = ("a".parse().unwrap(), "b".parse().unwrap());
    let settings = config::Plan {
        policy: Policy::Content,
        policies: [(b.clone(), Policy::Semver)].into_iter().collect(),
    };
    let policies = |request: &PlanRequest| {
        let terms = Terms::of(request.clone(), &settings).unwrap();
        (terms.policy_for(&a), terms.policy_for(&b), terms.policy())
    };

    assert_eq!(policies(&request), (Policy::Content, Policy::Semver, Policy::Content));
    let all = under(&request, Policy::Exact);
    assert_eq!(policies(&all), (Policy::Exact, Policy::Exact, Policy::Exact));
    let one =
        PlanRequest { policies: [(a.clone(), Policy::Direct)].into_iter().collect(), ..request };
    assert_eq!(policies(&one), (Policy::Direct, Policy::Semver, Policy::Content));
}
