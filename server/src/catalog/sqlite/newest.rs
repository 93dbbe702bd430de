//! The builds of a product, the newest first, read no further than is asked for.
//!
//! Most versions have few builds: a piece of the index is read, and each version in it that is whole is
//! sorted. A version with more builds than a piece is merged from its series, each read from its
//! highest number down.

use std::collections::VecDeque;
use std::rc::Rc;

use larder_schema::build::BuildPlace;
use larder_schema::{Platform, ProductName, Version};
use rusqlite::{Connection, OptionalExtension, params};

use super::candidates::{candidate, fitting, select};
use super::column::signed;
use super::products;
use crate::catalog::Error;
use crate::catalog::candidates::{Candidate, Newest, sort};

/// How many builds one piece has at least; more than a question mostly looks at.
const PIECE: usize = 8;
/// The most that it has.
const LARGEST_PIECE: usize = 512;

/// The platforms that were asked for: those between the texts, or all.
const FITS: &str = "(platform IN ('any', ?2, ?3) OR platform >= ?4 AND platform < ?5)";

/// Above every number: none has this many digits, nor was published so late.
const ABOVE_ALL: [u8; 1] = [u8::MAX];

/// Where reading stands.
pub(super) struct NewestBuilds<'a> {
    db: &'a Connection,
    of: Rc<Of>,
    /// Only lower versions are still to be read.
    below: Option<Version>,
    /// The version that is being merged.
    merged: Vec<Series<'a>>,
    /// What was read and not taken.
    ready: VecDeque<Candidate>,
    /// Whether there are no lower versions.
    at_end: bool,
}

/// Whose builds are read.
struct Of {
    product: Option<i64>,
    asked: Option<Platform>,
    fitting: [String; 4],
}

/// The builds of one version whose ids compare by number, from the highest down.
struct Series<'a> {
    db: &'a Connection,
    of: Rc<Of>,
    version: Version,
    name: String,
    /// Only lower ones, by number and publication, are still to be read.
    below: (Vec<u8>, i64),
    piece: usize,
    read: VecDeque<(BuildPlace, Candidate)>,
    /// The earliest publication so far.
    earliest: u64,
    /// Those of the highest number that was not taken.
    head: Vec<Candidate>,
}

impl<'a> NewestBuilds<'a> {
    pub(super) fn of(
        db: &'a Connection,
        product: &ProductName,
        asked: Option<&Platform>,
    ) -> Result<Self, Error> {
        let of = Rc::new(Of {
            product: products::known_id(db, product)?,
            asked: asked.cloned(),
            fitting: fitting(asked),
        });
        let at_end = of.product.is_none();
        Ok(Self { db, of, below: None, merged: Vec::new(), ready: VecDeque::new(), at_end })
    }

    /// Reads the next versions, or begins to merge the next one.
    fn read_versions(&mut self, about: usize) -> Result<(), Error> {
        let piece = (about + 1).clamp(PIECE, LARGEST_PIECE);
        let sql = select(&format!(
            "product = ?1 AND {FITS} AND (major, minor, patch) < (?6, ?7, ?8) \
             ORDER BY major DESC, minor DESC, patch DESC LIMIT ?9"
        ));
        let below = self.below.map_or([i64::MAX; 3], |version| {
            [signed(version.major), signed(version.minor), signed(version.patch)]
        });
        let [own, bare, low, high] = &self.of.fitting;
        let key = params![
            self.of.product,
            own,
            bare,
            low,
            high,
            below[0],
            below[1],
            below[2],
            signed(piece as u64)
        ];
        let mut statement = self.db.prepare_cached(&sql)?;
        let found = statement.query_map(key, candidate)?;
        let mut found: Vec<Candidate> = found.collect::<Result<_, _>>()?;
        if found.len() == piece {
            // The last version may have more.
            let last = found.last().map(|last| last.name.version);
            found.retain(|candidate| Some(candidate.name.version) != last);
            if let (true, Some(version)) = (found.is_empty(), last) {
                self.below = last;
                self.merged = Series::all(self.db, &self.of, version)?;
                return Ok(());
            }
        } else {
            self.at_end = true;
        }
        self.below = found.last().map(|last| last.name.version);
        sort(&mut found, self.of.asked.as_ref());
        self.ready.extend(found);
        Ok(())
    }

    /// Takes the newest of the version that is merged.
    fn merge(&mut self) -> Result<(), Error> {
        let newest = self.merged.iter_mut().max_by_key(|series| series.age());
        let Some(series) = newest else { return Ok(()) };
        let mut builds = std::mem::take(&mut series.head);
        series.find_head()?;
        self.merged.retain(|series| !series.head.is_empty());
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
    /// All series of a version that have builds.
    fn all(db: &'a Connection, of: &Rc<Of>, version: Version) -> Result<Vec<Self>, Error> {
        let sql = "SELECT series FROM builds WHERE product = ?1 AND major = ?2 AND minor = ?3 \
                   AND patch = ?4 AND series > ?5 ORDER BY series LIMIT 1";
        let mut statement = db.prepare_cached(sql)?;
        let (major, minor, patch) =
            (signed(version.major), signed(version.minor), signed(version.patch));
        let mut all: Vec<Self> = Vec::new();
        // The series of ids that do not count has no name: it is before all others.
        let mut name = Some(String::new());
        while let Some(this) = name {
            let key = params![of.product, major, minor, patch, this];
            name = statement.query_row(key, |row| row.get(0)).optional()?;
            let mut series = Self {
                db,
                of: Rc::clone(of),
                version,
                name: this,
                below: (ABOVE_ALL.to_vec(), i64::MAX),
                piece: PIECE,
                read: VecDeque::new(),
                earliest: u64::MAX,
                head: Vec::new(),
            };
            series.find_head()?;
            all.push(series);
        }
        all.retain(|series| !series.head.is_empty());
        Ok(all)
    }

    /// How new the head is: at most as late as the earliest that counts above it.
    fn age(&self) -> u64 {
        self.earliest
    }

    /// Finds the builds of the next lower number.
    fn find_head(&mut self) -> Result<(), Error> {
        let mut of: Option<Vec<u8>> = None;
        loop {
            if self.read.is_empty() && !self.read_on()? {
                return Ok(());
            }
            let Some((place, _)) = self.read.front() else { return Ok(()) };
            if of.as_ref().is_some_and(|number| *number != place.number) {
                return Ok(());
            }
            if let Some((place, candidate)) = self.read.pop_front() {
                self.earliest = self.earliest.min(candidate.seq);
                self.head.push(candidate);
                of = Some(place.number);
            }
        }
    }

    /// Reads the next piece; `false` when there is nothing more.
    fn read_on(&mut self) -> Result<bool, Error> {
        let sql = select(&format!(
            "product = ?1 AND {FITS} AND major = ?6 AND minor = ?7 AND patch = ?8 AND series = ?9 \
             AND (number, seq) < (?10, ?11) \
             ORDER BY number DESC, seq DESC LIMIT ?12"
        ));
        let [own, bare, low, high] = &self.of.fitting;
        let (number, seq) = &self.below;
        let key = params![
            self.of.product,
            own,
            bare,
            low,
            high,
            signed(self.version.major),
            signed(self.version.minor),
            signed(self.version.patch),
            self.name,
            number,
            seq,
            signed(self.piece as u64)
        ];
        let mut statement = self.db.prepare_cached(&sql)?;
        let found = statement.query_map(key, candidate)?;
        for found in found {
            let found = found?;
            self.read.push_back((found.name.build.place(found.seq), found));
        }
        self.piece = (self.piece * 2).min(LARGEST_PIECE);
        let Some((place, last)) = self.read.back() else { return Ok(false) };
        self.below = (place.number.clone(), signed(last.seq));
        Ok(true)
    }
}
