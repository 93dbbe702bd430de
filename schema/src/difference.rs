//! What differs between two distributions, and why.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::{DistributionAnswer, Withdrawal, Withdrawn};
use crate::checksum::Digest;
use crate::distribution::{Context, Distribution, External, Listed, Stage};
use crate::platform::Platform;
use crate::product::ProductName;
use crate::record::{Build, Source};
use crate::version::DistributionVersion;

/// What differs between an old distribution and a new one.
///
/// What is the same is not in it: between equal lists it has no entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Difference {
    /// The old one.
    pub from: Compared,
    /// The new one.
    pub to: Compared,
    /// Builds of products that only the new one has, by product.
    pub added: Vec<Listed>,
    /// Builds of products that only the old one has, by product.
    pub removed: Vec<Listed>,
    /// Products of which the two list different builds.
    pub changed: Vec<Changed>,
    /// How far they have come, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Turned<Stage>>,
    /// Contexts, where they differ.
    #[serde(default, skip_serializing_if = "Sets::is_empty")]
    pub contexts: Sets<Context>,
    /// Roots, where they differ.
    #[serde(default, skip_serializing_if = "Sets::is_empty")]
    pub roots: Sets<ProductName>,
    /// External things, where they differ; one that changed is removed and added.
    #[serde(default, skip_serializing_if = "Sets::is_empty")]
    pub externals: Sets<External>,
    /// Builds of either that were withdrawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Withdrawn>,
}

/// One of two distributions that are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Compared {
    /// Its name.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// What it runs on.
    pub platform: Platform,
    /// The digest of its document.
    pub digest: Digest,
    /// Why it was withdrawn itself, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
}

/// A product of which two distributions list different builds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Changed {
    /// The product.
    pub product: ProductName,
    /// Its build in the old one.
    pub from: Listed,
    /// Its build in the new one.
    pub to: Listed,
    /// Why it is another.
    pub reason: Reason,
}

/// Why a distribution has another build of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Another source: both records tell theirs, and revision or checksum differ, or one was built
    /// with changes that no revision tells.
    Source,
    /// The same source, or none told and the same version: built once more.
    Rebuild,
    /// Another version was chosen, and there are no two sources to compare.
    Pin,
}

/// A value that is another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Turned<T> {
    /// What it was.
    pub from: T,
    /// What it is.
    pub to: T,
}

/// What a set has gained and lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Sets<T> {
    /// What is new.
    pub added: Vec<T>,
    /// What is gone.
    pub removed: Vec<T>,
}

impl<T> Default for Sets<T> {
    fn default() -> Self {
        Self { added: Vec::new(), removed: Vec::new() }
    }
}

impl<T> Sets<T> {
    /// Whether nothing was gained or lost.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl<T: Clone + PartialEq> Sets<T> {
    fn of(old: &[T], new: &[T]) -> Self {
        let missing = |from: &[T], of: &[T]| -> Vec<T> {
            of.iter().filter(|item| !from.contains(item)).cloned().collect()
        };
        Self { added: missing(old, new), removed: missing(new, old) }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Rebuild => "rebuild",
            Self::Pin => "pin",
        })
    }
}

impl Reason {
    /// Why `new` is another build than `old`.
    pub fn of(old: &Build, new: &Build) -> Self {
        if let (Some(old), Some(new)) = (&old.source, &new.source) {
            return if is_same_source(old, new) { Self::Rebuild } else { Self::Source };
        }
        let version = |build: &Build| (build.version, build.upstream_version.clone());
        if version(old) == version(new) { Self::Rebuild } else { Self::Pin }
    }
}

/// Whether two sources are known to be the same. What was built with changes is like nothing else.
fn is_same_source(old: &Source, new: &Source) -> bool {
    let kind = |source: &Source| (source.revision.clone(), source.sha256);
    !old.dirty && !new.dirty && kind(old) == kind(new)
}

/// One side of a comparison: a distribution, its digest, and the records of its builds.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The document.
    pub document: &'a Distribution,
    /// Its digest.
    pub digest: Digest,
    /// The records; where one is missing, the version alone tells the reason.
    pub records: &'a [Build],
    /// Those of its builds that were withdrawn.
    pub withdrawn: &'a [Withdrawn],
    /// Why it was withdrawn itself, if it was.
    pub withdrawal: Option<&'a Withdrawal>,
}

impl<'a> Side<'a> {
    /// A distribution as it was answered, with what the answer has of records.
    pub fn of(answer: &'a DistributionAnswer) -> Self {
        Self {
            document: &answer.distribution,
            digest: answer.digest,
            records: answer.about.records.as_deref().unwrap_or_default(),
            withdrawn: &answer.about.withdrawn,
            withdrawal: answer.about.withdrawal.as_ref(),
        }
    }

    fn compared(&self) -> Compared {
        let Distribution { name, version, platform, .. } = self.document;
        let (name, version, platform) = (name.clone(), version.clone(), platform.clone());
        let withdrawal = self.withdrawal.cloned();
        Compared { name, version, platform, digest: self.digest, withdrawal }
    }
}

impl Difference {
    /// What differs between `old` and `new`.
    pub fn of(old: Side<'_>, new: Side<'_>) -> Self {
        let (from, to) = (old.document, new.document);
        let mut before = by_product(&from.builds, |listed| &listed.product);
        let old_records = by_product(old.records, |build| &build.product);
        let new_records = by_product(new.records, |build| &build.product);
        let (mut added, mut changed) = (Vec::new(), Vec::new());
        for (product, to) in by_product(&to.builds, |listed| &listed.product) {
            match before.remove(product) {
                None => added.push(to.clone()),
                Some(from) if from != to => {
                    let records = old_records.get(product).zip(new_records.get(product));
                    let reason = records.map_or_else(
                        || reason_of_names(from, to),
                        |(old, new)| Reason::of(old, new),
                    );
                    let (product, from, to) = (product.clone(), from.clone(), to.clone());
                    changed.push(Changed { product, from, to, reason });
                }
                Some(_) => {}
            }
        }
        let all_withdrawn = old.withdrawn.iter().chain(new.withdrawn);
        let mut seen = BTreeSet::new();
        Self {
            added,
            removed: before.into_values().cloned().collect(),
            changed,
            stage: (from.stage != to.stage).then_some(Turned { from: from.stage, to: to.stage }),
            contexts: Sets::of(&from.contexts, &to.contexts),
            roots: Sets::of(&from.roots, &to.roots),
            externals: Sets::of(&from.externals, &to.externals),
            withdrawn: all_withdrawn.filter(|one| seen.insert(&one.key)).cloned().collect(),
            from: old.compared(),
            to: new.compared(),
        }
    }

    /// Whether the two list the very same builds.
    pub fn lists_the_same(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

fn by_product<T>(items: &[T], product: impl Fn(&T) -> &ProductName) -> BTreeMap<&ProductName, &T> {
    items.iter().map(|item| (product(item), item)).collect()
}

fn reason_of_names(old: &Listed, new: &Listed) -> Reason {
    if old.build.version == new.build.version { Reason::Rebuild } else { Reason::Pin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn build(name: &str, more: Value) -> Build {
        let (version, id) = name.split_once('-').unwrap();
        let mut record = json!({
            "product": "afw", "version": version, "build": id, "platform": "any", "archive": null
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(record).unwrap()
    }

    fn revision(digit: &str, dirty: bool) -> Value {
        json!({"source": {"repository": "https://example.org/afw", "revision": digit.repeat(40),
                          "dirty": dirty}})
    }

    fn file(bytes: &[u8]) -> Value {
        let sha256 = crate::Sha256::of(bytes);
        json!({"source": {"url": "https://example.org/afw.tar", "sha256": sha256}})
    }

    #[test]
    fn the_reason_is_told_by_the_sources() {
        let cases = [
            (build("1.0.0-b1", revision("a", false)), build("1.0.0-b2", revision("a", false))),
            (build("1.0.0-b1", revision("a", false)), build("1.0.1-b1", revision("a", false))),
            (build("1.0.0-b1", revision("a", false)), build("1.0.0-b2", revision("b", false))),
            (build("1.0.0-b1", revision("a", false)), build("1.0.0-b2", revision("a", true))),
            (build("1.0.0-b1", revision("a", false)), build("1.0.0-b2", file(b"a"))),
            (build("1.0.0-b1", file(b"a")), build("1.0.0-b2", file(b"a"))),
            (build("1.0.0-b1", file(b"a")), build("1.0.1-b1", file(b"b"))),
        ];
        use Reason::{Rebuild, Source};
        let expected = [Rebuild, Rebuild, Source, Source, Source, Rebuild, Source];
        assert_eq!(cases.each_ref().map(|(old, new)| Reason::of(old, new)), expected);
    }

    #[test]
    fn where_a_source_is_not_told_the_version_decides() {
        let bare = json!({});
        let upstream = |text: &str| json!({"upstream_version": text});
        let cases = [
            (build("1.0.0-b1", bare.clone()), build("1.0.1-b1", bare.clone()), Reason::Pin),
            (build("1.0.0-b1", bare.clone()), build("1.0.0-b2", bare.clone()), Reason::Rebuild),
            (build("1.0.0-b1", revision("a", false)), build("1.1.0-b1", bare), Reason::Pin),
            (
                build("1.0.0-b1", upstream("1.0.post1")),
                build("1.0.0-b2", upstream("1.0.post2")),
                Reason::Pin,
            ),
        ];
        for (old, new, reason) in cases {
            assert_eq!(Reason::of(&old, &new), reason, "{} {}", old.name(), new.name());
        }
    }

    fn distribution(version: &str, builds: &[&Build], more: Value) -> Distribution {
        let listed: Vec<Listed> = builds.iter().map(|build| Listed::of(build).unwrap()).collect();
        let mut document = json!({
            "name": "apps", "version": version, "platform": "any", "builds": listed
        });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    }

    fn side<'a>(document: &'a Distribution, records: &'a [Build]) -> Side<'a> {
        Side {
            document,
            digest: document.digest().unwrap(),
            records,
            withdrawn: &[],
            withdrawal: None,
        }
    }

    #[test]
    fn all_that_differs_is_told_and_nothing_else() {
        let (one, two) = (build("1.0.0-b1", file(b"a")), build("1.0.0-b2", file(b"b")));
        let log = Build { product: "log".parse().unwrap(), ..one.clone() };
        let data = |url: &str| json!([{"kind": "data", "name": "t", "url": url}]);
        let old = distribution(
            "1.0.0",
            &[&one, &log],
            json!({"roots": ["log"], "externals": data("https://example.org/1")}),
        );
        let new = distribution(
            "1.1.0",
            &[&two],
            json!({"roots": ["afw"], "stage": "release", "externals": data("https://example.org/2")}),
        );

        let found = Difference::of(side(&old, &[one, log]), side(&new, &[two]));

        assert_eq!(found.changed[0].reason, Reason::Source);
        assert_eq!((found.added.len(), found.removed.len(), found.changed.len()), (0, 1, 1));
        assert_eq!(found.stage, Some(Turned { from: Stage::Test, to: Stage::Release }));
        assert_eq!(found.roots.added[0].as_str(), "afw");
        assert_eq!((found.externals.added.len(), found.externals.removed.len()), (1, 1));
        let json = serde_json::to_value(&found).unwrap();
        assert!(json.get("contexts").is_none());
        assert_eq!(serde_json::from_value::<Difference>(json).unwrap(), found);
    }

    #[test]
    fn of_the_same_there_is_no_difference() {
        let one = build("1.0.0-b1", file(b"a"));
        let document = distribution("1.0.0", &[&one], json!({}));

        let found =
            Difference::of(side(&document, std::slice::from_ref(&one)), side(&document, &[]));

        assert!(found.lists_the_same() && found.stage.is_none() && found.roots.is_empty());
    }
}
