//! Tables as the history's folders have them: tab-separated, with one line of titles.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;

/// A table, whole.
pub(super) struct Table {
    path: PathBuf,
    text: String,
}

/// One row, whose fields are asked for by the number of their column.
pub(super) struct Row<'a> {
    path: &'a Path,
    line: usize,
    fields: Vec<&'a str>,
}

/// The text of `NAME.gz` or `NAME` in a folder; none where neither is there.
pub(super) fn text(folder: &Path, name: &str) -> Result<Option<(PathBuf, String)>> {
    let mut text = String::new();
    let packed = folder.join(format!("{name}.gz"));
    if packed.is_file() {
        let file = std::fs::File::open(&packed)?;
        let read = MultiGzDecoder::new(file).read_to_string(&mut text);
        read.with_context(|| format!("cannot read {}", packed.display()))?;
        return Ok(Some((packed, text)));
    }
    let plain = folder.join(name);
    if !plain.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&plain);
    let text = text.with_context(|| format!("cannot read {}", plain.display()))?;
    Ok(Some((plain, text)))
}

impl Table {
    /// The table `NAME.tsv.gz` or `NAME.tsv` of a folder; none where neither is there.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Option<Self>> {
        let found = text(folder, &format!("{name}.tsv"))?;
        Ok(found.map(|(path, text)| Self { path, text }))
    }

    /// Where the columns with these titles stand; none for one that is not there.
    pub(super) fn columns<const N: usize>(&self, titles: [&str; N]) -> [Option<usize>; N] {
        let there: Vec<&str> = self.text.lines().next().unwrap_or("").split('\t').collect();
        titles.map(|title| there.iter().position(|one| *one == title))
    }

    /// The same where all of them must be there.
    pub(super) fn all_columns<const N: usize>(&self, titles: [&str; N]) -> Result<[usize; N]> {
        let found = self.columns(titles);
        if let Some(at) = found.iter().position(Option::is_none) {
            bail!("{} has no column `{}`", self.path.display(), titles[at]);
        }
        Ok(found.map(|column| column.expect("all of them were found")))
    }

    /// All rows but the titles.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.text.lines().enumerate().skip(1).map(|(line, text)| Row {
            path: &self.path,
            line: line + 1,
            fields: text.split('\t').collect(),
        })
    }
}

impl<'a> Row<'a> {
    /// The text in a column.
    pub(super) fn text(&self, column: usize) -> Result<&'a str> {
        let found = self.fields.get(column).copied();
        found.with_context(|| format!("{}: the row is cut", self.place()))
    }

    /// What a column says, as a type.
    pub(super) fn parsed<T>(&self, column: usize) -> Result<T>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.text(column)?.parse().with_context(|| self.place())
    }

    /// What a column says that has a list with commas between.
    pub(super) fn list<T>(&self, column: usize) -> Result<Vec<T>>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.text(column)?;
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(|part| part.parse().with_context(|| self.place())).collect()
    }

    /// Where it stands, for who must look.
    pub(super) fn place(&self) -> String {
        format!("{}, line {}", self.path.display(), self.line)
    }
}
