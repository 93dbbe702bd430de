//! What a resolution reads.

use larder_schema::record::{Dependency, DependencyKind};
use larder_schema::{BuildKey, BuildName, Platform, ProductName, Stage};
use rusqlite::{Connection, Row, params};
use serde::Deserialize;

use super::column::{self, signed};
use super::newest::NewestBuilds;
use super::{inputs, lookup, statements};
use crate::catalog::candidates::{Candidate, Candidates, Newest};
use crate::catalog::stock::Facts;
use crate::catalog::{Error, StoredBuild};

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

/// The part of a record that says what it needs; the others are passed over.
#[derive(Deserialize)]
struct Needing {
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

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

    fn run(&self, seq: u64) -> Result<Vec<Dependency>, Error> {
        let mut statement = self.0.prepare_cached("SELECT record FROM builds WHERE seq = ?1")?;
        let read = |row: &Row<'_>| column::json::<Needing>(row, 0);
        let Needing { mut dependencies } = statement.query_row([signed(seq)], read)?;
        dependencies.retain(|dependency| dependency.kind == DependencyKind::Run);
        Ok(dependencies)
    }

    fn named(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Candidate>, Error> {
        let sql = select(
            "product = (SELECT id FROM products WHERE name = ?1) AND major = ?2 AND minor = ?3 \
                 AND patch = ?4 AND build = ?5 ORDER BY platform",
        );
        let mut statement = self.0.prepare_cached(&sql)?;
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

    fn whole(&self, keys: &[BuildKey]) -> Result<Vec<Option<StoredBuild>>, Error> {
        keys.iter().map(|key| lookup::by_key(self.0, key)).collect()
    }
}
