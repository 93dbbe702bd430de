//! Which Python: as one asks for it, and as a need of a build.

use std::fmt;
use std::str::FromStr;

use larder_schema::Need;
use pep440_rs::{Operator, VersionSpecifiers};

/// A version of Python, such as `3.11` or `3.11.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Python {
    /// 3.
    pub major: u64,
    /// 11.
    pub minor: u64,
    /// 7, or 0 where only `3.11` is known.
    pub patch: u64,
}

/// What is taken where nothing says which Python is meant.
pub const DEFAULT: Python = Python { major: 3, minor: 11, patch: 0 };

/// A text is no version of Python.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no version of Python: write it as `3.11` or `3.11.7`")]
pub struct ParsePythonError {
    text: String,
}

impl FromStr for Python {
    type Err = ParsePythonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParsePythonError { text: super::shown(text) };
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| digits && part.len() < 6).ok_or_else(refused)
        };
        match text.split('.').collect::<Vec<_>>()[..] {
            [major, minor] => Ok(Self { major: number(major)?, minor: number(minor)?, patch: 0 }),
            [major, minor, patch] => {
                Ok(Self { major: number(major)?, minor: number(minor)?, patch: number(patch)? })
            }
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 { write!(f, ".{}", self.patch) } else { Ok(()) }
    }
}

impl Python {
    /// The Python of a tag such as `cp311`, `py3` (which is `3.0`) or `cp313t`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let digits: String = tag.get(2..)?.chars().take_while(char::is_ascii_digit).collect();
        let major = digits.get(..1)?.parse().ok()?;
        let minor = match digits.get(1..)? {
            "" => 0,
            minor => minor.parse().ok()?,
        };
        Some(Self { major, minor, patch: 0 })
    }
}

/// How a wheel is bound to Python by its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Any Python 3, or 2 as well.
    Free,
    /// This one or a later one.
    AtLeast(Python),
    /// This one and no other.
    To(Python),
}

/// What a wheel needs of the host's Python, if it needs anything that can be told.
///
/// `Requires-Python` is PEP 440; a need has no `!=`, so exclusions in it are not kept.
pub fn need(binding: Binding, requires_python: &VersionSpecifiers) -> Option<Need> {
    let mut parts = match binding {
        Binding::To(python) => vec![format!("{}.{}.*", python.major, python.minor)],
        Binding::AtLeast(python) => vec![format!(">={}.{}", python.major, python.minor)],
        Binding::Free => Vec::new(),
    };
    for part in requires_python
        .iter()
        .flat_map(|specifier| comparators(specifier.operator(), specifier.version()))
    {
        if !is_said(binding, &part) {
            parts.push(part);
        }
    }
    if let Binding::AtLeast(python) = binding
        && parts.iter().skip(1).any(|part| is_stricter(part, python))
    {
        parts.remove(0);
    }
    // A need has at most 16 comparators.
    parts.truncate(16);
    if parts.is_empty() { None } else { parts.join(", ").parse().ok() }
}

/// Whether the binding says as much as `part` already.
fn is_said(binding: Binding, part: &str) -> bool {
    let (Binding::To(python) | Binding::AtLeast(python)) = binding else { return false };
    let version = format!("{}.{}", python.major, python.minor);
    let lower = part.starts_with('>');
    let bound_to_one = matches!(binding, Binding::To(_)) && part.split('.').count() <= 2;
    (lower || bound_to_one) && part.parse::<Need>().is_ok_and(|need| need.is_met_by(&version))
}

/// Whether `part` is a lower bound that `python` does not meet.
fn is_stricter(part: &str, python: Python) -> bool {
    let version = format!("{}.{}", python.major, python.minor);
    part.starts_with('>') && part.parse::<Need>().is_ok_and(|need| !need.is_met_by(&version))
}

/// A specifier as comparators of a need; none when it cannot be said.
fn comparators(operator: &Operator, version: &pep440_rs::Version) -> Vec<String> {
    let release = version.release();
    let dotted = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
    let all = dotted(release);
    let prefix = dotted(&release[..release.len().saturating_sub(1).max(1)]);
    match operator {
        Operator::GreaterThanEqual => vec![format!(">={all}")],
        Operator::GreaterThan if version.is_pre() || version.is_dev() => vec![format!(">={all}")],
        Operator::GreaterThan => vec![format!(">{all}")],
        Operator::LessThan => vec![format!("<{all}")],
        Operator::LessThanEqual => vec![format!("<={all}")],
        Operator::Equal | Operator::ExactEqual => vec![format!("={all}")],
        Operator::EqualStar => vec![format!("{all}.*")],
        Operator::TildeEqual => vec![format!(">={all}"), format!("{prefix}.*")],
        Operator::NotEqual | Operator::NotEqualStar => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(binding: Binding, requires: &str) -> Option<String> {
        need(binding, &requires.parse().unwrap()).map(|need| need.to_string())
    }

    #[test]
    fn pythons_are_read_from_text_and_from_tags() {
        assert_eq!("3.11".parse::<Python>().unwrap(), DEFAULT);
        assert_eq!("3.11.7".parse::<Python>().unwrap().to_string(), "3.11.7");
        for text in ["", "3", "3.x", "+3.1", "3.11.7.1", "three"] {
            assert!(text.parse::<Python>().is_err(), "{text}");
        }
        assert_eq!(Python::of_tag("cp311"), Some(DEFAULT));
        assert_eq!(Python::of_tag("cp313t").unwrap().to_string(), "3.13");
        assert_eq!(Python::of_tag("py3").unwrap().to_string(), "3.0");
        assert_eq!(Python::of_tag("cp"), None);
    }

    #[test]
    fn tags_and_requires_python_make_one_need() {
        let cp36 = Binding::AtLeast(Python { major: 3, minor: 6, patch: 0 });
        let table = [
            (Binding::To(DEFAULT), ">=3.10", Some("3.11.*")),
            (Binding::To(DEFAULT), ">=3.11.4", Some("3.11.*, >=3.11.4")),
            (cp36, ">=3.6", Some(">=3.6")),
            (cp36, ">=3.10, <4", Some(">=3.10, <4")),
            (cp36, "", Some(">=3.6")),
            (Binding::Free, ">=3.11.0", Some(">=3.11.0")),
            (Binding::Free, ">=2.7, !=3.0.*, !=3.1.*", Some(">=2.7")),
            (Binding::Free, "~=3.8", Some(">=3.8, 3.*")),
            (Binding::Free, "", None),
        ];
        for (binding, requires, expected) in table {
            assert_eq!(written(binding, requires).as_deref(), expected, "{binding:?} {requires}");
        }
    }
}
