//! Builds as they are answered, and what their archives unpack to.

use serde::{Deserialize, Serialize};

use super::Withdrawal;
use crate::build::BuildName;
use crate::checksum::Digest;
use crate::contents::Entry;
use crate::platform::Platform;
use crate::product::ProductName;
use crate::record::Build;
use crate::requirement::Requirement;

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

/// A build that needs another to run, and may run with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Dependant {
    /// The product that needs it.
    pub product: ProductName,
    /// The build name.
    pub build: BuildName,
    /// What the build runs on.
    pub platform: Platform,
    /// Which versions will do.
    pub requirement: Requirement,
    /// Whether it was built against this very build.
    pub built_against: bool,
    /// Why it was withdrawn, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawal>,
}
