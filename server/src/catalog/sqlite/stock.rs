//! What a plan reads.

use std::cell::RefCell;

use larder_schema::record::BuiltAgainst;
use larder_schema::{BuildName, Digest, Platform, ProductName, Revision};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, Statement, params};

use super::column::{self, signed};
use super::{inputs, lookup, numbers, statements};
use crate::catalog::Error;
use crate::catalog::stock::{
    Alike, Facts, Input, Likeness, Look, ProductNumber, Recorded, SourceNumber, Stock, Stocked,
    StockedArchive,
};

/// One state of the catalog. A plan asks the same for each source: its statements are looked for once.
pub(super) struct Shelf<'a> {
    db: &'a Connection,
    source: RefCell<CachedStatement<'a>>,
    against: RefCell<CachedStatement<'a>>,
    likenesses: RefCell<CachedStatement<'a>>,
    alike: RefCell<CachedStatement<'a>>,
    of_source: RefCell<CachedStatement<'a>>,
    input: RefCell<CachedStatement<'a>>,
}

/// Builds of which something is true, by the number in `seq`, the last first.
fn select(seq: &str, is_true: &str) -> String {
    format!(
        "SELECT seq, major, minor, patch, builds.build, platform, abi, test, facts, \
         coalesce(same_as, seq), exact, digest, sha256, tree, size, archive_name, {} \
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

/// Served by the names of products and the key of `sources`.
const SOURCE: &str = "SELECT products.id, sources.id FROM products \
     LEFT JOIN sources ON product = products.id AND revision = ?2 WHERE name = ?1";

/// Served by the primary key of `likenesses`.
const LIKENESSES: &str = "SELECT dependencies, first, newest FROM likenesses WHERE source = ?1";

/// A test build, and one with changes that no revision tells, is of no source.
const INPUT: &str = "SELECT seq, major, minor, patch, build, abi, coalesce(same_as, seq), sources.id, \
     revision, name FROM builds JOIN products ON products.id = builds.product \
     LEFT JOIN sources ON sources.id = source AND NOT test AND facts ->> '$.dirty' IS NOT 1 \
     WHERE seq = ?1";

impl<'a> Shelf<'a> {
    pub(super) fn new(db: &'a Connection) -> Result<Self, Error> {
        let prepared = |sql: &str| db.prepare_cached(sql).map(RefCell::new);
        // Served by `builds_source`.
        let of_source = select(
            "seq",
            "builds LEFT JOIN inputs ON inputs.build = seq \
             LEFT JOIN archives ON archives.id = archive WHERE builds.source = ?1",
        );
        Ok(Self {
            db,
            source: prepared(SOURCE)?,
            // Served by `inputs_exact` and `inputs_likeness`.
            against: prepared(&select_inputs("inputs.source = ?1 AND exact = ?2"))?,
            alike: prepared(&select_inputs("likeness = ?1"))?,
            likenesses: prepared(LIKENESSES)?,
            of_source: prepared(&of_source)?,
            input: prepared(INPUT)?,
        })
    }
}

fn stocked(row: &Row<'_>) -> rusqlite::Result<Stocked> {
    let archive = match column::sha256_opt(row, 12)? {
        Some(sha256) => Some(StockedArchive {
            digest: Digest(sha256),
            tree: column::tree(row, 13)?,
            size: column::number(row, 14)?,
            name: column::parsed(row, 15)?,
        }),
        None => None,
    };
    Ok(Stocked {
        seq: column::number(row, 0)?,
        name: column::build_name(row, 1)?,
        platform: column::parsed(row, 5)?,
        abi: inputs::abi(row, 6)?,
        test: row.get(7)?,
        facts: column::json_opt::<Facts>(row, 8)?.unwrap_or_default(),
        content: column::number(row, 9)?,
        against: column::ascending_opt(row, 10)?,
        record: column::digest(row, 11)?,
        archive,
        withdrawn: statements::withdrawal(row, 16)?,
    })
}

fn look_at(statement: &mut Statement<'_>, key: impl Params, look: Look<'_>) -> Result<(), Error> {
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        if look(stocked(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

impl Stock for Shelf<'_> {
    fn source(
        &self,
        product: &ProductName,
        revision: &Revision,
    ) -> Result<Option<(ProductNumber, Option<SourceNumber>)>, Error> {
        let key = params![product.as_str(), revision.as_str()];
        let mut statement = self.source.borrow_mut();
        let found = statement.query_row(key, |row| {
            let source = column::number_opt(row, 1)?.map(SourceNumber);
            Ok((ProductNumber(column::number(row, 0)?), source))
        });
        Ok(found.optional()?)
    }

    fn against(&self, source: SourceNumber, builds: &[u64], look: Look<'_>) -> Result<(), Error> {
        let key = params![signed(source.0), numbers::of_ascending(builds)];
        look_at(&mut self.against.borrow_mut(), key, look)
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
        let key = params![signed(source.0), numbers::of_ascending(first)];
        look_at(&mut *self.db.prepare_cached(&sql)?, key, look)
    }

    fn likenesses(
        &self,
        source: SourceNumber,
        admits: &mut dyn FnMut(&[Alike]) -> bool,
    ) -> Result<Vec<Likeness>, Error> {
        let mut statement = self.likenesses.borrow_mut();
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

    fn alike(&self, likeness: u64, look: Look<'_>) -> Result<(), Error> {
        look_at(&mut self.alike.borrow_mut(), [signed(likeness)], look)
    }

    fn of_source(&self, source: SourceNumber, look: Look<'_>) -> Result<(), Error> {
        look_at(&mut self.of_source.borrow_mut(), [signed(source.0)], look)
    }

    fn recorded(&self, seq: u64) -> Result<Vec<Recorded>, Error> {
        let build = lookup::record(self.db, seq)?;
        let recorded = |(product, told): (&ProductName, Vec<&BuiltAgainst>)| {
            let first = told.first().filter(|first| told.iter().all(|other| other == *first));
            let found = first.map(|told| inputs::find(self.db, product, told, &build.platform));
            Ok(Recorded {
                product: product.clone(),
                told: told.first().map(|against| against.build.clone()),
                build: found.transpose()?.flatten().map(|found| found.seq),
            })
        };
        inputs::told_by(&build).into_iter().map(recorded).collect()
    }

    fn input(&self, seq: u64) -> Result<Input, Error> {
        let input = self.input.borrow_mut().query_row([signed(seq)], |row| {
            Ok(Input {
                seq: column::number(row, 0)?,
                name: column::build_name(row, 1)?,
                abi: inputs::abi(row, 5)?,
                content: column::number(row, 6)?,
                source: column::number_opt(row, 7)?.map(SourceNumber),
                revision: column::parsed_opt(row, 8)?,
                product: column::parsed(row, 9)?,
            })
        });
        Ok(input?)
    }

    /// Where all builds are test builds, the highest version of them, by the key of `builds`.
    fn newest(
        &self,
        product: ProductNumber,
    ) -> Result<Option<(BuildName, Option<Revision>)>, Error> {
        Ok(self
            .db
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
        Ok(self.db.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
    }
}
