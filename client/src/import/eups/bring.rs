//! One package on its way: fetched, looked into, recorded, its archive sent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use larder_schema::archive::{self, ArchiveError, ArchiveFormat, Limits, Sink};
use larder_schema::{Build, EntryPath, ProblemKind, Sha256};

use super::manifests::{Listed, Names};
use super::record::{self, Known};
use super::root::{self, Root, Tarball};
use super::shelf::{Package, Shelf};
use crate::progress::Progress;
use crate::remote::{self, Remote};
use crate::upload::{self, Memory, Uploader};

/// The most bytes of a table.
const MAX_TABLE_BYTES: u64 = 1 << 20;

/// All that it takes to bring packages; the same for each.
pub struct Way {
    /// Where they are.
    pub root: Root,
    /// Where they go.
    pub remote: Remote,
    /// Uploads that go on where they were cut.
    pub memory: Memory,
    /// The most bytes of an archive.
    pub most: u64,
    /// The packages.
    pub shelf: Shelf,
    /// What manifests name.
    pub names: Names,
    /// What they say.
    pub listed: BTreeMap<usize, Listed>,
}

/// A package whose archive is on the server; its record is not yet.
#[derive(Debug)]
pub struct Brought {
    /// Its place on the shelf.
    pub index: usize,
    /// Its record.
    pub build: Build,
    /// What a person should know of it.
    pub notes: Vec<String>,
    /// Bytes that went to the server.
    pub sent: u64,
}

/// A package did not come in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The root.
    #[error(transparent)]
    Root(#[from] root::Error),
    /// The tarball is not where the manifest says.
    #[error("its tarball `{path}` is not there")]
    NoTarball {
        /// Where it should be.
        path: String,
    },
    /// The tarball is not what the manifest says.
    #[error("its tarball has the sum `{found}`, and its manifest says `{expected}`")]
    Sum {
        /// Its sum.
        found: Sha256,
        /// What it should be.
        expected: Sha256,
    },
    /// The tarball is none, or a hostile one.
    #[error("its tarball is refused")]
    Archive(#[from] ArchiveError),
    /// The tarball is another's.
    #[error("its tarball holds {}, and not `{expected}`", .found.as_ref().map_or("something else".to_owned(), |found| format!("`{found}`")))]
    OfAnother {
        /// What all lies in.
        found: Option<EntryPath>,
        /// What it should lie in.
        expected: String,
    },
    /// The server did not take the archive.
    #[error(transparent)]
    Upload(#[from] upload::Error),
    /// The server did not answer.
    #[error(transparent)]
    Remote(#[from] remote::Error),
}

impl Error {
    /// Whether nothing else will come in either.
    pub fn ends_all(&self) -> bool {
        match self {
            Self::Root(error) => error.ends_all(),
            // Who may publish anything may send archives.
            Self::Upload(upload::Error::Remote { source, .. }) => {
                super::ends_all(source) || source.kind() == Some(ProblemKind::Forbidden)
            }
            Self::Remote(error) => super::ends_all(error),
            Self::NoTarball { .. }
            | Self::Sum { .. }
            | Self::Archive(_)
            | Self::OfAnother { .. }
            | Self::Upload(_) => false,
        }
    }
}

impl Way {
    /// Brings the package at `index`.
    pub async fn bring(self: Arc<Self>, index: usize) -> Result<Brought, Error> {
        let package = &self.shelf.packages[index];
        let tarball = self.tarball(index).await?;
        let mut notes = Vec::new();
        let inside = match &tarball {
            Some(tarball) => look(tarball, package).await?,
            None => Inside::Nothing,
        };
        let table = match inside {
            Inside::Table(text) => Some(text),
            Inside::TooLarge => {
                notes.push(format!("its table has more than {MAX_TABLE_BYTES} bytes: not read"));
                None
            }
            Inside::Nothing => self.table(package).await?,
        };
        let sum = tarball.as_ref().map(|tarball| tarball.file.sha256);
        let way = Arc::clone(&self);
        let record = move || {
            let known = Known { shelf: &way.shelf, names: &way.names, listed: &way.listed };
            record::record(&known, index, table.as_deref(), sum)
        };
        // Tables and closures of some thousand lines take their time.
        let recorded = tokio::task::spawn_blocking(record).await;
        let recorded = recorded.expect("making a record does not panic");
        notes.extend(recorded.notes);
        let build = recorded.build;
        let sent = match &tarball {
            Some(tarball) => self.send(tarball, &build).await?,
            None => 0,
        };
        Ok(Brought { index, build, notes, sent })
    }

    async fn tarball(&self, index: usize) -> Result<Option<Tarball>, Error> {
        let listed = &self.listed[&index];
        let Some(path) = &listed.tarball else { return Ok(None) };
        match self.root.tarball(path, self.most).await? {
            None if listed.may_be_bare => Ok(None),
            None => Err(Error::NoTarball { path: path.clone() }),
            Some(tarball) => match listed.sha256 {
                Some(expected) if expected != tarball.file.sha256 => {
                    Err(Error::Sum { found: tarball.file.sha256, expected })
                }
                _ => Ok(Some(tarball)),
            },
        }
    }

    /// The table beside the tarballs, which EUPS reads where there is none inside.
    async fn table(&self, package: &Package) -> Result<Option<String>, Error> {
        let file = format!("tables/{}-{}.table", package.product, package.version);
        let bytes = self.root.read(&file, MAX_TABLE_BYTES).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Sends the archive, unless the server has it.
    async fn send(&self, tarball: &Tarball, build: &Build) -> Result<u64, Error> {
        let Some(archive) = &build.archive else { return Ok(0) };
        if upload::missing(&self.remote, &[archive.sha256]).await?.is_empty() {
            return Ok(0);
        }
        let transfer = Progress::Quiet.transfer("Sending", tarball.file.size);
        let uploader = Uploader::new(self.remote.clone(), self.memory.clone(), transfer);
        uploader.send(&tarball.file, &archive.name).await?;
        Ok(uploader.sent_bytes())
    }
}

/// The table in a tarball.
#[derive(Debug, PartialEq, Eq)]
enum Inside {
    Table(String),
    TooLarge,
    Nothing,
}

/// Reads the whole tarball, as the server will, and finds its table.
async fn look(tarball: &Tarball, package: &Package) -> Result<Inside, Error> {
    let file = tarball.file.open().map_err(root::Error::from)?;
    let expected = format!("{}/{}", package.product, package.version);
    let wanted = format!("{expected}/ups/{}.table", package.product);
    let read = move || table_in(file, &expected, wanted);
    tokio::task::spawn_blocking(read).await.expect("reading an archive does not panic")
}

fn table_in(file: File, expected: &str, wanted: String) -> Result<Inside, Error> {
    let mut sink = TableSink { wanted, inside: Inside::Nothing };
    let index = archive::read(file, ArchiveFormat::TarGz, &Limits::default(), &mut sink)?;
    let found = index.shape.map(|shape| shape.folder);
    if found.as_ref().is_none_or(|found| found.as_str() != expected) {
        return Err(Error::OfAnother { found, expected: expected.to_owned() });
    }
    Ok(sink.inside)
}

/// Keeps the table and nothing else.
struct TableSink {
    wanted: String,
    inside: Inside,
}

impl Sink for TableSink {
    fn folder(&mut self, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn file(
        &mut self,
        path: &EntryPath,
        _: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        if path.as_str() != self.wanted {
            return Ok(());
        }
        if size > MAX_TABLE_BYTES {
            self.inside = Inside::TooLarge;
            return Ok(());
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        self.inside = Inside::Table(String::from_utf8_lossy(&bytes).into_owned());
        Ok(())
    }

    fn hard_link(&mut self, _: &EntryPath, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn link(&mut self, _: &EntryPath, _: &str) -> io::Result<()> {
        Ok(())
    }
}
