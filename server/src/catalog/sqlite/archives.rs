//! Archives and what they unpack to.

use larder_schema::archive::ArchiveFormat;
use larder_schema::eups::Shape;
use larder_schema::{Blake3, Checksum, Entry, EntryKind, Sha256, Sums};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use crate::catalog::{Error, StoredArchive};

const COLUMNS: &str =
    "sha256, blake3, size, format, key, tree, tar_sha256, unpacked, folder, has_table";

/// The catalog holds a format that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("the archive format `{0}` is not known to this larder")]
struct UnknownFormat(String);

/// The format in a column.
pub(super) fn format(row: &Row<'_>, index: usize) -> rusqlite::Result<ArchiveFormat> {
    let format: String = row.get(index)?;
    ArchiveFormat::of_name(&format!("x.{format}")).ok_or_else(|| {
        let error = Box::new(UnknownFormat(format));
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, error)
    })
}

fn archive(row: &Row<'_>) -> rusqlite::Result<StoredArchive> {
    Ok(StoredArchive {
        sums: Sums {
            sha256: column::sha256(row, 0)?,
            blake3: column::blake3(row, 1)?,
            size: column::number(row, 2)?,
        },
        format: format(row, 3)?,
        key: row.get(4)?,
        tree: column::tree(row, 5)?,
        tar_sha256: column::sha256_opt(row, 6)?,
        unpacked_bytes: column::number(row, 7)?,
        shape: shape(row)?,
    })
}

fn shape(row: &Row<'_>) -> rusqlite::Result<Option<Shape>> {
    if row.get_ref(8)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    Ok(Some(Shape { folder: column::parsed(row, 8)?, has_table: row.get(9)? }))
}

pub(super) fn record(
    db: &Connection,
    new: &StoredArchive,
    entries: &[Entry],
) -> Result<StoredArchive, Error> {
    if let Some(known) = by_checksum(db, &Checksum::Sha256(new.sums.sha256))? {
        if known.format == new.format || is_named(db, &new.sums.sha256)? {
            return Ok(known);
        }
        return record_anew(db, StoredArchive { key: known.key, ..new.clone() }, entries);
    }
    let sql = format!(
        "INSERT INTO archives ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
    );
    let shape = new.shape.as_ref();
    db.prepare_cached(&sql)?.execute(params![
        new.sums.sha256.0,
        new.sums.blake3.0,
        signed(new.sums.size),
        new.format.extension(),
        new.key,
        new.tree.0,
        new.tar_sha256.map(|sum| sum.0),
        signed(new.unpacked_bytes),
        shape.map(|shape| shape.folder.as_str()),
        shape.map(|shape| shape.has_table),
    ])?;
    let id = db.last_insert_rowid();
    record_entries(db, id, entries)?;
    Ok(new.clone())
}

/// The same bytes in another format, which unpack to something else.
fn record_anew(
    db: &Connection,
    archive: StoredArchive,
    entries: &[Entry],
) -> Result<StoredArchive, Error> {
    let id = db
        .prepare_cached(
            "UPDATE archives SET format = ?2, tree = ?3, tar_sha256 = ?4, unpacked = ?5, \
             folder = ?6, has_table = ?7 WHERE sha256 = ?1 RETURNING id",
        )?
        .query_row(
            params![
                archive.sums.sha256.0,
                archive.format.extension(),
                archive.tree.0,
                archive.tar_sha256.map(|sum| sum.0),
                signed(archive.unpacked_bytes),
                archive.shape.as_ref().map(|shape| shape.folder.as_str()),
                archive.shape.as_ref().map(|shape| shape.has_table),
            ],
            |row| row.get(0),
        )?;
    db.prepare_cached("DELETE FROM entries WHERE archive = ?1")?.execute([id])?;
    record_entries(db, id, entries)?;
    Ok(archive)
}

fn record_entries(db: &Connection, archive: i64, entries: &[Entry]) -> Result<(), Error> {
    entries.iter().try_for_each(|entry| record_entry(db, archive, entry))
}

fn record_entry(db: &Connection, archive: i64, entry: &Entry) -> Result<(), Error> {
    let (kind, file, target, offset) = match &entry.kind {
        EntryKind::File { size, sha256, blake3, executable, offset } => {
            let file = file_id(db, sha256, blake3, *size)?;
            (i64::from(*executable), Some(file), None, offset.map(signed))
        }
        EntryKind::Link { target } => (2, None, Some(target.as_str()), None),
        EntryKind::Folder => (3, None, None, None),
    };
    db.prepare_cached(
        "INSERT INTO entries (archive, path, kind, file, target, offset) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![archive, entry.path.as_str(), kind, file, target, offset])?;
    Ok(())
}

fn file_id(db: &Connection, sha256: &Sha256, blake3: &Blake3, size: u64) -> Result<i64, Error> {
    let known = db
        .prepare_cached("SELECT id FROM files WHERE sha256 = ?1")?
        .query_row([sha256.0], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    db.prepare_cached("INSERT INTO files (sha256, blake3, size) VALUES (?1, ?2, ?3)")?
        .execute(params![sha256.0, blake3.0, signed(size)])?;
    Ok(db.last_insert_rowid())
}

pub(super) fn by_checksum(
    db: &Connection,
    checksum: &Checksum,
) -> Result<Option<StoredArchive>, Error> {
    let (column, bytes) = match checksum {
        Checksum::Sha256(sum) => ("sha256", sum.0),
        Checksum::Blake3(sum) => ("blake3", sum.0),
        Checksum::Tree(_) => return Ok(None),
    };
    let sql = format!("SELECT {COLUMNS} FROM archives WHERE {column} = ?1 LIMIT 1");
    Ok(db.prepare_cached(&sql)?.query_row([bytes], archive).optional()?)
}

pub(super) fn is_named(db: &Connection, archive: &Sha256) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM archives JOIN builds ON builds.archive = archives.id \
               WHERE archives.sha256 = ?1)";
    Ok(db.prepare_cached(sql)?.query_row([archive.0], |row| row.get(0))?)
}

pub(super) fn note_sender(db: &Connection, token: &Sha256, archive: &Sha256) -> Result<(), Error> {
    let sql = "INSERT INTO senders (token, archive) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    db.prepare_cached(sql)?.execute([token.0, archive.0])?;
    Ok(())
}

pub(super) fn is_sender(db: &Connection, token: &Sha256, archive: &Sha256) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM senders WHERE token = ?1 AND archive = ?2)";
    Ok(db.prepare_cached(sql)?.query_row([token.0, archive.0], |row| row.get(0))?)
}

pub(super) fn contents(
    db: &Connection,
    archive: &Sha256,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT path, kind, size, files.sha256, files.blake3, target, offset \
         FROM entries LEFT JOIN files ON files.id = file \
         WHERE archive = (SELECT id FROM archives WHERE sha256 = ?1) AND path > ?2 \
         ORDER BY path LIMIT ?3",
    )?;
    let rows = statement
        .query_map(params![archive.0, after.unwrap_or(""), signed(limit as u64)], entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let kind: i64 = row.get(1)?;
    let kind = match kind {
        0 | 1 => EntryKind::File {
            size: column::number(row, 2)?,
            sha256: column::sha256(row, 3)?,
            blake3: column::blake3(row, 4)?,
            executable: kind == 1,
            offset: row.get::<_, Option<i64>>(6)?.and_then(|offset| u64::try_from(offset).ok()),
        },
        2 => EntryKind::Link { target: row.get(5)? },
        _ => EntryKind::Folder,
    };
    Ok(Entry { path: column::parsed(row, 0)?, kind })
}

pub(super) fn page(
    db: &Connection,
    after: Option<&Sha256>,
    limit: usize,
) -> Result<Vec<StoredArchive>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM archives WHERE sha256 > ?1 ORDER BY sha256 LIMIT ?2");
    let after: &[u8] = after.map_or(&[], |sum| sum.0.as_slice());
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![after, signed(limit as u64)], archive)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
