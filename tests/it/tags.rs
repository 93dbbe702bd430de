//! Tags: names that move, by compare-and-set, with a history that never goes back.

use larder_schema::api::{TagState, TagsAnswer};
use larder_tests::redact::redacted;
use larder_tests::{Answer, Http, Larder, TestRegistry, build, distribution};
use serde_json::{Value, json};

/// A server with `apps` in three versions.
async fn with_versions() -> TestRegistry {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    for version in ["1.0.0", "1.1.0", "w_2026_47"] {
        registry.distribute(&distribution("apps", version).of([&afw])).await;
    }
    registry
}

async fn put(http: &Http, tag: &str, request: Value) -> Answer {
    http.put(&format!("/api/v1/tags/apps/{tag}"), &request).await
}

async fn stands(registry: &TestRegistry, tag: &str) -> Option<TagState> {
    let tags: TagsAnswer = registry.anybody().read("/api/v1/tags/apps").await;
    tags.items.into_iter().find(|state| state.tag.to_string() == tag)
}

#[tokio::test]
async fn a_tag_moves_only_from_where_it_is_expected() {
    let registry = with_versions().await;
    let admin = registry.admin();

    let made = put(&admin, "current", json!({"version": "1.0.0", "expected": null})).await;
    let again = put(&admin, "current", json!({"version": "1.1.0", "expected": null})).await;
    let moved = put(&admin, "current", json!({"version": "1.1.0", "expected": 1})).await;
    let lost = put(&admin, "current", json!({"version": "w_2026_47", "expected": 1})).await;
    let forced = put(&admin, "current", json!({"version": "w_2026_47"})).await;

    let serial = |answer: &Answer| answer.json::<TagState>().serial;
    assert_eq!([made, moved, forced].each_ref().map(serial), [1, 2, 3]);
    assert_eq!((again.status, lost.status), (409, 409));
    let problem = lost.problem();
    assert_eq!(problem.fields["stands"]["serial"], 2);
    insta::assert_snapshot!(redacted(&problem.detail));
    let state = stands(&registry, "current").await.unwrap();
    assert_eq!((state.version.to_string().as_str(), state.serial), ("w_2026_47", 3));
}

#[tokio::test]
async fn a_move_that_is_replayed_moves_nothing() {
    let registry = with_versions().await;
    let admin = registry.admin();
    let first = json!({"version": "1.0.0", "expected": null});
    let second = json!({"version": "1.1.0", "expected": 1});
    put(&admin, "current", first.clone()).await.expect(200);
    put(&admin, "current", second.clone()).await.expect(200);
    put(&admin, "current", json!({"version": "1.0.0", "expected": 2})).await.expect(200);

    let replays = [put(&admin, "current", first).await, put(&admin, "current", second).await];

    for replay in &replays {
        // Either it is told that it is late, or it is told where the tag stands: it moves nothing.
        assert!([200, 409].contains(&replay.status), "{}", replay.text());
    }
    let state = stands(&registry, "current").await.unwrap();
    assert_eq!((state.version.to_string().as_str(), state.serial), ("1.0.0", 3));
}

#[tokio::test]
async fn to_where_it_stands_is_no_move() {
    let registry = with_versions().await;
    let admin = registry.admin();
    put(&admin, "current", json!({"version": "1.0.0"})).await.expect(200);

    let again = put(&admin, "current", json!({"version": "1.0.0"})).await.expect(200);

    assert_eq!(again.json::<TagState>().serial, 1);
    let tags: TagsAnswer = registry.anybody().read("/api/v1/tags/apps").await;
    assert_eq!(tags.history.len(), 1);
}

#[tokio::test]
async fn every_move_is_in_the_history_with_who_and_when() {
    let registry = with_versions().await;
    let ci = registry.holder("ci", &["tag:apps"]).await;
    put(&registry.admin(), "current", json!({"version": "1.0.0"})).await.expect(200);
    registry.put_clock_forward(1);
    put(&ci, "current", json!({"version": "1.1.0"})).await.expect(200);
    registry.put_clock_forward(1);
    put(&ci, "next", json!({"version": "1.1.0"})).await.expect(200);

    let tags: TagsAnswer = registry.anybody().read("/api/v1/tags/apps").await;

    let told = |state: &TagState| format!("{} {} {}", state.tag, state.version, state.by);
    let history: Vec<String> = tags.history.iter().map(told).collect();
    assert_eq!(history, ["next 1.1.0 ci", "current 1.1.0 ci", "current 1.0.0 admin"]);
    let items: Vec<String> = tags.items.iter().map(told).collect();
    assert_eq!(items, ["current 1.1.0 ci", "next 1.1.0 ci"]);
}

#[tokio::test]
async fn of_32_who_move_a_tag_from_one_place_one_wins() {
    let registry = with_versions().await;
    put(&registry.admin(), "current", json!({"version": "1.0.0"})).await.expect(200);
    let sent: Vec<_> = (0..32)
        .map(|_| {
            let admin = registry.admin();
            let request = json!({"version": "1.1.0", "expected": 1});
            tokio::spawn(async move { put(&admin, "current", request).await.status })
        })
        .collect();

    let mut statuses = Vec::new();
    for status in sent {
        statuses.push(status.await.unwrap());
    }

    // Who comes second finds it where they wanted it, or is told that it moved.
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    let tags: TagsAnswer = registry.anybody().read("/api/v1/tags/apps").await;
    assert_eq!((tags.history.len(), tags.items[0].serial), (2, 2));
}

#[tokio::test]
async fn a_tag_is_never_a_version_nor_a_version_a_tag() {
    let registry = with_versions().await;
    let admin = registry.admin();
    let afw = build("afw", "1.0.0-b1").file("a", b"a").pack();

    let tag = put(&admin, "w_2026_47", json!({"version": "1.0.0"})).await.problem();
    put(&admin, "current", json!({"version": "1.0.0"})).await.expect(200);
    let version = registry.offer(&distribution("apps", "current").of([&afw])).await.problem();
    let nowhere = put(&admin, "next", json!({"version": "9.0.0"})).await.problem();
    let to_tag = put(&admin, "next", json!({"version": "current"})).await.problem();
    let needs = json!({"version": "1.0.0", "require": ["linux-x86_64", "macos-aarch64"]});
    let platform = put(&admin, "next", needs).await.problem();
    let name = put(&admin, "1.0.0", json!({"version": "1.0.0"})).await.problem();

    let all = [tag, version, nowhere, to_tag, platform, name];
    assert_eq!(all.each_ref().map(|problem| problem.status), [409, 409, 404, 404, 404, 400]);
    insta::assert_snapshot!(all.map(|problem| redacted(&problem.detail)).join("\n"));
    assert!(stands(&registry, "next").await.is_none());
}

/// All orders of three.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
const PLATFORMS: [&str; 3] = ["linux-aarch64", "linux-x86_64", "macos-aarch64"];

/// What the job for one platform does: it publishes, and tries the tag.
fn job(larder: &Larder, version: &str, platform: &str) -> Value {
    let parcel = build("afw", &format!("{version}-b1")).platform(platform);
    let parcel = parcel.file("lib/x", format!("{version} {platform}").as_bytes()).pack();
    larder.write(parcel.name(), parcel.bytes());
    let distribution = format!("apps@{version}");
    let publish = ["publish", parcel.name(), "--distribution", &distribution, "--tag", "current"];
    let require = PLATFORMS.map(|platform| ["--require", platform]).concat();
    larder.ok([&publish[..], &require, &["--json"]].concat()).json()
}

#[tokio::test]
async fn of_three_jobs_in_any_order_the_last_moves_the_tag() {
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    for (at, order) in ORDERS.into_iter().enumerate() {
        let version = format!("1.0.{at}");
        let before = match at {
            0 => None,
            _ => stands(&registry, "current").await.map(|state| state.version),
        };
        for (done, platform) in order.into_iter().enumerate() {
            let report = job(&larder, &version, PLATFORMS[platform]);

            let mut missing: Vec<&str> =
                order[done + 1..].iter().map(|at| PLATFORMS[*at]).collect();
            missing.sort_unstable();
            if missing.is_empty() {
                assert_eq!(
                    (&report["tags"][0]["version"], report.get("waits_for")),
                    (&json!(version), None)
                );
            } else {
                assert_eq!((&report["waits_for"], &report["tags"]), (&json!(missing), &json!([])));
                let tags = registry.anybody().get("/api/v1/tags/apps").await.expect(200);
                let stands = tags.json::<TagsAnswer>().items.into_iter().next();
                assert_eq!(
                    stands.map(|state| state.version),
                    before,
                    "it moved before all were there"
                );
            }
        }
    }
    assert_eq!(stands(&registry, "current").await.unwrap().serial, 6);
}

#[tokio::test]
async fn a_tag_waits_for_a_job_that_never_comes() {
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    for platform in PLATFORMS {
        job(&larder, "1.0.0", platform);
    }
    for platform in &PLATFORMS[..2] {
        job(&larder, "1.1.0", platform);
    }

    let set = ["tag", "set", "apps", "current", "1.1.0", "--require", PLATFORMS[2]];
    let refused = larder.run(set).expect(1);

    insta::assert_snapshot!(redacted(&refused.all()));
    assert_eq!(stands(&registry, "current").await.unwrap().version.to_string(), "1.0.0");
    // The job comes late, and finds all that it needs.
    job(&larder, "1.1.0", PLATFORMS[2]);
    assert_eq!(stands(&registry, "current").await.unwrap().version.to_string(), "1.1.0");
    // A retried job changes nothing.
    job(&larder, "1.1.0", PLATFORMS[0]);
    assert_eq!(stands(&registry, "current").await.unwrap().serial, 2);
}

#[tokio::test]
async fn moves_come_in_pages_and_the_tags_of_nothing_are_not_known() {
    let registry = with_versions().await;
    let admin = registry.admin();
    for version in ["1.0.0", "1.1.0", "1.0.0"] {
        put(&admin, "current", json!({"version": version})).await.expect(200);
    }
    let first: TagsAnswer = registry.anybody().read("/api/v1/tags/apps?limit=2").await;
    let next = format!("/api/v1/tags/apps?limit=2&cursor={}", first.next.unwrap());
    let second: TagsAnswer = registry.anybody().read(&next).await;
    let serials: Vec<u64> =
        first.history.iter().chain(&second.history).map(|state| state.serial).collect();
    assert_eq!((serials, second.next), (vec![3, 2, 1], None));

    let larder = Larder::new(registry.origin(), admin.token());
    let unknown = larder.run(["tag", "list", "nothing"]).expect(3);
    let version = larder.run(["tag", "set", "apps", "current", "9.9.9"]).expect(1);

    insta::assert_snapshot!(redacted(&format!("{}{}", unknown.all(), version.all())));
}
