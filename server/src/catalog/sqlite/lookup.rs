//! Products and builds, one and many.

use std::sync::LazyLock;

use larder_schema::api::Page;
use larder_schema::record::Published;
use larder_schema::{Build, BuildKey, BuildName, Platform, ProductName};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::column::{self, signed};
use super::statements;
use crate::catalog::{BuildFilter, Error, StoredBuild};

/// Builds of which something is true, and the statements that withdrew them.
fn select(is_true: &str) -> String {
    let withdrawal = statements::WITHDRAWAL;
    format!("SELECT record, digest, at, by, seq, {withdrawal} FROM builds WHERE {is_true}")
}

/// The builds with a name: product, version and build id are the first parameters.
pub(super) const KEY: &str = "product = (SELECT id FROM products WHERE name = ?1) AND major = ?2 \
     AND minor = ?3 AND patch = ?4 AND build = ?5";

static BY_SEQ: LazyLock<String> = LazyLock::new(|| select("seq = ?1"));

fn one_key() -> String {
    format!("{KEY} AND platform = ?6")
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredBuild> {
    let mut build: Build = column::json(row, 0)?;
    build.published = Some(Published {
        at: column::parsed(row, 2)?,
        by: column::parsed(row, 3)?,
        seq: column::number(row, 4)?,
    });
    let digest = column::digest(row, 1)?;
    Ok(StoredBuild { build, digest, withdrawn: statements::withdrawal(row, 5)? })
}

pub(super) fn by_key(db: &Connection, key: &BuildKey) -> Result<Option<StoredBuild>, Error> {
    Ok(one(db, &select(&one_key()), key, stored).optional()?)
}

/// The record of a build that is there.
pub(super) fn record(db: &Connection, seq: u64) -> Result<Build, Error> {
    let mut statement = db.prepare_cached("SELECT record FROM builds WHERE seq = ?1")?;
    Ok(statement.query_row([signed(seq)], |row| column::json(row, 0))?)
}

/// The same with when and by whom it was published.
pub(super) fn published_record(db: &Connection, seq: u64) -> Result<Build, Error> {
    let mut statement = db.prepare_cached(&BY_SEQ)?;
    Ok(statement.query_row([signed(seq)], stored)?.build)
}

/// The number of a build that is there.
pub(super) fn seq_of(db: &Connection, key: &BuildKey) -> Result<i64, Error> {
    let sql = format!("SELECT seq FROM builds WHERE {}", one_key());
    Ok(one(db, &sql, key, |row| row.get(0))?)
}

fn one<T>(
    db: &Connection,
    sql: &str,
    key: &BuildKey,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let version = key.build.version;
    db.prepare_cached(sql)?.query_row(
        params![
            key.product.as_str(),
            signed(version.major),
            signed(version.minor),
            signed(version.patch),
            key.build.build.as_str(),
            key.platform.to_string()
        ],
        read,
    )
}

pub(super) fn build(
    db: &Connection,
    product: &ProductName,
    build: &BuildName,
) -> Result<Vec<StoredBuild>, Error> {
    let sql = select(&format!("{KEY} ORDER BY platform"));
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![
            product.as_str(),
            signed(build.version.major),
            signed(build.version.minor),
            signed(build.version.patch),
            build.build.as_str()
        ],
        stored,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn builds(
    db: &Connection,
    filter: &BuildFilter,
    after: Option<u64>,
    limit: usize,
) -> Result<Page<StoredBuild>, Error> {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        conditions.push(condition.replace('?', &format!("?{}", values.len())));
    };
    if let Some(product) = &filter.product {
        let name = product.to_string().into();
        add("product = (SELECT id FROM products WHERE name = ?)", name);
    }
    if let Some(version) = &filter.version {
        add("major = ?", signed(version.major).into());
        add("minor = ?", signed(version.minor).into());
        add("patch = ?", signed(version.patch).into());
    }
    if let Some(revision) = &filter.revision {
        // A part of it is a range of the index: no hex digit comes after `g`.
        add(
            "source IN (SELECT id FROM sources WHERE revision BETWEEN ? AND ? || 'g')",
            revision.clone().into(),
        );
    }
    if let Some(upstream) = &filter.upstream_version {
        add("upstream_version = ?", upstream.clone().into());
    }
    if let Some(platform) = &filter.platform {
        add("platform = ?", Platform::to_string(platform).into());
    }
    if let Some(after) = after {
        add("seq < ?", signed(after).into());
    }
    add("1 ORDER BY seq DESC LIMIT ?", signed(limit as u64 + 1).into());
    let sql = select(&conditions.join(" AND "));
    let mut statement = db.prepare_cached(&sql)?;
    let mut items: Vec<StoredBuild> =
        statement.query_map(params_from_iter(values), stored)?.collect::<Result<_, _>>()?;
    let next = cut(&mut items, limit).and_then(|last| last.build.published.as_ref());
    let next = next.map(|published| published.seq.to_string());
    Ok(Page { items, next })
}

/// Cuts what was read beyond the page; the last of the page if anything was cut.
pub(super) fn cut<T>(items: &mut Vec<T>, limit: usize) -> Option<&T> {
    let more = items.len() > limit;
    items.truncate(limit);
    items.last().filter(|_| more)
}
