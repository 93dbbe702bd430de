//! Requirements as EUPS can check them.

use semver::{Comparator, Op, VersionReq};

use crate::requirement::Requirement;

type Number = [u64; 3];

/// Versions from one on, to before another; without an end where there is none.
type Interval = (Number, Option<Number>);

/// What stands in brackets behind a product that a table sets up: `>= 1.2.0 && < 2.0.0`.
///
/// A build `1.2.0+b7` lies at or after `1.2.0` there, and before `1.2.1`. EUPS reads from left to right
/// without precedence, stops at the first `&&` that fails and at the first `||` that holds
/// (`Eups.version_match`): two intervals can be told so; of more, what lies between the first and the
/// last is let through. None where no version will do.
///
/// ```
/// use larder_schema::eups::expression;
///
/// let told = |text: &str| expression(&text.parse().unwrap());
/// assert_eq!(told("^1.2").as_deref(), Some(">= 1.2.0 && < 2.0.0"));
/// assert_eq!(told("*").as_deref(), Some(">= 0.0.0"));
/// assert_eq!(told("<1, >2"), None);
/// ```
pub fn expression(requirement: &Requirement) -> Option<String> {
    let mut intervals: Vec<Interval> =
        requirement.alternatives().iter().filter_map(interval).collect();
    intervals.sort_unstable();
    let mut joined: Vec<Interval> = Vec::new();
    for next in intervals {
        match joined.last_mut() {
            Some((_, end)) if end.is_none_or(|end| next.0 <= end) => *end = later(*end, next.1),
            _ => joined.push(next),
        }
    }
    let (&(start, first_end), &(second, end)) = (joined.first()?, joined.last()?);
    let mut text = format!(">= {}", shown(start));
    if let Some(end) = end {
        text.push_str(&format!(" && < {}", shown(end)));
    }
    if let (2, Some(first_end)) = (joined.len(), first_end) {
        text.push_str(&format!(" && < {} || >= {}", shown(first_end), shown(second)));
    }
    Some(text)
}

fn later(one: Option<Number>, two: Option<Number>) -> Option<Number> {
    Some(one?.max(two?))
}

fn shown([major, minor, patch]: Number) -> String {
    format!("{major}.{minor}.{patch}")
}

/// What all comparators admit; none where that is nothing.
fn interval(alternative: &VersionReq) -> Option<Interval> {
    let (mut start, mut end): Interval = ([0; 3], None);
    for comparator in &alternative.comparators {
        let (from, to) = admitted(comparator);
        start = start.max(from);
        end = match (end, to) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }
    end.is_none_or(|end| start < end).then_some((start, end))
}

/// What one comparator admits (Cargo's rules, as the semver crate has them).
fn admitted(comparator: &Comparator) -> Interval {
    let Comparator { major, minor, patch, .. } = *comparator;
    let first = [major, minor.unwrap_or(0), patch.unwrap_or(0)];
    let next_patch = [first[0], first[1], first[2].saturating_add(1)];
    let next_minor = [first[0], first[1].saturating_add(1), 0];
    let next_major = [first[0].saturating_add(1), 0, 0];
    // What follows all that begins with the numbers that are given.
    let after = match (minor, patch) {
        (None, _) => next_major,
        (Some(_), None) => next_minor,
        (Some(_), Some(_)) => next_patch,
    };
    match comparator.op {
        Op::Exact | Op::Wildcard => (first, Some(after)),
        Op::Greater => (after, None),
        Op::GreaterEq => (first, None),
        Op::Less => ([0; 3], Some(first)),
        Op::LessEq => ([0; 3], Some(after)),
        Op::Tilde => (first, Some(if minor.is_none() { next_major } else { next_minor })),
        Op::Caret => {
            let end = if major > 0 || minor.is_none() {
                next_major
            } else if first[1] > 0 || patch.is_none() {
                next_minor
            } else {
                next_patch
            };
            (first, Some(end))
        }
        // The crate may come to know others: nothing is refused for them here.
        _ => ([0; 3], None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    fn told(text: &str) -> Option<String> {
        expression(&text.parse().unwrap())
    }

    #[test]
    fn requirements_become_bounds() {
        let table = [
            ("^0.3", ">= 0.3.0 && < 0.4.0"),
            ("=1.4.0", ">= 1.4.0 && < 1.4.1"),
            (">1.4.0", ">= 1.4.1"),
            (">=1.2, <2", ">= 1.2.0 && < 2.0.0"),
            ("<1.5.0 || >1.5.0", ">= 0.0.0 && < 1.5.0 || >= 1.5.1"),
            ("^1 || ^2", ">= 1.0.0 && < 3.0.0"),
            ("^1 || ^3", ">= 1.0.0 && < 4.0.0 && < 2.0.0 || >= 3.0.0"),
        ];
        for (requirement, expected) in table {
            assert_eq!(told(requirement).as_deref(), Some(expected), "{requirement}");
        }
    }

    /// EUPS's own way to read an expression (`Eups.version_match`).
    fn eups_admits(expression: &str, version: Number) -> bool {
        let words: Vec<&str> = expression.split(' ').collect();
        let holds = |relation: &str, bound: &str| {
            let bound: Version = bound.parse().unwrap();
            let bound = [bound.major, bound.minor, bound.patch];
            match relation {
                ">=" => version >= bound,
                "<" => version < bound,
                other => panic!("no relation: {other}"),
            }
        };
        let mut value = holds(words[0], words[1]);
        for rest in words[2..].chunks(3) {
            match (rest[0], value) {
                ("&&", false) => return false,
                ("&&", true) => value = holds(rest[1], rest[2]),
                ("||", value_so_far) => {
                    if value_so_far || holds(rest[1], rest[2]) {
                        return true;
                    }
                    value = false;
                }
                other => panic!("no operator: {other:?}"),
            }
        }
        value
    }

    proptest::proptest! {
        #[test]
        fn eups_takes_what_the_requirement_admits(
            text in r"(\^|~|=|>=|>|<|<=)[0-3](\.[0-3]){0,2}(, (<|>=)[0-3](\.[0-3]){0,2})?( \|\| (\^|<|=)[0-3]\.[0-3])?",
            major in 0..5_u64, minor in 0..5_u64, patch in 0..5_u64,
        ) {
            let requirement: Requirement = text.parse().unwrap();
            let admits = requirement.matches(&Version { major, minor, patch });
            let number = [major, minor, patch];
            match expression(&requirement) {
                None => proptest::prop_assert!(!admits),
                Some(told) => proptest::prop_assert_eq!(eups_admits(&told, number), admits, "{}", told),
            }
        }
    }
}
