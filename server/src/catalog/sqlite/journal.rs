//! The journal's table, and the replay of its entries.

use std::ops::Range;

use larder_schema::Digest;
use larder_schema::record::Published;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use super::{Stop, build_ids, products, record, statements, tags};
use crate::catalog::{Act, Change, Error, JournalEntry, JournalRow};

fn row(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    Ok(JournalRow {
        seq: column::number(row, 0)?,
        digest: column::digest(row, 1)?,
        document: row.get(2)?,
    })
}

/// Writes the next entry, in the transaction of the change that it tells.
pub(super) fn append(db: &Connection, act: &Act, change: Change) -> Result<(), Error> {
    let (last, previous) = head(db)?;
    let entry =
        JournalEntry { seq: last + 1, previous, at: act.at.clone(), by: act.by.clone(), change };
    insert(db, &JournalRow::of(&entry)?, false)
}

fn insert(db: &Connection, row: &JournalRow, stored: bool) -> Result<(), Error> {
    db.prepare_cached(
        "INSERT INTO journal (seq, digest, document, stored) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![signed(row.seq), row.digest.0.0, row.document, stored])?;
    Ok(())
}

pub(super) fn head(db: &Connection) -> Result<(u64, Option<Digest>), Error> {
    let last = db
        .prepare_cached("SELECT seq, digest FROM journal ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((column::number(row, 0)?, Some(column::digest(row, 1)?))))
        .optional()?;
    Ok(last.unwrap_or_default())
}

pub(super) fn unstored(db: &Connection) -> Result<Vec<JournalRow>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT seq, digest, document FROM journal WHERE stored = 0 ORDER BY seq",
    )?;
    let rows = statement.query_map([], row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn mark_stored(db: &Connection, seqs: &Range<u64>) -> Result<(), Error> {
    db.prepare_cached("UPDATE journal SET stored = 1 WHERE stored = 0 AND seq >= ?1 AND seq < ?2")?
        .execute(params![signed(seqs.start), signed(seqs.end)])?;
    Ok(())
}

pub(super) fn page(db: &Connection, from: u64, limit: usize) -> Result<Vec<JournalRow>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT seq, digest, document FROM journal WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
    )?;
    let rows = statement.query_map(params![signed(from), signed(limit as u64)], row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Does again what an entry says. It comes from the blob store, so it is there already, and is kept
/// as it was written: another version might write it otherwise, and the next holds its digest.
pub(super) fn replay(
    db: &Connection,
    entry: &JournalEntry,
    document: &JournalRow,
) -> Result<(), Stop> {
    let act = Act { by: entry.by.clone(), at: entry.at.clone() };
    let published = |seq| Published { at: act.at.clone(), by: act.by.clone(), seq };
    match &entry.change {
        Change::Publish { builds, distribution, tags: moved, .. } => {
            for build in builds {
                let product = products::id_of(db, &build.product, true)?;
                let seq = record::seq_of(build);
                let digest = build.digest().map_err(Error::from)?;
                record::insert_build_row(db, product, build, &digest, &published(seq))?;
                raise_counter(db, seq)?;
            }
            record::note_inputs(db, builds)?;
            build_ids::pass(db, builds.iter().map(|build| &build.build))?;
            if let Some(told) = distribution {
                let digest = told.document.digest().map_err(Error::from)?;
                record::insert_distribution(db, &told.document, &digest, &published(told.seq))?;
                raise_counter(db, told.seq)?;
            }
            for state in moved {
                tags::insert(db, state)?;
            }
        }
        Change::Tag { state } => tags::insert(db, state)?,
        Change::BuildIds { last } => build_ids::raise(db, *last)?,
        Change::Product { document } => products::put(db, document, true)?,
        Change::Statement { said } => {
            statements::insert(db, said, &act)?;
        }
    }
    insert(db, document, true)?;
    Ok(())
}

fn raise_counter(db: &Connection, seq: u64) -> Result<(), Error> {
    db.prepare_cached("UPDATE counters SET value = max(value, ?1) WHERE name = 'seq'")?
        .execute([signed(seq)])?;
    Ok(())
}
