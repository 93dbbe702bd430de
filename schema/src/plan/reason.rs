//! Why a source must be built, as data and as words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EnvironmentName, WithdrawnBuild};
use crate::build::BuildName;
use crate::platform::Platform;
use crate::product::ProductName;
use crate::requirement::Requirement;
use crate::text::{Revision, Text};
use crate::version::Version;

/// How many reasons a sentence tells.
const MOST_SAID: usize = 5;
/// How many products a sentence names that are built anew.
const MOST_NAMED: usize = 3;

/// Why a binary is not what would be built now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// There is no build of the product at all that the caller may see.
    NoBuild,
    /// There is none of this revision.
    Revision {
        /// The newest build.
        newest: BuildName,
        /// Its revision, where its record tells one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Revision>,
    },
    /// All of this revision are for other platforms.
    Platform {
        /// For which.
        there: Vec<Platform>,
    },
    /// All of this revision were built in other environments, or do not tell in which.
    Environment {
        /// In which, as far as they tell.
        there: Vec<EnvironmentName>,
    },
    /// All of this revision need something of the host that it has not.
    Host {
        /// What: `glibc`.
        what: String,
        /// Which versions would do.
        need: String,
        /// What the host has; absent: it has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<Text>,
    },
    /// All of this revision are test builds.
    Test {
        /// The last one.
        build: BuildName,
    },
    /// All of this revision were built with changes that no revision tells.
    Dirty {
        /// The last one.
        build: BuildName,
    },
    /// All of this revision were withdrawn.
    Withdrawn(WithdrawnBuild),
    /// A dependency must be built itself.
    DependencyBuild {
        /// The dependency.
        product: ProductName,
    },
    /// A dependency is another binary.
    DependencyBinary {
        /// The dependency.
        product: ProductName,
        /// What it was built against.
        from: BuildName,
        /// What the plan takes.
        to: BuildName,
    },
    /// A dependency has other contents.
    DependencyContent {
        /// The dependency.
        product: ProductName,
        /// What it was built against.
        from: BuildName,
        /// What the plan takes.
        to: BuildName,
    },
    /// A dependency is at another revision.
    DependencyRevision {
        /// The dependency.
        product: ProductName,
        /// Its revision then, where its record tells one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Revision>,
        /// Its revision now.
        to: Revision,
    },
    /// A dependency is at another revision and has another major version: before 1.0.0, another minor
    /// one.
    DependencyMajor {
        /// The dependency.
        product: ProductName,
        /// Its version then.
        from: Version,
        /// Its version now.
        to: Version,
    },
    /// A dependency is at another revision, and one of the two has no `M.n.p` to compare by.
    DependencyUnversioned {
        /// The dependency.
        product: ProductName,
        /// Its version then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Version>,
        /// Its version now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Version>,
    },
    /// A dependency serves only who was built against the very same build of it (`abi = "exact"`).
    DependencyAbi {
        /// The dependency.
        product: ProductName,
        /// What it was built against.
        from: BuildName,
        /// What the plan takes; absent: it is built.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<BuildName>,
    },
    /// The record's requirement does not admit the version that a dependency has now.
    DependencyRequirement {
        /// The dependency.
        product: ProductName,
        /// The requirement.
        requirement: Requirement,
        /// The version now.
        version: Version,
    },
    /// It was built without this dependency.
    DependencyNew {
        /// The dependency.
        product: ProductName,
    },
    /// It was built with a dependency that the source has no more.
    DependencyGone {
        /// The dependency.
        product: ProductName,
    },
    /// The record does not tell against which build of a dependency it was built, or the build is not
    /// there.
    DependencyUnknown {
        /// The dependency.
        product: ProductName,
        /// The build that the record tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<BuildName>,
    },
    /// What the nearest build was built against is not known.
    DependenciesUnknown {
        /// The build.
        build: BuildName,
    },
    /// What a newer server says, and this version has no word for.
    #[serde(other)]
    Other,
}

/// The digits of a revision that a person reads.
fn short(revision: &Revision) -> &str {
    &revision.as_str()[..revision.as_str().len().min(10)]
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBuild => f.write_str("there is no binary of this product"),
            Self::Revision { newest, from: Some(from) } => {
                write!(f, "there is no binary of this revision; {newest} is of {}", short(from))
            }
            Self::Revision { newest, from: None } => {
                write!(f, "there is no binary of this revision; {newest} does not tell its own")
            }
            Self::Platform { there } => {
                write!(f, "there is no binary for this platform, only for {}", joined(there))
            }
            Self::Environment { there } if there.is_empty() => {
                f.write_str("the binaries do not tell in which environment they were built")
            }
            Self::Environment { there } => {
                write!(f, "the binaries were built in another environment, {}", joined(there))
            }
            Self::Host { what, need, host: Some(host) } => {
                write!(f, "the binaries need {what} {need}, and this host has {host}")
            }
            Self::Host { what, need, host: None } => {
                write!(f, "the binaries need {what} {need}, which this host has not")
            }
            Self::Test { build } => write!(f, "there is only a test build, {build}"),
            Self::Dirty { build } => {
                write!(f, "{build} was built with changes that are in no revision")
            }
            Self::Withdrawn(WithdrawnBuild { build, why }) => {
                write!(f, "{build} was withdrawn: {why}")
            }
            Self::DependencyBuild { product } => write!(f, "`{product}` is built anew"),
            Self::DependencyBinary { product, from, to } => {
                write!(f, "it was built against `{product}` {from}, and now it is {to}")
            }
            Self::DependencyContent { product, from, to } => {
                write!(f, "`{product}` {to} has other contents than {from}")
            }
            Self::DependencyRevision { product, from: Some(from), to } => {
                write!(f, "`{product}` went from revision {} to {}", short(from), short(to))
            }
            Self::DependencyRevision { product, from: None, to } => {
                write!(f, "`{product}` was at no known revision, and is at {}", short(to))
            }
            Self::DependencyMajor { product, from, to } => {
                if from.major == 0 && to.major == 0 {
                    write!(f, "`{product}` went from 0.{} to 0.{}", from.minor, to.minor)
                } else {
                    write!(f, "`{product}` went from major version {} to {}", from.major, to.major)
                }
            }
            Self::DependencyUnversioned { product, .. } => {
                write!(f, "`{product}` changed, and has no version to compare by")
            }
            Self::DependencyAbi { product, from, to } => {
                write!(f, "`{product}` serves only what was built against the very same build, ")?;
                match to {
                    Some(to) => write!(f, "and went from {from} to {to}"),
                    None => write!(f, "and {from} is built anew"),
                }
            }
            Self::DependencyRequirement { product, requirement, version } => {
                write!(f, "it needs `{product} {requirement}`, and now it is {version}")
            }
            Self::DependencyNew { product } => write!(f, "it was built without `{product}`"),
            Self::DependencyGone { product } => {
                write!(f, "it was built with `{product}`, which it needs no more")
            }
            Self::DependencyUnknown { product, from: Some(from) } => {
                write!(f, "it was built against `{product}` {from}, which is not here")
            }
            Self::DependencyUnknown { product, from: None } => {
                write!(f, "its record does not tell against which `{product}` it was built")
            }
            Self::DependenciesUnknown { build } => {
                write!(f, "what {build} was built against is not known")
            }
            Self::Other => f.write_str("for a reason that this version does not know"),
        }
    }
}

/// Several reasons as one sentence: what is built anew is told together.
pub fn in_words(reasons: &[Reason]) -> String {
    let (mut said, mut anew) = (Vec::new(), Vec::new());
    for reason in reasons {
        if let Reason::DependencyBuild { product } = reason {
            anew.push(format!("`{product}`"));
        } else {
            said.push(reason.to_string());
        }
    }
    if let Some(more @ 1..) = said.len().checked_sub(MOST_SAID) {
        said.truncate(MOST_SAID);
        said.push(format!("and {more} more"));
    }
    said.extend(built_anew(anew));
    said.join("; ")
}

fn built_anew(products: Vec<String>) -> Option<String> {
    let verb = if products.len() == 1 { "is" } else { "are" };
    enumerated(products).map(|products| format!("{products} {verb} built anew"))
}

/// Names as a sentence has them, of many only the first: "`a`, `b` and 2 more"; none: there are none.
pub fn enumerated(mut names: Vec<String>) -> Option<String> {
    if let Some(more @ 1..) = names.len().checked_sub(MOST_NAMED) {
        names.truncate(MOST_NAMED);
        names.push(format!("{more} more"));
    }
    let last = names.pop()?;
    Some(if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) })
}

fn joined(things: &[impl fmt::Display]) -> String {
    things.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_in_words() {
        let product: ProductName = "log".parse().unwrap();
        let version = |text: &str| text.parse::<Version>().unwrap();
        let major = |from: &str, to: &str| Reason::DependencyMajor {
            product: product.clone(),
            from: version(from),
            to: version(to),
        };
        assert_eq!(major("16.2.0", "17.0.1").to_string(), "`log` went from major version 16 to 17");
        assert_eq!(major("0.4.1", "0.5.0").to_string(), "`log` went from 0.4 to 0.5");
        let revision: Revision = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let newest = "1.0.0-b1".parse().unwrap();
        assert_eq!(
            Reason::Revision { newest, from: Some(revision) }.to_string(),
            "there is no binary of this revision; 1.0.0-b1 is of 0123456789"
        );
    }

    #[test]
    fn what_is_built_anew_is_told_together() {
        let anew = |names: &[&str]| -> Vec<Reason> {
            let names = names.iter().map(|name| name.parse().unwrap());
            names.map(|product| Reason::DependencyBuild { product }).collect()
        };
        assert_eq!(in_words(&anew(&["log"])), "`log` is built anew");
        assert_eq!(in_words(&anew(&["log", "utils"])), "`log` and `utils` are built anew");
        let mut many = anew(&["a", "b", "c", "d", "e"]);
        assert_eq!(in_words(&many), "`a`, `b`, `c` and 2 more are built anew");
        many.push(Reason::DependencyNew { product: "x".parse().unwrap() });
        assert!(
            in_words(&many).starts_with("it was built without `x`; `a`"),
            "{}",
            in_words(&many)
        );
        let others = vec![Reason::NoBuild; 7];
        assert!(in_words(&others).ends_with("; and 2 more"), "{}", in_words(&others));
    }

    #[test]
    fn a_reason_reads_back() {
        let reason = Reason::DependencyBuild { product: "log".parse().unwrap() };
        let json = serde_json::to_value(&reason).unwrap();
        assert_eq!(json, serde_json::json!({"kind": "dependency_build", "product": "log"}));
        assert_eq!(serde_json::from_value::<Reason>(json).unwrap(), reason);
    }
}
