//! The `python3` on `PATH`, where nothing else says which Python is meant.

use std::process::{Command, Stdio};

use super::python::Python;

const PROGRAM: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3])";

/// The version of the `python3` on `PATH`, if there is one that says it.
pub fn version() -> Option<Python> {
    let output = Command::new("python3")
        .args(["-I", "-S", "-c", PROGRAM])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
