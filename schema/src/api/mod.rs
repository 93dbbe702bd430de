//! The HTTP interface: its addresses as functions and its bodies, shared by server and client.

mod build_ids;
mod builds;
mod check;
mod distributions;
mod identify;
pub mod paths;
mod products;
mod publish;
mod statements;
mod tags;
mod tokens;

use serde::{Deserialize, Serialize};

pub use build_ids::*;
pub use builds::*;
pub use check::*;
pub use distributions::*;
pub use identify::*;
pub use products::*;
pub use publish::*;
pub use statements::*;
pub use tags::*;
pub use tokens::*;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page, or null at the end.
    pub next: Option<String>,
}
