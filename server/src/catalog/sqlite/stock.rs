//! What a plan reads.

use larder_schema::record::BuiltAgainst;
use larder_schema::{BuildName, Digest, Platform, ProductName, Revision};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::column::{self, signed};
use super::{inputs, lookup, numbers, statements};
use crate::catalog::Error;
use crate::catalog::stock::{
    Alike, Facts, Input, Likeness, Look, ProductNumber, Recorded, SourceNumber, Stock, Stocked,
    StockedArchive,
};

/// One state of the catalog.
pub(super) struct Shelf<'a>(pub(super) &'a Connection);

/// Builds of which something is true, by the number in `seq`, the last first.
fn select(seq: &str, is_true: &str) -> String {
    format!(
        "SELECT seq, major || '.' || minor || '.' || patch || '-' || builds.build, platform, abi, \
         test, facts, coalesce(same_as, seq), exact, digest, sha256, tree, size, {} \
         FROM {is_true} ORDER BY {seq} DESC",
        statements::WITHDRAWAL
    )
}

/// Builds that a plan may reuse, by what they were built against.
fn select_inputs(is_true: &str) -> String {
    let of = format!(
        "inputs JOIN builds ON seq = inputs.build LEFT JOIN archives ON archives.id = archive \
         WHERE {is_true}"
    );
    select("inputs.build", &of)
}

fn stocked(row: &Row<'_>) -> rusqlite::Result<Stocked> {
    let archive = match column::sha256_opt(row, 9)? {
        Some(sha256) => Some(StockedArchive {
            digest: Digest(sha256),
            tree: column::tree(row, 10)?,
            size: column::number(row, 11)?,
        }),
        None => None,
    };
    Ok(Stocked {
        seq: column::number(row, 0)?,
        name: column::parsed(row, 1)?,
        platform: column::parsed(row, 2)?,
        abi: inputs::abi(row, 3)?,
        test: row.get(4)?,
        facts: column::json_opt::<Facts>(row, 5)?.unwrap_or_default(),
        content: column::number(row, 6)?,
        against: column::ascending_opt(row, 7)?,
        record: column::digest(row, 8)?,
        archive,
        withdrawn: statements::withdrawal(row, 12)?,
    })
}

impl Shelf<'_> {
    fn look(&self, sql: &str, key: impl Params, look: Look<'_>) -> Result<(), Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(key)?;
        while let Some(row) = rows.next()? {
            if look(stocked(row)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Stock for Shelf<'_> {
    fn product(&self, name: &ProductName) -> Result<Option<ProductNumber>, Error> {
        Ok(self
            .0
            .prepare_cached("SELECT id FROM products WHERE name = ?1")?
            .query_row([name.as_str()], |row| Ok(ProductNumber(column::number(row, 0)?)))
            .optional()?)
    }

    fn source(
        &self,
        product: ProductNumber,
        revision: &Revision,
    ) -> Result<Option<SourceNumber>, Error> {
        inputs::known_source(self.0, signed(product.0), revision)
    }

    /// Served by `inputs_exact`.
    fn against(&self, source: SourceNumber, builds: &[u64], look: Look<'_>) -> Result<(), Error> {
        let sql = select_inputs("inputs.source = ?1 AND exact = ?2");
        self.look(&sql, params![signed(source.0), numbers::of_ascending(builds)], look)
    }

    /// Served by `inputs_content`, and by `inputs_exact` for builds whose dependencies all are the
    /// first with their contents.
    fn against_content(
        &self,
        source: SourceNumber,
        first: &[u64],
        look: Look<'_>,
    ) -> Result<(), Error> {
        let sql = select_inputs(
            "inputs.build IN (SELECT build FROM inputs WHERE source = ?1 AND content = ?2 \
             UNION ALL SELECT build FROM inputs WHERE source = ?1 AND exact = ?2 \
             AND content IS NULL)",
        );
        self.look(&sql, params![signed(source.0), numbers::of_ascending(first)], look)
    }

    /// Served by the primary key of `likenesses`.
    fn likenesses(
        &self,
        source: SourceNumber,
        admits: &mut dyn FnMut(&[Alike]) -> bool,
    ) -> Result<Vec<Likeness>, Error> {
        let mut statement = self.0.prepare_cached(
            "SELECT dependencies, first, newest FROM likenesses WHERE source = ?1",
        )?;
        let mut rows = statement.query([signed(source.0)])?;
        let (mut found, mut alike) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            column::alike(row, 0, &mut alike)?;
            if admits(&alike) {
                let (number, newest) = (column::number(row, 1)?, column::number(row, 2)?);
                found.push(Likeness { number, newest });
            }
        }
        Ok(found)
    }

    /// Served by `inputs_likeness`.
    fn alike(&self, likeness: u64, look: Look<'_>) -> Result<(), Error> {
        self.look(&select_inputs("likeness = ?1"), [signed(likeness)], look)
    }

    /// Served by `builds_source`.
    fn of_source(&self, source: SourceNumber, look: Look<'_>) -> Result<(), Error> {
        let sql = select(
            "seq",
            "builds LEFT JOIN inputs ON inputs.build = seq \
             LEFT JOIN archives ON archives.id = archive WHERE builds.source = ?1",
        );
        self.look(&sql, [signed(source.0)], look)
    }

    fn recorded(&self, seq: u64) -> Result<Vec<Recorded>, Error> {
        let build = lookup::record(self.0, seq)?;
        let recorded = |(product, told): (&ProductName, Vec<&BuiltAgainst>)| {
            let first = told.first().filter(|first| told.iter().all(|other| other == *first));
            let found = first.map(|told| inputs::find(self.0, product, told, &build.platform));
            Ok(Recorded {
                product: product.clone(),
                told: told.first().map(|against| against.build.clone()),
                build: found.transpose()?.flatten().map(|found| found.seq),
            })
        };
        inputs::told_by(&build).into_iter().map(recorded).collect()
    }

    fn input(&self, seq: u64) -> Result<Input, Error> {
        Ok(self
            .0
            .prepare_cached(
                "SELECT name, seq, major || '.' || minor || '.' || patch || '-' || build, abi, \
                 coalesce(same_as, seq), source, revision FROM builds \
                 JOIN products ON products.id = builds.product \
                 LEFT JOIN sources ON sources.id = source WHERE seq = ?1",
            )?
            .query_row([signed(seq)], |row| {
                let source: Option<i64> = row.get(5)?;
                Ok(Input {
                    product: column::parsed(row, 0)?,
                    seq: column::number(row, 1)?,
                    name: column::parsed(row, 2)?,
                    abi: inputs::abi(row, 3)?,
                    content: column::number(row, 4)?,
                    source: source.and_then(|id| u64::try_from(id).ok()).map(SourceNumber),
                    revision: column::parsed_opt(row, 6)?,
                })
            })?)
    }

    /// Where all builds are test builds, the highest version of them, by the key of `builds`.
    fn newest(
        &self,
        product: ProductNumber,
    ) -> Result<Option<(BuildName, Option<Revision>)>, Error> {
        Ok(self
            .0
            .prepare_cached(
                "SELECT major || '.' || minor || '.' || patch || '-' || build, revision \
                 FROM builds LEFT JOIN sources ON sources.id = source WHERE seq = coalesce( \
                 (SELECT newest FROM products WHERE id = ?1), (SELECT seq FROM builds \
                 WHERE product = ?1 ORDER BY major DESC, minor DESC, patch DESC LIMIT 1))",
            )?
            .query_row([signed(product.0)], |row| {
                Ok((column::parsed(row, 0)?, column::parsed_opt(row, 1)?))
            })
            .optional()?)
    }

    fn holds(
        &self,
        product: ProductNumber,
        name: &BuildName,
        platform: &Platform,
    ) -> Result<bool, Error> {
        let BuildName { version, build } = name;
        let key = params![
            signed(product.0),
            signed(version.major),
            signed(version.minor),
            signed(version.patch),
            build.as_str(),
            platform.to_string()
        ];
        let sql = "SELECT EXISTS (SELECT 1 FROM builds WHERE product = ?1 AND major = ?2 \
                   AND minor = ?3 AND patch = ?4 AND build = ?5 AND platform = ?6)";
        Ok(self.0.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
    }
}
