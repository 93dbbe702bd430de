//! Package roots of EUPS, asked as its client asks.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use larder_schema::archive::ArchiveFormat;
use larder_schema::eups::TagList;
use larder_server::config::Readers;
use larder_tests::{
    BuildBuilder, Larder, PackageRoot, Packed, Parcel, TestRegistry, build, distribution, until,
};
use serde_json::{Value, json};

const PLATFORM: &str = "linux-x86_64";

fn root(registry: &TestRegistry) -> PackageRoot {
    PackageRoot::new(registry.anybody(), PLATFORM)
}

fn stack(registry: &TestRegistry, name: &str) -> PathBuf {
    let folder = registry.folder().join(name);
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// `log`, and `afw` that needs it: ordinary builds that never saw EUPS.
fn afw_and_log() -> [Parcel; 2] {
    let log = build("log", "1.2.0-b1")
        .file("lib/liblog.so", b"log")
        .field("variables", json!({"LD_LIBRARY_PATH": ["lib"]}))
        .pack();
    let afw = build("afw", "17.0.1-b8466")
        .needs("log", "^1.2")
        .executable("bin/afw", b"#!/bin/sh\n")
        .file("lib/libafw.so", b"afw")
        .entry(Packed::HardLink("lib/same".into(), "lib/libafw.so".into()))
        .entry(Packed::Link("lib/libafw.so.1".into(), "libafw.so".into()))
        .entry(Packed::Folder("empty".into()))
        .file(&format!("{}/é", "long".repeat(20)), b"far down")
        .field("variables", json!({"PATH": ["bin"]}))
        .field("scripts", json!({"afw-show": "lsst.afw.cli:main"}))
        .pack();
    [log, afw]
}

fn pairs(installed: &[(String, String)]) -> Vec<(&str, &str)> {
    installed.iter().map(|(product, version)| (&**product, &**version)).collect()
}

/// In the shape of EUPS, for `afw` at the version that EUPS calls it by.
fn packed_for_eups(version: &str, format: ArchiveFormat) -> BuildBuilder {
    build("afw", "17.0.1-b1")
        .format(format)
        .file(&format!("afw/{version}/ups/afw.table"), b"envPrepend(PATH, ${PRODUCT_DIR}/bin)\n")
        .executable(&format!("afw/{version}/bin/afw"), b"#!/bin/sh\n")
}

#[tokio::test]
async fn ordinary_builds_install_with_all_that_they_need() {
    let registry = TestRegistry::start().await;
    let [log, afw] = afw_and_log();
    registry.publish_all(&[&log, &afw]).await;
    registry.distribute(&distribution("apps", "17.0.1").of([&log, &afw])).await;
    registry.admin().put("/api/v1/tags/apps/current", &json!({"version": "17.0.1"})).await;
    let stack = stack(&registry, "stack");

    let installed = root(&registry).install("afw", "current", &stack).await;

    assert_eq!(pairs(&installed), [("log", "1.2.0+b1"), ("afw", "17.0.1+b8466")]);
    let folder = stack.join("afw/17.0.1+b8466");
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    assert_eq!(read("lib/same"), b"afw");
    assert_eq!(read(&format!("{}/é", "long".repeat(20))), b"far down");
    assert_eq!(std::fs::read_link(folder.join("lib/libafw.so.1")).unwrap(), Path::new("libafw.so"));
    assert!(folder.join("empty").is_dir());
    let mode = |path: &str| folder.join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("bin/afw"), mode("lib/libafw.so")), (0o755, 0o644));
    assert_eq!(mode("bin/afw-show"), 0o755);
    assert!(String::from_utf8(read("bin/afw-show")).unwrap().contains("from lsst.afw.cli import"));
    insta::assert_snapshot!(String::from_utf8(read("ups/afw.table")).unwrap(), @r"
    # Made by larder for afw@17.0.1-b8466.
    setupRequired(log >= 1.2.0 && < 2.0.0)
    envPrepend(PATH, ${PRODUCT_DIR}/bin)
    envPrepend(PATH, ${PRODUCT_DIR}/bin)
    ");
    assert_eq!(root(&registry).tags().await, ["current", "v17_0_1"]);
}

#[tokio::test]
async fn what_is_packed_for_eups_is_served_byte_for_byte_under_its_own_version() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(packed_for_eups("g1a2b3c4+5d6e7f", ArchiveFormat::TarGz)).await;
    let root = root(&registry);

    let names = root.names("manifests/index.json").await;
    let tarball = root.tarball("afw", "g1a2b3c4+5d6e7f").await;
    let manifest = root.manifest("afw", "g1a2b3c4+5d6e7f").await;
    let table = root.text("tables/afw-g1a2b3c4+5d6e7f.table").await;
    let stored: Value = registry.anybody().read(&afw.path()).await;

    assert_eq!(names, ["afw-g1a2b3c4+5d6e7f@Linux64.manifest"]);
    assert_eq!(tarball, afw.bytes());
    assert_eq!(manifest.lines[0].sha256, Some(afw.sha256()));
    assert_eq!(table, "envPrepend(PATH, ${PRODUCT_DIR}/bin)\n");
    assert_eq!(stored["product_dir"], "afw/g1a2b3c4+5d6e7f");
    assert!(made(&registry).is_empty(), "nothing had to be made");
    let larder = Larder::new(registry.origin(), None);
    let shown = larder.ok(["show", "afw@17.0.1-b1"]).stdout;
    assert!(shown.contains("EUPS") && shown.contains("afw g1a2b3c4+5d6e7f"), "{shown}");
}

#[tokio::test]
async fn a_build_packed_with_a_dash_or_another_compression_is_packed_again() {
    let registry = TestRegistry::start().await;
    registry.publish(packed_for_eups("17.0.1-b1", ArchiveFormat::TarZst)).await;
    let (root, stack) = (root(&registry), stack(&registry, "stack"));

    let installed = root.install_version("afw", "17.0.1+b1", &stack).await;

    assert_eq!(pairs(&installed), [("afw", "17.0.1+b1")]);
    let table = std::fs::read_to_string(stack.join("afw/17.0.1+b1/ups/afw.table")).unwrap();
    assert_eq!(
        table, "envPrepend(PATH, ${PRODUCT_DIR}/bin)\n",
        "its own table, not one made for it"
    );
    assert!(stack.join("afw/17.0.1+b1/bin/afw").is_file());
    assert!(!stack.join("afw/17.0.1+b1/afw").exists());
    assert_eq!(root.tarball("afw", "17.0.1-b1").await, root.tarball("afw", "17.0.1+b1").await);
}

#[tokio::test]
async fn an_installed_build_that_eups_packed_has_its_folder_variable_inside() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(packed_for_eups("g1a2b3c4", ArchiveFormat::TarGz)).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&afw])).await;
    let larder = Larder::new(registry.origin(), None);
    larder.ok(["install", "apps@1.0.0", "--prefix", "env"]);

    let ran =
        larder.run(["run", "--prefix", "env", "--", "sh", "-c", "cat $AFW_DIR/ups/afw.table"]);

    assert!(ran.expect(0).stdout.starts_with("envPrepend"));
}

#[tokio::test]
async fn a_metapackage_is_a_tarball_with_a_table() {
    let registry = TestRegistry::start().await;
    let [log, afw] = afw_and_log();
    let apps = build("apps", "1.0.0-b1").without_archive().needs("afw", "*").pack();
    registry.publish_all(&[&log, &afw, &apps]).await;
    let stack = stack(&registry, "stack");

    let installed = root(&registry).install_version("apps", "1.0.0+b1", &stack).await;

    assert_eq!(installed.last().unwrap().0, "apps");
    assert_eq!(installed.len(), 3);
    let folder = stack.join("apps/1.0.0+b1");
    let table = std::fs::read_to_string(folder.join("ups/apps.table")).unwrap();
    assert!(table.contains("setupRequired(afw >= 0.0.0)"), "{table}");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

#[tokio::test]
async fn a_build_that_no_distribution_has_goes_with_what_it_was_built_against() {
    let registry = TestRegistry::start().await;
    let against = |product: &str, build: &str| json!([{"product": product, "requirement": "*", "built_against": {"build": build}}]);
    let bases =
        ["0.0.0-e1", "0.0.0-e2"].map(|name| build("base", name).file("a", name.as_bytes()).pack());
    let math = build("math", "0.0.0-e3").field("dependencies", against("base", "0.0.0-e1"));
    let math = math.file("a", b"math").pack();
    let app = build("app", "0.0.0-e4").field("dependencies", against("math", "0.0.0-e3"));
    let app = app.file("a", b"app").pack();
    registry.publish_all(&[&bases[0], &bases[1], &math, &app]).await;

    let manifest = root(&registry).manifest("app", "0.0.0+e4").await;

    let versions: Vec<&str> = manifest.lines.iter().map(|line| line.version.as_str()).collect();
    assert_eq!(versions, ["0.0.0+e1", "0.0.0+e3", "0.0.0+e4"], "not the newest base");
}

#[tokio::test]
async fn what_eups_cannot_hold_is_left_out_with_what_needs_it_and_shown_so() {
    let registry = TestRegistry::start().await;
    let utils = build("lsst-utils", "1.0.0-b1").file("a", b"a").pack();
    let needs = build("needs", "1.0.0-b1").needs("lsst-utils", "*").file("b", b"b").pack();
    let above = build("above", "1.0.0-b1").needs("needs", "*").file("c", b"c").pack();
    let alone = build("alone", "1.0.0-b1").file("d", b"d").pack();
    registry.publish_all(&[&utils, &needs, &above, &alone]).await;
    let all = distribution("apps", "1.0.0").of([&utils, &needs, &above, &alone]);
    registry.distribute(&all).await;
    let root = root(&registry);
    let larder = Larder::new(registry.origin(), None);

    let tagged = root.tagged("v1_0_0").await;
    let names = root.names("manifests/index.json").await;

    assert!(!tagged.contains_key("lsst-utils") && !tagged.contains_key("needs"), "{tagged:?}");
    assert!(tagged.contains_key("alone"));
    assert!(!names.join(" ").contains("utils") && !names.join(" ").contains("needs"), "{names:?}");
    let above = registry.anybody();
    let url = format!("/eups/{PLATFORM}/manifests/above-1.0.0+b1@Linux64.manifest");
    let refused = above.get(&url).await.expect(404).text();
    assert!(refused.contains("needs `needs`"), "{refused}");
    for (build, why) in [
        ("lsst-utils@1.0.0-b1", "EUPS cannot hold `lsst-utils`"),
        ("needs@1.0.0-b1", "it needs `lsst-utils`, which EUPS cannot hold"),
    ] {
        let shown = larder.ok(["show", build]).stdout;
        assert!(shown.contains(why), "{shown}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_plain_404_and_never_a_page() {
    let registry = TestRegistry::start().await;
    let [log, afw] = afw_and_log();
    registry.publish_all(&[&log, &afw]).await;
    let http = registry.anybody();

    for path in [
        "linux-x86_64/distribInstallPostHook.py",
        "linux-x86_64/w_1/distribInstallPostHook.py",
        "linux-x86_64/w_1/index.json",
        "linux-x86_64/w_1.list",
        "linux-x86_64/afw-17.0.1+b8466@DarwinX86.tar.gz",
        "linux-x86_64/afw-17.0.1+b8466@Plan9.tar.gz",
        "linux-x86_64/afw-17.0.1+b9@Linux64.tar.gz",
        "linux-x86_64/afw-17.0.1%2Bb8466%20@Linux64.tar.gz",
        "linux-x86_64/manifests/afw-17.0.1+b9@Linux64.manifest",
        "linux-x86_64/manifests/nothing-1.0.0+b1@Linux64.manifest",
        "linux-x86_64/tables/afw-1.table",
        "linux-x86_64/env/w_1.env",
        "linux-x86_64/%2e%2e/config.txt",
        "plan9-x86_64/config.txt",
        "nonsense/config.txt",
    ] {
        let answer = http.get(&format!("/eups/{path}")).await.expect(404);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{path}");
        assert!(!answer.text().contains('<'), "{path}: {}", answer.text());
    }
    http.post("/eups/linux-x86_64/distribInstallPostHook.py", &json!({})).await.expect(405);
}

#[tokio::test]
async fn addresses_are_read_as_clients_write_them() {
    let registry = TestRegistry::start().await;
    let [log, afw] = afw_and_log();
    registry.publish_all(&[&log, &afw]).await;
    let http = registry.anybody();
    let base = format!("/eups/{PLATFORM}");

    let page = http.get(&format!("{base}/manifests")).await.expect(200);
    let again = http.get(&format!("{base}//manifests/")).await.expect(200);
    let head = http.head(&format!("{base}/log-1.2.0+b1@Linux64.tar.gz")).await.expect(200);
    let escaped = http.get(&format!("{base}/log-1.2.0%2Bb1%40Linux64.tar.gz")).await.expect(200);
    let generic = PackageRoot::new(registry.anybody(), "any").names("manifests/index.json").await;

    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("<li><a href=\"log-1.2.0+b1@Linux64.manifest\">"));
    assert_eq!(page.text(), again.text());
    assert_eq!(head.header("content-length"), escaped.body.len().to_string());
    http.get(&base).await.expect(200);
    http.get(&format!("{base}//config.txt")).await.expect(200);
    http.get(&format!("{base}/log-1.2.0@Linux64.tar.gz")).await.expect(404);
    assert!(generic.is_empty(), "builds for Linux are not for any");
}

#[tokio::test]
async fn the_root_of_a_tag_has_that_tag_alone_and_its_own_closure() {
    let registry = TestRegistry::start().await;
    let [log, afw] = afw_and_log();
    let newer = build("log", "1.3.0-b2").file("lib/liblog.so", b"newer").pack();
    registry.publish_all(&[&log, &afw]).await;
    registry.distribute(&distribution("apps", "w_2026_46").of([&log, &afw])).await;
    registry.publish_all(&[&newer]).await;
    registry.distribute(&distribution("apps", "w_2026_47").of([&newer, &afw])).await;

    let of_tag = |tag: &str| PackageRoot::new(registry.anybody(), &format!("{PLATFORM}/{tag}"));
    let old = of_tag("w_2026_46").install("afw", "w_2026_46", &stack(&registry, "old")).await;
    let new = of_tag("w_2026_47").install("afw", "w_2026_47", &stack(&registry, "new")).await;
    let whole = root(&registry).manifest("afw", "17.0.1+b8466").await;

    assert_eq!(old[0].1, "1.2.0+b1");
    assert_eq!(new[0].1, "1.3.0+b2");
    assert_eq!(of_tag("w_2026_47").tags().await, ["w_2026_47"]);
    assert_eq!(of_tag("w_2026_47").names("manifests/index.json").await.len(), 2);
    assert_eq!(of_tag("w_2026_47").status("w_2026_46.list").await, 404);
    assert_eq!(of_tag("w_2026_47").status("log-1.2.0+b1@Linux64.tar.gz").await, 404);
    assert_eq!(whole.lines[0].version, "1.2.0+b1", "what was published first with it, for ever");
    assert_eq!(root(&registry).tags().await, ["w_2026_46", "w_2026_47"]);
}

#[tokio::test]
async fn a_list_tells_the_build_and_the_environment_and_comes_with_its_tag() {
    let registry = TestRegistry::start().await;
    let built_in = json!({"name": "rubin-env", "version": "12.1.0"});
    let afw = build("afw", "1.0.0-b103").file("a", b"a").field("built_in", built_in).pack();
    registry.publish_all(&[&afw]).await;
    registry.distribute(&distribution("apps", "1.0.0.rc1").of([&afw])).await;

    let list = TagList::read(&root(&registry).text("v1_0_0_rc1.list").await).unwrap();

    assert_eq!(
        (list.parameter("BUILD"), list.parameter("CONDA_ENV")),
        (Some("b103"), Some("12.1.0"))
    );
    assert_eq!((&*list.lines[0].flavor, &*list.lines[0].version), ("generic", "1.0.0+b103"));
}

#[tokio::test]
async fn a_distribution_tells_its_own_parameters_and_its_conda_environment() {
    let registry = TestRegistry::start().await;
    let afw = build("afw", "1.0.0-b103").file("a", b"a").pack();
    let conda = build("conda-environment", "12.1.0-b1").file("conda.env", b"@EXPLICIT\n").pack();
    registry.publish_all(&[&afw, &conda]).await;
    let parameters = json!({"BUILD": "b200", "CONDA_ENV": "12.1.0"});
    let apps = distribution("apps", "w_2026_47").of([&afw, &conda]).field("parameters", parameters);
    registry.distribute(&apps).await;
    registry.distribute(&distribution("apps", "w_2026_48").of([&afw])).await;
    let root = root(&registry);

    let list = TagList::read(&root.text("w_2026_47.list").await).unwrap();

    assert_eq!((list.parameter("BUILD"), list.lines.len()), (Some("b200"), 1));
    assert_eq!(list.parameter("CONDA_ENV"), Some("12.1.0"));
    assert_eq!(root.text("env/w_2026_47.env").await, "@EXPLICIT\n");
    assert_eq!(root.status("env/w_2026_48.env").await, 404);
    let bad = distribution("apps", "w_2026_49").of([&afw]).field("parameters", json!({"A B": "x"}));
    assert!(registry.offer(&bad).await.problem().detail.contains("`A B`"));
}

#[tokio::test]
async fn test_builds_and_withdrawn_ones_are_there_only_for_distributions_that_list_them() {
    let registry = TestRegistry::start().await;
    let afw = build("afw", "1.0.0-b1").file("a", b"a").pack();
    let gone = build("afw", "1.0.0-b2").file("a", b"b").pack();
    let test = build("afw", "1.0.0-b3").file("a", b"c").field("test", json!(true)).pack();
    registry.publish_all(&[&afw, &gone, &test]).await;
    registry.distribute(&distribution("apps", "t_1").of([&test])).await;
    registry.distribute(&distribution("apps", "t_2").of([&afw])).await;
    for path in [gone.path(), "/api/v1/distributions/apps/t_2".to_owned()] {
        let read: Value = registry.anybody().read(&path).await;
        let said = json!({"subject": read["digest"], "kind": "withdrawn", "reason": "it crashes"});
        registry.admin().post("/api/v1/statements", &said).await.expect(201);
    }
    let root = root(&registry);

    let names = root.names("manifests/index.json").await;

    assert_eq!(names, ["afw-1.0.0+b1@Linux64.manifest", "afw-1.0.0+b3@Linux64.manifest"]);
    assert_eq!(root.tags().await, ["t_1"]);
}

/// Tarballs that were made for EUPS.
fn made(registry: &TestRegistry) -> Vec<PathBuf> {
    registry.kept_in("derived")
}

#[tokio::test]
async fn many_askers_get_one_tarball_and_it_is_made_again_the_same() {
    let mut registry = TestRegistry::start().await;
    let [log, afw] = afw_and_log();
    registry.publish_all(&[&log, &afw]).await;
    let first = root(&registry);

    let asked = (0..16).map(|_| first.tarball("afw", "17.0.1+b8466"));
    let got = futures_util::future::join_all(asked).await;
    let files = made(&registry);
    registry
        .restart_after(|data| {
            // A lost disk, or somebody who tidied up.
            std::fs::remove_dir_all(data.join("blobs/derived")).unwrap();
        })
        .await;
    let again = root(&registry).tarball("afw", "17.0.1+b8466").await;

    assert!(got.iter().all(|one| *one == got[0]));
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(again == got[0], "the same build makes the same bytes");
    assert_eq!(made(&registry).len(), 1);
    assert!(registry.staged().is_empty());
}

fn spoil(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn spoiled_bytes_are_never_delivered_whole() {
    let mut registry = TestRegistry::start().await;
    registry.may_be_damaged();
    let [log, afw] = afw_and_log();
    let packed = packed_for_eups("g1a2b3c4", ArchiveFormat::TarGz).pack();
    registry.publish_all(&[&log, &afw, &packed]).await;
    let url = |name: &str| format!("/eups/{PLATFORM}/{name}@Linux64.tar.gz");
    registry.anybody().get(&url("log-1.2.0+b1")).await.expect(200);
    let http = registry.anybody();

    registry.kept().iter().chain(&made(&registry)).for_each(|file| spoil(file));

    for name in ["log-1.2.0+b1", "afw-g1a2b3c4"] {
        let asked = http.request(reqwest::Method::GET, &url(name)).header("range", "bytes=0-9");
        assert!(http.try_send(asked).await.is_err(), "{name} came although its bytes were spoiled");
    }
    // It was never asked for: what would be made of spoiled bytes would have a good sum of its own.
    http.get(&url("afw-17.0.1+b8466")).await.expect(500);
    let manifest = format!("/eups/{PLATFORM}/manifests/afw-17.0.1+b8466@Linux64.manifest");
    let answer = http.try_send(http.request(reqwest::Method::GET, &manifest)).await;
    assert!(answer.is_err(), "a manifest came whole although a tarball of it cannot be made");
}

#[tokio::test]
async fn a_spoiled_tarball_that_was_made_is_made_again() {
    let mut registry = TestRegistry::start().await;
    registry.may_be_damaged();
    let [log, afw] = afw_and_log();
    registry.publish_all(&[&log, &afw]).await;
    let root = root(&registry);
    let good = root.tarball("log", "1.2.0+b1").await;
    let http = registry.anybody();
    let url = format!("/eups/{PLATFORM}/log-1.2.0+b1@Linux64.tar.gz");

    made(&registry).iter().for_each(|file| spoil(file));
    let cut = http.try_send(http.request(reqwest::Method::GET, &url)).await;
    until("the spoiled file is gone", async || made(&registry).is_empty().then_some(())).await;
    let again = root.tarball("log", "1.2.0+b1").await;

    assert!(cut.is_err());
    assert!(again == good);
}

#[tokio::test]
async fn a_test_build_or_a_withdrawn_one_does_not_keep_a_name() {
    let registry = TestRegistry::start().await;
    let packed = |id: &str, bytes: &[u8]| {
        build("afw", &format!("17.0.1-{id}"))
            .format(ArchiveFormat::TarGz)
            .file("afw/g1a2b3c4/ups/afw.table", b"")
            .file("afw/g1a2b3c4/lib", bytes)
    };
    let test = registry.publish(packed("b1", b"test").field("test", json!(true))).await;
    let gone = registry.publish(packed("b2", b"gone")).await;
    let good = registry.publish(packed("b3", b"good")).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&good])).await;
    let read: Value = registry.anybody().read(&gone.path()).await;
    let said = json!({"subject": read["digest"], "kind": "withdrawn", "reason": "it crashes"});
    registry.admin().post("/api/v1/statements", &said).await.expect(201);
    let root = root(&registry);

    let tarball = root.tarball("afw", "g1a2b3c4").await;

    assert!(tarball == good.bytes() && tarball != test.bytes());
    assert_eq!(root.tagged("v1_0_0").await["afw"], "g1a2b3c4");
    assert_eq!(root.manifest("afw", "g1a2b3c4").await.lines[0].sha256, Some(good.sha256()));
}

#[tokio::test]
async fn a_tag_is_that_of_one_distribution_and_others_have_their_names_in_front() {
    let registry = TestRegistry::start().await;
    let builds =
        ["1.0.0-b1", "1.0.0-b2"].map(|name| build("dep", name).file("a", name.as_bytes()).pack());
    registry.publish_all(&[&builds[0], &builds[1]]).await;
    let one = |name: &str, version: &str, of: &Parcel| {
        distribution(name, version).of([of]).field("roots", json!(["dep"]))
    };
    registry.distribute(&one("official", "w_2026_47", &builds[0])).await;
    registry.distribute(&one("mine", "w_2026_47", &builds[1])).await;
    registry.distribute(&one("mine", "w_2026_48", &builds[1])).await;
    for name in ["mine", "official"] {
        let path = format!("/api/v1/tags/{name}/current");
        registry.admin().put(&path, &json!({"version": "w_2026_47"})).await.expect(200);
    }
    let root = root(&registry);

    let tags = root.tags().await;

    assert_eq!(tags, ["current", "mine_current", "mine_w_2026_47", "w_2026_47", "w_2026_48"]);
    for (tag, version) in [
        ("current", "1.0.0+b1"),
        ("w_2026_47", "1.0.0+b1"),
        ("mine_w_2026_47", "1.0.0+b2"),
        ("w_2026_48", "1.0.0+b2"),
    ] {
        assert_eq!(root.tagged(tag).await["dep"], version, "{tag}");
    }
    let of_tag = PackageRoot::new(registry.anybody(), &format!("{PLATFORM}/mine_w_2026_47"));
    assert_eq!(of_tag.tags().await, ["mine_w_2026_47"]);
}

#[tokio::test]
async fn names_that_are_set_go_first_and_what_eups_keeps_for_itself_is_no_tag() {
    let registry = TestRegistry::start_with(|config| {
        config.eups.names = vec!["official".parse().unwrap()];
    })
    .await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    for (name, version) in [("mine", "w_1"), ("official", "w_1"), ("mine", "keep")] {
        registry.distribute(&distribution(name, version).of([&afw])).await;
    }
    registry.admin().put("/api/v1/tags/mine/latest", &json!({"version": "w_1"})).await.expect(200);
    let root = root(&registry);

    assert_eq!(root.tags().await, ["mine_w_1", "w_1"]);
    assert_eq!(root.status("keep.list").await, 404);
    assert_eq!(root.status("latest.list").await, 404);
}

#[tokio::test]
async fn who_may_read_little_sees_little() {
    let registry = TestRegistry::start_with(|config| config.access.read = Readers::Token).await;
    let [log, afw] = afw_and_log();
    registry.publish_all(&[&log, &afw]).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&log, &afw])).await;
    let narrow = registry.holder("narrow", &["read:log"]).await;
    let root = PackageRoot::new(narrow, PLATFORM);

    assert_eq!(root.names("manifests/index.json").await, ["log-1.2.0+b1@Linux64.manifest"]);
    assert!(root.tags().await.is_empty(), "the distribution is not its to read");
    assert_eq!(root.status("afw-17.0.1+b8466@Linux64.tar.gz").await, 404);
    assert_eq!(root.status("manifests/afw-17.0.1+b8466@Linux64.manifest").await, 404);
    assert_eq!(root.status("log-1.2.0+b1@Linux64.tar.gz").await, 200);
    assert_eq!(registry.anybody().get(&format!("/eups/{PLATFORM}/index.json")).await.status, 401);
}
