//! The one archive reader, for server and client alike.
//!
//! [`read`] goes through an archive once, hands each entry to a [`Sink`], hashes it in the same
//! pass and returns the [`Index`]. Because both sides read with this code, what the server indexed
//! and what the client installs cannot differ. An archive is hostile until it was read to its end:
//! anything that some reader takes differently from another is refused by name ([`ArchiveError`]),
//! and nothing from inside an archive is unbounded ([`Limits`]).
//!
//! Nothing here opens, makes or names a file on a disk; that is the sink's part. Names that only
//! differ in case or Unicode normalisation are different names here: a sink on a file system that
//! cannot hold both finds out by never overwriting.
//!
//! ```
//! use larder_schema::archive::{ArchiveFormat, Limits, NoSink, read};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = tar::Builder::new(Vec::new());
//! let mut header = tar::Header::new_gnu();
//! header.set_size(5);
//! header.set_mode(0o644);
//! builder.append_data(&mut header, "share/greeting", &b"hello"[..])?;
//! let tar = std::io::Cursor::new(builder.into_inner()?);
//!
//! let index = read(tar, ArchiveFormat::Tar, &Limits::default(), &mut NoSink)?;
//!
//! assert_eq!(index.entries[0].path.as_str(), "share/greeting");
//! # Ok(())
//! # }
//! ```

mod compress;
mod decode;
mod error;
mod format;
mod limits;
mod little_endian;
mod names;
mod overrides;
mod recorder;
mod source;
mod tar;
mod tar_header;
mod tree;
mod wheel;
mod write;
mod zip;
mod zip_content;
mod zip_end;
mod zip_entry;
mod zip_header;
mod zip_list;

use std::io::{self, Read, Seek};

pub use compress::Compressor;
pub use error::ArchiveError;
pub use format::ArchiveFormat;
pub use limits::Limits;
pub use write::{FileFault, Writer};

use crate::eups::Shape;
use crate::{Entry, EntryPath, Sha256, TreeChecksum};
use recorder::Recorder;

/// What is done with the entries, in the order in which the archive has them.
///
/// Paths and links are checked before the sink gets them, except that a link may still be found to
/// lead out through a later one: what a sink made is to be used only after [`read`] succeeded.
/// Folders are not announced before what lies in them, and some are never named.
pub trait Sink {
    /// A folder that the archive names; called once for each.
    fn folder(&mut self, path: &EntryPath) -> io::Result<()>;

    /// A file of `size` bytes. What the sink does not read of `content` is read after it.
    fn file(
        &mut self,
        path: &EntryPath,
        executable: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()>;

    /// A file that is the one at `existing`, which came before: same bytes, same mode.
    fn hard_link(&mut self, path: &EntryPath, existing: &EntryPath) -> io::Result<()>;

    /// A symbolic link.
    fn link(&mut self, path: &EntryPath, target: &str) -> io::Result<()>;
}

/// Keeps nothing: for indexing alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl Sink for NoSink {
    fn folder(&mut self, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &EntryPath, _: bool, _: u64, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }

    fn hard_link(&mut self, _: &EntryPath, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn link(&mut self, _: &EntryPath, _: &str) -> io::Result<()> {
        Ok(())
    }
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its entries, sorted by the bytes of their paths.
    pub entries: Vec<Entry>,
    /// The tree checksum over them.
    pub tree: TreeChecksum,
    /// SHA-256 of the whole uncompressed tar; a zip file has none.
    pub tar_sha256: Option<Sha256>,
    /// The two folders that all of it lies in, where it is packed so.
    pub shape: Option<Shape>,
    /// Bytes of all files, a hard link counted like the file that it is.
    pub unpacked_bytes: u64,
}

/// Reads an archive from its first byte to its last.
///
/// # Errors
///
/// On any error nothing that the sink made is good for use; see [`ArchiveError`].
pub fn read<R: Read + Seek>(
    source: R,
    format: ArchiveFormat,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<Index, ArchiveError> {
    let (source, size) = source::open(source)?;
    let budget = limits.budget(size);
    let mut recorder = Recorder::new(limits, budget, sink);
    let tar_sha256 = match format {
        ArchiveFormat::Zip | ArchiveFormat::Wheel => {
            zip::read(source, size, format, limits, budget, &mut recorder)?;
            None
        }
        ArchiveFormat::Tar
        | ArchiveFormat::TarGz
        | ArchiveFormat::TarXz
        | ArchiveFormat::TarBz2
        | ArchiveFormat::TarZst => {
            let stream = decode::tar_in(source, format, limits);
            Some(tar::read(stream, limits, budget, &mut recorder)?)
        }
    };
    recorder.finish(tar_sha256)
}
