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

#[tokio::test]
async fn nothing_is_planned_to_be_built_against_a_version_that_it_does_not_admit() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let asked = |log: &str, kind: &str| {
        let mut afw = source("afw", "2.0.0", "a1", &[]);
        afw["dependencies"] = json!([{"product": "log", "requirement": "^2.0", "kind": kind}]);
        question(&[source("log", log, "11", &[]), afw])
    };

    let unmet = refused(&http, &asked("1.5.0", "run"), 400).await;
    registry.publish(made(&source("log", "1.5.0", "11", &[]), "b1", &[])).await;
    // The binary's version counts where it is reused, and not that of the source.
    let of_binary = refused(&http, &asked("2.5.0", "build"), 400).await;

    let fields = ["product", "dependency", "requirement", "version", "at"];
    let told = fields.map(|field| unmet.fields[field].clone());
    assert_eq!(
        told.to_vec(),
        json!(["afw", "log", "^2.0", "1.5.0", 1]).as_array().unwrap().clone()
    );
    assert_eq!(of_binary.fields["version"], "1.5.0");
    assert!(unmet.detail.starts_with("`afw` needs `log ^2.0`"), "{}", unmet.detail);
    planned(&http, &asked("1.5.0", "test")).await;
    registry.publish(made(&source("log", "2.1.0", "11", &[]), "b2", &[])).await;
    planned(&http, &asked("1.5.0", "run")).await;
    let registry = TestRegistry::start().await;
    planned(&registry.anybody(), &asked("-", "run")).await;
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
    // These are no counts of builds, and must not use up all that follow.
    for id in ["b99999999999999999999", "b9007199254740991", "b4503599627370496"] {
        registry.publish(build("log", &format!("1.0.0-{id}")).without_archive()).await;
    }
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

/// `log`, and `afw` that needs it.
fn two(log: &str) -> Value {
    question(&[source("log", "1.0.0", log, &[]), source("afw", "2.0.0", "a1", &["log"])])
}

#[tokio::test]
async fn a_rebuild_to_the_same_bytes_stops_the_wave_under_content() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let chain = |log: &str| {
        question(&[
            source("log", "1.0.0", log, &[]),
            source("base", "3.0.0", "c1", &["log"]),
            source("app", "5.0.0", "a1", &["base", "log"]),
        ])
    };
    let mut parcels = Vec::new();
    follow(&registry, &planned(&http, &chain("11")).await, "b1", &mut parcels).await;
    // The comment in it changed; what came out did not.
    let same = made(&source("log", "1.0.0", "12", &[]), "b2", &[]);
    let same = same.archive(parcels[0].bytes().to_owned()).pack();
    registry.publish_all(&[&same]).await;
    let other = made(&source("log", "1.0.0", "13", &[]), "b3", &[]).pack();
    registry.publish_all(&[&other]).await;

    let under_content = planned(&http, &under(&chain("12"), "content")).await;
    let under_exact = planned(&http, &under(&chain("12"), "exact")).await;
    let with_other_bytes = planned(&http, &under(&chain("13"), "content")).await;

    assert_eq!(told(&under_content), ["log 1.0.0-b2", "base 3.0.0-b1", "app 5.0.0-b1"]);
    assert_eq!(told(&under_exact), ["log 1.0.0-b2", "base build", "app build"]);
    assert_eq!(told(&with_other_bytes), ["log 1.0.0-b3", "base build", "app build"]);
    let sentences = [under_content, under_exact, with_other_bytes];
    insta::assert_snapshot!(sentences.iter().map(because).collect::<Vec<_>>().join("\n\n"));
}

#[tokio::test]
async fn builds_of_a_test_token_enter_no_plan() {
    let registry = TestRegistry::start().await;
    let answer: Value = registry
        .make_token(json!({"name": "branch", "scopes": ["publish:*"], "test": true}))
        .await
        .expect(201)
        .json();
    let branch = registry.admin().with_token(answer["token"].as_str().unwrap());
    let log = made(&source("log", "1.0.0", "11", &[]), "pr7", &[]).pack();
    let afw = made(&source("afw", "2.0.0", "a1", &[]), "pr7", &[&log]).pack();
    for parcel in [&log, &afw] {
        branch.upload(parcel.name(), parcel.bytes()).await.expect(204);
    }
    registry.publish_records(&branch, &[&log, &afw]).await.expect(200);

    for http in [registry.anybody(), registry.admin(), branch] {
        for policy in ["exact", "content", "direct", "semver"] {
            let answer = planned(&http, &under(&two("11"), policy)).await;
            assert_eq!(told(&answer), ["log build", "afw build"], "{policy}");
            let told = "there is only a test build, 1.0.0-pr7";
            assert_eq!(answer.steps[0].because, told);
        }
    }
    let real = made(&source("log", "1.0.0", "11", &[]), "b1", &[]).pack();
    registry.publish_all(&[&real]).await;
    // What was built against the test build is one itself, and stays out.
    let answer = planned(&registry.anybody(), &under(&two("11"), "semver")).await;
    assert_eq!(told(&answer), ["log 1.0.0-b1", "afw build"]);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_build_is_told() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let of = |product: &str| source(product, "1.0.0", "11", &[]);
    let mac = made(&of("mac"), "b1", &[]).platform("macos-aarch64");
    let dirty = made(&of("dirty"), "b1", &[]).field("source.dirty", json!(true));
    let env = made(&of("env"), "b1", &[]).field("built_in", json!({"name": "e", "version": "1"}));
    let untold = made(&of("untold"), "b1", &[]);
    let host = made(&of("host"), "b1", &[]).field("needs", json!({"glibc": ">=2.28"}));
    for build in [mac, dirty, env, untold, host, made(&of("gone"), "b1", &[])] {
        registry.publish(build).await;
    }
    withdraw(&registry, "/api/v1/builds/gone/1.0.0-b1").await;
    let all = ["mac", "dirty", "env", "untold", "host", "gone", "new"].map(of);
    let strict = with(
        question(&all),
        json!({"built_in": {"name": "e", "version": "2"}, "host": {"glibc": "2.17"}}),
    );

    let answer = planned(&http, &strict).await;
    let lenient = planned(&http, &question(&all)).await;
    let elsewhere =
        planned(&http, &with(question(&all), json!({"platform": "macos-aarch64"}))).await;

    insta::assert_snapshot!(because(&answer));
    assert_eq!(
        told(&lenient),
        [
            "mac build",
            "dirty build",
            "env 1.0.0-b1",
            "untold 1.0.0-b1",
            "host 1.0.0-b1",
            "gone build",
            "new build"
        ]
    );
    assert_eq!(told(&elsewhere)[0], "mac 1.0.0-b1");
    let same = with(question(&all), json!({"built_in": {"name": "e", "version": "1"}}));
    let same = planned(&http, &same).await;
    assert_eq!(told(&same)[2], "env 1.0.0-b1");
    assert_eq!(same.built_in.unwrap().to_string(), "e@1");
}

async fn withdraw(registry: &TestRegistry, path: &str) {
    let read: Value = registry.anybody().read(path).await;
    let said =
        json!({"subject": read["digest"], "kind": "withdrawn", "reason": "it loses photons"});
    registry.admin().post("/api/v1/statements", &said).await.expect(201);
}

#[tokio::test]
async fn what_was_withdrawn_is_told_where_it_would_be_reused() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let mut parcels = Vec::new();
    follow(&registry, &planned(&http, &two("11")).await, "b1", &mut parcels).await;
    follow(&registry, &planned(&http, &two("12")).await, "b2", &mut parcels).await;
    withdraw(&registry, "/api/v1/builds/afw/2.0.0-b1").await;

    let exact = planned(&http, &two("11")).await;
    let semver = planned(&http, &under(&two("11"), "semver")).await;

    assert_eq!(told(&exact), ["log 1.0.0-b1", "afw build"]);
    assert_eq!(
        exact.steps[1].because,
        "2.0.0-b1 was withdrawn: it loses photons; \
         it was built against `log` 1.0.0-b2, and now it is 1.0.0-b1"
    );
    assert_eq!(told(&semver), ["log 1.0.0-b1", "afw 2.0.0-b2"]);
}

#[tokio::test]
async fn a_dependency_with_an_exact_abi_must_be_the_very_build() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let log = |id: &str| {
        made(&source("log", "1.0.0", "11", &[]), id, &[]).field("abi", json!("exact")).pack()
    };
    let (first, second) = (log("b1"), log("b2"));
    registry.publish_all(&[&first]).await;
    let afw = made(&source("afw", "2.0.0", "a1", &[]), "b1", &[&first]);
    registry.publish(afw).await;
    let before = planned(&http, &under(&two("11"), "semver")).await;

    registry.publish_all(&[&second]).await;
    let after = planned(&http, &under(&two("11"), "semver")).await;
    let anew = planned(&http, &under(&two("12"), "semver")).await;

    assert_eq!(told(&before), ["log 1.0.0-b1", "afw 2.0.0-b1"]);
    assert_eq!(told(&after), ["log 1.0.0-b2", "afw build"]);
    assert_eq!(told(&anew), ["log build", "afw build"]);
    insta::assert_snapshot!(because(&after) + "\n" + &because(&anew));
}

#[tokio::test]
async fn a_requirement_must_admit_the_version_that_there_is_now() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let log = made(&source("log", "1.4.0", "11", &[]), "b1", &[]).pack();
    registry.publish_all(&[&log]).await;
    let needs = json!([{"product": "log", "requirement": "^1.4",
                        "built_against": {"build": "1.4.0-b1"}}]);
    let afw = made(&source("afw", "2.0.0", "a1", &[]), "b1", &[]).field("dependencies", needs);
    registry.publish(afw).await;
    let asked = |version: &str| {
        let log = source("log", version, "12", &[]);
        under(&question(&[log, source("afw", "2.0.0", "a1", &["log"])]), "semver")
    };

    assert_eq!(told(&planned(&http, &asked("1.5.0")).await)[1], "afw 2.0.0-b1");
    let older = planned(&http, &asked("1.3.0")).await;
    assert_eq!(told(&older)[1], "afw build");
    assert_eq!(older.steps[1].because, "it needs `log ^1.4`, and now it is 1.3.0");
    let major = planned(&http, &asked("2.0.0")).await;
    assert!(major.steps[1].because.starts_with("`log` went from major version 1 to 2"));
}

#[tokio::test]
async fn builds_may_come_in_any_order() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    let log = made(&source("log", "1.0.0", "11", &[]), "b1", &[]).pack();
    let afw = made(&source("afw", "2.0.0", "a1", &[]), "b1", &[&log]).pack();
    let lone = question(&[source("afw", "2.0.0", "a1", &[])]);

    registry.publish_all(&[&afw]).await;
    let before = planned(&http, &two("11")).await;
    let without = planned(&http, &lone).await;
    registry.publish_all(&[&log]).await;
    let after = planned(&http, &two("11")).await;

    assert_eq!(told(&before), ["log build", "afw build"]);
    assert_eq!(without.steps[0].because, "it was built with `log`, which it needs no more");
    assert_eq!(told(&after), ["log 1.0.0-b1", "afw 2.0.0-b1"]);
}

#[tokio::test]
async fn products_that_may_not_be_read_look_as_if_they_had_no_builds() {
    let registry = TestRegistry::start_with(|config| {
        config.access.read = larder_server::config::Readers::Token;
    })
    .await;
    let mut parcels = Vec::new();
    follow(&registry, &planned(&registry.admin(), &two("11")).await, "b1", &mut parcels).await;
    let reader = registry.holder("reader", &["read:afw"]).await;

    let all = planned(&registry.admin(), &two("11")).await;
    let some = planned(&reader, &two("11")).await;
    let direct = planned(&reader, &under(&two("11"), "direct")).await;

    assert_eq!(told(&all), ["log 1.0.0-b1", "afw 2.0.0-b1"]);
    for answer in [&some, &direct] {
        assert_eq!(told(answer), ["log build", "afw build"]);
        assert_eq!(answer.steps[0].because, "there is no binary of this product");
    }
    assert_eq!(some.steps[1].because, "`log` is built anew");
    registry.anybody().post("/api/v1/plan", &two("11")).await.expect(401);
}

#[tokio::test]
async fn more_sources_than_a_plan_takes_are_refused_at_once() {
    let registry = TestRegistry::start().await;
    let sources: Vec<Value> =
        (0..100_000).map(|number| source(&format!("p{number}"), "-", "11", &[])).collect();
    let many = question(&sources);
    let few = question(&sources[..10_000]);

    let of_nobody = refused(&registry.anybody(), &many, 413).await;
    let of_admin = refused(&registry.admin(), &many, 413).await;
    let answer = planned(&registry.admin(), &few).await;

    assert_eq!(of_nobody.fields["limit"], registry.config().limits.open_document_bytes);
    assert!(of_admin.detail.contains("more than the 10000 sources"), "{}", of_admin.detail);
    assert_eq!(of_admin.fields["limit"], 10_000);
    assert_eq!(answer.steps.len(), 10_000);
    let mut odd = two("11");
    odd["sources"][1]["colour"] = json!("red");
    let odd = refused(&registry.anybody(), &odd, 400).await;
    assert!(odd.detail.contains("sources[1]: unknown field `colour`"), "{}", odd.detail);
}

#[tokio::test]
async fn the_settings_choose_where_the_request_does_not_and_a_person_is_warned() {
    let registry = TestRegistry::start_with(|config| {
        config.plan.policy = larder_schema::Policy::Direct;
        config.plan.policies =
            [("afw".parse().unwrap(), larder_schema::Policy::Semver)].into_iter().collect();
    })
    .await;
    let http = registry.anybody();
    for (product, version) in [("log", "1"), ("sky", "2")] {
        let build = made(&source(product, "1.0.0", "11", &[]), "b1", &[]);
        let environment = json!({"name": "env", "version": version});
        registry.publish(build.field("built_in", environment)).await;
    }
    registry.publish(made(&source("afw", "2.0.0", "a0", &[]), "b7", &[])).await;
    let mut asked = two("11");
    asked["sources"].as_array_mut().unwrap().push(source("sky", "1.0.0", "11", &[]));

    let answer = planned(&http, &with(asked.clone(), json!({"build": "b7"}))).await;
    let exact = planned(&http, &under(&asked, "exact")).await;

    let policies: Vec<String> = answer.steps.iter().map(|step| step.policy.to_string()).collect();
    assert_eq!(
        (answer.policy.to_string(), policies),
        ("direct".to_owned(), ["direct", "semver", "direct"].map(str::to_owned).to_vec())
    );
    assert!(exact.steps.iter().all(|step| step.policy == larder_schema::Policy::Exact));
    assert_eq!(answer.build.unwrap().to_string(), "b7");
    insta::assert_snapshot!(answer.warnings.join("\n"));
}
