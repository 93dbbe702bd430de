//! Distributions, one and many.

use larder_schema::api::{DistributionSummary, Page};
use larder_schema::record::Published;
use larder_schema::{Distribution, DistributionVersion, ProductName};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use super::{lookup, statements, tags};
use crate::catalog::{DistributionSelector, Error, SelectedDistributions, StoredDistribution};

const SUMMARY: &str =
    "SELECT name, version, platform, stage, digest, at, by, seq FROM distributions";

fn published(row: &Row<'_>, first: usize) -> rusqlite::Result<Published> {
    Ok(Published {
        at: column::parsed(row, first)?,
        by: column::parsed(row, first + 1)?,
        seq: column::number(row, first + 2)?,
    })
}

fn summarized(row: &Row<'_>) -> rusqlite::Result<DistributionSummary> {
    Ok(DistributionSummary {
        name: column::parsed(row, 0)?,
        version: column::parsed(row, 1)?,
        platform: column::parsed(row, 2)?,
        stage: column::json(row, 3)?,
        digest: column::digest(row, 4)?,
        published: published(row, 5)?,
    })
}

/// What is there under the key of `distribution`.
pub(super) fn summary(
    db: &Connection,
    distribution: &Distribution,
) -> Result<Option<DistributionSummary>, Error> {
    let sql = format!("{SUMMARY} WHERE name = ?1 AND version = ?2 AND platform = ?3");
    let key = params![
        distribution.name.as_str(),
        distribution.version.to_string(),
        distribution.platform.to_string()
    ];
    Ok(db.prepare_cached(&sql)?.query_row(key, summarized).optional()?)
}

pub(super) fn page(
    db: &Connection,
    query: Option<&str>,
    name: Option<&ProductName>,
    after: Option<u64>,
    limit: usize,
) -> Result<Page<DistributionSummary>, Error> {
    let sql = format!(
        "{SUMMARY} WHERE (?1 IS NULL OR name = ?1) AND instr(lower(name), lower(?2)) > 0 \
         AND seq < ?3 ORDER BY seq DESC LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![
            name.map(ProductName::as_str),
            query.unwrap_or(""),
            after.map_or(i64::MAX, signed),
            signed(limit as u64 + 1)
        ],
        summarized,
    )?;
    let mut items: Vec<DistributionSummary> = rows.collect::<Result<_, _>>()?;
    let next = lookup::cut(&mut items, limit).map(|last| last.published.seq.to_string());
    Ok(Page { items, next })
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredDistribution> {
    Ok(StoredDistribution {
        distribution: column::json(row, 0)?,
        digest: column::digest(row, 1)?,
        published: published(row, 2)?,
        withdrawn: statements::withdrawal(row, 5)?,
    })
}

pub(super) fn select(
    db: &Connection,
    name: &ProductName,
    selector: &DistributionSelector,
) -> Result<SelectedDistributions, Error> {
    match selector {
        DistributionSelector::Digest(digest) => {
            let distributions = by(db, name, "digest", &digest.0.0)?;
            Ok(SelectedDistributions { distributions, tag: None })
        }
        DistributionSelector::Version(version) => {
            let tag = match version {
                DistributionVersion::Label(label) => tags::current(db, name, label)?,
                DistributionVersion::Release(_) | DistributionVersion::Candidate(..) => None,
            };
            let version = tag.as_ref().map_or(version, |state| &state.version).to_string();
            let distributions = by(db, name, "version", &version)?;
            Ok(SelectedDistributions { distributions, tag })
        }
    }
}

fn by(
    db: &Connection,
    name: &ProductName,
    column: &str,
    value: &dyn rusqlite::ToSql,
) -> Result<Vec<StoredDistribution>, Error> {
    let sql = format!(
        "SELECT document, digest, at, by, seq, {} FROM distributions \
         WHERE name = ?1 AND {column} = ?2 ORDER BY platform",
        statements::WITHDRAWAL
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![name.as_str(), value], stored)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
