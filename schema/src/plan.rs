//! Plans: what of some sources must be built, and which binaries there are for the rest (DMTN-106
//! §A.2.3).

mod few;
mod order;
mod reason;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub use few::sources as read_sources;
pub use order::{MOST_NEEDED, MOST_SOURCES, PlanFault};
pub use reason::{Reason, enumerated, in_words};

use crate::api::Withdrawal;
use crate::build::{BuildId, BuildName};
use crate::distribution::Listed;
use crate::platform::Platform;
use crate::product::ProductName;
use crate::record::{ArchiveName, BuiltIn, DependencyKind};
use crate::requirement::Requirement;
use crate::text::{Revision, Text, Url};
use crate::version::Version;

/// Which of these sources must be built, and which binaries are there for the others?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// All sources of the build, each product once, in any order; at most [`MOST_SOURCES`], with
    /// [`MOST_NEEDED`] dependencies together.
    #[serde(deserialize_with = "few::sources")]
    pub sources: Vec<Source>,
    /// For which platform: its builds, those of its variants and those for `any` fit.
    pub platform: Platform,
    /// When a binary may be reused; absent: as the server's settings say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// The same for single products.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<ProductName, Policy>,
    /// Only what was built in this environment is reused; absent: the environment does not matter.
    #[serde(
        default,
        deserialize_with = "read_environment",
        skip_serializing_if = "Option::is_none"
    )]
    pub built_in: Option<EnvironmentName>,
    /// What the host has, name to version, as in a resolution: `glibc`, `python`.
    #[serde(
        default,
        deserialize_with = "crate::unique::map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub host: BTreeMap<String, Option<Text>>,
    /// What the build tool calls this run; it comes back in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
}

/// The source of one product of a build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The product.
    pub product: ProductName,
    /// `M.n.p`; absent where the version yields none: the build is then named `0.0.0-bID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The version as the build tool spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_version: Option<Text>,
    /// The revision that is built, in full.
    pub revision: Revision,
    /// Its repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Url>,
    /// The products that it needs directly, all of them sources too. It is a set: what is named twice
    /// counts once.
    #[serde(default, deserialize_with = "few::needed", skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Needed>,
}

/// A product that a source is built against: its name alone, or with what a record says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Needed {
    /// The product.
    pub product: ProductName,
    /// When it is needed, apart from the build.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: DependencyKind,
    /// Which versions of it will do; absent: all. Against another one nothing is built: there is no
    /// plan then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<Requirement>,
}

fn is_default(kind: &DependencyKind) -> bool {
    *kind == DependencyKind::default()
}

impl<'de> Deserialize<'de> for Needed {
    /// By hand, so that what is wrong is told: an untagged enum only says that nothing fits.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrWhole)
    }
}

/// A product by its name alone, or with what is said of it.
struct NameOrWhole;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    product: ProductName,
    #[serde(default)]
    kind: DependencyKind,
    #[serde(default)]
    requirement: Option<Requirement>,
}

impl<'de> Visitor<'de> for NameOrWhole {
    type Value = Needed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a product, or an object with its `product`")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Needed, E> {
        Ok(Needed::any(name.parse().map_err(E::custom)?))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Needed, A::Error> {
        let Whole { product, kind, requirement } =
            Whole::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Needed { product, kind, requirement })
    }
}

impl Source {
    /// The version that a build of it has: `0.0.0` where the source has none.
    pub fn build_version(&self) -> Version {
        self.version.unwrap_or(Version { major: 0, minor: 0, patch: 0 })
    }

    /// What it is built against: not what its tests alone need.
    pub fn built_against(&self) -> impl Iterator<Item = &Needed> {
        self.dependencies.iter().filter(|needed| needed.kind.is_built_against())
    }
}

impl Needed {
    /// Any version of a product, to build and to run.
    pub fn any(product: ProductName) -> Self {
        Self { product, kind: DependencyKind::Run, requirement: None }
    }
}

/// When a binary may be reused: always one of the same product and revision, whose recorded direct
/// dependencies are the same products as now.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Each of them the very binary that the plan takes. The only policy that never puts a binary
    /// beside another dependency than the one that it was built against.
    #[default]
    Exact,
    /// Each with the tree checksum of the binary that the plan takes: a rebuild that made the same
    /// bytes stops the wave.
    Content,
    /// Each at the same revision as now.
    Direct,
    /// Each at the same revision as now, or with the same major version.
    Semver,
}

impl Policy {
    /// All of them, the strictest first.
    pub const ALL: [Self; 4] = [Self::Exact, Self::Content, Self::Direct, Self::Semver];

    /// The policy as documents have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Content => "content",
            Self::Direct => "direct",
            Self::Semver => "semver",
        }
    }
}

impl std::fmt::Display for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text names no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no policy: write `exact`, `content`, `direct` or `semver`")]
pub struct ParsePolicyError {
    text: String,
}

impl std::str::FromStr for Policy {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or_else(|| ParsePolicyError { text: crate::shown(text) })
    }
}

/// An environment that something was built in, without its lock.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct EnvironmentName {
    /// Its name, such as `rubin-env`.
    pub name: Text,
    /// Its version.
    pub version: Text,
}

/// Reads the environment of a question, which has no other fields: an answer may come from a server
/// that knows more of them.
pub fn read_environment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<EnvironmentName>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        name: Text,
        version: Text,
    }
    let asked = Option::<Asked>::deserialize(deserializer)?;
    Ok(asked.map(|Asked { name, version }| EnvironmentName { name, version }))
}

impl EnvironmentName {
    /// The name of what a record tells.
    pub fn of(built_in: &BuiltIn) -> Self {
        Self { name: built_in.name.clone(), version: built_in.version.clone() }
    }
}

impl std::fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A text names no environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no environment: write NAME@VERSION, such as `rubin-env@12.1.0`")]
pub struct ParseEnvironmentNameError {
    text: String,
}

impl std::str::FromStr for EnvironmentName {
    type Err = ParseEnvironmentNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseEnvironmentNameError { text: crate::shown(text) };
        let (name, version) = text.split_once('@').ok_or_else(refused)?;
        let parsed = |part: &str| part.parse().map_err(|_| refused());
        Ok(Self { name: parsed(name)?, version: parsed(version)? })
    }
}

/// What to do for each source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PlanAnswer {
    /// The platform that was asked for.
    pub platform: Platform,
    /// When a binary is reused, unless a step says otherwise.
    pub policy: Policy,
    /// The environment that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_in: Option<EnvironmentName>,
    /// What the build tool calls this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
    /// One for each source, in build order: each after those that it is built against. What only tests
    /// need comes before them too, unless any tests of the plan make a circle.
    pub steps: Vec<Step>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What to do for one source, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// The source, as it was asked about.
    #[serde(flatten)]
    pub source: Source,
    /// The policy that decided.
    pub policy: Policy,
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
    /// Why, as a sentence without a full stop.
    pub because: String,
}

/// What to do for one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Action {
    /// Take this build.
    Reuse {
        /// The build and its archive.
        reuse: Box<Listed>,
        /// The file name of the archive: its ending tells how it is unpacked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        archive_name: Option<ArchiveName>,
        /// In what it is not what would be built now: in which other builds it was built against.
        /// Empty under `exact`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differs: Vec<Reason>,
    },
    /// Build it.
    Build {
        /// Why no binary will do; never empty. What is said of dependencies compares with `nearest`.
        reasons: Vec<Reason>,
        /// The last published build of the same revision that would do but for its dependencies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nearest: Option<BuildName>,
    },
}

impl Step {
    /// The build that is reused.
    pub fn reused(&self) -> Option<&Listed> {
        match &self.action {
            Action::Reuse { reuse, .. } => Some(reuse),
            Action::Build { .. } => None,
        }
    }

    /// The version that a build of its source has.
    pub fn version(&self) -> Version {
        self.source.build_version()
    }
}

/// A build that would be reused had nobody withdrawn it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct WithdrawnBuild {
    /// Its name.
    pub build: BuildName,
    /// Why.
    #[serde(flatten)]
    pub why: Withdrawal,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_dependency_is_a_name_or_an_object() {
        let read = |value: Value| serde_json::from_value::<Needed>(value);

        let log: ProductName = "log".parse().unwrap();
        assert_eq!(read(json!("log")).unwrap(), Needed::any(log.clone()));
        let whole =
            read(json!({"product": "log", "kind": "build", "requirement": "^1.2"})).unwrap();
        assert_eq!((whole.product, whole.kind), (log, DependencyKind::Build));
        for refused in [json!("_log"), json!({"product": "log", "colour": 1}), json!(7)] {
            assert!(read(refused.clone()).is_err(), "{refused}");
        }
    }

    #[test]
    fn policies_and_environments_read_back() {
        for policy in Policy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
            assert_eq!(serde_json::to_value(policy).unwrap(), json!(policy.as_str()));
        }
        let environment: EnvironmentName = "rubin-env@12.1.0".parse().unwrap();
        assert_eq!(environment.to_string().parse(), Ok(environment));
        assert!("rubin-env".parse::<EnvironmentName>().is_err());
        assert!("Exact".parse::<Policy>().is_err());
    }

    #[test]
    fn what_a_newer_server_says_beyond_is_read_over_and_in_a_question_refused() {
        let environment = json!({"name": "env", "version": "1", "colour": "red"});
        let answer = json!({
            "platform": "any", "policy": "exact", "built_in": environment, "steps": [{
                "product": "afw", "revision": "a".repeat(40), "policy": "exact", "action": "build",
                "reasons": [{"kind": "phase_of_the_moon", "moon": "full"}, {"kind": "no_build"}],
                "because": "the moon is full; there is no binary of this product"
            }]
        });
        let question = json!({
            "platform": "any", "built_in": environment,
            "sources": [{"product": "afw", "revision": "a".repeat(40)}]
        });

        let read: PlanAnswer = serde_json::from_value(answer).unwrap();
        let refused = serde_json::from_value::<PlanRequest>(question).unwrap_err().to_string();

        let Action::Build { reasons, .. } = &read.steps[0].action else { panic!("it is built") };
        assert_eq!(reasons, &[Reason::Other, Reason::NoBuild]);
        assert!(refused.contains("unknown field `colour`"), "{refused}");
    }

    #[test]
    fn a_step_reads_back_with_its_source_beside_its_action() {
        let step = json!({
            "product": "afw", "version": "17.0.1", "revision": "a".repeat(40),
            "dependencies": [{"product": "log"}], "policy": "exact", "action": "build",
            "reasons": [{"kind": "dependency_build", "product": "log"}],
            "because": "`log` is built"
        });
        let read: Step = serde_json::from_value(step.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), step);
    }
}
