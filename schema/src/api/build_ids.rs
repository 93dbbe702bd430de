//! Build ids for build tools that have no counter of their own.

use serde::{Deserialize, Serialize};

use crate::build::BuildId;

/// The most build ids that one request takes.
pub const MAX_BUILD_IDS: u32 = 1000;

/// Give build ids that nobody had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BuildIdsRequest {
    /// How many, 1 to [`MAX_BUILD_IDS`].
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

/// Build ids `b1`, `b2`, … that were never given before and that no build had; each counts higher than
/// all before it, and numbers may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct BuildIdsAnswer {
    /// The ids, increasing.
    pub ids: Vec<BuildId>,
}
