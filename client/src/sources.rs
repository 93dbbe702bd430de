//! The sources of a build, as build tools write them down: a manifest of `lsst_build`, or JSON.
//!
//! Read in one pass, and no further than a plan takes: what is too long is refused where that shows.

mod json;
mod manifest;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use larder_schema::plan::{EnvironmentName, PlanFault, Source};
use larder_schema::{BuildId, PlanRequest, Platform, ProductName, Version};

use crate::policies::Policies;

/// The most bytes of a file of sources.
const MOST_BYTES: u64 = 32 << 20;
/// How many lines of a circle a sentence names.
const SHOWN: usize = 40;

/// What a file of sources says.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The sources, as they stand there.
    pub list: Vec<Source>,
    /// What the build tool calls the run.
    pub build: Option<BuildId>,
    /// When a binary may be reused.
    pub policies: Policies,
    /// For which platform.
    pub platform: Option<Platform>,
    /// The environment that is built in.
    pub built_in: Option<EnvironmentName>,
    /// In a manifest, on which line each source stands.
    lines: Option<Vec<u64>>,
    name: Name,
}

/// What a file is called in a sentence.
#[derive(Clone, Debug)]
pub struct Name(Option<PathBuf>);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(path) => write!(f, "`{}`", path.display()),
            None => f.write_str("standard input"),
        }
    }
}

/// A file of sources is no good.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("could not read {file}")]
    Unreadable {
        /// The file.
        file: Name,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is longer than any build's.
    #[error("{file} has more than {} MiB, which are the sources of no build", MOST_BYTES >> 20)]
    TooLarge {
        /// The file.
        file: Name,
    },
    /// A line of a manifest is wrong.
    #[error("{file}, line {line}: {fault}")]
    Line {
        /// The file.
        file: Name,
        /// Which line.
        line: u64,
        /// What is wrong there.
        fault: manifest::Fault,
    },
    /// It is no JSON, or not the sources of a build.
    #[error("{file} holds no sources that larder understands")]
    Json {
        /// The file.
        file: Name,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The sources do not make a build.
    #[error("{file}{place}: {fault}")]
    Fault {
        /// The file.
        file: Name,
        /// Where in it.
        place: String,
        /// What is wrong.
        fault: Box<PlanFault>,
    },
}

pub use manifest::Fault;

impl Sources {
    /// Reads the file at `path`, or standard input where that is `-`.
    pub fn read(path: &Path, standard_input: impl Read) -> Result<Self, Error> {
        if path.as_os_str() == "-" {
            return Self::read_from(BufReader::new(standard_input), Name(None));
        }
        let name = Name(Some(path.to_owned()));
        match File::open(path) {
            Ok(file) => Self::read_from(BufReader::new(file), name),
            Err(source) => Err(Error::Unreadable { file: name, source }),
        }
    }

    fn read_from(input: impl BufRead, file: Name) -> Result<Self, Error> {
        let mut input = input.take(MOST_BYTES);
        let unreadable = |source| Error::Unreadable { file: file.clone(), source };
        let first = first_byte(&mut input).map_err(unreadable)?;
        let read = match first {
            Some(b'{' | b'[') => json::read(&mut input, first == Some(b'['))
                .map_err(|source| Error::Json { file: file.clone(), source }),
            _ => manifest::read(&mut input).map_err(|error| match error {
                manifest::Error::Unreadable(source) => unreadable(source),
                manifest::Error::Line { line, fault } => {
                    Error::Line { file: file.clone(), line, fault }
                }
            }),
        };
        if input.limit() == 0 {
            return Err(Error::TooLarge { file });
        }
        let mut sources = read?;
        sources.name = file;
        for source in &mut sources.list {
            let spelled = source.upstream_version.as_ref();
            source.version =
                source.version.or_else(|| spelled.and_then(|it| Version::of_upstream(it.as_str())));
        }
        Ok(sources)
    }

    /// What is wrong with `request`, which asks about these sources, and where that stands.
    pub fn check(&self, request: &PlanRequest) -> Result<(), Error> {
        let Err(fault) = request.in_build_order() else { return Ok(()) };
        let place = self.place(&fault);
        Err(Error::Fault { file: self.name.clone(), place, fault: Box::new(fault) })
    }

    /// Where a fault stands: `, lines 3 and 7`, `, entry 4`.
    fn place(&self, fault: &PlanFault) -> String {
        let at = match fault {
            PlanFault::Empty
            | PlanFault::TooMany
            | PlanFault::TooManyNeeded
            | PlanFault::PolicyOfNone { .. } => return String::new(),
            PlanFault::Twice { at, .. } | PlanFault::TwoRevisions { at, .. } => at.to_vec(),
            PlanFault::Missing { at, .. } | PlanFault::Unmet { at, .. } => vec![*at],
            PlanFault::Cycle { products, .. } => {
                let place =
                    |product: &ProductName| self.list.iter().position(|it| it.product == *product);
                products.iter().take(SHOWN).filter_map(place).collect()
            }
        };
        let (what, numbers): (_, Vec<String>) = match &self.lines {
            Some(lines) => ("line", at.iter().map(|at| lines[*at].to_string()).collect()),
            None => ("entry", at.iter().map(|at| (at + 1).to_string()).collect()),
        };
        let more = matches!(fault, PlanFault::Cycle { products, .. } if products.len() > SHOWN);
        let more = if more { ", …" } else { "" };
        let what = match (what, numbers.len()) {
            ("entry", 2..) => "entries",
            ("line", 2..) => "lines",
            (one, _) => one,
        };
        format!(", {what} {}{more}", numbers.join(", "))
    }
}

/// The first byte that is no white space.
fn first_byte(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    let buffer = input.fill_buf()?;
    Ok(buffer.iter().copied().find(|byte| !byte.is_ascii_whitespace()))
}

#[cfg(test)]
mod tests;
