//! Distributions: closed, immutable, found by version, tag and digest.

use std::process::Command;

use larder_tests::redact::redacted;
use larder_tests::{
    BuildBuilder, DistributionBuilder, Larder, Parcel, TestRegistry, build, distribution,
};
use serde_json::{Value, json};

fn made(product: &str, name: &str) -> BuildBuilder {
    build(product, name).file(&format!("lib/{product}"), name.as_bytes())
}

/// A server with `apps` → `afw` → `log`, all of one publish.
async fn with_closure() -> (TestRegistry, [Parcel; 3]) {
    let registry = TestRegistry::start().await;
    let parcels = [
        made("apps", "1.0.0-b1").needs("afw", "^1.0").pack(),
        made("afw", "1.0.1-b1").needs("log", ">=2.0, <3").pack(),
        made("log", "2.1.0-b1").pack(),
    ];
    registry.publish_all(&parcels.each_ref()).await;
    (registry, parcels)
}

#[tokio::test]
async fn the_server_fills_in_what_comes_from_the_builds() {
    let (registry, parcels) = with_closure().await;

    let answer = registry.distribute(&distribution("lsst", "1.0.0").of(&parcels)).await;

    let read: Value = registry.anybody().read("/api/v1/distributions/lsst/1.0.0").await;
    assert_eq!(read["digest"], answer["distribution"]["digest"]);
    assert_eq!(
        (&read["roots"], &read["about"]["published"]["by"]),
        (&json!(["apps"]), &json!("admin"))
    );
    let products: Vec<_> = read["builds"].as_array().unwrap().iter().collect();
    let names: Vec<_> = products.iter().map(|listed| listed["product"].as_str().unwrap()).collect();
    assert_eq!(names, ["afw", "apps", "log"]);
    for parcel in &parcels {
        let listed = products.iter().find(|listed| listed["product"] == parcel.product()).unwrap();
        assert_eq!(listed["archive"], parcel.archive().to_string());
        assert_eq!(listed["size"], parcel.bytes().len());
        assert!(listed["record"].is_string() && listed["tree"].is_string());
    }
    let records = "/api/v1/distributions/lsst/1.0.0?records=true";
    let with_records: Value = registry.anybody().read(records).await;
    assert_eq!(with_records["about"]["records"].as_array().unwrap().len(), 3);
    assert_eq!(with_records["digest"], read["digest"]);
}

#[tokio::test]
async fn the_digest_is_that_of_the_canonical_document() {
    let (registry, parcels) = with_closure().await;
    registry.distribute(&distribution("lsst", "1.0.0").of(&parcels)).await;

    let mut read: Value = registry.anybody().read("/api/v1/distributions/lsst/1.0.0").await;

    let digest = read["digest"].as_str().unwrap().to_owned();
    let document = read.as_object_mut().unwrap();
    document.remove("digest");
    document.remove("about");
    // Keys sorted, no spaces, nothing but texts and numbers in it: RFC 8785 says the same.
    let canonical = serde_json::to_vec(&read).unwrap();
    assert_eq!(format!("sha256:{}", larder_schema::Sha256::of(&canonical)), digest);
    assert!(canonical.starts_with(br#"{"builds":[{"archive":"#));
}

#[tokio::test]
async fn a_distribution_that_is_not_closed_is_refused_with_the_chain() {
    let registry = TestRegistry::start().await;
    let apps = registry.publish(made("apps", "1.0.0-b1").needs("afw", "^1.0")).await;
    let afw = registry.publish(made("afw", "1.0.1-b1").needs("log", ">=2.0, <3")).await;
    let old_log = registry.publish(made("log", "1.9.0-b1")).await;

    let lacking = registry.offer(&distribution("lsst", "1.0.0").of([&apps, &afw])).await.problem();
    let too_old = distribution("lsst", "1.0.0").of([&apps, &afw, &old_log]);
    let too_old = registry.offer(&too_old).await.problem();

    assert_eq!((lacking.status, too_old.status), (422, 422));
    assert_eq!(lacking.fields["unmet"][0]["chain"], json!(["apps", "afw"]));
    insta::assert_snapshot!(format!("{}\n{}", lacking.detail, too_old.detail));
    assert!(registry.anybody().all("/api/v1/distributions", 10).await.is_empty());
}

#[tokio::test]
async fn what_is_only_needed_to_build_or_to_test_may_be_missing() {
    let registry = TestRegistry::start().await;
    let dependencies = json!([
        {"product": "scons", "requirement": "*", "kind": "build"},
        {"product": "pytest", "requirement": "*", "kind": "test"},
    ]);
    let afw = registry.publish(made("afw", "1.0.0-b1").field("dependencies", dependencies)).await;

    registry.distribute(&distribution("lsst", "1.0.0").of([&afw])).await;
}

#[tokio::test]
async fn the_same_again_is_there_already_and_other_contents_are_refused() {
    let (registry, parcels) = with_closure().await;
    let other_log = registry.publish(made("log", "2.1.0-b2")).await;
    let first = registry.distribute(&distribution("lsst", "1.0.0").of(&parcels)).await;

    let turned = distribution("lsst", "1.0.0").of(parcels.iter().rev());
    let again = registry.distribute(&turned).await;
    let other = distribution("lsst", "1.0.0").of([&parcels[0], &parcels[1], &other_log]);
    let refusal = registry.offer(&other).await.problem();

    assert_eq!(again["distribution"], first["distribution"]);
    assert_eq!(refusal.status, 409);
    insta::assert_snapshot!(redacted(&refusal.detail));
    assert_eq!(registry.anybody().all("/api/v1/distributions", 10).await.len(), 1);
}

#[tokio::test]
async fn a_release_has_the_very_builds_of_its_last_candidate() {
    let (registry, parcels) = with_closure().await;
    let other_log = registry.publish(made("log", "2.1.0-b2")).await;
    let candidate = distribution("lsst", "1.0.0.rc2").of(&parcels);
    let candidate = registry.distribute(&candidate.field("stage", json!("candidate"))).await;
    let from = candidate["distribution"]["digest"].clone();
    let release = |builds: [&Parcel; 3]| {
        let release = distribution("lsst", "1.0.0").of(builds).field("stage", json!("release"));
        release.field("promoted_from", from.clone())
    };

    let others = release([&parcels[0], &parcels[1], &other_log]);
    let refusal = registry.offer(&others).await.problem();
    registry.distribute(&release(parcels.each_ref())).await;

    assert_eq!(refusal.status, 422);
    insta::assert_snapshot!(redacted(&refusal.detail));
    let read: Value = registry.anybody().read("/api/v1/distributions/lsst/1.0.0").await;
    assert_eq!(read["promoted_from"], from);
}

#[tokio::test]
async fn a_distribution_is_found_by_version_tag_and_digest_and_by_nothing_else() {
    let (registry, parcels) = with_closure().await;
    let answer = registry.distribute(&distribution("lsst", "1.0.0").of(&parcels)).await;
    let request = json!({"version": "1.0.0"});
    registry.admin().put("/api/v1/tags/lsst/current", &request).await.expect(200);
    let digest = answer["distribution"]["digest"].as_str().unwrap();
    let path = |asked: &str| format!("/api/v1/distributions/lsst/{asked}");
    let http = registry.anybody();

    let by_tag: Value = http.read(&path("current")).await;
    let by_digest: Value = http.read(&path(digest)).await;

    assert_eq!(
        (&by_tag["version"], &by_tag["about"]["tag"]["serial"]),
        (&json!("1.0.0"), &json!(1))
    );
    assert_eq!(by_digest["version"], "1.0.0");
    let mut sentences = Vec::new();
    for (asked, status) in [
        ("1.0", 400),
        ("^1.0", 400),
        ("1.0.1", 404),
        ("latest", 404),
        (&format!("sha256:{}", "0".repeat(64)), 404),
    ] {
        let problem = http.get(&path(asked)).await.problem();
        assert_eq!(problem.status, status, "{asked}: {}", problem.detail);
        sentences.push(redacted(&problem.detail));
    }
    sentences.push(http.get("/api/v1/distributions/nothing").await.problem().detail);
    insta::assert_snapshot!(sentences.join("\n"));
}

#[tokio::test]
async fn another_platform_of_the_same_version_may_come_later() {
    let registry = TestRegistry::start().await;
    let pure = registry.publish(made("pure", "1.0.0-b1").platform("any")).await;
    let linux = registry.publish(made("afw", "1.0.0-b1").platform("linux-x86_64-el8")).await;
    let mac = registry.publish(made("afw", "1.0.0-b2").platform("macos-aarch64")).await;
    let on_linux = distribution("lsst", "1.0.0").of([&pure, &linux]);
    let on_mac = distribution("lsst", "1.0.0").platform("macos-aarch64").of([&pure, &mac]);
    let first = registry.distribute(&on_linux).await;

    registry.distribute(&on_mac).await;

    let http = registry.anybody();
    let both = http.get("/api/v1/distributions/lsst/1.0.0").await.problem();
    let one = "/api/v1/distributions/lsst/1.0.0?platform=linux-x86_64";
    let one: Value = http.read(one).await;
    assert_eq!((both.status, &one["digest"]), (409, &first["distribution"]["digest"]));
    assert_eq!(both.fields["platforms"], json!(["linux-x86_64", "macos-aarch64"]));
}

#[tokio::test]
async fn what_cannot_be_a_distribution_is_refused_with_a_sentence() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(made("afw", "1.0.0-b1")).await;
    let newer = registry.publish(made("afw", "1.0.0-b2")).await;
    let tools = made("gdb", "1.0.0-b1").field("role", json!("debug"));
    let tools = registry.publish(tools).await;
    let mac = registry.publish(made("log", "1.0.0-b1").platform("macos-aarch64")).await;
    let never = made("never", "1.0.0-b1").pack();
    let of = |parcels: &[&Parcel]| distribution("lsst", "1.0.0").of(parcels.iter().copied());
    let cases: Vec<(&str, DistributionBuilder)> = vec![
        ("no build", of(&[])),
        ("two builds", of(&[&afw, &newer])),
        ("another platform", of(&[&afw, &mac])),
        ("not published", of(&[&afw, &never])),
        ("debug tools", of(&[&tools]).field("contexts", json!(["operations"]))),
        ("a root that is not there", of(&[&afw]).field("roots", json!(["log"]))),
        ("an unknown field", of(&[&afw]).field("colour", json!("red"))),
        ("an unknown stage", of(&[&afw]).field("stage", json!("final"))),
        ("a bad version", distribution("lsst", "1.0").of([&afw])),
        ("a padded version", distribution("lsst", "1.01.0").of([&afw])),
        ("a candidate of no version", distribution("lsst", "1.0.0.rc0x").of([&afw])),
    ];
    let mut sentences = Vec::new();
    for (what, case) in &cases {
        let answer = registry.offer(case).await;

        let problem = answer.problem();
        assert!([400, 422].contains(&problem.status), "{what}: {}", answer.text());
        sentences.push(format!("{what}: {}", redacted(&problem.detail)));
    }
    let mut wrong_size = of(&[&afw]).document();
    wrong_size["builds"][0]["size"] = json!(1);
    let refusal = registry.admin().post("/api/v1/distributions", &wrong_size).await.problem();
    sentences.push(format!("a wrong size: {}", redacted(&refusal.detail)));

    assert_eq!(refusal.status, 422);
    insta::assert_snapshot!(sentences.join("\n"));
    assert!(registry.anybody().all("/api/v1/distributions", 10).await.is_empty());
}

#[tokio::test]
async fn the_sums_of_a_distribution_are_read_by_sha256sum() {
    let (registry, parcels) = with_closure().await;
    registry.distribute(&distribution("lsst", "1.0.0").of(&parcels)).await;
    let folder = registry.folder().join("downloads");
    std::fs::create_dir(&folder).unwrap();
    for parcel in &parcels {
        let path = format!("{}/archive", parcel.path());
        let bytes = registry.anybody().get(&path).await.expect(200).body;
        std::fs::write(folder.join(parcel.name()), bytes).unwrap();
    }
    let sums = registry.anybody().get("/api/v1/distributions/lsst/1.0.0/SHA256SUMS").await;
    std::fs::write(folder.join("SHA256SUMS"), sums.expect(200).text()).unwrap();
    let check = || {
        let mut sha256sum = Command::new("sha256sum");
        sha256sum.args(["--check", "--strict", "SHA256SUMS"]).current_dir(&folder);
        sha256sum.output().unwrap()
    };

    let good = check();
    std::fs::write(folder.join(parcels[0].name()), b"other").unwrap();
    let bad = check();

    let said = String::from_utf8(good.stdout).unwrap();
    assert!(good.status.success() && said.lines().count() == 3, "{said}");
    assert!(!bad.status.success());
}

#[tokio::test]
async fn what_is_not_there_as_asked_is_told_as_what_it_is() {
    let (registry, parcels) = with_closure().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    let mac = made("macd", "1.0.0-b1").platform("macos-aarch64").pack();
    registry.publish_all(&[&mac]).await;
    let on_mac = distribution("macs", "1.0.0").of([&mac]).field("platform", json!("macos-aarch64"));
    registry.distribute(&on_mac).await;
    registry.distribute(&distribution("lsst", "1.0.0").of(&parcels)).await;
    let linux = ["--platform", "linux-x86_64", "--prefix", "env"];
    let install = |target| larder.run([&["install", target], &linux[..]].concat()).expect(3).stderr;

    let [product, version, elsewhere] = ["afw@1.0.1", "lsst@7.0.0", "macs"].map(install);

    assert!(product.contains("it is a product") && product.contains("`afw@=M.n.p`"), "{product}");
    assert!(!version.contains("product"), "{version}");
    assert!(elsewhere.contains("there for `macos-aarch64`, not for linux-x86_64"), "{elsewhere}");
}

#[tokio::test]
async fn a_document_is_published_with_the_client_and_its_digest_and_warnings_are_told() {
    let (registry, parcels) = with_closure().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    let document = distribution("lsst", "1.0.0").of(&parcels).document();
    larder.write("lsst.json", &serde_json::to_vec(&document).unwrap());
    larder.ok(["withdraw", "log@2.1.0-b1", "--reason", "it loses lines"]);

    let ran = larder.ok(["dist", "publish", "lsst.json"]);
    let again: Value = larder.ok(["dist", "publish", "lsst.json", "--json"]).json();

    let read: Value = registry.anybody().read("/api/v1/distributions/lsst/1.0.0").await;
    let digest = read["digest"].as_str().unwrap();
    assert_eq!(ran.stdout.trim(), format!("distribution lsst@1.0.0 for linux-x86_64, {digest}"));
    assert!(ran.stderr.contains("it loses lines"), "{}", ran.all());
    assert_eq!(again["distribution"]["digest"], digest);
}
