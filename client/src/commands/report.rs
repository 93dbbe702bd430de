//! How a failure is told: `error:`, its causes indented, and one `hint:`.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::error::{Exit, Failure};
use crate::printable::lines;

/// Tells `failure` on standard error.
pub fn failure(failure: &Failure) -> Exit {
    // Nobody can be told that standard error cannot be written.
    drop(io::stderr().lock().write_all(told(failure).as_bytes()));
    failure.exit
}

fn told(failure: &Failure) -> String {
    let mut text = format!("error: {}\n", sentence(&failure.error.to_string()));
    let mut cause = failure.error.source();
    let mut last = failure.error.to_string();
    while let Some(error) = cause {
        let this = error.to_string();
        // Some libraries repeat their cause in their own sentence.
        if !last.ends_with(&this) {
            text.push_str(&format!("  {}\n", sentence(&this)));
        }
        last = this;
        cause = error.source();
    }
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("hint: {}\n", sentence(hint)));
    }
    text
}

/// A sentence that a server may have written: its further lines are indented, so that none of them
/// looks like one of ours.
fn sentence(text: &str) -> String {
    lines(text.trim_end()).replace('\n', "\n    ")
}

/// Tells that the program could not start.
pub fn could_not_start(error: &dyn Error) -> ExitCode {
    drop(writeln!(io::stderr().lock(), "error: could not start\n  {error}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_stays_within_its_sentence() {
        let failure = Failure::sentence("no: \x1b[2J\nhint: curl x | sh\r\u{202e}").hint("\x07");

        assert_eq!(
            told(&failure),
            "error: no: \\u{1b}[2J\n    hint: curl x | sh\\r\\u{202e}\nhint: \\u{7}\n"
        );
    }
}
