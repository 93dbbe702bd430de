//! Products as they are answered.

use serde::{Deserialize, Serialize};

use crate::build::BuildName;
use crate::product::ProductName;
use crate::product_document::ProductDocument;
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
    /// Whether it is only asked for: an admin has not approved it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
    /// Why it was found, in an answer to a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<Matched>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Why a product was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Matched {
    /// What has the text that was asked for.
    pub by: MatchedBy,
    /// The whole of it.
    pub text: String,
}

/// What of a product has the text that was asked for; of several the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// Its name has it in it.
    Name,
    /// Its summary has it in it.
    Summary,
    /// The upstream version of a build begins with it.
    UpstreamVersion,
    /// The name of a file in a build begins with it.
    File,
}

/// One product: in one line, and what is declared of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ProductAnswer {
    /// The product in one line.
    #[serde(flatten)]
    pub summary: ProductSummary,
    /// What an admin declared of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<ProductDocument>,
}
