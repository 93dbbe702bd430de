//! One folder of a history, as its files have it: numbers mean what they mean in this folder.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use larder_schema::{BuildId, BuildName, ProductName, Revision, Text, Version};

use super::count::Document;
use super::table::{self, Table};

/// The source of one product in one build or more.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub product: ProductName,
    pub revision: Revision,
    pub upstream_version: Text,
    pub version: Option<Version>,
    /// As recorded: a name may repeat.
    pub dependencies: Vec<ProductName>,
}

/// What a binary was first published as.
#[derive(Clone, Debug)]
pub(super) struct Binary {
    pub(super) product: ProductName,
    pub(super) name: BuildName,
    pub(super) line: u64,
}

/// One run of the build tool.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: BuildId,
    /// The number in the id, which orders the runs.
    pub(super) number: u64,
    pub(super) time: String,
    pub(super) lines: Vec<u64>,
    /// For each line the number of its binary, where the folder tells them.
    pub(super) binaries: Vec<u64>,
}

/// All of a folder.
pub(super) struct Folder {
    pub(super) lines: HashMap<u64, Line>,
    pub(super) binaries: HashMap<u64, Binary>,
    pub(super) runs: Vec<Run>,
    pub(super) expected: Option<Document>,
}

impl Folder {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let needed = |name: &str| {
            let table = Table::read(folder, name)?;
            table.with_context(|| format!("{} has no {name}.tsv.gz", folder.display()))
        };
        Ok(Self {
            lines: lines(&needed("lines")?)?,
            binaries: Table::read(folder, "binaries")?
                .map_or(Ok(HashMap::new()), |table| binaries(&table))?,
            runs: runs(&needed("builds")?)?,
            expected: expected(folder)?,
        })
    }
}

fn lines(table: &Table) -> Result<HashMap<u64, Line>> {
    let [number, product, revision, upstream, dependencies, version] =
        table.all_columns(["line", "product", "git_sha1", "eups_version", "deps", "mnp"])?;
    let rows = table.rows().map(|row| {
        let version = match row.text(version)? {
            "-" | "" => None,
            _ => Some(row.parsed(version)?),
        };
        let line = Line {
            product: row.parsed(product)?,
            revision: row.parsed(revision)?,
            upstream_version: row.parsed(upstream)?,
            version,
            dependencies: row.list(dependencies)?,
        };
        Ok((row.parsed(number)?, line))
    });
    rows.collect()
}

fn binaries(table: &Table) -> Result<HashMap<u64, Binary>> {
    let [number, product, name, line] =
        table.all_columns(["binary", "product", "build_name", "line"])?;
    let rows = table.rows().map(|row| {
        let binary = Binary {
            product: row.parsed(product)?,
            name: row.parsed(name)?,
            line: row.parsed(line)?,
        };
        Ok((row.parsed(number)?, binary))
    });
    rows.collect()
}

fn runs(table: &Table) -> Result<Vec<Run>> {
    let [id, time, lines] = table.all_columns(["build", "time", "lines"])?;
    let [binaries] = table.columns(["binaries"]);
    let rows = table.rows().map(|row| {
        let id: BuildId = row.parsed(id)?;
        let digits = id.as_str().trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let number = digits.parse().with_context(|| format!("{}: `{id}`", row.place()))?;
        let binaries = binaries.map_or(Ok(Vec::new()), |column| row.list(column))?;
        Ok(Run { id, number, time: row.text(time)?.to_owned(), lines: row.list(lines)?, binaries })
    });
    rows.collect()
}

fn expected(folder: &Path) -> Result<Option<Document>> {
    let Some((path, text)) = table::text(folder, "expected.json")? else { return Ok(None) };
    let read = serde_json::from_str(&text);
    Ok(Some(read.with_context(|| format!("cannot read {}", path.display()))?))
}
