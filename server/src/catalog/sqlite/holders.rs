//! Who has something with a checksum: archives, trees, files.
//!
//! A page is read in the order of an index, so that it costs what it holds, however many holders
//! there are (the empty file is nearly everywhere).

use std::collections::HashMap;

use larder_schema::Checksum;
use larder_schema::api::{DistributionName, Holder, HolderKind, MAX_HOLDERS};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use crate::catalog::{Error, Holders};

/// Where a page begins: after this archive, path and build; archives and trees before files.
#[derive(Clone, Debug, Default)]
struct Cursor {
    files: bool,
    archive: i64,
    build: i64,
    path: String,
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '.');
        let files = match parts.next()? {
            "a" => false,
            "f" => true,
            _ => return None,
        };
        let (archive, build) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { files, archive, build, path: parts.next()?.to_owned() })
    }

    fn written(&self) -> String {
        let letter = if self.files { 'f' } else { 'a' };
        format!("{letter}.{}.{}.{}", self.archive, self.build, self.path)
    }
}

/// A holder, and where the next page would begin after it.
struct Found {
    holder: Holder,
    seq: i64,
    cursor: Cursor,
}

/// How many names of distributions one answer holds, all holders together.
const MOST_NAMES: usize = 200_000;

pub(super) fn all(
    db: &Connection,
    checksums: &[Checksum],
    most: usize,
) -> Result<Vec<Holders>, Error> {
    let found = checksums.iter().map(|checksum| some(db, checksum, &Cursor::default(), most));
    with_distributions(db, found.collect::<Result<_, _>>()?)
}

pub(super) fn page(
    db: &Connection,
    checksum: &Checksum,
    after: Option<&str>,
    most: usize,
) -> Result<Holders, Error> {
    let begin = after.and_then(Cursor::read).unwrap_or_default();
    let mut pages = with_distributions(db, vec![some(db, checksum, &begin, most)?])?;
    Ok(pages.remove(0))
}

/// One page of those who have a checksum, before their distributions are looked up.
struct Answered {
    found: Vec<Found>,
    total: u64,
    next: Option<String>,
}

fn some(
    db: &Connection,
    checksum: &Checksum,
    begin: &Cursor,
    most: usize,
) -> Result<Answered, Error> {
    let mut found = Vec::new();
    if !begin.files {
        found = whole(db, checksum, begin, most + 1)?;
    }
    if found.len() <= most {
        let files = if begin.files { begin.clone() } else { Cursor::default() };
        found.extend(inside(db, checksum, &files, most + 1 - found.len())?);
    }
    let next = (found.len() > most).then(|| found[most - 1].cursor.written());
    found.truncate(most);
    let total = if next.is_some() || begin.files || begin.build > 0 {
        count(db, checksum)?
    } else {
        found.len() as u64
    };
    Ok(Answered { found, total, next })
}

/// Looks the distributions up, for each holder as many as there is room for in the answer.
fn with_distributions(db: &Connection, pages: Vec<Answered>) -> Result<Vec<Holders>, Error> {
    let holders: usize = pages.iter().map(|page| page.found.len()).sum();
    let most = (MOST_NAMES / holders.max(1)).clamp(1, MAX_HOLDERS);
    let mut known = HashMap::new();
    let mut answered = Vec::with_capacity(pages.len());
    for Answered { found, total, next } in pages {
        let mut holders = Vec::with_capacity(found.len());
        for Found { mut holder, seq, .. } in found {
            holder.distributions = distributions(db, seq, most, &mut known)?;
            holders.push(holder);
        }
        answered.push(Holders { holders, total, next });
    }
    Ok(answered)
}

/// Distributions by build, since many holders are of one build.
type Known = HashMap<i64, Vec<DistributionName>>;

const BUILD: &str = "products.name, major || '.' || minor || '.' || patch || '-' || build, \
     platform, EXISTS (SELECT 1 FROM statements WHERE subject = builds.digest \
     AND kind = 'withdrawn'), builds.seq";

fn holder(row: &Row<'_>, checksum: &Checksum, kind: HolderKind) -> rusqlite::Result<Holder> {
    Ok(Holder {
        checksum: *checksum,
        kind,
        product: column::parsed(row, 0)?,
        build: column::parsed(row, 1)?,
        platform: column::parsed(row, 2)?,
        path: None,
        distributions: Vec::new(),
        withdrawn: row.get(3)?,
    })
}

/// Builds whose archive, or what it unpacks to, has the checksum; served by the archives' indexes.
fn whole(
    db: &Connection,
    checksum: &Checksum,
    begin: &Cursor,
    most: usize,
) -> Result<Vec<Found>, Error> {
    let (column, bytes, kind) = match checksum {
        Checksum::Sha256(sum) => ("sha256", sum.0, HolderKind::Archive),
        Checksum::Blake3(sum) => ("blake3", sum.0, HolderKind::Archive),
        Checksum::Tree(sum) => ("tree", sum.0, HolderKind::Tree),
    };
    let sql = format!(
        "SELECT {BUILD}, archives.id FROM archives JOIN builds ON builds.archive = archives.id \
         JOIN products ON products.id = builds.product \
         WHERE archives.{column} = ?1 AND (archives.id, builds.seq) > (?2, ?3) \
         ORDER BY archives.id, builds.seq LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![bytes, begin.archive, begin.build, signed(most as u64)],
        |row| {
            let (seq, archive) = (row.get(4)?, row.get(5)?);
            let cursor = Cursor { files: false, archive, build: seq, path: String::new() };
            Ok(Found { holder: holder(row, checksum, kind)?, seq, cursor })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The number of the content with the checksum.
fn file(db: &Connection, checksum: &Checksum) -> Result<Option<i64>, Error> {
    let (column, bytes) = match checksum {
        Checksum::Sha256(sum) => ("sha256", sum.0),
        Checksum::Blake3(sum) => ("blake3", sum.0),
        Checksum::Tree(_) => return Ok(None),
    };
    let sql = format!("SELECT id FROM files WHERE {column} = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([bytes], |row| row.get(0)).optional()?)
}

/// Builds that have a file with the checksum; served by `entries_file` and `builds_archive`.
fn inside(
    db: &Connection,
    checksum: &Checksum,
    begin: &Cursor,
    most: usize,
) -> Result<Vec<Found>, Error> {
    let Some(file) = file(db, checksum)? else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT {BUILD}, entries.archive, entries.path FROM entries \
         JOIN builds ON builds.archive = entries.archive \
         JOIN products ON products.id = builds.product \
         WHERE entries.file = ?1 AND entries.archive >= ?2 \
         AND (entries.archive, entries.path, builds.seq) > (?2, ?3, ?4) \
         ORDER BY entries.archive, entries.path, builds.seq LIMIT ?5"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![file, begin.archive, begin.path, begin.build, signed(most as u64)],
        |row| {
            let (seq, archive, path) = (row.get(4)?, row.get(5)?, row.get(6)?);
            let holder = holder(row, checksum, HolderKind::File)?;
            let holder = Holder { path: Some(column::parsed(row, 6)?), ..holder };
            Ok(Found { holder, seq, cursor: Cursor { files: true, archive, build: seq, path } })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn count(db: &Connection, checksum: &Checksum) -> Result<u64, Error> {
    let (column, bytes) = match checksum {
        Checksum::Sha256(sum) => ("sha256", sum.0),
        Checksum::Blake3(sum) => ("blake3", sum.0),
        Checksum::Tree(sum) => ("tree", sum.0),
    };
    let sql = format!(
        "SELECT count(*) FROM archives JOIN builds ON builds.archive = archives.id \
         WHERE archives.{column} = ?1"
    );
    let whole = db.prepare_cached(&sql)?.query_row([bytes], |row| column::number(row, 0))?;
    let Some(file) = file(db, checksum)? else { return Ok(whole) };
    let sql = "SELECT count(*) FROM entries JOIN builds ON builds.archive = entries.archive \
               WHERE entries.file = ?1";
    let inside = db.prepare_cached(sql)?.query_row([file], |row| column::number(row, 0))?;
    Ok(whole + inside)
}

fn distributions(
    db: &Connection,
    build: i64,
    most: usize,
    known: &mut Known,
) -> Result<Vec<DistributionName>, Error> {
    if let Some(names) = known.get(&build) {
        return Ok(names.clone());
    }
    let mut statement = db.prepare_cached(
        "SELECT name, version, platform FROM distribution_builds \
         JOIN distributions ON distributions.seq = distribution \
         WHERE distribution_builds.build = ?1 ORDER BY distribution DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![build, signed(most as u64)], |row| {
        Ok(DistributionName {
            name: column::parsed(row, 0)?,
            version: column::parsed(row, 1)?,
            platform: column::parsed(row, 2)?,
        })
    })?;
    let names: Vec<DistributionName> = rows.collect::<Result<_, _>>()?;
    known.insert(build, names.clone());
    Ok(names)
}
