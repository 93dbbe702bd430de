//! Products replaced by folders, as one develops them: for a command, for a shell, and told.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use larder_tests::process::program;
use larder_tests::redact::redacted;
use larder_tests::{Larder, Ran, TestRegistry, build, distribution};
use serde_json::{Value, json};

use crate::living::shell;

/// An environment with `log` and with `afw`, which has a module and a script.
async fn installed() -> (TestRegistry, Larder) {
    let registry = TestRegistry::start().await;
    let log = build("log", "1.0.0-b1").file("lib/log.txt", b"log").pack();
    let afw = build("afw", "1.0.0-b1")
        .file("python/afw.py", b"def main(): print('theirs')\n")
        .field("variables", json!({"PYTHONPATH": ["python"], "AFW_MODE": {"set": "theirs"}}))
        .field("scripts", json!({"measure": "afw:main"}))
        .pack();
    registry.publish_all(&[&log, &afw]).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&log, &afw])).await;
    let larder = Larder::new(registry.origin(), None);
    larder.ok(["install", "apps@1.0.0", "--prefix", "env"]);
    (registry, larder)
}

/// A folder in which somebody develops `afw`.
fn checkout(larder: &Larder) -> String {
    larder.write("afw/python/afw.py", b"def main(): print('mine')\n");
    larder.path("afw").canonicalize().unwrap().to_str().unwrap().to_owned()
}

/// All that lies below a folder, with the sizes of files and where links lead.
fn contents(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let mode = metadata.permissions().mode();
        let size = if metadata.is_file() { metadata.len() } else { 0 };
        all.push(format!(
            "{mode:o} {size} {} {:?}",
            path.display(),
            std::fs::read_link(&path).ok()
        ));
        if metadata.is_dir() {
            all.extend(contents(&path));
        }
    }
    all.sort();
    all
}

/// Runs something in the environment with products replaced.
fn run(larder: &Larder, with: &[&str], command: &[&str]) -> Ran {
    let with = with.iter().flat_map(|with| ["--with", with]);
    let words = ["run", "--prefix", "env"].into_iter().chain(with).chain(["--"]);
    let mut started = larder.command(words.chain(command.iter().copied()));
    Ran::of(started.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap())
}

/// Runs larder itself there.
fn larder_inside(larder: &Larder, with: &[&str], arguments: &[&str]) -> Ran {
    let own = program("larder").display().to_string();
    run(larder, with, &[&[own.as_str()], arguments].concat()).expect(0)
}

fn status_inside(larder: &Larder, with: &[&str], prefix: &str) -> Value {
    larder_inside(larder, with, &["status", "--prefix", prefix, "--json"]).json::<Value>()["replaced"]
        .clone()
}

#[tokio::test]
async fn a_command_runs_with_a_folder_in_place_of_a_product_and_nothing_else_changes() {
    let (_registry, larder) = installed().await;
    let afw = checkout(&larder);
    let before = contents(&larder.path("env"));
    let script = "echo $AFW_DIR $AFW_MODE; measure; cat $LOG_DIR/lib/log.txt";

    let theirs = run(&larder, &[], &["sh", "-c", script]).expect(0);
    let mine = run(&larder, &["afw=afw"], &["sh", "-c", script]).expect(0);

    let packages = larder.path("env").canonicalize().unwrap().join("generations/1/packages");
    assert_eq!(theirs.stdout, format!("{}/afw theirs\ntheirs\nlog", packages.display()));
    assert_eq!(mine.stdout, format!("{afw} theirs\nmine\nlog"));
    assert_eq!(mine.stderr, "");
    assert_eq!(contents(&larder.path("env")), before);
    larder.ok(["verify", "--prefix", "env"]);
}

#[tokio::test]
async fn the_metadata_of_the_folder_says_what_it_does() {
    let (_registry, larder) = installed().await;
    checkout(&larder);
    larder.write("afw/src/afw.py", b"def main(): print('new')\n");
    let metadata =
        b"product = 'afw'\nvariables = { PYTHONPATH = ['src'], NEW = { set = \"it's\" } }";
    larder.write("afw/larder.toml", metadata);
    larder.write("extra/larder.toml", b"variables = { PYTHONPATH = ['.'] }");
    larder.write("extra/extra.py", b"import afw; afw.main()\n");

    let script = "measure; echo $NEW ${AFW_MODE-none} $EXTRA_DIR; python3 -m extra";
    let ran = run(&larder, &["afw=afw", "extra=./extra"], &["sh", "-c", script]).expect(0);

    let extra = larder.path("extra").canonicalize().unwrap();
    assert_eq!(ran.stdout, format!("new\nit's none {}\nnew\n", extra.display()));
}

#[tokio::test]
async fn what_the_folder_lacks_is_said() {
    let (_registry, larder) = installed().await;
    checkout(&larder);

    let ran = run(&larder, &["afw=afw/python"], &["echo", "on"]).expect(0);

    let folder = larder.path("afw/python").canonicalize().unwrap();
    let said = format!("`{}` has no `python`, for `afw`\n", folder.display());
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("on\n", said.as_str()));
}

#[tokio::test]
async fn status_tells_what_is_replaced_to_whom_it_is_replaced_for() {
    let (_registry, larder) = installed().await;
    let afw = checkout(&larder);
    larder.ok(["install", "apps@1.0.0", "--prefix", "other"]);

    let inside = status_inside(&larder, &["afw=afw"], "env");
    let other = status_inside(&larder, &["afw=afw"], "other");
    let outside: Value = larder.ok(["status", "--prefix", "env", "--json"]).json();
    let own = program("larder").display().to_string();
    let nested = ["run", "--prefix", "env", "--", &own, "status", "--prefix", "env", "--json"];
    let nested: Value = larder_inside(&larder, &["afw=afw"], &nested).json();
    let text = larder_inside(&larder, &["afw=afw"], &["status", "--prefix", "env"]).stdout;
    let verified = larder_inside(&larder, &["afw=afw"], &["verify", "--prefix", "env"]).stdout;

    assert_eq!(inside, json!([{"product": "afw", "folder": afw, "generation": 1}]));
    assert_eq!(other, json!([]));
    assert_eq!(outside["replaced"], json!([]));
    assert_eq!(nested["replaced"], json!([]));
    assert!(text.contains(&format!("\nreplaced      afw by {afw}\n")), "{text}");
    let sentence = format!("`afw` is replaced by `{afw}` here, which is not verified\n");
    assert!(verified.ends_with(&sentence), "{verified}");
}

#[tokio::test]
async fn who_stays_in_an_older_generation_is_told_that_it_is_replaced_there() {
    let (registry, larder) = installed().await;
    let afw = checkout(&larder);
    let log = registry.publish(build("log", "1.0.1-b2").file("lib/log.txt", b"new")).await;
    registry.distribute(&distribution("apps", "1.0.1").of([&log])).await;
    let own = program("larder").display().to_string();
    let script = format!("{own} install apps@1.0.1 --prefix env >&2; {own} status --prefix env");

    let ran = run(&larder, &["afw=afw"], &["sh", "-ec", &script]).expect(0);

    let line = format!("afw by {afw} (in generation 1, where this runs)\n");
    assert!(ran.stdout.contains(&line), "{}", ran.all());
    assert!(ran.stdout.contains("generation    2\n"), "{}", ran.all());
}

#[tokio::test]
async fn a_shell_has_a_product_replaced_until_it_is_activated_without() {
    let (_registry, larder) = installed().await;
    let afw = checkout(&larder);
    let installed = larder.path("env").canonicalize().unwrap().join("generations/1/packages/afw");
    let shells = [
        (
            "bash",
            &["--norc", "-euc"][..],
            "eval \"$(larder activate --prefix env --shell bash W)\"",
        ),
        ("zsh", &["-f", "-euc"], "eval \"$(larder activate --prefix env --shell zsh W)\""),
        ("fish", &["--no-config", "-c"], "larder activate --prefix env --shell fish W | source"),
    ];
    for (name, arguments, activate) in shells {
        let look = "echo $AFW_DIR; measure; larder status --prefix env --json; echo .";
        let script = format!(
            "{}; {look}\n{}; {look}",
            activate.replace('W', "--with afw=afw"),
            activate.replace('W', "")
        );

        let Some(ran) = shell(&larder, name, arguments, &script) else { continue };

        let ran = ran.expect(0);
        let (mine, theirs) = ran.stdout.split_once("\n.\n").unwrap();
        let told = |printed: &str| -> (String, Value) {
            let (lines, json) = printed.split_once("\n{").unwrap();
            let status: Value =
                serde_json::from_str(&format!("{{{}", json.trim_end_matches(".\n"))).unwrap();
            (lines.to_owned(), status["replaced"].clone())
        };
        let replaced = json!([{"product": "afw", "folder": afw, "generation": 1}]);
        assert_eq!(told(mine), (format!("{afw}\nmine"), replaced), "{name}: {}", ran.all());
        let theirs = told(theirs);
        let expected = (format!("{}\ntheirs", installed.display()), json!([]));
        assert_eq!(theirs, expected, "{name}: {}", ran.all());
    }
}

#[tokio::test]
async fn what_cannot_be_replaced_is_refused_with_a_way_out() {
    let (_registry, larder) = installed().await;
    checkout(&larder);
    larder.write("other/larder.toml", b"product = 'log'");
    larder.write("bad/larder.toml", b"variables = { LD_PRELOAD = { set = 'x' } }");
    larder.write("a:b/x", b"");
    larder.write("empty/x", b"");
    let cases: [&[&str]; 13] = [
        &["afw"],
        &["=afw"],
        &["afw="],
        &["a/b=afw"],
        &["afw=none"],
        &["afw=afw/python/afw.py"],
        &["afw=a:b"],
        &["afw=afw", "log=afw", "afw=other"],
        &["afw=other"],
        &["afw=bad"],
        &["Afw=afw"],
        &["new=empty"],
        &["log=afw", "new"],
    ];

    let mut told = String::new();
    for with in cases {
        let refused = run(&larder, with, &["echo", "ran"]).expect(2);
        let options: Vec<&str> = with.iter().flat_map(|with| ["--with", with]).collect();
        let activate = [&["activate", "--prefix", "env"], &options[..]].concat();
        let activated = larder.run(activate).expect(2);

        assert_eq!(refused.stdout + &activated.stdout, "", "{with:?}");
        if !refused.stderr.contains("For more information") {
            assert_eq!(refused.stderr, activated.stderr);
        }
        told.push_str(&format!("--with {}\n{}\n", with.join(" --with "), refused.stderr));
    }

    insta::assert_snapshot!(redacted(&told));
}

#[tokio::test]
async fn what_others_say_in_larder_s_variable_is_printed_safely_or_passed_over() {
    let (_registry, larder) = installed().await;
    let generation = larder.path("env").canonicalize().unwrap().join("generations/1");
    let status = |told: &str| {
        let mut command = larder.command(["status", "--prefix", "env"]);
        Ran::of(command.env("LARDER_REPLACED", told).output().unwrap()).expect(0)
    };
    let plain = larder.ok(["status", "--prefix", "env"]).stdout;
    let hostile = json!({"generation": generation, "replaced": [
        {"product": "afw", "folder": "/x\n\u{1b}[2Jserver  evil\u{202e}"}]});

    let shown = status(&hostile.to_string()).stdout;
    let garbage = status("{\u{1b}[2J");

    assert!(shown.contains("afw by /x\\n\\u{1b}[2Jserver  evil\\u{202e}\n"), "{shown}");
    assert_eq!(shown.lines().count(), plain.lines().count() + 1);
    assert_eq!(garbage.stdout, plain);
    assert!(garbage.stderr.contains("`LARDER_REPLACED` holds nothing"), "{}", garbage.all());
    assert!(!garbage.all().contains('\u{1b}'));
}

#[tokio::test]
async fn a_folder_that_others_removed_meanwhile_leaves_the_environment_sound() {
    let (_registry, larder) = installed().await;
    let afw = checkout(&larder);
    let script = format!("rm -r {afw}; {} status --prefix env", program("larder").display());

    let ran = run(&larder, &["afw=afw"], &["sh", "-ec", &script]).expect(0);

    assert!(ran.stdout.contains(&format!("afw by {afw}\n")), "{}", ran.all());
    larder.ok(["verify", "--prefix", "env"]);
}
