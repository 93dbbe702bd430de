//! What has these checksums?

use serde::{Deserialize, Serialize};

use super::DistributionName;
use crate::build::BuildName;
use crate::checksum::Checksum;
use crate::contents::EntryPath;
use crate::platform::Platform;
use crate::product::ProductName;

/// What are these?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentifyRequest {
    /// Of archives, trees or files; at most [`MAX_IDENTIFY`].
    pub checksums: Vec<Checksum>,
}

/// The most checksums that one request may ask for.
pub const MAX_IDENTIFY: usize = 10_000;
/// The most holders that one answer names for a checksum.
pub const MAX_HOLDERS: usize = 100;

/// What the checksums are of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct IdentifyAnswer {
    /// Who holds what; at most [`MAX_HOLDERS`] for a checksum.
    pub found: Vec<Holder>,
    /// Checksums of nothing that is known here.
    pub unknown: Vec<Checksum>,
    /// Checksums that have more holders than are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<MoreHolders>,
}

/// One build that has something with a checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Holder {
    /// The checksum, as it was asked for.
    pub checksum: Checksum,
    /// Of what it is.
    pub kind: HolderKind,
    /// The product.
    pub product: ProductName,
    /// The build name.
    pub build: BuildName,
    /// The build's platform.
    pub platform: Platform,
    /// Where the file lies in the build, for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<EntryPath>,
    /// The distributions that list the build; at most [`MAX_HOLDERS`].
    pub distributions: Vec<DistributionName>,
    /// Whether the build was withdrawn.
    #[serde(default)]
    pub withdrawn: bool,
}

/// What a checksum is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum HolderKind {
    /// An archive, as published.
    Archive,
    /// What an archive unpacks to.
    Tree,
    /// A file in it.
    File,
}

/// A checksum that has more holders than are named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct MoreHolders {
    /// The checksum.
    pub checksum: Checksum,
    /// How many holders there are.
    pub total: u64,
    /// The cursor for `GET /identify/{checksum}?cursor=`.
    pub next: String,
}
