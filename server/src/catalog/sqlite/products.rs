//! Products: made by the first build or by a document, found by all that is known of them.

use std::collections::BTreeSet;

use larder_schema::api::{Matched, MatchedBy, Page, ProductAnswer, ProductSummary};
use larder_schema::build::{BuildPlace, newest_once_published};
use larder_schema::record::Extra;
use larder_schema::{Build, BuildName, ProductDocument, ProductName, Sha256, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use super::{Stop, journal, lookup};
use crate::catalog::{Act, Change, Error, Publication, Refusal};

/// From how many characters on a text is also looked for at the beginning of longer ones.
const PREFIX: usize = 3;

/// The product's number; made bare when it is new, refused when a twin is there.
pub(super) fn id_of(db: &Connection, name: &ProductName, twins: bool) -> Result<i64, Stop> {
    if let Some(id) = known_id(db, name)? {
        return Ok(id);
    }
    if !twins {
        refuse_twin(db, name)?;
    }
    db.prepare_cached("DELETE FROM pending_products WHERE name = ?1")?.execute([name.as_str()])?;
    db.prepare_cached("INSERT INTO products (name, skeleton, builds) VALUES (?1, ?2, 0)")?
        .execute(params![name.as_str(), name.skeleton()])?;
    Ok(db.last_insert_rowid())
}

fn refuse_twin(db: &Connection, name: &ProductName) -> Result<(), Stop> {
    let twin: Option<ProductName> = db
        .prepare_cached("SELECT name FROM products WHERE skeleton = ?1 LIMIT 1")?
        .query_row([name.skeleton()], |row| column::parsed(row, 0))
        .optional()?;
    match twin {
        Some(stored) => Err(Stop::refused(Refusal::Twin { offered: name.clone(), stored })),
        None => Ok(()),
    }
}

/// Refuses a publication of products that are not there yet.
pub(super) fn refuse_new(db: &Connection, publication: &Publication) -> Result<(), Stop> {
    let mut new: Vec<ProductName> = Vec::new();
    for (build, _) in &publication.builds {
        let name = &build.product;
        if !new.contains(name) && known_id(db, name)?.is_none() {
            if !publication.twins {
                refuse_twin(db, name)?;
            }
            new.push(name.clone());
        }
    }
    if new.is_empty() { Ok(()) } else { Err(Stop::refused(Refusal::NewProducts { products: new })) }
}

/// The number of a product that is there.
pub(super) fn known_id(db: &Connection, name: &ProductName) -> Result<Option<i64>, Error> {
    Ok(db
        .prepare_cached("SELECT id FROM products WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?)
}

/// Counts a build that is new, and makes it the product's newest if it is.
pub(super) fn count_build(
    db: &Connection,
    product: i64,
    build: &Build,
    seq: u64,
) -> Result<(), Error> {
    db.prepare_cached("UPDATE products SET builds = builds + 1 WHERE id = ?1")?
        .execute([product])?;
    if let Some(archive) = &build.archive {
        name_files(db, product, &archive.sha256, seq)?;
    }
    if build.test {
        return Ok(());
    }
    let newest: Option<(BuildName, u64)> = db
        .prepare_cached(
            "SELECT major || '.' || minor || '.' || patch || '-' || build, seq FROM builds \
             WHERE seq = (SELECT newest FROM products WHERE id = ?1)",
        )?
        .query_row([product], |row| Ok((column::parsed(row, 0)?, column::number(row, 1)?)))
        .optional()?;
    let newest =
        newest_once_published(newest, (build.name(), seq), || is_highest(db, product, build, seq))?;
    let sql = "UPDATE products SET newest = ?2, summary = (SELECT record ->> '$.summary' \
               FROM builds WHERE seq = ?2) WHERE id = ?1";
    db.prepare_cached(sql)?.execute(params![product, signed(newest)])?;
    Ok(())
}

/// Whether no build of the version that is no test build has an id of the same series that counts
/// higher.
fn is_highest(db: &Connection, product: i64, build: &Build, seq: u64) -> Result<bool, Error> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM builds WHERE product = ?1 AND major = ?2 \
               AND minor = ?3 AND patch = ?4 AND series = ?5 AND number > ?6 AND test = 0)";
    let Version { major, minor, patch } = build.version;
    let BuildPlace { series, number } = build.build.place(seq);
    let key = params![product, signed(major), signed(minor), signed(patch), series, number];
    Ok(db.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
}

/// Notes the names of a build's files, without their folders, unless an earlier build of the product
/// has the same archive. Costs what an archive of files costs once, and adds only names that are new.
fn name_files(db: &Connection, product: i64, archive: &Sha256, seq: u64) -> Result<(), Error> {
    let sql = "SELECT id, EXISTS (SELECT 1 FROM builds WHERE archive = archives.id \
               AND product = ?2 AND seq <> ?3) FROM archives WHERE sha256 = ?1";
    let (archive, is_known): (i64, bool) =
        db.prepare_cached(sql)?.query_row(params![archive.0, product, signed(seq)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if is_known {
        return Ok(());
    }
    // In order, so that what is written lies together.
    let mut names = BTreeSet::new();
    let mut paths =
        db.prepare_cached("SELECT path FROM entries WHERE archive = ?1 AND kind <> 3")?;
    let mut rows = paths.query([archive])?;
    while let Some(row) = rows.next()? {
        let path = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        if !names.contains(name) {
            names.insert(name.to_owned());
        }
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO product_files (name, product) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    names.iter().try_for_each(|name| insert.execute(params![name, product]).map(|_| ()))?;
    Ok(())
}

/// Puts a document in place of the one before; `false` when it is the very same.
pub(super) fn declare(
    db: &Connection,
    document: &ProductDocument,
    twins: bool,
    act: &Act,
) -> Result<bool, Stop> {
    let known = product(db, &document.name)?.and_then(|known| known.document);
    if known.as_ref() == Some(document) {
        return Ok(false);
    }
    put(db, document, twins)?;
    journal::append(db, act, Change::Product { document: document.clone() })?;
    Ok(true)
}

/// The same as a part of the journal's replay.
pub(super) fn put(db: &Connection, document: &ProductDocument, twins: bool) -> Result<(), Stop> {
    let id = id_of(db, &document.name, twins)?;
    db.prepare_cached("DELETE FROM product_repositories WHERE product = ?1")?.execute([id])?;
    for repository in document.own_repositories() {
        let taken: Option<ProductName> = db
            .prepare_cached(
                "SELECT name FROM product_repositories JOIN products ON id = product \
                 WHERE repository = ?1",
            )?
            .query_row([&repository], |row| column::parsed(row, 0))
            .optional()?;
        if let Some(product) = taken {
            return Err(Stop::refused(Refusal::RepositoryTaken { repository, product }));
        }
        db.prepare_cached(
            "INSERT INTO product_repositories (repository, product) VALUES (?1, ?2)",
        )?
        .execute(params![repository, id])?;
    }
    let document = larder_schema::canonical::to_kept(document).map_err(Error::from)?;
    db.prepare_cached("UPDATE products SET document = ?2 WHERE id = ?1")?
        .execute(params![id, document])?;
    Ok(())
}

/// Notes names that somebody wanted to publish under, unless their products are there by now; of more
/// than `most` the oldest go.
pub(super) fn note_pending(
    db: &Connection,
    names: &[ProductName],
    most: u64,
    act: &Act,
) -> Result<(), Error> {
    let mut insert = db.prepare_cached(
        "INSERT INTO pending_products (name, at, by) SELECT ?1, ?2, ?3 \
         WHERE NOT EXISTS (SELECT 1 FROM products WHERE name = ?1) \
         ON CONFLICT (name) DO UPDATE SET at = excluded.at, by = excluded.by",
    )?;
    for name in names.iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
        insert.execute(params![name.as_str(), act.at.as_str(), act.by.as_str()])?;
    }
    db.prepare_cached(
        "DELETE FROM pending_products WHERE name IN \
         (SELECT name FROM pending_products ORDER BY at DESC, name LIMIT -1 OFFSET ?1)",
    )?
    .execute([signed(most)])?;
    Ok(())
}

pub(super) fn pending(
    db: &Connection,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<ProductSummary>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT name FROM pending_products WHERE name > ?1 ORDER BY name LIMIT ?2",
    )?;
    let rows =
        statement.query_map(params![after.unwrap_or(""), signed(limit as u64 + 1)], |row| {
            Ok(ProductSummary {
                name: column::parsed(row, 0)?,
                builds: 0,
                newest: None,
                summary: None,
                pending: true,
                matched: None,
                extra: Extra::new(),
            })
        })?;
    Ok(by_name(rows.collect::<Result<_, _>>()?, limit))
}

const SUMMARY: &str = "products.name, products.builds, \
     major || '.' || minor || '.' || patch || '-' || build, summary";
const PRODUCT: &str = "products LEFT JOIN builds ON builds.seq = newest";

fn summary(row: &Row<'_>) -> rusqlite::Result<ProductSummary> {
    Ok(ProductSummary {
        name: column::parsed(row, 0)?,
        builds: column::number(row, 1)?,
        newest: column::parsed_opt(row, 2)?,
        summary: column::parsed_opt(row, 3)?,
        pending: false,
        matched: None,
        extra: Extra::new(),
    })
}

pub(super) fn product(db: &Connection, name: &ProductName) -> Result<Option<ProductAnswer>, Error> {
    let sql = format!("SELECT {SUMMARY}, document FROM {PRODUCT} WHERE products.name = ?1");
    let found = db.prepare_cached(&sql)?.query_row([name.as_str()], |row| {
        Ok(ProductAnswer { summary: summary(row)?, document: column::json_opt(row, 4)? })
    });
    Ok(found.optional()?)
}

pub(super) fn page(
    db: &Connection,
    query: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<ProductSummary>, Error> {
    if let Some(text) = query.filter(|text| !text.is_empty()) {
        return search(db, text, after, limit);
    }
    let sql = format!(
        "SELECT {SUMMARY} FROM {PRODUCT} WHERE products.name > ?1 ORDER BY products.name LIMIT ?2"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows =
        statement.query_map(params![after.unwrap_or(""), signed(limit as u64 + 1)], summary)?;
    Ok(by_name(rows.collect::<Result<_, _>>()?, limit))
}

/// Products that have a text in their name or summary, or upstream versions or files that begin with
/// it; a short text is looked for whole.
///
/// Names and summaries are looked through, since there are few; the others are ranges of
/// `builds_upstream_version` and of the key of `product_files`. Of several reasons the lowest rank
/// is told: beside `min` SQLite takes the other columns of its row.
fn search(
    db: &Connection,
    text: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<ProductSummary>, Error> {
    let end = if text.chars().count() < PREFIX { "" } else { "\u{10ffff}" };
    let sql = format!(
        "WITH found (id, rank, text) AS (\
         SELECT id, 0, name FROM products WHERE instr(lower(name), lower(?1)) > 0 \
         UNION ALL SELECT id, 1, summary FROM products WHERE instr(lower(summary), lower(?1)) > 0 \
         UNION ALL SELECT product, 2, upstream_version FROM builds \
         WHERE upstream_version >= ?1 AND upstream_version <= ?2 \
         UNION ALL SELECT product, 3, name FROM product_files WHERE name >= ?1 AND name <= ?2) \
         SELECT {SUMMARY}, min(rank), text FROM found JOIN products ON products.id = found.id \
         LEFT JOIN builds ON builds.seq = newest \
         WHERE products.name > ?3 GROUP BY products.id ORDER BY products.name LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let end = format!("{text}{end}");
    let values = params![text, end, after.unwrap_or(""), signed(limit as u64 + 1)];
    let rows = statement.query_map(values, |row| {
        let by = match row.get(4)? {
            0 => MatchedBy::Name,
            1 => MatchedBy::Summary,
            2 => MatchedBy::UpstreamVersion,
            _ => MatchedBy::File,
        };
        Ok(ProductSummary { matched: Some(Matched { by, text: row.get(5)? }), ..summary(row)? })
    })?;
    Ok(by_name(rows.collect::<Result<_, _>>()?, limit))
}

fn by_name(mut items: Vec<ProductSummary>, limit: usize) -> Page<ProductSummary> {
    let next = lookup::cut(&mut items, limit).map(|last| last.name.to_string());
    Page { items, next }
}
