//! Publishing: builds, a distribution and tags become visible together, or nothing does.

use std::collections::BTreeMap;

use larder_schema::archive::ArchiveFormat;
use larder_tests::redact::redacted;
use larder_tests::{BuildBuilder, Http, Packed, Parcel, TestRegistry, build, distribution};
use serde_json::{Value, json};

/// What anybody can see of all that is published.
async fn visible(http: &Http) -> [Vec<Value>; 3] {
    let lists = ["/api/v1/products", "/api/v1/builds", "/api/v1/distributions"];
    let [products, builds, distributions] = lists;
    [http.all(products, 100).await, http.all(builds, 100).await, http.all(distributions, 100).await]
}

#[tokio::test]
async fn what_is_published_is_visible_at_once_and_its_bytes_come_back() {
    let registry = TestRegistry::start().await;

    let afw = registry.publish(build("afw", "17.0.1-b8466").file("lib/libafw.so", b"one")).await;

    let read: Value = registry.anybody().read(&afw.path()).await;
    assert_eq!(read["archive"]["sha256"], afw.sha256().to_string());
    assert_eq!(read["archive"]["size"], afw.bytes().len());
    assert_eq!(read["published"]["by"], "admin");
    assert_eq!(registry.fetch(afw.archive()).await, afw.bytes());
    assert_eq!(registry.fetch(afw.blake3()).await, afw.bytes());
}

#[tokio::test]
async fn an_archive_of_every_format_has_the_tree_of_what_it_unpacks_to() {
    let registry = TestRegistry::start().await;
    let mut trees = BTreeMap::new();

    let formats = ArchiveFormat::ALL.into_iter().filter(|format| *format != ArchiveFormat::Wheel);
    for (at, format) in formats.enumerate() {
        let mut entries = vec![
            Packed::File("lib/libafw.so".to_owned(), b"one".to_vec(), false),
            Packed::File("bin/run".to_owned(), b"#!/bin/sh\n".to_vec(), true),
            Packed::Link("lib/libafw.so.1".to_owned(), "libafw.so".to_owned()),
            Packed::Folder("empty".to_owned()),
        ];
        // The order in the archive says nothing.
        entries.rotate_left(at % 4);
        let made = build("afw", &format!("1.0.{at}-b1")).format(format);
        let parcel = registry.publish(entries.into_iter().fold(made, BuildBuilder::entry)).await;
        let read: Value = registry.anybody().read(&parcel.path()).await;
        trees.insert(format.extension(), read["tree"].as_str().unwrap().to_owned());
        let contents = registry.anybody().all(&format!("{}/contents", parcel.path()), 2).await;
        let paths: Vec<_> = contents.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["bin/run", "empty", "lib/libafw.so", "lib/libafw.so.1"], "{format:?}");
    }

    assert_eq!(trees.len(), ArchiveFormat::ALL.len() - 1);
    let first = trees.values().next().unwrap();
    assert!(trees.values().all(|tree| tree == first), "{trees:#?}");
}

#[tokio::test]
async fn a_wheel_has_the_tree_that_it_is_installed_as() {
    let registry = TestRegistry::start().await;
    let wheel = build("afw", "1.0.0-b1")
        .format(ArchiveFormat::Wheel)
        .file("afw/__init__.py", b"")
        .file("afw-1.0.0.data/scripts/afwrun", b"#!python\n")
        .file("afw-1.0.0.data/data/share/afw.txt", b"data")
        .file("afw-1.0.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: afw\n")
        .file("afw-1.0.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        .file("afw-1.0.0.dist-info/RECORD", b"");
    let installed = build("afw", "1.0.0-b2")
        .file("afw/__init__.py", b"")
        .executable("bin/afwrun", b"#!python\n")
        .file("share/afw.txt", b"data")
        .file("afw-1.0.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: afw\n")
        .file("afw-1.0.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        .file("afw-1.0.0.dist-info/RECORD", b"");

    let [wheel, installed] = [registry.publish(wheel).await, registry.publish(installed).await];

    let [wheel, installed]: [Value; 2] = [
        registry.anybody().read(&wheel.path()).await,
        registry.anybody().read(&installed.path()).await,
    ];
    assert_eq!(wheel["tree"], installed["tree"]);
}

/// A wheel is a zip file: the same bytes can come under both names.
#[tokio::test]
async fn who_sends_a_wheel_as_a_zip_file_is_in_nobody_s_way() {
    let registry = TestRegistry::start().await;
    let wheel = build("afw", "1.0.0-b1")
        .format(ArchiveFormat::Wheel)
        .file("afw-1.0.0.data/scripts/afwrun", b"#!python\n")
        .file("afw-1.0.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: afw\n")
        .file("afw-1.0.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        .file("afw-1.0.0.dist-info/RECORD", b"")
        .pack();
    let stranger = registry.holder("stranger", &["publish:something_else"]).await;
    stranger.upload("afw.zip", wheel.bytes()).await.expect(204);

    registry.publish_all(&[&wheel]).await;

    let contents = registry.anybody().all(&format!("{}/contents", wheel.path()), 10).await;
    assert!(contents.iter().any(|entry| entry["path"] == "bin/afwrun"), "{contents:#?}");
}

#[tokio::test]
async fn the_tree_checksum_is_the_one_of_the_published_definition() {
    let registry = TestRegistry::start().await;

    let made = registry
        .publish(
            build("afw", "1.0.0-b1")
                .executable("bin/run", b"x")
                .file("a", b"")
                .entry(Packed::Link("l".to_owned(), "a".to_owned())),
        )
        .await;

    let line = |kind: &str, bytes: &[u8], path: &str| {
        format!("{kind}\t{}\t{path}\n", blake3::hash(bytes).to_hex())
    };
    let lines = [line("f", b"", "a"), line("x", b"x", "bin/run"), line("l", b"a", "l")].concat();
    let mut hasher = blake3::Hasher::new_derive_key("larder tree 1");
    hasher.update(lines.as_bytes());
    let read: Value = registry.anybody().read(&made.path()).await;
    assert_eq!(read["tree"], format!("tree:{}", hasher.finalize().to_hex()));
}

#[tokio::test]
async fn publishing_again_with_other_bytes_is_refused() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "17.0.1-b8466").file("lib/libafw.so", b"one")).await;

    let refusal =
        registry.try_publish(build("afw", "17.0.1-b8466").file("lib/libafw.so", b"two")).await;

    assert_eq!(refusal.status, 409);
    assert_eq!(refusal.fields["conflict"]["product"], "afw");
    insta::assert_snapshot!(redacted(&refusal.detail));
    assert_eq!(registry.fetch(afw.archive()).await, afw.bytes());
}

#[tokio::test]
async fn the_same_archive_with_another_record_is_refused() {
    let registry = TestRegistry::start().await;
    let made = build("afw", "17.0.1-b8466").file("lib/libafw.so", b"one");
    registry.publish(made.clone()).await;

    let refusal = registry.try_publish(made.field("summary", json!("another"))).await;

    assert_eq!(refusal.status, 409);
}

#[tokio::test]
async fn publishing_the_same_again_changes_nothing_and_succeeds() {
    let registry = TestRegistry::start().await;
    let made = build("afw", "17.0.1-b8466").file("lib/libafw.so", b"one");
    let first = registry.publish(made.clone()).await;
    let before = visible(&registry.anybody()).await;

    // A retried job of continuous integration differs in who built it, and in nothing else.
    let again = made.field("built_by", json!({"tool": "jenkins", "at": "2026-11-23T06:00:00Z"}));
    let answer = registry.publish_records(&registry.admin(), &[&again.pack()]).await.expect(200);

    let answer: Value = answer.json();
    assert_eq!(answer["published"], json!([]));
    assert_eq!(answer["existing"][0]["build"], first.build());
    assert_eq!(visible(&registry.anybody()).await, before);
}

#[tokio::test]
async fn of_a_batch_with_one_bad_part_nothing_becomes_visible() {
    let registry = TestRegistry::start().await;
    let good = build("good", "1.0.0-b1").file("g", b"good").pack();
    registry.publish(build("taken", "1.0.0-b1").file("a", b"a")).await;
    registry.publish(build("lsst_utils", "1.0.0-b1").file("u", b"u")).await;
    let before = visible(&registry.anybody()).await;
    let lacking = build("lacking", "1.0.0-b1").file("never", b"sent").pack();
    let bad = [
        ("another archive", 409, build("taken", "1.0.0-b1").file("a", b"b").pack()),
        ("a twin", 409, build("lsst-utils", "1.0.0-b1").file("u", b"u").pack()),
        (
            "a contradiction",
            422,
            build("wrong", "1.0.0-b1").file("a", b"a").field("archive.size", json!(1)).pack(),
        ),
        (
            "an unknown field",
            400,
            build("odd", "1.0.0-b1").file("a", b"a").field("colour", json!("red")).pack(),
        ),
    ];
    registry.upload_all(&[&good]).await;
    for (what, status, bad) in &bad {
        registry.upload_all(&[bad]).await;

        let refusal = registry.publish_records(&registry.admin(), &[&good, bad]).await;

        assert_eq!(refusal.problem().status, *status, "{what}: {}", refusal.text());
        assert_eq!(visible(&registry.anybody()).await, before, "{what}");
    }

    let refusal = registry.publish_records(&registry.admin(), &[&good, &lacking]).await;

    assert_eq!(refusal.problem().status, 409);
    assert_eq!(visible(&registry.anybody()).await, before);
    registry.anybody().get(&format!("/api/v1/blobs/{}", good.archive())).await.expect(404);
}

#[tokio::test]
async fn builds_distribution_and_tag_are_refused_together() {
    let registry = TestRegistry::start().await;
    let afw = build("afw", "1.0.0-b1").file("a", b"a").needs("log", "^1.0").pack();
    let log = build("log", "1.2.0-b1").file("l", b"l").pack();
    registry.upload_all(&[&afw, &log]).await;
    let before = visible(&registry.anybody()).await;
    let request = |parcels: &[&Parcel], distribution: Value, expected: Value| {
        json!({
            "builds": parcels.iter().map(|parcel| parcel.record()).collect::<Vec<_>>(),
            "distribution": distribution,
            "tags": [{"name": "apps", "tag": "current", "version": "1.0.0", "expected": expected}],
        })
    };
    let whole = distribution("apps", "1.0.0").of([&afw, &log]).document();
    let open = distribution("apps", "1.0.0").of([&afw]).document();
    let admin = registry.admin();

    let not_closed = admin.post("/api/v1/builds", &request(&[&afw], open, Value::Null)).await;
    let lost_tag =
        admin.post("/api/v1/builds", &request(&[&afw, &log], whole.clone(), json!(7))).await;

    assert_eq!(not_closed.problem().status, 422);
    assert_eq!(lost_tag.problem().status, 409);
    assert_eq!(visible(&registry.anybody()).await, before);
    registry.anybody().get("/api/v1/tags/apps").await.expect(404);

    let done = admin.post("/api/v1/builds", &request(&[&afw, &log], whole, Value::Null)).await;

    let done: Value = done.expect(200).json();
    assert_eq!(done["published"].as_array().unwrap().len(), 2);
    assert_eq!(done["tags"][0]["serial"], 1);
    registry.anybody().get("/api/v1/distributions/apps/current").await.expect(200);
}

#[tokio::test]
async fn all_archives_that_are_missing_are_named() {
    let registry = TestRegistry::start().await;
    let here = build("here", "1.0.0-b1").file("a", b"a").pack();
    let lacking: Vec<Parcel> =
        ["one", "two"].map(|name| build(name, "1.0.0-b1").file("a", name.as_bytes()).pack()).into();
    registry.upload_all(&[&here]).await;

    let all = [&here, &lacking[0], &lacking[1]];
    let refusal = registry.publish_records(&registry.admin(), &all).await.problem();

    let missing: Vec<String> = serde_json::from_value(refusal.fields["missing"].clone()).unwrap();
    let sums: Vec<String> = lacking.iter().map(|parcel| parcel.archive().to_string()).collect();
    assert_eq!((refusal.status, missing), (409, sums));
    insta::assert_snapshot!(redacted(&refusal.detail));
}

#[tokio::test]
async fn of_64_who_publish_one_build_at_once_one_stores_it_and_the_others_are_told() {
    let registry = TestRegistry::start().await;
    let parcel = build("afw", "1.0.0-b1").file("lib/libafw.so", b"one").pack();
    registry.upload_all(&[&parcel]).await;
    let request = json!({"builds": [parcel.record()]});

    let answers = at_once(&registry.admin(), (0..64).map(|_| request.clone()).collect()).await;

    let published = answers.iter().filter(|(_, answer)| answer["published"] != json!([])).count();
    let existing = answers.iter().filter(|(_, answer)| answer["existing"] != json!([])).count();
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert_eq!((published, existing), (1, 63));
    assert_eq!(registry.anybody().all("/api/v1/builds", 100).await.len(), 1);
}

#[tokio::test]
async fn of_64_who_publish_other_bytes_at_once_one_wins_and_the_others_get_409() {
    let registry = TestRegistry::start().await;
    let parcels: Vec<Parcel> = (0..64u8)
        .map(|byte| build("afw", "1.0.0-b1").file("lib/libafw.so", &[byte]).pack())
        .collect();
    registry.upload_all(&parcels.iter().collect::<Vec<_>>()).await;
    let requests = parcels.iter().map(|parcel| json!({"builds": [parcel.record()]})).collect();

    let answers = at_once(&registry.admin(), requests).await;

    let winners: Vec<usize> = (0..64).filter(|at| answers[*at].0 == 200).collect();
    let losers = answers.iter().filter(|(status, _)| *status == 409).count();
    assert_eq!((winners.len(), losers), (1, 63), "{answers:?}");
    let read: Value = registry.anybody().read(&parcels[0].path()).await;
    assert_eq!(read["archive"]["sha256"], parcels[winners[0]].sha256().to_string());
}

async fn at_once(http: &Http, requests: Vec<Value>) -> Vec<(u16, Value)> {
    let sent: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let http = http.clone();
            tokio::spawn(async move {
                let answer = http.post("/api/v1/builds", &request).await;
                (answer.status, answer.json())
            })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn one_who_uploads_what_another_uploads_at_once_harms_nobody() {
    let registry = TestRegistry::start().await;
    let parcel = build("afw", "1.0.0-b1").file("lib/libafw.so", &[7; 300_000]).pack();
    let sent: Vec<_> = (0..8)
        .map(|_| {
            let (http, parcel) = (registry.admin(), parcel.clone());
            tokio::spawn(async move { http.upload(parcel.name(), parcel.bytes()).await.status })
        })
        .collect();

    for status in sent {
        assert_eq!(status.await.unwrap(), 204);
    }

    registry.publish_records(&registry.admin(), &[&parcel]).await.expect(200);
    let check = registry.check().await;
    assert_eq!((check.ok, check.archives), (true, 1));
}

#[tokio::test]
async fn what_a_record_says_of_its_bytes_is_held_against_them() {
    let registry = TestRegistry::start().await;
    // Until a build names them, bytes may come again as something else.
    registry.publish(build("first", "1.0.0-b1").file("a", b"a")).await;
    let other = "tree:0000000000000000000000000000000000000000000000000000000000000000";
    let made =
        |field: &str, value: Value| build("afw", "1.0.0-b1").file("a", b"a").field(field, value);
    let mut sentences = Vec::new();
    for (field, value) in [
        ("archive.size", json!(7)),
        ("archive.blake3", json!("0".repeat(64))),
        ("tree", json!(other)),
        ("archive.name", json!("afw.tar.gz")),
    ] {
        let refusal = registry.try_publish(made(field, value)).await;

        assert_eq!(refusal.status, 422, "{field}");
        assert_eq!(refusal.fields["field"], field);
        sentences.push(redacted(&refusal.detail));
    }
    insta::assert_snapshot!(sentences.join("\n"));
    assert_eq!(registry.anybody().all("/api/v1/builds", 100).await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_value_and_the_way_out() {
    let registry = TestRegistry::start().await;
    let needing =
        |requirement: &str| build("afw", "1.0.0-b1").file("a", b"a").needs("log", requirement);
    let record =
        |field: &str, value: Value| build("afw", "1.0.0-b1").file("a", b"a").field(field, value);
    let cases = [
        build("afw", "16.01.0-b1").file("a", b"a"),
        build("afw", "16.1-b1").file("a", b"a"),
        build("afw", "1.0.0-007").file("a", b"a"),
        build("afw", "1.0.0-b007").file("a", b"a"),
        build("afw", "1.0.0-4711-2").file("a", b"a"),
        build("../afw", "1.0.0-b1").file("a", b"a"),
        build("CON", "1.0.0-b1").file("a", b"a"),
        build("afw", "1.0.0-b1").file("a", b"a").platform("amd64"),
        needing("1.2"),
        needing("=1.2.0-b8466"),
        needing("^1.2 ||"),
        needing(">=1.x.y"),
        record("colour", json!("red")),
        record("license", json!("do what you like")),
        record("variables", json!({"LD_PRELOAD": ["lib"]})),
        record("variables", json!({"PATH": ["../../bin"]})),
        record("variables", json!({"PATH": "bin"})),
        record("variables", json!({"PATH": {"set": "two\nlines"}})),
        record("scripts", json!({"run": "os; rm"})),
        record("summary", json!("two\nlines")),
        record("source", json!({"repository": "file:///etc", "revision": "0".repeat(40)})),
        record("archive.sha256", json!("abc")),
        record("archive.name", json!("../afw.tar.gz")),
    ];
    let mut sentences = Vec::new();
    for case in cases {
        let parcel = case.pack();
        let answer = registry.publish_records(&registry.admin(), &[&parcel]).await;

        let problem = answer.problem();
        assert!([400, 422].contains(&problem.status), "{}: {}", parcel.record(), answer.text());
        sentences.push(format!("{} {}", problem.status, redacted(&problem.detail)));
    }
    insta::assert_snapshot!(sentences.join("\n"));
    assert!(registry.anybody().all("/api/v1/products", 100).await.is_empty());
}

#[tokio::test]
async fn a_twin_is_refused_unless_the_settings_allow_it() {
    let strict = TestRegistry::start().await;
    strict.publish(build("lsst-utils", "1.0.0-b1").file("a", b"a")).await;
    let lax = TestRegistry::start_with(|config| {
        config.publish.twins = larder_server::config::Twins::Allow;
    })
    .await;
    lax.publish(build("GalSim", "1.0.0-b1").file("a", b"a")).await;

    let refusal = strict.try_publish(build("lsst.utils", "1.0.0-b1").file("b", b"b")).await;
    lax.publish(build("galsim", "1.0.0-b1").file("b", b"b")).await;

    assert_eq!((refusal.status, refusal.fields["conflict"].as_str()), (409, Some("lsst-utils")));
    insta::assert_snapshot!(refusal.detail);
    assert_eq!(lax.anybody().all("/api/v1/products", 100).await.len(), 2);
}

#[tokio::test]
async fn two_twins_in_one_batch_are_refused_too() {
    let registry = TestRegistry::start().await;
    let twins = ["lsst.utils", "lsst_utils"]
        .map(|name| build(name, "1.0.0-b1").file("a", name.as_bytes()).pack());
    registry.upload_all(&[&twins[0], &twins[1]]).await;

    let answer = registry.publish_records(&registry.admin(), &[&twins[0], &twins[1]]).await;

    assert_eq!(answer.problem().status, 409);
    assert!(registry.anybody().all("/api/v1/products", 100).await.is_empty());
}

#[tokio::test]
async fn a_metapackage_has_no_archive() {
    let registry = TestRegistry::start().await;
    let meta = build("lsst_apps", "1.0.0-b1").without_archive().platform("any");

    let meta = registry.publish(meta).await;

    let read: Value = registry.anybody().read(&meta.path()).await;
    assert_eq!((&read["archive"], &read["tree"]), (&Value::Null, &Value::Null));
    let contents: Value = registry.anybody().read(&format!("{}/contents", meta.path())).await;
    assert_eq!(contents["items"], json!([]));
    registry.anybody().get(&format!("{}/archive", meta.path())).await.expect(404);
}

#[tokio::test]
async fn a_build_for_several_platforms_is_asked_for_with_one() {
    let registry = TestRegistry::start().await;
    let made =
        |platform: &str| build("afw", "1.0.0-b1").platform(platform).file("a", platform.as_bytes());
    let linux = registry.publish(made("linux-x86_64")).await;
    registry.publish(made("macos-aarch64")).await;

    let both = registry.anybody().get(&linux.path()).await.problem();
    let none = registry.anybody().get(&format!("{}?platform=any", linux.path())).await.problem();
    let one = format!("{}?platform=macos-aarch64", linux.path());
    let one: Value = registry.anybody().read(&one).await;

    assert_eq!((both.status, none.status), (409, 404));
    assert_eq!(both.fields["platforms"], json!(["linux-x86_64", "macos-aarch64"]));
    assert_eq!(one["platform"], "macos-aarch64");
    insta::assert_snapshot!(format!("{}\n{}", both.detail, none.detail));
}

#[tokio::test]
async fn a_document_that_is_too_large_is_refused_as_too_large() {
    let registry = TestRegistry::start_with(|config| config.limits.document_bytes = 10_000).await;
    let big = build("afw", "1.0.0-b1").file("a", b"a").field("summary", json!("x".repeat(20_000)));

    let answer = registry.publish_records(&registry.admin(), &[&big.pack()]).await;

    assert_eq!(answer.problem().status, 413);
}
