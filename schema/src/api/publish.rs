//! To publish: what is held, what is sent, what became of it.

use serde::{Deserialize, Serialize};

use super::{DistributionSummary, TagMove, TagState};
use crate::build::BuildKey;
use crate::checksum::Checksum;
use crate::distribution::Distribution;
use crate::record::Build;

/// Which archives does the server hold?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HaveRequest {
    /// Of archives, SHA-256 or BLAKE3.
    pub checksums: Vec<Checksum>,
}

/// Which of the archives asked for are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct HaveAnswer {
    /// There.
    pub held: Vec<Checksum>,
    /// Not there: to be uploaded.
    pub missing: Vec<Checksum>,
}

/// Publish builds, and with them a distribution and tags: all or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// The records; their archives must have been uploaded.
    pub builds: Vec<Build>,
    /// A distribution of these and of builds that are published already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// Tags to move.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagMove>,
}

/// What a publish did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PublishAnswer {
    /// Builds that are new.
    pub published: Vec<BuildKey>,
    /// Builds that were there already, with the same record.
    pub existing: Vec<BuildKey>,
    /// The distribution, new or there already.
    pub distribution: Option<DistributionSummary>,
    /// Where the tags stand now.
    #[serde(default)]
    pub tags: Vec<TagState>,
    /// What a person should know, such as a licence that nobody gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
