//! What a package root of EUPS is read from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use larder_schema::eups::EupsVersion;
use larder_schema::{Build, BuildName, EntryPath, ProductName, Sums};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, signed};
use super::{archives, dependants, lookup};
use crate::catalog::Error;
use crate::catalog::root::{Held, Members, Packed, PackedArchive, Release, RootSource, Tarball};

/// One state of the catalog.
pub(super) struct Snapshot<'a>(pub(super) &'a Connection);

/// Whether nobody withdrew what has the digest in the column `digest`.
const STANDS: &str = "NOT EXISTS (SELECT 1 FROM statements WHERE subject = digest \
     AND kind = 'withdrawn')";

/// Whether a build is shown: what the last column of [`held`] tells.
static SHOWN: LazyLock<String> = LazyLock::new(|| {
    format!(
        "((NOT test AND {}) OR EXISTS (SELECT 1 FROM distribution_builds \
         JOIN distributions ON distributions.seq = distribution \
         WHERE distribution_builds.build = builds.seq AND {}))",
        STANDS.replace("= digest", "= builds.digest"),
        STANDS.replace("= digest", "= distributions.digest")
    )
});

static HELD: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT name, eups, platform, seq, 1 FROM products JOIN builds ON builds.product = products.id \
         WHERE eups IS NOT NULL AND {} ORDER BY name, eups, seq",
        *SHOWN
    )
});

static SELECT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT name, builds.eups, builds.platform, builds.seq, {} FROM builds \
         JOIN products ON products.id = product",
        *SHOWN
    )
});

/// Distributions under their versions; [`TAGS`] has the same columns.
const VERSIONS: &str = "SELECT name, version, NULL, eups, platform, seq FROM distributions";

const TAGS: &str = "SELECT distributions.name, distributions.version, tag, tags.eups, platform, seq \
     FROM tags JOIN distributions ON distributions.name = tags.name \
     AND distributions.version = tags.version \
     WHERE serial = (SELECT max(serial) FROM tags AS moves \
     WHERE moves.name = tags.name AND moves.tag = tags.tag)";

fn release(row: &Row<'_>) -> rusqlite::Result<Release> {
    Ok(Release {
        name: column::parsed(row, 0)?,
        version: column::parsed(row, 1)?,
        tag: column::parsed_opt(row, 2)?,
        eups: row.get(3)?,
        platform: column::parsed(row, 4)?,
        seq: column::number(row, 5)?,
    })
}

fn held(row: &Row<'_>) -> rusqlite::Result<Held> {
    Ok(Held {
        product: column::parsed(row, 0)?,
        version: column::parsed(row, 1)?,
        platform: column::parsed(row, 2)?,
        seq: column::number(row, 3)?,
        is_shown: row.get(4)?,
    })
}

impl Snapshot<'_> {
    fn select(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Held>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(values, held)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl RootSource for Snapshot<'_> {
    fn held(&self, each: &mut dyn FnMut(Held)) -> Result<(), Error> {
        let mut statement = self.0.prepare_cached(&HELD)?;
        for row in statement.query_map([], held)? {
            each(row?);
        }
        Ok(())
    }

    fn named(&self, product: &ProductName, version: &EupsVersion) -> Result<Vec<Held>, Error> {
        let sql = format!("{} WHERE name = ?1 AND eups = ?2 ORDER BY seq", *SELECT);
        self.select(&sql, [product.as_str(), version.as_str()])
    }

    fn of_name(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Held>, Error> {
        let sql = format!(
            "{} WHERE name = ?1 AND major = ?2 AND minor = ?3 AND patch = ?4 AND build = ?5 \
             AND eups IS NOT NULL ORDER BY seq",
            *SELECT
        );
        let BuildName { version, build } = name;
        let numbers = [version.major, version.minor, version.patch].map(signed);
        let [major, minor, patch] = numbers;
        self.select(&sql, params![product.as_str(), major, minor, patch, build.as_str()])
    }

    fn releases(&self) -> Result<Vec<Release>, Error> {
        let sql = format!("{VERSIONS} WHERE {STANDS} UNION ALL {TAGS} AND {STANDS} ORDER BY 6, 3");
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([], release)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn firsts(&self) -> Result<BTreeMap<ProductName, u64>, Error> {
        let sql = "SELECT name, min(seq) FROM distributions GROUP BY name";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement
            .query_map([], |row| Ok((column::parsed(row, 0)?, column::number(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn releases_of(&self, tag: &str) -> Result<Vec<Release>, Error> {
        let sql = format!(
            "{VERSIONS} WHERE eups = ?1 AND {STANDS} \
             UNION ALL {TAGS} AND tags.eups = ?1 AND {STANDS} ORDER BY 6, 3"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([tag], release)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn listed_by(&self, seq: u64) -> Result<Vec<Release>, Error> {
        let sql = format!(
            "SELECT name, version, NULL, eups, platform, seq \
             FROM distribution_builds JOIN distributions ON seq = distribution \
             WHERE build = ?1 AND {STANDS} ORDER BY seq"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([signed(seq)], release)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn is_ordered(&self, product: &ProductName) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM builds JOIN products ON products.id = product \
                   WHERE name = ?1 \
                   AND eups = major || '.' || minor || '.' || patch || '+' || build)";
        Ok(self.0.prepare_cached(sql)?.query_row([product.as_str()], |row| row.get(0))?)
    }

    fn members(&self, distribution: u64) -> Result<Members, Error> {
        let sql = "SELECT name, eups, platform, seq, 1 FROM distribution_builds \
                   JOIN builds ON seq = distribution_builds.build \
                   JOIN products ON products.id = product \
                   WHERE distribution = ?1 AND eups IS NOT NULL ORDER BY name";
        let builds = self.select(sql, [signed(distribution)])?;
        let told = self
            .0
            .prepare_cached(
                "SELECT coalesce(document -> '$.roots', '[]'), \
                 coalesce(document -> '$.parameters', '{}') FROM distributions WHERE seq = ?1",
            )?
            .query_row([signed(distribution)], |row| {
                Ok((column::json(row, 0)?, column::json(row, 1)?))
            })?;
        let (roots, parameters) = told;
        Ok(Members { builds, roots, parameters })
    }

    fn member(&self, distribution: u64, product: &ProductName) -> Result<Option<u64>, Error> {
        let sql = "SELECT seq FROM distribution_builds JOIN builds ON seq = distribution_builds.build \
                   JOIN products ON products.id = product WHERE distribution = ?1 AND name = ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let found = statement.query_row(params![signed(distribution), product.as_str()], |row| {
            column::number(row, 0)
        });
        Ok(found.optional()?)
    }

    fn needed(&self, seq: u64) -> Result<Vec<ProductName>, Error> {
        Ok(dependants::needed_by(self.0, seq)?.into_iter().map(|needed| needed.product).collect())
    }

    fn packed(&self, seq: u64) -> Result<Packed, Error> {
        let mut statement = self.0.prepare_cached(
            "SELECT sha256, format, folder FROM builds JOIN archives ON archives.id = archive \
             WHERE seq = ?1",
        )?;
        let archive = statement.query_row([signed(seq)], |row| {
            let folder: Option<EntryPath> = column::parsed_opt(row, 2)?;
            let (sha256, format) = (column::sha256(row, 0)?, archives::format(row, 1)?);
            Ok(PackedArchive { sha256, format, folder })
        });
        Ok(Packed { archive: archive.optional()?, tarball: tarball(self.0, seq)? })
    }

    fn record(&self, seq: u64) -> Result<Build, Error> {
        lookup::record(self.0, seq)
    }
}

fn tarball(db: &Connection, seq: u64) -> Result<Option<Tarball>, Error> {
    let sql = "SELECT sha256, blake3, size, key FROM eups_tarballs WHERE build = ?1";
    let found = db.prepare_cached(sql)?.query_row([signed(seq)], |row| {
        let sums = Sums {
            sha256: column::sha256(row, 0)?,
            blake3: column::blake3(row, 1)?,
            size: column::number(row, 2)?,
        };
        Ok(Tarball { sums, key: row.get(3)? })
    });
    Ok(found.optional()?)
}

/// Keeps what was made of a build; `before` is what is replaced, where that lost its bytes.
pub(super) fn keep_tarball(
    db: &Connection,
    seq: u64,
    made: &Tarball,
    before: Option<&Tarball>,
) -> Result<Tarball, Error> {
    let known = tarball(db, seq)?;
    if let Some(known) = known.filter(|known| before.is_none_or(|before| before != known)) {
        return Ok(known);
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO eups_tarballs (build, sha256, blake3, size, key) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        signed(seq),
        made.sums.sha256.0,
        made.sums.blake3.0,
        signed(made.sums.size),
        made.key
    ])?;
    Ok(made.clone())
}
