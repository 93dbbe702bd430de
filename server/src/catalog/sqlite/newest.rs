//! The builds of a product, the newest first, read no further than is asked for.
//!
//! Most versions have few builds: a piece of the index is read, and each version in it that is whole is
//! sorted. A version with more builds than a piece is merged from its series, each read from its
//! highest number down.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::sync::LazyLock;

use larder_schema::build::BuildPlace;
use larder_schema::{BuildName, Platform, ProductName, Version};
use rusqlite::{Connection, ToSql};

use super::candidates::{candidate, fitting, select};
use super::column::signed;
use super::products;
use crate::catalog::Error;
use crate::catalog::candidates::{Candidate, Newest, sort};

/// How many builds the first piece has: the newest, and one that tells whether its version has more.
const PIECE: usize = 2;
/// The most that a piece has; each is twice as large as the one before.
const LARGEST_PIECE: usize = 512;

/// The builds of a product for the platforms that were asked for: those between the texts, or all. For
/// a list in `IN` SQLite would make a table each time.
const FITTING: &str = "product = ?1 AND (platform = 'any' OR platform = ?2 OR platform = ?3 \
     OR platform >= ?4 AND platform < ?5)";
const OF_VERSION: &str = "major = ?6 AND minor = ?7 AND patch = ?8";

/// All below a version; served by `builds_newest`, read backwards.
static VERSIONS: LazyLock<String> = LazyLock::new(|| {
    select(&format!(
        "{FITTING} AND (major, minor, patch) < (?6, ?7, ?8) \
         ORDER BY major DESC, minor DESC, patch DESC, series DESC, number DESC, seq DESC LIMIT ?9"
    ))
});
/// Those of a version below a series; served in the same way.
static SERIES: LazyLock<String> = LazyLock::new(|| {
    select(&format!(
        "{FITTING} AND {OF_VERSION} AND series < ?9 \
         ORDER BY series DESC, number DESC, seq DESC LIMIT ?10"
    ))
});
/// Those of a series below a number; served in the same way.
static NUMBERS: LazyLock<String> = LazyLock::new(|| {
    select(&format!(
        "{FITTING} AND {OF_VERSION} AND series = ?9 AND (number, seq) < (?10, ?11) \
         ORDER BY number DESC, seq DESC LIMIT ?12"
    ))
});
/// Those of one name; served by the key of `builds`.
static NAMED: LazyLock<String> =
    LazyLock::new(|| select(&format!("{FITTING} AND {OF_VERSION} AND build = ?9")));

/// Where reading stands.
pub(super) struct NewestBuilds<'a> {
    of: Rc<Of<'a>>,
    /// Only lower versions are still to be read.
    below: Option<Version>,
    /// How many builds the next piece has at least.
    piece: usize,
    /// The version that is being merged.
    merged: Vec<Series<'a>>,
    /// What was read and not taken.
    ready: VecDeque<Candidate>,
    /// Whether there are no lower versions.
    at_end: bool,
}

/// Whose builds are read.
struct Of<'a> {
    db: &'a Connection,
    product: Option<i64>,
    asked: Option<Platform>,
    fitting: [String; 4],
}

/// The builds of one version whose ids compare by number, from the highest down.
struct Series<'a> {
    of: Rc<Of<'a>>,
    version: Version,
    name: String,
    read: VecDeque<(BuildPlace, Candidate)>,
    /// Only lower ones, by number and publication, are still to be read; none: there are none.
    below: Option<(Vec<u8>, u64)>,
    piece: usize,
    /// The earliest publication so far.
    earliest: u64,
    /// Those of the highest number that was not taken.
    head: Vec<Candidate>,
    /// The names that had their turn, where ids compare by nothing but their publication.
    taken: HashSet<BuildName>,
}

impl Of<'_> {
    fn read(&self, sql: &str, key: &[&dyn ToSql]) -> Result<Vec<Candidate>, Error> {
        let [own, bare, low, high] = &self.fitting;
        let fitting: [&dyn ToSql; 5] = [&self.product, own, bare, low, high];
        let key = [&fitting, key].concat();
        let mut statement = self.db.prepare_cached(sql)?;
        let found = statement.query_map(key.as_slice(), candidate)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The same of one version.
    fn read_of(
        &self,
        version: Version,
        sql: &str,
        key: &[&dyn ToSql],
    ) -> Result<Vec<Candidate>, Error> {
        let [major, minor, patch] = numbers(version);
        let version: [&dyn ToSql; 3] = [&major, &minor, &patch];
        self.read(sql, &[&version, key].concat())
    }
}

fn numbers(version: Version) -> [i64; 3] {
    [signed(version.major), signed(version.minor), signed(version.patch)]
}

impl<'a> NewestBuilds<'a> {
    pub(super) fn of(
        db: &'a Connection,
        product: &ProductName,
        asked: Option<&Platform>,
    ) -> Result<Self, Error> {
        let product = products::known_id(db, product)?;
        let of = Of { db, product, asked: asked.cloned(), fitting: fitting(asked) };
        Ok(Self {
            of: Rc::new(of),
            below: None,
            piece: PIECE,
            merged: Vec::new(),
            ready: VecDeque::new(),
            at_end: product.is_none(),
        })
    }

    /// Reads the next versions, or begins to merge the next one.
    fn read_versions(&mut self, about: usize) -> Result<(), Error> {
        let piece = (about + 1).max(self.piece).min(LARGEST_PIECE);
        self.piece = (piece * 2).min(LARGEST_PIECE);
        let [major, minor, patch] = self.below.map_or([i64::MAX; 3], numbers);
        let limit = signed(piece as u64);
        let mut found = self.of.read(&VERSIONS, &[&major, &minor, &patch, &limit])?;
        let last = found.last().map(|last| last.name.version);
        self.at_end = found.len() < piece;
        if let (Some(version), false) = (last, self.at_end) {
            // There may be more of it.
            let whole = found.partition_point(|candidate| candidate.name.version != version);
            if whole == 0 {
                self.below = last;
                self.merged = Series::all(&self.of, version, found)?;
                return Ok(());
            }
            found.truncate(whole);
        }
        self.below = found.last().map(|last| last.name.version);
        sort(&mut found, self.of.asked.as_ref());
        self.ready.extend(found);
        Ok(())
    }

    /// Takes the newest of the version that is merged.
    fn merge(&mut self) -> Result<(), Error> {
        self.merged.iter_mut().try_for_each(Series::find_head)?;
        self.merged.retain(|series| !series.head.is_empty());
        let newest = self.merged.iter_mut().max_by_key(|series| series.age());
        let mut builds = newest.map(|series| std::mem::take(&mut series.head)).unwrap_or_default();
        sort(&mut builds, self.of.asked.as_ref());
        self.ready.extend(builds);
        Ok(())
    }
}

impl Newest for NewestBuilds<'_> {
    fn next(&mut self, most: usize) -> Result<Vec<Candidate>, Error> {
        while self.ready.len() < most {
            if !self.merged.is_empty() {
                self.merge()?;
            } else if self.at_end {
                break;
            } else {
                self.read_versions(most - self.ready.len())?;
            }
        }
        Ok(self.ready.drain(..most.min(self.ready.len())).collect())
    }
}

impl<'a> Series<'a> {
    /// All series of a version, of which `first` was read: of its last series there may be more, and
    /// there may be lower ones.
    fn all(of: &Rc<Of<'a>>, version: Version, first: Vec<Candidate>) -> Result<Vec<Self>, Error> {
        let mut all: Vec<Self> = Vec::new();
        let (mut found, mut is_cut) = (first, true);
        loop {
            let began = all.len();
            for candidate in found {
                let place = candidate.name.build.place(candidate.seq);
                match all[began..].last_mut().filter(|last| last.name == place.series) {
                    Some(series) => series.read.push_back((place, candidate)),
                    None => all.push(Self::new(of, version, place, candidate)),
                }
            }
            let Some(last) = all.last_mut().filter(|_| is_cut) else { break };
            last.below = last.last_read();
            let limit = signed(PIECE as u64);
            found = of.read_of(version, &SERIES, &[&last.name, &limit])?;
            is_cut = found.len() == PIECE;
        }
        Ok(all)
    }

    fn new(of: &Rc<Of<'a>>, version: Version, place: BuildPlace, first: Candidate) -> Self {
        Self {
            of: Rc::clone(of),
            version,
            name: place.series.clone(),
            read: VecDeque::from([(place, first)]),
            below: None,
            piece: PIECE,
            earliest: u64::MAX,
            head: Vec::new(),
            taken: HashSet::new(),
        }
    }

    /// How new the head is: at most as late as the earliest that counts above it.
    fn age(&self) -> u64 {
        self.earliest
    }

    fn last_read(&self) -> Option<(Vec<u8>, u64)> {
        self.read.back().map(|(place, candidate)| (place.number.clone(), candidate.seq))
    }

    /// Finds the builds of the next lower number, once the last were taken.
    fn find_head(&mut self) -> Result<(), Error> {
        if !self.head.is_empty() {
            return Ok(());
        }
        while let Some((place, candidate)) = self.next_read()? {
            if place.series.is_empty() {
                // The builds of one name have their turn together, with the last of them.
                if self.taken.insert(candidate.name.clone()) {
                    self.earliest = candidate.seq;
                    let BuildName { version, build } = candidate.name;
                    self.head = self.of.read_of(version, &NAMED, &[&build.as_str()])?;
                    break;
                }
                continue;
            }
            self.earliest = self.earliest.min(candidate.seq);
            self.head.push(candidate);
            // It is read on until the number changes.
            if self.peeked()?.is_none_or(|next| next.number != place.number) {
                break;
            }
        }
        Ok(())
    }

    fn next_read(&mut self) -> Result<Option<(BuildPlace, Candidate)>, Error> {
        self.peeked()?;
        Ok(self.read.pop_front())
    }

    /// The next build, for which more are read where none is left.
    fn peeked(&mut self) -> Result<Option<&BuildPlace>, Error> {
        if self.read.is_empty()
            && let Some((number, seq)) = self.below.take()
        {
            self.piece = (self.piece * 2).min(LARGEST_PIECE);
            let (seq, limit) = (signed(seq), signed(self.piece as u64));
            let key: [&dyn ToSql; 4] = [&self.name, &number, &seq, &limit];
            let found = self.of.read_of(self.version, &NUMBERS, &key)?;
            let is_cut = found.len() == self.piece;
            let placed =
                |candidate: Candidate| (candidate.name.build.place(candidate.seq), candidate);
            self.read.extend(found.into_iter().map(placed));
            self.below = self.last_read().filter(|_| is_cut);
        }
        Ok(self.read.front().map(|(place, _)| place))
    }
}
