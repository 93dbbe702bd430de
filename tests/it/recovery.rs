//! The catalog made again from journal and blobs, and the check that finds what is wrong.

use std::path::Path;

use larder_schema::Checksum;
use larder_schema::api::CheckReport;
use larder_tests::process::{bare, program};
use larder_tests::redact::redacted;
use larder_tests::{Http, Ran, TestRegistry, build, distribution};
use serde_json::{Value, json};

/// A server with something of everything.
async fn with_everything() -> TestRegistry {
    let registry = TestRegistry::start().await;
    let log = build("log", "2.0.0-b1").file("lib/liblog.so", b"log").file("empty", b"").pack();
    let afw = build("afw", "1.0.0-b1").file("a", b"a").file("empty", b"").needs("log", "^2").pack();
    let meta =
        build("apps", "1.0.0-b1").without_archive().needs("afw", "^1").platform("any").pack();
    registry.publish_all(&[&log, &afw]).await;
    registry.publish_all(&[&meta]).await;
    let mac = build("log", "2.0.0-b1").platform("macos-aarch64").file("x", b"mac");
    registry.publish(mac).await;
    let ci = registry.holder("ci", &["tag:*", "distribute:*"]).await;
    for version in ["1.0.0.rc1", "1.0.0"] {
        let document = distribution("lsst", version).of([&log, &afw, &meta]).document();
        ci.post("/api/v1/distributions", &document).await.expect(200);
        ci.put("/api/v1/tags/lsst/current", &json!({"version": version})).await.expect(200);
    }
    ci.put("/api/v1/tags/lsst/first", &json!({"version": "1.0.0.rc1"})).await.expect(200);
    let read: Value = registry.anybody().read(&afw.path()).await;
    let declared = json!({"name": "afw", "repositories": ["https://example.org/afw"]});
    registry.admin().put("/api/v1/products/afw", &declared).await.expect(200);
    for (kind, subject) in [("withdrawn", &read["digest"]), ("note", &read["digest"])] {
        let said = json!({"subject": subject, "kind": kind, "reason": "it crashes"});
        registry.admin().post("/api/v1/statements", &said).await.expect(201);
    }
    registry
}

/// Everything that can be asked: lists, documents, contents, tags, statements, sums.
async fn dump(http: &Http) -> Value {
    let builds = http.all("/api/v1/builds", 100).await;
    let distributions = http.all("/api/v1/distributions", 100).await;
    let products = http.all("/api/v1/products", 100).await;
    let mut declared = Vec::new();
    for product in &products {
        let path = format!("/api/v1/products/{}", product["name"].as_str().unwrap());
        declared.push(http.read::<Value>(&path).await);
    }
    let (mut contents, mut statements, mut checksums) = (Vec::new(), Vec::new(), Vec::new());
    let mut dependants = Vec::new();
    for build in &builds {
        let text = |field: &str| build[field].as_str().unwrap();
        let path = format!(
            "/api/v1/builds/{}/{}-{}/contents?platform={}",
            text("product"),
            text("version"),
            text("build"),
            text("platform")
        );
        let entries = http.all(&path, 100).await;
        checksums.extend(entries.iter().filter_map(|entry| entry["sha256"].as_str()).map(to_sum));
        checksums.extend(build["archive"]["sha256"].as_str().map(to_sum));
        checksums.extend(build["tree"].as_str().map(to_sum));
        contents.push(entries);
        dependants.push(http.all(&path.replace("/contents", "/dependants"), 100).await);
        let said = format!("/api/v1/statements?subject={}", text("digest"));
        statements.push(http.read::<Value>(&said).await);
    }
    let mut documents = Vec::new();
    for summary in &distributions {
        let digest = summary["digest"].as_str().unwrap();
        let name = summary["name"].as_str().unwrap();
        let path = format!("/api/v1/distributions/{name}/{digest}?records=true");
        documents.push(http.read::<Value>(&path).await);
    }
    assert!(checksums.len() > 5, "{checksums:?}");
    assert!(dependants.iter().any(|some| !some.is_empty()));
    let identified = http.post("/api/v1/identify", &json!({"checksums": checksums})).await;
    json!({
        "products": products,
        "declared": declared,
        "dependants": dependants,
        "found": http.all("/api/v1/products?q=liblog", 100).await,
        "difference": http.read::<Value>("/api/v1/distributions/lsst/1.0.0.rc1/diff/1.0.0").await,
        "builds": builds,
        "distributions": distributions,
        "contents": contents,
        "documents": documents,
        "statements": statements,
        "tags": http.read::<Value>("/api/v1/tags/lsst").await,
        "identified": identified.expect(200).json::<Value>(),
    })
}

fn to_sum(text: &str) -> Checksum {
    text.parse().unwrap()
}

fn delete_catalog(data: &Path) {
    std::fs::remove_dir_all(data.join("catalog")).unwrap();
}

#[tokio::test]
async fn a_catalog_that_was_deleted_is_made_again_and_gives_the_same_answers() {
    let mut registry = with_everything().await;
    let before = dump(&registry.anybody()).await;

    registry.restart_after(delete_catalog).await;

    let after = dump(&registry.anybody()).await;
    for (part, value) in before.as_object().unwrap() {
        assert_eq!(&after[part], value, "{part}");
    }
    // What comes next follows: the journal goes on, serials go on.
    let next = json!({"version": "1.0.0.rc1", "expected": 2});
    let moved = registry.admin().put("/api/v1/tags/lsst/current", &next).await.expect(200);
    assert_eq!(moved.json::<Value>()["serial"], 3);
    registry.publish(build("new", "1.0.0-b1").file("n", b"n")).await;
    registry.restart_after(delete_catalog).await;
    assert_eq!(registry.anybody().all("/api/v1/builds", 100).await.len(), 5);
}

#[tokio::test]
async fn a_catalog_from_a_backup_catches_up_with_its_journal() {
    let mut registry = with_everything().await;
    let backup = registry.folder().join("backup");
    registry.restart_after(|data| copy_folder(&data.join("catalog"), &backup)).await;
    registry.publish(build("new", "1.0.0-b1").file("n", b"n")).await;
    let next = json!({"version": "1.0.0.rc1"});
    registry.admin().put("/api/v1/tags/lsst/current", &next).await.expect(200);
    let before = dump(&registry.anybody()).await;

    registry
        .restart_after(|data| {
            delete_catalog(data);
            copy_folder(&backup, &data.join("catalog"));
        })
        .await;

    assert_eq!(dump(&registry.anybody()).await, before);
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn check(data: &Path, arguments: &[&str]) -> Ran {
    let mut command = bare(program("larder-server"));
    command.arg("check").args(arguments).arg("--data").arg(data);
    Ran::of(command.output().unwrap())
}

#[tokio::test]
async fn a_check_finds_nothing_where_nothing_is_wrong() {
    let mut registry = with_everything().await;

    let running = check(&registry.data(), &["--json"]).expect(0);
    let mut stopped = None;
    registry.restart_after(|data| stopped = Some(check(data, &["--json"]).expect(0))).await;

    let [running, stopped]: [CheckReport; 2] = [running.json(), stopped.unwrap().json()];
    assert_eq!(running, stopped);
    assert_eq!((running.ok, running.archives), (true, 3));
    let told = check(&registry.data(), &[]).expect(0);
    assert!(told.stdout.starts_with("nothing is wrong"), "{}", told.all());
}

#[tokio::test]
async fn a_check_finds_every_kind_of_damage() {
    let mut registry = with_everything().await;
    registry.may_be_damaged();
    let kept = registry.kept();
    let journal = registry.data().join("blobs/journal");
    let mut entries: Vec<_> =
        std::fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut bytes = std::fs::read(&kept[0]).unwrap();
    bytes[30] ^= 1;
    std::fs::write(&kept[0], bytes).unwrap();
    std::fs::write(&kept[1], b"cut").unwrap();
    std::fs::remove_file(&kept[2]).unwrap();
    std::fs::remove_file(&entries[1]).unwrap();
    std::fs::write(&entries[2], b"{}").unwrap();

    let found = check(&registry.data(), &["--json"]).expect(3);

    let report: CheckReport = found.json();
    let archives = report.faults.iter().filter(|fault| fault.archive.is_some()).count();
    assert_eq!((report.ok, report.faults.len(), archives), (false, 5, 3), "{report:#?}");
    let mut faults: Vec<String> =
        report.faults.iter().map(|fault| redacted(&fault.fault)).collect();
    faults.sort();
    insta::assert_snapshot!(faults.join("\n"));
}

#[tokio::test]
async fn a_journal_with_a_gap_stops_the_start() {
    let mut registry = with_everything().await;
    registry.may_be_damaged();
    let mut said = Vec::new();
    registry
        .restart_after(|data| {
            let spare = data.with_file_name("spare");
            copy_folder(&data.join("catalog"), &spare);
            delete_catalog(data);
            let journal = data.join("blobs/journal");
            let mut entries: Vec<_> =
                std::fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            let taken = std::fs::read(&entries[1]).unwrap();
            std::fs::remove_file(&entries[1]).unwrap();

            said.push(check(data, &[]).expect(1));

            std::fs::write(&entries[1], taken).unwrap();
            delete_catalog(data);
            copy_folder(&spare, &data.join("catalog"));
        })
        .await;

    insta::assert_snapshot!(redacted(&said[0].all()));
    assert_eq!(registry.anybody().all("/api/v1/builds", 100).await.len(), 4);
}

/// A folder whose name is mistyped is not clean, and is not made.
#[tokio::test]
async fn what_is_not_there_is_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mistyped");

    let said = check(&data, &[]).expect(1);

    assert!(said.all().contains("there is no data folder"), "{}", said.all());
    assert!(!data.exists());
}
