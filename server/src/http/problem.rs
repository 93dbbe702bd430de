//! From what went wrong to the problem document that says so.
//!
//! One exhaustive match for each kind of error, without `_`: a new variant does not compile until
//! somebody has chosen its status. What is our own fault is logged here, with its causes, and the
//! client is told no more than a title; `request.rs` adds the request's id.

mod verbs;

use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use larder_schema::archive::ArchiveError;
use larder_schema::{Problem, ProblemKind};
use tracing::error;

use crate::access::Denied;
use crate::registry::fetch::FetchError;
use crate::registry::tokens::TokenError;
use crate::registry::upload::{ArchiveRefused, UploadError};
use crate::{blobs, catalog};

/// An answer that says no.
#[derive(Debug)]
pub struct ApiError(pub Problem);

impl ApiError {
    /// A problem of `kind` with its sentence.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Problem::new(kind, detail))
    }

    /// The problem that an error is, with what its causes say.
    pub fn told(kind: ProblemKind, error: &dyn Error) -> Self {
        Self::new(kind, with_causes(error))
    }

    /// Something on our side: logged with its causes, told without.
    pub fn ours(kind: ProblemKind, error: &dyn Error) -> Self {
        error!(error = with_causes(error), "{}", kind.title());
        Self::new(kind, kind.title())
    }

    /// The same with a field that a program can use.
    #[must_use]
    pub fn with(self, name: &str, value: impl serde::Serialize) -> Self {
        Self(self.0.with(name, value))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        answer.content_type("application/problem+json");
        if self.0.status == 401 {
            answer.insert_header(("WWW-Authenticate", "Bearer realm=\"larder\""));
        }
        if let Some(offset) = self.0.fields.get("offset").and_then(serde_json::Value::as_u64) {
            answer.insert_header(("Upload-Offset", offset));
        }
        answer.body(serde_json::to_string(&self.0).unwrap_or_default())
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let mut said = text.clone();
    for cause in causes.map(ToString::to_string) {
        // A transparent error says what its cause says.
        if cause != said {
            text.push_str(": ");
            text.push_str(&cause);
        }
        said = cause;
    }
    text
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match &denied {
            Denied::NoToken | Denied::DeadToken => {
                Self::told(ProblemKind::Unauthenticated, &denied)
            }
            Denied::NotAllowed { scope } => {
                let scope = scope.clone();
                Self::told(ProblemKind::Forbidden, &denied).with("scope", scope)
            }
        }
    }
}

impl From<catalog::Error> for ApiError {
    fn from(error: catalog::Error) -> Self {
        let kind = match &error {
            catalog::Error::Engine(_) | catalog::Error::Unreadable { .. } => ProblemKind::Internal,
            catalog::Error::DiskFull => ProblemKind::DiskFull,
            catalog::Error::Deadline | catalog::Error::Stopped => ProblemKind::Unavailable,
        };
        Self::ours(kind, &error)
    }
}

impl From<blobs::Error> for ApiError {
    fn from(error: blobs::Error) -> Self {
        let kind = match &error {
            blobs::Error::DiskFull(_) => ProblemKind::DiskFull,
            blobs::Error::Stopped => ProblemKind::Unavailable,
            blobs::Error::Missing { .. }
            | blobs::Error::Size { .. }
            | blobs::Error::DocumentSize { .. }
            | blobs::Error::Key { .. }
            | blobs::Error::Io(_)
            | blobs::Error::Random(_)
            | blobs::Error::Store(_) => ProblemKind::Internal,
        };
        Self::ours(kind, &error)
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Denied(denied) => denied.into(),
            TokenError::Catalog(error) => error.into(),
            TokenError::Scope(_) | TokenError::Scopes(_) | TokenError::NoTime => {
                Self::told(ProblemKind::Malformed, &error)
            }
            TokenError::Taken(ref name) => {
                let name = name.clone();
                Self::told(ProblemKind::Conflict, &error).with("conflict", name)
            }
            TokenError::Unknown(_) => Self::told(ProblemKind::Unknown, &error),
            TokenError::Random(_) => Self::ours(ProblemKind::Internal, &error),
        }
    }
}

impl From<FetchError> for ApiError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Denied(denied) => denied.into(),
            FetchError::Catalog(error) => error.into(),
            FetchError::Blobs(error) => error.into(),
            FetchError::Lookup(error) => error.into(),
            FetchError::Unknown(_) | FetchError::NoArchive { .. } => {
                Self::told(ProblemKind::Unknown, &error)
            }
            FetchError::Damaged { .. } => Self::ours(ProblemKind::Internal, &error),
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Denied(denied) => denied.into(),
            UploadError::Catalog(error) => error.into(),
            UploadError::Blobs(error) => error.into(),
            UploadError::Refused(refused) => refused.into(),
            UploadError::Unknown => Self::told(ProblemKind::Unknown, &error),
            UploadError::Format { .. } => Self::told(ProblemKind::Malformed, &error),
            UploadError::TooLarge { limit, .. } => {
                Self::told(ProblemKind::TooLarge, &error).with("limit", limit)
            }
            UploadError::OverQuota { .. } => Self::told(ProblemKind::TooMany, &error),
            UploadError::TooMany { .. } => Self::told(ProblemKind::TooLarge, &error),
            UploadError::Offset { offset, .. } => {
                Self::told(ProblemKind::OffsetMismatch, &error).with("offset", offset)
            }
            UploadError::Busy => Self::told(ProblemKind::Busy, &error),
            UploadError::Superseded { offset } => {
                Self::told(ProblemKind::Busy, &error).with("offset", offset)
            }
            UploadError::Slow { offset } => {
                Self::told(ProblemKind::Slow, &error).with("offset", offset)
            }
            UploadError::Broken { offset } => {
                Self::told(ProblemKind::Malformed, &error).with("offset", offset)
            }
            UploadError::WrongPart { offset } => {
                Self::told(ProblemKind::WrongSum, &error).with("offset", offset)
            }
            UploadError::WrongSum { promised, found } => Self::told(ProblemKind::WrongSum, &error)
                .with("promised", promised)
                .with("found", found),
            UploadError::OtherFormat { known, .. } => {
                Self::told(ProblemKind::Contradiction, &error).with("format", known)
            }
            UploadError::DiskFull => Self::ours(ProblemKind::DiskFull, &error),
            UploadError::Stopped => Self::ours(ProblemKind::Unavailable, &error),
            UploadError::Io(_) | UploadError::Read(_) | UploadError::Random(_) => {
                Self::ours(ProblemKind::Internal, &error)
            }
        }
    }
}

impl From<ArchiveRefused> for ApiError {
    fn from(refused: ArchiveRefused) -> Self {
        if let ArchiveError::Limit { name, limit } = refused.source {
            // A limit is told as a limit: whoever runs the server may raise it.
            let too_large = Self::told(ProblemKind::TooLarge, &refused);
            return too_large.with("limit", limit).with("reason", name);
        }
        let reason = reason(&refused.source);
        Self::told(ProblemKind::HostileArchive, &refused).with("reason", reason)
    }
}

/// The name of a refusal, as a program can use it: `LinkLeaves` is `link-leaves`.
fn reason(error: &ArchiveError) -> String {
    let text = format!("{error:?}");
    let variant = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let mut reason = String::new();
    for character in variant.chars() {
        if character.is_ascii_uppercase() && !reason.is_empty() {
            reason.push('-');
        }
        reason.push(character.to_ascii_lowercase());
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_our_fault_is_told_without_its_causes() {
        let secret = std::io::Error::other("disk secret");

        let ApiError(problem) = UploadError::Io(secret).into();

        assert_eq!(problem.status, 500);
        assert!(!problem.detail.contains("secret"));
    }

    #[test]
    fn a_refused_archive_is_told_with_its_reason() {
        let source = ArchiveError::Duplicate { path: "lib/x".to_owned() };

        let ApiError(problem) = ArchiveRefused { filename: "a.tar".to_owned(), source }.into();

        assert_eq!(problem.status, 422);
        assert_eq!(problem.fields["reason"], "duplicate");
        assert!(problem.detail.contains("holds `lib/x` twice"), "{}", problem.detail);
    }

    #[test]
    fn a_missing_scope_is_named() {
        let ApiError(problem) = Denied::NotAllowed { scope: "publish:afw".to_owned() }.into();

        assert_eq!((problem.status, &problem.fields["scope"]), (403, &"publish:afw".into()));
    }
}
