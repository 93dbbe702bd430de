//! The real client program, with settings, a store and a home of its own.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::process::{bare, program};

/// Somebody who runs `larder`.
#[derive(Debug)]
pub struct Larder {
    folder: TempDir,
    server: String,
    token: Option<String>,
}

/// How a command ended, and what it printed.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code; none: a signal ended it.
    pub code: Option<i32>,
    /// What it answered.
    pub stdout: String,
    /// What it told on the way.
    pub stderr: String,
}

impl Larder {
    /// Works with the server at `origin`.
    pub fn new(origin: impl Into<String>, token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, server: origin.into(), token: token.map(str::to_owned) }
    }

    /// A path in a folder of its own, which is its working folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// A file in that folder.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Its store.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The command, not yet run.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = bare(program("larder"));
        command
            .args(arguments)
            .current_dir(self.folder.path().join("work"))
            .stdin(Stdio::null())
            .env("HOME", self.folder.path().join("home"))
            .env("LARDER_CONFIG", self.folder.path().join("config.toml"))
            .env("LARDER_STORE", self.store())
            .env("LARDER_SERVER", &self.server);
        if let Some(token) = &self.token {
            command.env("LARDER_TOKEN", token);
        }
        command
    }

    /// Runs it to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs it with a text on standard input.
    pub fn run_with<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &str,
    ) -> Ran {
        let file = self.write("standard-input", input.as_bytes());
        let input = std::fs::File::open(file).unwrap();
        Ran::of(self.command(arguments).stdin(input).output().unwrap())
    }

    /// Runs it, and fails unless it succeeds.
    #[track_caller]
    pub fn ok<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        self.run(arguments).expect(0)
    }
}

impl Drop for Larder {
    fn drop(&mut self) {
        make_writable(self.folder.path());
    }
}

/// Makes folders writable, so that what is in them can be removed: trees in a store are not.
pub fn make_writable(folder: &Path) {
    let Ok(metadata) = folder.symlink_metadata() else { return };
    if !metadata.is_dir() {
        return;
    }
    drop(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        make_writable(&entry.path());
    }
}

impl Ran {
    /// What came of a child.
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Itself, if it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        self
    }

    /// The one document on standard output.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_str(&self.stdout) {
            Ok(document) => document,
            Err(error) => panic!("{error}: {}", self.all()),
        }
    }

    /// Exit code and both streams, for a snapshot or a failure.
    pub fn all(&self) -> String {
        let Self { code, stdout, stderr } = self;
        let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        format!("exit: {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}
