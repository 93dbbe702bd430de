//! What a build that is published already has that the one offered under its name has not.

use larder_schema::api::{BuildAnswer, paths};
use larder_schema::{Build, BuildKey, ProblemKind};
use serde_json::Value;

use super::Order;
use crate::remote::{self, Remote};

/// How the build that stands in the way differs from the one in `order`, if that can be told.
pub async fn explain(remote: &Remote, order: &Order, error: &remote::Error) -> Option<String> {
    let problem = error.problem().filter(|_| error.kind() == Some(ProblemKind::Conflict))?;
    let key: BuildKey = serde_json::from_value(problem.fields.get("conflict")?.clone()).ok()?;
    let offered = &order.offers.iter().find(|offer| offer.build.key() == key)?.build;
    let query = [("platform", &*key.platform.to_string())];
    let stored: BuildAnswer =
        remote.get(&paths::build(&key.product, &key.build), &query).await.ok()?;
    let differences = differences(&stored.build, offered);
    (!differences.is_empty()).then(|| format!("they differ in {}", differences.join(", ")))
}

/// The fields that differ; short values are shown.
fn differences(stored: &Build, offered: &Build) -> Vec<String> {
    let value = |build: &Build| serde_json::to_value(build.digested()).unwrap_or_default();
    let (stored, offered) = (value(stored), value(offered));
    let (Some(there), Some(here)) = (stored.as_object(), offered.as_object()) else {
        return Vec::new();
    };
    let mut fields: Vec<&String> = there.keys().chain(here.keys()).collect();
    fields.sort();
    fields.dedup();
    fields
        .into_iter()
        .filter(|field| there.get(*field) != here.get(*field))
        .map(|field| match (shown(there.get(field)), shown(here.get(field))) {
            (Some(there), Some(here)) => format!("`{field}` ({there} there, {here} here)"),
            _ => format!("`{field}`"),
        })
        .collect()
}

/// A value that fits into a sentence.
fn shown(value: Option<&Value>) -> Option<String> {
    const MOST: usize = 40;
    match value {
        None => Some("nothing".to_owned()),
        Some(value) => value.as_str().filter(|text| text.len() <= MOST).map(|t| format!("`{t}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_and_short_ones_shown() {
        let build = |upstream: Option<&str>, sum: &str| -> Build {
            serde_json::from_value(serde_json::json!({
                "product": "a", "version": "1.0.0", "build": "b1", "platform": "any",
                "archive": {"sha256": sum.repeat(64), "name": "a.whl"}, "upstream_version": upstream
            }))
            .unwrap()
        };
        let stored = build(None, "a");
        assert_eq!(
            differences(&stored, &build(Some("1.0.0.post1"), "b")),
            ["`archive`", "`upstream_version` (nothing there, `1.0.0.post1` here)"]
        );
        assert!(differences(&stored, &stored).is_empty());
    }
}
