//! What is said later about a digest: it is kept for good, and told wherever the build is told of.

use larder_schema::api::MAX_HOLDERS;
use larder_tests::redact::redacted;
use larder_tests::{Larder, Ran, TestRegistry, build, distribution};
use serde_json::{Value, json};

#[tokio::test]
async fn a_withdrawn_build_says_so_wherever_it_is_told_of_and_stays_there() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&afw])).await;
    let read: Value = registry.anybody().read(&afw.path()).await;
    let said = json!({"subject": read["digest"], "kind": "withdrawn", "reason": "it crashes"});

    registry.admin().post("/api/v1/statements", &said).await.expect(201);

    let http = registry.anybody();
    let one: Value = http.read(&afw.path()).await;
    let listed = http.all("/api/v1/builds", 10).await;
    let asked = json!({"checksums": [afw.archive()]});
    let identified: Value = http.post("/api/v1/identify", &asked).await.expect(200).json();
    let in_distribution: Value = http.read("/api/v1/distributions/apps/1.0.0").await;
    assert_eq!(one["about"]["withdrawn"]["reason"], "it crashes");
    assert_eq!(listed[0]["about"]["withdrawn"]["reason"], "it crashes");
    assert_eq!(identified["found"][0]["withdrawn"], true);
    assert_eq!(in_distribution["about"]["withdrawn"][0]["product"], "afw");
    assert_eq!(one["digest"], read["digest"], "what was said is no part of the record");
    assert_eq!(registry.fetch(afw.archive()).await, afw.bytes());
    let again = registry.distribute(&distribution("apps", "1.1.0").of([&afw])).await;
    assert!(again["warnings"].to_string().contains("it crashes"), "{again:#}");
}

#[tokio::test]
async fn what_was_said_is_told_in_its_order() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    let read: Value = registry.anybody().read(&afw.path()).await;
    for reason in ["first", "second"] {
        let said = json!({"subject": read["digest"], "kind": "note", "reason": reason});
        registry.admin().post("/api/v1/statements", &said).await.expect(201);
    }

    let subject = read["digest"].as_str().unwrap();
    let path = format!("/api/v1/statements?subject={subject}");
    let all: Value = registry.anybody().read(&path).await;

    let reasons: Vec<_> =
        all["items"].as_array().unwrap().iter().map(|one| &one["reason"]).collect();
    assert_eq!(reasons, ["first", "second"]);
    assert_eq!(all["items"][0]["by"], "admin");
    let unknown = json!({"subject": subject, "kind": "blessed", "reason": "x"});
    registry.admin().post("/api/v1/statements", &unknown).await.expect(400);
}

#[tokio::test]
async fn what_is_withdrawn_names_what_to_take_instead() {
    let registry = TestRegistry::start().await;
    let parcels: Vec<_> = ["1.0.0-b1", "1.0.0-b2", "1.0.0-b3"]
        .map(|name| build("afw", name).file("a", name.as_bytes()).pack())
        .into();
    registry.publish_all(&parcels.iter().collect::<Vec<_>>()).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&parcels[0]])).await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    let withdraw = |build: &str, instead: &str| {
        larder.run(["withdraw", build, "--reason", "it crashes", "--replaced-by", instead])
    };
    withdraw("afw@1.0.0-b3", "1.0.0-b2").expect(0);

    let refused = [
        withdraw("afw@1.0.0-b1", "1.0.0-b9"),
        withdraw("afw@1.0.0-b1", "1.0.0-b1"),
        withdraw("afw@1.0.0-b1", "1.0.0-b3"),
        withdraw("afw@9.9.9-b1", "1.0.0-b2"),
        withdraw("apps@1.0.0", "1.0.0-b2"),
        larder.run(["withdraw", "apps", "--reason", "it crashes"]),
        larder.run(["withdraw", "afw@1.0.0-b1"]),
    ];
    for _ in 0..2 {
        withdraw("afw@1.0.0-b1", "1.0.0-b2").expect(0);
    }

    let read: Value = registry.anybody().read(&parcels[0].path()).await;
    let subject = read["digest"].as_str().unwrap();
    let said = registry.anybody().all(&format!("/api/v1/statements?subject={subject}"), 1).await;
    assert_eq!((said.len(), &said[0]["replaced_by"]), (1, &json!("1.0.0-b2")));
    let codes: Vec<_> = refused.iter().map(|ran| ran.code.unwrap_or_default()).collect();
    assert_eq!(codes, [1, 1, 1, 1, 1, 2, 2], "{refused:#?}");
    insta::assert_snapshot!(refused.map(|ran| redacted(&ran.stderr)).join("\n"));
    let shown = [
        larder.ok(["show", "afw@1.0.0-b1"]),
        larder.ok(["show", "afw"]),
        larder.ok(["dist", "show", "apps@1.0.0", "--platform", "linux-x86_64"]),
    ];
    for ran in &shown {
        assert!(ran.stdout.contains("it crashes (take 1.0.0-b2 instead)"), "{}", ran.all());
    }
}

#[tokio::test]
async fn notes_and_withdrawn_distributions_are_shown() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    let mac = build("afw", "1.0.0-b1").platform("macos-aarch64").file("a", b"mac");
    registry.publish(mac).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&afw])).await;
    let larder = Larder::new(registry.origin(), registry.admin().token());

    let several = larder.run(["note", "afw@1.0.0-b1", "mind the gap"]).expect(1);
    let both = ["--platform", "linux-x86_64", "--platform", "macos-aarch64"];
    larder.ok([&["note", "afw@1.0.0-b1", "mind the gap"], &both[..]].concat());
    larder.ok(["withdraw", "apps@1.0.0", "--reason", "made of the wrong branch"]);
    larder.ok(["note", "apps@1.0.0", "1.0.1 is under way"]);

    assert!(several.stderr.contains("--platform"), "{}", several.all());
    for platform in ["linux-x86_64", "macos-aarch64"] {
        let shown = larder.ok(["show", "afw@1.0.0-b1", "--platform", platform]).stdout;
        assert!(shown.contains("note") && shown.contains("mind the gap (admin, "), "{shown}");
    }
    let shown = larder.ok(["dist", "show", "apps@1.0.0", "--platform", "linux-x86_64"]).stdout;
    assert!(shown.contains("WITHDRAWN") && shown.contains("made of the wrong branch"), "{shown}");
    assert!(shown.contains("1.0.1 is under way"), "{shown}");
    let read: Value = registry.anybody().read("/api/v1/distributions/apps/1.0.0").await;
    assert_eq!(read["about"]["withdrawal"]["reason"], "made of the wrong branch");
}

#[tokio::test]
async fn a_statement_that_is_sent_twice_is_said_once() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    let read: Value = registry.anybody().read(&afw.path()).await;
    let said = json!({"subject": read["digest"], "kind": "withdrawn", "reason": "it crashes"});
    let first = registry.admin().post("/api/v1/statements", &said).await;

    let again = registry.admin().post("/api/v1/statements", &said).await;

    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json::<Value>(), again.json::<Value>());
    assert!(registry.check().await.ok, "the journal has it");
}

#[tokio::test]
async fn who_has_a_withdrawn_build_hears_of_it_from_list_and_verify() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    let apps =
        registry.publish(build("apps", "1.0.0-b1").needs("afw", "*").without_archive()).await;
    registry.distribute(&distribution("stack", "1.0.0").of([&afw, &apps])).await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    larder.ok(["install", "stack@1.0.0", "--prefix", "env"]);
    let before = larder.ok(["list", "--prefix", "env"]);
    assert!(!before.stdout.contains("WITHDRAWN"), "{}", before.all());
    for build in ["afw@1.0.0-b1", "apps@1.0.0-b1"] {
        larder.ok(["withdraw", build, "--reason", "it crashes"]);
    }

    let listed = larder.ok(["list", "--prefix", "env"]);
    let verified = larder.ok(["verify", "--prefix", "env"]);
    let items: Value = larder.ok(["list", "--prefix", "env", "--json"]).json();
    let report: Value = larder.ok(["verify", "--prefix", "env", "--json"]).json();

    for told in [listed, verified] {
        for build in ["afw", "apps"] {
            let line = format!("WITHDRAWN  {build}@1.0.0-b1 for linux-x86_64: it crashes");
            assert!(told.stdout.contains(&line), "{}", told.all());
        }
    }
    assert_eq!(items["items"][0]["withdrawn"]["reason"], "it crashes");
    assert_eq!((&report["ok"], report["withdrawn"].as_array().unwrap().len()), (&json!(true), 2));
    let mut offline = larder.command(["list", "--prefix", "env"]);
    let offline = offline.env("LARDER_SERVER", "http://127.0.0.1:1").output().unwrap();
    let offline = Ran::of(offline).expect(0);
    assert!(offline.stdout.contains("afw") && offline.stderr.is_empty(), "{}", offline.all());
}

#[tokio::test]
async fn a_withdrawn_distribution_is_not_the_newest_and_who_has_it_hears_of_it() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    for version in ["1.0.0", "1.0.1", "1.0.2"] {
        registry.distribute(&distribution("apps", version).of([&afw])).await;
    }
    let larder = Larder::new(registry.origin(), registry.admin().token());
    let withdraw = |version: &str| {
        larder.ok(["withdraw", &format!("apps@{version}"), "--reason", "made of the wrong branch"])
    };
    withdraw("1.0.1");
    withdraw("1.0.2");

    let newest: Value = larder.ok(["dist", "show", "apps", "--json"]).json();
    let exact = larder.ok(["install", "apps@1.0.2", "--prefix", "env"]);
    let locked = larder.ok(["lock", "apps@1.0.2", "-o", "lock.json"]);
    let of_lock = larder.ok(["install", "--lock", "lock.json", "--prefix", "other"]);
    let [listed, verified] =
        ["list", "verify"].map(|command| larder.ok([command, "--prefix", "env"]));
    let [items, report]: [Value; 2] =
        ["list", "verify"].map(|command| larder.ok([command, "--prefix", "env", "--json"]).json());
    let quiet = larder.ok(["install", "apps", "--prefix", "good"]);
    withdraw("1.0.0");
    let none = larder.run(["install", "apps", "--prefix", "none"]).expect(3);

    assert_eq!(newest["version"], "1.0.0");
    let sentence = "`apps@1.0.2 for linux-x86_64` was withdrawn: made of the wrong branch";
    for ran in [exact, locked, of_lock] {
        assert!(ran.stderr.contains(sentence), "{}", ran.all());
    }
    let line = "WITHDRAWN  apps@1.0.2 for linux-x86_64: made of the wrong branch";
    for ran in [listed, verified] {
        assert!(ran.stdout.contains(line), "{}", ran.all());
    }
    for document in [items, report] {
        assert_eq!(document["withdrawn_distributions"][0]["version"], "1.0.2", "{document:#}");
    }
    assert!(!quiet.stderr.contains("withdrawn"), "{}", quiet.all());
    assert!(none.stderr.contains("all its releases were withdrawn; 1.0.2"), "{}", none.all());
}

#[tokio::test]
async fn a_withdrawn_build_is_found_among_all_that_share_its_archive() {
    let registry = TestRegistry::start().await;
    let parcels: Vec<_> = (0..=MAX_HOLDERS)
        .map(|at| build(&format!("p{at:03}"), "1.0.0-b1").file("same", b"same").pack())
        .collect();
    registry.publish_all(&parcels.iter().collect::<Vec<_>>()).await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    larder.ok(["install", "p000", "p100", "--prefix", "env"]);
    larder.ok(["withdraw", "p000@1.0.0-b1", "--reason", "it crashes"]);
    larder.ok(["withdraw", "p100@1.0.0-b1", "--reason", "it crashes"]);

    let listed = larder.ok(["list", "--prefix", "env"]);

    for product in ["p000", "p100"] {
        let line = format!("WITHDRAWN  {product}@1.0.0-b1");
        assert!(listed.stdout.contains(&line), "{}", listed.all());
    }
}
