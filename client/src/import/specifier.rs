//! Version specifiers of Python (PEP 440) as requirements on `M.n.p`.
//!
//! A Python version becomes its first three numbers, so what a specifier says is kept for the
//! versions that are just three numbers, and whatever else a bound has (a fourth number, a
//! post-release, a local part) cannot be kept: then the requirement is widened, never narrowed.
//! Of pre-releases only their final release is seen: `<2.0rc1` is `<2.0.0`.
//!
//! A version with more than three numbers counts as its first three here as everywhere, so
//! `>1.2.3` and `!=1.2.3` do not admit a `1.2.3.1` that was imported as `1.2.3`.

use std::ops::Bound;

use larder_schema::requirement::MAX_REQUIREMENT_BYTES;
use larder_schema::{Requirement, Version};
use pep440_rs::{Operator, VersionSpecifier};
use version_ranges::Ranges;

/// A specifier in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// Which versions will do.
    pub requirement: Requirement,
    /// Whether it admits more than the specifiers did.
    pub widened: bool,
}

/// The versions that all specifiers admit; gathers one specifier after the other.
#[derive(Clone, Debug)]
pub struct Admitted {
    versions: Ranges<Version>,
    widened: bool,
}

impl Default for Admitted {
    fn default() -> Self {
        Self { versions: Ranges::full(), widened: false }
    }
}

impl Admitted {
    /// Admits only what `specifiers` admit, too.
    pub fn narrow<'a>(&mut self, specifiers: impl IntoIterator<Item = &'a VersionSpecifier>) {
        for specifier in specifiers {
            let (versions, exact) = versions_of(specifier);
            self.versions = self.versions.intersection(&versions);
            self.widened |= !exact;
        }
    }

    /// Marks that a constraint on it could not be taken over at all.
    pub fn widen(&mut self) {
        self.widened = true;
    }

    /// The requirement that admits just these.
    pub fn to_translated(&self) -> Translated {
        let written = written(&self.versions);
        if written.len() <= MAX_REQUIREMENT_BYTES {
            return Translated { requirement: read(&written), widened: self.widened };
        }
        let hull = self.versions.bounding_range().map_or_else(Ranges::empty, |(from, to)| {
            Ranges::from_range_bounds((from.cloned(), to.cloned()))
        });
        Translated { requirement: read(&self::written(&hull)), widened: true }
    }
}

fn read(written: &str) -> Requirement {
    written.parse().expect("comparators on three numbers are a requirement")
}

/// Where a version lies, seen from the three numbers that it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A pre-release of them.
    Before,
    /// It is them.
    At,
    /// It has more: a fourth number, a post-release, a local part.
    After,
}

fn place(version: &pep440_rs::Version) -> Place {
    let more = version.release().iter().skip(3).any(|number| *number > 0);
    if more {
        Place::After
    } else if version.is_pre() || version.is_dev() && !version.is_post() {
        Place::Before
    } else if version.is_post() || version.is_local() {
        Place::After
    } else {
        Place::At
    }
}

/// The first three numbers, filled up with zeros.
pub fn three_numbers(release: &[u64]) -> Version {
    let number = |index: usize| release.get(index).copied().unwrap_or(0);
    Version { major: number(0), minor: number(1), patch: number(2) }
}

/// The versions that begin with `prefix`, which has at most three numbers.
fn within(prefix: &[u64]) -> Ranges<Version> {
    let first = three_numbers(prefix);
    if prefix.len() >= 3 {
        return Ranges::singleton(first);
    }
    let mut next = prefix.to_vec();
    match next.last_mut().map(|last| last.checked_add(1)) {
        Some(Some(above)) => {
            if let Some(last) = next.last_mut() {
                *last = above;
            }
            Ranges::between(first, three_numbers(&next))
        }
        _ => Ranges::higher_than(first),
    }
}

/// The versions that `specifier` admits, and whether just these.
fn versions_of(specifier: &VersionSpecifier) -> (Ranges<Version>, bool) {
    let bound = specifier.version();
    if bound.epoch() != 0 {
        return (Ranges::full(), false);
    }
    let (release, version, place) = (bound.release(), three_numbers(bound.release()), place(bound));
    let from = || Ranges::higher_than(version);
    let to = || Ranges::lower_than(version);
    let below = || Ranges::strictly_lower_than(version);
    let exact = place != Place::After;
    match specifier.operator() {
        Operator::GreaterThanEqual => (from(), exact),
        Operator::GreaterThan if place == Place::At => {
            (Ranges::strictly_higher_than(version), true)
        }
        Operator::GreaterThan => (from(), exact),
        Operator::LessThanEqual if place == Place::Before => (below(), true),
        Operator::LessThanEqual => (to(), exact),
        Operator::LessThan if place == Place::After => (to(), false),
        Operator::LessThan => (below(), true),
        Operator::Equal => (Ranges::singleton(version), place == Place::At),
        // Compares texts: `===1.2` does not admit 1.2.0.
        Operator::ExactEqual => {
            (Ranges::singleton(version), place == Place::At && release.len() == 3)
        }
        Operator::NotEqual if place == Place::At => (Ranges::singleton(version).complement(), true),
        Operator::NotEqual => (Ranges::full(), exact),
        Operator::TildeEqual => {
            let prefix = &release[..release.len().saturating_sub(1).min(3)];
            (from().intersection(&within(prefix)), exact)
        }
        Operator::EqualStar if release.len() > 3 => (Ranges::singleton(version), false),
        Operator::EqualStar => (within(release), true),
        Operator::NotEqualStar if release.len() > 3 => (Ranges::full(), false),
        Operator::NotEqualStar => (within(release).complement(), true),
    }
}

/// `versions` as a requirement is written.
fn written(versions: &Ranges<Version>) -> String {
    let alternatives: Vec<String> =
        versions.iter().map(|(from, to)| alternative(from, to)).collect();
    // Nothing is below the first version: the requirement that no version meets.
    if alternatives.is_empty() { "<0.0.0".to_owned() } else { alternatives.join(" || ") }
}

fn alternative(from: &Bound<Version>, to: &Bound<Version>) -> String {
    if let (Bound::Included(from), Bound::Included(to)) = (from, to)
        && from == to
    {
        return format!("={from}");
    }
    let zero = Version { major: 0, minor: 0, patch: 0 };
    let lower = match from {
        Bound::Included(version) if *version == zero => None,
        Bound::Included(version) => Some(format!(">={version}")),
        Bound::Excluded(version) => Some(format!(">{version}")),
        Bound::Unbounded => None,
    };
    let upper = match to {
        Bound::Included(version) => Some(format!("<={version}")),
        Bound::Excluded(version) => Some(format!("<{version}")),
        Bound::Unbounded => None,
    };
    match (lower, upper) {
        (Some(lower), Some(upper)) => format!("{lower}, {upper}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "*".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use pep440_rs::VersionSpecifiers;
    use proptest::prelude::*;

    use super::*;

    fn translate(text: &str) -> Translated {
        let mut admitted = Admitted::default();
        admitted.narrow(text.parse::<VersionSpecifiers>().unwrap().iter());
        admitted.to_translated()
    }

    #[test]
    fn specifiers_are_padded_and_translated() {
        let table = [
            ("", "*"),
            ("==2.50.5", "=2.50.5"),
            (">=7.0", ">=7.0.0"),
            (">=0", "*"),
            ("<2.2,>=2.0", ">=2.0.0, <2.2.0"),
            (">1.2", ">1.2.0"),
            ("<=1.2", "<=1.2.0"),
            ("~=1.4", ">=1.4.0, <2.0.0"),
            ("~=1.4.2", ">=1.4.2, <1.5.0"),
            ("==1.*", ">=1.0.0, <2.0.0"),
            ("==1.5.2.*", "=1.5.2"),
            ("!=1.5.*", "<1.5.0 || >=1.6.0"),
            ("!=1.5", "<1.5.0 || >1.5.0"),
            (">=1.0,!=1.5.1,<2", ">=1.0.0, <1.5.1 || >1.5.1, <2.0.0"),
            ("===1.2.3", "=1.2.3"),
            (">=2.0rc1", ">=2.0.0"),
            (">2.0rc1", ">=2.0.0"),
            ("<2.0.0a1", "<2.0.0"),
            ("<=2.0.dev3", "<2.0.0"),
            ("!=2.0b1", "*"),
            ("~=2.0rc1", ">=2.0.0, <3.0.0"),
            (">2,<1", "<0.0.0"),
            (">=1.2.3.0", ">=1.2.3"),
        ];
        for (specifier, requirement) in table {
            let translated = translate(specifier);
            assert_eq!(translated.requirement.to_string(), requirement, "{specifier}");
            assert!(!translated.widened, "{specifier}");
        }
    }

    #[test]
    fn what_three_numbers_cannot_say_is_widened() {
        let table = [
            (">=1.2.3.4", ">=1.2.3"),
            (">1.2.3.4", ">=1.2.3"),
            ("<1.2.3.4", "<=1.2.3"),
            ("<=1.2.3.4", "<=1.2.3"),
            ("==1.2.3.4", "=1.2.3"),
            ("!=1.2.3.4", "*"),
            ("~=1.2.3.4", "=1.2.3"),
            ("==1.2.3.4.*", "=1.2.3"),
            ("!=1.2.3.4.*", "*"),
            ("===1.2", "=1.2.0"),
            (">=2.0.1.3", ">=2.0.1"),
            (">=1.0.post2", ">=1.0.0"),
            ("<1.0.post2", "<=1.0.0"),
            ("==1.2.3+cu118", "=1.2.3"),
            ("==2.0rc1", "=2.0.0"),
            (">=1!2.0", "*"),
        ];
        for (specifier, requirement) in table {
            let translated = translate(specifier);
            assert_eq!(translated.requirement.to_string(), requirement, "{specifier}");
            assert!(translated.widened, "{specifier}");
        }
    }

    #[test]
    fn what_would_be_too_long_to_write_is_widened_to_its_hull() {
        let many: Vec<String> = (1..200).map(|minor| format!("!=1.{minor}.0")).collect();
        let translated = translate(&format!(">=1.0,<2.0,{}", many.join(",")));
        assert_eq!(translated.requirement.to_string(), ">=1.0.0, <2.0.0");
        assert!(translated.widened);
    }

    /// A bound near the versions that are tried, so that every operator is tried at its edge.
    fn specifier() -> impl Strategy<Value = String> {
        let release = prop::collection::vec(0_u64..3, 1..6);
        let suffix = prop::sample::select(vec!["", "", "", "a1", "rc2", ".dev1", ".post1"]);
        let operator =
            prop::sample::select(vec!["==", "!=", "<=", ">=", "<", ">", "~=", "==*", "!=*"]);
        (operator, release, suffix).prop_filter_map(
            "not a specifier",
            |(operator, release, suffix)| {
                let dotted: Vec<String> = release.iter().map(u64::to_string).collect();
                let dotted = dotted.join(".");
                let text = match operator.strip_suffix('*') {
                    Some(sign) => format!("{sign}{dotted}.*"),
                    None => format!("{operator}{dotted}{suffix}"),
                };
                text.parse::<VersionSpecifier>().ok().map(|_| text)
            },
        )
    }

    /// What PEP 440 says of three numbers; `pep440_rs` takes the shorter of two releases for the
    /// prefix of the other, so the version is given more zeros than any bound has numbers.
    fn admits(specifiers: &VersionSpecifiers, version: Version, more: &str) -> bool {
        let text = format!("{version}{more}");
        specifiers.contains(&text.parse().unwrap())
    }

    proptest! {
        #[test]
        fn three_numbers_are_admitted_by_both_or_by_none_unless_it_is_said(
            texts in prop::collection::vec(specifier(), 1..4), numbers in (0_u64..4, 0_u64..4, 0_u64..4)
        ) {
            let specifiers: VersionSpecifiers = texts.join(",").parse().unwrap();
            let version = Version { major: numbers.0, minor: numbers.1, patch: numbers.2 };
            let translated = translate(&texts.join(","));

            let (asked, ours) =
                (admits(&specifiers, version, ".0.0.0"), translated.requirement.matches(&version));

            prop_assert!(ours || !asked, "{specifiers} admits {version}, {:?} does not", translated);
            prop_assert!(asked || !ours || translated.widened, "{specifiers} refuses {version}");
        }

        #[test]
        fn a_version_with_more_numbers_is_admitted_as_its_first_three(
            texts in prop::collection::vec(specifier(), 1..4), numbers in (0_u64..3, 0_u64..3, 0_u64..3),
            more in prop::sample::select(vec![".1.0.0", ".2.0.0", ".0.0.0.post1", ".1.0.0.post2", ".0.0.0+local"])
        ) {
            let specifiers: VersionSpecifiers = texts.join(",").parse().unwrap();
            let version = Version { major: numbers.0, minor: numbers.1, patch: numbers.2 };
            let translated = translate(&texts.join(","));
            // What the module says of bounds that exclude just these three numbers.
            let excluded = specifiers.iter().any(|specifier| {
                matches!(specifier.operator(), Operator::GreaterThan | Operator::NotEqual)
                    && three_numbers(specifier.version().release()) == version
                || matches!(specifier.operator(), Operator::NotEqualStar)
            });

            let asked = admits(&specifiers, version, more);

            prop_assert!(!asked || excluded || translated.requirement.matches(&version),
                "{specifiers} admits {version}{more}, {:?} does not admit {version}", translated);
        }
    }
}
