//! `deploy/ci`: the demonstration builds what must be built and nothing else, and the pipelines run what
//! is there.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use larder_schema::api::TagsAnswer;
use larder_tests::client::make_writable;
use larder_tests::data::checkout;
use larder_tests::process::{ServerProcess, bare, program};

/// What the demonstration printed, and the folder that it worked in.
struct Demonstration {
    folder: tempfile::TempDir,
    printed: String,
}

impl Demonstration {
    fn run() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // In the order in which it is read on a terminal.
        let output = bare("bash")
            .args(["-c", r#"exec timeout 600 "$@" 2>&1"#, "bash"])
            .arg(checkout().join("deploy/ci/demo"))
            .arg("--dir")
            .arg(folder.path())
            .arg("--programs")
            .arg(program("larder").parent().unwrap())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}\n{printed}", output.status);
        Self { folder, printed }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The part of a scene, and of its commands that begin with `command`, what each printed.
    fn runs(&self, scene: u32, command: &str) -> Vec<&str> {
        let after = self.printed.split_once(&format!("\n== {scene}. ")).unwrap().1;
        let part = after.split("\n== ").next().unwrap();
        let commands = part.split("\n$ ").skip(1);
        commands.filter(|printed| printed.starts_with(command)).collect()
    }
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        make_writable(self.folder.path());
    }
}

/// The products that were `built`, `spared` or `FAILED`, by name.
fn products<'a>(printed: &'a str, fate: &str) -> BTreeSet<&'a str> {
    let told = printed.lines().filter_map(|line| line.trim().strip_prefix(fate));
    told.map(|line| line.trim().split(['@', ':']).next().unwrap()).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<&str> {
    names.into()
}

#[tokio::test]
async fn the_demonstration_builds_what_must_be_built_and_nothing_else() {
    let demonstration = Demonstration::run();

    let logs: Vec<String> = larder_tests::data::files_of(demonstration.path(), "log")
        .iter()
        .filter(|path| path.file_stem().unwrap().to_string_lossy().starts_with("linux-"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(logs.len(), 3);
    for log in &logs {
        assert_eq!(products(log, "built").len(), 12, "{log}");
    }
    // The last of the three platforms moves the tag; where two come last at once, both see it moved.
    let sees_it_moved = |log: &&String| log.contains("current names it now");
    let waits = |log: &&String| log.contains("the tag `current` has not moved");
    let (moved, waiting) =
        (logs.iter().filter(sees_it_moved).count(), logs.iter().filter(waits).count());
    assert!(moved >= 1 && moved + waiting == 3, "{logs:?}");

    let [leaf] = demonstration.runs(2, "tonight -")[..] else { panic!("one run") };
    assert_eq!(products(leaf, "built"), set(["log"]));
    let [program] = demonstration.runs(2, "larder update")[..] else { panic!("one update") };
    assert!(program.contains("\nnote 1, detect: 3"), "yesterday's program, today's log: {program}");

    let [semver, exact] = demonstration.runs(3, "tonight")[..] else { panic!("two runs") };
    assert_eq!(products(semver, "built"), set(["stats", "detect", "measure"]));
    let left = set(["apps", "config", "detect", "image", "io", "measure", "table"]);
    assert_eq!(products(exact, "built"), left);

    let [comment] = demonstration.runs(4, "tonight")[..] else { panic!("one run") };
    assert_eq!(products(comment, "built"), set(["geom"]));
    let above = set(["apps", "detect", "image", "io", "measure", "wcs"]);
    assert_eq!(products(comment, "spared"), above);

    let [failed, mended] = demonstration.runs(5, "tonight")[..] else { panic!("two runs") };
    assert_eq!(products(failed, "FAILED"), set(["table"]));
    assert!(failed.contains("\nexit 1\n"), "{failed}");
    // All but utils are of the wave after the failure.
    assert_eq!(products(failed, "built"), set(["config", "geom", "stats", "utils"]));
    assert_eq!(products(failed, "stopped"), set(["apps", "measure"]));
    assert_eq!(products(mended, "built"), set(["apps", "measure", "table"]));

    let [branch] = demonstration.runs(6, "LARDER_TOKEN")[..] else { panic!("one run") };
    assert!(products(branch, "built").contains("detect"), "{branch}");
    let [others] = demonstration.runs(6, "larder plan")[..] else { panic!("one plan") };
    assert!(others.contains("only a test build"), "{others}");

    let server = ServerProcess::start(&demonstration.path().join("data"));
    let tags = server.admin().get("/api/v1/tags/sky").await;
    let history = tags.json::<TagsAnswer>().history;
    assert_eq!(history.len(), 6, "a move for each run that ended well: {history:?}");
}

/// The shell scripts in a pipeline: what stands below `run: |` or between `sh '''` and `'''`.
fn scripts(pipeline: &str) -> Vec<String> {
    let mut scripts: Vec<String> = Vec::new();
    let mut end: Option<usize> = None;
    for line in pipeline.lines() {
        let indent = line.len() - line.trim_start().len();
        match end {
            Some(outside) if line.trim() == "'''" || (!line.is_empty() && indent <= outside) => {
                end = None;
            }
            Some(_) => {
                let script = scripts.last_mut().unwrap();
                script.push_str(&line.replace("\\\\", "\\"));
                script.push('\n');
            }
            None if line.trim() == "run: |" || line.trim() == "sh '''" => {
                end = Some(indent);
                scripts.push(String::new());
            }
            None => {}
        }
    }
    scripts
}

fn bash_reads(script: &str) -> Output {
    let mut bash =
        bare("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    bash.wait_with_output().unwrap()
}

#[test]
fn the_pipelines_run_scripts_that_are_there_with_options_that_they_have() {
    let folder = checkout().join("deploy/ci");
    let help = bare(folder.join("build")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();

    let options: Vec<Vec<String>> = ["github-actions.yml", "Jenkinsfile"]
        .into_iter()
        .map(|name| {
            let scripts = scripts(&std::fs::read_to_string(folder.join(name)).unwrap());
            assert_eq!(scripts.len(), 2, "{name}");
            for script in &scripts {
                let read = bash_reads(script);
                assert!(read.status.success(), "{name}: {script}\n{read:?}");
            }
            assert!(
                scripts[0].contains("deploy/ci/sources ") && scripts[0].contains("larder build-id")
            );
            let command = scripts[1].split_once("deploy/ci/build ").unwrap().1;
            command
                .split_whitespace()
                .filter(|word| word.starts_with("--"))
                .map(str::to_owned)
                .collect()
        })
        .collect();

    assert_eq!(options[0], options[1], "both pipelines do the same");
    assert!(options[0].len() > 8);
    let unknown: Vec<_> = options[0].iter().filter(|option| !help.contains(*option)).collect();
    assert!(unknown.is_empty(), "deploy/ci/build has no {unknown:?}");
}

#[test]
fn a_script_in_a_pipeline_that_no_shell_reads_is_found() {
    let found =
        scripts("a:\n  run: |\n    if true; then\n  next: 1\nsh '''\n  one \\\\\n  two\n'''\n");

    assert_eq!(found, ["    if true; then\n", "  one \\\n  two\n"]);
    assert!(!bash_reads(&found[0]).status.success());
    assert!(bash_reads(&found[1]).status.success());
}
