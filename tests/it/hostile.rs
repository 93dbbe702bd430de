//! Archives that are made to hurt: server and client refuse each by name, and keep nothing of it.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use larder_schema::api::HaveAnswer;
use larder_schema::archive::ArchiveFormat;
use larder_schema::{Build, Distribution, Listed, Sha256};
use larder_tests::liar::Liar;
use larder_tests::{Larder, Packed, TestRegistry, archives, build};
use serde_json::{Value, json};

// The reader's own tests have them too: one list for all who read archives.
#[path = "../../schema/tests/archive/build.rs"]
mod build_archives;
#[path = "../../schema/tests/archive/hostile.rs"]
mod list;

use list::Hostile;

/// `HardLink` as it stands in a problem: `hard-link`.
fn reason(refusal: &str) -> String {
    let mut reason = String::new();
    for character in refusal.chars() {
        if character.is_ascii_uppercase() && !reason.is_empty() {
            reason.push('-');
        }
        reason.push(character.to_ascii_lowercase());
    }
    reason
}

fn file_name(hostile: &Hostile) -> String {
    format!("bad-1.0.0-b1-linux-x86_64.{}", hostile.format.extension())
}

#[tokio::test]
async fn the_server_refuses_every_hostile_archive_by_name_and_keeps_nothing() {
    let registry = TestRegistry::start().await;
    let http = registry.admin();
    let mut sentences = Vec::new();
    for hostile in list::all() {
        let (name, bytes) = (hostile.name, &hostile.bytes);
        let sum = Sha256::of(bytes);
        let file = file_name(&hostile);
        let location = http.begin_upload(&file, bytes.len() as u64, Some(&sum)).await;

        let answer = http.patch(&location, 0, bytes).await;

        // A limit is told as a limit.
        let is_limit = hostile.refusal == "Limit";
        assert_eq!(answer.status, if is_limit { 413 } else { 422 }, "{name}: {}", answer.text());
        let problem = answer.problem();
        if !is_limit {
            assert_eq!(problem.fields["reason"], reason(hostile.refusal), "{name}");
        }
        let (_, why) = problem.detail.split_once(": ").expect("what and why");
        sentences.push(format!("{name}: {why}"));
        http.standing(&location).await.expect(404);
        let asked = json!({"checksums": [sum]});
        let have: HaveAnswer = http.post("/api/v1/have", &asked).await.expect(200).json();
        assert!(have.held.is_empty(), "{name}");
    }
    insta::assert_snapshot!(sentences.join("\n"));
    assert_eq!((registry.staged().len(), registry.kept().len()), (0, 0));
}

/// All files below `folder`, with what would change if somebody wrote to them.
fn everything(folder: &Path) -> BTreeMap<String, (u64, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                open.push(path.clone());
                found.insert(path.display().to_string(), (0, 0, 0));
            } else {
                let state = (metadata.size(), metadata.mtime(), metadata.mtime_nsec());
                found.insert(path.display().to_string(), state);
            }
        }
    }
    found
}

/// A lock that has one build with this archive, which lies about what it unpacks to.
fn lock(server: &str, hostile: &Hostile) -> Value {
    let sum = Sha256::of(&hostile.bytes);
    let record: Build = serde_json::from_value(json!({
        "product": "bad", "version": "1.0.0", "build": "b1", "platform": "linux-x86_64",
        "archive": {"sha256": sum, "name": file_name(hostile), "size": hostile.bytes.len()},
        "tree": format!("tree:{sum}"),
    }))
    .unwrap();
    let document: Distribution = serde_json::from_value(json!({
        "name": "stack", "version": "1.0.0", "platform": "linux-x86_64",
        "builds": [Listed::of(&record).unwrap()],
    }))
    .unwrap();
    json!({
        "format": 1, "server": server, "targets": [], "platform": "linux-x86_64",
        "distributions": [{"digest": document.digest().unwrap(), "document": document}], "builds": [],
        "records": [record],
    })
}

#[tokio::test]
async fn the_client_unpacks_no_hostile_archive_of_a_server_that_lies() {
    let all = list::all();
    let archives: HashMap<Sha256, Vec<u8>> =
        all.iter().map(|hostile| (Sha256::of(&hostile.bytes), hostile.bytes.clone())).collect();
    let liar = Liar::serving(archives);
    let larder = Larder::new(liar.origin(), None);
    let mut before = None;
    for hostile in &all {
        larder.write("lock", lock(liar.origin(), hostile).to_string().as_bytes());
        let ran = larder.run(["install", "--lock", "lock", "--prefix", "env", "--quiet"]);

        assert_eq!(ran.code, Some(1), "{}: {}", hostile.name, ran.all());
        assert!(ran.stderr.contains("bad@1.0.0-b1"), "{}: {}", hostile.name, ran.all());
        let mut after = everything(larder.store().parent().unwrap());
        after.remove(&larder.path("lock").display().to_string());
        let before = before.get_or_insert_with(|| after.clone());
        assert_eq!(*before, after, "{}", hostile.name);
    }
    assert!(!larder.path("env").exists());
    assert_eq!(larder.ok(["store", "list", "--json"]).json::<Value>()["items"], json!([]));
}

#[tokio::test]
async fn who_publishes_a_hostile_archive_is_told_and_nothing_is_there() {
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    for hostile in list::all() {
        let file = file_name(&hostile);
        larder.write(&file, &hostile.bytes);

        let ran = larder.run(["publish", &file, "--quiet"]);

        assert_eq!(ran.code, Some(1), "{}: {}", hostile.name, ran.all());
        assert!(ran.stderr.contains("bad-1.0.0-b1"), "{}: {}", hostile.name, ran.all());
    }
    registry.anybody().get("/api/v1/products/bad").await.expect(404);
    assert_eq!((registry.staged().len(), registry.kept().len()), (0, 0));
}

#[tokio::test]
async fn a_hostile_archive_costs_its_sender_no_quota() {
    let registry = TestRegistry::start_with(|config| config.limits.uploads_per_token = 1).await;
    let http = registry.admin();
    let bad = list::all().into_iter().find(|hostile| hostile.refusal == "LinkLeaves").unwrap();
    for _ in 0..3 {
        http.upload("link.tar", &bad.bytes).await.expect(422);
    }

    let good = archives::pack(ArchiveFormat::Tar, &[Packed::Folder("a".to_owned())]);
    http.upload("good.tar", &good).await.expect(204);
}

/// Where the file system tells them apart, so does larder: terminal databases have such names.
#[tokio::test]
async fn names_that_differ_in_case_or_normalisation_are_each_installed_or_none() {
    let registry = TestRegistry::start().await;
    let names = ["README", "readme", "caf\u{e9}", "cafe\u{301}"];
    let mut parcel = build("notes", "1.0.0-b1");
    for name in names {
        parcel = parcel.file(name, name.as_bytes());
    }
    let parcel = registry.publish(parcel).await;
    registry.distribute(&larder_tests::distribution("stack", "1.0.0").of([&parcel])).await;
    let larder = Larder::new(registry.origin(), None);

    larder.ok(["install", "stack", "--prefix", "env"]);

    for name in names {
        let path = larder.path("env/current/packages/notes").join(name);
        assert_eq!(std::fs::read(path).unwrap(), name.as_bytes());
    }
    larder.ok(["verify", "--prefix", "env", "--full"]);
}
