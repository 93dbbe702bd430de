//! The history: folders read as one, its runs in the order of their numbers.
//!
//! Which binary a product has in a run is worked out here again, from the sources alone: the same
//! product and revision with the same binaries of its direct dependencies is the same binary, in
//! whatever folder. Where a folder says what a binary was first published as, that is its name.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use larder_schema::plan::{Needed, Source};
use larder_schema::{BuildId, BuildName, ProductName, Version};

pub mod count;
pub mod example;
mod folder;
mod table;

use count::Document;
use folder::Folder;
pub use folder::Line;

/// All that was ever built.
#[derive(Default)]
pub struct History {
    pub lines: Vec<Line>,
    pub binaries: Vec<Binary>,
    pub runs: Vec<Run>,
    /// What the folders say that each policy reuses.
    pub expected: Vec<Document>,
}

/// One distinct binary.
#[derive(Debug)]
pub struct Binary {
    pub name: BuildName,
    /// The line that its record is made of.
    pub line: usize,
    /// Those of its direct dependencies.
    pub dependencies: Box<[usize]>,
}

/// One run of the build tool.
#[derive(Debug)]
pub struct Run {
    pub id: BuildId,
    pub number: u64,
    pub time: String,
    pub lines: Vec<usize>,
    /// For each line its binary.
    pub binaries: Vec<usize>,
    /// The binaries that no run before had.
    pub new: Vec<usize>,
}

impl History {
    /// The history in these folders.
    pub fn read(folders: &[PathBuf]) -> Result<Self> {
        let folders: Vec<Folder> =
            folders.iter().map(|path| Folder::read(path)).collect::<Result<_>>()?;
        Self::of(folders)
    }

    fn of(folders: Vec<Folder>) -> Result<Self> {
        let mut merging = Merging::default();
        let mut runs = Vec::new();
        for (at, folder) in folders.into_iter().enumerate() {
            let Folder { lines, binaries, runs: own, expected } = folder;
            merging.take(lines, binaries);
            merging.history.expected.extend(expected);
            runs.extend(own.into_iter().map(|run| (at, run)));
        }
        runs.sort_by_key(|(_, run)| run.number);
        for (folder, run) in runs {
            let id = run.id.clone();
            merging.add(folder, run).with_context(|| format!("in the build {id}"))?;
        }
        Ok(merging.history)
    }

    /// The sources of a build, as a plan is asked about them.
    pub fn sources(&self, run: &Run) -> Vec<Source> {
        let source = |line: &usize| {
            let line = &self.lines[*line];
            Source {
                product: line.product.clone(),
                version: line.version,
                upstream_version: Some(line.upstream_version.clone()),
                revision: line.revision.clone(),
                repository: None,
                dependencies: line.dependencies.iter().cloned().map(Needed::any).collect(),
            }
        };
        run.lines.iter().map(source).collect()
    }

    /// The product of a binary.
    pub fn product(&self, binary: usize) -> &ProductName {
        &self.lines[self.binaries[binary].line].product
    }
}

#[derive(Default)]
struct Merging {
    history: History,
    /// By folder: its numbers of lines, and what they are in all.
    lines: Vec<HashMap<u64, usize>>,
    rows: Vec<HashMap<u64, folder::Binary>>,
    known: HashMap<Exact, usize>,
    names: HashSet<(ProductName, BuildName)>,
    numbers: HashMap<String, usize>,
}

/// What makes a binary the same one: product and revision, by number, and its dependencies' binaries.
type Exact = (usize, usize, Box<[usize]>);

impl Merging {
    fn take(&mut self, lines: HashMap<u64, Line>, binaries: HashMap<u64, folder::Binary>) {
        let mut own = HashMap::with_capacity(lines.len());
        for (number, line) in lines {
            own.insert(number, self.history.lines.len());
            self.history.lines.push(line);
        }
        self.lines.push(own);
        self.rows.push(binaries);
    }

    /// The line with a number of a folder, or of the nearest folder before it: one that goes on with
    /// a history need not repeat what that has.
    fn line(&self, folder: usize, number: u64) -> Result<usize> {
        let found = self.lines[..=folder].iter().rev().find_map(|lines| lines.get(&number));
        found.copied().with_context(|| format!("there is no line {number}"))
    }

    fn add(&mut self, folder: usize, run: folder::Run) -> Result<()> {
        let lines: Vec<usize> =
            run.lines.iter().map(|line| self.line(folder, *line)).collect::<Result<_>>()?;
        if let Some(before) = self.history.runs.last().filter(|last| last.number == run.number) {
            let of = |lines: &[usize]| -> Vec<&Line> {
                lines.iter().map(|line| &self.history.lines[*line]).collect()
            };
            ensure!(of(&before.lines) == of(&lines), "two folders have it, with other sources");
            return Ok(());
        }
        let told = run.binaries;
        ensure!(told.is_empty() || told.len() == lines.len(), "not each line has a binary");
        let mut here: HashMap<ProductName, usize> = HashMap::with_capacity(lines.len());
        let (mut binaries, mut new) = (Vec::with_capacity(lines.len()), Vec::new());
        for (at, line) in lines.iter().enumerate() {
            let row = told.get(at).map(|number| self.row(folder, *number)).transpose()?;
            let known = self.history.binaries.len();
            let binary = self.binary(*line, &here, row, &run.id)?;
            if binary == known {
                new.push(binary);
            }
            let product = &self.history.lines[*line].product;
            ensure!(here.insert(product.clone(), binary).is_none(), "`{product}` stands twice");
            binaries.push(binary);
        }
        let folder::Run { id, number, time, .. } = run;
        self.history.runs.push(Run { id, number, time, lines, binaries, new });
        Ok(())
    }

    fn row(&self, folder: usize, number: u64) -> Result<(BuildName, usize)> {
        let mut rows = self.rows[..=folder].iter().enumerate().rev();
        let found = rows.find_map(|(at, rows)| Some((at, rows.get(&number)?)));
        let (at, row) = found.with_context(|| format!("there is no binary {number}"))?;
        let line = self.line(at, row.line)?;
        ensure!(self.history.lines[line].product == row.product, "binary {number} is of another");
        Ok((row.name.clone(), line))
    }

    /// The binary that a line has beside these others; a new one where none is the same.
    fn binary(
        &mut self,
        line: usize,
        here: &HashMap<ProductName, usize>,
        row: Option<(BuildName, usize)>,
        id: &BuildId,
    ) -> Result<usize> {
        let Line { product, revision, version, dependencies, .. } =
            self.history.lines[line].clone();
        let mut against = Vec::with_capacity(dependencies.len());
        for needed in &dependencies {
            let Some(binary) = here.get(needed) else {
                bail!("`{product}` needs `{needed}`, which does not stand before it");
            };
            against.push(*binary);
        }
        against.sort_unstable();
        against.dedup();
        let against: Box<[usize]> = against.into();
        let key = (self.number(product.as_str()), self.number(revision.as_str()), against.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let (name, line) = row.unwrap_or_else(|| {
            let version = version.unwrap_or(Version { major: 0, minor: 0, patch: 0 });
            (BuildName { version, build: id.clone() }, line)
        });
        let is_free = self.names.insert((product.clone(), name.clone()));
        ensure!(is_free, "two binaries are called `{product}@{name}`");
        let of_line = &self.history.lines[line];
        ensure!(
            of_line.product == product && of_line.revision == revision,
            "`{product}@{name}` is said to be made from another revision"
        );
        let number = self.history.binaries.len();
        self.history.binaries.push(Binary { name, line, dependencies: against });
        self.known.insert(key, number);
        Ok(number)
    }

    fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.numbers.len();
        self.numbers.insert(text.to_owned(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::example::{EXAMPLE, Written};
    use super::*;

    fn names(history: &History, run: usize) -> Vec<String> {
        let new = history.runs[run].new.iter();
        new.map(|binary| format!("{} {}", history.product(*binary), history.binaries[*binary].name))
            .collect()
    }

    #[test]
    fn each_run_publishes_what_no_run_before_it_had() {
        let written = Written::new(&EXAMPLE);

        let history = History::read(&[written.path().to_owned()]).unwrap();

        let b1 = ["log 1.2.0-b1", "base 3.0.0-b1", "geom 2.0.0-b1", "app 5.0.0-b1"];
        let b2 = ["log 1.3.0-b2", "base 3.0.0-b2", "geom 2.0.0-b2", "app 5.0.0-b2"];
        assert_eq!(
            (names(&history, 0), names(&history, 1)),
            (b1.map(str::to_owned).to_vec(), b2.map(str::to_owned).to_vec())
        );
        assert_eq!(names(&history, 2), ["geom 2.1.0-b3", "app 5.0.0-b3"]);
        let base = &history.binaries[history.runs[2].binaries[1]];
        assert_eq!(base.name.to_string(), "3.0.0-b1");
    }

    #[test]
    fn folders_are_one_history_whatever_their_order() {
        let (early, late) = (Written::new(&EXAMPLE[..1]), Written::new(&EXAMPLE[1..]));
        let whole = Written::new(&EXAMPLE);

        let apart = History::read(&[late.path().to_owned(), early.path().to_owned()]).unwrap();
        let whole = History::read(&[whole.path().to_owned()]).unwrap();

        assert_eq!(apart.binaries.len(), 10);
        for run in 0..3 {
            assert_eq!(names(&apart, run), names(&whole, run));
        }
    }

    #[test]
    fn the_same_build_in_two_folders_counts_once_and_two_of_one_number_are_refused() {
        let (one, two) = (Written::new(&EXAMPLE[..2]), Written::new(&EXAMPLE[1..]));
        let mut other = EXAMPLE;
        other[1] = ("b2", EXAMPLE[0].1);
        let other = Written::new(&other);

        let history = History::read(&[one.path().to_owned(), two.path().to_owned()]).unwrap();
        let refusal = History::read(&[one.path().to_owned(), other.path().to_owned()]);

        assert_eq!((history.runs.len(), history.binaries.len()), (3, 10));
        assert_eq!(
            format!("{:#}", refusal.err().unwrap()),
            "in the build b2: two folders have it, with other sources"
        );
    }

    #[test]
    fn what_a_folder_calls_a_binary_is_its_name() {
        let written = Written::new(&EXAMPLE);
        written.add(
            "binaries.tsv",
            "binary\tproduct\tbuild_name\tline\tdep_binaries\n7\tlog\t1.2.0-b9\t0\t\n",
        );
        written.add("builds.tsv", "build\ttime\tlines\tbinaries\nb12\tnow\t0\t7\n");

        let history = History::read(&[written.path().to_owned()]).unwrap();

        assert_eq!(names(&history, 0), ["log 1.2.0-b9"]);
    }

    #[test]
    fn a_dependency_that_does_not_stand_before_its_user_is_told() {
        let written = Written::new(&EXAMPLE);
        written.add("builds.tsv", "build\ttime\tlines\nb4\tnow\t1,0\n");

        let refusal = History::read(&[written.path().to_owned()]);

        assert_eq!(
            format!("{:#}", refusal.err().unwrap()),
            "in the build b4: `base` needs `log`, which does not stand before it"
        );
    }
}
