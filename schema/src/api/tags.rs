//! Tags: where they stand, and how they are moved.

use serde::{Deserialize, Serialize};

use crate::platform::Platform;
use crate::product::{Label, ProductName};
use crate::text::{Text, Timestamp};
use crate::version::DistributionVersion;

/// A tag to move with a publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TagMove {
    /// The distribution's name.
    pub name: ProductName,
    /// The tag.
    pub tag: Label,
    /// Where it shall point.
    pub version: DistributionVersion,
    /// Where it must stand now.
    #[serde(default, skip_serializing_if = "Expected::is_unconditional")]
    pub expected: Expected,
    /// Platforms that the version must be there for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Platform>,
}

/// Move one tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TagRequest {
    /// Where it shall point.
    pub version: DistributionVersion,
    /// Where it must stand now.
    #[serde(default, skip_serializing_if = "Expected::is_unconditional")]
    pub expected: Expected,
    /// Platforms that the version must be there for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Platform>,
}

/// Where a tag must stand for a move to happen: absent: anywhere; null: nowhere; else its serial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Wherever it stands.
    #[default]
    Anywhere,
    /// There must be no such tag yet.
    Nowhere,
    /// It must have this serial.
    Serial(u64),
}

impl Expected {
    /// Whether the move happens wherever the tag stands.
    pub fn is_unconditional(&self) -> bool {
        *self == Self::Anywhere
    }

    /// Whether a tag with `serial` (none: no such tag) stands where it must.
    pub fn admits(&self, serial: Option<u64>) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Nowhere => serial.is_none(),
            Self::Serial(expected) => serial == Some(*expected),
        }
    }
}

impl Serialize for Expected {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Anywhere | Self::Nowhere => serializer.serialize_none(),
            Self::Serial(serial) => serializer.serialize_u64(*serial),
        }
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<u64>::deserialize(deserializer)? {
            Some(serial) => Self::Serial(serial),
            None => Self::Nowhere,
        })
    }
}

#[cfg(feature = "json-schema")]
impl schemars::JsonSchema for Expected {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expected".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["integer", "null"], "minimum": 1 })
    }
}

/// Where a tag stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TagState {
    /// The distribution's name.
    pub name: ProductName,
    /// The tag.
    pub tag: Label,
    /// Where it points.
    pub version: DistributionVersion,
    /// How often it moved; never goes back.
    pub serial: u64,
    /// When it moved last.
    pub at: Timestamp,
    /// Through which token.
    pub by: Text,
}

/// All tags of a distribution, and their moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TagsAnswer {
    /// Where each stands now, by name.
    pub items: Vec<TagState>,
    /// One page of their moves, the last first.
    pub history: Vec<TagState>,
    /// The cursor of the moves before these, or null at the end.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_tells_absent_from_null() {
        let read = |text: &str| serde_json::from_str::<TagRequest>(text).unwrap().expected;
        assert_eq!(read(r#"{"version": "1.0.0"}"#), Expected::Anywhere);
        assert_eq!(read(r#"{"version": "1.0.0", "expected": null}"#), Expected::Nowhere);
        assert_eq!(read(r#"{"version": "1.0.0", "expected": 4}"#), Expected::Serial(4));
        for expected in [Expected::Anywhere, Expected::Nowhere, Expected::Serial(3)] {
            let request =
                TagRequest { version: "1.0.0".parse().unwrap(), expected, require: Vec::new() };
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(read(&text), expected, "{text}");
        }
    }
}
