//! The guides, run as they are written: one observatory's story, from the server to the auditor.
//!
//! In a block `console` a line that begins with `$ ` is a command (with `> ` it goes on), and what
//! stands below it must be printed, where `…` stands for anything. A command must succeed.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::Stdio;

use larder_tests::client::make_writable;
use larder_tests::data::checkout;
use larder_tests::process::{bare, program};

/// In the order in which they are read and run.
const GUIDES: [&str; 6] = ["administer", "build", "publish", "install", "audit", "eups"];

/// A command of a guide, and what it must print.
#[derive(Debug, PartialEq)]
struct Step {
    guide: &'static str,
    line: usize,
    command: String,
    printed: Vec<String>,
}

fn steps(guide: &'static str, text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            let (command, printed) = (command.to_owned(), Vec::new());
            steps.push(Step { guide, line: index + 1, command, printed });
        } else if let Some(step) = steps.last_mut() {
            match line.strip_prefix("> ") {
                Some(more) => write!(step.command, "\n{more}").unwrap(),
                None => step.printed.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Whether `printed` is `expected`, in which `…` stands for any text within a line, and a line that
/// is only `…` for any lines.
fn is_as_written(expected: &[String], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line.trim() == "…" => {
            (0..=printed.len()).any(|skipped| is_as_written(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed.split_first().is_some_and(|(found, after)| {
            line_is_as_written(line.trim_end(), found.trim_end()) && is_as_written(rest, after)
        }),
    }
}

fn line_is_as_written(expected: &str, found: &str) -> bool {
    match expected.split_once('…') {
        None => expected == found,
        Some((start, rest)) => found.strip_prefix(start).is_some_and(|found| {
            found
                .char_indices()
                .map(|(at, _)| at)
                .chain([found.len()])
                .any(|at| line_is_as_written(rest, &found[at..]))
        }),
    }
}

/// A port that nobody has, below those that the system gives to who asks for any: another test
/// cannot get it before the server does.
fn free_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 5_000).unwrap();
    let mut ports = (first..30_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    ports.next().expect("one of thousands is free")
}

/// A shell script that runs all steps in one shell; each leaves its output and its exit code.
fn script(steps: &[Step], port: u16) -> String {
    let mut script = String::new();
    for (number, step) in steps.iter().enumerate() {
        let Step { command, .. } = step;
        writeln!(script, "{{ {command}\n}} >../out/{number} 2>&1; echo $? >../out/{number}.code")
            .unwrap();
    }
    script.push_str("kill $(jobs -p) 2>/dev/null; wait\n");
    script.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
}

#[test]
fn every_command_of_the_guides_does_what_they_say() {
    let all: Vec<Step> = GUIDES
        .into_iter()
        .flat_map(|guide| {
            let path = checkout().join("docs").join(guide).with_extension("md");
            steps(guide, &std::fs::read_to_string(path).unwrap())
        })
        .collect();
    for entry in std::fs::read_dir(checkout().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(GUIDES.contains(&name.as_str()), "nothing runs {}", path.display());
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    for name in ["work", "out", "home"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("script"), script(&all, port)).unwrap();
    let programs = program("larder").parent().unwrap().to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());

    let mut shell = bare("timeout");
    shell
        .args(["300", "bash", "../script"])
        .current_dir(folder.path().join("work"))
        .stdin(Stdio::null());
    let status = shell.env("HOME", folder.path().join("home")).env("PATH", path).status().unwrap();

    assert!(status.success());
    let mut wrong = Vec::new();
    for (number, step) in all.iter().enumerate() {
        let read = |name: String| {
            std::fs::read_to_string(folder.path().join("out").join(name)).unwrap_or_default()
        };
        let printed =
            read(number.to_string()).replace(&format!("127.0.0.1:{port}"), "127.0.0.1:8080");
        let lines: Vec<&str> = printed.lines().collect();
        let as_written = step.printed.is_empty() || is_as_written(&step.printed, &lines);
        let code = read(format!("{number}.code"));
        if code.trim() != "0" || !as_written {
            let Step { guide, line, command, printed: expected } = step;
            let expected = expected.join("\n");
            wrong.push(format!(
                "docs/{guide}.md:{line}: {command}\nexit {code}{printed}\n-- not --\n{expected}"
            ));
        }
    }
    make_writable(folder.path());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(all.len() > 40, "only {} commands were found", all.len());
}

#[test]
fn a_guide_that_is_not_right_is_found() {
    let text = "text\n```console\n$ one \\\n> two\nout …\n…\nend\n```\n```sh\n$ no\n```\n";
    let found = steps("x", text);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].line, found[0].command.as_str()), (3, "one \\\ntwo"));
    let printed = &found[0].printed;
    assert!(is_as_written(printed, &["out 1", "end"]));
    assert!(is_as_written(printed, &["out 1", "more", "end"]));
    assert!(!is_as_written(printed, &["out 1", "end", "more"]));
    assert!(!is_as_written(printed, &["in 1", "end"]));
}
