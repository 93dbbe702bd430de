//! What builds were built against, noted when they are recorded, so that a plan finds by it.
//!
//! A record names the builds that it was built against, mostly without their platforms. What is not
//! there is waited for, and where only one for another platform is there, one that fits better may
//! come: then what was noted is noted anew. So it depends on the builds that are there alone, and not on
//! the order in which they came.

use std::collections::{BTreeMap, BTreeSet};

use larder_schema::platform::fitting;
use larder_schema::record::{Abi, BuiltAgainst};
use larder_schema::{Build, Platform, ProductName, Revision, TreeChecksum, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use super::{lookup, numbers, waiting};
use crate::catalog::Error;
use crate::catalog::stock::{
    Alike, AlikeBuild, Facts, Major, ProductNumber, SourceNumber, counted,
};

/// The number of a source, which is made if it is new.
pub(super) fn source_id(db: &Connection, product: i64, revision: &Revision) -> Result<i64, Error> {
    let known = db
        .prepare_cached("SELECT id FROM sources WHERE product = ?1 AND revision = ?2")?
        .query_row(params![product, revision.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    db.prepare_cached("INSERT INTO sources (product, revision) VALUES (?1, ?2)")?
        .execute(params![product, revision.as_str()])?;
    Ok(db.last_insert_rowid())
}

/// The first build of a product that unpacks to this, if there is one.
pub(super) fn first_with(
    db: &Connection,
    product: i64,
    tree: &TreeChecksum,
) -> Result<Option<i64>, Error> {
    Ok(db
        .prepare_cached("SELECT build FROM trees WHERE product = ?1 AND tree = ?2")?
        .query_row(params![product, tree.0], |row| row.get(0))
        .optional()?)
}

/// The column `facts`: nothing where the record says nothing of what decides.
pub(super) fn facts_of(build: &Build) -> Result<Option<String>, Error> {
    let facts = Facts::of(build);
    if facts == Facts::default() {
        return Ok(None);
    }
    serde_json::to_string(&facts).map(Some).map_err(|error| Error::Engine(error.into()))
}

/// Notes what new builds, which are recorded all, were built against, and what was waiting for them.
pub(super) fn note_all<'a>(
    db: &Connection,
    new: impl Iterator<Item = (u64, &'a Build)> + Clone,
) -> Result<(), Error> {
    // First those that waited: what is new sees all of the others at once, and need not be woken.
    new.clone().try_for_each(|(_, build)| waiting::wake(db, build))?;
    for (seq, build) in new {
        let Some(against) = Against::of(db, build)? else { continue };
        for one in &against.open {
            waiting::wait(db, seq, one)?;
        }
        if let Some(inputs) = &against.inputs {
            insert(db, seq, inputs)?;
        }
    }
    Ok(())
}

/// How many builds are not noted although all is there that they were built against.
pub(super) fn count_unnoted(db: &Connection) -> Result<u64, Error> {
    let mut statement = db.prepare(
        "SELECT seq FROM builds WHERE test = 0 AND source IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM inputs WHERE inputs.build = seq)",
    )?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let build = lookup::record(db, column::number(row, 0)?)?;
        let against = Against::of(db, &build)?;
        count += u64::from(against.is_some_and(|against| against.inputs.is_some()));
    }
    Ok(count)
}

/// What a plan may reuse: it has a revision that tells all of it, and is no test build.
fn is_reusable(build: &Build) -> bool {
    let source = build.source.as_ref();
    !build.test && source.is_some_and(|source| source.revision.is_some() && !source.dirty)
}

/// What a build was built against, as far as that is there.
struct Against<'a> {
    /// The builds, one of each product; none where one is not there, or two of one product are told.
    inputs: Option<Vec<Input>>,
    /// What is told and may yet mean another build than now.
    open: Vec<Open<'a>>,
}

/// A build that a record tells, and that is not there for the very platform.
pub(super) struct Open<'a> {
    pub(super) product: &'a ProductName,
    pub(super) told: &'a BuiltAgainst,
    /// Whether none that is there is meant.
    pub(super) lacking: bool,
}

/// A build that another was built against.
pub(super) struct Input {
    pub(super) seq: u64,
    product: ProductNumber,
    pub(super) platform: Platform,
    content: u64,
    alike: AlikeBuild,
}

impl<'a> Against<'a> {
    /// None where the record does not tell, or is of no use to a plan.
    fn of(db: &Connection, build: &'a Build) -> Result<Option<Self>, Error> {
        let told_by = told_by(build);
        if !is_reusable(build) || told_by.values().any(Vec::is_empty) {
            return Ok(None);
        }
        let (mut inputs, mut open, mut is_whole) = (Vec::new(), Vec::new(), true);
        for (product, all_told) in told_by {
            let mut first: Option<u64> = None;
            for told in all_told {
                let found = find(db, product, told, &build.platform)?;
                if found.as_ref().is_none_or(|found| found.platform != build.platform) {
                    open.push(Open { product, told, lacking: found.is_none() });
                }
                match (found, first) {
                    (None, _) => is_whole = false,
                    (Some(input), Some(first)) => is_whole &= input.seq == first,
                    (Some(input), None) => {
                        first = Some(input.seq);
                        inputs.push(input);
                    }
                }
            }
        }
        Ok(Some(Self { inputs: is_whole.then_some(inputs), open }))
    }
}

/// The builds that a record names of each product that a plan compares.
pub(super) fn told_by(build: &Build) -> BTreeMap<&ProductName, Vec<&BuiltAgainst>> {
    let mut told: BTreeMap<&ProductName, Vec<&BuiltAgainst>> = BTreeMap::new();
    for needed in counted(build) {
        told.entry(&needed.product).or_default().extend(needed.built_against.as_ref());
    }
    told
}

fn input(row: &Row<'_>) -> rusqlite::Result<Input> {
    let seq = column::number(row, 0)?;
    let source = column::number_opt(row, 5)?.map(SourceNumber);
    let version: Version = column::parsed(row, 6)?;
    Ok(Input {
        seq,
        product: ProductNumber(column::number(row, 1)?),
        platform: column::parsed(row, 2)?,
        content: column::number(row, 3)?,
        alike: match row.get(4)? {
            true => AlikeBuild::Very(seq),
            false => AlikeBuild::Of(source, Major::of(version)),
        },
    })
}

/// The build that a record for `platform` names, with its archive if the record tells that: of several
/// the one that an environment for `platform` would take. One for another system is meant only where the
/// archive tells so; of several the first.
pub(super) fn find(
    db: &Connection,
    product: &ProductName,
    against: &BuiltAgainst,
    platform: &Platform,
) -> Result<Option<Input>, Error> {
    let sql = format!(
        "SELECT seq, product, platform, coalesce(same_as, seq), abi, \
         CASE WHEN test OR facts ->> '$.dirty' IS 1 THEN NULL ELSE source END, \
         major || '.' || minor || '.' || patch FROM builds WHERE {} AND (?6 IS NULL \
         OR archive = (SELECT id FROM archives WHERE sha256 = ?6)) ORDER BY platform",
        lookup::KEY
    );
    let version = against.build.version;
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![
            product.as_str(),
            signed(version.major),
            signed(version.minor),
            signed(version.patch),
            against.build.build.as_str(),
            against.archive.map(|archive| archive.0.0),
        ],
        input,
    )?;
    let mut found: Vec<Input> = rows.collect::<Result<_, _>>()?;
    let platforms: Vec<Platform> = found.iter().map(|input| input.platform.clone()).collect();
    let at = match fitting(&platforms, platform) {
        Some(meant) => platforms.iter().position(|there| there == meant),
        None => (against.archive.is_some() && !found.is_empty()).then_some(0),
    };
    Ok(at.map(|at| found.swap_remove(at)))
}

/// Notes what a build that waited was built against, where that is there now.
pub(super) fn note(db: &Connection, seq: u64) -> Result<(), Error> {
    let build = lookup::record(db, seq)?;
    match Against::of(db, &build)?.and_then(|against| against.inputs) {
        Some(inputs) => insert(db, seq, &inputs),
        None => Ok(()),
    }
}

fn insert(db: &Connection, seq: u64, inputs: &[Input]) -> Result<(), Error> {
    let ascending = |of: fn(&Input) -> u64| {
        let mut numbers: Vec<u64> = inputs.iter().map(of).collect();
        numbers.sort_unstable();
        numbers::of_ascending(&numbers)
    };
    let exact = ascending(|input| input.seq);
    let content = Some(ascending(|input| input.content)).filter(|content| *content != exact);
    let source: i64 = db
        .prepare_cached("SELECT source FROM builds WHERE seq = ?1")?
        .query_row([signed(seq)], |row| row.get(0))?;
    let mut alike: Vec<Alike> =
        inputs.iter().map(|input| Alike { product: input.product, build: input.alike }).collect();
    alike.sort_unstable();
    let likeness: i64 = db
        .prepare_cached(
            "INSERT INTO likenesses (source, dependencies, first, newest) VALUES (?1, ?2, ?3, ?3) \
             ON CONFLICT DO UPDATE SET newest = max(newest, ?3) RETURNING first",
        )?
        .query_row(params![source, to_bytes(&alike), signed(seq)], |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO inputs (build, source, exact, content, likeness) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![signed(seq), source, exact, content, likeness])?;
    Ok(())
}

/// Takes back what was noted of builds, where anything was.
pub(super) fn forget(db: &Connection, builds: &[u64]) -> Result<(), Error> {
    let mut taken =
        db.prepare_cached("DELETE FROM inputs WHERE build = ?1 RETURNING source, likeness")?;
    let mut sets: BTreeSet<(i64, i64)> = BTreeSet::new();
    for seq in builds {
        let noted = taken.query_row([signed(*seq)], |row| Ok((row.get(0)?, row.get(1)?)));
        sets.extend(noted.optional()?);
    }
    sets.into_iter().try_for_each(|(source, likeness)| mend_likeness(db, source, likeness))
}

/// Some builds do not have this set of dependencies any more.
fn mend_likeness(db: &Connection, source: i64, likeness: i64) -> Result<(), Error> {
    // Each is one look-up; both in one statement would go through all.
    let one = |sql: &str| -> Result<Option<i64>, Error> {
        Ok(db.prepare_cached(sql)?.query_row([likeness], |row| row.get(0))?)
    };
    let newest = one("SELECT max(build) FROM inputs WHERE likeness = ?1")?;
    let first =
        one("SELECT coalesce((SELECT build FROM inputs WHERE build = ?1 AND likeness = ?1), \
         (SELECT min(build) FROM inputs WHERE likeness = ?1))")?;
    let (Some(first), Some(newest)) = (first, newest) else {
        db.prepare_cached("DELETE FROM likenesses WHERE source = ?1 AND first = ?2")?
            .execute([source, likeness])?;
        return Ok(());
    };
    // A set is told by a build that has it: the one that told it may stand for another set next.
    if first != likeness {
        db.prepare_cached("UPDATE inputs SET likeness = ?2 WHERE likeness = ?1")?
            .execute([likeness, first])?;
    }
    db.prepare_cached(
        "UPDATE likenesses SET first = ?3, newest = ?4 WHERE source = ?1 AND first = ?2",
    )?
    .execute([source, likeness, first, newest])?;
    Ok(())
}

/// The column `dependencies` of `likenesses`.
fn to_bytes(alike: &[Alike]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(alike.len() * 5);
    for Alike { product, build } in alike {
        numbers::push(&mut bytes, product.0);
        match build {
            AlikeBuild::Very(seq) => {
                numbers::push(&mut bytes, 0);
                numbers::push(&mut bytes, *seq);
            }
            AlikeBuild::Of(source, major) => {
                numbers::push(&mut bytes, 1 + source.map_or(0, |source| source.0));
                numbers::push(
                    &mut bytes,
                    match major {
                        None => 0,
                        Some(Major::From1(number)) => 2 * number,
                        Some(Major::Before1(number)) => 2 * number + 1,
                    },
                );
            }
        }
    }
    bytes
}

/// Reads it into `alike`; what is there is forgotten.
pub(super) fn from_bytes(bytes: &[u8], alike: &mut Vec<Alike>) -> Result<(), numbers::NoNumbers> {
    alike.clear();
    let mut numbers = numbers::Numbers(bytes);
    while let Some(product) = numbers.next() {
        let mut next = || numbers.next().unwrap_or(Err(numbers::NoNumbers(bytes.len())));
        let (source, number) = (next()?, next()?);
        let build = match source {
            0 => AlikeBuild::Very(number),
            source => AlikeBuild::Of(
                (source > 1).then(|| SourceNumber(source - 1)),
                match number {
                    0 => None,
                    even if even % 2 == 0 => Some(Major::From1(even / 2)),
                    odd => Some(Major::Before1(odd / 2)),
                },
            ),
        };
        alike.push(Alike { product: ProductNumber(product?), build });
    }
    Ok(())
}

/// The column `abi`.
pub(super) fn abi(row: &Row<'_>, index: usize) -> rusqlite::Result<Abi> {
    Ok(if row.get(index)? { Abi::Exact } else { Abi::Semver })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_reads_back() {
        let source = Some(SourceNumber(1));
        let all = [
            AlikeBuild::Very(142_381),
            AlikeBuild::Of(None, None),
            AlikeBuild::Of(source, None),
            AlikeBuild::Of(source, Major::of("17.0.1".parse().unwrap())),
            AlikeBuild::Of(None, Major::of("0.4.1".parse().unwrap())),
            AlikeBuild::Of(source, Major::of("0.0.1".parse().unwrap())),
        ];
        let all: Vec<Alike> =
            all.map(|build| Alike { product: ProductNumber(7), build }).into_iter().collect();
        let mut read = vec![all[0]];

        from_bytes(&to_bytes(&all), &mut read).unwrap();

        assert_eq!(read, all);
        assert!(from_bytes(&[1, 2], &mut read).is_err());
    }
}
