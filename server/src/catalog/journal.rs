//! The journal: every acknowledged change as a numbered document that holds the digest of the one
//! before.
//!
//! It is written in the catalog's transaction and then put into the blob store, so that the catalog
//! can be made again from the store alone. Tokens are not in it.

use larder_schema::api::{StatementRequest, TagState};
use larder_schema::archive::ArchiveFormat;
use larder_schema::canonical::{self, CanonicalError};
use larder_schema::{Build, Digest, Distribution, ProductDocument, Sums, Text, Timestamp};
use serde::{Deserialize, Serialize};

/// One acknowledged change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Its number; the first is 1, none is left out.
    pub seq: u64,
    /// The digest of the entry before; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// When.
    pub at: Timestamp,
    /// Through which token.
    pub by: Text,
    /// What changed.
    pub change: Change,
}

/// What changed.
#[expect(clippy::large_enum_variant, reason = "entries come one at a time, and most publish")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Change {
    /// Builds, a distribution and tags became visible.
    Publish {
        /// Where the bytes of the builds are.
        archives: Vec<JournalArchive>,
        /// The builds, with all that the server adds.
        builds: Vec<Build>,
        /// The distribution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        distribution: Option<JournalDistribution>,
        /// Where the tags stand since.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tags: Vec<TagState>,
    },
    /// A tag moved.
    Tag {
        /// Where it stands since.
        state: TagState,
    },
    /// A product was declared, whole.
    Product {
        /// Its document.
        document: ProductDocument,
    },
    /// Build ids were given.
    #[serde(rename = "build-ids")]
    BuildIds {
        /// The number of the last that was.
        last: u64,
    },
    /// Something was said about a digest.
    Statement {
        /// What.
        said: StatementRequest,
    },
}

/// A distribution that became visible.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalDistribution {
    /// The server's order of publication.
    pub seq: u64,
    /// The document.
    pub document: Distribution,
}

/// Where the bytes of a build are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalArchive {
    /// Their sums and size.
    #[serde(flatten)]
    pub sums: Sums,
    /// Their key in the blob store.
    pub key: String,
    /// The ending that tells the format.
    pub format: String,
}

impl JournalArchive {
    /// The format, if this version knows it.
    pub fn format(&self) -> Option<ArchiveFormat> {
        ArchiveFormat::of_name(&format!("x.{}", self.format))
    }
}

/// A journal entry as the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    /// Its number.
    pub seq: u64,
    /// The digest of its document.
    pub digest: Digest,
    /// The canonical document.
    pub document: String,
}

impl JournalRow {
    /// The row of an entry.
    pub fn of(entry: &JournalEntry) -> Result<Self, CanonicalError> {
        let document = canonical::to_kept(entry)?;
        Ok(Self { seq: entry.seq, digest: Digest::of(document.as_bytes()), document })
    }

    /// The entry's key in the blob store: numbers in order, and no other entry has it.
    pub fn key(&self) -> String {
        format!("journal/{:012}-{}.json", self.seq, self.digest.0)
    }
}
