//! Tokens, as an admin makes and sees them.

use serde::{Deserialize, Serialize};

use crate::product::ProductName;
use crate::text::Timestamp;

/// Make a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it is called; unique, and what stands as `by` on what it publishes.
    pub name: ProductName,
    /// What it may do: `publish:<glob>`, `admin`, …
    pub scopes: Vec<String>,
    /// After how many seconds it dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// Whether all that it publishes is a test build.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

/// A new token; its text is shown this once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TokenAnswer {
    /// The text to send as `Authorization: Bearer`.
    pub token: String,
    /// What is known of it.
    #[serde(flatten)]
    pub state: TokenState,
}

/// What is known of a token; never its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TokenState {
    /// What it is called.
    pub name: ProductName,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// When it was used last, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// Whether all that it publishes is a test build.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}
