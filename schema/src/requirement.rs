//! Requirements: which versions of a product will do.

use std::fmt;
use std::str::FromStr;

use semver::VersionReq;

use crate::version::Version;

/// Which versions of a product will do: Cargo's comparators, alternatives joined by `||`.
///
/// ```
/// use larder_schema::Requirement;
///
/// let requirement: Requirement = "^17.0 || >=19.1, <20".parse().unwrap();
/// assert!(requirement.matches(&"17.4.0".parse().unwrap()));
/// assert!(!requirement.matches(&"18.0.0".parse().unwrap()));
/// assert!("17.0".parse::<Requirement>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Requirement {
    alternatives: Vec<VersionReq>,
}

/// The most bytes that a requirement may have.
pub const MAX_REQUIREMENT_BYTES: usize = 1024;

/// A text is no requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no requirement: at character {at}, {fault}")]
pub struct ParseRequirementError {
    /// The text as given.
    pub text: String,
    /// Which character is at fault, the first being 1.
    pub at: usize,
    /// What is wrong there.
    pub fault: RequirementFault,
}

/// What is wrong with a requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementFault {
    /// A number without an operator.
    #[error("`{part}` says not how it is meant: write `^{part}` or `={part}`")]
    Bare {
        /// The number.
        part: String,
    },
    /// A bID, or a pre-release.
    #[error(
        "`{part}` has a dash in it: a requirement names versions, never builds (an exact build is \
         `PRODUCT@VERSION-bID`)"
    )]
    Dash {
        /// The comparator.
        part: String,
    },
    /// Nothing between two separators.
    #[error("a comparator is missing, such as `^1.2` or `*`")]
    Missing,
    /// The whole is too long.
    #[error("it is longer than {MAX_REQUIREMENT_BYTES} characters")]
    TooLong,
    /// What the comparators' grammar does not have.
    #[error("`{part}` is no comparator: write `^1.2`, `~1.2`, `=1.2.3`, `>=1.2`, `<2` or `*`")]
    Malformed {
        /// The comparator.
        part: String,
    },
}

impl FromStr for Requirement {
    type Err = ParseRequirementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |offset: usize, fault| ParseRequirementError {
            text: crate::shown(text),
            at: text[..offset].chars().count() + 1,
            fault,
        };
        if text.len() > MAX_REQUIREMENT_BYTES {
            return Err(refused(0, RequirementFault::TooLong));
        }
        let mut offset = 0;
        let mut alternatives = Vec::new();
        for alternative in text.split("||") {
            let mut at = offset;
            for part in alternative.split(',') {
                if let Some(fault) = comparator_fault(part.trim()) {
                    let leading = part.len() - part.trim_start().len();
                    return Err(refused(at + leading, fault));
                }
                at += part.len() + 1;
            }
            let parsed = VersionReq::parse(alternative).map_err(|_| {
                let part = crate::shown(alternative.trim());
                refused(offset, RequirementFault::Malformed { part })
            })?;
            alternatives.push(parsed);
            offset += alternative.len() + 2;
        }
        Ok(Self { alternatives })
    }
}

fn comparator_fault(part: &str) -> Option<RequirementFault> {
    let shown = || crate::shown(part);
    if part.is_empty() {
        Some(RequirementFault::Missing)
    } else if part.contains('-') {
        Some(RequirementFault::Dash { part: shown() })
    } else if part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        Some(RequirementFault::Bare { part: shown() })
    } else if part.contains('+') || VersionReq::parse(part).is_err() {
        Some(RequirementFault::Malformed { part: shown() })
    } else {
        None
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, alternative) in self.alternatives.iter().enumerate() {
            if index > 0 {
                f.write_str(" || ")?;
            }
            alternative.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl PartialOrd for Requirement {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Requirement {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

crate::text_serde!(Requirement);

impl Requirement {
    /// Whether `version` will do.
    pub fn matches(&self, version: &Version) -> bool {
        let version = semver::Version::new(version.major, version.minor, version.patch);
        self.alternatives.iter().any(|alternative| alternative.matches(&version))
    }

    /// Its alternatives, of which one is enough.
    pub(crate) fn alternatives(&self) -> &[VersionReq] {
        &self.alternatives
    }

    /// The requirement that every version meets: `*`.
    pub fn any() -> Self {
        Self { alternatives: vec![VersionReq::STAR] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<Requirement>().unwrap_err().to_string()
    }

    #[test]
    fn a_bare_number_is_refused_with_two_ways_out() {
        let refusal = refusal(">=1.0, 2.0");
        assert!(refusal.contains("character 8"), "{refusal}");
        assert!(refusal.contains("`^2.0` or `=2.0`"), "{refusal}");
    }

    #[test]
    fn a_build_name_is_refused() {
        assert!(refusal("=17.0.1-b8466").contains("never builds"));
    }

    #[test]
    fn malformed_comparators_are_refused_at_their_place() {
        for (text, at) in [("", 1), ("^1 ||", 6), ("^1 || y", 7), ("!=1.2", 1), ("^1,,<2", 4)] {
            let refusal = refusal(text);
            assert!(refusal.contains(&format!("at character {at},")), "{text}: {refusal}");
        }
        assert!("^1.2.3.4".parse::<Requirement>().is_err());
        assert!("^1".repeat(2000).parse::<Requirement>().is_err());
    }

    #[test]
    fn alternatives_are_tried_in_turn() {
        let requirement: Requirement = "<1.5.0||>1.5.0".parse().unwrap();
        assert_eq!(requirement.to_string(), "<1.5.0 || >1.5.0");
        assert!(requirement.matches(&"1.4.9".parse().unwrap()));
        assert!(!requirement.matches(&"1.5.0".parse().unwrap()));
        assert!(Requirement::any().matches(&"0.0.0".parse().unwrap()));
    }

    proptest::proptest! {
        #[test]
        fn requirements_read_back(
            text in r"(\^|~|=|>=|>|<|<=)[0-9]{1,3}(\.[0-9]{1,2}){0,2}( \|\| (\^|<)[1-9]\.[0-9])?"
        ) {
            if let Ok(requirement) = text.parse::<Requirement>() {
                let again: Requirement = requirement.to_string().parse().unwrap();
                proptest::prop_assert_eq!(again, requirement);
            }
        }
    }
}
