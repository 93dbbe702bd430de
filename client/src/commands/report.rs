//! How a failure is told: `error:`, its causes indented, and one `hint:`.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::error::{Exit, Failure};

/// Tells `failure` on standard error.
pub fn failure(failure: &Failure) -> Exit {
    let mut text = format!("error: {}\n", failure.error);
    let mut cause = failure.error.source();
    let mut last = failure.error.to_string();
    while let Some(error) = cause {
        let sentence = error.to_string();
        // Some libraries repeat their cause in their own sentence.
        if !last.ends_with(&sentence) {
            text.push_str(&format!("  {sentence}\n"));
        }
        last = sentence;
        cause = error.source();
    }
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("hint: {hint}\n"));
    }
    // Nobody can be told that standard error cannot be written.
    drop(io::stderr().lock().write_all(text.as_bytes()));
    failure.exit
}

/// Tells that the program could not start.
pub fn could_not_start(error: &dyn Error) -> ExitCode {
    drop(writeln!(io::stderr().lock(), "error: could not start\n  {error}"));
    ExitCode::FAILURE
}
