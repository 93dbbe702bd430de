//! What builds were built against, noted when they are recorded, so that a plan finds by it.
//!
//! A record names the builds that it was built against. One that is not there yet is waited for: in
//! whichever order builds are published, the same is noted of them in the end.

use std::collections::BTreeMap;

use larder_schema::record::{Abi, BuiltAgainst};
use larder_schema::{Build, Platform, ProductName, Revision, TreeChecksum, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use super::{lookup, numbers};
use crate::catalog::Error;
use crate::catalog::stock::{
    Alike, AlikeBuild, Facts, Major, ProductNumber, SourceNumber, counted,
};

/// How many builds wait for one; more are not noted when it comes, and are never reused.
const MOST_WAITING: i64 = 1_000;

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

/// Notes what new builds were built against, once all of them are there, and what was waiting for them.
pub(super) fn note_all<'a>(
    db: &Connection,
    new: impl Iterator<Item = (u64, &'a Build)> + Clone,
) -> Result<(), Error> {
    for (seq, build) in new.clone() {
        match Against::of(db, build)? {
            Against::Known(inputs) => insert(db, seq, &inputs)?,
            Against::Waits(missing) => wait(db, seq, &missing)?,
            Against::Untold => {}
        }
    }
    new.map(|(_, build)| build).try_for_each(|build| wake(db, build))
}

/// What a plan may reuse: it has a revision that tells all of it, and is no test build.
fn is_reusable(build: &Build) -> bool {
    let source = build.source.as_ref();
    !build.test && source.is_some_and(|source| source.revision.is_some() && !source.dirty)
}

/// What a build was built against.
enum Against {
    Known(Vec<Input>),
    /// These are not there.
    Waits(Vec<(ProductName, String)>),
    /// The record does not tell, tells two of one product, or is of no use to a plan.
    Untold,
}

/// A build that another was built against.
pub(super) struct Input {
    pub(super) seq: u64,
    product: ProductNumber,
    platform: Platform,
    content: u64,
    alike: AlikeBuild,
}

impl Against {
    fn of(db: &Connection, build: &Build) -> Result<Self, Error> {
        if !is_reusable(build) {
            return Ok(Self::Untold);
        }
        let (mut known, mut missing) = (Vec::new(), Vec::new());
        for (product, told) in told_by(build) {
            let mut found: Option<u64> = None;
            if told.is_empty() {
                return Ok(Self::Untold);
            }
            for against in told {
                match find(db, product, against, &build.platform)? {
                    None => missing.push((product.clone(), against.build.to_string())),
                    Some(input) => match found {
                        None => {
                            found = Some(input.seq);
                            known.push(input);
                        }
                        Some(other) if other == input.seq => {}
                        Some(_) => return Ok(Self::Untold),
                    },
                }
            }
        }
        Ok(if missing.is_empty() { Self::Known(known) } else { Self::Waits(missing) })
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

/// The build that a record for `platform` names: by its archive if it tells that; else, or where
/// several have it, the one for the same platform, for every platform, or the only one that fits.
pub(super) fn find(
    db: &Connection,
    product: &ProductName,
    against: &BuiltAgainst,
    platform: &Platform,
) -> Result<Option<Input>, Error> {
    let sql = format!(
        "SELECT seq, product, platform, coalesce(same_as, seq), abi, source, \
         major || '.' || minor || '.' || patch FROM builds WHERE {} AND (?6 IS NULL \
         OR archive = (SELECT id FROM archives WHERE sha256 = ?6)) ORDER BY seq",
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
    // A name alone means no build for another system, which may only be the first that came.
    found.retain(|input| against.archive.is_some() || input.platform.fits(platform));
    let at = [platform, &Platform::Any]
        .into_iter()
        .find_map(|wanted| found.iter().position(|input| input.platform == *wanted));
    Ok(match at {
        Some(at) => Some(found.swap_remove(at)),
        None if found.len() == 1 => found.pop(),
        None => None,
    })
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

fn wait(db: &Connection, seq: u64, missing: &[(ProductName, String)]) -> Result<(), Error> {
    for (product, build) in missing {
        db.prepare_cached(
            "INSERT INTO waiting (product, build, waits) SELECT ?1, ?2, ?3 WHERE ?4 > \
             (SELECT count(*) FROM waiting WHERE product = ?1 AND build = ?2) \
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![product.as_str(), build, signed(seq), MOST_WAITING])?;
    }
    Ok(())
}

/// Looks again at what waited for this build.
fn wake(db: &Connection, build: &Build) -> Result<(), Error> {
    let name = build.name().to_string();
    let mut waiting =
        db.prepare_cached("SELECT waits FROM waiting WHERE product = ?1 AND build = ?2")?;
    let waiting: Vec<u64> = waiting
        .query_map(params![build.product.as_str(), name], |row| column::number(row, 0))?
        .collect::<Result<_, _>>()?;
    for seq in waiting {
        let build = lookup::record(db, seq)?;
        match Against::of(db, &build)? {
            // What it still waits for wakes it again.
            Against::Waits(_) => continue,
            Against::Known(inputs) => insert(db, seq, &inputs)?,
            Against::Untold => {}
        }
        for (product, told) in told_by(&build) {
            for against in told {
                db.prepare_cached(
                    "DELETE FROM waiting WHERE product = ?1 AND build = ?2 AND waits = ?3",
                )?
                .execute(params![
                    product.as_str(),
                    against.build.to_string(),
                    signed(seq)
                ])?;
            }
        }
    }
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
