//! Uploads that have begun.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use crate::catalog::{BeginUpload, Error, Upload, UploadQuota};

const COLUMNS: &str = "id, token, filename, sha256, length, offset, created, expires";

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: row.get(0)?,
        token: column::sha256(row, 1)?,
        filename: row.get(2)?,
        sha256: column::sha256_opt(row, 3)?,
        length: column::number(row, 4)?,
        offset: column::number(row, 5)?,
        created: column::parsed(row, 6)?,
        expires: column::parsed(row, 7)?,
    })
}

pub(super) fn begin(
    db: &Connection,
    upload: &Upload,
    quota: UploadQuota,
) -> Result<BeginUpload, Error> {
    let (uploads, bytes) = db
        .prepare_cached("SELECT count(*), coalesce(sum(length), 0) FROM uploads WHERE token = ?1")?
        .query_row([upload.token.0], |row| {
            Ok((column::number(row, 0)?, column::number(row, 1)?))
        })?;
    let over = uploads >= quota.uploads || bytes.saturating_add(upload.length) > quota.bytes;
    if over {
        return Ok(BeginUpload::OverQuota { uploads, bytes });
    }
    let sql = format!("INSERT INTO uploads ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    db.prepare_cached(&sql)?.execute(params![
        upload.id,
        upload.token.0,
        upload.filename,
        upload.sha256.map(|sum| sum.0),
        signed(upload.length),
        signed(upload.offset),
        upload.created.as_str(),
        upload.expires.as_str(),
    ])?;
    Ok(BeginUpload::Begun)
}

pub(super) fn by_id(db: &Connection, id: &str) -> Result<Option<Upload>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM uploads WHERE id = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([id], upload).optional()?)
}

pub(super) fn advance(db: &Connection, id: &str, offset: u64) -> Result<(), Error> {
    db.prepare_cached("UPDATE uploads SET offset = ?2 WHERE id = ?1")?
        .execute(params![id, signed(offset)])?;
    Ok(())
}

pub(super) fn end(db: &Connection, id: &str) -> Result<(), Error> {
    db.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([id])?;
    Ok(())
}

pub(super) fn all(db: &Connection) -> Result<Vec<Upload>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM uploads ORDER BY created, id");
    let mut statement = db.prepare_cached(&sql)?;
    let uploads = statement.query_map([], upload)?.collect::<Result<_, _>>()?;
    Ok(uploads)
}
