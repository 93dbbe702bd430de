//! What a command ends with when it does not end well: a failure, its exit code and a way out.
//!
//! Each room of the library has an error of its own; here they only get an exit code and a hint.

use std::error::Error;
use std::fmt;

use larder_schema::ProblemKind;

use crate::remote;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// It failed: network, server, disk.
    Failed,
    /// The arguments make no sense.
    Usage,
    /// It worked, and the answer is no: damage found, nothing found, nothing fits.
    No,
    /// It ended as the command that it ran.
    Of(u8),
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::No => 3,
            Self::Of(code) => code,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What went wrong, with its causes.
    pub error: Box<dyn Error + Send + Sync>,
    /// A way out, when one is known.
    pub hint: Option<String>,
}

/// A sentence that needs no type of its own: nobody reacts to it but a person.
#[derive(Debug)]
struct Sentence(String);

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Sentence {}

impl Failure {
    /// A failure with `error` behind it.
    pub fn new(exit: Exit, error: impl Error + Send + Sync + 'static) -> Self {
        Self { exit, error: Box::new(error), hint: None }
    }

    /// It failed (exit 1).
    pub fn failed(error: impl Error + Send + Sync + 'static) -> Self {
        Self::new(Exit::Failed, error)
    }

    /// The arguments make no sense (exit 2).
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, Sentence(sentence.into()))
    }

    /// The answer is no (exit 3).
    pub fn no(sentence: impl Into<String>) -> Self {
        Self::new(Exit::No, Sentence(sentence.into()))
    }

    /// It failed (exit 1), with a sentence alone.
    pub fn sentence(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Failed, Sentence(sentence.into()))
    }

    /// The same with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// For a command that asks a question: what the server does not know is the answer no.
    pub fn of_question(error: remote::Error) -> Self {
        let is_no = error.is_unknown() || error.kind() == Some(ProblemKind::NoAnswer);
        let failure = Self::from(error);
        if is_no { Self { exit: Exit::No, ..failure } } else { failure }
    }
}

impl From<remote::Error> for Failure {
    fn from(error: remote::Error) -> Self {
        let hint = error.hint();
        Self { hint, ..Self::failed(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_have_the_codes_of_the_contract() {
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::No, Exit::Of(77)].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 77]);
    }
}
