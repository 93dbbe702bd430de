//! Maps in which no key may stand twice: of two values readers take different ones.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Reads a map; refused when a key stands in it twice.
pub(crate) fn map<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    deserializer.deserialize_map(Unique(PhantomData))
}

struct Unique<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
    type Value = BTreeMap<String, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names with their values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<String, V>()? {
            if map.contains_key(&key) {
                let key = crate::shown(&key);
                return Err(A::Error::custom(format_args!("`{key}` stands there twice")));
            }
            map.insert(key, value);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use crate::Build;

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        let read = |fields: &str| {
            serde_json::from_str::<Build>(&format!(
                "{{\"product\": \"a\", \"version\": \"1.0.0\", \"build\": \"b1\", \
                 \"platform\": \"any\", \"archive\": null, {fields}}}"
            ))
        };
        assert!(read(r#""needs": {"glibc": ">=2.28", "python": "3.*"}"#).is_ok());
        for fields in [
            r#""needs": {"glibc": ">=2.28", "glibc": ">=2.1"}"#,
            r#""variables": {"X": ["a"], "X": ["b"]}"#,
            r#""scripts": {"x": "a:b", "x": "c:d"}"#,
            r#""built_by": {"tool": "x", "parameters": {"R": "1", "R": "2"}}"#,
        ] {
            let refusal = read(fields).unwrap_err().to_string();
            assert!(refusal.contains("stands there twice"), "{fields}: {refusal}");
        }
    }
}
