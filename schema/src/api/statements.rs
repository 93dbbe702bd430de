//! What is said later about a digest.

use serde::{Deserialize, Serialize};

use super::DistributionName;
use crate::build::{BuildKey, BuildName};
use crate::checksum::Digest;
use crate::text::{Text, Timestamp};

/// Something said later about a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatementRequest {
    /// The digest of a build record or a distribution.
    pub subject: Digest,
    /// What is said.
    pub kind: StatementKind,
    /// Why, for people.
    pub reason: Text,
    /// What to take instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<BuildName>,
}

/// What is said of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum StatementKind {
    /// It must not be used for anything new.
    Withdrawn,
    /// Something that people should know.
    Note,
}

/// Something that was said about a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Statement {
    /// Its number, in the order of saying.
    pub id: u64,
    /// What was said.
    #[serde(flatten)]
    pub said: StatementRequest,
    /// When.
    pub at: Timestamp,
    /// Through which token.
    pub by: Text,
}

/// Why something was withdrawn, and what to take instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Withdrawal {
    /// Why.
    pub reason: Text,
    /// The build of the same product to take instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<BuildName>,
}

impl std::fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reason.fmt(f)?;
        match &self.replaced_by {
            Some(instead) => write!(f, " (take {instead} instead)"),
            None => Ok(()),
        }
    }
}

impl Withdrawal {
    /// The same, said of a build.
    pub fn of(self, key: BuildKey) -> Withdrawn {
        Withdrawn { key, why: self }
    }
}

/// A build that was withdrawn, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Withdrawn {
    /// The build.
    #[serde(flatten)]
    pub key: BuildKey,
    /// Why.
    #[serde(flatten)]
    pub why: Withdrawal,
}

impl Withdrawn {
    /// Why, without saying which build.
    pub fn why(&self) -> Withdrawal {
        self.why.clone()
    }
}

/// A distribution that was withdrawn, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct WithdrawnDistribution {
    /// The distribution.
    #[serde(flatten)]
    pub key: DistributionName,
    /// Why.
    #[serde(flatten)]
    pub why: Withdrawal,
}

impl std::fmt::Display for WithdrawnDistribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key: DistributionName { name, version, platform }, why } = self;
        write!(f, "`{name} {version}` for {platform} was withdrawn: {why}")
    }
}

impl std::fmt::Display for Withdrawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, why } = self;
        write!(f, "`{key}` was withdrawn: {why}")
    }
}
