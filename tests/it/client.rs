//! `larder` at work and in trouble: exit codes, one document on standard output, sentences.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use larder_schema::archive::ArchiveFormat;
use larder_tests::redact::redacted;
use larder_tests::{Larder, Packed, Parcel, Ran, TestRegistry, build};
use serde_json::{Value, json};

/// A server, and its admin at a terminal.
async fn with_larder() -> (TestRegistry, Larder) {
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    (registry, larder)
}

/// Writes an archive and its record where `larder publish` finds them.
fn write(larder: &Larder, parcel: &Parcel) {
    larder.write(parcel.name(), parcel.bytes());
    let record = serde_json::to_vec_pretty(parcel.record()).unwrap();
    larder.write(&format!("{}.json", parcel.name()), &record);
}

fn afw() -> Parcel {
    build("afw", "17.0.1-b8466").file("lib/libafw.so", b"one").executable("bin/afw", b"#!").pack()
}

/// A server on which `apps@1.0.0` can be installed.
async fn with_apps() -> (TestRegistry, Larder) {
    let (registry, larder) = with_larder().await;
    write(&larder, &afw());
    let options = ["--distribution", "apps@1.0.0", "--tag", "current"];
    larder.ok([&["publish", afw().name()], &options[..]].concat());
    (registry, larder)
}

#[tokio::test]
async fn one_archive_goes_from_a_publisher_to_a_user() {
    let (registry, larder) = with_larder().await;
    let parcel = afw();
    write(&larder, &parcel);

    let publish = ["publish", parcel.name(), "--distribution", "apps@1.0.0", "--tag", "current"];
    let published: Value = larder.ok([&publish[..], &["--json"]].concat()).json();
    let user = Larder::new(registry.origin(), None);
    let installed: Value = user.ok(["install", "apps", "--prefix", "env", "--json"]).json();
    let listed: Value = user.ok(["list", "--prefix", "env", "--json"]).json();
    let ran = user.run(["run", "--prefix", "env", "--", "sh", "-c", "cat $AFW_DIR/lib/libafw.so"]);

    assert_eq!(published["published"][0]["product"], "afw");
    assert_eq!(installed["generation"], 1);
    assert_eq!(installed["fetched_bytes"], parcel.bytes().len());
    assert!(listed.to_string().contains("17.0.1-b8466"), "{listed:#}");
    assert_eq!(ran.expect(0).stdout, "one");
    let again: Value = user.ok(["install", "apps", "--prefix", "other", "--json"]).json();
    assert_eq!((&again["fetched_bytes"], &again["digest"]), (&json!(0), &installed["digest"]));
}

#[tokio::test]
async fn what_is_packed_is_the_same_anywhere_and_unpacks_to_what_it_was() {
    let (registry, larder) = with_larder().await;
    let metadata = "product = 'afw'\nversion = '1.0.0'\nbuild = 'b1'\nplatform = 'any'\n\
                    license = 'MIT'\n";
    for (folder, first) in [("one", "a"), ("two", "z")] {
        // Made in another order, at another time.
        for name in if first == "a" { ["a", "z"] } else { ["z", "a"] } {
            larder.write(&format!("{folder}/lib/{name}"), name.as_bytes());
        }
        let script = larder.write(&format!("{folder}/bin/run"), b"#!/bin/sh\necho ran\n");
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("a", larder.path(&format!("{folder}/lib/link"))).unwrap();
        std::fs::create_dir(larder.path(&format!("{folder}/empty"))).unwrap();
        larder.write("larder.toml", metadata.as_bytes());
        let file = format!("{folder}.tar.zst");
        larder.ok(["pack", folder, "--metadata", "larder.toml", "-o", &file]);
    }

    let read = |name: &str| std::fs::read(larder.path(name)).unwrap();
    assert_eq!(read("one.tar.zst"), read("two.tar.zst"));
    larder.ok(["publish", "one.tar.zst", "--distribution", "apps@1.0.0"]);
    larder.ok(["install", "apps@1.0.0", "--prefix", "env"]);
    let unpacked = larder.path("env/current/packages/afw").canonicalize().unwrap();
    for name in ["lib/a", "lib/z", "bin/run"] {
        let packed = larder.path("one").join(name);
        assert_eq!(std::fs::read(unpacked.join(name)).unwrap(), std::fs::read(packed).unwrap());
    }
    assert_eq!(std::fs::read_link(unpacked.join("lib/link")).unwrap(), Path::new("a"));
    assert!(unpacked.join("empty").is_dir());
    let ran = larder.ok([
        "run",
        "--prefix",
        "env",
        "--",
        &format!("{}", unpacked.join("bin/run").display()),
    ]);
    assert_eq!(ran.stdout, "ran\n");
    assert_eq!(registry.kept().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_published_is_said_before_anything_is_sent() {
    let (registry, larder) = with_larder().await;
    let parcel = afw();
    larder.write("afw.tar.zst", parcel.bytes());
    write(&larder, &parcel);
    let named = |version: &str, build: &str| {
        ["publish", "afw.tar.zst", "--product", "afw", "--version", version, "--build", build]
            .map(str::to_owned)
            .to_vec()
    };
    let with = |more: &[&str]| {
        let mut arguments = named("1.0.0", "b1");
        arguments.extend(["--platform".to_owned(), "any".to_owned()]);
        arguments.extend(more.iter().map(|&text| text.to_owned()));
        arguments
    };
    let cases = [
        named("16.01.0", "b1"),
        named("1.0.0", "007"),
        named("1.0.0", "42-1"),
        with(&["--depends", "log@17"]),
        with(&["--depends", "log@=1.0.0-b8"]),
        with(&["--distribution", "apps"]),
        vec!["publish".to_owned(), "afw.tar.zst".to_owned()],
        vec!["publish".to_owned(), "nothing.tar.zst".to_owned()],
        vec![
            "publish".to_owned(),
            parcel.name().to_owned(),
            "--version".to_owned(),
            "9.9.9".to_owned(),
        ],
    ];
    let mut told = Vec::new();
    for case in cases {
        let ran = larder.run(&case);

        assert!([Some(1), Some(2)].contains(&ran.code), "{case:?}: {}", ran.all());
        told.push(format!("$ larder {}\n{}", case.join(" "), redacted(&ran.all())));
    }
    insta::assert_snapshot!(told.join("\n"));
    assert!(registry.staged().is_empty() && registry.kept().is_empty());
}

#[tokio::test]
async fn what_the_server_refuses_is_told_with_its_sentence() {
    let (registry, larder) = with_apps().await;
    let token = |name: &'static str, scopes: &'static [&'static str]| {
        let registry = &registry;
        async move { registry.holder(name, scopes).await.token().unwrap().to_owned() }
    };
    let narrow = Larder::new(registry.origin(), Some(&token("narrow", &["publish:log"]).await));
    let dead = Larder::new(registry.origin(), Some("larder_dead"));
    let nobody = Larder::new(registry.origin(), None);
    let other = build("afw", "17.0.1-b8466").file("lib/libafw.so", b"two").pack();
    let open = build("open", "1.0.0-b1").file("a", b"a").needs("log", "^1").pack();
    let hostile =
        build("bad", "1.0.0-b1").entry(Packed::File("../x".into(), vec![1], false)).pack();
    let publish = |larder: &Larder, parcel: &Parcel, more: &[&str]| {
        write(larder, parcel);
        larder.run([&["publish", "--quiet", parcel.name()], more].concat())
    };

    let ran = [
        publish(&narrow, &afw(), &[]),
        publish(&dead, &afw(), &[]),
        publish(&nobody, &afw(), &[]),
        publish(&larder, &other, &[]),
        publish(&larder, &open, &["--distribution", "open@1.0.0"]),
        publish(&larder, &hostile, &[]),
        larder.run(["tag", "set", "apps", "next", "9.9.9"]),
    ];

    let told: Vec<String> = ran.iter().map(|ran| redacted(&ran.all())).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(ran.iter().all(|ran| ran.code == Some(1) && ran.stdout.is_empty()), "{told:#?}");
    assert_eq!(registry.anybody().all("/api/v1/builds", 10).await.len(), 1);
}

#[tokio::test]
async fn what_is_not_known_is_exit_3() {
    let (_registry, larder) = with_apps().await;
    let zeros = "0".repeat(64);

    let ran = [
        larder.run(["show", "nothing"]),
        larder.run(["show", "afw@9.9.9-b1"]),
        larder.run(["dist", "show", "apps@9.9.9"]),
        larder.run(["install", "nothing", "--prefix", "env"]),
        larder.run(["install", "apps@9.9.9", "--prefix", "env"]),
        larder.run(["install", "apps", "--prefix", "env", "--platform", "macos-aarch64"]),
        larder.run(["identify", &zeros]),
    ];

    let told: Vec<String> = ran.iter().map(|ran| redacted(&ran.all())).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(ran.iter().all(|ran| ran.code == Some(3)), "{told:#?}");
    assert!(!larder.path("env").exists(), "a failed install left an environment");
}

#[tokio::test]
async fn what_is_no_environment_is_left_alone() {
    let (_registry, larder) = with_apps().await;
    larder.write("mine/notes.txt", b"mine");

    let ran = [
        larder.run(["install", "apps", "--prefix", "mine"]),
        larder.run(["verify", "--prefix", "mine"]),
        larder.run(["list", "--prefix", "nowhere"]),
        larder.run(["run", "--prefix", "mine", "--", "true"]),
        larder.run(["activate", "--prefix", "mine"]),
    ];

    let told: Vec<String> = ran.iter().map(|ran| redacted(&ran.all())).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(ran.iter().all(|ran| ran.code == Some(1)), "{told:#?}");
    let left: Vec<_> = std::fs::read_dir(larder.path("mine")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn a_store_that_others_can_write_to_is_refused() {
    let (_registry, larder) = with_apps().await;
    larder.ok(["install", "apps", "--prefix", "env"]);
    std::fs::set_permissions(larder.store(), std::fs::Permissions::from_mode(0o777)).unwrap();

    let ran = larder.run(["install", "apps", "--prefix", "other"]);

    insta::assert_snapshot!(redacted(&ran.all()));
    assert_eq!(ran.code, Some(1));
    assert!(!larder.path("other").exists());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so_in_time() {
    let larder = Larder::new("http://127.0.0.1:9", None);

    let began = std::time::Instant::now();
    let ran = larder.run(["--quiet", "dist", "list"]);

    assert!(began.elapsed() < std::time::Duration::from_secs(40));
    insta::assert_snapshot!(redacted(&ran.all()).replace("PORT", "9"));
    assert_eq!(ran.code, Some(1));
}

#[tokio::test]
async fn a_failed_install_changes_nothing() {
    let (mut registry, larder) = with_apps().await;
    registry.may_be_damaged();
    larder.ok(["install", "apps", "--prefix", "env"]);
    let before = std::fs::read_link(larder.path("env/current")).unwrap();
    let log = build("log", "1.0.0-b1").file("l", &[7; 100_000]).pack();
    write(&larder, &log);
    larder.ok(["publish", log.name(), "--distribution", "apps@2.0.0", "--tag", "current"]);
    for kept in registry.kept() {
        let mut bytes = std::fs::read(&kept).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(kept, bytes).unwrap();
    }

    let ran = larder.run(["--quiet", "install", "apps@2.0.0", "--prefix", "env"]);

    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("`log@1.0.0-b1`"), "the culprit is not named: {}", ran.all());
    assert_eq!(std::fs::read_link(larder.path("env/current")).unwrap(), before);
    larder.ok(["verify", "--prefix", "env"]);
}

#[tokio::test]
async fn a_wheel_that_somebody_sent_as_a_zip_file_is_published_all_the_same() {
    let (registry, larder) = with_larder().await;
    let wheel = build("afw", "1.0.0-b1")
        .format(ArchiveFormat::Wheel)
        .platform("any")
        .file("afw-1.0.0.data/scripts/afwrun", b"#!python\n")
        .file("afw-1.0.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: afw\nVersion: 1.0.0\n")
        .file("afw-1.0.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        .file("afw-1.0.0.dist-info/RECORD", b"")
        .pack();
    let stranger = registry.holder("stranger", &["publish:something_else"]).await;
    stranger.upload("afw.zip", wheel.bytes()).await.expect(204);
    write(&larder, &wheel);

    larder.ok(["publish", wheel.name()]);

    let contents = registry.anybody().all(&format!("{}/contents", wheel.path()), 10).await;
    assert!(contents.iter().any(|entry| entry["path"] == "bin/afwrun"), "{contents:#?}");
}

#[tokio::test]
async fn two_who_install_into_one_environment_at_once_take_turns() {
    let (_registry, larder) = with_apps().await;
    let log = build("log", "1.0.0-b1").file("l", b"log").pack();
    write(&larder, &log);
    larder.ok(["publish", log.name(), "--distribution", "other@1.0.0"]);
    let spawn = |target: &str| {
        let mut command = larder.command(["install", target, "--prefix", "env"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };

    let both = [spawn("apps@1.0.0"), spawn("other@1.0.0")];

    for child in both {
        Ran::of(child.wait_with_output().unwrap()).expect(0);
    }
    let listed: Value = larder.ok(["list", "--prefix", "env", "--json"]).json();
    let text = listed.to_string();
    assert!(text.contains("afw") && text.contains("log"), "one is lost: {listed:#}");
    larder.ok(["verify", "--prefix", "env"]);
}

#[tokio::test]
async fn a_lock_file_installs_the_same_elsewhere() {
    let (registry, larder) = with_apps().await;
    let first: Value = larder.ok(["install", "apps", "--prefix", "env", "--json"]).json();
    let lock = larder.path("env/current/lock.json");
    let other = Larder::new(registry.origin(), None);

    let second = ["install", "--lock", lock.to_str().unwrap(), "--prefix", "env", "--json"];
    let second: Value = other.ok(second).json();

    assert_eq!(first["digest"], second["digest"]);
    let digest = first["digest"].as_str().unwrap();
    other.ok(["verify", "--prefix", "env", "--expect", digest]);
    let wrong = format!("sha256:{}", "0".repeat(64));
    other.run(["verify", "--prefix", "env", "--expect", &wrong]).expect(3);
    let report: Value =
        other.run(["verify", "--prefix", "env", "--expect", &wrong, "--json"]).expect(3).json();
    assert_eq!((&report["ok"], report["digest"].as_str()), (&json!(false), Some(digest)));
}

#[tokio::test]
async fn with_json_there_is_one_document_on_standard_output_and_nothing_else() {
    let (_registry, larder) = with_apps().await;
    larder.ok(["install", "apps", "--prefix", "env"]);
    for arguments in [
        &["show", "afw"][..],
        &["show", "afw@17.0.1-b8466"],
        &["search", "af"],
        &["dist", "list"],
        &["dist", "show", "apps@1.0.0"],
        &["tag", "list", "apps"],
        &["list", "--prefix", "env"],
        &["status", "--prefix", "env"],
        &["verify", "--prefix", "env"],
        &["store", "list"],
        &["store", "check"],
        &["publish", afw().name()],
    ] {
        let ran = larder.run([arguments, &["--json"]].concat()).expect(0);
        let document: Value = ran.json();
        assert!(document.is_object() || document.is_array(), "{arguments:?}: {}", ran.all());
    }
}

#[tokio::test]
async fn a_token_goes_to_the_server_that_it_was_kept_for_and_to_no_other() {
    let (registry, larder) = with_apps().await;
    let token = registry.admin().token().unwrap().to_owned();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = format!("http://{}", listener.local_addr().unwrap());
    let mut login = larder.command(["login", "--server", registry.origin()]);
    login.env_remove("LARDER_SERVER");
    Ran::of(login.output().unwrap()).expect(0);
    let heard = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let count = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&head[..count]).into_owned()
    });

    let mut other = larder.command(["--server", &elsewhere, "dist", "list"]);
    other.env_remove("LARDER_TOKEN");
    drop(other.output().unwrap());

    let heard = heard.join().unwrap();
    assert!(heard.starts_with("GET /api/v1/distributions"), "{heard}");
    assert!(!heard.contains(&token) && !heard.to_lowercase().contains("authorization"), "{heard}");
}

#[tokio::test]
async fn archives_of_every_format_install_to_the_same_tree() {
    let (registry, larder) = with_larder().await;
    let mut seen = Vec::new();
    for (at, format) in ArchiveFormat::ALL.into_iter().enumerate() {
        if format == ArchiveFormat::Wheel {
            continue;
        }
        let version = format!("1.0.{at}");
        let parcel = build("afw", &format!("{version}-b1"))
            .format(format)
            .file("lib/libafw.so", b"one")
            .executable("bin/afw", b"#!/bin/sh\n")
            .entry(Packed::Link("lib/l".to_owned(), "libafw.so".to_owned()))
            .entry(Packed::Folder("empty".to_owned()))
            .pack();
        write(&larder, &parcel);
        let distribution = format!("apps@{version}");
        larder.ok(["publish", parcel.name(), "--distribution", &distribution]);
        larder.ok(["install", &distribution, "--prefix", "env"]);
        larder.ok(["verify", "--prefix", "env"]);
        seen.push(larder.path("env/current/packages/afw").canonicalize().unwrap());
    }

    seen.dedup();
    // One tree in the store, whatever it came in.
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(registry.kept().len(), 6);
}
