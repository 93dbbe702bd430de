//! Distributions as they are answered.

use serde::{Deserialize, Serialize};

use super::{TagState, Withdrawal, Withdrawn};
use crate::checksum::Digest;
use crate::distribution::{Distribution, Stage};
use crate::platform::Platform;
use crate::product::ProductName;
use crate::record::{Build, Published};
use crate::version::DistributionVersion;

/// One distribution, as `GET` answers it: the document, its digest, and what is known beside it.
///
/// Beside the document's own fields there are `digest` and `about` and will never be others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DistributionAnswer {
    /// The document.
    #[serde(flatten)]
    pub distribution: Distribution,
    /// Its digest.
    pub digest: Digest,
    /// What is known beside it.
    pub about: AboutDistribution,
}

/// What is known of a distribution beside its document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AboutDistribution {
    /// When it became visible.
    pub published: Published,
    /// The tag that was asked for, when it was found by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagState>,
    /// The records of all its builds, with `?records=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Build>>,
    /// Builds of it that were withdrawn since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Withdrawn>,
    /// Why it was withdrawn itself, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
}

/// A distribution in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DistributionSummary {
    /// Its name.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// What it runs on.
    pub platform: Platform,
    /// How far it has come.
    #[serde(default)]
    pub stage: Stage,
    /// The digest of its document.
    pub digest: Digest,
    /// When it became visible.
    pub published: Published,
}

/// A distribution's name and version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DistributionName {
    /// Its name.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// What it runs on.
    pub platform: Platform,
}
