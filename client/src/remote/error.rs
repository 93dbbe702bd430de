//! What can go wrong between this machine and the server.

use larder_schema::{Digest, Platform, Problem, ProblemKind, Sha256};

use super::Origin;

/// Why a server could not be reached: what the layers below say, in the words of the lowest.
#[derive(Debug)]
pub struct Unreached(reqwest::Error);

impl From<reqwest::Error> for Unreached {
    fn from(error: reqwest::Error) -> Self {
        Self(error)
    }
}

impl std::fmt::Display for Unreached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lowest: &dyn std::error::Error = &self.0;
        while let Some(below) = lowest.source() {
            lowest = below;
        }
        write!(f, "{lowest}")
    }
}

impl std::error::Error for Unreached {}

/// A request did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or it broke.
    #[error("could not reach the server at `{origin}`")]
    Unreachable {
        /// The server.
        origin: Origin,
        /// Why.
        #[source]
        source: Unreached,
    },
    /// It said nothing for too long.
    #[error("the server at `{origin}` did not answer within {} s", super::IDLE.as_secs())]
    Silent {
        /// The server.
        origin: Origin,
    },
    /// The server said no, and why.
    #[error("{problem}")]
    Refused {
        /// What it said.
        problem: Box<Problem>,
        /// A token is there and was not sent, since the way is not safe.
        token_withheld: bool,
    },
    /// The server, or something before it, said no without a reason.
    #[error("`{origin}` answered with status {status} and no reason")]
    Status {
        /// The server.
        origin: Origin,
        /// The status.
        status: u16,
    },
    /// The answer is not the document that it should be.
    #[error("the answer of `{origin}` is not what it should be")]
    Answer {
        /// The server.
        origin: Origin,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// The answer has no end.
    #[error("the answer of `{origin}` is larger than any answer should be")]
    AnswerTooLarge {
        /// The server.
        origin: Origin,
    },
    /// The list has no end: a page names one that came before, or there are too many items.
    #[error("the list `{path}` of `{origin}` does not end")]
    Endless {
        /// The server.
        origin: Origin,
        /// The list.
        path: String,
    },
    /// The token cannot be sent.
    #[error("the token has characters in it that no token has")]
    Token,
    /// No HTTP at all.
    #[error("could not set up HTTP")]
    Client(#[source] reqwest::Error),
}

impl Error {
    /// What the server said, if it said something.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } => Some(problem),
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::Status { .. }
            | Self::Answer { .. }
            | Self::AnswerTooLarge { .. }
            | Self::Endless { .. }
            | Self::Token
            | Self::Client(_) => None,
        }
    }

    /// Which kind of no it was.
    pub fn kind(&self) -> Option<ProblemKind> {
        self.problem()?.kind()
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { problem, .. } => Some(problem.status),
            Self::Status { status, .. } => Some(*status),
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::Answer { .. }
            | Self::AnswerTooLarge { .. }
            | Self::Endless { .. }
            | Self::Token
            | Self::Client(_) => None,
        }
    }

    /// The archives that the server lacks, where that is why it said no.
    pub fn missing(&self) -> Vec<Sha256> {
        let named = self.problem().and_then(|problem| problem.fields.get("missing").cloned());
        let named = named.and_then(|value| serde_json::from_value::<Vec<Digest>>(value).ok());
        named.unwrap_or_default().into_iter().map(|digest| digest.0).collect()
    }

    /// Whether the server does not know what was asked for.
    pub fn is_unknown(&self) -> bool {
        self.status() == Some(404)
    }

    /// The platforms that the answer names.
    pub fn platforms(&self) -> Option<Vec<Platform>> {
        let value = self.problem()?.fields.get("platforms")?;
        serde_json::from_value(value.clone()).ok()
    }

    /// Whether trying again may help.
    pub fn may_be_retried(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => !source.0.is_redirect() && !source.0.is_builder(),
            Self::Silent { .. } => true,
            // The same question is as much work the next time.
            Self::Refused { problem, .. } if is_work_limit(problem) => false,
            Self::Refused { .. } | Self::Status { .. } => {
                matches!(self.status(), Some(408 | 429 | 502 | 503 | 504))
            }
            Self::Answer { .. }
            | Self::AnswerTooLarge { .. }
            | Self::Endless { .. }
            | Self::Token
            | Self::Client(_) => false,
        }
    }

    /// Whether there was no connection at all.
    pub(super) fn is_no_connection(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if source.0.is_connect())
    }

    /// A way out, when one is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { token_withheld: true, .. } => Some(
                "a token is sent over https or to this machine only; use an https address".into(),
            ),
            Self::Unreachable { .. } | Self::Silent { .. } => Some(
                "check the address (`--server`, LARDER_SERVER) and that the server runs".into(),
            ),
            Self::Refused { .. } if self.kind() == Some(ProblemKind::Unauthenticated) => {
                Some("give a token with LARDER_TOKEN, or once with `larder login`".into())
            }
            Self::Refused { .. }
            | Self::Status { .. }
            | Self::Answer { .. }
            | Self::AnswerTooLarge { .. }
            | Self::Endless { .. }
            | Self::Token
            | Self::Client(_) => None,
        }
    }
}

/// Whether a limit on the work for one question was met; others are met by many questions at once.
fn is_work_limit(problem: &Problem) -> bool {
    let limit = problem.fields.get("limit").and_then(serde_json::Value::as_str);
    matches!(
        limit,
        Some(
            "resolve_steps"
                | "resolve_seconds"
                | "resolve_candidates"
                | "plan_seconds"
                | "plan_candidates"
        )
    )
}
