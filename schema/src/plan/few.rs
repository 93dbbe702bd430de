//! Lists that are kept no further than a plan takes, so that what is too long takes no memory.

use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

use super::{MOST_NEEDED, MOST_SOURCES, Needed, Source};
use crate::record::MAX_RECORD_ITEMS;

/// Reads sources; what is wrong with one is told with its index. Of a list that is too long, one more
/// than a plan takes is kept, so that [`PlanRequest::in_build_order`](super::PlanRequest) refuses it.
pub fn sources<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Source>, D::Error> {
    deserializer.deserialize_seq(Sources)
}

/// Reads what one source needs.
pub(super) fn needed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Needed>, D::Error> {
    deserializer.deserialize_seq(Dependencies)
}

struct Sources;

impl<'de> Visitor<'de> for Sources {
    type Value = Vec<Source>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of sources")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (mut sources, mut needed): (Vec<Source>, usize) = (Vec::new(), 0);
        loop {
            let at = sources.len();
            let next = list.next_element::<Source>();
            let Some(source) =
                next.map_err(|error| A::Error::custom(format_args!("sources[{at}]: {error}")))?
            else {
                return Ok(sources);
            };
            needed += source.dependencies.len();
            sources.push(source);
            if sources.len() > MOST_SOURCES || needed > MOST_NEEDED {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(sources);
            }
        }
    }
}

struct Dependencies;

impl<'de> Visitor<'de> for Dependencies {
    type Value = Vec<Needed>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of products, each by its name or as an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut needed = Vec::new();
        while let Some(next) = list.next_element()? {
            if needed.len() == MAX_RECORD_ITEMS {
                return Err(A::Error::custom(format_args!(
                    "a source has at most {MAX_RECORD_ITEMS} dependencies"
                )));
            }
            needed.push(next);
        }
        Ok(needed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PlanFault, PlanRequest};
    use super::*;

    fn refusal(sources: &str) -> String {
        let document = format!("{{\"platform\": \"any\",\n \"sources\": [{sources}]}}");
        serde_json::from_str::<PlanRequest>(&document).unwrap_err().to_string()
    }

    fn source(name: &str, more: &str) -> String {
        format!("{{\"product\": \"{name}\", \"revision\": \"{}\"{more}}}", "a".repeat(40))
    }

    #[test]
    fn what_is_wrong_with_a_source_is_told_with_its_index_and_its_place() {
        let unknown = refusal(&[source("a", ""), source("b", ", \"colour\": 1")].join(",\n"));

        assert!(unknown.starts_with("sources[1]: unknown field `colour`"), "{unknown}");
        assert!(unknown.ends_with("at line 3 column 81"), "{unknown}");
        let name = refusal(&source("a", ", \"dependencies\": [\"b\", \"_c\"]"));
        assert!(name.starts_with("sources[0]: ") && name.contains("`_c`"), "{name}");
    }

    #[test]
    fn lists_are_kept_no_further_than_a_plan_takes() {
        let read = |sources: &[String]| -> PlanRequest {
            let sources = sources.join(",");
            serde_json::from_str(&format!("{{\"platform\": \"any\", \"sources\": [{sources}]}}"))
                .unwrap()
        };
        let needed = |count| format!(", \"dependencies\": [{}]", vec!["\"b\""; count].join(","));

        let many = read(&vec![source("a", ""); MOST_SOURCES + 9]);
        let wide = read(&vec![source("a", &needed(MAX_RECORD_ITEMS)); 300]);

        assert_eq!(many.sources.len(), MOST_SOURCES + 1);
        assert_eq!(many.in_build_order(), Err(PlanFault::TooMany));
        assert_eq!(wide.sources.len(), MOST_NEEDED / MAX_RECORD_ITEMS + 1);
        assert_eq!(wide.in_build_order(), Err(PlanFault::TooManyNeeded));
        assert!(refusal(&source("a", &needed(MAX_RECORD_ITEMS + 1))).contains("2000 dependencies"));
    }
}
