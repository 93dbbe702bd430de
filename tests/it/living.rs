//! Environments that live: changed, gone back, remembered, and clean afterwards.

use std::path::Path;
use std::process::Stdio;

use larder_tests::client::make_writable;
use larder_tests::redact::redacted;
use larder_tests::{Larder, Ran, TestRegistry, build, distribution};
use serde_json::{Value, json};

/// A server with `apps` in three versions, each with another `afw`, and somebody who uses it.
pub(crate) async fn with_versions() -> (TestRegistry, Larder) {
    let registry = TestRegistry::start().await;
    for number in 1..=3 {
        let name = format!("1.0.{number}-b1");
        let afw = build("afw", &name).file("lib/afw.txt", name.as_bytes());
        let afw = registry.publish(afw).await;
        let version = format!("1.0.{number}");
        registry.distribute(&distribution("apps", &version).of([&afw])).await;
    }
    let larder = Larder::new(registry.origin(), None);
    (registry, larder)
}

/// Installs these versions of `apps`, one after the other.
fn install_all(larder: &Larder, versions: &[&str]) {
    for version in versions {
        larder.ok(["install", &format!("apps@{version}"), "--prefix", "env"]);
    }
}

/// What `afw` says in the current generation.
fn afw(larder: &Larder) -> String {
    std::fs::read_to_string(larder.path("env/current/packages/afw/lib/afw.txt")).unwrap()
}

fn json_of(larder: &Larder, arguments: &[&str]) -> Value {
    larder.ok([arguments, &["--prefix", "env", "--json"]].concat()).json()
}

/// Where each switch went, the last first, and whether it happened.
fn switches(larder: &Larder) -> Vec<(Value, Value, bool)> {
    let history = json_of(larder, &["history"]);
    let items = history["items"].as_array().unwrap().iter();
    items
        .map(|item| (item["from"].clone(), item["to"].clone(), item["done"] == json!(true)))
        .collect()
}

#[tokio::test]
async fn two_rollbacks_go_two_back_without_a_server() {
    let (registry, larder) = with_versions().await;
    install_all(&larder, &["1.0.1", "1.0.2", "1.0.3"]);
    drop(registry);

    let first = json_of(&larder, &["rollback", "--reason", "3 is slow"]);
    let after_first = afw(&larder);
    json_of(&larder, &["rollback"]);
    let after_second = afw(&larder);
    let third = larder.run(["rollback", "--prefix", "env"]).expect(3);
    let forward = json_of(&larder, &["rollback", "--to", "3"]);
    let again = json_of(&larder, &["rollback", "--to", "3"]);

    assert_eq!((&first["from"], &first["generation"]), (&json!(3), &json!(2)));
    assert_eq!((after_first.as_str(), after_second.as_str()), ("1.0.2-b1", "1.0.1-b1"));
    assert!(third.stderr.contains("before generation 1"), "{}", third.all());
    assert_eq!((&forward["generation"], &again["unchanged"]), (&json!(3), &json!(true)));
    assert_eq!(afw(&larder), "1.0.3-b1");
    let expected =
        [(Some(1), 3), (Some(2), 1), (Some(3), 2), (Some(2), 3), (Some(1), 2), (None, 1)];
    let expected = expected.map(|(from, to)| (json!(from), json!(to), true));
    assert_eq!(switches(&larder), expected);
    let history = json_of(&larder, &["history"]);
    assert_eq!(history["items"][2]["reason"], "3 is slow");
    let current = history["items"].as_array().unwrap().iter().filter(|it| it["current"] == true);
    assert_eq!(current.count(), 1);
    larder.ok(["verify", "--prefix", "env"]);
}

#[tokio::test]
async fn the_history_is_told_to_people() {
    let (_registry, larder) = with_versions().await;
    let ada = |arguments: &[&str]| {
        let mut command = larder.command(arguments);
        Ran::of(command.args(["--prefix", "env"]).env("USER", "ada").output().unwrap()).expect(0)
    };
    ada(&["install", "apps@1.0.1", "--reason", "the first try"]);
    ada(&["install", "apps@1.0.2"]);
    ada(&["rollback"]);

    let told = ada(&["history"]);

    insta::assert_snapshot!(redacted(&told.all()));
}

#[tokio::test]
async fn what_is_installed_after_a_rollback_gets_a_number_that_was_never_given() {
    let (_registry, larder) = with_versions().await;
    install_all(&larder, &["1.0.1", "1.0.2"]);
    larder.ok(["rollback", "--prefix", "env"]);
    larder.ok(["store", "clean", "--keep-generations", "0"]);

    let third = json_of(&larder, &["install", "apps@1.0.3"]);
    let back = json_of(&larder, &["rollback"]);

    assert_eq!((&third["generation"], &back["generation"]), (&json!(3), &json!(1)));
    assert_eq!(afw(&larder), "1.0.1-b1");
}

/// Changes a byte of a file in the store.
fn damage(larder: &Larder, generation: u64) {
    let package = larder.path(&format!("env/generations/{generation}/packages/afw"));
    let tree = package.canonicalize().unwrap();
    make_writable(&tree);
    let file = tree.join("lib/afw.txt");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(file, "1.0.9-b1").unwrap();
}

#[tokio::test]
async fn a_damaged_generation_is_found_before_it_becomes_current() {
    let (registry, larder) = with_versions().await;
    install_all(&larder, &["1.0.1", "1.0.2"]);
    damage(&larder, 1);
    std::fs::remove_file(larder.path("env/generations/1/packages/afw")).unwrap();

    let refused = larder.run(["rollback", "--prefix", "env"]).expect(3);
    let still = afw(&larder);
    let told: Value = larder.run(["rollback", "--prefix", "env", "--json"]).expect(3).json();
    let mended = json_of(&larder, &["rollback", "--repair"]);
    let back = afw(&larder);
    json_of(&larder, &["rollback", "--to", "2"]);
    std::fs::write(larder.path("env/generations/1/lock.json"), "{").unwrap();
    drop(registry);
    let unreadable = larder.run(["rollback", "--to", "1", "--prefix", "env"]).expect(3);

    assert_eq!((still.as_str(), back.as_str()), ("1.0.2-b1", "1.0.1-b1"));
    assert_eq!(told["ok"], false);
    assert_eq!(mended["repaired"].as_array().unwrap().len(), 2, "{mended:#}");
    assert_eq!(afw(&larder), "1.0.2-b1");
    insta::assert_snapshot!(redacted(&(refused.all() + &unreadable.all())));
    assert_eq!(switches(&larder).len(), 4);
}

#[tokio::test]
async fn a_generation_that_is_not_the_one_of_then_is_refused() {
    let (_registry, larder) = with_versions().await;
    install_all(&larder, &["1.0.1", "1.0.2"]);
    let generations = larder.path("env/generations");
    for name in ["lock.json", "packages"] {
        let (there, other) = (generations.join("1").join(name), generations.join("2").join(name));
        std::fs::rename(&there, generations.join("1").join(format!("old-{name}"))).unwrap();
        std::fs::rename(other, there).unwrap();
    }

    let refused = larder.run(["rollback", "--to", "1", "--prefix", "env"]).expect(3);

    assert!(refused.stderr.contains("when it became current"), "{}", refused.all());
}

/// A process in a generation that waits until it is told to go on; it answers what it then sees.
struct Inside(std::process::Child);

impl Inside {
    fn start(larder: &Larder) -> Self {
        let script = "echo in; read line; cat \"$AFW_DIR/lib/afw.txt\"";
        let mut command = larder.command(["run", "--prefix", "env", "--", "sh", "-c", script]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        assert_eq!(&first, b"in\n");
        Self(child)
    }

    fn go_on(mut self) -> String {
        drop(self.0.stdin.take());
        Ran::of(self.0.wait_with_output().unwrap()).stdout
    }
}

#[tokio::test]
async fn old_generations_go_but_never_one_that_is_current_or_in_use() {
    let (_registry, larder) = with_versions().await;
    install_all(&larder, &["1.0.1", "1.0.2"]);
    larder.ok(["rollback", "--prefix", "env"]);
    let inside = Inside::start(&larder);
    larder.ok(["install", "apps@1.0.3", "--prefix", "env"]);
    let kept = || {
        let entries = std::fs::read_dir(larder.path("env/generations")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let clean =
        || -> Value { larder.ok(["store", "clean", "--keep-generations", "1", "--json"]).json() };

    let two_left = larder.ok(["store", "clean", "--json"]).json::<Value>();
    assert_eq!((kept().len(), &two_left["trees"]), (3, &json!(0)));
    let first = clean();
    let left = kept();
    let saw = inside.go_on();
    let second = clean();

    assert_eq!(first["generations"][0]["dropped"], json!([2]));
    assert_eq!(first["generations"][0]["in_use"], json!([1]));
    assert_eq!(left, ["1", "3"]);
    assert_eq!(saw, "1.0.1-b1");
    assert_eq!((&second["generations"][0]["dropped"], &second["trees"]), (&json!([1]), &json!(1)));
    assert_eq!(kept(), ["3"]);
    larder.ok(["verify", "--prefix", "env"]);
    larder.ok(["store", "check"]);
    larder.run(["rollback", "--prefix", "env"]).expect(3);
}

/// Runs a script in a shell that may not be there.
pub(crate) fn shell(larder: &Larder, shell: &str, arguments: &[&str], script: &str) -> Option<Ran> {
    let mut command = larder.command([""; 0]);
    let environment: Vec<_> =
        command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    let mut there = std::process::Command::new(shell);
    for (name, value) in environment {
        if let Some(value) = value {
            there.env(name, value);
        }
    }
    command = there;
    let program = larder_tests::process::program("larder");
    let folder = program.parent().unwrap().display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    command.env_remove("LARDER_TOKEN").env("PATH", path).current_dir(larder.path("."));
    match command.args(arguments).arg(script).output() {
        Ok(output) => Some(Ran::of(output)),
        Err(_) => {
            eprintln!("skipped: there is no {shell} here");
            None
        }
    }
}

#[tokio::test]
async fn a_shell_that_was_activated_keeps_its_generation_until_it_ends() {
    let (_registry, larder) = with_versions().await;
    let shells = [
        ("bash", &["--norc", "-euc"][..], "eval \"$(larder activate --prefix env --shell bash)\""),
        ("zsh", &["-f", "-euc"], "eval \"$(larder activate --prefix env --shell zsh)\""),
    ];
    for (name, arguments, activate) in shells {
        make_writable(&larder.path("env"));
        drop(std::fs::remove_dir_all(larder.path("env")));
        install_all(&larder, &["1.0.1"]);
        let script = format!(
            "{activate}\nlarder install apps@1.0.2 --prefix env >&2\n\
             larder store clean --keep-generations 1 >&2\n\
             cat \"$AFW_DIR/lib/afw.txt\"; ls env/generations | tr '\\n' ' '"
        );

        let Some(ran) = shell(&larder, name, arguments, &script) else { continue };

        assert_eq!(ran.clone().expect(0).stdout, "1.0.1-b11 2 ", "{name}: {}", ran.all());
        larder.ok(["store", "clean", "--keep-generations", "1"]);
        assert!(!larder.path("env/generations/1").exists(), "{name} holds it after its end");
    }
}

#[tokio::test]
async fn zsh_and_fish_take_the_code_for_what_it_says() {
    let (registry, larder) = with_versions().await;
    let odd = build("odd", "1.0.0-b1").file("bin/x", b"").field(
        "variables",
        json!({"PATH": ["bin"], "ODD_PATH": ["."], "ODD": {"set": "it's \\ $(touch made) `y` \"é\""}}),
    );
    let odd = registry.publish(odd).await;
    registry.distribute(&distribution("odd", "1.0.0").of([&odd])).await;
    larder.ok(["install", "odd@1.0.0", "--prefix", "env"]);
    let activated = larder.path("env").canonicalize().unwrap().join("generations/1/packages/odd");
    let script = "printf '%s\\n' \"$ODD\" \"$ODD_DIR\" \"$ODD_PATH\"; env | grep '^PATH='";
    let cases = [
        ("zsh", &["-f", "-euc"][..], "eval \"$(larder activate --prefix env --shell zsh)\""),
        ("bash", &["--norc", "-euc"], "eval \"$(larder activate --prefix env --shell bash)\""),
        ("fish", &["--no-config", "-c"], "larder activate --prefix env --shell fish | source"),
    ];
    for (name, arguments, activate) in cases {
        let Some(ran) = shell(&larder, name, arguments, &format!("{activate}\n{script}")) else {
            continue;
        };

        let ran = ran.expect(0);
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let folder = activated.to_str().unwrap();
        assert_eq!(lines[0], "it's \\ $(touch made) `y` \"é\"", "{name}");
        assert_eq!(&lines[1..3], [folder, folder], "{name}: {}", ran.all());
        assert!(lines[3].contains(&format!("{folder}/bin:")), "{name}: {}", ran.all());
        assert!(!Path::new(&larder.path("made")).exists(), "{name} ran what it should say");
    }
}
