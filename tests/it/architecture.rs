//! The walls of the house, as `ARCHITECTURE.md` tells them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use larder_tests::data::{checkout, files_of};
use larder_tests::source::sources;
use larder_tests::walls::{Wall, breaches};

const CODE: &[&str] = &["schema/src", "server/src", "client/src"];

const WALLS: &[Wall] = &[
    Wall {
        says: "only `server/src/http` names actix-web",
        around: CODE,
        words: &["actix_web", "actix_rt", "actix_http"],
        except: &["server/src/http/"],
    },
    Wall {
        says: "only `server/src/catalog` names a database driver",
        around: CODE,
        words: &["rusqlite", "sqlx", "tokio_postgres"],
        except: &["server/src/catalog/"],
    },
    Wall {
        says: "only `server/src/blobs.rs` names object_store",
        around: CODE,
        words: &["object_store"],
        except: &["server/src/blobs.rs"],
    },
    Wall {
        says: "only `main.rs` and `config.rs` read the process environment",
        around: CODE,
        words: &["env::var", "env::var_os", "env::vars", "env::vars_os", "env::args"],
        except: &[
            "server/src/main.rs",
            "server/src/config.rs",
            "server/src/config/",
            "client/src/main.rs",
            "client/src/config.rs",
            "client/src/config/",
        ],
    },
    Wall {
        says: "`schema` does no I/O",
        around: &["schema/src"],
        words: &["tokio", "std::fs", "std::net", "std::process", "reqwest"],
        except: &[],
    },
    Wall {
        says: "`schema` knows no clock and is not async",
        around: &["schema/src"],
        words: &["SystemTime", "Instant", "async fn"],
        except: &[],
    },
    Wall {
        says: "a library file does not print",
        around: CODE,
        words: &[
            "println!",
            "print!",
            "eprintln!",
            "eprint!",
            "dbg!",
            "io::stdout",
            "io::stderr",
            "stdout()",
            "stderr()",
        ],
        except: &[
            "server/src/main.rs",
            "server/src/main/",
            "server/src/commands/",
            "client/src/main.rs",
            "client/src/commands/",
            "client/src/progress.rs",
            // Where a subscriber is told which stream to write to.
            "server/src/telemetry.rs",
        ],
    },
    Wall {
        says: "the registry speaks neither HTTP nor SQL",
        around: &["server/src/registry"],
        words: &["crate::http", "crate::catalog::sqlite", "Sqlite"],
        except: &[],
    },
    Wall {
        says: "catalog and blobs know nobody above them",
        around: &["server/src/catalog", "server/src/blobs.rs"],
        words: &["crate::http", "crate::registry"],
        except: &[],
    },
    Wall {
        says: "`plan` is pure",
        around: &["client/src/plan.rs"],
        words: &["std::fs", "tokio", "reqwest", "std::env", "async fn"],
        except: &[],
    },
];

#[test]
fn nothing_goes_through_a_wall() {
    let sources: Vec<_> = CODE.iter().flat_map(|folder| sources(&checkout(), folder)).collect();

    let breaches: Vec<String> = WALLS.iter().flat_map(|wall| breaches(wall, &sources)).collect();

    assert!(sources.len() > 60, "only {} sources were found", sources.len());
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_wall_has_something_on_the_side_where_it_is_allowed() {
    // A word that stands nowhere, or a place that moved, would make a wall that cannot fail.
    let sources: Vec<_> = CODE.iter().flat_map(|folder| sources(&checkout(), folder)).collect();
    for wall in WALLS.iter().filter(|wall| !wall.except.is_empty()) {
        let without = Wall { except: &[], ..*wall };

        assert!(!breaches(&without, &sources).is_empty(), "nothing does: {}", wall.says);
    }
}

#[test]
fn neither_side_names_the_other() {
    for (file, other) in [
        ("server/Cargo.toml", "larder-client"),
        ("client/Cargo.toml", "larder-server"),
        ("schema/Cargo.toml", "tokio"),
        ("schema/Cargo.toml", "reqwest"),
    ] {
        let text = std::fs::read_to_string(checkout().join(file)).unwrap();
        let dependencies = text.split("[dev-dependencies]").next().unwrap();

        let line = dependencies.lines().position(|line| line.starts_with(other));
        assert_eq!(line.map(|at| at + 1), None, "{file} names {other}");
    }
}

#[test]
fn every_source_folder_has_a_line_in_the_architecture() {
    let text = std::fs::read_to_string(checkout().join("ARCHITECTURE.md")).unwrap();
    let mut folders = BTreeSet::new();
    for place in ["schema/src", "server/src", "client/src", "tests/src", "tests/it", "benches"] {
        add_source_folders(&checkout(), Path::new(place), &mut folders);
    }

    let told = folders_told_of(&text);
    let missing: Vec<_> = folders.iter().filter(|folder| !told.contains(folder)).collect();

    assert!(folders.len() > 8, "{folders:?}");
    assert!(missing.is_empty(), "ARCHITECTURE.md has no line for {missing:?}");
}

/// Folders that have source files in them; those below are named from the checkout.
fn add_source_folders(checkout: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    if !files_of(&checkout.join(folder), "rs").is_empty() {
        found.insert(folder.to_string_lossy().into_owned());
    }
    for entry in std::fs::read_dir(checkout.join(folder)).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() && entry.file_name() != "target" {
            add_source_folders(checkout, &folder.join(entry.file_name()), found);
        }
    }
}

#[test]
fn every_folder_in_the_architecture_is_there() {
    let text = std::fs::read_to_string(checkout().join("ARCHITECTURE.md")).unwrap();
    let told = folders_told_of(&text);

    let gone: Vec<_> = told.iter().filter(|folder| !checkout().join(folder).is_dir()).collect();

    assert!(gone.is_empty(), "ARCHITECTURE.md tells of {gone:?}");
}

/// The folders in the first column of the table of rooms.
fn folders_told_of(text: &str) -> Vec<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.flat_map(|(folders, _)| folders.split("`, `").map(str::to_owned)).collect()
}

#[test]
fn every_example_of_a_configuration_parses() {
    let deploy = checkout().join("deploy");

    for file in files_of(&deploy, "toml") {
        let read = larder_server::config::Config::load(Some(&file), Default::default());
        assert!(read.is_ok(), "{}: {}", file.display(), read.unwrap_err());
    }
    for file in files_of(&deploy, "service") {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("[Service]\n"), "{}", file.display());
        demand_known_flags(&file, &text);
    }
    let script = Command::new("bash").arg("-n").arg(deploy.join("quickstart")).status().unwrap();
    assert!(script.success(), "deploy/quickstart is no shell script");
}

/// The command of a unit has flags that the program knows.
fn demand_known_flags(file: &Path, unit: &str) {
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words = command.split_whitespace();
    assert!(words.next().unwrap().ends_with("larder-server"), "{command}");
    let subcommand = words.next().unwrap();
    let help = Command::new(larder_tests::process::program("larder-server"))
        .args([subcommand, "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for flag in words.filter(|word| word.starts_with("--")) {
        let flag = flag.split('=').next().unwrap();
        assert!(help.contains(flag), "{}: `{subcommand}` has no `{flag}`", file.display());
    }
}
