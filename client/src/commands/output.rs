//! Standard output: sentences and tables for people, or one JSON document for programs.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::error::Failure;
use crate::printable::lines;

/// What goes to standard output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON document and nothing else.
    pub json: bool,
    /// No sentences about what was done; answers are printed nonetheless.
    pub quiet: bool,
}

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write to standard output")]
struct Unwritable(#[source] io::Error);

impl Output {
    /// Prints `document` when one was asked for, else what `human` makes; foreign text in that does
    /// nothing to a terminal.
    pub fn answer<T: Serialize>(
        self,
        document: &T,
        human: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json { self.json(document) } else { self.text(lines(&human())) }
    }

    /// Prints a JSON document.
    pub fn json<T: Serialize>(self, document: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document).map_err(Failure::failed)?;
        self.text(text)
    }

    /// Prints an answer as it is, with a line's end: JSON, or code for a shell.
    pub fn text(self, text: impl Display) -> Result<(), Failure> {
        let mut text = text.to_string();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // `larder list | head` is no failure.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::failed(Unwritable(error)))
            }
            _ => Ok(()),
        }
    }

    /// Says to a person what was done; not with `--json` or `--quiet`.
    pub fn say(self, sentence: impl Display) -> Result<(), Failure> {
        if self.json || self.quiet { Ok(()) } else { self.text(lines(&sentence.to_string())) }
    }
}
