//! Distributions: named, immutable lists of exact builds (DMTN-106 §2.6).

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::build::{BuildKey, BuildName};
use crate::canonical::{self, CanonicalError};
use crate::checksum::{Digest, Sha256, TreeChecksum};
use crate::platform::Platform;
use crate::product::ProductName;
use crate::record::{Build, Extra, Role};
use crate::text::{Text, Url};
use crate::version::DistributionVersion;

/// The most parameters of a distribution.
pub const MAX_PARAMETERS: usize = 64;

/// A named, versioned, immutable list of exact builds for one platform, to be deployed together.
///
/// A publisher gives name, version, platform and the keys of the builds; the server fills in the
/// rest. Two distributions with one digest list the very same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Distribution {
    /// Its name, such as `lsst_distrib`.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// What it runs on.
    pub platform: Platform,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stage: Stage,
    /// The contexts that it promises to be fit for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contexts: Vec<Context>,
    /// The products that it was made for; the others are there because these need them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<ProductName>,
    /// Distributions that some of the builds came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<Include>,
    /// All builds, one for each product.
    pub builds: Vec<Listed>,
    /// What else is to be deployed with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub externals: Vec<External>,
    /// Parameters of the run that made it, such as `BUILD` and `CONDA_ENV`; EUPS's tag lists tell them.
    #[serde(
        default,
        deserialize_with = "crate::unique::map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub parameters: BTreeMap<String, Text>,
    /// The candidate that this is the same as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_from: Option<Digest>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How far a distribution has come.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// To be tried.
    #[default]
    Test,
    /// Built each night.
    Nightly,
    /// Built each week.
    Weekly,
    /// May become a release.
    Candidate,
    /// Released.
    Release,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Nightly => "nightly",
            Self::Weekly => "weekly",
            Self::Candidate => "candidate",
            Self::Release => "release",
        })
    }
}

/// What an environment is for (DMTN-106 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// Has build and debug tools.
    Development,
    /// Has test tools on top.
    Test,
    /// Has what operations run, and no `build` and no `debug` package.
    Operations,
}

impl std::fmt::Display for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Test => "test",
            Self::Operations => "operations",
        })
    }
}

impl Context {
    /// Whether a package of `role` may be in an environment for this context.
    pub fn admits(self, role: Role) -> bool {
        !(self == Self::Operations && matches!(role, Role::Build | Role::Debug))
    }
}

/// A distribution that some builds came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Include {
    /// Its name.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// Its digest.
    pub digest: Digest,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One build of a distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Listed {
    /// The product.
    pub product: ProductName,
    /// The build name.
    pub build: BuildName,
    /// The build's platform.
    pub platform: Platform,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: Role,
    /// The digest of its record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Digest>,
    /// Its archive; none for a metapackage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Digest>,
    /// What the archive unpacks to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<TreeChecksum>,
    /// Bytes of the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Something that is deployed with a distribution and that larder does not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct External {
    /// `data`, `source`, `image`, …
    pub kind: Text,
    /// Its name.
    pub name: Text,
    /// Where it is.
    pub url: Url,
    /// SHA-256 of its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Listed {
    /// What a distribution says of `build`, with all that the server fills in.
    pub fn of(build: &Build) -> Result<Self, CanonicalError> {
        Ok(Self::with_record(build, build.digest()?))
    }

    /// The same where the digest of the record is known.
    pub fn with_record(build: &Build, record: Digest) -> Self {
        Self {
            product: build.product.clone(),
            build: build.name(),
            platform: build.platform.clone(),
            role: build.role,
            record: Some(record),
            archive: build.archive.as_ref().map(|archive| Digest(archive.sha256)),
            tree: build.tree,
            size: build.archive.as_ref().and_then(|archive| archive.size),
            extra: Extra::new(),
        }
    }

    /// The key of the build.
    pub fn key(&self) -> BuildKey {
        BuildKey {
            product: self.product.clone(),
            build: self.build.clone(),
            platform: self.platform.clone(),
        }
    }

    /// The name of the first field that is given here and differs in `other`.
    pub fn contradiction(&self, other: &Self) -> Option<&'static str> {
        fn differs<T: PartialEq>(given: Option<&T>, known: Option<&T>) -> bool {
            given.is_some() && given != known
        }
        let checks = [
            ("record", differs(self.record.as_ref(), other.record.as_ref())),
            ("archive", differs(self.archive.as_ref(), other.archive.as_ref())),
            ("tree", differs(self.tree.as_ref(), other.tree.as_ref())),
            ("size", differs(self.size.as_ref(), other.size.as_ref())),
            ("role", self.role != Role::default() && self.role != other.role),
        ];
        checks.into_iter().find(|(_, differs)| *differs).map(|(field, _)| field)
    }
}

/// Why a distribution is refused, beyond the form of its fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistributionFault {
    /// Fields that this version does not know.
    #[error("unknown field `{field}`; remove it, or use a newer larder")]
    UnknownField {
        /// Its path.
        field: String,
    },
    /// No builds.
    #[error("the distribution lists no build")]
    Empty,
    /// Two builds of one product.
    #[error("the distribution lists two builds of `{product}`")]
    TwoBuilds {
        /// The product.
        product: ProductName,
    },
    /// A build for another platform.
    #[error(
        "`{product}` is a build for `{build}`, which does not fit a distribution for `{asked}`"
    )]
    Misfit {
        /// The product.
        product: ProductName,
        /// The build's platform.
        build: Platform,
        /// The distribution's.
        asked: Platform,
    },
    /// A parameter's name.
    #[error("`{name}` is no name of a parameter: it has 1 to 64 letters, digits and `_`")]
    Parameter {
        /// The name.
        name: String,
    },
    /// Too many parameters.
    #[error("a distribution has at most {MAX_PARAMETERS} parameters")]
    Parameters,
    /// A root that is not among the builds.
    #[error("the root `{product}` is not among the builds")]
    RootMissing {
        /// The product.
        product: ProductName,
    },
    /// A role that a promised context does not admit.
    #[error("`{product}` is a {role} package, which the context `{context}` does not admit")]
    RoleRefused {
        /// The product.
        product: ProductName,
        /// Its role.
        role: Role,
        /// The context.
        context: Context,
    },
}

impl Distribution {
    /// The digest of the document.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(&self.in_order())
    }

    /// Whether it may become a release: by its stage, or by its version.
    pub fn is_candidate(&self) -> bool {
        self.stage == Stage::Candidate || matches!(self.version, DistributionVersion::Candidate(..))
    }

    /// The same builds under another version: what this candidate, whose digest is `digest`, is
    /// promoted to.
    #[must_use]
    pub fn promoted(&self, digest: Digest, version: DistributionVersion, stage: Stage) -> Self {
        Self { version, stage, promoted_from: Some(digest), ..self.clone() }
    }

    /// The same document with its sets in canonical order.
    pub fn in_order(&self) -> Self {
        let mut ordered = self.clone();
        ordered.contexts.sort_by_key(Context::to_string);
        ordered.contexts.dedup();
        ordered.roots.sort();
        ordered.roots.dedup();
        ordered
            .includes
            .sort_by(|one, two| (&one.name, &one.version).cmp(&(&two.name, &two.version)));
        ordered.builds.sort_by(|one, two| one.product.cmp(&two.product));
        // The address too, so that two of one name have one order.
        let place = |external: &External| {
            (external.kind.clone(), external.name.clone(), external.url.clone())
        };
        ordered.externals.sort_by_key(place);
        ordered
    }

    /// What is wrong with the document itself; whether it is closed is in [`crate::closure`].
    pub fn fault(&self) -> Option<DistributionFault> {
        if let Some(field) = self.unknown_field() {
            return Some(DistributionFault::UnknownField { field });
        }
        if self.builds.is_empty() {
            return Some(DistributionFault::Empty);
        }
        if self.parameters.len() > MAX_PARAMETERS {
            return Some(DistributionFault::Parameters);
        }
        if let Some(name) = self.parameters.keys().find(|name| !is_parameter(name)) {
            return Some(DistributionFault::Parameter { name: crate::shown(name) });
        }
        let mut seen = HashSet::new();
        let in_builds = self.builds.iter().find_map(|listed| {
            if !seen.insert(&listed.product) {
                return Some(DistributionFault::TwoBuilds { product: listed.product.clone() });
            }
            self.misfit(listed)
        });
        in_builds.or_else(|| {
            let missing = self.roots.iter().find(|root| !seen.contains(root))?;
            Some(DistributionFault::RootMissing { product: missing.clone() })
        })
    }

    fn misfit(&self, listed: &Listed) -> Option<DistributionFault> {
        if !listed.platform.fits(&self.platform) {
            return Some(DistributionFault::Misfit {
                product: listed.product.clone(),
                build: listed.platform.clone(),
                asked: self.platform.clone(),
            });
        }
        let context = self.contexts.iter().find(|context| !context.admits(listed.role))?;
        Some(DistributionFault::RoleRefused {
            product: listed.product.clone(),
            role: listed.role,
            context: *context,
        })
    }

    fn unknown_field(&self) -> Option<String> {
        let first =
            |place: &str, extra: &Extra| extra.keys().next().map(|field| format!("{place}{field}"));
        first("", &self.extra)
            .or_else(|| self.builds.iter().find_map(|listed| first("builds.", &listed.extra)))
            .or_else(|| self.includes.iter().find_map(|item| first("includes.", &item.extra)))
            .or_else(|| self.externals.iter().find_map(|item| first("externals.", &item.extra)))
    }
}

/// Whether this can be the name of a parameter.
pub fn is_parameter(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Distribution {
        serde_json::from_value(value).unwrap()
    }

    fn document() -> Value {
        json!({
            "name": "lsst_distrib", "version": "17.0.1", "platform": "linux-x86_64",
            "stage": "release", "contexts": ["operations", "development"], "roots": ["afw"],
            "builds": [
                {"product": "log", "build": "17.0.0-b1", "platform": "any"},
                {"product": "afw", "build": "17.0.1-b2", "platform": "linux-x86_64-el8"}],
            "externals": [{"kind": "data", "name": "testdata", "url": "https://example.org/t"}]
        })
    }

    fn fault(change: impl FnOnce(&mut Value)) -> Option<DistributionFault> {
        let mut value = document();
        change(&mut value);
        read(value).fault()
    }

    #[test]
    fn the_digest_does_not_see_the_order_of_builds() {
        let mut turned = document();
        turned["builds"].as_array_mut().unwrap().reverse();
        turned["contexts"].as_array_mut().unwrap().reverse();
        assert_eq!(read(turned).digest().unwrap(), read(document()).digest().unwrap());
        assert_eq!(read(document()).fault(), None);
    }

    #[test]
    fn faults_are_named() {
        assert!(fault(|d| d["builds"] = json!([])).is_some());
        assert!(fault(|d| d["builds"][0]["product"] = json!("afw")).is_some());
        assert!(fault(|d| d["builds"][0]["platform"] = json!("linux-aarch64")).is_some());
        assert!(fault(|d| d["roots"] = json!(["gone"])).is_some());
        assert!(fault(|d| d["builds"][0]["role"] = json!("debug")).is_some());
        assert!(fault(|d| d["colour"] = json!("blue")).is_some());
        assert!(fault(|d| d["parameters"] = json!({"A B": "x"})).is_some());
        assert_eq!(fault(|d| d["parameters"] = json!({"BUILD": "b103"})), None);
        let refusal = fault(|d| d["builds"][0]["color"] = json!(1)).unwrap().to_string();
        assert!(refusal.contains("`builds.color`"), "{refusal}");
    }

    #[test]
    fn a_given_field_that_differs_is_named() {
        let known = Listed { size: Some(7), ..read(document()).builds[0].clone() };
        let given = Listed { size: Some(8), ..known.clone() };
        assert_eq!(given.contradiction(&known), Some("size"));
        assert_eq!(read(document()).builds[0].contradiction(&known), None);
    }
}
