//! Targets: what `larder install` is asked for.

mod asked;

use std::fmt;
use std::str::FromStr;

pub use asked::{Asked, Name, NameKind, Requested};
pub use larder_schema::platform::fitting;
use larder_schema::{
    BuildName, Digest, DistributionVersion, ProductName, Requirement, Text, Version,
};

/// A distribution, as `NAME[@VERSION|@TAG|@sha256:…]`, perhaps with `dist:` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: ProductName,
    /// Which of its versions.
    pub which: Which,
}

/// Which version of a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// What the tag `current` names, else the newest release.
    Current,
    /// This version, or what this tag names: the server tells the two apart.
    Named(DistributionVersion),
    /// The document with this digest.
    Exactly(Digest),
}

/// A text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTargetError {
    /// It asks for a product where a distribution is needed.
    #[error(
        "`{text}` asks for a product, not for a distribution (`NAME`, `NAME@VERSION`, `NAME@TAG`, \
         `NAME@sha256:…`)"
    )]
    Product {
        /// The text.
        text: Text,
    },
    /// The part in front is no name.
    #[error(transparent)]
    Name(#[from] larder_schema::product::ParseProductNameError),
    /// The part after the `@` is a version that is written wrongly.
    #[error(transparent)]
    Number(#[from] larder_schema::version::ParseVersionError),
    /// The part after the `@` is a requirement that is written wrongly.
    #[error(transparent)]
    Requirement(#[from] larder_schema::requirement::ParseRequirementError),
    /// The part after the `@` is a build name that is written wrongly.
    #[error(transparent)]
    Build(#[from] larder_schema::build::ParseBuildNameError),
    /// It names something with a version where a name alone is needed.
    #[error("`{text}` names a version; give the name alone")]
    NotAlone {
        /// The text.
        text: Text,
    },
    /// The part after the `@` is nothing known.
    #[error("`{version}` is no version, no tag and no digest of a distribution")]
    Version {
        /// The part.
        version: Text,
    },
    /// It cannot even be shown.
    #[error("a target is empty, too long, or has control characters in it")]
    Unprintable,
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = |text: &str| text.parse::<Text>().map_err(|_| ParseTargetError::Unprintable);
        let whole = shown(text)?;
        if text.starts_with("pkg:") {
            return Err(ParseTargetError::Product { text: whole });
        }
        let bare = text.strip_prefix("dist:").unwrap_or(text);
        let Some((name, version)) = bare.split_once('@') else {
            return Ok(Self { name: bare.parse()?, which: Which::Current });
        };
        let name = name.parse()?;
        if let Ok(digest) = version.parse() {
            return Ok(Self { name, which: Which::Exactly(digest) });
        }
        if let Ok(version) = version.parse() {
            return Ok(Self { name, which: Which::Named(version) });
        }
        if version.parse::<BuildName>().is_ok() || version.parse::<Requirement>().is_ok() {
            return Err(ParseTargetError::Product { text: whole });
        }
        let is_number = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_number && let Err(error) = version.parse::<Version>() {
            return Err(error.into());
        }
        Err(ParseTargetError::Version { version: shown(version)? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Which::Current => write!(f, "{}", self.name),
            Which::Named(version) => write!(f, "{}@{version}", self.name),
            Which::Exactly(digest) => write!(f, "{}@{digest}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn which(text: &str) -> Which {
        text.parse::<Target>().unwrap().which
    }

    #[test]
    fn versions_tags_and_digests_are_told_apart_by_syntax() {
        assert_eq!(which("lsst_butler"), Which::Current);
        assert_eq!(which("dist:lsst_butler"), Which::Current);
        for text in ["30.2026.4300", "17.0.0.rc2", "w_2026_47", "current"] {
            assert_eq!(which(&format!("x@{text}")), Which::Named(text.parse().unwrap()));
        }
        let digest = Digest::of(b"x");
        assert_eq!(which(&format!("x@{digest}")), Which::Exactly(digest));
    }

    #[test]
    fn products_are_told_from_nonsense() {
        for text in ["afw@17.0.1-b8466", "afw@^1.2", "pkg:afw", "afw@*"] {
            let refusal = text.parse::<Target>().unwrap_err();
            assert!(matches!(refusal, ParseTargetError::Product { .. }), "{text}: {refusal}");
        }
        for text in ["", "a b", "x@", "x@sha256:1", "x@1.02.3", "a\nb", "x@@"] {
            let refusal = text.parse::<Target>().unwrap_err();
            assert!(!matches!(refusal, ParseTargetError::Product { .. }), "{text}: {refusal}");
        }
    }
}
