//! LSST's own packages, end to end: two weeklies of `lsst-daf-butler` with all that they need.
//!
//! One server and one store serve all tests that only read; who damages has a store of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Weak};

use larder_schema::Sha256;
use larder_tests::data::{test_data, wheels};
use larder_tests::{Larder, Proxy, Ran, TestRegistry};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// What publishing one weekly did.
#[derive(Debug)]
struct Sent {
    /// Requests with bytes of archives.
    parts: usize,
    /// Requests that asked which archives are there.
    questions: usize,
    /// What `larder` answered.
    answer: Value,
}

/// A server with both weeklies, and somebody who works with it.
struct Real {
    /// Dropped first: it looks at nothing of the server.
    larder: Larder,
    proxy: Proxy,
    sent: [Sent; 3],
    registry: TestRegistry,
}

/// What is there as long as some test uses it; the first one publishes.
async fn real() -> Option<Arc<Real>> {
    static REAL: Mutex<Weak<Real>> = Mutex::const_new(Weak::new());
    let (old, new) = (wheels("4200")?, wheels("4300")?);
    let mut held = REAL.lock().await;
    if let Some(real) = held.upgrade() {
        return Some(real);
    }
    let registry = TestRegistry::start().await;
    let proxy = Proxy::start(registry.origin()).await;
    let larder = Larder::new(proxy.origin(), registry.admin().token());
    let sent = [
        import(&larder, &proxy, &old, "4200"),
        import(&larder, &proxy, &new, "4300"),
        import(&larder, &proxy, &new, "4300"),
    ];
    let real = Arc::new(Real { larder, proxy, sent, registry });
    *held = Arc::downgrade(&real);
    Some(real)
}

fn import(larder: &Larder, proxy: &Proxy, wheels: &[PathBuf], week: &str) -> Sent {
    let before = (proxy.requests("PATCH "), proxy.requests("POST /api/v1/have "));
    let distribution = format!("lsst_butler@30.2026.{week}");
    let options = ["import", "wheel", "--build", "b1", "--tag", "current", "--json"];
    let mut command = larder.command(options);
    command.args(["--distribution", &distribution]).args(wheels);
    let ran = Ran::of(command.output().unwrap()).expect(0);
    Sent {
        parts: proxy.requests("PATCH ") - before.0,
        questions: proxy.requests("POST /api/v1/have ") - before.1,
        answer: ran.json(),
    }
}

/// The Python that the wheels are for, in front of the `PATH`: it has none of them itself.
pub(crate) fn with_python(command: &mut Command) -> &mut Command {
    let python = test_data("venv/bin").unwrap();
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", python.display()))
}

fn run(larder: &Larder, arguments: &[&str]) -> Ran {
    Ran::of(with_python(&mut larder.command(arguments)).output().unwrap())
}

/// An environment of its own, named from the working folder.
fn install(larder: &Larder, environment: &str) -> PathBuf {
    let arguments = ["install", "lsst_butler", "--prefix", environment, "--json"];
    run(larder, &arguments).expect(0);
    larder.path(environment)
}

#[tokio::test]
async fn of_a_weekly_that_differs_in_one_wheel_one_archive_is_sent() {
    let Some(real) = real().await else { return };
    let [first, second, _] = &real.sent;

    assert_eq!((first.parts, second.parts), (24, 1));
    assert!(first.questions <= 1 && second.questions <= 1, "{:?}", real.sent);
    let count = |sent: &Sent, list: &str| sent.answer[list].as_array().unwrap().len();
    assert_eq!((count(first, "published"), count(first, "existing")), (24, 0));
    assert_eq!((count(second, "published"), count(second, "existing")), (1, 23));
    assert_eq!(real.registry.kept().len(), 25);
}

#[tokio::test]
async fn publishing_the_same_again_sends_no_archive_byte() {
    let Some(real) = real().await else { return };
    let [_, second, third] = &real.sent;

    assert_eq!(third.parts, 0);
    assert_eq!(third.answer["published"], json!([]));
    assert_eq!(third.answer["existing"].as_array().unwrap().len(), 24);
    assert_eq!(third.answer["distribution"], second.answer["distribution"]);
    // Also where the client is told to take nothing for granted.
    let before = (real.proxy.up(), real.registry.counted("larder_upload_bytes_total").await);
    let wheels = wheels("4300").unwrap();
    let options = ["import", "wheel", "--build", "b1", "--force", "--json"];
    let mut command = real.larder.command(options);
    let ran = Ran::of(command.args(&wheels[..6]).output().unwrap()).expect(0);
    assert_eq!(ran.json::<Value>()["published"], json!([]));
    assert_eq!(real.registry.counted("larder_upload_bytes_total").await, before.1);
    assert!(real.proxy.up() - before.0 < 100_000);
}

#[tokio::test]
async fn the_tag_names_the_weekly_that_came_last() {
    let Some(real) = real().await else { return };

    let current = "/api/v1/distributions/lsst_butler/current?records=true";
    let current: Value = real.registry.anybody().read(current).await;

    assert_eq!(
        (&current["version"], &current["about"]["tag"]["serial"]),
        (&json!("30.2026.4300"), &json!(2))
    );
    assert_eq!(current["roots"], json!(["lsst_daf_butler"]));
    assert_eq!(current["platform"], "linux-x86_64");
    let records = current["about"]["records"].as_array().unwrap();
    let of = |product: &str| records.iter().find(|record| record["product"] == product).unwrap();
    let butler = of("lsst_daf_butler");
    assert_eq!(butler["scripts"]["butler"], "lsst.daf.butler.cli.butler:main");
    assert_eq!(butler["variables"], json!({"PYTHONPATH": ["."]}));
    assert!(
        records.iter().all(|record| record["version"].as_str().unwrap().split('.').count() == 3)
    );
    let upstream = of("astropy_iers_data")["upstream_version"].as_str().unwrap();
    assert!(upstream.split('.').count() > 3, "{upstream}");
}

#[tokio::test]
async fn what_is_installed_runs() {
    let Some(real) = real().await else { return };
    let modules = "import lsst.daf.butler, pyarrow, astropy";
    let outside = with_python(&mut real.larder.command([""; 0]))
        .get_envs()
        .find_map(|(name, value)| (name == "PATH").then(|| value.unwrap().to_owned()));
    let bare = Command::new("python3").env("PATH", outside.unwrap()).args(["-c", modules]).output();
    assert!(!bare.unwrap().status.success(), "this Python has the packages itself");

    install(&real.larder, "runs");
    let help = run(&real.larder, &["run", "--prefix", "runs", "--", "butler", "--help"]).expect(0);
    let inside = ["run", "--prefix", "runs", "--", "python3", "-c", modules];
    run(&real.larder, &inside).expect(0);
    let code = "import sys; sys.exit(7)";
    run(&real.larder, &["run", "--prefix", "runs", "--", "python3", "-c", code]).expect(7);

    assert!(help.stdout.starts_with("Usage: butler"), "{}", help.all());
    assert!(help.stdout.contains("query-datasets"), "{}", help.all());
}

#[tokio::test]
async fn a_shell_that_activates_an_environment_is_inside_it() {
    let Some(real) = real().await else { return };
    install(&real.larder, "shell");
    let larder = larder_tests::process::program("larder");
    let script = format!(
        "set -eu\neval \"$({} activate --prefix shell --shell bash)\"\n\
         butler --help >/dev/null\necho \"$LSST_DAF_BUTLER_DIR\"",
        larder.display()
    );
    let mut bash = Command::new("bash");
    let work = real.larder.path(".");
    bash.args(["-c", &script]).current_dir(&work).env_clear();

    let ran = Ran::of(with_python(&mut bash).output().unwrap()).expect(0);

    let folder = PathBuf::from(ran.stdout.trim());
    assert!(folder.join("lsst/daf/butler/__init__.py").is_file(), "{}", ran.all());
}

#[tokio::test]
async fn there_is_no_false_alarm_after_python_ran() {
    let Some(real) = real().await else { return };
    install(&real.larder, "used");
    let clean = run(&real.larder, &["verify", "--prefix", "used"]).expect(0);

    // Nothing of the surroundings is inherited, PYTHONDONTWRITEBYTECODE neither.
    let code = "import sys, lsst.daf.butler, astropy.table; assert not sys.dont_write_bytecode; \
                print(sys.pycache_prefix)";
    let ran =
        run(&real.larder, &["run", "--prefix", "used", "--", "python3", "-c", code]).expect(0);
    let compiled = PathBuf::from(ran.stdout.trim());
    let used = run(&real.larder, &["verify", "--prefix", "used"]).expect(0);

    assert!(compiled.starts_with(real.larder.path("used").canonicalize().unwrap()));
    assert!(compiled.is_dir(), "Python compiled nothing: {}", compiled.display());
    assert_eq!(clean.stdout, used.stdout);
}

/// A kind of damage: how it is done to a file of a tree, and how `verify` names it.
struct Harm {
    kind: &'static str,
    product: &'static str,
    path: &'static str,
    does: fn(&Path),
}

fn harms() -> Vec<Harm> {
    vec![
        Harm {
            kind: "changed",
            product: "click",
            path: "click/core.py",
            does: |file| {
                // Same size, same time: only the bytes tell.
                let time = std::fs::metadata(file).unwrap().modified().unwrap();
                let mut bytes = std::fs::read(file).unwrap();
                bytes[100] ^= 1;
                std::fs::write(file, bytes).unwrap();
                std::fs::File::options()
                    .write(true)
                    .open(file)
                    .unwrap()
                    .set_modified(time)
                    .unwrap();
            },
        },
        Harm {
            kind: "missing",
            product: "packaging",
            path: "packaging/version.py",
            does: |file| std::fs::remove_file(file).unwrap(),
        },
        Harm {
            kind: "extra",
            product: "wrapt",
            path: "wrapt/sitecustomize.py",
            does: |file| std::fs::write(file, "import os\n").unwrap(),
        },
        Harm {
            kind: "mode",
            product: "structlog",
            path: "structlog/stdlib.py",
            does: |file| set_mode(file, 0o755),
        },
    ]
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes a file of the store and its folder writable for a moment.
fn force(file: &Path, does: fn(&Path)) {
    let folder = file.parent().unwrap();
    let (folder_mode, file_mode) =
        (folder.metadata().unwrap().permissions(), file.metadata().map(|file| file.permissions()));
    set_mode(folder, 0o755);
    if file.exists() {
        set_mode(file, 0o644);
    }
    does(file);
    let is_left = file.exists() && file.metadata().unwrap().permissions().mode() & 0o111 == 0;
    if let (true, Ok(mode)) = (is_left, file_mode) {
        std::fs::set_permissions(file, mode).unwrap();
    }
    std::fs::set_permissions(folder, folder_mode).unwrap();
}

#[tokio::test]
async fn every_kind_of_damage_is_found_named_and_mended() {
    let Some(real) = real().await else { return };
    let larder = Larder::new(real.registry.origin(), None);
    let environment = install(&larder, "harmed");
    let packages = environment.join("current/packages");
    let verify = |more: &[&str], code: i32| -> Value {
        let arguments = [&["verify", "--prefix", "harmed", "--json"], more].concat();
        run(&larder, &arguments).expect(code).json()
    };
    let sound = verify(&[], 0);
    let mut expected = Vec::new();
    for Harm { kind, product, path, does } in harms() {
        force(&packages.join(product).canonicalize().unwrap().join(path), does);
        expected.push((kind, product, path.to_owned()));
    }
    redirect(&packages.join("pyyaml"), &larder.path("."));
    expected.push(("link", "pyyaml", "packages/pyyaml".to_owned()));
    expected.sort();

    let found = verify(&[], 3);
    let told = run(&larder, &["verify", "--prefix", "harmed"]).expect(3);
    let mended = verify(&["--repair"], 0);
    let again = verify(&[], 0);

    let damage = found["damage"].as_array().unwrap();
    let mut named: Vec<_> = damage
        .iter()
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap();
            (text("kind"), text("product"), text("path").to_owned())
        })
        .collect();
    named.sort();
    assert_eq!(named, expected);
    assert!(expected.iter().all(|(_, _, path)| told.stdout.contains(path)), "{}", told.all());
    assert_eq!(mended["repaired"].as_array().unwrap().len(), expected.len());
    assert_eq!((&again["damage"], &again["digest"]), (&json!([]), &sound["digest"]));
    assert_eq!(again["files"], sound["files"]);
}

/// Leads a link of an environment elsewhere.
fn redirect(link: &Path, elsewhere: &Path) {
    larder_tests::client::make_writable(link.parent().unwrap());
    std::fs::remove_file(link).unwrap();
    std::os::unix::fs::symlink(elsewhere, link).unwrap();
}

#[tokio::test]
async fn any_file_a_list_of_sums_a_folder_and_an_environment_are_identified() {
    let Some(real) = real().await else { return };
    let environment = install(&real.larder, "known");
    let packages = environment.join("current/packages");
    let file = packages.join("numpy/numpy/__init__.py");
    let file_text = file.to_str().unwrap();
    let identify = |arguments: &[&str], code: i32| -> Value {
        run(&real.larder, &[&["identify", "--json"], arguments].concat()).expect(code).json()
    };

    let of_file = identify(&[file_text], 0);
    let found = of_file["found"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (&found[0]["product"], &found[0]["path"]),
        (&json!("numpy"), &json!("numpy/__init__.py"))
    );
    let versions: Vec<_> = found[0]["distributions"].as_array().unwrap().iter().collect();
    assert_eq!(versions.len(), 2, "both weeklies have it: {versions:?}");

    let listed = Command::new("sha256sum")
        .args([file_text, packages.join("click/click/core.py").to_str().unwrap()])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let ran = real.larder.run_with(["identify", "--json", "-"], &listed).expect(0);
    assert_eq!(ran.json::<Value>()["found"].as_array().unwrap().len(), 2);

    let of_folder =
        identify(&[packages.join("click").canonicalize().unwrap().to_str().unwrap()], 0);
    assert_eq!(of_folder["folders"][0]["builds"][0]["product"], "click");
    assert_eq!(of_folder["folders"][0]["builds"][0]["whole"], true);

    let of_environment = identify(&[environment.to_str().unwrap()], 0);
    let builds = of_environment["folders"][0]["builds"].as_array().unwrap();
    assert_eq!(builds.len(), 24, "{of_environment:#}");
}

#[tokio::test]
async fn the_empty_file_is_answered_bounded_and_the_unknown_is_exit_3() {
    let Some(real) = real().await else { return };
    let empty = real.larder.write("empty", b"");
    let other = real.larder.write("other", b"nobody published this");

    let of_empty = real.larder.run(["identify", "--json", empty.to_str().unwrap()]).expect(0);
    let told = real.larder.run(["identify", empty.to_str().unwrap()]).expect(0);
    let unknown = real.larder.run(["identify", "--json", other.to_str().unwrap()]).expect(3);

    let answer: Value = of_empty.json();
    let found = answer["found"].as_array().unwrap().len();
    assert!((15..=100).contains(&found), "{found} holders");
    assert!(told.stdout.lines().count() < 30, "{}", told.all());
    let sum = format!("sha256:{}", Sha256::of(b"nobody published this"));
    assert_eq!(unknown.json::<Value>()["unknown"], json!([sum]));
}

#[tokio::test]
async fn what_is_installed_needs_no_server_any_more() {
    let Some(real) = real().await else { return };
    install(&real.larder, "alone");

    let down =
        Larder::command(&real.larder, ["run", "--prefix", "alone", "--", "butler", "--help"]);
    let mut down = down;
    with_python(&mut down).env("LARDER_SERVER", "http://127.0.0.1:9");
    let mut verify = real.larder.command(["verify", "--prefix", "alone"]);
    with_python(&mut verify).env("LARDER_SERVER", "http://127.0.0.1:9");

    Ran::of(down.output().unwrap()).expect(0);
    Ran::of(verify.output().unwrap()).expect(0);
}
