//! What is said later about a digest; `statements_subject` serves all questions.

use larder_schema::BuildKey;
use larder_schema::Digest;
use larder_schema::api::{
    DistributionName, Page, Statement, StatementKind, StatementRequest, Withdrawal,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use super::{journal, lookup};
use crate::catalog::{Act, Change, Error, Subject};

/// The statement that withdrew what has the digest in the column `digest` of the row, if there is one.
pub(super) const WITHDRAWAL: &str = "(SELECT said FROM statements WHERE subject = digest \
     AND kind = 'withdrawn' ORDER BY id DESC LIMIT 1)";

fn word(kind: StatementKind) -> &'static str {
    match kind {
        StatementKind::Withdrawn => "withdrawn",
        StatementKind::Note => "note",
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Statement> {
    Ok(Statement {
        id: column::number(row, 0)?,
        said: column::json(row, 1)?,
        at: column::parsed(row, 2)?,
        by: column::parsed(row, 3)?,
    })
}

/// Why something was withdrawn, from the column that has [`WITHDRAWAL`].
pub(super) fn withdrawal(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Withdrawal>> {
    let said: Option<StatementRequest> = column::json_opt(row, index)?;
    Ok(said.map(|said| Withdrawal { reason: said.reason, replaced_by: said.replaced_by }))
}

/// Says it, unless the last of its kind about this subject is the very same.
pub(super) fn state(
    db: &Connection,
    said: &StatementRequest,
    act: &Act,
) -> Result<(Statement, bool), Error> {
    let last = db
        .prepare_cached(
            "SELECT id, said, at, by FROM statements WHERE subject = ?1 AND kind = ?2 \
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![said.subject.0.0, word(said.kind)], stored)
        .optional()?;
    if let Some(last) = last.filter(|last| last.said == *said) {
        return Ok((last, false));
    }
    let statement = insert(db, said, act)?;
    journal::append(db, act, Change::Statement { said: said.clone() })?;
    Ok((statement, true))
}

pub(super) fn insert(
    db: &Connection,
    said: &StatementRequest,
    act: &Act,
) -> Result<Statement, Error> {
    let json = serde_json::to_string(said).map_err(|error| Error::Engine(error.into()))?;
    db.prepare_cached(
        "INSERT INTO statements (subject, kind, said, at, by) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        said.subject.0.0,
        word(said.kind),
        json,
        act.at.as_str(),
        act.by.as_str()
    ])?;
    let id = u64::try_from(db.last_insert_rowid()).unwrap_or_default();
    Ok(Statement { id, said: said.clone(), at: act.at.clone(), by: act.by.clone() })
}

pub(super) fn page(
    db: &Connection,
    subject: &Digest,
    after: Option<u64>,
    limit: usize,
) -> Result<Page<Statement>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT id, said, at, by FROM statements WHERE subject = ?1 AND id > ?2 \
         ORDER BY id LIMIT ?3",
    )?;
    let after = after.map_or(0, signed);
    let rows =
        statement.query_map(params![subject.0.0, after, signed(limit as u64 + 1)], stored)?;
    let mut items: Vec<Statement> = rows.collect::<Result<_, _>>()?;
    let next = lookup::cut(&mut items, limit).map(|last| last.id.to_string());
    Ok(Page { items, next })
}

/// What a digest is of; served by `builds_digest` and `distributions_digest`.
pub(super) fn subjects(db: &Connection, subject: &Digest) -> Result<Vec<Subject>, Error> {
    let mut builds = db.prepare_cached(
        "SELECT products.name, major || '.' || minor || '.' || patch || '-' || build, platform \
         FROM builds JOIN products ON products.id = product WHERE digest = ?1",
    )?;
    let builds = builds.query_map([subject.0.0], |row| {
        Ok(Subject::Build(BuildKey {
            product: column::parsed(row, 0)?,
            build: column::parsed(row, 1)?,
            platform: column::parsed(row, 2)?,
        }))
    })?;
    let mut distributions =
        db.prepare_cached("SELECT name, version, platform FROM distributions WHERE digest = ?1")?;
    let distributions = distributions.query_map([subject.0.0], |row| {
        Ok(Subject::Distribution(DistributionName {
            name: column::parsed(row, 0)?,
            version: column::parsed(row, 1)?,
            platform: column::parsed(row, 2)?,
        }))
    })?;
    Ok(builds.chain(distributions).collect::<Result<_, _>>()?)
}
