//! Builds that were built against what is not there, or may be another build once more is there.

use larder_schema::record::{BuiltAgainst, Extra};
use larder_schema::{Build, Digest, Platform, ProductName};
use rusqlite::{Connection, params};

use super::column::{self, signed};
use super::inputs::{self, Open};
use crate::catalog::Error;

/// A build that waits for one.
struct Waiter {
    seq: u64,
    platform: Platform,
    /// The archive of that one, where the record tells it.
    archive: Option<Digest>,
}

/// The column `archive`.
fn told_archive(archive: Option<Digest>) -> Vec<u8> {
    archive.map_or_else(Vec::new, |archive| archive.0.0.to_vec())
}

/// Notes that a build waits.
pub(super) fn wait(db: &Connection, seq: u64, open: &Open<'_>) -> Result<(), Error> {
    let Open { product, told, lacking } = open;
    let key = (product.as_str(), told.build.to_string(), told_archive(told.archive));
    db.prepare_cached(
        "INSERT INTO waiting (product, build, archive, waits, lacking) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?
    .execute(params![key.0, key.1, key.2, signed(seq), lacking])?;
    Ok(())
}

/// Looks again at what waited for a build that has come.
pub(super) fn wake(db: &Connection, arrived: &Build) -> Result<(), Error> {
    let archive = arrived.archive.as_ref().map(|archive| Digest(archive.sha256));
    let mut waiters = db.prepare_cached(
        "SELECT waits, platform, waiting.archive FROM waiting JOIN builds ON seq = waits \
         WHERE waiting.product = ?1 AND waiting.build = ?2 AND waiting.archive IN (x'', ?3)",
    )?;
    let name = arrived.name();
    let key = params![arrived.product.as_str(), name.to_string(), told_archive(archive)];
    let waiters = waiters.query_map(key, |row| {
        let told: Vec<u8> = row.get(2)?;
        Ok(Waiter {
            seq: column::number(row, 0)?,
            platform: column::parsed(row, 1)?,
            archive: archive.filter(|_| !told.is_empty()),
        })
    })?;
    let mut woken = waiters.collect::<Result<Vec<_>, _>>()?;
    woken.retain(|waiter| waiter.archive.is_some() || arrived.platform.fits(&waiter.platform));
    for waiter in &woken {
        let told =
            BuiltAgainst { build: name.clone(), archive: waiter.archive, extra: Extra::new() };
        look_again(db, waiter, &arrived.product, &told)?;
    }
    let woken: Vec<u64> = woken.into_iter().map(|waiter| waiter.seq).collect();
    inputs::forget(db, &woken)?;
    for seq in woken {
        // A record is read only when the last of what its build waits for has come.
        if lacks_nothing(db, seq)? {
            inputs::note(db, seq)?;
        }
    }
    Ok(())
}

/// What a build was told to be built against is there now, or is another build than before.
fn look_again(
    db: &Connection,
    waiter: &Waiter,
    product: &ProductName,
    told: &BuiltAgainst,
) -> Result<(), Error> {
    let Waiter { seq, platform, archive } = waiter;
    let found = inputs::find(db, product, told, platform)?;
    let key = (product.as_str(), told.build.to_string(), told_archive(*archive));
    if found.as_ref().is_some_and(|found| found.platform == *platform) {
        db.prepare_cached(
            "DELETE FROM waiting \
             WHERE product = ?1 AND build = ?2 AND archive = ?3 AND waits = ?4",
        )?
        .execute(params![key.0, key.1, key.2, signed(*seq)])?;
    } else {
        db.prepare_cached(
            "UPDATE waiting SET lacking = ?5 \
             WHERE product = ?1 AND build = ?2 AND archive = ?3 AND waits = ?4",
        )?
        .execute(params![key.0, key.1, key.2, signed(*seq), found.is_none()])?;
    }
    Ok(())
}

fn lacks_nothing(db: &Connection, seq: u64) -> Result<bool, Error> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM waiting WHERE waits = ?1 AND lacking = 1)";
    Ok(db.prepare_cached(sql)?.query_row([signed(seq)], |row| row.get(0))?)
}
