//! EUPS package roots come in with one command, and what is bad in them stops nothing else.

use std::collections::BTreeSet;
use std::process::Stdio;

use larder_schema::archive::ArchiveFormat;
use larder_schema::{Checksum, Sha256};
use larder_tests::archives::{Packed, pack};
use larder_tests::data::test_data;
use larder_tests::eups_root::{EupsRoot, tarball};
use larder_tests::folder_server::{FolderServer, Manner};
use larder_tests::noise::Noise;
use larder_tests::process::watch;
use larder_tests::{Larder, Proxy, Ran, TestRegistry, until};
use serde_json::{Value, json};

use crate::eups_client::{User, clients};

const BASE: (&str, &str) = ("lz_base", "1.4.2+b101");
const MATH: (&str, &str) = ("lz_math", "g1a2b3c4+5d6e7f");
const APP: (&str, &str) = ("lz_app", "3.1.0");

/// `lz_app` needs `lz_math`, which needs `lz_base`.
fn three() -> EupsRoot {
    let mut root = EupsRoot::new();
    root.package(BASE.0, BASE.1, &[], "envSet(LZ_MODE, fast)\n");
    root.package(MATH.0, MATH.1, &[BASE], "setupRequired(lz_base [>= 1.4])\n");
    root.package(APP.0, APP.1, &[MATH], "setupRequired(lz_math >= 1.0)\nsetupOptional(lz_more)\n");
    root
}

fn line((product, version): (&str, &str)) -> String {
    format!("{product} generic {version}")
}

/// The root of three with a tag that names all.
fn tagged(tag: &str) -> EupsRoot {
    let root = three();
    let lines = [line(BASE), line(MATH), line(APP)];
    root.tag(tag, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    root
}

fn larder(registry: &TestRegistry) -> Larder {
    Larder::new(registry.origin(), registry.admin().token())
}

fn import(larder: &Larder, root: &str, more: &[&str]) -> Ran {
    larder.run(["import", "eups", root, "--json"].iter().chain(more))
}

/// The builds of a product, as they were published.
async fn builds(registry: &TestRegistry, product: &str) -> Vec<Value> {
    registry.anybody().all(&format!("/api/v1/builds?product={product}"), 100).await
}

async fn all_builds(registry: &TestRegistry) -> Vec<Value> {
    registry.anybody().all("/api/v1/builds", 100).await
}

async fn the_build(registry: &TestRegistry, product: &str) -> Value {
    let builds = builds(registry, product).await;
    assert_eq!(builds.len(), 1, "{product}: {builds:#?}");
    builds[0].clone()
}

fn products(report: &Value, list: &str) -> Vec<String> {
    let items = report[list].as_array().unwrap();
    let mut names: Vec<_> =
        items.iter().map(|item| item["product"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Why something whose name begins so was refused.
#[track_caller]
fn reason(report: &Value, what: &str) -> String {
    let refused = report["refused"].as_array().unwrap();
    let found = refused.iter().find(|item| item["what"].as_str().unwrap().starts_with(what));
    let found = found.unwrap_or_else(|| panic!("`{what}` was not refused: {report:#}"));
    found["reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn packages_come_in_byte_for_byte_with_what_their_tables_say() {
    let registry = TestRegistry::start().await;
    let root = tagged("v30_0_0_rc1");

    let ran = larder(&registry).run(["import", "eups", &root.argument()]).expect(0);

    assert!(ran.stdout.contains("lz_base 1.4.2+b101 → lz_base@1.4.2-b101"), "{}", ran.stdout);
    let math = the_build(&registry, "lz_math").await;
    let bytes = std::fs::read(root.path().join(root.tarball(MATH.0, MATH.1))).unwrap();
    assert_eq!(registry.fetch(Checksum::Sha256(Sha256::of(&bytes))).await, bytes);
    assert_eq!(math["archive"]["sha256"], Sha256::of(&bytes).to_string());
    assert_eq!(math["product_dir"], "lz_math/g1a2b3c4+5d6e7f");
    assert_eq!(math["upstream_version"], MATH.1);
    assert_eq!(math["variables"], json!({"PATH": ["lz_math/g1a2b3c4+5d6e7f/bin"]}));
    assert_eq!(
        math["dependencies"],
        json!([{"product": "lz_base", "requirement": ">=1.4.0", "built_against": {"build": "1.4.2-b101"}}])
    );
    let app = the_build(&registry, "lz_app").await;
    assert_eq!((&app["version"], &app["build"]), (&json!("3.1.0"), &json!("eups")));
    // `>= 1.0` does not admit 0.0.0, and the manifest says that it was there.
    assert_eq!(app["dependencies"][0]["requirement"], "*");
    let release: Value = registry.anybody().read("/api/v1/distributions/stack/30.0.0.rc1").await;
    assert_eq!(release["builds"].as_array().unwrap().len(), 3);
    assert_eq!(release["parameters"], json!({"BUILD": "b103"}));
    assert_eq!(
        (&release["stage"], &release["platform"]),
        (&json!("candidate"), &json!("linux-x86_64"))
    );
}

#[tokio::test]
async fn what_came_in_is_installed_and_runs() {
    let registry = TestRegistry::start().await;
    let root = tagged("w_2026_47");
    let larder = larder(&registry);
    larder.ok(["import", "eups", &root.argument(), "--distribution", "lz_distrib"]);

    larder.ok(["install", "lz_distrib@w_2026_47", "--prefix", "env", "--platform", "linux-x86_64"]);
    let ran = larder.ok(["run", "--prefix", "env", "--", "sh", "-c", "lz_app && echo $LZ_MODE"]);

    assert_eq!(ran.stdout, "lz_app 3.1.0\nfast\n");
}

#[tokio::test]
async fn a_second_run_transfers_nothing_and_publishes_nothing() {
    let registry = TestRegistry::start().await;
    let root = tagged("current");
    let server = FolderServer::start(root.path(), Manner::Pages);
    let larder = larder(&registry);
    let first: Value = import(&larder, server.origin(), &[]).expect(0).json();
    let before = all_builds(&registry).await;
    server.asked();

    let second: Value = import(&larder, server.origin(), &[]).expect(0).json();

    assert_eq!(products(&first, "imported"), ["lz_app", "lz_base", "lz_math"]);
    assert_eq!((products(&second, "imported").len(), products(&second, "existing").len()), (0, 3));
    assert_eq!(second["sent_bytes"], 0);
    assert_eq!(
        second["tags"],
        json!([{"tag": "current", "version": first["tags"][0]["version"], "moved": false}])
    );
    let fetched = server
        .asked()
        .into_iter()
        .filter(|asked| asked.starts_with("GET") && asked.ends_with(".tar.gz"));
    assert_eq!(fetched.count(), 0);
    assert_eq!(all_builds(&registry).await, before);
}

#[tokio::test]
async fn a_folder_and_a_server_that_lists_in_either_way_make_the_same_records() {
    let root = tagged("b103");
    let mut digests = Vec::new();

    for manner in [None, Some(Manner::Pages), Some(Manner::Lists)] {
        let registry = TestRegistry::start().await;
        let server = manner.map(|manner| FolderServer::start(root.path(), manner));
        let place = server.as_ref().map_or(root.argument(), |server| server.origin().to_owned());
        import(&larder(&registry), &place, &[]).expect(0);
        let of = |build: Value| build["digest"].as_str().unwrap().to_owned();
        digests.push(all_builds(&registry).await.into_iter().map(of).collect::<BTreeSet<_>>());
    }

    assert_eq!(digests[0].len(), 3);
    assert!(digests.iter().all(|some| *some == digests[0]), "{digests:#?}");
}

#[tokio::test]
async fn a_run_that_is_killed_goes_on_where_it_was() {
    let registry = TestRegistry::start().await;
    let root = tagged("b103");
    let server = FolderServer::start(root.path(), Manner::Lists);
    let larder = larder(&registry);
    let held = format!("/{}", root.tarball(APP.0, APP.1));
    server.hold(&held);
    let mut command = larder.command(["import", "eups", server.origin()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("two of three are published", async || {
        (all_builds(&registry).await.len() == 2).then_some(())
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    server.release();
    server.asked();

    let report: Value = import(&larder, server.origin(), &[]).expect(0).json();

    assert_eq!(products(&report, "imported"), ["lz_app"]);
    assert_eq!(products(&report, "existing"), ["lz_base", "lz_math"]);
    let asked = server.asked();
    let fetched: Vec<_> =
        asked.iter().filter(|it| it.starts_with("GET") && it.ends_with(".gz")).collect();
    assert_eq!(fetched, [&format!("GET {held}")]);
    assert_eq!(report["distributions"][0]["builds"], 3);
}

#[tokio::test]
async fn a_tarball_that_is_cut_on_the_way_is_fetched_anew() {
    let registry = TestRegistry::start().await;
    let mut root = EupsRoot::new();
    let noise = Noise::of(7).bytes(400_000);
    let large = [Packed::File("large/1.0/share/x".to_owned(), noise, false)];
    root.package_of("large", "1.0", &[], &pack(ArchiveFormat::TarGz, &large));
    let server = FolderServer::start(root.path(), Manner::Lists);
    let proxy = Proxy::start(server.origin()).await;
    proxy.cut_coming_down(150_000, 2);

    let report: Value = import(&larder(&registry), &proxy.origin(), &[]).expect(0).json();

    assert_eq!((products(&report, "imported").len(), proxy.cuts()), (1, 2));
    let path = format!("/{}", root.tarball("large", "1.0"));
    let fetched = server.asked().into_iter().filter(|asked| *asked == format!("GET {path}"));
    assert_eq!(fetched.count(), 3);
}

#[tokio::test]
async fn a_manifest_that_is_cut_on_the_way_is_read_anew() {
    let registry = TestRegistry::start().await;
    let root = three();
    let manifest = "manifests/lz_base-1.4.2+b101@Linux64.manifest";
    let text = std::fs::read_to_string(root.path().join(manifest)).unwrap();
    root.write(manifest, format!("{text}# {}\n", "x".repeat(400_000)).as_bytes());
    let server = FolderServer::start(root.path(), Manner::Lists);
    let proxy = Proxy::start(server.origin()).await;
    proxy.cut_coming_down(150_000, 2);

    let report: Value = import(&larder(&registry), &proxy.origin(), &[]).expect(0).json();

    assert_eq!((products(&report, "imported").len(), proxy.cuts()), (3, 2));
}

#[tokio::test]
async fn only_what_tags_need_comes_in_where_tags_are_given() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    root.package("lz_other", "1.0.0", &[], "");
    root.tag("b1", &["lz_math generic g1a2b3c4+5d6e7f"]).tag("b2", &["lz_other generic 1.0.0"]);

    let report: Value =
        import(&larder(&registry), &root.argument(), &["--tag", "b1"]).expect(0).json();

    assert_eq!(products(&report, "imported"), ["lz_base", "lz_math"]);
    assert_eq!(report["distributions"][0]["version"], "b1");
    assert_eq!(report["distributions"][0]["builds"], 2);
    let gone = import(&larder(&registry), &root.argument(), &["--tag", "b3"]).expect(1);
    assert!(reason(&gone.json(), "tag b3").contains("no such tag"));
}

#[tokio::test]
async fn a_dry_run_tells_the_builds_and_publishes_nothing() {
    let registry = TestRegistry::start().await;
    let root = tagged("current");

    let report: Value =
        import(&larder(&registry), &root.argument(), &["--dry-run"]).expect(0).json();

    assert_eq!(products(&report, "imported"), ["lz_app", "lz_base", "lz_math"]);
    assert_eq!(all_builds(&registry).await.len(), 0);
}

#[tokio::test]
async fn bad_tarballs_are_told_and_all_else_comes_in() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    root.package("gone", "1.0", &[], "").remove(&root_tarball("gone"));
    let whole =
        tarball("cut", "1.0", Some("print(a table of many words that do not shrink 0123456789)\n"));
    root.package_of("cut", "1.0", &[], &whole[..whole.len() / 2]);
    root.package_of("other", "1.0", &[], &tarball("other", "2.0", Some("")));
    root.package_of("page", "1.0", &[], b"<html>not here</html>");
    let outside = [
        Packed::File("hostile/1.0/bin/x".to_owned(), b"x".to_vec(), true),
        Packed::File("hostile/1.0/../../../x".to_owned(), b"x".to_vec(), true),
    ];
    root.package_of("hostile", "1.0", &[], &pack(ArchiveFormat::TarGz, &outside));
    let link = [Packed::Link("link/1.0/x".to_owned(), "/etc/passwd".to_owned())];
    root.package_of("link", "1.0", &[], &pack(ArchiveFormat::TarGz, &link));
    root.tag("b1", &["lz_base generic 1.4.2+b101", "gone generic 1.0"]);

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert_eq!(products(&report, "imported"), ["lz_app", "lz_base", "lz_math"]);
    assert!(reason(&report, "gone 1.0").contains("`gone-1.0@Linux64.tar.gz` is not there"));
    assert!(reason(&report, "cut 1.0").contains("cut off"), "{report:#}");
    assert!(reason(&report, "other 1.0").contains("holds `other/2.0`, and not `other/1.0`"));
    assert!(reason(&report, "page 1.0").contains(".tar.gz"), "{report:#}");
    assert!(reason(&report, "hostile 1.0").contains("refused"), "{report:#}");
    assert!(reason(&report, "link 1.0").contains("refused"), "{report:#}");
    assert!(reason(&report, "tag b1").contains("`gone 1.0 (Linux64)`"));
    assert_eq!(all_builds(&registry).await.len(), 3);
}

fn root_tarball(product: &str) -> String {
    format!("{product}-1.0@Linux64.tar.gz")
}

#[tokio::test]
async fn a_tag_that_lists_what_has_no_manifest_is_told_and_the_others_come_in() {
    let registry = TestRegistry::start().await;
    let root = tagged("b1");
    root.tag("b2", &["lz_base generic 1.4.2+b101", "lz_gone generic 9.9"]);
    root.tag("b3", &["lz_base generic"]);
    root.write("b4.list", b"<html>an error</html>");
    root.write("b5.list", b"EUPS distribution other version list. Version 1.0\n");

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert_eq!(products(&report, "imported").len(), 3);
    assert_eq!(report["distributions"].as_array().unwrap().len(), 1);
    assert!(reason(&report, "tag b2").contains("`lz_gone 9.9 (Linux64)`"));
    assert!(reason(&report, "tag b3").contains("line 3"), "{report:#}");
    assert!(reason(&report, "tag b4").contains("<html>"));
    assert!(reason(&report, "tag b5").contains("`other`"));
}

#[tokio::test]
async fn malformed_tables_are_noted_and_the_manifest_counts() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    let doubled = "if (type == exact) {\n} else {\nsetupRequired(lz_math)\n}\n}\n";
    let unclosed = "if (type == exact) {\nsetupRequired(lz_math)\n";
    let old = "File=Table\nGroup:\nFlavor=ANY\nCommon:\nsetupRequired(lz_math)\nEnd:\n";
    for (product, table) in
        [("doubled", doubled), ("unclosed", unclosed), ("old", old), ("strange", "do it\n")]
    {
        root.package(product, "1.0.0", &[MATH], table);
    }
    root.package_with_table("bare", "1.0.0", &[MATH], None);

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(0).json();

    for product in ["doubled", "unclosed", "old", "strange", "bare"] {
        let build = the_build(&registry, product).await;
        let needs: Vec<_> = build["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["product"].as_str().unwrap(), it["requirement"].as_str().unwrap()))
            .collect();
        assert_eq!(needs, [("lz_base", "*"), ("lz_math", "*")], "{product}");
        let is_noted = report["notes"].as_array().unwrap().iter().any(|note| {
            note["what"].as_str().unwrap().starts_with(product)
                && note["note"].as_str().unwrap().contains("malformed")
        });
        assert_eq!(is_noted, product != "bare", "{product}: {report:#}");
    }
}

#[tokio::test]
async fn a_table_beside_the_tarball_counts_where_there_is_none_inside() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    root.package_with_table("lz_more", "1.0.0", &[MATH], None);
    root.write("tables/lz_more-1.0.0.table", b"setupRequired(lz_math)\nenvSet(LZ_MORE, yes)\n");

    import(&larder(&registry), &root.argument(), &[]).expect(0);

    let build = the_build(&registry, "lz_more").await;
    assert_eq!(build["dependencies"].as_array().unwrap().len(), 1);
    assert_eq!(build["variables"], json!({"LZ_MORE": {"set": "yes"}}));
}

#[tokio::test]
async fn a_metapackage_is_a_build_without_an_archive() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    root.metapackage("lz_distrib", "1.0", &[APP], "setupRequired(lz_app)\n");

    import(&larder(&registry), &root.argument(), &[]).expect(0);

    let build = the_build(&registry, "lz_distrib").await;
    assert_eq!((&build["archive"], &build["upstream_version"]), (&Value::Null, &json!("1.0")));
    assert_eq!(build["dependencies"][0]["product"], "lz_app");
}

#[tokio::test]
async fn two_flavors_in_one_list_are_two_distributions_of_one_version() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    root.flavor("DarwinX86").package(BASE.0, BASE.1, &[], "");
    root.flavor("generic").package("lz_data", "1.0.0", &[], "");
    root.flavor("Sparc").package("lz_data", "1.0.0", &[], "");
    let lines = [
        "lz_math Linux64 g1a2b3c4+5d6e7f",
        "lz_base DarwinX86 1.4.2+b101",
        "lz_data generic 1.0.0",
    ];
    root.tag("b1", &lines);

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    let distributions: Vec<_> = report["distributions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["platform"].as_str().unwrap(), it["builds"].as_u64().unwrap()))
        .collect();
    assert_eq!(distributions, [("linux-x86_64", 3), ("macos-x86_64", 2)]);
    assert_eq!(report["refused"].as_array().unwrap().len(), 1);
    assert!(reason(&report, "lz_data-1.0.0@Sparc").contains("`Sparc`"));
    assert_eq!(the_build(&registry, "lz_data").await["platform"], "any");
    let here = ["--platform", "linux-x86_64-el8", "--distribution", "here", "--dry-run"];
    let report: Value = import(&larder(&registry), &root.argument(), &here).expect(1).json();
    assert_eq!(
        (&report["elsewhere"], &report["distributions"][0]["platform"]),
        (&json!(1), &json!("linux-x86_64-el8"))
    );
}

#[tokio::test]
async fn what_lacks_on_one_platform_keeps_a_tag_off_that_one_alone() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    root.flavor("DarwinX86").manifest(BASE.0, BASE.1, &[], "lz_base/1.4.2+b101 search");
    root.tag("b1", &[&line(BASE)]);

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert!(reason(&report, "tag b1").contains("`lz_base 1.4.2+b101 (DarwinX86)`"), "{report:#}");
    assert_eq!(report["distributions"].as_array().unwrap().len(), 1);
    assert_eq!(report["distributions"][0]["platform"], "linux-x86_64");
}

#[tokio::test]
async fn a_server_that_answers_all_with_a_page_is_found_out() {
    let registry = TestRegistry::start().await;
    let root = tagged("b1");
    let page = "<!DOCTYPE html>\n<html><body>Sorry!</body></html>".to_owned();

    let all = FolderServer::start(root.path(), Manner::PageForAll(page.clone()));
    let ran = larder(&registry).run(["import", "eups", all.origin()]).expect(1);
    assert!(ran.stderr.contains("is a page, `<!DOCTYPE html>`"), "{}", ran.stderr);

    let most = FolderServer::start(root.path(), Manner::PageForAllElse(page.clone()));
    let ran = larder(&registry).run(["import", "eups", most.origin()]).expect(1);
    assert!(ran.stderr.contains("`manifests/index.json` is no list"), "{}", ran.stderr);

    root.write(
        "manifests/index.json",
        br#"["lz_base-1.4.2+b101@Linux64.manifest", "a-1@Linux64.manifest"]"#,
    );
    root.write("index.json", b"[]");
    root.remove(&root.tarball(BASE.0, BASE.1));
    let ran = import(&larder(&registry), most.origin(), &[]).expect(1);
    assert!(reason(&ran.json(), "a 1").contains("<!DOCTYPE html>"));
    assert!(reason(&ran.json(), "lz_base").contains("`.tar.gz`"));
    assert_eq!(all_builds(&registry).await.len(), 0);
}

#[tokio::test]
async fn what_is_no_root_of_binaries_is_refused_with_the_reason() {
    let registry = TestRegistry::start().await;
    let refusal = |config: Option<&str>| {
        let root = three();
        match config {
            Some(config) => drop(root.write("config.txt", config.as_bytes())),
            None => root.remove("config.txt"),
        }
        larder(&registry).run(["import", "eups", &root.argument()]).expect(1).stderr
    };

    let sources = refusal(Some("DISTRIB_CLASS = eups.distrib.eupspkg.Distrib\n"));
    assert!(sources.contains("no binaries"), "{sources}");
    assert!(refusal(None).contains("no `config.txt`"));
    assert!(refusal(Some("DIST_URL = ftp://x/%(path)s\n")).contains("ftp://x/"));
    let no_folder = larder(&registry).run(["import", "eups", "nowhere"]).expect(2);
    assert!(no_folder.stderr.contains("`nowhere` is no folder"), "{}", no_folder.stderr);
    let empty = larder(&registry);
    empty.write("empty/config.txt", b"");
    assert!(empty.run(["import", "eups", "empty"]).expect(1).stderr.contains("lists no manifests"));
}

#[tokio::test]
async fn hostile_names_lead_nowhere() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    for name in ["..-1@Linux64", "a\u{1b}[31m-1@Linux64", "a-1@2@Linux64", "a.b-1@Linux64", "a-1"] {
        root.write(&format!("manifests/{name}.manifest"), b"x");
    }
    root.manifest("up", "1.0", &[], "up/1.0 ../up-1.0@Linux64.tar.gz");
    root.manifest("absolute", "1.0", &[], "absolute/1.0 /etc/passwd.tar.gz");
    root.manifest("elsewhere", "1.0", &[], "elsewhere/1.0 http://elsewhere.example.org/x.tar.gz");
    root.manifest("source", "1.0", &[], "source/1.0 eupspkg:source-1.0.eupspkg");
    root.manifest("lists_it", "1.0", &[("../x", "1.0")], "lists_it/1.0 x.tar.gz");
    root.tag(".x", &[]);

    let ran = larder(&registry).run(["import", "eups", &root.argument()]).expect(1);

    assert!(!ran.all().contains('\u{1b}'), "{}", ran.all());
    let refused = ran.stderr.lines().filter(|line| line.contains("did not come in")).count();
    assert_eq!(refused, 11, "{}", ran.stderr);
    assert_eq!(all_builds(&registry).await.len(), 3);
}

#[tokio::test]
async fn other_bytes_under_a_name_that_was_imported_are_a_conflict() {
    let registry = TestRegistry::start().await;
    let mut root = tagged("b1");
    import(&larder(&registry), &root.argument(), &[]).expect(0);
    let before = all_builds(&registry).await;
    root.package(
        BASE.0,
        BASE.1,
        &[],
        "print(something that is longer, and else than it was: 0123456789)\n",
    );
    root.package("lz_new", "1.0.0", &[], "");
    root.tag("b1", &["lz_new generic 1.0.0"]);

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert_eq!(products(&report, "imported"), ["lz_new"]);
    assert!(reason(&report, "lz_base 1.4.2+b101").contains("imported before"));
    assert!(reason(&report, "tag b1").contains("`stack@b1` is there with other builds"));
    assert_eq!(products(&report, "existing"), ["lz_app", "lz_math"]);
    let after = all_builds(&registry).await;
    assert!(before.iter().all(|build| after.contains(build)), "{after:#?}");
    assert_eq!(after.len(), before.len() + 1);
}

#[tokio::test]
async fn what_changed_in_the_root_goes_into_no_new_release() {
    let registry = TestRegistry::start().await;
    let mut root = EupsRoot::new();
    let bytes = tarball("a", "1.0", None);
    let place = |sum: Sha256| format!("a/1.0 a-1.0@Linux64.tar.gz REQUIRED FALSE sha256:{sum}");
    root.package_of("a", "1.0", &[], &bytes).manifest("a", "1.0", &[], &place(Sha256::of(&bytes)));
    root.metapackage("bare", "1.0", &[], "");
    import(&larder(&registry), &root.argument(), &[]).expect(0);
    root.manifest("a", "1.0", &[], &place(Sha256::of(b"x")));
    root.package("bare", "1.0", &[], "").package("new", "1.0", &[], "");
    root.tag("b1", &["a generic 1.0"]).tag("b2", &["bare generic 1.0"]);
    root.tag("b3", &["new generic 1.0"]);

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert!(reason(&report, "a 1.0").contains(&Sha256::of(b"x").to_string()), "{report:#}");
    assert!(reason(&report, "bare 1.0").contains("without an archive"), "{report:#}");
    assert!(reason(&report, "tag b1").contains("`a 1.0 (Linux64)`"), "{report:#}");
    assert!(reason(&report, "tag b2").contains("`bare 1.0 (Linux64)`"), "{report:#}");
    assert_eq!(products(&report, "existing"), Vec::<String>::new());
    assert_eq!(report["distributions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_tarball_that_leads_out_of_the_root_stops_no_other() {
    let registry = TestRegistry::start().await;
    let mut root = three();
    import(&larder(&registry), &root.argument(), &[]).expect(0);
    let path = root.path().join(root.tarball(BASE.0, BASE.1));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    root.package("lz_new", "1.0.0", &[], "");

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert!(reason(&report, "lz_base").contains("leads out"), "{report:#}");
    assert_eq!(products(&report, "imported"), ["lz_new"]);
}

#[tokio::test]
async fn a_package_without_a_distribution_id_has_its_tarball_where_eups_puts_it() {
    let registry = TestRegistry::start().await;
    let mut root = EupsRoot::new();
    root.package("a", "1.0", &[], "").manifest("a", "1.0", &[], "a/1.0 search");
    root.manifest("gone", "1.0", &[], "gone/1.0 search");

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert_eq!(the_build(&registry, "a").await["product_dir"], "a/1.0");
    assert!(reason(&report, "gone 1.0").contains("`gone-1.0@Linux64.tar.gz` is not there"));
    assert_eq!(products(&report, "imported"), ["a"]);
}

#[tokio::test]
async fn a_tag_without_a_number_moves() {
    let registry = TestRegistry::start().await;
    let mut root = tagged("w_2026_47");
    root.tag("w_latest", &[&line(BASE), &line(MATH), &line(APP)]);
    let larder = larder(&registry);
    let first: Value = import(&larder, &root.argument(), &[]).expect(0).json();
    root.package("lz_new", "1.0.0", &[], "");
    root.tag("w_latest", &["lz_new generic 1.0.0"]);

    let second: Value = import(&larder, &root.argument(), &[]).expect(0).json();

    assert_eq!(first["tags"], json!([{"tag": "w_latest", "version": "w_2026_47", "moved": true}]));
    assert_eq!(first["distributions"].as_array().unwrap().len(), 1);
    let version = second["tags"][0]["version"].as_str().unwrap();
    assert!(version.starts_with("w_latest_"), "{second:#}");
    let tags: Value = registry.anybody().read("/api/v1/tags/stack").await;
    assert_eq!(tags["items"][0]["version"], version);
}

#[tokio::test]
async fn a_tag_that_moves_publishes_nothing_of_the_release_that_was_refused() {
    let registry = TestRegistry::start().await;
    let root = tagged("w_2026_47");
    root.tag("w_latest", &[&line(BASE), &line(MATH), &line(APP)]);
    root.write("env/w_2026_47.env", b"@EXPLICIT\nhttps://conda.example.org/x.conda\n");
    let scopes = json!({"name": "lz", "scopes": ["publish:lz_*", "distribute:*", "tag:*"]});
    let made: Value = registry.make_token(scopes).await.expect(201).json();
    let larder = Larder::new(registry.origin(), made["token"].as_str());

    let report: Value = import(&larder, &root.argument(), &[]).expect(1).json();

    assert!(reason(&report, "tag w_2026_47").contains("conda-environment"), "{report:#}");
    assert!(reason(&report, "tag w_latest").contains("`stack@w_2026_47`"), "{report:#}");
    assert_eq!((&report["distributions"], &report["tags"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_tarball_that_is_not_what_its_manifest_says_is_refused() {
    let registry = TestRegistry::start().await;
    let mut root = EupsRoot::new();
    let bytes = tarball("a", "1.0", None);
    let right = format!("a/1.0 a-1.0@Linux64.tar.gz REQUIRED FALSE sha256:{}", Sha256::of(&bytes));
    root.package_of("a", "1.0", &[], &bytes).manifest("a", "1.0", &[], &right);
    let wrong = format!("b/1.0 b-1.0@Linux64.tar.gz REQUIRED FALSE sha256:{}", Sha256::of(b"x"));
    root.package_of("b", "1.0", &[], &tarball("b", "1.0", None)).manifest("b", "1.0", &[], &wrong);

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert_eq!(products(&report, "imported"), ["a"]);
    assert!(reason(&report, "b 1.0").contains("its manifest says"));
}

#[tokio::test]
async fn a_registry_takes_the_packages_of_another() {
    let (one, two) = (TestRegistry::start().await, TestRegistry::start().await);
    let root = tagged("w_2026_47");
    import(&larder(&one), &root.argument(), &[]).expect(0);
    let address = format!("{}/eups/linux-x86_64", one.origin());

    let report: Value = import(&larder(&two), &address, &["--tag", "w_2026_47"]).expect(0).json();

    assert_eq!(products(&report, "imported"), ["lz_app", "lz_base", "lz_math"]);
    let archives = async |registry: &TestRegistry| -> Vec<Value> {
        all_builds(registry).await.iter().map(|build| build["archive"]["sha256"].clone()).collect()
    };
    assert_eq!(archives(&two).await, archives(&one).await);
}

#[tokio::test]
async fn the_conda_environment_of_a_tag_goes_with_its_distribution() {
    let registry = TestRegistry::start().await;
    let root = tagged("w_2026_47");
    root.tag("w_latest", &[&line(BASE), &line(MATH), &line(APP)]);
    root.write("env/w_2026_47.env", b"@EXPLICIT\nhttps://conda.example.org/x.conda\n");
    let first: Value = import(&larder(&registry), &root.argument(), &[]).expect(0).json();

    let second: Value = import(&larder(&registry), &root.argument(), &[]).expect(0).json();

    assert_eq!(first["tags"][0]["version"], "w_2026_47");
    assert_eq!(
        (&first["distributions"][0]["builds"], &second["distributions"][0]["existing"]),
        (&json!(4), &json!(true))
    );
    let served = registry.anybody().get("/eups/linux-x86_64/env/w_2026_47.env").await.expect(200);
    assert_eq!(served.text(), "@EXPLICIT\nhttps://conda.example.org/x.conda\n");
}

#[tokio::test]
async fn a_dash_and_a_plus_of_one_build_are_two_builds() {
    let registry = TestRegistry::start().await;
    let mut root = EupsRoot::new();
    root.package("a", "1.4.2+b1", &[], "").package("a", "1.4.2-b1", &[], "");

    import(&larder(&registry), &root.argument(), &[]).expect(0);

    let names: BTreeSet<_> = builds(&registry, "a")
        .await
        .into_iter()
        .map(|build| (build["upstream_version"].to_string(), build["build"] == "b1"))
        .collect();
    assert_eq!(
        names,
        [(json!("1.4.2+b1").to_string(), true), (json!("1.4.2-b1").to_string(), false)].into()
    );
}

#[tokio::test]
async fn builds_are_named_as_the_server_has_them_already() {
    let registry = TestRegistry::start().await;
    let mut alone = EupsRoot::new();
    alone.package("a", "1.4.2-b1", &[], "").package("c", "1.0.0+b1", &[], "");
    import(&larder(&registry), &alone.argument(), &[]).expect(0);
    let mut both = EupsRoot::new();
    both.package("a", "1.4.2-b1", &[], "").package("a", "1.4.2+b1", &[], "");
    both.package("b", "1.0.0", &[("a", "1.4.2-b1")], "setupRequired(a)\n");
    both.package("c", "1.0.0-b1", &[], "");

    let report: Value = import(&larder(&registry), &both.argument(), &[]).expect(1).json();

    let b = the_build(&registry, "b").await;
    assert_eq!(b["dependencies"][0]["built_against"]["build"], "1.4.2-b1");
    assert_eq!((products(&report, "existing"), products(&report, "imported")), {
        let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        (names(&["a"]), names(&["b", "c"]))
    });
    assert!(reason(&report, "a 1.4.2+b1").contains("differ"), "{report:#}");
}

#[tokio::test]
async fn one_record_that_the_server_refuses_keeps_no_other_out() {
    let registry = TestRegistry::start().await;
    registry.publish(larder_tests::build("lz_math", "1.0.0-eups").file("x", b"y")).await;
    let mut root = EupsRoot::new();
    root.package(BASE.0, BASE.1, &[], "").package("lz_math", "1.0.0", &[], "");

    let report: Value = import(&larder(&registry), &root.argument(), &[]).expect(1).json();

    assert_eq!(products(&report, "imported"), ["lz_base"]);
    let reason = reason(&report, "lz_math 1.0.0");
    assert!(reason.contains("differ") && reason.contains("`archive`"), "{reason}");
}

#[tokio::test]
async fn who_may_not_publish_is_told_at_once() {
    let registry = TestRegistry::start().await;
    let root = three();

    let ran =
        Larder::new(registry.origin(), None).run(["import", "eups", &root.argument()]).expect(1);

    assert!(ran.stderr.contains("LARDER_TOKEN"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("error:").count(), 1);
}

#[tokio::test]
async fn a_run_that_ends_early_tells_what_it_found_out() {
    let registry = TestRegistry::start().await;
    let root = three();
    root.write("manifests/a-1@Sparc.manifest", b"x");

    let ran =
        Larder::new(registry.origin(), None).run(["import", "eups", &root.argument()]).expect(1);

    let told = ran.stderr.find("`Sparc`").unwrap_or_else(|| panic!("{}", ran.stderr));
    assert!(told < ran.stderr.find("error:").unwrap(), "{}", ran.stderr);
}

#[tokio::test]
async fn ten_thousand_manifests_are_listed_in_little_memory() {
    const COUNT: usize = 10_000;
    let registry = TestRegistry::start().await;
    let mut root = EupsRoot::new();
    let needs: Vec<(String, String)> =
        (0..40).map(|n| (format!("p{n}"), "1.0.0".to_owned())).collect();
    let needs: Vec<(&str, &str)> = needs.iter().map(|(one, two)| (&**one, &**two)).collect();
    for number in 0..COUNT {
        let (product, version) = (format!("q{}", number % 200), format!("1.0.{number}"));
        root.manifest(&product, &version, &needs, &format!("x {product}.tar.gz"));
    }

    let larder = larder(&registry);
    let mut command = larder.command(["import", "eups", &root.argument(), "--dry-run"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (ran, peak) = watch(child);

    let told = ran.expect(0).stdout;
    assert!(told.contains(&format!("would import {COUNT} packages")), "{told}");
    assert!(peak < 150 << 20, "the client had {} MiB", peak >> 20);
}

/// Five products that need each other, declared and packed by the client itself.
const PACK: &str = r#"
make() {
  folder=$STACK/Linux64/$1/$2
  mkdir -p $folder/ups $folder/bin $folder/lib
  printf '#!/bin/sh\necho %s\n' $1 >$folder/bin/$1
  chmod +x $folder/bin/$1
  echo $1 $2 >$folder/lib/lib$1.so.1
  ln -s lib$1.so.1 $folder/lib/lib$1.so
  printf "$3"'envPrepend(PATH, ${PRODUCT_DIR}/bin)\n' >$folder/ups/$1.table
  eups declare -t current -r $folder $1 $2
}
make lz_base 1.4.2+b101 ''
make lz_data 2026.11 ''
make lz_io 1.5.8 'setupRequired(lz_base)\n'
make lz_math g1a2b3c4d+5e6f 'setupRequired(lz_base >= 1.4)\n'
make lz_app 3.1.0+b103 'setupRequired(lz_math)\nsetupRequired(lz_io [>= 1.0])\nsetupOptional(lz_data)\n'
eups distrib create -d tarball -s $STACK/packed lz_app 3.1.0+b103
eups distrib declare -s $STACK/packed -t current
"#;

#[tokio::test]
async fn what_eups_packed_itself_is_installed_from_here_as_from_there() {
    let clients = clients();
    if clients.is_empty() || test_data("venv/bin").is_none() {
        return;
    }
    for client in clients {
        let registry = TestRegistry::start().await;
        let user = |root: String| User::new(&client, registry.folder(), root);
        let maker = user(String::new());
        maker.bash(PACK).expect(0);
        let packed = maker.stack.join("packed").to_string_lossy().into_owned();

        let report: Value = import(&larder(&registry), &packed, &[]).expect(0).json();

        assert_eq!(report["imported"].as_array().unwrap().len(), 5, "{report:#}");
        let here = user(format!("{}/eups/linux-x86_64", registry.origin()));
        let there = user(packed);
        for one in [&here, &there] {
            one.bash("eups distrib install -t current lz_app").expect(0);
        }
        let trees = [&here, &there].map(|one| one.stack.join("Linux64"));
        let compared = std::process::Command::new("diff").arg("-r").args(&trees).output().unwrap();
        let compared = Ran::of(compared).expect(0);
        assert_eq!(compared.stdout, "");
        let ran = here.bash("setup lz_app\nlz_app\nlz_base\nlz_data\n").expect(0);
        assert_eq!(ran.stdout, "lz_app\nlz_base\nlz_data\n");
        here.bash("eups distrib install lz_math g1a2b3c4d+5e6f").expect(0);
    }
}
