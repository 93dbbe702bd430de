//! Problems: what an HTTP answer says when it is no (RFC 9457).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What kind of problem it is; each has a type, a title and a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The request cannot be read.
    Malformed,
    /// No token where one is needed, or a dead one.
    Unauthenticated,
    /// The token may not do this.
    Forbidden,
    /// What was asked for is not known.
    Unknown,
    /// The method is not for this address.
    MethodNotAllowed,
    /// The request took too long.
    Slow,
    /// Something else stands under this name already.
    Conflict,
    /// A compare-and-set was lost: it moved meanwhile.
    Moved,
    /// The bytes are not there.
    BytesMissing,
    /// There is one for several platforms and none was asked.
    SeveralPlatforms,
    /// A product is not approved yet.
    Pending,
    /// No set of builds meets the requirements.
    NoAnswer,
    /// An upload stands at another offset.
    OffsetMismatch,
    /// It was there and was taken away.
    Gone,
    /// A header that must be there is not, or not as supported (tus: version).
    PreconditionFailed,
    /// Larger than the server takes.
    TooLarge,
    /// The body is not of the type that is needed.
    MediaType,
    /// The bytes asked for lie outside.
    Range,
    /// The archive is refused.
    HostileArchive,
    /// The document contradicts what is known, or itself.
    Contradiction,
    /// A run dependency is not met.
    Unmet,
    /// Another request is at it (`WebDAV`'s 423, as tus servers use it).
    Busy,
    /// More requests or bytes than this token may have under way.
    TooMany,
    /// The bytes do not have the checksum that was promised (tus, checksum extension).
    WrongSum,
    /// Something broke in the server.
    Internal,
    /// A limit on work was reached, or the server is not ready.
    Unavailable,
    /// The server's disk is full.
    DiskFull,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [Self; 27] = [
        Self::Malformed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Unknown,
        Self::MethodNotAllowed,
        Self::Slow,
        Self::Conflict,
        Self::Moved,
        Self::BytesMissing,
        Self::SeveralPlatforms,
        Self::Pending,
        Self::NoAnswer,
        Self::OffsetMismatch,
        Self::Gone,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::MediaType,
        Self::Range,
        Self::HostileArchive,
        Self::Contradiction,
        Self::Unmet,
        Self::Busy,
        Self::TooMany,
        Self::WrongSum,
        Self::Internal,
        Self::Unavailable,
        Self::DiskFull,
    ];

    const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed => (400, "malformed", "The request cannot be read"),
            Self::Unauthenticated => (401, "unauthenticated", "A valid token is needed"),
            Self::Forbidden => (403, "forbidden", "The token may not do this"),
            Self::Unknown => (404, "unknown", "Not known here"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Not a method of this address"),
            Self::Slow => (408, "slow", "The request took too long"),
            Self::Conflict => (409, "conflict", "Something else stands under this name"),
            Self::Moved => (409, "moved", "It moved meanwhile"),
            Self::BytesMissing => (409, "bytes-missing", "The server lacks bytes"),
            Self::SeveralPlatforms => (409, "several-platforms", "There are several platforms"),
            Self::Pending => (409, "pending", "A product is not approved yet"),
            Self::NoAnswer => (409, "no-answer", "No builds meet the requirements"),
            Self::OffsetMismatch => (409, "offset-mismatch", "The upload stands elsewhere"),
            Self::Gone => (410, "gone", "It was taken away"),
            Self::PreconditionFailed => (412, "precondition-failed", "A precondition failed"),
            Self::TooLarge => (413, "too-large", "Larger than this server takes"),
            Self::MediaType => (415, "media-type", "Not a media type for this address"),
            Self::Range => (416, "range", "The bytes asked for lie outside"),
            Self::HostileArchive => (422, "hostile-archive", "The archive is refused"),
            Self::Contradiction => (422, "contradiction", "The document contradicts what is known"),
            Self::Unmet => (422, "unmet", "A run dependency is not met"),
            Self::Busy => (423, "busy", "Another request is at it"),
            Self::TooMany => (429, "too-many", "Too many at once"),
            Self::WrongSum => (460, "wrong-sum", "The bytes have another checksum"),
            Self::Internal => (500, "internal", "Something broke in the server"),
            Self::Unavailable => (503, "unavailable", "A limit on work was reached"),
            Self::DiskFull => (507, "disk-full", "The server's disk is full"),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.parts().0
    }

    /// A title for people; the same for every problem of the kind.
    pub const fn title(self) -> &'static str {
        self.parts().2
    }

    /// The type: `urn:larder:problem:bytes-missing`.
    pub fn type_uri(self) -> String {
        format!("urn:larder:problem:{}", self.parts().1)
    }

    /// The kind whose type is `uri`.
    pub fn of_type(uri: &str) -> Option<Self> {
        let slug = uri.strip_prefix("urn:larder:problem:")?;
        Self::ALL.into_iter().find(|kind| kind.parts().1 == slug)
    }
}

/// The body of an answer that says no: `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// Which kind of problem, as [`ProblemKind::type_uri`] gives it.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The kind's title.
    pub title: String,
    /// The HTTP status, once more.
    pub status: u16,
    /// What was wrong, with which value, and what to do.
    pub detail: String,
    /// What a program can use: `missing`, `conflict`, `offset`, …
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Problem {
    /// A problem of `kind` with its sentence.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            type_uri: kind.type_uri(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            fields: Map::new(),
        }
    }

    /// The same with a field that a program can use.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.fields.insert(name.to_owned(), value);
        }
        self
    }

    /// Its kind, if this version knows it.
    pub fn kind(&self) -> Option<ProblemKind> {
        ProblemKind::of_type(&self.type_uri)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.detail.is_empty() { &self.title } else { &self.detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_type_of_its_own_that_reads_back() {
        for kind in ProblemKind::ALL {
            assert_eq!(ProblemKind::of_type(&kind.type_uri()), Some(kind));
            assert!((400..600).contains(&kind.status()));
        }
    }

    #[test]
    fn fields_stand_beside_the_standard_ones() {
        let problem = Problem::new(ProblemKind::BytesMissing, "…").with("missing", ["x"]);
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["missing"][0], "x");
        assert_eq!(json["status"], 409);
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    }
}
