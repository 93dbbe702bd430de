//! Builds where a build tool wants them: copies of its own, whole or not at all, and nothing of anybody
//! else's touched.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use larder_schema::PlanAnswer;
use larder_tests::liar::Liar;
use larder_tests::noise::Noise;
use larder_tests::redact::redacted;
use larder_tests::wait::until_blocking;
use larder_tests::{Larder, Packed, Parcel, Proxy, TestRegistry, build, distribution};
use serde_json::{Value, json};

/// A server with `log` and with `afw`, which needs it; and the way to it, which counts.
struct World {
    registry: TestRegistry,
    proxy: Proxy,
    larder: Larder,
    log: Parcel,
    afw: Parcel,
}

fn source(short: &str) -> Value {
    json!({"revision": short.repeat(20)})
}

impl World {
    async fn new() -> Self {
        let registry = TestRegistry::start().await;
        let log = build("log", "1.0.0-b1")
            .executable("bin/log", b"#!/bin/sh\n")
            .entry(Packed::Link("bin/again".to_owned(), "log".to_owned()))
            .entry(Packed::Folder("empty".to_owned()))
            .field("source", source("10"));
        let log = registry.publish(log).await;
        let against = json!([{"product": "log", "requirement": "*", "built_against": {
            "build": "1.0.0-b1", "archive": log.archive()}}]);
        let afw = build("afw", "2.0.0-b1")
            .file("lib/afw.txt", b"two")
            .field("source", source("af"))
            .field("dependencies", against);
        let afw = registry.publish(afw).await;
        let proxy = Proxy::start(registry.origin()).await;
        let larder = Larder::new(proxy.origin(), registry.admin().token());
        let sources = json!([
            {"product": "log", "version": "1.0.0", "revision": "10".repeat(20)},
            {"product": "afw", "version": "2.0.0", "revision": "af".repeat(20), "dependencies": ["log"]},
            {"product": "app", "version": "1.0.0", "revision": "a9".repeat(20), "dependencies": ["afw"]},
        ]);
        larder.write("sources.json", sources.to_string().as_bytes());
        Self { registry, proxy, larder, log, afw }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.larder.ok([arguments, &["--json"]].concat()).json()
    }

    fn asked(&self) -> (usize, usize) {
        (self.proxy.requests("GET /api/v1/blobs/"), self.proxy.requests(""))
    }
}

/// All that lies in a folder: path, mode, and bytes or where it leads.
fn contents(folder: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let (metadata, name) =
                (path.symlink_metadata().unwrap(), path.strip_prefix(root).unwrap());
            let mode = metadata.permissions().mode() & 0o777;
            if metadata.is_dir() {
                found.push(format!("{} {mode:o} /", name.display()));
                walk(root, &path, found);
            } else if metadata.is_symlink() {
                found.push(format!(
                    "{} -> {}",
                    name.display(),
                    path.read_link().unwrap().display()
                ));
            } else {
                let text =
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap()).trim().to_owned();
                found.push(format!("{} {mode:o} {text}", name.display()));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// What stands in a folder and has a name.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

#[tokio::test]
async fn what_a_plan_reuses_comes_with_one_request_each_and_is_the_tool_s_own() {
    let world = World::new().await;
    let deps = world.larder.path("deps");

    let told = world.json(&["plan", "sources.json", "-o", "plan.json", "--fetch", "deps"]);
    let first = world.asked();
    std::fs::write(deps.join("log/bin/log"), "changed").unwrap();
    world.larder.ok(["store", "check"]);
    let replaced = world.json(&["fetch", "--plan", "plan.json", "--to", "deps", "--replace"]);
    let again = world.json(&["fetch", "--plan", "plan.json", "--to", "deps"]);
    let elsewhere = world.json(&["fetch", "--plan", "plan.json", "--to", "more/deps"]);
    let last = world.asked();

    assert_eq!(first, (2, 3), "one for the plan, and one for each archive");
    assert_eq!(last, first, "all else was in the store, and in the plan");
    let fetched = told["fetched"].as_array().unwrap();
    assert_eq!(fetched.len(), 2);
    assert_eq!((&fetched[1]["product"], &fetched[1]["build"]), (&json!("afw"), &json!("2.0.0-b1")));
    assert_eq!(fetched[1]["path"], deps.canonicalize().unwrap().join("afw").to_str().unwrap());
    assert_eq!(told["steps"][2]["action"], "build");
    let bytes = (world.log.bytes().len() + world.afw.bytes().len()) as u64;
    assert_eq!((&told["fetched_bytes"], &told["reused_bytes"]), (&json!(bytes), &json!(0)));
    let unchanged = |answer: &Value| -> Vec<bool> {
        let fetched = answer["fetched"].as_array().unwrap().iter();
        fetched.map(|there| there["unchanged"].as_bool().unwrap()).collect()
    };
    assert_eq!(
        [&replaced, &again, &elsewhere].map(unchanged),
        [[false, true], [true, true], [false, false]]
    );
    assert_eq!((&again["fetched_bytes"], &again["reused_bytes"]), (&json!(0), &json!(bytes)));
    for folder in [&deps, &world.larder.path("more/deps")] {
        assert_eq!(names(folder), ["afw", "log"]);
        let log = ["bin 755 /", "bin/again -> log", "bin/log 755 #!/bin/sh", "empty 755 /"];
        assert_eq!(contents(&folder.join("log")), log);
        assert_eq!(contents(&folder.join("afw")), ["lib 755 /", "lib/afw.txt 644 two"]);
    }
}

#[tokio::test]
async fn a_closure_is_fetched_unpacked_or_as_it_was_published() {
    let world = World::new().await;
    world.registry.distribute(&distribution("stack", "1.0.0").of([&world.log, &world.afw])).await;
    let archives = world.larder.path("archives");

    world.larder.ok(["fetch", "afw@^2.0", "--to", "deps"]);
    let first = world.json(&["fetch", "stack@1.0.0", "--to", "archives", "--archives"]);
    let asked = world.asked().0;
    let again = world.json(&["fetch", "stack@1.0.0", "--to", "archives", "--archives"]);
    let asked_again = world.asked().0;
    std::fs::write(archives.join(world.log.name()), "other").unwrap();
    let fetch = ["fetch", "stack@1.0.0", "--to", "archives", "--archives"];
    let refused = world.larder.run(fetch).expect(1);
    let mended = world.larder.ok([&fetch[..], &["--replace"]].concat());
    let none = world.larder.run(["fetch", "nothing", "--to", "deps"]).expect(3);

    assert_eq!(names(&world.larder.path("deps")), ["afw", "log"]);
    assert_eq!(names(&archives), [world.afw.name(), world.log.name()]);
    for parcel in [&world.log, &world.afw] {
        let file = archives.join(parcel.name());
        assert_eq!(std::fs::read(&file).unwrap(), parcel.bytes());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    }
    assert_eq!(first["fetched"].as_array().unwrap().len(), 2);
    assert_eq!((asked_again, &again["fetched_bytes"]), (asked, &json!(0)));
    assert!(
        mended.stdout.starts_with("fetched 1 build into archives, 1 there already"),
        "{}",
        mended.all()
    );
    assert!(refused.stderr.contains(world.log.name()), "{}", refused.all());
    assert!(none.stderr.contains("nothing"), "{}", none.all());
}

#[tokio::test]
async fn what_became_somebody_s_own_is_named_and_stays_until_it_shall_be_replaced() {
    let world = World::new().await;
    let deps = world.larder.path("deps");
    world.larder.ok(["plan", "sources.json", "-o", "plan.json", "--fetch", "deps"]);
    std::fs::remove_dir_all(deps.join("afw")).unwrap();
    world.larder.write("deps/afw/.git/HEAD", b"ref: refs/heads/main");
    world.larder.write("deps/log/bin/log", b"mended");
    let mine = contents(&deps);

    let refused = [
        world.larder.run(["plan", "sources.json", "--fetch", "deps"]).expect(1),
        world.larder.run(["fetch", "--plan", "plan.json", "--to", "deps"]).expect(1),
        world.larder.run(["fetch", "pkg:afw", "--to", "deps"]).expect(1),
    ];
    let after = contents(&deps);
    world.larder.ok(["plan", "sources.json", "--fetch", "deps", "--replace"]);

    assert_eq!(after, mine);
    insta::assert_snapshot!(redacted(&refused[0].all()));
    assert_eq!(refused[1].stderr, refused[0].stderr);
    assert_eq!(refused[2].stderr, refused[0].stderr, "by name as by plan");
    assert_eq!(contents(&deps.join("afw")), ["lib 755 /", "lib/afw.txt 644 two"]);
    assert!(contents(&deps.join("log")).contains(&"bin/log 755 #!/bin/sh".to_owned()));
}

#[tokio::test]
async fn what_an_earlier_plan_left_goes_unless_it_was_changed() {
    let world = World::new().await;
    for product in ["geom", "base"] {
        let short = if product == "geom" { "9e" } else { "ba" };
        let left = build(product, "1.0.0-b1").file("lib/a", b"a").field("source", source(short));
        world.registry.publish(left).await;
    }
    let sources = |revisions: [&str; 3]| {
        let source = |(product, short): (&str, &str)| json!({"product": product, "revision": short.repeat(20)});
        let sources: Vec<Value> =
            ["log", "geom", "base"].into_iter().zip(revisions).map(source).collect();
        world.larder.write("sources.json", json!(sources).to_string().as_bytes());
    };
    let plan = ["plan", "sources.json", "-o", "plan.json", "--fetch", "deps"];
    let files = ["fetch", "--plan", "plan.json", "--to", "files", "--archives"];
    sources(["10", "9e", "ba"]);
    world.larder.ok(plan);
    world.larder.ok(files);
    world.larder.ok(["fetch", "--plan", "plan.json", "--to", "files"]);
    world.larder.write("deps/base/lib/a", b"mine");
    world.larder.write("deps/own/file", b"mine");
    sources(["10", "00", "00"]);

    let told = world.json(&plan);
    let again = world.larder.ok(plan);
    let archives = world.larder.ok(files);
    sources(["00", "00", "00"]);
    let none = world.larder.ok(plan);
    let mine = std::fs::read(world.larder.path("deps/base/lib/a")).unwrap();
    world.larder.ok([&plan[..], &["--replace"]].concat());

    assert_eq!(mine, b"mine");
    assert!(!world.larder.path("deps/base").exists(), "it was to be replaced");
    let left = |of: &str| -> Vec<String> {
        let left = told[of].as_array().unwrap().iter();
        left.map(|left| left["product"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((left("removed"), left("kept")), (vec!["geom".to_owned()], vec!["base".to_owned()]));
    assert!(again.stderr.contains("deps/base` is of an earlier plan"), "{}", again.all());
    assert!(!again.stdout.contains("removed"), "{}", again.all());
    assert!(
        none.stdout.contains("removed what the plan does not reuse: log@1.0.0-b1"),
        "{}",
        none.all()
    );
    assert_eq!(names(&world.larder.path("deps")), ["own"]);
    let line = archives.stdout.lines().last().unwrap();
    assert!(line.contains("base@1.0.0-b1") && line.contains("geom@1.0.0-b1"), "{line}");
    let left = names(&world.larder.path("files"));
    assert_eq!(left, ["base", "geom", "log", world.log.name()], "trees are no archives");
}

#[tokio::test]
async fn what_was_noted_and_never_came_is_not_larder_s() {
    let world = World::new().await;
    let plan = ["plan", "sources.json", "-o", "plan.json"];
    world.larder.ok(plan);
    let fetch = ["fetch", "--plan", "plan.json", "--to", "files", "--archives", "--replace"];
    world.larder.run([&fetch[..], &["--server", "http://127.0.0.1:9"]].concat()).expect(1);
    let mine = world.larder.write(&format!("files/{}", world.afw.name()), b"mine");
    world.larder.run(fetch).expect(1);
    let log = json!([{"product": "log", "version": "1.0.0", "revision": "10".repeat(20)}]);
    world.larder.write("sources.json", log.to_string().as_bytes());
    world.larder.ok(plan);

    world.larder.ok(fetch);
    world.larder.ok(fetch);

    assert_eq!(std::fs::read(mine).unwrap(), b"mine");
}

#[tokio::test]
async fn what_is_fetched_by_name_is_added_to_what_is_there() {
    let world = World::new().await;

    world.larder.ok(["fetch", "pkg:afw", "--to", "deps"]);
    world.larder.ok(["fetch", "pkg:log", "--to", "deps"]);

    assert_eq!(names(&world.larder.path("deps")), ["afw", "log"]);
}

#[tokio::test]
async fn an_archive_with_as_long_a_name_as_can_be_is_fetched() {
    let registry = TestRegistry::start().await;
    let name = format!("{}.tar.zst", "p".repeat(247));
    registry.publish(build("long", "1.0.0-b1").field("archive.name", json!(name))).await;
    let larder = Larder::new(registry.origin(), None);

    larder.ok(["fetch", "pkg:long", "--to", "files", "--archives"]);

    assert_eq!(names(&larder.path("files")), [name]);
}

#[tokio::test]
async fn what_larder_did_not_put_there_is_never_touched() {
    let world = World::new().await;
    let mine = world.larder.write("deps/afw/mine.txt", b"mine");
    world.larder.write("archives/afw-2.0.0-b1-linux-x86_64.tar.zst", b"mine");
    std::fs::create_dir(world.larder.path("links")).unwrap();
    std::os::unix::fs::symlink("../deps/afw", world.larder.path("links/afw")).unwrap();

    let refused = [
        world.larder.run(["fetch", "pkg:afw", "--to", "deps"]).expect(1),
        world.larder.run(["fetch", "pkg:afw", "--to", "archives", "--archives"]).expect(1),
        world.larder.run(["fetch", "pkg:afw", "--to", "links"]).expect(1),
        world.larder.run(["fetch", "pkg:afw", "--to", "sources.json"]).expect(1),
    ];
    let blobs = world.asked().0;
    std::fs::remove_dir_all(world.larder.path("deps/afw")).unwrap();
    std::fs::create_dir_all(world.larder.path("deps/afw/lib")).unwrap();
    std::fs::write(world.larder.path("deps/afw/lib/afw.txt"), "two").unwrap();
    let same = world.json(&["fetch", "pkg:afw", "--to", "deps"]);

    insta::assert_snapshot!(redacted(&refused.map(|ran| ran.all()).join("\n")));
    assert_eq!(blobs, 0, "nothing was fetched in vain");
    assert!(!mine.exists());
    let unchanged = |product: &str| {
        let mut fetched = same["fetched"].as_array().unwrap().iter();
        fetched.find(|there| there["product"] == product).unwrap()["unchanged"].clone()
    };
    assert_eq!((unchanged("afw"), unchanged("log")), (json!(true), json!(false)));
}

#[tokio::test]
async fn a_plan_that_went_on_replaces_what_was_fetched_for_the_one_before() {
    let world = World::new().await;
    world.larder.ok(["plan", "sources.json", "--fetch", "deps"]);
    let newer =
        build("afw", "2.0.0-b2").file("lib/afw.txt", b"newer").field("source", source("b2"));
    world.registry.publish(newer).await;
    let sources = std::fs::read_to_string(world.larder.path("sources.json")).unwrap();
    let sources: Value =
        serde_json::from_str(&sources.replace(&"af".repeat(20), &"b2".repeat(20))).unwrap();
    let mut sources = sources.as_array().unwrap().clone();
    sources[1]["dependencies"] = json!([]);
    world.larder.write("sources.json", json!(sources).to_string().as_bytes());

    let told = world.larder.ok(["plan", "sources.json", "--fetch", "deps"]);

    assert!(told.stdout.contains("fetched 1 build into deps, 1 there already"), "{}", told.all());
    assert_eq!(contents(&world.larder.path("deps/afw")), ["lib 755 /", "lib/afw.txt 644 newer"]);
}

#[tokio::test]
async fn a_spoiled_archive_is_told_and_leaves_nothing() {
    let world = World::new().await;
    let plan = ["plan", "sources.json", "-o", "plan.json", "--json"];
    let plan: PlanAnswer = world.larder.ok(plan).json();
    let mut spoiled = world.afw.bytes().to_vec();
    spoiled[20] ^= 1;
    let archives =
        [(world.log.sha256(), world.log.bytes().to_vec()), (world.afw.sha256(), spoiled)];
    let liar = Liar::serving(HashMap::from(archives));
    let larder = Larder::new(liar.origin(), None);
    larder.write("plan.json", &serde_json::to_vec(&plan).unwrap());

    let trees = larder.run(["fetch", "--plan", "plan.json", "--to", "deps"]).expect(1);
    let archives =
        larder.run(["fetch", "--plan", "plan.json", "--to", "files", "--archives"]).expect(1);

    for refused in [&trees, &archives] {
        assert!(
            refused.stderr.contains("other bytes than the archive of `afw@2.0.0-b1`"),
            "{}",
            refused.all()
        );
    }
    assert!(names(&larder.path("deps")).is_empty());
    assert!(!names(&larder.path("files")).contains(&world.afw.name().to_owned()));
}

/// Builds large enough to be cut off in the middle.
async fn large(count: usize) -> (TestRegistry, Vec<Parcel>) {
    let registry = TestRegistry::start().await;
    let mut noise = Noise::new();
    let mut parcels = Vec::new();
    for number in 0..count {
        let large =
            build(&format!("p{number}"), "1.0.0-b1").file("lib/large", &noise.bytes(600_000));
        parcels.push(registry.publish(large.file("lib/name", number.to_string().as_bytes())).await);
    }
    registry.distribute(&distribution("large", "1.0.0").of(&parcels)).await;
    (registry, parcels)
}

#[tokio::test]
async fn a_fetch_killed_at_any_moment_leaves_whole_folders_and_is_completed_by_the_next() {
    let (registry, parcels) = large(6).await;
    let bytes: u64 = parcels.iter().map(|parcel| parcel.bytes().len() as u64).sum();
    let whole = Larder::new(registry.origin(), None);
    whole.ok(["fetch", "large@1.0.0", "--to", "deps"]);
    let is_whole = |larder: &Larder, name: &str| {
        let folder = |larder: &Larder| contents(&larder.path("deps").join(name));
        folder(larder) == folder(&whole)
    };
    for (round, archives) in [false, true].into_iter().cycle().take(8).enumerate() {
        let proxy = Proxy::start(registry.origin()).await;
        let larder = Larder::new(proxy.origin(), None);
        let mut arguments = vec!["fetch", "large@1.0.0", "--to", "deps"];
        arguments.extend(archives.then_some("--archives"));
        let copying = larder.path("deps/.larder-fetched/staging");
        let mut child =
            larder.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until_blocking("the moment has come", || {
            let come = match round {
                0..4 => proxy.down() >= bytes / 4 * round as u64,
                _ => !names(&copying).is_empty() || names(&larder.path("deps")).len() > round - 4,
            };
            (come || child.try_wait().unwrap().is_some()).then_some(())
        });
        drop(child.kill());
        child.wait().unwrap();

        let before = names(&larder.path("deps"));
        if !archives {
            assert!(before.iter().all(|name| is_whole(&larder, name)), "{round}: {before:?}");
        }
        let told: Value = larder.ok([&arguments[..], &["--json"]].concat()).json();
        assert_eq!(names(&larder.path("deps")).len(), 6);
        let unchanged =
            told["fetched"].as_array().unwrap().iter().filter(|it| it["unchanged"] == true);
        assert_eq!(unchanged.count(), before.len(), "{round}");
        for parcel in &parcels {
            match archives {
                true => assert_eq!(
                    std::fs::read(larder.path("deps").join(parcel.name())).unwrap(),
                    parcel.bytes()
                ),
                false => assert!(is_whole(&larder, parcel.product())),
            }
        }
    }
}

#[tokio::test]
async fn archives_that_are_cut_go_on_where_they_were_cut() {
    let (registry, parcels) = large(3).await;
    let bytes: u64 = parcels.iter().map(|parcel| parcel.bytes().len() as u64).sum();
    let proxy = Proxy::start(registry.origin()).await;
    let larder = Larder::new(proxy.origin(), None);
    proxy.cut_coming_down(bytes / 5, 4);

    let told: Value = larder.ok(["fetch", "large", "--to", "files", "--archives", "--json"]).json();

    assert_eq!(proxy.cuts(), 4);
    assert_eq!(told["fetched_bytes"], bytes);
    let file = |parcel: &Parcel| -> PathBuf { larder.path("files").join(parcel.name()) };
    assert!(parcels.iter().all(|parcel| std::fs::read(file(parcel)).unwrap() == parcel.bytes()));
}

#[tokio::test]
async fn a_damaged_tree_in_the_store_is_not_copied() {
    let world = World::new().await;
    world.larder.ok(["fetch", "pkg:afw", "--to", "deps"]);
    let trees = world.larder.store().join("trees");
    let damaged = until_blocking("the tree of afw is found", || {
        let mut found = Vec::new();
        for folder in std::fs::read_dir(&trees).unwrap() {
            let inside = std::fs::read_dir(folder.unwrap().path()).unwrap();
            found.extend(inside.map(|entry| entry.unwrap().path().join("lib/afw.txt")));
        }
        found.into_iter().find(|file| file.is_file())
    });
    std::fs::set_permissions(&damaged, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&damaged, "bad").unwrap();
    let before = world.asked().0;

    world.larder.ok(["fetch", "pkg:afw", "--to", "other"]);

    assert_eq!(contents(&world.larder.path("other/afw")), ["lib 755 /", "lib/afw.txt 644 two"]);
    assert_eq!(world.asked().0, before + 1, "its archive came anew");
    world.larder.ok(["store", "check"]);
}
