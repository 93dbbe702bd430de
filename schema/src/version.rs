//! Versions: of builds (`M.n.p`, DMTN-106 §3.3) and of distributions.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::product::Label;

/// The version of a build: `M.n.p`, no zero padding (DMTN-106 §3.3).
///
/// ```
/// use larder_schema::Version;
///
/// let version: Version = "17.0.1".parse().unwrap();
/// assert!(version < "17.0.10".parse().unwrap());
/// assert!("16.01.0".parse::<Version>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// M: raised by a breaking change.
    pub major: u64,
    /// n: raised by an addition.
    pub minor: u64,
    /// p: raised by a fix.
    pub patch: u64,
}

/// A text is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseVersionError {
    /// A number has a zero in front.
    #[error("`{text}` has a zero-padded number; write `{mended}` (16.1.0 is not 16.10.0)")]
    Padded {
        /// The text as given.
        text: String,
        /// The same without padding.
        mended: String,
    },
    /// It is a build name where a version was asked.
    #[error("`{text}` has a bID in it; a version is M.n.p alone, such as `{version}`")]
    BuildName {
        /// The text as given.
        text: String,
        /// Its part before the dash.
        version: String,
    },
    /// Anything else.
    #[error("`{text}` is no version: write three numbers, such as `17.0.1`")]
    Malformed {
        /// The text as given.
        text: String,
    },
}

/// A number as versions have it: decimal digits, no sign, below 2^53.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = if digits { text.parse().ok()? } else { return None };
    (number < 1 << 53).then_some(number)
}

fn is_padded(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ParseVersionError::Malformed { text: crate::shown(text) };
        if let Some((version, _)) = text.split_once('-')
            && version.parse::<Self>().is_ok()
        {
            return Err(ParseVersionError::BuildName {
                text: crate::shown(text),
                version: version.to_owned(),
            });
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [major, minor, patch] = parts[..] else { return Err(malformed()) };
        let read = |part| number(part).ok_or_else(malformed);
        let version = Self { major: read(major)?, minor: read(minor)?, patch: read(patch)? };
        if parts.iter().any(|part| is_padded(part)) {
            let mended = version.to_string();
            return Err(ParseVersionError::Padded { text: crate::shown(text), mended });
        }
        Ok(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

crate::text_serde!(Version);

/// The version of a distribution: a release, a candidate for one, or a label.
///
/// Ordered as people expect: `17.0.0.rc1 < 17.0.0.rc2 < 17.0.0 < 17.0.1`; labels come before all
/// numbers, by their text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum DistributionVersion {
    /// `17.0.1`.
    Release(Version),
    /// `17.0.1.rc2`: a candidate for `17.0.1`.
    Candidate(Version, u64),
    /// `w_2026_47`.
    Label(Label),
}

impl FromStr for DistributionVersion {
    type Err = ParseDistributionVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseDistributionVersionError { text: crate::shown(text) };
        if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Ok(Self::Label(text.parse().map_err(|_| refused())?));
        }
        match text.split_once(".rc") {
            Some((version, candidate)) => {
                let candidate = number(candidate)
                    .filter(|number| *number > 0 && !is_padded(candidate))
                    .ok_or_else(refused)?;
                Ok(Self::Candidate(version.parse().map_err(|_| refused())?, candidate))
            }
            None => Ok(Self::Release(text.parse().map_err(|_| refused())?)),
        }
    }
}

/// A text is no version of a distribution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no version of a distribution: write `17.0.1`, a candidate `17.0.1.rc2` (no zero \
     padding), or a label such as `w_2026_47`"
)]
pub struct ParseDistributionVersionError {
    text: String,
}

impl fmt::Display for DistributionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(version) => version.fmt(f),
            Self::Candidate(version, candidate) => write!(f, "{version}.rc{candidate}"),
            Self::Label(label) => label.fmt(f),
        }
    }
}

impl fmt::Debug for DistributionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

crate::text_serde!(DistributionVersion);

impl Ord for DistributionVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Label(one), Self::Label(two)) => one.cmp(two),
            (Self::Label(_), _) => Ordering::Less,
            (_, Self::Label(_)) => Ordering::Greater,
            (one, two) => one.number().cmp(&two.number()),
        }
    }
}

impl PartialOrd for DistributionVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl DistributionVersion {
    /// Whether something of this version may be promoted to `other`: a candidate to its own final
    /// version, to another candidate of that or to a label, and a label to anything.
    pub fn may_become(&self, other: &Self) -> bool {
        match (self.number(), other.number()) {
            (Some((one, _)), Some((two, _))) => one == two,
            _ => true,
        }
    }

    /// The version, and the candidate's number; a final release counts above every candidate.
    fn number(&self) -> Option<(Version, u64)> {
        match self {
            Self::Release(version) => Some((*version, u64::MAX)),
            Self::Candidate(version, candidate) => Some((*version, *candidate)),
            Self::Label(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_refused_with_the_mended_version() {
        let refusal = "16.01.0".parse::<Version>().unwrap_err().to_string();
        assert!(refusal.contains("`16.1.0`"), "{refusal}");
        assert!("16.1.0".parse::<Version>().unwrap() != "16.10.0".parse().unwrap());
    }

    #[test]
    fn what_is_not_three_numbers_is_refused() {
        for text in ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", "+1.2.3", "1.2.-3", "1..2"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert!("9007199254740992.0.0".parse::<Version>().is_err());
    }

    #[test]
    fn a_build_name_is_named_as_such() {
        let refusal = "17.0.1-b8466".parse::<Version>().unwrap_err().to_string();
        assert!(refusal.contains("bID"), "{refusal}");
    }

    #[test]
    fn a_candidate_becomes_its_own_final_and_no_other() {
        let may = |one: &str, two: &str| {
            one.parse::<DistributionVersion>().unwrap().may_become(&two.parse().unwrap())
        };
        assert!(may("17.0.1.rc2", "17.0.1") && may("17.0.1.rc1", "17.0.1.rc2"));
        assert!(may("w_2026_47", "17.0.1.rc1") && may("17.0.1.rc2", "stable"));
        assert!(!may("17.0.1.rc2", "17.1.0") && !may("17.0.1.rc2", "17.0.2.rc1"));
    }

    #[test]
    fn candidates_come_before_their_final() {
        let texts = ["w_2026_47", "17.0.0.rc1", "17.0.0.rc2", "17.0.0.rc10", "17.0.0", "17.0.1"];
        let versions: Vec<DistributionVersion> =
            texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted());
        assert_eq!(versions.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
        for text in ["17.0.0.rc0", "17.0.0.rc01", "17.0.0rc1", "17.0", "17.0.0.rc", "a-b"] {
            assert!(text.parse::<DistributionVersion>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn versions_read_back(major in 0..1_u64 << 53, minor: u32, patch: u8) {
            let version = Version { major, minor: minor.into(), patch: patch.into() };
            proptest::prop_assert_eq!(version.to_string().parse::<Version>().unwrap(), version);
        }
    }
}
