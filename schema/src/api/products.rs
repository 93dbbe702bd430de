//! Products as they are answered.

use serde::{Deserialize, Serialize};

use crate::build::BuildName;
use crate::product::ProductName;
use crate::record::Extra;
use crate::text::Text;

/// A product in one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ProductSummary {
    /// Its name.
    pub name: ProductName,
    /// How many builds of it there are.
    pub builds: u64,
    /// The newest build's name.
    pub newest: Option<BuildName>,
    /// The newest build's summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Text>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}
