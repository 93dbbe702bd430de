//! What a resolution reads.

use std::sync::LazyLock;

use larder_schema::record::Extra;
use larder_schema::{Build, BuildName, Digest, Listed, Platform, ProductName, Stage};
use rusqlite::{Connection, Row, params};

use super::column::{self, signed};
use super::newest::NewestBuilds;
use super::{dependants, inputs, lookup, statements};
use crate::catalog::Error;
use crate::catalog::candidates::{Candidate, Candidates, Needed, Newest};
use crate::catalog::stock::Facts;

/// One state of the catalog.
pub(super) struct Snapshot<'a>(pub(super) &'a Connection);

/// Candidates of which something is true.
pub(super) fn select(is_true: &str) -> String {
    format!(
        "SELECT major, minor, patch, build, seq, platform, test, abi, facts, {} FROM builds \
         WHERE {is_true}",
        statements::WITHDRAWAL
    )
}

pub(super) fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let facts = column::json_opt::<Facts>(row, 8)?.unwrap_or_default();
    Ok(Candidate {
        name: column::build_name(row, 0)?,
        seq: column::number(row, 4)?,
        platform: column::parsed(row, 5)?,
        role: facts.role,
        abi: inputs::abi(row, 7)?,
        needs: facts.needs,
        test: row.get(6)?,
        withdrawn: statements::withdrawal(row, 9)?,
    })
}

/// The builds of one name.
static NAMED: LazyLock<String> =
    LazyLock::new(|| select(&format!("{} ORDER BY platform", lookup::KEY)));

const LISTED: &str = "SELECT name, major, minor, patch, build, platform, facts, digest, sha256, \
     tree, size FROM builds JOIN products ON products.id = product \
     LEFT JOIN archives ON archives.id = archive WHERE seq = ?1";

/// The platforms that fit: two by name, and the variants between two texts.
pub(super) fn fitting(asked: Option<&Platform>) -> [String; 4] {
    match asked {
        // Every platform lies between these.
        None => ["any".to_owned(), "any".to_owned(), String::new(), "~".to_owned()],
        Some(asked) => {
            let bare = asked.without_variant();
            // `.` follows `-` in ASCII, so these are the texts that begin with `bare-`.
            let variants = if *asked == bare && bare != Platform::Any {
                [format!("{bare}-"), format!("{bare}.")]
            } else {
                [String::new(), String::new()]
            };
            let [low, high] = variants;
            [asked.to_string(), bare.to_string(), low, high]
        }
    }
}

impl Candidates for Snapshot<'_> {
    fn newest<'a>(
        &'a self,
        product: &ProductName,
        asked: Option<&Platform>,
    ) -> Result<Box<dyn Newest + 'a>, Error> {
        Ok(Box::new(NewestBuilds::of(self.0, product, asked)?))
    }

    fn run(&self, seq: u64) -> Result<Vec<Needed>, Error> {
        dependants::needed_by(self.0, seq)
    }

    fn named(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Candidate>, Error> {
        let mut statement = self.0.prepare_cached(&NAMED)?;
        let BuildName { version, build } = name;
        let key = params![
            product.as_str(),
            signed(version.major),
            signed(version.minor),
            signed(version.patch),
            build.as_str()
        ];
        let rows = statement.query_map(key, candidate)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Served by the key of `distribution_builds`.
    fn listed_by(&self, seq: u64, at_least: Stage) -> Result<Vec<ProductName>, Error> {
        let all = [Stage::Test, Stage::Nightly, Stage::Weekly, Stage::Candidate, Stage::Release];
        let stages: Vec<Stage> = all.into_iter().filter(|stage| *stage >= at_least).collect();
        let stages = serde_json::to_string(&stages).map_err(|error| Error::Engine(error.into()))?;
        let mut statement = self.0.prepare_cached(
            "SELECT DISTINCT name FROM distribution_builds JOIN distributions \
             ON seq = distribution WHERE distribution_builds.build = ?1 AND instr(?2, stage) > 0 \
             ORDER BY name",
        )?;
        let rows =
            statement.query_map(params![signed(seq), stages], |row| column::parsed(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn listed(&self, seq: u64) -> Result<Listed, Error> {
        let listed = self.0.prepare_cached(LISTED)?.query_row([signed(seq)], |row| {
            let facts = column::json_opt::<Facts>(row, 6)?.unwrap_or_default();
            let archive = column::sha256_opt(row, 8)?.map(Digest);
            Ok(Listed {
                product: column::parsed(row, 0)?,
                build: column::build_name(row, 1)?,
                platform: column::parsed(row, 5)?,
                role: facts.role,
                record: Some(column::digest(row, 7)?),
                archive,
                tree: archive.map(|_| column::tree(row, 9)).transpose()?,
                size: archive.map(|_| column::number(row, 10)).transpose()?,
                extra: Extra::new(),
            })
        });
        Ok(listed?)
    }

    fn record(&self, seq: u64) -> Result<Build, Error> {
        lookup::published_record(self.0, seq)
    }
}
