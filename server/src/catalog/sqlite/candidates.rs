//! What a resolution reads.

use std::collections::BTreeMap;

use larder_schema::record::{Abi, Dependency, DependencyKind};
use larder_schema::{BuildKey, BuildName, Need, Platform, ProductName, Role, Stage};
use rusqlite::{Connection, Row, params};
use serde::Deserialize;

use super::column::{self, signed};
use super::newest::NewestBuilds;
use super::{lookup, statements};
use crate::catalog::candidates::{Candidate, Candidates, Newest};
use crate::catalog::{Error, StoredBuild};

/// One state of the catalog.
pub(super) struct Snapshot<'a>(pub(super) &'a Connection);

/// Candidates of which something is true.
pub(super) fn select(is_true: &str) -> String {
    format!(
        "SELECT major || '.' || minor || '.' || patch || '-' || build, seq, platform, test, record, \
         {} FROM builds WHERE {is_true}",
        statements::WITHDRAWAL
    )
}

/// The few fields of a record that decide; the others are passed over.
#[derive(Deserialize)]
struct Facts {
    #[serde(default)]
    role: Role,
    #[serde(default)]
    abi: Abi,
    #[serde(default)]
    needs: BTreeMap<String, Need>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

pub(super) fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let Facts { role, abi, needs, mut dependencies } = column::json(row, 4)?;
    dependencies.retain(|dependency| dependency.kind == DependencyKind::Run);
    Ok(Candidate {
        name: column::parsed(row, 0)?,
        seq: column::number(row, 1)?,
        platform: column::parsed(row, 2)?,
        role,
        abi,
        needs,
        test: row.get(3)?,
        run: dependencies,
        withdrawn: statements::withdrawal(row, 5)?,
    })
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
