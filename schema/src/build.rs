//! What one build is called: its bID, its build name, and the key of a build.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::platform::Platform;
use crate::product::{ParseProductNameError, ProductName};
use crate::version::{ParseVersionError, Version};

/// What the build tool calls one build, such as `b8466` (DMTN-106 §3.3.2).
///
/// `[A-Za-z0-9]{1,64}`, but no zero-padded number (`b007`): one build has one spelling.
///
/// ```
/// use larder_schema::BuildId;
///
/// let (b9, b10): (BuildId, BuildId) = ("b9".parse().unwrap(), "b10".parse().unwrap());
/// assert_eq!(b9.count(&b10), Some(std::cmp::Ordering::Less));
/// assert!("b007".parse::<BuildId>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildId(String);

/// A text is no bID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseBuildIdError {
    /// A number with zeros in front.
    #[error(
        "the build id `{text}` is a zero-padded number; drop the zeros, or put a letter after it \
         (`{text}a`)"
    )]
    Padded {
        /// The text as given.
        text: String,
    },
    /// Run and attempt with a dash between them, as some CI systems have it.
    #[error("the build id `{text}` has a dash in it; write `{mended}` (`${{RUN}}a${{ATTEMPT}}`)")]
    RunAttempt {
        /// The text as given.
        text: String,
        /// The same with an `a` in place of the dash.
        mended: String,
    },
    /// Anything else.
    #[error("`{text}` is no build id: 1 to 64 letters and digits, such as `b8466` or `42`")]
    Malformed {
        /// The text as given.
        text: String,
    },
}

impl FromStr for BuildId {
    type Err = ParseBuildIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good =
            (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !good {
            return Err(match text.split_once('-') {
                Some((run, attempt)) if is_number(run) && is_number(attempt) => {
                    ParseBuildIdError::RunAttempt {
                        text: crate::shown(text),
                        mended: format!("{run}a{attempt}"),
                    }
                }
                _ => ParseBuildIdError::Malformed { text: crate::shown(text) },
            });
        }
        let digits = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        if digits.len() > 1 && digits.starts_with('0') && is_number(digits) {
            return Err(ParseBuildIdError::Padded { text: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text_serde!(BuildId);

/// A bID as people count: letters then a number, or a number, letters and a number.
struct Counted<'a> {
    before: &'a str,
    letters: &'a str,
    after: &'a str,
}

impl BuildId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of two ids counts higher, or `None` when only the order of publication can tell.
    ///
    /// Ids compare by their numbers when their letters are the same: `b9 < b10`, `99a1 < 100a1`.
    pub fn count(&self, other: &Self) -> Option<Ordering> {
        if self == other {
            return Some(Ordering::Equal);
        }
        let (one, two) = (self.counted()?, other.counted()?);
        let alike = one.letters == two.letters && one.before.is_empty() == two.before.is_empty();
        alike.then(|| {
            number_order(one.before, two.before).then_with(|| number_order(one.after, two.after))
        })
    }

    /// Where the id stands among those of its version; `seq` is the number of its build.
    pub fn place(&self, seq: u64) -> BuildPlace {
        let Some(Counted { before, letters, after }) = self.counted() else {
            return BuildPlace { series: String::new(), number: seq.to_be_bytes().to_vec() };
        };
        let series = format!("{}*{letters}*", if before.is_empty() { "" } else { "*" });
        let mut number = Vec::with_capacity(before.len() + after.len() + 2);
        for digits in [before, after] {
            let digits = digits.trim_start_matches('0');
            // An id has at most 64 characters.
            number.push(u8::try_from(digits.len()).unwrap_or(u8::MAX));
            number.extend(digits.bytes());
        }
        BuildPlace { series, number }
    }

    fn counted(&self) -> Option<Counted<'_>> {
        let text = self.0.as_str();
        let is_digit = |c: char| c.is_ascii_digit();
        let (before, rest) = text.split_at(text.find(|c| !is_digit(c)).unwrap_or(0));
        let (letters, after) = rest.split_at(rest.find(is_digit)?);
        let one_letter_between = before.is_empty() || letters.len() == 1;
        (is_number(after) && one_letter_between).then_some(Counted { before, letters, after })
    }
}

/// Numbers of any length: the longer is higher, since none is padded but those after a letter.
fn number_order(one: &str, two: &str) -> Ordering {
    let (one, two) = (one.trim_start_matches('0'), two.trim_start_matches('0'));
    one.len().cmp(&two.len()).then_with(|| one.cmp(two))
}

/// The name of a build: `<M>.<n>.<p>-<bID>` (DMTN-106 §3.3.2).
///
/// Never given whole to a semver library, which would read the bID as a pre-release.
///
/// ```
/// use larder_schema::BuildName;
///
/// let name: BuildName = "17.0.1-b8466".parse().unwrap();
/// assert_eq!(name.version.to_string(), "17.0.1");
/// assert_eq!(name.build.to_string(), "b8466");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildName {
    /// `M.n.p`.
    pub version: Version,
    /// What the build tool calls it.
    pub build: BuildId,
}

/// A text is no build name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseBuildNameError {
    /// There is no dash.
    #[error("`{text}` is no build name: write version, dash and build id, such as `17.0.1-b8466`")]
    NoBuildId {
        /// The text as given.
        text: String,
    },
    /// The part before the dash is no version.
    #[error(transparent)]
    Version(#[from] ParseVersionError),
    /// The part after the dash is no bID.
    #[error(transparent)]
    BuildId(#[from] ParseBuildIdError),
}

impl FromStr for BuildName {
    type Err = ParseBuildNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (version, build) = text
            .split_once('-')
            .ok_or_else(|| ParseBuildNameError::NoBuildId { text: crate::shown(text) })?;
        Ok(Self { version: version.parse()?, build: build.parse()? })
    }
}

impl fmt::Display for BuildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.version, self.build)
    }
}

impl fmt::Debug for BuildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

crate::text_serde!(BuildName);

impl BuildName {
    /// Whether this build is older or newer than `other`, given the order of publication.
    ///
    /// `seq` and `other_seq` are the server's numbers of the two builds: they decide where version
    /// and bID cannot. Of two builds this is the whole truth; over three it may go round (`b9` before
    /// `b10` by number, and an `x1` that was published between them in the other order), so whole
    /// lists are sorted by [`newest_first`].
    pub fn age(&self, seq: u64, other: &Self, other_seq: u64) -> Ordering {
        self.version
            .cmp(&other.version)
            .then_with(|| self.build.count(&other.build).unwrap_or(seq.cmp(&other_seq)))
    }
}

/// Sorts builds of one product, the newest first; `of` has the name and the server's number of
/// each, `then` decides between builds of one name, which differ in their platforms.
///
/// This is a total order, whatever was published when. The higher version is newer. Of one version,
/// ids that count (`b9 < b10`) are newer by their number, and at most as late as the earliest of those
/// that count above them; ids that do not compare by number are newer by being later. So where each
/// series of ids was published in its order, it is [`BuildName::age`] for every two builds; where one
/// was not, its numbers have it, and what was published late under a low number is as old as the higher
/// number that was there before. Reading each series from its highest number down is enough to know
/// the newest few.
pub fn newest_first<T>(
    builds: &mut [T],
    of: impl Fn(&T) -> (BuildName, u64),
    then: impl Fn(&T, &T) -> Ordering,
) {
    let ages = ages(builds.iter().map(&of));
    builds.sort_by(|one, two| {
        let (one_name, two_name) = (of(one).0, of(two).0);
        ages[&two_name].cmp(&ages[&one_name]).then_with(|| then(one, two))
    });
}

/// How old builds are among each other: the newest has the highest value.
fn ages(builds: impl Iterator<Item = (BuildName, u64)>) -> HashMap<BuildName, Age> {
    let mut places: BTreeMap<(Version, BuildPlace), Vec<(BuildName, u64)>> = BTreeMap::new();
    for (name, seq) in builds {
        places.entry((name.version, name.build.place(seq))).or_default().push((name, seq));
    }
    let mut ages: HashMap<BuildName, Age> = HashMap::new();
    let mut above: Option<(Version, String, u64)> = None;
    // From the highest number of each series down.
    for ((version, BuildPlace { series, number }), builds) in places.into_iter().rev() {
        let own = builds.iter().map(|(_, seq)| *seq).min().unwrap_or(u64::MAX);
        let earliest = match above {
            Some((of, ref same, earliest)) if of == version && *same == series => earliest.min(own),
            _ => own,
        };
        for (name, seq) in builds {
            let age = Age { version, earliest, number: number.clone(), seq };
            let known = ages.entry(name).or_insert_with(|| age.clone());
            *known = age.max(known.clone());
        }
        above = Some((version, series, earliest));
    }
    ages
}

/// What builds of a product are sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    version: Version,
    earliest: u64,
    number: Vec<u8>,
    seq: u64,
}

/// Where a build id stands among those of one version: in which series, and how high there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildPlace {
    /// The same for all ids that compare by number, and one for all ids that compare by nothing but
    /// their publication.
    pub series: String,
    /// Compares as bytes as the ids count, or as they were published.
    pub number: Vec<u8>,
}

/// Which build of a product is the newest, as [`newest_first`] has it, once `last` was published after
/// all others: its number, where `newest` was the newest before.
///
/// `is_highest` tells whether no id of its series and version counts above it, and is only asked where
/// that decides.
pub fn newest_once_published<E>(
    newest: Option<(BuildName, u64)>,
    last: (BuildName, u64),
    is_highest: impl FnOnce() -> Result<bool, E>,
) -> Result<u64, E> {
    let ((name, seq), Some((newest, newest_seq))) = (&last, &newest) else { return Ok(last.1) };
    let is_newest = match name.version.cmp(&newest.version) {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => match name.build.count(&newest.build) {
            Some(count) => count == Ordering::Greater,
            None => is_highest()?,
        },
    };
    Ok(if is_newest { *seq } else { *newest_seq })
}

/// A product at a build name, without its platform: `afw@17.0.1-b8466`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildRef {
    /// The product.
    pub product: ProductName,
    /// The build name.
    pub build: BuildName,
}

/// A text names no build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no build: write product, `@` and build name, such as `afw@17.0.1-b8466`")]
pub struct ParseBuildRefError {
    text: String,
    #[source]
    source: Option<BuildRefFault>,
}

/// Which part of a build reference was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildRefFault {
    /// The part before the `@`.
    #[error(transparent)]
    Product(#[from] ParseProductNameError),
    /// The part after it.
    #[error(transparent)]
    Build(#[from] ParseBuildNameError),
}

impl FromStr for BuildRef {
    type Err = ParseBuildRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |source| ParseBuildRefError { text: crate::shown(text), source };
        let (product, build) = text.split_once('@').ok_or_else(|| refused(None))?;
        let product =
            product.parse().map_err(|error| refused(Some(BuildRefFault::Product(error))))?;
        let build = build.parse().map_err(|error| refused(Some(BuildRefFault::Build(error))))?;
        Ok(Self { product, build })
    }
}

impl fmt::Display for BuildRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.product, self.build)
    }
}

impl fmt::Debug for BuildRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

crate::text_serde!(BuildRef);

/// The key of a build: no two builds share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct BuildKey {
    /// The product.
    pub product: ProductName,
    /// The build name.
    pub build: BuildName,
    /// The platform it runs on.
    pub platform: Platform,
}

impl fmt::Display for BuildKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} for {}", self.product, self.build, self.platform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(one: &str, two: &str) -> Option<Ordering> {
        one.parse::<BuildId>().unwrap().count(&two.parse().unwrap())
    }

    #[test]
    fn ids_are_ordered_as_people_count() {
        assert_eq!(order("b9", "b10"), Some(Ordering::Less));
        assert_eq!(order("99a1", "100a1"), Some(Ordering::Less));
        assert_eq!(order("100a2", "100a10"), Some(Ordering::Less));
        assert_eq!(order("9", "10"), Some(Ordering::Less));
        let (long, longer) = ("b1".to_owned() + &"0".repeat(40), "b1".to_owned() + &"0".repeat(41));
        assert_eq!(order(&long, &longer), Some(Ordering::Less));
    }

    #[test]
    fn ids_with_other_letters_are_ordered_by_publication() {
        assert_eq!(order("b9", "c10"), None);
        assert_eq!(order("b9", "9"), None);
        assert_eq!(order("1ab2", "1ab3"), None);
        let (one, two): (BuildName, BuildName) =
            ("1.0.0-x".parse().unwrap(), "1.0.0-a".parse().unwrap());
        assert_eq!(one.age(1, &two, 2), Ordering::Less);
        assert_eq!(one.age(3, &two, 2), Ordering::Greater);
    }

    #[test]
    fn padded_numbers_get_a_hint() {
        for text in ["b007", "007", "b00"] {
            let refusal = text.parse::<BuildId>().unwrap_err().to_string();
            assert!(refusal.contains(&format!("`{text}a`")), "{refusal}");
        }
        for text in ["0", "b0", "b007a", "007a", "deadbeef01x"] {
            assert!(text.parse::<BuildId>().is_ok(), "{text}");
        }
    }

    #[test]
    fn run_and_attempt_get_a_hint() {
        let refusal = "4711-2".parse::<BuildId>().unwrap_err().to_string();
        assert!(refusal.contains("`4711a2`"), "{refusal}");
    }

    #[test]
    fn build_names_are_split_before_they_are_read() {
        assert!("17.0.1".parse::<BuildName>().is_err());
        assert!("17.0.1-b1-2".parse::<BuildName>().is_err());
        assert!("17.01.1-b1".parse::<BuildName>().is_err());
        let build: BuildRef = "afw@17.0.1-b8466".parse().unwrap();
        assert_eq!(build.to_string(), "afw@17.0.1-b8466");
    }

    fn sorted(builds: &[(&str, u64)]) -> Vec<(String, u64)> {
        let mut builds: Vec<(BuildName, u64)> =
            builds.iter().map(|(id, seq)| (format!("1.0.0-{id}").parse().unwrap(), *seq)).collect();
        newest_first(&mut builds, Clone::clone, |_, _| Ordering::Equal);
        builds.into_iter().map(|(name, seq)| (name.build.to_string(), seq)).collect()
    }

    #[test]
    fn numbers_decide_in_a_series_and_publication_between_series() {
        let order = |builds: &[(&str, u64)]| -> Vec<String> {
            sorted(builds).into_iter().map(|(id, _)| id).collect()
        };
        assert_eq!(order(&[("b9", 1), ("b10", 2), ("x1", 3)]), ["x1", "b10", "b9"]);
        // By pairs this goes round: b10 over b9, b9 over x1, x1 over b10.
        assert_eq!(order(&[("b10", 1), ("x1", 2), ("b9", 3)]), ["x1", "b10", "b9"]);
        assert_eq!(order(&[("zz", 1), ("aa", 2)]), ["aa", "zz"]);
    }

    proptest::proptest! {
        #[test]
        fn the_newest_is_known_after_each_publication(
            published in proptest::collection::vec("[12]\\.0\\.0-[ab]?[1-9]?[ab]?[0-9]{1,2}", 1..9),
        ) {
            let mut known: Vec<(BuildName, u64)> = Vec::new();
            let mut newest: Option<(BuildName, u64)> = None;
            let names = published.iter().filter_map(|text| text.parse::<BuildName>().ok());
            for (name, seq) in names.zip(1..) {
                if known.iter().any(|(there, _)| *there == name) {
                    continue;
                }
                known.push((name.clone(), seq));
                let is_highest = || -> Result<_, std::convert::Infallible> {
                    let mut of = known.iter().filter(|(there, _)| there.version == name.version);
                    Ok(!of.any(|(there, _)| {
                        there.build.count(&name.build) == Some(Ordering::Greater)
                    }))
                };
                let Ok(found) = newest_once_published(newest, (name.clone(), seq), is_highest);
                newest_first(&mut known, Clone::clone, |_, _| Ordering::Equal);
                proptest::prop_assert_eq!(found, known[0].1);
                newest = Some(known[0].clone());
            }
        }

        #[test]
        fn newest_first_is_total_and_agrees_with_age_wherever_ages_do_not_go_round(
            ids in proptest::collection::btree_set("[ab]?[1-9]?[ab]?[0-9]{0,2}", 1..7),
            seed in proptest::prelude::any::<u64>(),
        ) {
            let mut ids: Vec<&str> =
                ids.iter().map(String::as_str).filter(|id| id.parse::<BuildId>().is_ok()).collect();
            ids.sort_by_key(|id| (seed ^ id.len() as u64).rotate_left(id.bytes().map(u32::from).sum()));
            let builds: Vec<(&str, u64)> = ids.into_iter().zip(1..).collect();
            let mut other_way_in = builds.clone();
            other_way_in.reverse();

            let newest = sorted(&builds);

            proptest::prop_assert_eq!(&newest, &sorted(&other_way_in));
            let name = |id: &str| format!("1.0.0-{id}").parse::<BuildName>().unwrap();
            let in_order = |one: &(String, u64), two: &(String, u64)| {
                name(&one.0).age(one.1, &name(&two.0), two.1) != Ordering::Less
            };
            let by_number = newest.iter().enumerate().all(|(at, one)| {
                newest[at..].iter().all(|two| {
                    name(&one.0).build.count(&name(&two.0).build) != Some(Ordering::Less)
                })
            });
            proptest::prop_assert!(by_number, "{:?}", newest);
            // Series that were published in their order: then every pair is as its ages say.
            let each_in_order = builds.iter().all(|one| builds.iter().all(|two| {
                let count = name(one.0).build.count(&name(two.0).build);
                count.is_none_or(|count| count == Ordering::Equal || count == one.1.cmp(&two.1))
            }));
            if each_in_order {
                let pairs = newest.windows(2).all(|pair| in_order(&pair[0], &pair[1]));
                proptest::prop_assert!(pairs, "{:?}", newest);
            }
        }

        #[test]
        fn places_compare_as_ids_count(
            one in "[a-c]?[1-9]?[ab]?[0-9]{1,3}", two in "[a-c]?[1-9]?[ab]?[0-9]{1,3}",
        ) {
            if let (Ok(one), Ok(two)) = (one.parse::<BuildId>(), two.parse::<BuildId>()) {
                let (place, other) = (one.place(1), two.place(2));
                let by_place =
                    (place.series == other.series).then(|| place.number.cmp(&other.number));
                match one.count(&two) {
                    Some(count) if one != two => proptest::prop_assert_eq!(by_place, Some(count)),
                    Some(_) => {}
                    None => proptest::prop_assert!(by_place.is_none() || place.series.is_empty()),
                }
            }
        }

        #[test]
        fn counting_is_an_order(one in "[a-c]?[1-9]?[ab]?[0-9]{1,3}", two in "[a-c]?[1-9]?[ab]?[0-9]{1,3}") {
            if let (Ok(one), Ok(two)) = (one.parse::<BuildId>(), two.parse::<BuildId>()) {
                let back = two.count(&one).map(Ordering::reverse);
                proptest::prop_assert_eq!(one.count(&two), back);
                proptest::prop_assert_eq!(one.to_string().parse::<BuildId>().unwrap(), one);
            }
        }
    }
}
