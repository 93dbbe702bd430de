//! What a build needs of the host: `glibc >=2.28`, `python 3.11.*`.

use std::fmt;
use std::str::FromStr;

/// Which versions of something on the host will do, such as `>=2.28` or `3.11.*`.
///
/// Comparators joined by commas: `>=`, `>`, `<=`, `<`, `=` and dotted numbers; a number that ends
/// in `.*` stands for all that begin with it.
///
/// ```
/// use larder_schema::Need;
///
/// let need: Need = "3.11.*".parse().unwrap();
/// assert!(need.is_met_by("3.11.7"));
/// assert!(!need.is_met_by("3.12.0"));
/// assert!(">=2.28".parse::<Need>().unwrap().is_met_by("2.36"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Need {
    comparators: Vec<Comparator>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Comparator {
    operator: Operator,
    numbers: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operator {
    AtLeast,
    Above,
    AtMost,
    Below,
    Is,
    Within,
}

/// A text says no need.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` says no need of the host: write `>=2.28`, `>=3.11, <4` or `3.11.*`")]
pub struct ParseNeedError {
    text: String,
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    (text.len() <= 64).then(|| text.split('.').map(crate::version::number).collect()).flatten()
}

fn comparator(text: &str) -> Option<Comparator> {
    if let Some(stem) = text.strip_suffix(".*") {
        let stem = stem.trim_start_matches('=').trim();
        return Some(Comparator { operator: Operator::Within, numbers: numbers(stem)? });
    }
    let operators = [
        (">=", Operator::AtLeast),
        ("<=", Operator::AtMost),
        (">", Operator::Above),
        ("<", Operator::Below),
        ("==", Operator::Is),
        ("=", Operator::Is),
    ];
    operators.iter().find_map(|(sign, operator)| {
        let numbers = numbers(text.strip_prefix(sign)?.trim())?;
        Some(Comparator { operator: *operator, numbers })
    })
}

/// The most comparators that one need may have.
const MOST: usize = 16;

impl FromStr for Need {
    type Err = ParseNeedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let comparators: Option<Vec<Comparator>> =
            text.split(',').take(MOST + 1).map(|part| comparator(part.trim())).collect();
        comparators
            .filter(|comparators| comparators.len() <= MOST)
            .map(|comparators| Self { comparators })
            .ok_or_else(|| ParseNeedError { text: crate::shown(text) })
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, comparator) in self.comparators.iter().enumerate() {
            let dotted: Vec<String> = comparator.numbers.iter().map(u64::to_string).collect();
            let (before, after) = match comparator.operator {
                Operator::AtLeast => (">=", ""),
                Operator::Above => (">", ""),
                Operator::AtMost => ("<=", ""),
                Operator::Below => ("<", ""),
                Operator::Is => ("=", ""),
                Operator::Within => ("", ".*"),
            };
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{before}{}{after}", dotted.join("."))?;
        }
        Ok(())
    }
}

crate::text_serde!(Need);

impl Need {
    /// Whether a host that has `version` (dotted numbers, what follows them is ignored) will do.
    pub fn is_met_by(&self, version: &str) -> bool {
        let leading: Vec<u64> = version
            .split('.')
            .map_while(|part| {
                let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
                crate::version::number(digits)
            })
            .collect();
        !leading.is_empty() && self.comparators.iter().all(|comparator| comparator.admits(&leading))
    }
}

impl Comparator {
    fn admits(&self, version: &[u64]) -> bool {
        let length = version.len().max(self.numbers.len());
        let padded = |numbers: &[u64]| {
            numbers.iter().copied().chain(std::iter::repeat(0)).take(length).collect::<Vec<_>>()
        };
        let (version, bound) = (padded(version), padded(&self.numbers));
        match self.operator {
            Operator::AtLeast => version >= bound,
            Operator::Above => version > bound,
            Operator::AtMost => version <= bound,
            Operator::Below => version < bound,
            Operator::Is => version == bound,
            Operator::Within => version.starts_with(&self.numbers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_part_by_part() {
        let met = |need: &str, version: &str| need.parse::<Need>().unwrap().is_met_by(version);
        assert!(met(">=2.17", "2.36"));
        assert!(met(">=2.17", "2.17"));
        assert!(!met(">=2.28", "2.17"));
        assert!(met(">=3.11, <4", "3.13.1"));
        assert!(!met("<4", "4.0"));
        assert!(met("=2.28", "2.28.0"));
        assert!(!met("3.1.*", "3.11.0"));
        assert!(!met(">=1", "unknown"));
    }

    #[test]
    fn what_says_no_need_is_refused() {
        for text in ["", "2.28", ">=", ">=x", "~=2.1", ">=2,"] {
            assert!(text.parse::<Need>().is_err(), "{text}");
        }
        let many = vec![">=1"; 17].join(",");
        assert!(many.parse::<Need>().is_err(), "what is too long is refused, never cut");
    }

    #[test]
    fn needs_read_back() {
        for text in [">=2.28", "3.11.*", ">3, <=4.1", "=2.28"] {
            assert_eq!(text.parse::<Need>().unwrap().to_string(), text);
        }
    }
}
