//! Resolutions: the question which builds meet some requirements, and its answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::{Withdrawn, WithdrawnDistribution};
use crate::build::{BuildName, BuildRef};
use crate::checksum::Digest;
use crate::distribution::{Context, Listed, Stage};
use crate::platform::Platform;
use crate::product::ProductName;
use crate::record::Build;
use crate::requirement::Requirement;
use crate::text::Text;
use crate::version::DistributionVersion;

/// Which builds meet these requirements together?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// What must be in the closure; earlier ones are decided first.
    pub requirements: Vec<Wanted>,
    /// For which platform: its builds, those of its variants and those for `any` fit.
    pub platform: Platform,
    /// What the host has, name to version: `glibc`, `python`; null: known not to be there. What is
    /// not named is not known, and a need of it counts as met.
    #[serde(
        default,
        deserialize_with = "crate::unique::map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub host: BTreeMap<String, Option<Text>>,
    /// What the environment is for: `operations` admits no `build` and no `debug` package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// Takes only builds that a distribution of at least this stage lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Takes only builds that this distribution lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<DistributionChoice>,
    /// Distributions whose builds stand fast, also withdrawn and test builds: of their products no
    /// other build is taken, whatever `stage` and `distribution` say. Where two disagree about a
    /// product, none of its builds can be taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<DistributionChoice>,
    /// Builds to take before all others where they will do; earlier ones first. Being preferred
    /// lets in no build that could not be taken otherwise, such as one that was withdrawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefer: Vec<Preferred>,
    /// Whether test builds may be taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// Whether the answer shall have the records of the builds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub records: bool,
}

/// A product that must be in a closure: any of its builds, those that meet a requirement, or one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The product.
    pub product: ProductName,
    /// Which versions will do; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<Requirement>,
    /// The very build; also a test build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildName>,
}

/// A distribution for the platform of the request, by version, tag or digest.
///
/// If there is none for that very platform, it is the only one that fits otherwise, or the one for
/// `any`. Where a digest is given, it decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DistributionChoice {
    /// Its name.
    pub name: ProductName,
    /// Its version, or a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<DistributionVersion>,
    /// The digest of its document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// What to take before all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Preferred {
    /// A build, such as one that is installed.
    Build(BuildRef),
    /// All builds that a distribution lists.
    Distribution(DistributionChoice),
}

/// Why no builds meet some requirements: what is demanded of one product, and what is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Conflict {
    /// The product where demands meet.
    pub product: ProductName,
    /// Whether there is any build of it at all.
    pub is_known: bool,
    /// Whether one of the demands is met by no build, whatever the others are.
    pub unmet: bool,
    /// What is demanded of it, and by whom.
    pub demands: Vec<Demanded>,
    /// Its builds that may be taken, the newest first.
    pub there: Vec<BuildName>,
    /// Its builds that a demand would take and that may not be taken, the newest first.
    pub unfit: Vec<Unfitting>,
}

/// One demand on a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Demanded {
    /// Products from one that was asked for to the one that makes the demand; empty: it was asked
    /// for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<ProductName>,
    /// The builds that make it, all of the last product of the chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<BuildName>,
    /// Which versions will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<Requirement>,
    /// The build that they were built against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_against: Option<BuildName>,
    /// The very build that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildName>,
}

/// A build that may not be taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Unfitting {
    /// Its name.
    pub build: BuildName,
    /// What it is for.
    pub platform: Platform,
    /// Why not, as a sentence without its subject: `was withdrawn: it crashes`.
    pub reason: String,
}

/// A closure: builds, one for each product, in which every run dependency is met.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ResolveAnswer {
    /// The builds, each after those that it needs.
    pub builds: Vec<Listed>,
    /// Their records, in the same order, when they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Build>>,
    /// Those of them that were withdrawn: only builds that stand fast can be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Withdrawn>,
    /// Those of the distributions that were asked for, as a limit or to stand fast, that were withdrawn
    /// themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn_distributions: Vec<WithdrawnDistribution>,
}
