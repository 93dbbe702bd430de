//! Which build a version of EUPS becomes.

use super::{EupsVersion, build_name_of};
use crate::{BuildId, BuildName, Sha256, Version};

/// The bID of what has a version and no bID.
const PLAIN: &str = "eups";
/// How many hex digits of a version's SHA-256 make a bID.
const DIGITS: usize = 12;

/// The name of the build that is at `version`; `has` tells whether a version of the same product is
/// in the package root.
///
/// A version that is a build name stays it (`1.4.2+b101`; `1.4.2-b101` where it is not there in both
/// spellings), `M.n.p` gets the bID `eups`, and of all else the bID is made from the whole text.
///
/// ```
/// use larder_schema::eups::name_of_version;
///
/// let name = |text: &str| name_of_version(&text.parse().unwrap(), |_| false).to_string();
/// assert_eq!(name("1.4.2+b101"), "1.4.2-b101");
/// assert_eq!(name("1.5.8"), "1.5.8-eups");
/// assert!(name("g1a2b3c4+5d6e7f").starts_with("0.0.0-e"));
/// ```
pub fn name_of_version(version: &EupsVersion, has: impl Fn(&str) -> bool) -> BuildName {
    let text = version.as_str();
    let is_other_spelling = || {
        let other = text.replacen('-', "+", 1);
        !text.contains('+') && has(&other)
    };
    if let Some(name) = build_name_of(text)
        && !is_made_here(&name.build)
        && !is_other_spelling()
    {
        return name;
    }
    match text.parse::<Version>() {
        Ok(version) => BuildName { version, build: id(PLAIN.to_owned()) },
        Err(_) => hashed(text),
    }
}

/// Whether the build that `version` becomes is `name`, whatever else is in its package root.
pub(super) fn becomes(version: &EupsVersion, name: &BuildName) -> bool {
    [true, false].iter().any(|has| name_of_version(version, |_| *has) == *name)
}

/// Whether a bID looks like those that are made here, which versions must not take from each other.
fn is_made_here(id: &BuildId) -> bool {
    let is_hash = |digits: &str| {
        (DIGITS..=DIGITS + 1).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    };
    id.as_str() == PLAIN || id.as_str().strip_prefix('e').is_some_and(is_hash)
}

fn hashed(text: &str) -> BuildName {
    let version = Version::of_upstream(text).unwrap_or(Version { major: 0, minor: 0, patch: 0 });
    let digits = &Sha256::of(text.as_bytes()).to_string()[..DIGITS];
    let made = format!("e{digits}");
    // A zero in front of nothing but digits is refused; a letter behind them makes it no number.
    let build = made.parse().unwrap_or_else(|_| id(made + "x"));
    BuildName { version, build }
}

fn id(text: String) -> BuildId {
    text.parse().expect("a letter, digits and a letter are a bID")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn name(version: &str, there: &[&str]) -> String {
        name_of_version(&version.parse().unwrap(), |other| there.contains(&other)).to_string()
    }

    /// What `text` becomes when its SHA-256 names it.
    fn by_hash(version: &str, text: &str) -> String {
        format!("{version}-e{}", &Sha256::of(text.as_bytes()).to_string()[..12])
    }

    #[test]
    fn a_build_name_stays_itself_in_either_spelling() {
        assert_eq!(name("1.4.2+b101", &[]), "1.4.2-b101");
        assert_eq!(name("1.5.8+1", &[]), "1.5.8-1");
        assert_eq!(name("1.4.2-b101", &[]), "1.4.2-b101");
        assert_eq!(name("1.4.2+b101", &["1.4.2-b101"]), "1.4.2-b101");
    }

    #[test]
    fn of_both_spellings_the_one_with_a_dash_gives_way() {
        assert_eq!(name("1.4.2-b101", &["1.4.2+b101"]), by_hash("1.4.2", "1.4.2-b101"));
    }

    #[test]
    fn three_numbers_get_one_build_id_and_nothing_else_gets_it() {
        assert_eq!(name("1.5.8", &[]), "1.5.8-eups");
        assert_eq!(name("1.5.8+eups", &[]), by_hash("1.5.8", "1.5.8+eups"));
        let taken = name("g1", &[]).replacen('-', "+", 1);
        assert_eq!(name(&taken, &[]), by_hash("0.0.0", &taken));
    }

    #[test]
    fn all_else_is_named_by_its_sum() {
        for (text, version) in [
            ("g1a2b3c4d5e+6f7a8b9c0d", "0.0.0"),
            ("1.5", "1.5.0"),
            ("1.5.08", "1.5.8"),
            ("1.3.3.lsst1+2", "1.3.3"),
            ("20.0.0-4-gde602ef96+5", "20.0.0"),
            ("1.4.2+007", "1.4.2"),
            ("1.4.2+b007", "1.4.2"),
            ("1.4.2+b1+2", "1.4.2"),
            ("w_2026_47", "0.0.0"),
            ("_", "0.0.0"),
        ] {
            let made = name(text, &[]);
            assert!(made.starts_with(&by_hash(version, text)), "{text}: {made}");
        }
    }

    #[test]
    fn a_sum_of_nothing_but_digits_is_a_build_id_too() {
        let padded = (0..200_000).map(|n| format!("v{n}")).find(|text| {
            let sum = &Sha256::of(text.as_bytes()).to_string()[..12];
            sum.starts_with('0') && sum.bytes().all(|b| b.is_ascii_digit())
        });
        let padded = padded.expect("one of 3,000 sums begins so");
        assert!(name(&padded, &[]).ends_with('x'), "{padded}");
    }

    proptest::proptest! {
        #[test]
        fn versions_of_one_product_have_names_of_their_own(
            texts in proptest::collection::hash_set(r"[0-2]\.[0-2]\.[0-2]([+-](b|eups|e)?[0-9a-f]{0,2})?|g[0-9a-f]{1,3}(\+[0-9a-f])?", 1..40)
        ) {
            let mut named = HashMap::new();
            for text in texts.iter().filter(|text| text.parse::<EupsVersion>().is_ok()) {
                let name = name_of_version(&text.parse().unwrap(), |other| texts.contains(other));
                let other = named.insert(name, text);
                proptest::prop_assert!(other.is_none(), "{other:?} and {text}");
            }
        }
    }
}
