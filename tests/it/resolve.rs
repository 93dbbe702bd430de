//! Which builds meet some requirements, through the front door.

use std::time::{Duration, Instant};

use larder_schema::Problem;
use larder_tests::{Http, Larder, Parcel, Proxy, TestRegistry, build, distribution};
use serde_json::{Value, json};

/// Asks for products by requirement (`afw ^1.0`), by build (`afw@1.0.0-b1`) or by name alone.
fn question(wanted: &[&str]) -> Value {
    let wanted: Vec<Value> = wanted
        .iter()
        .map(|text| match (text.split_once('@'), text.split_once(' ')) {
            (Some((product, build)), _) => json!({"product": product, "build": build}),
            (None, Some((product, requirement))) => {
                json!({"product": product, "requirement": requirement})
            }
            (None, None) => json!({"product": text}),
        })
        .collect();
    json!({"requirements": wanted, "platform": "linux-x86_64"})
}

/// The same question with more said.
fn with(mut question: Value, more: Value) -> Value {
    for (field, value) in more.as_object().unwrap() {
        question[field] = value.clone();
    }
    question
}

/// The builds of the answer: `afw@1.0.0-b1`.
async fn resolved(http: &Http, question: &Value) -> Vec<String> {
    let answer: Value = http.post("/api/v1/resolve", question).await.expect(200).json();
    let text = |listed: &Value, field: &str| listed[field].as_str().unwrap().to_owned();
    let builds = answer["builds"].as_array().unwrap().iter();
    builds.map(|listed| format!("{}@{}", text(listed, "product"), text(listed, "build"))).collect()
}

async fn refused(http: &Http, question: &Value) -> Problem {
    http.post("/api/v1/resolve", question).await.expect(409).problem()
}

#[tokio::test]
async fn the_newest_builds_come_with_what_they_need_and_each_after_that() {
    let registry = TestRegistry::start().await;
    for name in ["1.0.0-b1", "1.1.0-b1", "2.0.0-b1"] {
        registry.publish(build("log", name).file("a", name.as_bytes())).await;
    }
    registry.publish(build("afw", "1.0.0-b9").needs("log", "^1").file("a", b"9")).await;
    registry.publish(build("afw", "1.0.0-b10").needs("log", "^1").file("a", b"10")).await;
    let http = registry.anybody();

    let answer: Value = http
        .post("/api/v1/resolve", &with(question(&["afw"]), json!({"records": true})))
        .await
        .expect(200)
        .json();

    let names: Vec<&Value> =
        answer["builds"].as_array().unwrap().iter().map(|listed| &listed["build"]).collect();
    assert_eq!(names, ["1.1.0-b1", "1.0.0-b10"]);
    let afw: Value = http.read("/api/v1/builds/afw/1.0.0-b10").await;
    assert_eq!(answer["builds"][1]["record"], afw["digest"]);
    assert_eq!(
        answer["builds"][1]["archive"],
        json!(format!("sha256:{}", afw["archive"]["sha256"].as_str().unwrap()))
    );
    assert_eq!(answer["builds"][1]["tree"], afw["tree"]);
    assert_eq!(answer["records"][1]["dependencies"], afw["dependencies"]);
    assert_eq!(resolved(&http, &question(&["log ^1.0, <1.1 || ^3"])).await, ["log@1.0.0-b1"]);
}

#[tokio::test]
async fn there_is_no_answer_and_it_says_why() {
    let registry = TestRegistry::start().await;
    registry.publish(build("log", "1.0.0-b1").file("a", b"1")).await;
    registry.publish(build("afw", "1.0.0-b1").needs("log", "^1").file("a", b"9")).await;
    registry.publish(build("meas", "1.0.0-b1").needs("log", "^2").file("a", b"m")).await;
    let http = registry.anybody();

    let unknown = refused(&http, &question(&["nothing"])).await;
    let unmet = refused(&http, &question(&["meas"])).await;
    let apart = refused(&http, &question(&["afw", "log ^2"])).await;

    insta::assert_snapshot!([unknown.detail, unmet.detail, apart.detail].join("\n\n"));
}

#[tokio::test]
async fn the_own_platform_comes_before_its_variants_and_those_before_any() {
    let registry = TestRegistry::start().await;
    for platform in ["any", "linux-x86_64-v2", "linux-x86_64-v1", "linux-x86_64", "macos-aarch64"] {
        let afw = build("afw", "1.0.0-b1").platform(platform).file("p", platform.as_bytes());
        registry.publish(afw).await;
    }
    registry.publish(build("log", "2.0.0-b1").platform("macos-aarch64").file("a", b"m")).await;
    registry.publish(build("log", "1.0.0-b1").platform("linux-x86_64-v2").file("a", b"2")).await;
    let http = registry.anybody();
    let platform_for = async |asked: &str| -> Value {
        let question = with(question(&["afw"]), json!({"platform": asked}));
        let answer: Value = http.post("/api/v1/resolve", &question).await.expect(200).json();
        answer["builds"][0]["platform"].clone()
    };

    assert_eq!(platform_for("linux-x86_64").await, "linux-x86_64");
    assert_eq!(platform_for("linux-x86_64-v2").await, "linux-x86_64-v2");
    assert_eq!(platform_for("linux-x86_64-v3").await, "linux-x86_64");
    assert_eq!(platform_for("linux-aarch64").await, "any");
    assert_eq!(resolved(&http, &question(&["log"])).await, ["log@1.0.0-b1"]);
    let other = with(question(&["log"]), json!({"platform": "linux-x86_64-v1"}));
    let there = refused(&http, &other).await;
    assert!(there.detail.contains("2.0.0-b1 is only there for macos-aarch64"), "{}", there.detail);
    let named = refused(&http, &question(&["log@2.0.0-b1"])).await;
    insta::assert_snapshot!([there.detail, named.detail].join("\n\n"));
}

#[tokio::test]
async fn what_the_host_lacks_is_not_taken_and_what_is_not_said_of_it_is_no_hindrance() {
    let registry = TestRegistry::start().await;
    let needs = |name: &str, need: &str| {
        let bytes = name.as_bytes().to_owned();
        build("afw", name).field("needs", json!({"python": need})).file("a", &bytes)
    };
    registry.publish(needs("1.0.0-b1", "3.11.*")).await;
    registry.publish(needs("2.0.0-b1", "3.12.*")).await;
    let http = registry.anybody();
    let on = |host: Value| with(question(&["afw"]), json!({"host": host}));

    assert_eq!(resolved(&http, &on(json!({}))).await, ["afw@2.0.0-b1"]);
    assert_eq!(resolved(&http, &on(json!({"glibc": "2.36"}))).await, ["afw@2.0.0-b1"]);
    assert_eq!(resolved(&http, &on(json!({"python": "3.11.4"}))).await, ["afw@1.0.0-b1"]);
    let old = refused(&http, &on(json!({"python": "3.9.1"}))).await;
    let none = refused(&http, &on(json!({"python": null}))).await;
    insta::assert_snapshot!([old.detail, none.detail].join("\n\n"));
}

#[tokio::test]
async fn operations_admits_no_build_package_however_it_is_pulled_in() {
    let registry = TestRegistry::start().await;
    let gcc = build("gcc", "1.0.0-b1").field("role", json!("build")).file("a", b"gcc");
    registry.publish(gcc).await;
    registry.publish(build("log", "1.0.0-b1").needs("gcc", "*").file("a", b"log")).await;
    registry.publish(build("afw", "1.0.0-b1").needs("log", "^1").file("a", b"1")).await;
    registry.publish(build("afw", "0.9.0-b1").file("a", b"0.9")).await;
    let http = registry.anybody();
    let in_operations = |wanted: &[&str]| with(question(wanted), json!({"context": "operations"}));

    assert_eq!(resolved(&http, &question(&["afw"])).await.len(), 3);
    assert_eq!(resolved(&http, &in_operations(&["afw"])).await, ["afw@0.9.0-b1"]);
    let refusal = refused(&http, &in_operations(&["afw ^1"])).await;
    assert_eq!(refusal.fields["conflicts"][0]["demands"][0]["chain"], json!(["afw", "log"]));
    insta::assert_snapshot!(refusal.detail);
}

async fn withdraw(registry: &TestRegistry, path: &str, replaced_by: Option<&str>) {
    let read: Value = registry.anybody().read(path).await;
    let mut said =
        json!({"subject": read["digest"], "kind": "withdrawn", "reason": "it loses photons"});
    if let Some(replaced_by) = replaced_by {
        said["replaced_by"] = json!(replaced_by);
    }
    registry.admin().post("/api/v1/statements", &said).await.expect(201);
}

#[tokio::test]
async fn a_withdrawn_build_is_taken_by_nobody_but_what_stands_fast() {
    let registry = TestRegistry::start().await;
    let old = registry.publish(build("afw", "1.0.0-b1").file("a", b"1")).await;
    let new = registry.publish(build("afw", "1.1.0-b1").file("a", b"2")).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&new])).await;
    withdraw(&registry, &new.path(), Some("1.0.0-b1")).await;
    let http = registry.anybody();
    let apps = json!({"name": "apps", "version": "1.0.0"});

    assert_eq!(resolved(&http, &question(&["afw"])).await, ["afw@1.0.0-b1"]);
    let preferred = json!({"prefer": [{"build": "afw@1.1.0-b1"}]});
    assert_eq!(resolved(&http, &with(question(&["afw"]), preferred)).await, ["afw@1.0.0-b1"]);
    let fast = with(question(&["afw"]), json!({"with": [apps]}));
    let fast: Value = http.post("/api/v1/resolve", &fast).await.expect(200).json();
    assert_eq!(fast["builds"][0]["build"], "1.1.0-b1");
    assert_eq!(fast["withdrawn"][0]["reason"], "it loses photons");
    let named = refused(&http, &question(&["afw@1.1.0-b1"])).await;
    let within = with(question(&["afw"]), json!({"distribution": apps}));
    let within = refused(&http, &within).await;
    withdraw(&registry, &old.path(), None).await;
    let none = refused(&http, &question(&["afw"])).await;
    insta::assert_snapshot!([named.detail, within.detail, none.detail].join("\n\n"));
}

#[tokio::test]
async fn a_test_build_comes_by_name_by_a_distribution_or_where_test_builds_may_come() {
    let registry = TestRegistry::start().await;
    registry.publish(build("afw", "1.0.0-b1").file("a", b"1")).await;
    let test = build("afw", "2.0.0-pr7").field("test", json!(true)).file("a", b"2");
    let test = registry.publish(test).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&test])).await;
    let http = registry.anybody();
    let apps = json!({"name": "apps", "version": "1.0.0"});
    let asked = |more: Value| with(question(&["afw"]), more);

    assert_eq!(resolved(&http, &question(&["afw"])).await, ["afw@1.0.0-b1"]);
    assert_eq!(resolved(&http, &question(&["afw@2.0.0-pr7"])).await, ["afw@2.0.0-pr7"]);
    assert_eq!(resolved(&http, &asked(json!({"test": true}))).await, ["afw@2.0.0-pr7"]);
    assert_eq!(resolved(&http, &asked(json!({"with": [apps]}))).await, ["afw@2.0.0-pr7"]);
    assert_eq!(resolved(&http, &asked(json!({"distribution": apps}))).await, ["afw@2.0.0-pr7"]);
    let refusal = refused(&http, &question(&["afw ^2"])).await;
    insta::assert_snapshot!(refusal.detail);
}

#[tokio::test]
async fn a_distribution_is_a_limit_a_ground_or_a_preference() {
    let registry = TestRegistry::start().await;
    let log = registry.publish(build("log", "1.0.0-b1").file("a", b"1")).await;
    registry.publish(build("log", "1.1.0-b1").file("a", b"2")).await;
    registry.publish(build("afw", "1.0.0-b1").needs("log", "^1").file("a", b"3")).await;
    registry.publish(build("meas", "1.0.0-b1").needs("log", "^1.1").file("a", b"4")).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&log])).await;
    let apps: Value = registry.anybody().read("/api/v1/distributions/apps/1.0.0").await;
    let said = json!({"subject": apps["digest"], "kind": "withdrawn", "reason": "it is late"});
    registry.admin().post("/api/v1/statements", &said).await.expect(201);
    let named = json!({"version": "1.0.0"});
    let tagged = registry.admin().put("/api/v1/tags/apps/current", &named).await;
    tagged.expect(200);
    let http = registry.anybody();
    let apps = json!({"name": "apps", "version": "current"});

    let limited = with(question(&["log"]), json!({"distribution": apps}));
    assert_eq!(resolved(&http, &limited).await, ["log@1.0.0-b1"]);
    let ground = with(question(&["afw"]), json!({"with": [apps]}));
    assert_eq!(resolved(&http, &ground).await, ["log@1.0.0-b1", "afw@1.0.0-b1"]);
    let withdrawn: Value = http.post("/api/v1/resolve", &ground).await.expect(200).json();
    assert_eq!(
        withdrawn["withdrawn_distributions"],
        json!([{"name": "apps", "version": "1.0.0", "platform": "linux-x86_64",
                "reason": "it is late"}])
    );
    let diff: Value = http.read("/api/v1/distributions/apps/1.0.0/diff/1.0.0").await;
    assert_eq!(diff["to"]["withdrawal"]["reason"], "it is late");
    let prefer = json!({"prefer": [{"distribution": apps}]});
    let preferred = with(question(&["afw"]), prefer.clone());
    assert_eq!(resolved(&http, &preferred).await, ["log@1.0.0-b1", "afw@1.0.0-b1"]);
    let gives_way = with(question(&["afw", "meas"]), prefer);
    assert_eq!(resolved(&http, &gives_way).await[0], "log@1.1.0-b1");
    let outside = refused(&http, &with(question(&["afw"]), json!({"distribution": apps}))).await;
    let fast = refused(&http, &with(question(&["meas"]), json!({"with": [apps]}))).await;
    insta::assert_snapshot!([outside.detail, fast.detail].join("\n\n"));
    let unknown = json!({"distribution": {"name": "apps", "version": "9.0.0"}});
    http.post("/api/v1/resolve", &with(question(&["afw"]), unknown)).await.expect(404);
    let el8 = build("el", "1.0.0-b1").platform("linux-x86_64-el8").file("a", b"8");
    let el8 = registry.publish(el8).await;
    let document = distribution("els", "1.0.0").field("platform", json!("linux-x86_64-el8"));
    registry.distribute(&document.of([&el8])).await;
    let only_variant = json!({"distribution": {"name": "els", "version": "1.0.0"}});
    assert_eq!(resolved(&http, &with(question(&["el"]), only_variant)).await, ["el@1.0.0-b1"]);
    let vague = json!({"distribution": {"name": "apps"}});
    http.post("/api/v1/resolve", &with(question(&["afw"]), vague)).await.expect(400);
}

#[tokio::test]
async fn a_stage_asks_for_builds_that_a_distribution_of_it_lists() {
    let registry = TestRegistry::start().await;
    let old = registry.publish(build("afw", "1.0.0-b1").file("a", b"1")).await;
    let new = registry.publish(build("afw", "1.1.0-b1").file("a", b"2")).await;
    let release = distribution("apps", "1.0.0").field("stage", json!("release"));
    registry.distribute(&release.of([&old])).await;
    let weekly = distribution("apps", "w_1").field("stage", json!("weekly"));
    registry.distribute(&weekly.of([&new])).await;
    let http = registry.anybody();
    let of = |stage: &str| with(question(&["afw"]), json!({"stage": stage}));

    assert_eq!(resolved(&http, &of("weekly")).await, ["afw@1.1.0-b1"]);
    assert_eq!(resolved(&http, &of("candidate")).await, ["afw@1.0.0-b1"]);
    let newer = with(question(&["afw ^1.1"]), json!({"stage": "release"}));
    insta::assert_snapshot!(refused(&http, &newer).await.detail);
}

#[tokio::test]
async fn what_was_installed_is_kept_where_it_can_be() {
    let registry = TestRegistry::start().await;
    for (name, log) in [("1.0.0-b1", "^1"), ("1.1.0-b1", "^1"), ("2.0.0-b1", "^2")] {
        registry.publish(build("afw", name).needs("log", log).file("a", name.as_bytes())).await;
    }
    for name in ["1.0.0-b1", "1.1.0-b1", "2.0.0-b1"] {
        registry.publish(build("log", name).file("a", name.as_bytes())).await;
    }
    registry.publish(build("meas", "1.0.0-b1").needs("log", "^1.1").file("a", b"m")).await;
    let http = registry.anybody();
    let installed = json!({"prefer": [{"build": "afw@1.0.0-b1"}, {"build": "log@1.0.0-b1"}]});

    let again = with(question(&["afw"]), installed.clone());
    let more = with(question(&["meas", "afw"]), installed);

    assert_eq!(resolved(&http, &question(&["afw"])).await, ["log@2.0.0-b1", "afw@2.0.0-b1"]);
    assert_eq!(resolved(&http, &again).await, ["log@1.0.0-b1", "afw@1.0.0-b1"]);
    assert_eq!(
        resolved(&http, &more).await,
        ["log@1.1.0-b1", "afw@1.0.0-b1", "meas@1.0.0-b1"],
        "afw stays, log must not"
    );
}

#[tokio::test]
async fn what_is_asked_for_first_is_as_new_as_it_can_be() {
    let registry = TestRegistry::start().await;
    for (product, name, log) in [
        ("afw", "1.0.0-b1", "^1"),
        ("afw", "2.0.0-b1", "^2"),
        ("meas", "1.0.0-b1", "^2"),
        ("meas", "2.0.0-b1", "^1"),
    ] {
        registry.publish(build(product, name).needs("log", log).file("a", name.as_bytes())).await;
    }
    registry.publish(build("log", "1.0.0-b1").file("a", b"1")).await;
    registry.publish(build("log", "2.0.0-b1").file("a", b"2")).await;
    let http = registry.anybody();

    let afw_first = resolved(&http, &question(&["afw", "meas"])).await;
    let meas_first = resolved(&http, &question(&["meas", "afw"])).await;

    assert_eq!(afw_first, ["log@2.0.0-b1", "afw@2.0.0-b1", "meas@1.0.0-b1"]);
    assert_eq!(meas_first, ["log@1.0.0-b1", "afw@1.0.0-b1", "meas@2.0.0-b1"]);
}

#[tokio::test]
async fn an_exact_abi_serves_only_what_was_built_against_it() {
    let registry = TestRegistry::start().await;
    for name in ["1.0.0-b1", "1.0.0-b2"] {
        let log = build("log", name).field("abi", json!("exact")).file("a", name.as_bytes());
        registry.publish(log).await;
    }
    let against = |product: &str, log: &str| {
        let needs = json!([{"product": "log", "requirement": "^1",
                            "built_against": {"build": log}}]);
        build(product, "1.0.0-b1").field("dependencies", needs).file("a", log.as_bytes())
    };
    registry.publish(against("afw", "1.0.0-b1")).await;
    registry.publish(against("meas", "1.0.0-b3")).await;
    let http = registry.anybody();

    assert_eq!(resolved(&http, &question(&["afw"])).await, ["log@1.0.0-b1", "afw@1.0.0-b1"]);
    insta::assert_snapshot!(refused(&http, &question(&["meas"])).await.detail);
}

#[tokio::test]
async fn what_a_caller_may_not_read_is_not_there_and_not_named() {
    let registry = TestRegistry::start_with(|config| {
        config.access.read = larder_server::config::Readers::Token;
    })
    .await;
    registry.publish(build("secret", "1.0.0-b1").file("a", b"1")).await;
    registry.publish(build("afw", "1.0.0-b1").file("a", b"2")).await;
    registry.publish(build("afw", "1.1.0-b1").needs("secret", "^1").file("a", b"3")).await;
    let narrow = registry.holder("narrow", &["read:afw"]).await;
    let wide = registry.holder("wide", &["read:*"]).await;

    assert_eq!(resolved(&narrow, &question(&["afw"])).await, ["afw@1.0.0-b1"]);
    assert_eq!(resolved(&wide, &question(&["afw"])).await.len(), 2);
    let hidden = refused(&narrow, &question(&["secret"])).await;
    let unknown = refused(&narrow, &question(&["absent"])).await;
    assert_eq!(hidden.detail.replace("secret", "absent"), unknown.detail);
    let needed = refused(&narrow, &question(&["afw ^1.1"])).await;
    assert!(!needed.detail.contains("1.0.0-b1"), "{}", needed.detail);
    registry.anybody().post("/api/v1/resolve", &question(&["afw"])).await.expect(401);
}

#[tokio::test]
async fn a_circle_of_needs_is_answered_once() {
    let registry = TestRegistry::start().await;
    let parcels = [
        build("a", "1.0.0-b1").needs("b", "^1").file("a", b"a").pack(),
        build("b", "1.0.0-b1").needs("c", "^1").file("a", b"b").pack(),
        build("c", "1.0.0-b1").needs("a", "^1").file("a", b"c").pack(),
    ];
    registry.publish_all(&parcels.iter().collect::<Vec<_>>()).await;

    let builds = resolved(&registry.anybody(), &question(&["b"])).await;

    assert_eq!(builds, ["c@1.0.0-b1", "b@1.0.0-b1", "a@1.0.0-b1"]);
}

#[tokio::test]
async fn of_twenty_demands_the_two_that_exclude_each_other_are_told() {
    let registry = TestRegistry::start().await;
    let mut parcels = vec![
        build("base", "1.0.0-b1").file("a", b"1").pack(),
        build("base", "2.0.0-b1").file("a", b"2").pack(),
    ];
    for number in 0..20 {
        let major = if number == 13 { "^1" } else { "^2" };
        let product = format!("p{number:02}");
        for name in ["1.0.0-b1", "1.1.0-b1"] {
            let one = build(&product, name).needs("base", if number < 7 { "*" } else { major });
            parcels.push(one.file("a", format!("{product}{name}").as_bytes()).pack());
        }
    }
    registry.publish_all(&parcels.iter().collect::<Vec<_>>()).await;
    let http = registry.anybody();
    let products: Vec<String> = (0..20).map(|number| format!("p{number:02}")).collect();
    let all = question(&products.iter().map(String::as_str).collect::<Vec<_>>());

    let refusal = refused(&http, &all).await;
    let again = refused(&http, &all).await;

    assert_eq!(refusal.fields["conflicts"], again.fields["conflicts"]);
    insta::assert_snapshot!(refusal.detail);
}

/// Holes fewer than pigeons: without an answer, and a solver tries long before it knows.
async fn pigeons(registry: &TestRegistry, pigeons: usize) -> Value {
    let holes = pigeons - 1;
    let mut parcels = Vec::new();
    for pigeon in 0..pigeons {
        for hole in 0..holes {
            let mut one = build(&format!("pigeon{pigeon}"), &format!("{}.0.0-b1", hole + 1));
            one = one.needs(&format!("hole{hole}"), &format!("={}.0.0", pigeon + 1));
            parcels.push(one.without_archive().pack());
        }
    }
    for hole in 0..holes {
        for pigeon in 0..pigeons {
            let one = build(&format!("hole{hole}"), &format!("{}.0.0-b1", pigeon + 1));
            parcels.push(one.without_archive().pack());
        }
    }
    registry.publish_all(&parcels.iter().collect::<Vec<_>>()).await;
    let names: Vec<String> = (0..pigeons).map(|pigeon| format!("pigeon{pigeon}")).collect();
    question(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_told_as_a_limit_and_the_next_one_is_answered() {
    let registry = TestRegistry::start_with(|config| config.limits.resolve_steps = 2_000).await;
    let hard = pigeons(&registry, 9).await;
    let http = registry.anybody();

    let refusal = http.post("/api/v1/resolve", &hard).await.expect(503).problem();
    let again = http.post("/api/v1/resolve", &hard).await.expect(503).problem();

    assert_eq!(refusal.fields["limit"], "resolve_steps");
    assert_eq!(refusal.detail, again.detail);
    // The client asks once: the same question is as much work the next time.
    let proxy = Proxy::start(registry.origin()).await;
    let all: Vec<String> = (0..9).map(|number| format!("pigeon{number}")).collect();
    let asked = Larder::new(proxy.origin(), None).run([&["resolve".to_owned()], &all[..]].concat());
    assert_eq!((asked.code, proxy.requests("POST /api/v1/resolve")), (Some(1), 1));
    assert!(asked.stderr.contains("resolve_steps"), "{}", asked.all());
    assert_eq!(resolved(&http, &question(&["pigeon0"])).await.len(), 2);
    insta::assert_snapshot!(refusal.detail);
}

#[tokio::test]
async fn more_than_one_question_may_have_is_told_as_a_limit() {
    let registry = TestRegistry::start_with(|config| {
        config.limits.resolve_requirements = 2;
        config.limits.resolve_candidates = 3;
    })
    .await;
    for name in ["1.0.0-b1", "1.0.0-b2", "1.0.0-b3", "1.0.0-b4"] {
        registry.publish(build("afw", name).without_archive()).await;
    }
    let http = registry.anybody();

    let many = http.post("/api/v1/resolve", &question(&["a", "b", "c"])).await.expect(413);
    // None will do, which is only known once all were read.
    let mut all = question(&["afw"]);
    all["requirements"][0]["requirement"] = json!("^2");
    let wide = http.post("/api/v1/resolve", &all).await.expect(503);

    assert!(many.problem().detail.contains("resolve_requirements"), "{}", many.text());
    assert_eq!(wide.problem().fields["limit"], "resolve_candidates");
    http.post("/api/v1/resolve", &json!({"requirements": [], "more": 1})).await.expect(400);
}

#[tokio::test]
async fn a_question_names_few_distributions_and_few_builds_through_them() {
    let registry = TestRegistry::start_with(|config| {
        config.limits.resolve_distributions = 2;
        config.limits.resolve_candidates = 3;
    })
    .await;
    let mut parts = Vec::new();
    for product in ["a", "b"] {
        parts.push(registry.publish(build(product, "1.0.0-b1").without_archive()).await);
    }
    registry.distribute(&distribution("apps", "1.0.0").of(&parts)).await;
    registry.distribute(&distribution("apps", "2.0.0").of(&parts)).await;
    let http = registry.anybody();
    let choice = |version: &str| json!({"name": "apps", "version": version});
    let (one, two) = (choice("1.0.0"), choice("2.0.0"));
    let preferred = |of: &[&Value]| -> Vec<Value> {
        of.iter().map(|choice| json!({ "distribution": choice })).collect()
    };
    let limit = async |more: Value| -> Value {
        let asked = with(question(&["a"]), more);
        http.post("/api/v1/resolve", &asked).await.expect(413).problem().detail.into()
    };

    let many = limit(json!({"with": [one], "prefer": preferred(&[&one, &two])})).await;
    let large = limit(json!({"prefer": preferred(&[&one, &two])})).await;
    // The same twice is one.
    let twice = with(question(&["a"]), json!({"prefer": preferred(&[&one, &one])}));
    http.post("/api/v1/resolve", &twice).await.expect(200);

    assert!(many.as_str().unwrap().contains("resolve_distributions"), "{many}");
    assert!(large.as_str().unwrap().contains("resolve_candidates"), "{large}");
}

#[tokio::test]
async fn a_question_whose_time_is_over_is_told_as_a_limit() {
    let registry = TestRegistry::start_with(|config| {
        config.limits.resolve_steps = u64::MAX;
        config.limits.resolve_seconds = 1;
    })
    .await;
    let hard = pigeons(&registry, 12).await;

    let refusal = registry.anybody().post("/api/v1/resolve", &hard).await.expect(503).problem();

    assert_eq!(refusal.fields["limit"], "resolve_seconds");
}

#[tokio::test]
async fn a_question_that_was_taken_back_holds_nobody_up() {
    let registry = TestRegistry::start_with(|config| {
        config.limits.resolve_steps = u64::MAX;
        config.limits.resolve_seconds = 19;
        config.limits.resolve_at_once = 1;
    })
    .await;
    let hard = pigeons(&registry, 12).await;
    let http = registry.anybody();
    let request = http.request(reqwest::Method::POST, "/api/v1/resolve").json(&hard);
    let taken_back = http.try_send(request.timeout(Duration::from_millis(300))).await;
    assert!(taken_back.is_err_and(|error| error.is_timeout()), "it was answered too soon");

    let asked = Instant::now();
    resolved(&http, &question(&["pigeon0"])).await;

    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn more_questions_than_may_wait_are_refused_at_once() {
    let registry = TestRegistry::start_with(|config| {
        config.limits.resolve_steps = u64::MAX;
        config.limits.resolve_seconds = 5;
        config.limits.resolve_at_once = 1;
        config.limits.resolve_waiting = 0;
    })
    .await;
    registry.publish(build("afw", "1.0.0-b1").without_archive()).await;
    let hard = pigeons(&registry, 12).await;
    let (http, other) = (registry.anybody(), registry.anybody());
    let easy = question(&["afw"]);
    let refused = async {
        loop {
            let answer = other.post("/api/v1/resolve", &easy).await;
            if answer.status != 200 {
                break answer.expect(503).problem();
            }
        }
    };

    let asked = async {
        let is_refused = |limit: &Value| limit == "resolve_waiting";
        while is_refused(&http.post("/api/v1/resolve", &hard).await.problem().fields["limit"]) {}
    };
    let ((), refusal) = tokio::join!(asked, refused);

    assert_eq!(refusal.fields["limit"], "resolve_waiting");
}

#[tokio::test]
async fn a_long_chain_of_needs_is_followed_to_its_end() {
    let registry = TestRegistry::start().await;
    let link = |number: usize| {
        let one = build(&format!("p{number:04}"), "1.0.0-b1").without_archive();
        if number < 999 { one.needs(&format!("p{:04}", number + 1), "^1") } else { one }
    };
    let parcels: Vec<Parcel> = (0..1_000).map(|number| link(number).pack()).collect();
    registry.publish_all(&parcels.iter().collect::<Vec<_>>()).await;

    let builds = resolved(&registry.anybody(), &question(&["p0000"])).await;

    assert_eq!(builds.len(), 1_000);
    assert_eq!((builds[0].as_str(), builds[999].as_str()), ("p0999@1.0.0-b1", "p0000@1.0.0-b1"));
}
