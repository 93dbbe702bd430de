//! Tags: where they stand, and every move that they made.

use larder_schema::api::{TagState, TagsAnswer};
use larder_schema::{DistributionVersion, Label, Platform, ProductName};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use super::{Stop, journal, lookup};
use crate::catalog::{Act, Change, Error, Refusal, TagChange};

const COLUMNS: &str = "name, tag, version, serial, at, by";

fn state(row: &Row<'_>) -> rusqlite::Result<TagState> {
    Ok(TagState {
        name: column::parsed(row, 0)?,
        tag: column::parsed(row, 1)?,
        version: column::parsed(row, 2)?,
        serial: column::number(row, 3)?,
        at: column::parsed(row, 4)?,
        by: column::parsed(row, 5)?,
    })
}

/// Where a tag stands.
pub(super) fn current(
    db: &Connection,
    name: &ProductName,
    tag: &Label,
) -> Result<Option<TagState>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tags WHERE name = ?1 AND tag = ?2 ORDER BY serial DESC LIMIT 1"
    );
    let mut statement = db.prepare_cached(&sql)?;
    Ok(statement.query_row([name.as_str(), tag.as_str()], state).optional()?)
}

/// Moves a tag as the one change of a transaction.
pub(super) fn move_alone(db: &Connection, change: &TagChange, act: &Act) -> Result<TagState, Stop> {
    let (state, is_new) = move_to(db, change, act)?;
    if is_new {
        journal::append(db, act, Change::Tag { state: state.clone() })?;
    }
    Ok(state)
}

/// Moves a tag; tells where it stands then, and whether that is new.
pub(super) fn move_to(
    db: &Connection,
    change: &TagChange,
    act: &Act,
) -> Result<(TagState, bool), Stop> {
    let TagChange { name, tag, version, expected, require } = change;
    if platforms(db, name, &DistributionVersion::Label(tag.clone()))?.is_empty() {
        refuse_missing(db, name, version, require)?;
    } else {
        let (name, label) = (name.clone(), tag.clone());
        return Err(Stop::refused(Refusal::TagIsVersion { name, label }));
    }
    let stands = current(db, name, tag)?;
    if !expected.admits(stands.as_ref().map(|state| state.serial)) {
        return Err(Stop::refused(Refusal::TagMoved {
            name: name.clone(),
            tag: tag.clone(),
            stands: stands.map(Box::new),
        }));
    }
    match stands {
        Some(state) if state.version == *version => Ok((state, false)),
        stands => {
            let moved = TagState {
                name: name.clone(),
                tag: tag.clone(),
                version: version.clone(),
                serial: stands.map_or(1, |state| state.serial + 1),
                at: act.at.clone(),
                by: act.by.clone(),
            };
            insert(db, &moved)?;
            Ok((moved, true))
        }
    }
}

pub(super) fn insert(db: &Connection, state: &TagState) -> Result<(), Error> {
    let sql = format!("INSERT INTO tags ({COLUMNS}, eups) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    db.prepare_cached(&sql)?.execute(params![
        state.name.as_str(),
        state.tag.as_str(),
        state.version.to_string(),
        signed(state.serial),
        state.at.as_str(),
        state.by.as_str(),
        larder_schema::eups::tag_of(state.tag.as_str()),
    ])?;
    Ok(())
}

fn refuse_missing(
    db: &Connection,
    name: &ProductName,
    version: &DistributionVersion,
    require: &[Platform],
) -> Result<(), Stop> {
    let there = platforms(db, name, version)?;
    let (name, version) = (name.clone(), version.clone());
    if there.is_empty() {
        let versions = last_versions(db, &name)?;
        return Err(Stop::refused(Refusal::NoSuchVersion { name, version, versions }));
    }
    let missing: Vec<Platform> =
        require.iter().filter(|platform| !there.contains(platform)).cloned().collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Stop::refused(Refusal::NotForPlatforms { name, version, missing, there }))
    }
}

/// The versions that were published last, the newest first.
fn last_versions(db: &Connection, name: &ProductName) -> Result<Vec<DistributionVersion>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT version FROM distributions WHERE name = ?1 GROUP BY version \
         ORDER BY max(seq) DESC LIMIT 5",
    )?;
    let rows = statement.query_map([name.as_str()], |row| column::parsed(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The platforms that a version of a distribution is there for.
fn platforms(
    db: &Connection,
    name: &ProductName,
    version: &DistributionVersion,
) -> Result<Vec<Platform>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT platform FROM distributions WHERE name = ?1 AND version = ?2 ORDER BY platform",
    )?;
    let rows =
        statement.query_map([name.as_str(), &version.to_string()], |row| column::parsed(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Where the tags of a distribution stand, by tag, and a page of their moves, the last first.
pub(super) fn of(
    db: &Connection,
    name: &ProductName,
    after: Option<u64>,
    limit: usize,
) -> Result<TagsAnswer, Error> {
    // Of a bare column beside `max` SQLite takes the value in the row that has it.
    let sql = "SELECT name, tag, version, max(serial), at, by FROM tags WHERE name = ?1 \
               GROUP BY tag ORDER BY tag";
    let mut statement = db.prepare_cached(sql)?;
    let items = statement.query_map([name.as_str()], state)?.collect::<Result<_, _>>()?;
    let sql = format!(
        "SELECT {COLUMNS}, id FROM tags WHERE name = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let after = after.map_or(i64::MAX, signed);
    let rows = statement
        .query_map(params![name.as_str(), after, signed(limit as u64 + 1)], |row| {
            Ok((state(row)?, column::number(row, 6)?))
        })?;
    let mut moves: Vec<(TagState, u64)> = rows.collect::<Result<_, _>>()?;
    let next = lookup::cut(&mut moves, limit).map(|(_, id)| id.to_string());
    let history = moves.into_iter().map(|(state, _)| state).collect();
    Ok(TagsAnswer { items, history, next })
}
