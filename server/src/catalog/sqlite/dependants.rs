//! What a build needs to run, and who needs a product.

use std::collections::HashMap;

use larder_schema::api::{Dependant, Page};
use larder_schema::{Build, BuildName, Digest, Platform, Requirement};
use rusqlite::{Connection, Row, params};

use super::column::{self, signed};
use super::{lookup, statements};
use crate::catalog::Error;
use crate::catalog::candidates::Needed;

/// How many rows are looked at between two looks at what was found.
const AT_ONCE: usize = 1_000;

/// Notes what a new build needs to run.
pub(super) fn insert(db: &Connection, build: &Build, seq: i64) -> Result<(), Error> {
    for needed in build.run_dependencies() {
        let against = needed.built_against.as_ref();
        db.prepare_cached(
            "INSERT INTO dependants (product, build, requirement, built_against, built_archive) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            needed.product.as_str(),
            seq,
            needed.requirement.to_string(),
            against.map(|against| against.build.to_string()),
            against.and_then(|against| against.archive).map(|archive| archive.0.0),
        ])?;
    }
    Ok(())
}

/// What a build needs to run, by product.
pub(super) fn needed_by(db: &Connection, seq: u64) -> Result<Vec<Needed>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT product, requirement, built_against FROM dependants WHERE build = ?1 \
         ORDER BY product",
    )?;
    let needed = statement.query_map([signed(seq)], |row| {
        Ok(Needed {
            product: column::parsed(row, 0)?,
            requirement: column::parsed(row, 1)?,
            against: column::parsed_opt(row, 2)?,
        })
    })?;
    Ok(needed.collect::<Result<_, _>>()?)
}

/// A build that needs the product, before it is known whether this build will do.
struct Candidate {
    seq: u64,
    dependant: Dependant,
    /// The build that it was built against.
    against: Option<BuildName>,
}

fn candidate(row: &Row<'_>, build: &Build) -> rusqlite::Result<Candidate> {
    let against: Option<BuildName> = column::parsed_opt(row, 5)?;
    let archive = column::sha256_opt(row, 6)?.map(Digest);
    let own = build.archive.as_ref().map(|archive| Digest(archive.sha256));
    let built_against = against.as_ref().is_some_and(|against| *against == build.name())
        && archive.is_none_or(|archive| own == Some(archive));
    let dependant = Dependant {
        product: column::parsed(row, 0)?,
        build: column::parsed(row, 1)?,
        platform: column::parsed(row, 2)?,
        requirement: column::parsed(row, 4)?,
        built_against,
        withdrawn: statements::withdrawal(row, 7)?,
    };
    Ok(Candidate { seq: column::number(row, 3)?, dependant, against })
}

/// Builds that need the product of `build` and may run with it, the last published first.
///
/// Their requirements are not in an index: all who need the product are looked at in turn, within
/// the deadline of a read, until the page is full.
pub(super) fn page(
    db: &Connection,
    build: &Build,
    after: Option<u64>,
    limit: usize,
) -> Result<Page<Dependant>, Error> {
    let mut will_do = HashMap::new();
    let mut found: Vec<Candidate> = Vec::new();
    let mut after = after.map_or(i64::MAX, signed);
    while found.len() <= limit {
        let some = candidates(db, build, after)?;
        let Some(last) = some.last() else { break };
        after = signed(last.seq);
        found.extend(some.into_iter().filter(|one| {
            let Dependant { requirement, platform, .. } = &one.dependant;
            let fits = *will_do
                .entry(requirement.clone())
                .or_insert_with_key(|it: &Requirement| it.matches(&build.version));
            fits && build.abi.serves(one.against.as_ref(), &build.name())
                && may_stand_together(platform, &build.platform)
        }));
    }
    let next = lookup::cut(&mut found, limit).map(|last| last.seq.to_string());
    Ok(Page { items: found.into_iter().map(|one| one.dependant).collect(), next })
}

fn may_stand_together(one: &Platform, two: &Platform) -> bool {
    one.fits(two) || two.fits(one)
}

/// Served by `dependants_product`, read backwards.
fn candidates(db: &Connection, build: &Build, after: i64) -> Result<Vec<Candidate>, Error> {
    let sql = format!(
        "SELECT products.name, major || '.' || minor || '.' || patch || '-' || builds.build, \
         platform, seq, requirement, built_against, built_archive, {} \
         FROM dependants JOIN builds ON seq = dependants.build \
         JOIN products ON products.id = builds.product \
         WHERE dependants.product = ?1 AND dependants.build < ?2 \
         ORDER BY dependants.build DESC LIMIT ?3",
        statements::WITHDRAWAL
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params![build.product.as_str(), after, signed(AT_ONCE as u64)], |row| {
            candidate(row, build)
        })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
