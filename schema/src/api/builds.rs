//! Builds as they are answered, and what their archives unpack to.

use serde::{Deserialize, Serialize};

use super::Withdrawal;
use crate::checksum::Digest;
use crate::contents::Entry;
use crate::record::Build;

/// One build, as `GET` answers it: the record, its digest, and what is known beside it.
///
/// Beside the record's own fields there are `digest` and `about` and will never be others, so that
/// an older client can tell a new field of the record from one of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct BuildAnswer {
    /// The record.
    #[serde(flatten)]
    pub build: Build,
    /// Its digest.
    pub digest: Digest,
    /// What is known beside it.
    #[serde(default)]
    pub about: AboutBuild,
}

/// What is known of a build beside its record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AboutBuild {
    /// Why it was withdrawn, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawal>,
}

/// What an archive unpacks to, one page of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ContentsPage {
    /// Entries by path.
    pub items: Vec<Entry>,
    /// The cursor of the next page, or null at the end.
    pub next: Option<String>,
}
