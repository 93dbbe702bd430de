//! A build's archive packed again as EUPS wants it: a gzipped tar of `PRODUCT/VERSION/…` with a table.
//!
//! The same build makes the same bytes. Memory stays flat: each entry goes through once.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use larder_schema::archive::{
    self, ArchiveError, ArchiveFormat, Compressor, FileFault, Limits, Sink, Writer,
};
use larder_schema::launcher::launcher;
use larder_schema::{Build, EntryPath, Hasher, Sums, TreeChecksum};

/// Bytes that are read and written at once.
const BUFFER: usize = 256 * 1024;

/// An archive that is packed again.
pub(super) struct Source {
    pub(super) file: File,
    pub(super) format: ArchiveFormat,
}

/// What is made.
pub(super) struct Order<'a> {
    /// The build.
    pub(super) build: &'a Build,
    /// `PRODUCT/VERSION`, where all of it goes.
    pub(super) folder: &'a str,
    /// Its table, for where the archive has none.
    pub(super) table: &'a str,
    pub(super) limits: &'a Limits,
}

/// Writes the tarball to a new file at `path`; without a source it holds the table alone. Tells also what
/// the source unpacks to.
pub(super) fn roll(
    source: Option<Source>,
    order: &Order<'_>,
    path: &Path,
) -> Result<(Sums, Option<TreeChecksum>), ArchiveError> {
    let out = BufWriter::with_capacity(BUFFER, File::create_new(path).map_err(ArchiveError::Sink)?);
    let out = Hashing { out, hasher: Hasher::new() };
    let gzip = Compressor::new(ArchiveFormat::TarGz, out).map_err(ArchiveError::Sink)?;
    let mut sink = Rolled {
        tar: Writer::new(gzip),
        folder: order.folder,
        below: order.build.product_dir.as_ref(),
        seen: Seen::default(),
        table: format!("ups/{}.table", order.build.product),
        scripts: order.build.scripts.keys().map(|name| format!("bin/{name}")).collect(),
    };
    let tree = match source {
        Some(Source { file, format }) => {
            let file = BufReader::with_capacity(BUFFER, file);
            Some(archive::read(file, format, order.limits, &mut sink)?.tree)
        }
        None => None,
    };
    Ok((sink.finish(order).map_err(ArchiveError::Sink)?, tree))
}

/// What the archive brings itself.
#[derive(Default)]
struct Seen {
    has_table: bool,
    scripts: Vec<String>,
}

struct Rolled<'a, W: Write> {
    tar: Writer<W>,
    folder: &'a str,
    below: Option<&'a EntryPath>,
    seen: Seen,
    table: String,
    scripts: Vec<String>,
}

impl<W: Write> Rolled<'_, W> {
    /// Where an entry goes; none for the folders around the product.
    fn place(&mut self, path: &EntryPath) -> Option<String> {
        let path = match self.below {
            None => path.as_str(),
            Some(below) => path.as_str().strip_prefix(below.as_str())?.strip_prefix('/')?,
        };
        self.seen.has_table |= path == self.table;
        if self.scripts.iter().any(|script| script == path) {
            self.seen.scripts.push(path.to_owned());
        }
        Some(format!("{}/{path}", self.folder))
    }
}

impl<W: Write> Rolled<'_, W> {
    /// Refuses a file or link where a folder must be: `ups`, and `bin` where commands are put there.
    fn demand_room(&self, path: &str) -> io::Result<()> {
        let rest = path.strip_prefix(self.folder).unwrap_or(path);
        let is_taken = rest == "/ups" || rest == "/bin" && !self.scripts.is_empty();
        match is_taken {
            true => Err(io::Error::other(Taken::NoFolder { path: rest[1..].to_owned() })),
            false => Ok(()),
        }
    }
}

/// What cannot be in a tarball for EUPS.
#[derive(Debug, thiserror::Error)]
pub(super) enum Taken {
    /// It must be a folder.
    #[error("`{path}` is no folder in its archive")]
    NoFolder { path: String },
    /// A link goes through the name of the product's folder.
    #[error("the link `{path}` leaves the product's folder")]
    Leaves { path: String },
}

/// Whether a link at `path` leaves the folder that the path is relative to.
fn leaves(path: &str, target: &str) -> bool {
    let mut depth = path.matches('/').count();
    target.split('/').any(|part| {
        match part {
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        false
    })
}

impl Rolled<'_, Compressor<Hashing<BufWriter<File>>>> {
    /// Adds what lacks, and ends the file durably.
    fn finish(mut self, order: &Order<'_>) -> io::Result<Sums> {
        if !self.seen.has_table {
            let path = format!("{}/{}", self.folder, self.table);
            put(&mut self.tar, &path, false, order.table)?;
        }
        for (name, target) in &order.build.scripts {
            let script = format!("bin/{name}");
            let text = launcher(order.build, target.as_str());
            if let Some(text) = text.filter(|_| !self.seen.scripts.contains(&script)) {
                put(&mut self.tar, &format!("{}/{script}", self.folder), true, &text)?;
            }
        }
        let Hashing { mut out, hasher } = self.tar.finish()?.finish()?;
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(hasher.finish())
    }
}

fn put<W: Write>(tar: &mut Writer<W>, path: &str, executable: bool, text: &str) -> io::Result<()> {
    tar.file(path, executable, text.len() as u64, text.as_bytes()).map_err(fault)
}

fn fault(fault: FileFault) -> io::Error {
    match fault {
        FileFault::Read(error) | FileFault::Write(error) => error,
        FileFault::Changed => io::Error::from(io::ErrorKind::UnexpectedEof),
    }
}

impl<W: Write> Sink for Rolled<'_, W> {
    fn folder(&mut self, path: &EntryPath) -> io::Result<()> {
        self.place(path).map_or(Ok(()), |path| self.tar.folder(&path))
    }

    fn file(
        &mut self,
        path: &EntryPath,
        executable: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let Some(path) = self.place(path) else { return Ok(()) };
        self.demand_room(&path)?;
        self.tar.file(&path, executable, size, content).map_err(fault)
    }

    fn hard_link(&mut self, path: &EntryPath, existing: &EntryPath) -> io::Result<()> {
        match (self.place(path), self.place(existing)) {
            (Some(path), Some(existing)) => {
                self.demand_room(&path)?;
                self.tar.hard_link(&path, &existing)
            }
            _ => Ok(()),
        }
    }

    fn link(&mut self, path: &EntryPath, target: &str) -> io::Result<()> {
        let Some(path) = self.place(path) else { return Ok(()) };
        self.demand_room(&path)?;
        // Out of the product's folder and in again: that folder may have another name now.
        if self.below.is_some() && leaves(&path[self.folder.len() + 1..], target) {
            return Err(io::Error::other(Taken::Leaves { path }));
        }
        self.tar.link(&path, target)
    }
}

struct Hashing<W> {
    out: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A text in an archive, whose size was looked at before; none where it has no such file, or one that is no
/// text.
pub(super) fn text_in(
    source: Source,
    path: &str,
    limits: &Limits,
) -> Result<Option<String>, ArchiveError> {
    let mut sink = Wanted { path, text: None };
    let file = BufReader::with_capacity(BUFFER, source.file);
    archive::read(file, source.format, limits, &mut sink)?;
    Ok(sink.text.and_then(|bytes| String::from_utf8(bytes).ok()))
}

struct Wanted<'a> {
    path: &'a str,
    text: Option<Vec<u8>>,
}

impl Sink for Wanted<'_> {
    fn folder(&mut self, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn file(
        &mut self,
        path: &EntryPath,
        _: bool,
        _: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        if path.as_str() == self.path {
            content.read_to_end(self.text.insert(Vec::new()))?;
        }
        Ok(())
    }

    fn hard_link(&mut self, _: &EntryPath, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn link(&mut self, _: &EntryPath, _: &str) -> io::Result<()> {
        Ok(())
    }
}
