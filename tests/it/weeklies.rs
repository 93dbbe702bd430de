//! LSST's own packages from one weekly to the next: followed by tag, and gone back from.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use larder_tests::data::wheels;
use larder_tests::{Larder, Ran, TestRegistry};
use serde_json::{Value, json};

use crate::real::with_python;

fn run(larder: &Larder, arguments: &[&str]) -> Ran {
    Ran::of(with_python(&mut larder.command(arguments)).output().unwrap())
}

fn import(larder: &Larder, week: &str) {
    let distribution = format!("lsst_butler@30.2026.{week}");
    let options = ["import", "wheel", "--build", "b1", "--tag", "current", "--distribution"];
    let mut command = larder.command(options);
    command.arg(distribution).args(wheels(week).unwrap());
    Ran::of(command.output().unwrap()).expect(0);
}

/// Waits for a line, then imports, and says what it has imported and from where.
const LATE: &str = "import sys, importlib.metadata as metadata\n\
    print('in', flush=True)\n\
    sys.stdin.readline()\n\
    import lsst.daf.butler\n\
    print(metadata.version('lsst_daf_butler'), lsst.daf.butler.__file__)\n";

#[tokio::test]
async fn a_weekly_is_followed_by_its_tag_and_gone_back_from_without_a_server() {
    let (Some(_), Some(_)) = (wheels("4200"), wheels("4300")) else { return };
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    import(&larder, "4200");
    run(&larder, &["install", "lsst_butler", "--prefix", "env"]).expect(0);
    let mut command = larder.command(["run", "--prefix", "env", "--", "python3", "-c", LATE]);
    let child = with_python(&mut command).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "in\n");
    import(&larder, "4300");

    let updated = run(&larder, &["update", "--prefix", "env", "--json"]).expect(0);
    let again = run(&larder, &["update", "--prefix", "env"]).expect(0);
    child.stdin.take().unwrap().write_all(b"now\n").unwrap();
    line.clear();
    out.read_line(&mut line).unwrap();
    assert!(child.wait().unwrap().success());
    let late = ["run", "--prefix", "env", "--", "python3", "-c", LATE];
    let new = run(&larder, &late).expect(0).stdout;
    drop(registry);
    let back = run(&larder, &["rollback", "--prefix", "env", "--json"]).expect(0);
    let old = run(&larder, &late).expect(0);
    let history: Value = run(&larder, &["history", "--prefix", "env", "--json"]).expect(0).json();

    let updated: Value = updated.json();
    assert_eq!(updated["changes"].as_array().unwrap().len(), 1, "{updated:#}");
    assert!(again.stdout.contains("up to date"), "{}", again.all());
    assert!(line.starts_with("30.2026.4200 ") && line.contains("/generations/1/"), "{line}");
    assert!(new.contains("30.2026.4300 ") && new.contains("/generations/2/"), "{new}");
    assert_eq!(back.json::<Value>()["generation"], 1);
    assert!(old.stdout.contains("30.2026.4200 "), "{}", old.all());
    let told: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|item| &item["to"]).collect();
    assert_eq!(told, [&json!(1), &json!(2), &json!(1)]);
    assert_eq!(history["items"][1]["changes"], "~lsst_daf_butler");
    run(&larder, &["verify", "--prefix", "env"]).expect(0);
}
