//! Sources as JSON: a list, or an object that says more of the build.

use std::collections::BTreeMap;
use std::io::BufRead;

use larder_schema::plan::{EnvironmentName, Source, read_environment, read_sources};
use larder_schema::{BuildId, Platform, Policy, ProductName};
use serde::Deserialize;

use super::{Name, Sources};
use crate::policies::Policies;

/// What the object has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(deserialize_with = "read_sources")]
    sources: Vec<Source>,
    #[serde(default)]
    policy: Option<Policy>,
    #[serde(default)]
    policies: BTreeMap<ProductName, Policy>,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default, deserialize_with = "read_environment")]
    built_in: Option<EnvironmentName>,
    #[serde(default)]
    build: Option<BuildId>,
}

/// Reads a list, or an object with a list in it.
pub(super) fn read(input: &mut impl BufRead, is_list: bool) -> Result<Sources, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_reader(input);
    let document = if is_list {
        let sources = read_sources(&mut json)?;
        let (policies, none) = (BTreeMap::new(), None);
        Document { sources, policy: None, policies, platform: None, built_in: None, build: none }
    } else {
        Document::deserialize(&mut json)?
    };
    json.end()?;
    let Document { sources, policy, policies, platform, built_in, build } = document;
    Ok(Sources {
        list: sources,
        build,
        policies: Policies { policy, policies },
        platform,
        built_in,
        lines: None,
        name: Name(None),
    })
}
