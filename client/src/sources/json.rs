//! Sources as JSON: a list, or an object that says more of the build.

use std::collections::BTreeMap;
use std::io::BufRead;

use larder_schema::plan::{EnvironmentName, MOST_SOURCES, Source};
use larder_schema::{BuildId, Platform, Policy, ProductName};
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use super::{Name, Sources};
use crate::policies::Policies;

/// What the object has.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    sources: Bounded,
    #[serde(default)]
    policy: Option<Policy>,
    #[serde(default)]
    policies: BTreeMap<ProductName, Policy>,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    built_in: Option<EnvironmentName>,
    #[serde(default)]
    build: Option<BuildId>,
}

/// As many sources as a plan takes; the first one beyond is told where it stands.
struct Bounded(Vec<Source>);

impl<'de> Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sources;
        impl<'de> Visitor<'de> for Sources {
            type Value = Bounded;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of sources")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bounded, A::Error> {
                let mut sources = Vec::new();
                while let Some(source) = list.next_element()? {
                    if sources.len() == MOST_SOURCES {
                        let told = format!("more sources than the {MOST_SOURCES} of one plan");
                        return Err(A::Error::custom(told));
                    }
                    sources.push(source);
                }
                Ok(Bounded(sources))
            }
        }
        deserializer.deserialize_seq(Sources)
    }
}

/// Reads a list, or an object with a list in it.
pub(super) fn read(input: &mut impl BufRead, is_list: bool) -> Result<Sources, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_reader(input);
    let document = if is_list {
        let sources = Bounded::deserialize(&mut json)?;
        let (policies, none) = (BTreeMap::new(), None);
        Document { sources, policy: None, policies, platform: None, built_in: None, build: none }
    } else {
        Document::deserialize(&mut json)?
    };
    json.end()?;
    let Document { sources, policy, policies, platform, built_in, build } = document;
    Ok(Sources {
        list: sources.0,
        build,
        policies: Policies { policy, policies },
        platform,
        built_in,
        lines: None,
        name: Name(None),
    })
}
