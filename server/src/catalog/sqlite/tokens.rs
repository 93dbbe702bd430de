//! Tokens, by the hash of their text.

use larder_schema::{ProductName, Sha256, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column;
use crate::catalog::{Error, StoredToken};

const COLUMNS: &str = "name, hash, scopes, test, created, expires, revoked, last_used";

fn token(row: &Row<'_>) -> rusqlite::Result<StoredToken> {
    Ok(StoredToken {
        name: column::parsed(row, 0)?,
        hash: column::sha256(row, 1)?,
        scopes: column::json(row, 2)?,
        test: row.get(3)?,
        created: column::parsed(row, 4)?,
        expires: column::parsed_opt(row, 5)?,
        revoked: column::parsed_opt(row, 6)?,
        last_used: column::parsed_opt(row, 7)?,
    })
}

pub(super) fn create(db: &Connection, token: &StoredToken) -> Result<bool, Error> {
    let scopes =
        serde_json::to_string(&token.scopes).map_err(|error| Error::Engine(error.into()))?;
    let created = db
        .prepare_cached(
            "INSERT INTO tokens (name, hash, scopes, test, created, expires) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO NOTHING",
        )?
        .execute(params![
            token.name.as_str(),
            token.hash.0,
            scopes,
            token.test,
            token.created.as_str(),
            token.expires.as_ref().map(Timestamp::as_str),
        ])?;
    Ok(created == 1)
}

pub(super) fn by_hash(db: &Connection, hash: &Sha256) -> Result<Option<StoredToken>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE hash = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([hash.0], token).optional()?)
}

pub(super) fn all(db: &Connection) -> Result<Vec<StoredToken>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM tokens ORDER BY name");
    let mut statement = db.prepare_cached(&sql)?;
    let tokens = statement.query_map([], token)?.collect::<Result<_, _>>()?;
    Ok(tokens)
}

pub(super) fn revoke(
    db: &Connection,
    name: &ProductName,
    at: &Timestamp,
) -> Result<Option<StoredToken>, Error> {
    // A second revocation keeps the moment of the first.
    db.prepare_cached("UPDATE tokens SET revoked = coalesce(revoked, ?2) WHERE name = ?1")?
        .execute(params![name.as_str(), at.as_str()])?;
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE name = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([name.as_str()], token).optional()?)
}

pub(super) fn note_use(db: &Connection, hash: &Sha256, at: &Timestamp) -> Result<(), Error> {
    db.prepare_cached("UPDATE tokens SET last_used = ?2 WHERE hash = ?1")?
        .execute(params![hash.0, at.as_str()])?;
    Ok(())
}
