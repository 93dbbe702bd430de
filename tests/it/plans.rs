//! Which of some sources must be built, through the front door.

use larder_schema::{PlanAnswer, Problem};
use larder_tests::{BuildBuilder, Http, Parcel, TestRegistry, build};
use serde_json::{Value, json};

/// The revision that is told by two digits: `c1` is `c1c1c1…`.
fn revision(short: &str) -> String {
    short.repeat(20)
}

/// A source: product, version (`-`: none), revision, dependencies.
fn source(product: &str, version: &str, short: &str, needs: &[&str]) -> Value {
    let mut source =
        json!({"product": product, "revision": revision(short), "dependencies": needs});
    if version != "-" {
        source["version"] = json!(version);
    }
    source
}

fn question(sources: &[Value]) -> Value {
    json!({"sources": sources, "platform": "linux-x86_64"})
}

/// The same with more said.
fn with(mut question: Value, more: Value) -> Value {
    for (field, value) in more.as_object().unwrap() {
        question[field] = value.clone();
    }
    question
}

async fn planned(http: &Http, question: &Value) -> PlanAnswer {
    http.post("/api/v1/plan", question).await.expect(200).json()
}

async fn refused(http: &Http, question: &Value, status: u16) -> Problem {
    http.post("/api/v1/plan", question).await.expect(status).problem()
}

/// For each source `log 1.2.0-b1`, or `log build`.
fn told(answer: &PlanAnswer) -> Vec<String> {
    let step = |step: &larder_schema::plan::Step| match step.reused() {
        Some(reused) => format!("{} {}", step.source.product, reused.build),
        None => format!("{} build", step.source.product),
    };
    answer.steps.iter().map(step).collect()
}

/// For each source why.
fn because(answer: &PlanAnswer) -> String {
    let step =
        |step: &larder_schema::plan::Step| format!("{}: {}", step.source.product, step.because);
    answer.steps.iter().map(step).collect::<Vec<_>>().join("\n")
}

/// A build of a source, against builds that are there.
fn made(source: &Value, id: &str, against: &[&Parcel]) -> BuildBuilder {
    let version = source["version"].as_str().unwrap_or("0.0.0");
    let product = source["product"].as_str().unwrap();
    let mut seen = std::collections::HashSet::new();
    let needs: Vec<Value> = against
        .iter()
        .filter(|parcel| seen.insert(parcel.product()))
        .map(|parcel| {
            let archive = parcel.archive();
            json!({"product": parcel.product(), "requirement": "*",
                   "built_against": {"build": parcel.build(), "archive": archive}})
        })
        .collect();
    let name = format!("{version}-{id}");
    build(product, &name)
        .field(
            "source",
            json!({"repository": "https://example.org/x", "revision": source["revision"]}),
        )
        .field("dependencies", json!(needs))
        .file("lib/x", format!("{product} {name}").as_bytes())
}

/// Publishes what a plan says is to be built, and answers all builds of the plan.
async fn follow(
    registry: &TestRegistry,
    answer: &PlanAnswer,
    id: &str,
    made_before: &mut Vec<Parcel>,
) {
    for step in answer.steps.iter().filter(|step| step.reused().is_none()) {
        let chosen = |product: &str| -> String {
            let step = answer.steps.iter().find(|step| step.source.product.as_str() == product);
            let step = step.unwrap();
            match step.reused() {
                Some(reused) => reused.build.to_string(),
                None => format!("{}-{id}", step.version()),
            }
        };
        let against: Vec<&Parcel> = step
            .source
            .dependencies
            .iter()
            .map(|needed| {
                let (product, name) = (needed.product.as_str(), chosen(needed.product.as_str()));
                let is = |parcel: &&Parcel| parcel.product() == product && parcel.build() == name;
                made_before.iter().find(is).expect("what is needed was built")
            })
            .collect();
        let source = serde_json::to_value(&step.source).unwrap();
        let parcel = made(&source, id, &against).pack();
        registry.publish_all(&[&parcel]).await;
        made_before.push(parcel);
    }
}

/// Four products: `base` depends on `log`, `geom` on `base`, `app` on `base` and `geom`.
fn example(log: [&str; 2], geom: [&str; 2]) -> Value {
    question(&[
        source("log", log[1], log[0], &[]),
        source("base", "3.0.0", "c1", &["log"]),
        source("geom", geom[1], geom[0], &["base"]),
        source("app", "5.0.0", "a1", &["base", "geom", "base"]),
    ])
}

fn under(question: &Value, policy: &str) -> Value {
    with(question.clone(), json!({"policy": policy}))
}

#[tokio::test]
async fn each_policy_reuses_what_it_says_in_a_small_history() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let mut parcels = Vec::new();
    let first = example(["11", "1.2.0"], ["61", "2.0.0"]);
    let second = example(["12", "1.3.0"], ["61", "2.0.0"]);
    let third = example(["11", "1.2.0"], ["62", "2.1.0"]);
    let all = ["log build", "base build", "geom build", "app build"];

    for policy in ["exact", "content", "direct", "semver"] {
        assert_eq!(told(&planned(&http, &under(&first, policy)).await), all, "{policy}");
    }
    follow(&registry, &planned(&http, &first).await, "b1", &mut parcels).await;
    let of_second = async |policy| told(&planned(&http, &under(&second, policy)).await);
    assert_eq!(of_second("exact").await, all);
    assert_eq!(of_second("content").await, all);
    assert_eq!(
        of_second("direct").await,
        ["log build", "base build", "geom 2.0.0-b1", "app 5.0.0-b1"]
    );
    assert_eq!(
        of_second("semver").await,
        ["log build", "base 3.0.0-b1", "geom 2.0.0-b1", "app 5.0.0-b1"]
    );
    follow(&registry, &planned(&http, &second).await, "b2", &mut parcels).await;
    let of_third = async |policy| told(&planned(&http, &under(&third, policy)).await);
    let as_exact = ["log 1.2.0-b1", "base 3.0.0-b1", "geom build", "app build"];
    assert_eq!(of_third("exact").await, as_exact);
    assert_eq!(of_third("content").await, as_exact);
    assert_eq!(of_third("direct").await, as_exact);
    assert_eq!(
        of_third("semver").await,
        ["log 1.2.0-b1", "base 3.0.0-b1", "geom build", "app 5.0.0-b2"]
    );

    let mut sentences = Vec::new();
    for (question, policy) in
        [(&first, "exact"), (&third, "exact"), (&second, "direct"), (&third, "semver")]
    {
        sentences.push(because(&planned(&http, &under(question, policy)).await));
    }
    insta::assert_snapshot!(sentences.join("\n\n"));
}

#[tokio::test]
async fn what_is_wrong_with_a_list_of_sources_is_told_with_its_place() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let plain = |product: &str, needs: &[&str]| source(product, "1.0.0", "aa", needs);

    let circle = question(&[plain("log", &[]), plain("a", &["b", "log"]), plain("b", &["a"])]);
    let circle = refused(&http, &circle, 400).await;
    assert_eq!((&circle.fields["cycle"], &circle.fields["at"]), (&json!(["a", "b"]), &json!(1)));
    let missing = refused(&http, &question(&[plain("a", &["log"])]), 400).await;
    assert_eq!(missing.fields["dependency"], "log");
    let twice = refused(&http, &question(&[plain("a", &[]), plain("a", &[])]), 400).await;
    assert_eq!((&twice.fields["first_at"], &twice.fields["at"]), (&json!(0), &json!(1)));
    let other = [plain("a", &[]), source("a", "1.0.0", "ab", &[])];
    let revisions = refused(&http, &question(&other), 400).await;
    assert_eq!(revisions.fields["revisions"], json!([revision("aa"), revision("ab")]));
    let none = refused(&http, &question(&[]), 400).await;
    let policy = with(question(&[plain("a", &[])]), json!({"policies": {"log": "semver"}}));
    let policy = refused(&http, &policy, 400).await;
    insta::assert_snapshot!(
        [circle, missing, twice, revisions, none, policy].map(|problem| problem.detail).join("\n")
    );
}

async fn ids(http: &Http, count: u32) -> Vec<u64> {
    let answer: Value =
        http.post("/api/v1/build-ids", &json!({"count": count})).await.expect(200).json();
    let number = |id: &Value| id.as_str().unwrap().strip_prefix('b').unwrap().parse().unwrap();
    answer["ids"].as_array().unwrap().iter().map(number).collect()
}

#[tokio::test]
async fn build_ids_are_given_once_and_go_on_above_all_that_were_published() {
    let mut registry = TestRegistry::start().await;
    registry.publish(build("log", "1.0.0-b7466").without_archive()).await;
    let publisher = registry.holder("ci", &["publish:log"]).await;
    let reader = registry.holder("reader", &["read:*"]).await;

    reader.post("/api/v1/build-ids", &json!({})).await.expect(403);
    let asked = (0..20).map(|_| ids(&publisher, 3));
    let given = futures_util::future::join_all(asked).await;
    let mut all: Vec<u64> = given.iter().flatten().copied().collect();
    all.sort_unstable();
    all.dedup();

    assert_eq!(all.len(), 60, "one was given twice");
    assert!(given.iter().all(|some| some.is_sorted()) && all[0] > 7466);
    registry.publish(build("log", "1.0.0-b9999").without_archive()).await;
    // This is no count of builds, and must not use up all that follow.
    registry.publish(build("log", "1.0.0-b99999999999999999999").without_archive()).await;
    assert_eq!(ids(&publisher, 2).await, [10_000, 10_001]);
    registry.restart_after(|data| std::fs::remove_dir_all(data.join("catalog")).unwrap()).await;
    // Tokens are not in the journal.
    let publisher = registry.holder("ci", &["publish:log"]).await;
    assert_eq!(ids(&publisher, 1).await, [10_002]);
    for count in [0, 1001] {
        publisher.post("/api/v1/build-ids", &json!({"count": count})).await.expect(400);
    }
    registry.anybody().post("/api/v1/build-ids", &json!({})).await.expect(401);
}
