//! Versions as build tools spell them, and the `M.n.p` that they yield.
//!
//! Build tools name a version by `git describe`, by a branch, or by a commit alone, and put their own
//! count or hash behind it: `20.0.0-4-gde602ef96+5`, `master-g3d2d6b5e2d+1`.

use crate::version::{Version, number};

/// The fewest hex digits of an abbreviated commit.
const FEWEST_DIGITS: usize = 7;

impl Version {
    /// The `M.n.p` of a version as a build tool spells it; none where it has no number that counts.
    ///
    /// The commits since a tag and what the tool appends do not count. Numbers that lack are 0, what is
    /// beyond three is dropped; a branch, a commit and a weekly have none.
    ///
    /// ```
    /// use larder_schema::Version;
    ///
    /// let upstream = |text| Version::of_upstream(text).map(|version| version.to_string());
    /// assert_eq!(upstream("20.0.0-4-gde602ef96+5").as_deref(), Some("20.0.0"));
    /// assert_eq!(upstream("10.0-7-gadc8b46").as_deref(), Some("10.0.0"));
    /// assert_eq!(upstream("master-g3d2d6b5e2d+1"), None);
    /// assert_eq!(upstream("w.2015.22+1"), None);
    /// ```
    pub fn of_upstream(text: &str) -> Option<Self> {
        let described = text.split_once('+').map_or(text, |(described, _)| described);
        let tag = without_tail(described);
        if ends_in_commit(tag) {
            return None;
        }
        let numbers = leading_numbers(behind_prefix(tag)?)?;
        let [major, minor, patch] = numbers;
        // 0.0.0 is what a build of no version is called.
        (numbers != [0; 3]).then_some(Self { major, minor, patch })
    }
}

/// Without the commits since the tag (`-4-gde602ef96`), if there is a tag in front of them.
fn without_tail(described: &str) -> &str {
    let tag = described
        .rsplit_once("-g")
        .filter(|(_, commit)| is_commit(commit))
        .and_then(|(before, _)| before.rsplit_once('-'))
        .filter(|(_, ahead)| is_digits(ahead))
        .map(|(tag, _)| tag);
    tag.filter(|tag| behind_prefix(tag).is_some()).unwrap_or(described)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_commit(text: &str) -> bool {
    text.len() >= FEWEST_DIGITS
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// `ga91348bb9d`, `master-g3d2d6b5e2d`.
fn ends_in_commit(text: &str) -> bool {
    let last = text.rsplit_once('-').map_or(text, |(_, last)| last);
    last.strip_prefix('g').is_some_and(is_commit)
}

/// Where the numbers of a tag begin: `2.1.0` of `2.1.0`, `v2.1.0`, `sims_2.1.0` and `xssi-2.1.0`.
///
/// A single letter is no project's name: `w_2015_22` and `d_2021_05_03` are dates.
fn behind_prefix(tag: &str) -> Option<&str> {
    let rest = tag.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let rest = match tag.len() - rest.len() {
        0 => rest,
        1 if tag.starts_with('v') => rest,
        1 => return None,
        _ => rest.strip_prefix(['_', '-'])?,
    };
    rest.starts_with(|c: char| c.is_ascii_digit()).then_some(rest)
}

/// Up to three numbers at the beginning; those that lack are 0.
fn leading_numbers(text: &str) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let mut rest = text;
    for (place, slot) in numbers.iter_mut().enumerate() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        if !is_whole(digits, after) {
            // A version begins with a number; a later part that only begins with digits is a word.
            return (place > 0).then_some(numbers);
        }
        *slot = number(digits)?;
        match after.strip_prefix(['.', '_']) {
            Some(more) => rest = more,
            None => break,
        }
    }
    Some(numbers)
}

/// Whether digits are a number of the version, also of one that is not released yet: `0` in `4.3.0a` and
/// `4.0.0rc3`, but not `123` in `0.67.123ff3e` and not `4` in `2.2.4maf`.
fn is_whole(digits: &str, after: &str) -> bool {
    let is_boundary = !after.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_early = ["a", "b", "A", "B", "rc"].iter().any(|mark| after.starts_with(mark));
    !digits.is_empty() && (is_boundary || is_early)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(text: &str) -> String {
        Version::of_upstream(text).map_or_else(|| "-".to_owned(), |version| version.to_string())
    }

    #[test]
    fn versions_of_every_kind_are_read() {
        let table = [
            // exact
            ("3.7.14+2", "3.7.14"),
            ("0.0.2-1-g49c793a+1", "0.0.2"),
            ("20.0.0-4-gde602ef96+5", "20.0.0"),
            // padded
            ("10.0-7-gadc8b46", "10.0.0"),
            ("3310+2", "3310.0.0"),
            ("0.30+3", "0.30.0"),
            ("5.22.00+2", "5.22.0"),
            // truncated
            ("8.0.0.0", "8.0.0"),
            ("1.55.0.1+2", "1.55.0"),
            ("4.7.1.0-55-g41a29de+14", "4.7.1"),
            // suffixed
            ("1.3.3.lsst1", "1.3.3"),
            ("11.0.rc2", "11.0.0"),
            ("0.0.1.lsst1-2-g47e80e2+1", "0.0.1"),
            ("2021.10.1-rc1", "2021.10.1"),
            ("1.4.1-lsst1-5-gabc1234", "1.4.1"),
            ("2.0b1", "2.0.0"),
            ("4.3.0a.lsst1", "4.3.0"),
            ("4.0.0rc3-qsClient2.lsst1", "4.0.0"),
            ("1.1.54170B", "1.1.54170"),
            ("1.4.2lsst1", "1.4.0"),
            ("0.67.123ff3e.lsst1+7", "0.67.0"),
            ("0.67883ae.lsst1", "0.67883.0"),
            ("0.2.8b76b22-3-g1234567", "0.2.8"),
            ("2014-09-cand1", "2014.0.0"),
            // prefixed
            ("sims_2.1.0", "2.1.0"),
            ("sims_2.2.4b", "2.2.4"),
            ("sims_2.2.4maf+1", "2.2.0"),
            ("xssi-1.0.1", "1.0.1"),
            ("v23.0.0.rc1-2-g0123456789", "23.0.0"),
            // calendar
            ("2015_02.0", "2015.2.0"),
            ("2016_08-9-g3a693d7", "2016.8.0"),
            // a commit
            ("ga91348bb9d+94121e831e", "-"),
            ("g0005c0fc2b+7434380609", "-"),
            // a branch
            ("master-g3d2d6b5e2d+1", "-"),
            ("tickets.DM-711-g242ba7d5be", "-"),
            ("feature.CATSIM-147-g242ba7d5be", "-"),
            ("v22.0.x-gc9c83ed91b", "-"),
            ("12.0-g242ba7d5be", "-"),
            // a weekly
            ("w.2015.22+1", "-"),
            ("sims.w.2015.30", "-"),
            ("w_2015_22", "-"),
            // anything else
            ("simsPhotUtils.test", "-"),
            ("0.0.0", "-"),
            ("", "-"),
            ("+", "-"),
            ("9007199254740992", "-"),
        ];
        for (text, expected) in table {
            assert_eq!(upstream(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_and_a_version_is_its_own(text in ".{0,40}", major in 1_u64..9999, minor: u16, patch: u16) {
            upstream(&text);
            let version = format!("{major}.{minor}.{patch}");
            proptest::prop_assert_eq!(upstream(&format!("{version}-12-g0123abc+3")), version);
        }
    }
}
