//! The manifest of `lsst_build`: a title, the run's build id, and a line for each product.
//!
//! ```text
//! # product                 SHA1                                      Version
//! BUILD=b8466
//! log                       0123456789abcdef0123456789abcdef01234567  16.0-1-gabc1234+2   base,utils
//! ```

use std::collections::HashSet;
use std::io::{self, BufRead, Read as _};

use larder_schema::build::ParseBuildIdError;
use larder_schema::plan::{MOST_NEEDED, MOST_SOURCES, Needed, Source};
use larder_schema::product::ParseProductNameError;
use larder_schema::text::ParseTextError;
use larder_schema::{BuildId, ProductName};

use super::{Name, Sources};
use crate::policies::Policies;
use crate::printable;

/// The most bytes of a line: a product that needs thousands of others.
const MOST_LINE_BYTES: usize = 1 << 20;
/// How much of a line a sentence shows.
const SHOWN: usize = 60;

/// A manifest could not be read.
#[derive(Debug)]
pub(super) enum Error {
    Unreadable(io::Error),
    Line { line: u64, fault: Fault },
}

/// What is wrong with a line of a manifest.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// There is none.
    #[error("there is nothing; a manifest begins with `# product SHA1 Version`")]
    Empty,
    /// The first line is another one.
    #[error(
        "a manifest begins with `# product SHA1 Version`, and JSON with `{{` or `[`; this is `{text}`"
    )]
    Title {
        /// What stands there.
        text: String,
    },
    /// The second line is another one.
    #[error("the title is followed by the run's id, `BUILD=b8466`; this is `{text}`")]
    NoBuild {
        /// What stands there.
        text: String,
    },
    /// The run's id is none.
    #[error(transparent)]
    BuildId(#[from] ParseBuildIdError),
    /// Not product, revision, version and perhaps dependencies.
    #[error(
        "`{text}` has {count} columns, and a product has three or four: its name, revision, \
         version, and what it needs{}",
        if *.is_last { "; it is the last line: was the file cut?" } else { "" }
    )]
    Columns {
        /// What stands there.
        text: String,
        /// How many columns that are.
        count: usize,
        /// Whether nothing follows.
        is_last: bool,
    },
    /// The last line has no end.
    #[error("the file is cut: its last line, `{text}`, does not end")]
    Cut {
        /// What stands there.
        text: String,
    },
    /// A product's name, or that of one it needs.
    #[error(transparent)]
    Product(#[from] ParseProductNameError),
    /// A revision that is shortened.
    #[error("`{text}` is a shortened revision of `{product}`; write all 40 or 64 digits")]
    Shortened {
        /// The product.
        product: ProductName,
        /// What stands there.
        text: String,
    },
    /// Something else in place of a revision.
    #[error("`{text}` is no revision of `{product}`: 40 or 64 lower-case hex digits")]
    Revision {
        /// The product.
        product: ProductName,
        /// What stands there.
        text: String,
    },
    /// A version that is no text.
    #[error(transparent)]
    Version(#[from] ParseTextError),
    /// More than a plan takes.
    #[error("there are more than {MOST_SOURCES} products, and one plan takes no more")]
    TooMany,
    /// More than anybody needs.
    #[error("there are more than {MOST_NEEDED} dependencies")]
    TooManyDependencies,
    /// Bytes that are no text.
    #[error("there are bytes that are no text; a manifest is plain text")]
    Binary,
    /// A line without an end.
    #[error("the line has more than {MOST_LINE_BYTES} bytes")]
    Long,
}

/// Reads a manifest to its end, or to the first line that is wrong.
pub(super) fn read(input: &mut impl BufRead) -> Result<Sources, Error> {
    let mut lines = Lines { input, number: 0, bytes: Vec::new() };
    read_title(&mut lines)?;
    let build = read_build(&mut lines)?;
    let (mut list, mut numbers) = (Vec::new(), Vec::new());
    let mut needed = 0;
    while let Some(line) = lines.next()? {
        let number = lines.number;
        let at = |fault| Error::Line { line: number, fault };
        let Line { text, ends } = &line;
        if !ends {
            return Err(at(Fault::Cut { text: shown(text) }));
        }
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let source = match source(text) {
            Ok(source) => source,
            Err(Fault::Columns { text, count, .. }) => {
                let is_last = lines.is_at_end()?;
                return Err(at(Fault::Columns { text, count, is_last }));
            }
            Err(fault) => return Err(at(fault)),
        };
        needed += source.dependencies.len();
        if list.len() == MOST_SOURCES {
            return Err(at(Fault::TooMany));
        }
        if needed > MOST_NEEDED {
            return Err(at(Fault::TooManyDependencies));
        }
        list.push(source);
        numbers.push(number);
    }
    Ok(Sources {
        list,
        build,
        policies: Policies::default(),
        platform: None,
        built_in: None,
        lines: Some(numbers),
        name: Name(None),
    })
}

fn read_title(lines: &mut Lines<'_, impl BufRead>) -> Result<(), Error> {
    let at = |fault| Error::Line { line: 1, fault };
    let Some(line) = lines.next()? else { return Err(at(Fault::Empty)) };
    let is_title = line
        .text
        .strip_prefix('#')
        .is_some_and(|titles| titles.split_whitespace().eq(["product", "SHA1", "Version"]));
    if is_title { Ok(()) } else { Err(at(Fault::Title { text: shown(&line.text) })) }
}

fn read_build(lines: &mut Lines<'_, impl BufRead>) -> Result<Option<BuildId>, Error> {
    let at = |fault| Error::Line { line: 2, fault };
    let line = lines.next()?.unwrap_or(Line { text: String::new(), ends: true });
    let Some(id) = line.text.trim().strip_prefix("BUILD=") else {
        return Err(at(Fault::NoBuild { text: shown(&line.text) }));
    };
    if !line.ends {
        return Err(at(Fault::Cut { text: shown(&line.text) }));
    }
    // What the tool writes where it was given no id.
    if id == "None" {
        return Ok(None);
    }
    id.parse().map(Some).map_err(|error: ParseBuildIdError| at(error.into()))
}

/// The source that a line tells of.
fn source(text: &str) -> Result<Source, Fault> {
    let columns: Vec<&str> = text.split_whitespace().take(5).collect();
    let (product, revision, version, dependencies) = match columns[..] {
        [product, revision, version] => (product, revision, version, None),
        [product, revision, version, needed] => (product, revision, version, Some(needed)),
        _ => {
            let count = text.split_whitespace().count();
            return Err(Fault::Columns { text: shown(text), count, is_last: false });
        }
    };
    let product: ProductName = product.parse()?;
    let revision = revision.parse().map_err(|_| not_whole(&product, revision))?;
    let mut seen = HashSet::new();
    let needed = dependencies.into_iter().flat_map(|names| names.split(','));
    let dependencies: Result<Vec<Needed>, ParseProductNameError> = needed
        .filter(|name| seen.insert(*name))
        .map(|name| Ok(Needed::any(name.parse()?)))
        .collect();
    Ok(Source {
        product,
        version: None,
        upstream_version: Some(version.parse()?),
        revision,
        repository: None,
        dependencies: dependencies?,
    })
}

fn not_whole(product: &ProductName, text: &str) -> Fault {
    let (product, is_hex) = (product.clone(), text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_hex && (4..40).contains(&text.len()) {
        Fault::Shortened { product, text: text.to_owned() }
    } else {
        Fault::Revision { product, text: shown(text) }
    }
}

/// The beginning of a line, on a terminal.
fn shown(text: &str) -> String {
    let mut start: String = text.trim().chars().take(SHOWN).collect();
    if text.trim().chars().count() > SHOWN {
        start.push('…');
    }
    printable::line(&start).into_owned()
}

struct Line {
    text: String,
    ends: bool,
}

/// The lines of a text, counted, none of them too long.
struct Lines<'a, R> {
    input: &'a mut R,
    number: u64,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<'_, R> {
    fn next(&mut self) -> Result<Option<Line>, Error> {
        self.bytes.clear();
        let most = MOST_LINE_BYTES as u64 + 1;
        self.input.take(most).read_until(b'\n', &mut self.bytes).map_err(Error::Unreadable)?;
        if self.bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let fault = |fault| Err(Error::Line { line: self.number, fault });
        let ends = self.bytes.last() == Some(&b'\n');
        let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
        match std::str::from_utf8(&self.bytes) {
            _ if self.bytes.len() > MOST_LINE_BYTES => fault(Fault::Long),
            Ok(text) if self.bytes.iter().all(is_text) => {
                Ok(Some(Line { text: text.to_owned(), ends }))
            }
            _ => fault(Fault::Binary),
        }
    }

    fn is_at_end(&mut self) -> Result<bool, Error> {
        Ok(self.input.fill_buf().map_err(Error::Unreadable)?.is_empty())
    }
}
