//! What is said later about a digest: it is kept for good, and told wherever the build is told of.

use larder_tests::{TestRegistry, build, distribution};
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
