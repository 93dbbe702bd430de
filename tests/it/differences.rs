//! What differs between two distributions, and why: over HTTP and by `larder dist diff`.

use larder_tests::redact::redacted;
use larder_tests::{BuildBuilder, Http, Larder, Parcel, TestRegistry, build, distribution};
use serde_json::{Value, json};

fn from(product: &str, name: &str, revision: char) -> BuildBuilder {
    let revision = revision.to_string().repeat(40);
    let source =
        json!({"repository": format!("https://example.org/{product}"), "revision": revision});
    build(product, name).file("a", format!("{product} {name}").as_bytes()).field("source", source)
}

/// `apps` in two versions: one product for each reason, one that came, one that went, one that stays.
async fn with_two() -> (TestRegistry, Vec<Parcel>) {
    let registry = TestRegistry::start().await;
    let stays = from("stays", "1.0.0-b1", '1').pack();
    let old = [
        from("changed", "1.0.0-b1", 'a').pack(),
        from("again", "1.0.0-b1", 'c').pack(),
        build("pinned", "2.0.0-b1").file("p", b"1").pack(),
        from("gone", "1.0.0-b1", 'd').pack(),
    ];
    let new = [
        from("changed", "1.0.1-b2", 'b').pack(),
        from("again", "1.0.0-b2", 'c').pack(),
        build("pinned", "2.1.0-b1").file("p", b"2").pack(),
        from("came", "1.0.0-b1", 'e').pack(),
    ];
    let all: Vec<&Parcel> = old.iter().chain(&new).chain([&stays]).collect();
    registry.publish_all(&all).await;
    let first = distribution("apps", "1.0.0").of(old.iter().chain([&stays]));
    let second = distribution("apps", "1.1.0").of(new.iter().chain([&stays]));
    let data = json!([{"kind": "data", "name": "testdata", "url": "https://example.org/t"}]);
    registry.distribute(&first.field("roots", json!(["changed"]))).await;
    let second = second.field("stage", json!("weekly")).field("externals", data);
    registry.distribute(&second.field("roots", json!(["changed", "came"]))).await;
    (registry, old.into_iter().chain(new).collect())
}

async fn withdraw(registry: &TestRegistry, parcel: &Parcel, reason: &str) {
    let read: Value = registry.admin().read(&parcel.path()).await;
    let said = json!({"subject": read["digest"], "kind": "withdrawn", "reason": reason});
    registry.admin().post("/api/v1/statements", &said).await.expect(201);
}

async fn difference(http: &Http, old: &str, new: &str) -> Value {
    http.read(&format!("/api/v1/distributions/apps/{old}/diff/{new}")).await
}

#[tokio::test]
async fn each_change_has_its_reason() {
    let (registry, parcels) = with_two().await;
    withdraw(&registry, &parcels[0], "it crashes").await;

    let found = difference(&registry.anybody(), "1.0.0", "1.1.0").await;

    let changed: Vec<String> = found["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["product"].as_str().unwrap(), one["reason"]))
        .collect();
    assert_eq!(changed, ["again \"rebuild\"", "changed \"source\"", "pinned \"pin\""]);
    assert_eq!(found["added"][0]["product"], "came");
    assert_eq!(found["removed"][0]["product"], "gone");
    assert_eq!(found["stage"], json!({"from": "test", "to": "weekly"}));
    assert_eq!(found["roots"], json!({"added": ["came"], "removed": []}));
    assert_eq!(found["externals"]["added"][0]["name"], "testdata");
    assert_eq!(found["withdrawn"][0]["reason"], "it crashes");
    assert!(found.get("contexts").is_none());
    let same = difference(&registry.anybody(), "1.1.0", "1.1.0").await;
    assert_eq!((&same["added"], &same["changed"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn tags_and_digests_name_the_same_two() {
    let (registry, _) = with_two().await;
    let to = json!({"version": "1.1.0"});
    registry.admin().put("/api/v1/tags/apps/current", &to).await.expect(200);
    let by_version = difference(&registry.anybody(), "1.0.0", "1.1.0").await;
    let digest = by_version["from"]["digest"].as_str().unwrap();

    let by_others = difference(&registry.anybody(), digest, "current").await;

    assert_eq!(by_others, by_version);
    for (path, status) in [
        ("apps/1.0.0/diff/9.9.9", 404),
        ("apps/nothing/diff/1.0.0", 404),
        ("nothing/1.0.0/diff/1.0.0", 404),
        ("apps/1.0.0/diff/^1.0", 400),
        ("apps/1.0.0/diff/1.1.0?platform=macos-aarch64", 404),
    ] {
        let answer = registry.anybody().get(&format!("/api/v1/distributions/{path}")).await;
        assert_eq!(answer.problem().status, status, "{path}");
    }
}

#[tokio::test]
async fn the_client_tells_what_the_server_tells() {
    let (registry, parcels) = with_two().await;
    withdraw(&registry, &parcels[4], "it crashes").await;
    let larder = Larder::new(registry.origin(), None);
    let diff = ["dist", "diff", "apps@1.0.0", "apps@1.1.0", "--platform", "linux-x86_64"];

    let told = larder.ok(diff).stdout;
    let json: Value = larder.ok([&diff[..], &["--json"]].concat()).json();

    assert_eq!(json, difference(&registry.anybody(), "1.0.0", "1.1.0").await);
    insta::assert_snapshot!(redacted(&told));
}

#[tokio::test]
async fn distributions_of_two_names_are_compared_too() {
    let (registry, parcels) = with_two().await;
    registry.distribute(&distribution("other", "1.0.0").of(&parcels[..4])).await;
    let larder = Larder::new(registry.origin(), None);

    let diff = ["dist", "diff", "other@1.0.0", "apps@1.0.0", "--platform", "linux-x86_64"];
    let found: Value = larder.ok([&diff[..], &["--json"]].concat()).json();

    assert_eq!(found["added"][0]["product"], "stays");
    assert_eq!((&found["removed"], &found["changed"]), (&json!([]), &json!([])));
}
