//! Build ids `b1`, `b2`, …: given to those who ask, each above all that were given or published.

use larder_schema::BuildId;
use rusqlite::Connection;

use super::column::{self, signed};
use super::journal;
use crate::catalog::{Act, Change, Error};

/// Numbers from here on are no count of builds: whoever publishes one does not use up all that follow.
/// As many remain to be given before the journal, whose numbers every JSON reader must hold, has none.
const MOST: u64 = 1 << 52;

/// Gives the next ids; answers the number of the first.
pub(super) fn allocate(db: &Connection, count: u32, act: &Act) -> Result<u64, Error> {
    let last = db
        .prepare_cached(
            "UPDATE counters SET value = value + ?1 WHERE name = 'build_ids' RETURNING value",
        )?
        .query_row([count], |row| column::number(row, 0))?;
    journal::append(db, act, Change::BuildIds { last })?;
    Ok(last + 1 - u64::from(count))
}

/// Goes above ids that were published.
pub(super) fn pass<'a>(
    db: &Connection,
    ids: impl Iterator<Item = &'a BuildId>,
) -> Result<(), Error> {
    let counted = |id: &BuildId| id.as_str().strip_prefix('b')?.parse().ok();
    match ids.filter_map(counted).filter(|number| *number < MOST).max() {
        Some(highest) => raise(db, highest),
        None => Ok(()),
    }
}

/// No id up to this is given any more.
pub(super) fn raise(db: &Connection, last: u64) -> Result<(), Error> {
    let sql = "UPDATE counters SET value = ?1 WHERE name = 'build_ids' AND value < ?1";
    db.prepare_cached(sql)?.execute([signed(last)])?;
    Ok(())
}
