//! Candidates and what they are promoted to: the very same, under a new name.

use larder_schema::{Build, Digest, Sha256};
use larder_tests::redact::redacted;
use larder_tests::{Http, Larder, Parcel, TestRegistry, build, distribution};
use serde_json::{Value, json};

const LINUX: &str = "linux-x86_64";
const MAC: &str = "macos-aarch64";

fn parcel(product: &str, name: &str, platform: &str) -> Parcel {
    let bytes = format!("{product} {name} {platform}");
    build(product, name).platform(platform).file("lib/x", bytes.as_bytes()).pack()
}

/// Publishes a distribution of builds that may be new, with the client.
fn publish(larder: &Larder, version: &str, stage: &str, parcels: &[&Parcel]) {
    let mut arguments = vec!["publish".to_owned()];
    for parcel in parcels {
        larder.write(parcel.name(), parcel.bytes());
        let record = serde_json::to_vec(parcel.record()).unwrap();
        larder.write(&format!("{}.json", parcel.name()), &record);
        arguments.push(parcel.name().to_owned());
    }
    let version = format!("apps@{version}");
    arguments.extend(["--distribution", &version, "--stage", stage].map(str::to_owned));
    larder.ok(arguments);
}

async fn with_larder() -> (TestRegistry, Larder) {
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    (registry, larder)
}

/// A document as an auditor takes it: with the digest that its own bytes have.
async fn audited(http: &Http, version: &str) -> (Value, Digest) {
    let mut document: Value = http.read(&format!("/api/v1/distributions/apps/{version}")).await;
    let fields = document.as_object_mut().unwrap();
    fields.remove("about");
    fields.remove("digest");
    // Keys sorted, no spaces, nothing but texts and numbers in it: RFC 8785 says the same.
    let digest = Digest(Sha256::of(&serde_json::to_vec(&document).unwrap()));
    (document, digest)
}

#[tokio::test]
async fn a_final_release_is_its_last_candidate_and_two_documents_prove_it() {
    let (registry, larder) = with_larder().await;
    let log = parcel("log", "2.0.0-b1", LINUX);
    let (bad, good) = (parcel("afw", "17.0.1-b1", LINUX), parcel("afw", "17.0.1-b2", LINUX));
    publish(&larder, "17.0.1.rc1", "candidate", &[&bad, &log]);
    publish(&larder, "17.0.1.rc2", "candidate", &[&good, &log]);

    let promote = ["dist", "promote", "apps@17.0.1.rc2", "--as", "17.0.1", "--tag", "current"];
    let report: Value = larder.ok([&promote[..], &["--json"]].concat()).json();

    let http = registry.anybody();
    let ((first, first_digest), (candidate, candidate_digest), (release, release_digest)) = (
        audited(&http, "17.0.1.rc1").await,
        audited(&http, "17.0.1.rc2").await,
        audited(&http, "17.0.1").await,
    );
    assert_eq!(release["promoted_from"], json!(candidate_digest));
    assert_eq!(release["builds"], candidate["builds"]);
    assert_ne!(release["builds"], first["builds"]);
    assert_eq!((&release["stage"], &candidate["stage"]), (&json!("release"), &json!("candidate")));
    assert_eq!([first_digest, candidate_digest, release_digest].len(), 3);
    assert_eq!(report["promoted"][0]["digest"], json!(release_digest));
    assert_eq!((&report["tag"]["version"], &report["existing"]), (&json!("17.0.1"), &json!([])));
    for (parcel, listed) in [&good, &log].into_iter().zip(release["builds"].as_array().unwrap()) {
        let record: Build = http.read(&parcel.path()).await;
        let record = Build { extra: Default::default(), ..record };
        assert_eq!(listed["record"], json!(record.digest().unwrap()));
        assert_eq!(listed["archive"], parcel.archive().to_string());
        assert_eq!(registry.fetch(parcel.archive()).await, parcel.bytes());
    }
    let again: Value = larder.ok([&promote[..], &["--json"]].concat()).json();
    assert_eq!((&again["promoted"], &again["existing"]), (&json!([]), &report["promoted"]));
    assert_eq!(again["tag"]["serial"], 1);
}

#[tokio::test]
async fn what_differs_in_one_build_is_refused_and_the_build_named() {
    let (registry, larder) = with_larder().await;
    let (afw, log) = (parcel("afw", "1.0.0-b1", LINUX), parcel("log", "2.0.0-b1", LINUX));
    publish(&larder, "1.0.0.rc1", "candidate", &[&afw, &log]);
    // `5` is `4` but for one bit.
    let other = build("log", "2.0.0-b2").file("lib/x", b"log 2.0.0-b1 linux-x86_65").pack();
    registry.publish_all(&[&other]).await;
    let (_, candidate) = audited(&registry.anybody(), "1.0.0.rc1").await;
    let release = |parcels: [&Parcel; 2]| {
        distribution("apps", "1.0.0").of(parcels).field("promoted_from", json!(candidate))
    };

    let refusal = registry.offer(&release([&afw, &other])).await.problem();
    let mut forged = release([&afw, &log]).document();
    forged["builds"][1]["record"] = json!(Digest::of(b"other"));
    let forged = registry.admin().post("/api/v1/distributions", &forged).await.problem();
    let fewer = distribution("apps", "1.0.0").of([&afw]);
    let fewer = registry.offer(&fewer.field("promoted_from", json!(candidate))).await.problem();

    assert_eq!([refusal.status, forged.status, fewer.status], [422; 3]);
    assert_eq!(
        (&refusal.fields["product"], &forged.fields["field"]),
        (&json!("log"), &json!("record"))
    );
    insta::assert_snapshot!(redacted(&[refusal.detail, forged.detail, fewer.detail].join("\n")));
    assert_eq!(registry.anybody().all("/api/v1/distributions", 10).await.len(), 1);
}

#[tokio::test]
async fn what_else_a_candidate_says_is_promoted_with_it() {
    let (registry, larder) = with_larder().await;
    let afw = parcel("afw", "1.0.0-b1", LINUX);
    publish(&larder, "1.0.0.rc1", "candidate", &[&afw]);
    let (_, candidate) = audited(&registry.anybody(), "1.0.0.rc1").await;
    let release = |stage: &str| {
        let release = distribution("apps", "1.0.0").of([&afw]).field("stage", json!(stage));
        release.field("promoted_from", json!(candidate))
    };
    let image = json!([{"kind": "image", "name": "x", "url": "https://x.example/2"}]);

    let offers = [
        release("release").field("externals", image),
        release("release").field("contexts", json!(["operations"])),
        release("nightly"),
    ];

    for (offer, what) in offers.iter().zip(["externals", "contexts", "nightly"]) {
        let refusal = registry.offer(offer).await.problem();
        assert_eq!(refusal.status, 422);
        assert!(refusal.detail.contains(what), "{}", refusal.detail);
    }
    assert_eq!(registry.offer(&release("release")).await.status, 200);
}

#[tokio::test]
async fn what_is_no_candidate_is_not_promoted() {
    let (registry, larder) = with_larder().await;
    let afw = parcel("afw", "1.0.0-b1", LINUX);
    for (version, stage) in [("w_2026_47", "weekly"), ("1.0.0", "release"), ("2.0.0.rc1", "test")] {
        publish(&larder, version, stage, &[&afw]);
    }
    let (_, weekly) = audited(&registry.anybody(), "w_2026_47").await;
    let (_, candidate) = audited(&registry.anybody(), "2.0.0.rc1").await;
    let offered = |version: &str, from: Digest| {
        distribution("apps", version).of([&afw]).field("promoted_from", json!(from))
    };

    let refusals = [
        registry.offer(&offered("3.0.0", weekly)).await.problem(),
        registry.offer(&offered("3.0.0", candidate)).await.problem(),
        registry.offer(&offered("2.0.0", Digest::of(b"nothing"))).await.problem(),
    ];
    let promote = |from: &str, to: &str| larder.run(["dist", "promote", from, "--as", to]);
    let ran = [
        promote("apps@w_2026_47", "3.0.0"),
        promote("apps@1.0.0", "1.0.1"),
        promote("apps@9.9.9.rc1", "9.9.9"),
        promote("apps@2.0.0.rc1", "3.0.0"),
    ];

    assert!(refusals.iter().all(|refusal| refusal.status == 422));
    assert!(ran.iter().all(|ran| ran.code == Some(1)), "{ran:#?}");
    let told = refusals.map(|refusal| refusal.detail).join("\n");
    let ran = ran.map(|ran| ran.stderr).join("");
    insta::assert_snapshot!(redacted(&format!("{told}\n{ran}")));
    assert_eq!(registry.anybody().all("/api/v1/distributions", 10).await.len(), 3);
}

#[tokio::test]
async fn a_withdrawn_candidate_stays_one() {
    let (registry, larder) = with_larder().await;
    for platform in [LINUX, MAC] {
        publish(&larder, "1.0.0.rc1", "candidate", &[&parcel("afw", "1.0.0-b1", platform)]);
    }
    let on_mac = ["withdraw", "apps@1.0.0.rc1", "--platform", MAC, "--reason", "it crashes"];
    larder.ok(on_mac);
    let promote = ["dist", "promote", "apps@1.0.0.rc1", "--as", "1.0.0"];

    let whole = larder.run(promote).expect(1);
    let before = registry.anybody().all("/api/v1/distributions/apps", 10).await;
    larder.ok([&promote[..], &["--platform", LINUX]].concat());
    let rest = larder.run(promote).expect(1);

    for ran in [whole, rest] {
        assert!(
            ran.stderr.contains(&format!("for {MAC}` was withdrawn: it crashes")),
            "{}",
            ran.all()
        );
    }
    assert_eq!(before.len(), 2, "the other platform was not promoted alone");
}

#[tokio::test]
async fn the_same_promotion_again_succeeds_whatever_was_said_since() {
    let (registry, larder) = with_larder().await;
    let afw = parcel("afw", "1.0.0-b1", LINUX);
    publish(&larder, "2.0.0.rc1", "candidate", &[&afw]);
    let (_, candidate) = audited(&registry.anybody(), "2.0.0.rc1").await;
    let promoted = distribution("apps", "2.0.0").of([&afw]).field("stage", json!("release"));
    let promoted = promoted.field("promoted_from", json!(candidate));
    registry.offer(&promoted).await.expect(200);
    let said = json!({"subject": candidate, "kind": "withdrawn", "reason": "it crashes"});
    registry.admin().post("/api/v1/statements", &said).await.expect(201);

    registry.offer(&promoted).await.expect(200);
}

#[tokio::test]
async fn all_platforms_are_promoted_and_what_is_there_stays() {
    let (registry, larder) = with_larder().await;
    for platform in [LINUX, MAC] {
        publish(&larder, "1.0.0.rc1", "candidate", &[&parcel("afw", "1.0.0-b1", platform)]);
    }
    let promote = ["dist", "promote", "apps@1.0.0.rc1", "--as", "1.0.0"];
    larder.ok([&promote[..], &["--platform", LINUX]].concat());

    let both = larder.ok([&promote[..], &["--tag", "current"]].concat()).stdout;

    insta::assert_snapshot!(redacted(&both));
    let all = registry.anybody().all("/api/v1/distributions/apps", 10).await;
    assert_eq!(all.iter().filter(|one| one["version"] == "1.0.0").count(), 2);
    let nowhere = larder.run([&promote[..], &["--platform", "any"]].concat()).expect(1);
    assert!(nowhere.stderr.contains("not there for any"), "{}", nowhere.all());
}

#[tokio::test]
async fn where_one_platform_is_taken_none_is_promoted() {
    let (registry, larder) = with_larder().await;
    for platform in [LINUX, MAC] {
        publish(&larder, "1.0.0.rc1", "candidate", &[&parcel("afw", "1.0.0-b1", platform)]);
    }
    publish(&larder, "1.0.0", "release", &[&parcel("afw", "1.0.0-b7", MAC)]);

    let promote = ["dist", "promote", "apps@1.0.0.rc1", "--as", "1.0.0", "--tag", "current"];
    let ran = larder.run(promote).expect(1);

    insta::assert_snapshot!(redacted(&ran.all()));
    let all = registry.anybody().all("/api/v1/distributions/apps", 10).await;
    assert_eq!(all.iter().filter(|one| one["version"] == "1.0.0").count(), 1);
    assert_eq!(registry.anybody().read::<Value>("/api/v1/tags/apps").await["items"], json!([]));
}
