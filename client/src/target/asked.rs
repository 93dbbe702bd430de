//! Distributions and products alike: what may be installed, and what it is called afterwards.

use std::fmt;
use std::str::FromStr;

use larder_schema::{ProductName, Text, Wanted};
use serde::{Deserialize, Serialize};

use super::{ParseTargetError, Target, Which};

/// What `larder install` is asked for, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// It can only be this.
    Known(Asked),
    /// A name alone: a distribution or a product, the server knows.
    Either(ProductName),
}

/// What an environment was asked to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Asked {
    /// A distribution, as `NAME`, `NAME@VERSION`, `NAME@TAG` or `NAME@sha256:…`.
    Distribution(Target),
    /// A product with its closure, as `pkg:NAME`, `NAME@REQUIREMENT` or `NAME@VERSION-bID`.
    Product(Wanted),
}

/// What something is called that was asked for: `NAME`, `dist:NAME` or `pkg:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: ProductName,
    /// Of what.
    pub kind: NameKind,
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// Of a distribution or of a product.
    Any,
    /// Of a distribution.
    Distribution,
    /// Of a product.
    Product,
}

/// What stands in a requirement and in nothing else.
const COMPARATORS: [char; 8] = ['^', '~', '=', '<', '>', '*', ',', '|'];

impl FromStr for Requested {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = match (text.strip_prefix("pkg:"), text.split_once('@')) {
            (Some(product), _) => Asked::Product(wanted(product)?),
            (None, _) if text.starts_with("dist:") => Asked::Distribution(text.parse()?),
            (None, None) => return Ok(Self::Either(text.parse()?)),
            (None, Some((_, which))) if is_build(which) || which.contains(COMPARATORS) => {
                Asked::Product(wanted(text)?)
            }
            (None, Some(_)) => Asked::Distribution(text.parse()?),
        };
        Ok(Self::Known(known))
    }
}

/// Whether it can only be a build's name: a version begins with a digit and has no dash.
fn is_build(which: &str) -> bool {
    which.starts_with(|c: char| c.is_ascii_digit()) && which.contains('-')
}

/// A product, as `NAME`, `NAME@REQUIREMENT` or `NAME@VERSION-bID`.
fn wanted(text: &str) -> Result<Wanted, ParseTargetError> {
    // What cannot even be shown is refused first.
    text.parse::<Text>().map_err(|_| ParseTargetError::Unprintable)?;
    let Some((product, which)) = text.split_once('@') else {
        return Ok(Wanted { product: text.parse()?, requirement: None, build: None });
    };
    let product = product.parse()?;
    if is_build(which) {
        return Ok(Wanted { product, requirement: None, build: Some(which.parse()?) });
    }
    Ok(Wanted { product, requirement: Some(which.parse()?), build: None })
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(asked) => asked.fmt(f),
            Self::Either(name) => name.fmt(f),
        }
    }
}

impl FromStr for Asked {
    type Err = ParseTargetError;

    /// A name alone is a distribution's.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse()? {
            Requested::Known(asked) => Ok(asked),
            Requested::Either(name) => {
                Ok(Self::Distribution(Target { name, which: Which::Current }))
            }
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Distribution(target) => target.fmt(f),
            Self::Product(Wanted { product, requirement: Some(requirement), .. }) => {
                write!(f, "{product}@{requirement}")
            }
            Self::Product(Wanted { product, build: Some(build), .. }) => {
                write!(f, "{product}@{build}")
            }
            Self::Product(Wanted { product, .. }) => write!(f, "pkg:{product}"),
        }
    }
}

impl From<Asked> for String {
    fn from(asked: Asked) -> Self {
        asked.to_string()
    }
}

impl TryFrom<String> for Asked {
    type Error = ParseTargetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Asked {
    /// What it is called.
    pub fn name(&self) -> &ProductName {
        match self {
            Self::Distribution(target) => &target.name,
            Self::Product(wanted) => &wanted.product,
        }
    }

    /// What it is called, so that nothing else is.
    pub fn full_name(&self) -> String {
        let kind = if matches!(self, Self::Distribution(_)) { "dist" } else { "pkg" };
        format!("{kind}:{}", self.name())
    }
}

impl Name {
    /// Whether `asked` is called so.
    pub fn fits(&self, asked: &Asked) -> bool {
        let kind = match asked {
            Asked::Distribution(_) => NameKind::Distribution,
            Asked::Product(_) => NameKind::Product,
        };
        (self.kind == NameKind::Any || self.kind == kind) && self.name == *asked.name()
    }
}

impl FromStr for Name {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown: Text = text.parse().map_err(|_| ParseTargetError::Unprintable)?;
        if text.contains('@') {
            return Err(ParseTargetError::NotAlone { text: shown });
        }
        let (kind, name) = match text.split_once(':') {
            Some(("dist", name)) => (NameKind::Distribution, name),
            Some(("pkg", name)) => (NameKind::Product, name),
            _ => (NameKind::Any, text),
        };
        Ok(Self { name: name.parse()?, kind })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            NameKind::Any => write!(f, "{}", self.name),
            NameKind::Distribution => write!(f, "dist:{}", self.name),
            NameKind::Product => write!(f, "pkg:{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_reads_back_as_it_is_written() {
        for text in ["apps", "apps@1.0.0", "apps@w_2026_47", "afw@^1.2", "afw@>=1.2, <2 || ^3"] {
            assert_eq!(text.parse::<Asked>().unwrap().to_string(), text);
        }
        let digest = larder_schema::Digest::of(b"x");
        for text in ["pkg:afw", "afw@17.0.1-b8466", "afw@*", &format!("apps@{digest}")] {
            assert_eq!(text.parse::<Asked>().unwrap().to_string(), text);
        }
        assert!(matches!("afw".parse().unwrap(), Requested::Either(_)));
        assert!(matches!("dist:afw".parse().unwrap(), Requested::Known(Asked::Distribution(_))));
        assert!(matches!("pkg:afw@^1.2".parse().unwrap(), Requested::Known(Asked::Product(_))));
    }

    #[test]
    fn what_is_written_wrongly_is_told_in_its_own_words() {
        let refused = |text: &str| text.parse::<Requested>().unwrap_err().to_string();
        assert!(refused("afw@>=1.x.y").contains("is no requirement"), "{}", refused("afw@>=1.x.y"));
        assert!(refused("pkg:afw@17").contains("write `^17`"), "{}", refused("pkg:afw@17"));
        assert!(refused("afw@1.02.0-b1").contains("zero-padded"), "{}", refused("afw@1.02.0-b1"));
        assert!(refused("afw@=1.0.0-b1").contains("has a dash"), "{}", refused("afw@=1.0.0-b1"));
        assert!("a\nb".parse::<Requested>().is_err());
        assert!("afw@1.0.0".parse::<Name>().is_err());
        assert_eq!("pkg:afw".parse::<Name>().unwrap().to_string(), "pkg:afw");
    }
}
