//! Packing: a folder becomes a reproducible archive, with its record beside it.
//!
//! The same files make the same bytes wherever and whenever they are packed: entries are sorted,
//! belong to nobody, have one time and one of two modes, and are compressed by one thread. What
//! the archive reader would refuse is refused here: the reader goes over what was packed.

mod tree;
mod usual;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use larder_schema::archive::{
    ArchiveError, ArchiveFormat, Compressor, FileFault, Limits, NoSink, Writer, read,
};
use larder_schema::record::ParseArchiveNameError;
use larder_schema::{ArchiveName, Build, Sha256};
use tempfile::NamedTempFile;

pub use tree::TreeError;
pub use usual::usual_variables;

use crate::durable::place_of;
use crate::record::{self, Bytes, Part};
use crate::upload::{FileError, LocalFile};
use tree::{Found, Kind};

/// The metadata's name in the folder, where no other is given.
pub const METADATA: &str = "larder.toml";

/// What was packed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The record, as it was written beside the archive.
    pub build: Build,
    /// Where the record is.
    pub record: PathBuf,
    /// Bytes of the archive.
    pub size: u64,
    /// Files and links in it.
    pub files: usize,
    /// Whether `PATH` gets `bin` because nobody said anything of variables.
    pub assumed_path: bool,
}

/// A folder was not packed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive's name is none.
    #[error(transparent)]
    Name(#[from] ParseArchiveNameError),
    /// A kind of archive that is read and not written.
    #[error(
        "`{name}` is of a kind that larder does not pack; call it .tar.zst, .tar.xz, .tar.gz, \
         .tar.bz2 or .tar"
    )]
    Format {
        /// The archive's name.
        name: ArchiveName,
    },
    /// The archive would lie in what is packed.
    #[error("`{}` would lie in the folder that is packed; put it elsewhere", .path.display())]
    OutputInside {
        /// The archive.
        path: PathBuf,
    },
    /// The metadata that was named is not there.
    #[error("there is no metadata at `{}`", .path.display())]
    NoMetadata {
        /// Where it should be.
        path: PathBuf,
    },
    /// The folder cannot be packed as it is.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// No record can be made.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// A file changed or could not be read meanwhile.
    #[error(transparent)]
    File(#[from] FileError),
    /// The archive cannot be written.
    #[error("could not write `{}`", .path.display())]
    Write {
        /// The archive, or its record.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The reader refuses what was packed.
    #[error("the folder makes an archive that no server takes")]
    Refused(#[source] ArchiveError),
    /// The record cannot be written as JSON.
    #[error("the record cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// Whether other arguments would mend it.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Name(_)
            | Self::Format { .. }
            | Self::OutputInside { .. }
            | Self::NoMetadata { .. }
            | Self::Record(_) => true,
            Self::Tree(error) => matches!(error, TreeError::NotAFolder { .. }),
            Self::File(_) | Self::Write { .. } | Self::Refused(_) | Self::Json(_) => false,
        }
    }
}

/// Packs the folder `dir` into the archive `output`, and writes the record beside it.
///
/// The record is made of the metadata (`larder.toml` in the folder unless another is given) and of
/// the archive's name. Metadata that lies in the folder is left out of the archive. Where it says
/// nothing of variables and `bin` has something to execute, `PATH` gets `bin`.
pub fn pack(dir: &Path, metadata: Option<&Path>, output: &Path) -> Result<Packed, Error> {
    let name: ArchiveName = output.file_name().unwrap_or_default().to_string_lossy().parse()?;
    let format = ArchiveFormat::of_name(name.as_str())
        .filter(|format| Compressor::<io::Sink>::writes(*format))
        .ok_or_else(|| Error::Format { name: name.clone() })?;
    let root = tree::root(dir)?;
    refuse_inside(&root, output)?;
    let metadata_path = metadata.map_or_else(|| root.join(METADATA), Path::to_owned);
    let mut parts = parts(&metadata_path, metadata.is_some(), &name)?;
    // What the record lacks is told before anything is packed.
    to_record(&parts, &name, Sha256::of(b""), 0)?;
    let left_out = metadata_path.canonicalize().ok();
    let found = tree::walk(&root, left_out.as_deref())?;
    let says_variables = parts.iter().any(|part| part.fields.contains_key("variables"));
    let usual = if says_variables { None } else { usual_variables(&root) };
    let assumed_path = usual.is_some();
    parts.extend(usual);
    let (archive, sum) = write_archive(&found, format, output)?;
    let build = to_record(&parts, &name, sum.sha256, sum.size)?;
    let record = beside(output);
    let json = serde_json::to_string_pretty(&build)? + "\n";
    let written = staged(&record, |file| file.write_all(json.as_bytes()))?;
    put(archive, output)?;
    put(written, &record)?;
    let files = found.iter().filter(|found| found.kind != Kind::Folder).count();
    Ok(Packed { build, record, size: sum.size, files, assumed_path })
}

/// Where an archive's record is: `FILE.json`.
pub fn beside(archive: &Path) -> PathBuf {
    let mut path = archive.as_os_str().to_owned();
    path.push(".json");
    path.into()
}

fn refuse_inside(root: &Path, output: &Path) -> Result<(), Error> {
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match folder.canonicalize() {
        Ok(folder) if folder.starts_with(root) => {
            Err(Error::OutputInside { path: output.to_owned() })
        }
        Ok(_) => Ok(()),
        Err(source) => Err(Error::Write { path: output.to_owned(), source }),
    }
}

fn parts(path: &Path, must_be: bool, name: &ArchiveName) -> Result<Vec<Part>, Error> {
    let of_file = Part::of_toml(path)?;
    if must_be && of_file.is_none() {
        return Err(Error::NoMetadata { path: path.to_owned() });
    }
    Ok(of_file.into_iter().chain(Part::of_name(name)).collect())
}

fn to_record(
    parts: &[Part],
    name: &ArchiveName,
    sha256: Sha256,
    size: u64,
) -> Result<Build, record::Error> {
    let bytes = Bytes { sha256, name: name.clone(), size };
    record::put_together(parts, name.as_str(), Some(&bytes))
}

/// Writes the archive beside its place, reads it as a server would, and sums it.
fn write_archive(
    found: &[Found],
    format: ArchiveFormat,
    output: &Path,
) -> Result<(NamedTempFile, LocalFile), Error> {
    let failed = |source| Error::Write { path: output.to_owned(), source };
    let staging = staged(output, |_| Ok(()))?;
    let out = BufWriter::with_capacity(1 << 20, staging.as_file());
    let mut tar = Writer::new(Compressor::new(format, out).map_err(failed)?);
    for found in found {
        write_entry(&mut tar, found, output)?;
    }
    let compressor = tar.finish().map_err(failed)?;
    compressor.finish().and_then(|mut out| out.flush()).map_err(failed)?;
    let packed = File::open(staging.path()).map_err(failed)?;
    read(packed, format, &Limits::default(), &mut NoSink).map_err(Error::Refused)?;
    let sum = LocalFile::sum(staging.path(), |_| {})?;
    Ok((staging, sum))
}

fn write_entry<W: io::Write>(
    tar: &mut Writer<W>,
    found: &Found,
    output: &Path,
) -> Result<(), Error> {
    let failed = |source| Error::Write { path: output.to_owned(), source };
    match &found.kind {
        Kind::Folder => tar.folder(found.path.as_str()).map_err(failed),
        Kind::Link { target } => tar.link(found.path.as_str(), target).map_err(failed),
        Kind::File { size, executable } => {
            let unreadable = |source| FileError::Unreadable { path: found.at.clone(), source };
            let file = File::open(&found.at).map_err(unreadable)?;
            let written = tar.file(found.path.as_str(), *executable, *size, file);
            written.map_err(|error| match error {
                FileFault::Read(source) => unreadable(source).into(),
                FileFault::Changed => FileError::Changed { path: found.at.clone() }.into(),
                FileFault::Write(source) => failed(source),
            })
        }
    }
}

/// A new file beside `path`, with the mode that new files have.
fn staged(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<NamedTempFile, Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut staging = tempfile::Builder::new()
        .prefix(".larder-pack-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    write(staging.as_file_mut()).map_err(failed)?;
    Ok(staging)
}

fn put(staging: NamedTempFile, path: &Path) -> Result<(), Error> {
    let kept = place_of(path).and_then(|place| Ok(staging.persist(place).map(drop)?));
    kept.map_err(|source| Error::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
