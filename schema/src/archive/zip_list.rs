//! The directory of a zip file: read by the `zip` crate, and held to what it says about itself.

use std::io::{BufReader, Read, Seek};
use std::sync::Arc;

use ::zip::ZipArchive;
use ::zip::read::{ArchiveOffset, Config, ZipArchiveMetadata, ZipFileEntry};
use ::zip::result::ZipError;

use super::ArchiveError;
use super::little_endian::seek_to;
use super::source::Source;
use super::zip_end::Directory;
use super::zip_header::check_record;
use crate::shown;

/// The directory's entries.
pub(super) struct Listed {
    metadata: Arc<ZipArchiveMetadata>,
    /// Their numbers in the directory, in the order in which they lie in the file.
    pub(super) in_file_order: Vec<usize>,
}

impl Listed {
    /// Reads the directory, which must fill its place exactly and name nothing twice.
    pub(super) fn read<R: Read + Seek>(
        source: BufReader<Source<R>>,
        directory: &Directory,
    ) -> Result<(BufReader<Source<R>>, Self), ArchiveError> {
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let archive = ZipArchive::with_config(config, source).map_err(directory_error)?;
        let metadata = archive.metadata();
        if archive.central_directory_start() != directory.start {
            return Err(ArchiveError::ZipEndDiffers);
        }
        let mut source = archive.into_inner();
        check_records(&mut source, directory, metadata.has_duplicate_names())?;
        let numbers = 0..metadata.len();
        if metadata.len() as u64 != directory.entries {
            return Err(ArchiveError::ZipEndDiffers);
        }
        let mut listed = Self { metadata, in_file_order: numbers.collect() };
        let mut starts = Vec::with_capacity(listed.in_file_order.len());
        for &number in &listed.in_file_order {
            starts.push(listed.entry(number)?.header_start());
        }
        listed.in_file_order.sort_by_key(|&number| starts[number]);
        Ok((source, listed))
    }

    /// The entry of this number in the directory.
    pub(super) fn entry(&self, number: usize) -> Result<ZipFileEntry<'_>, ArchiveError> {
        self.metadata.entry(number).map_err(directory_error)
    }

    /// Their names, as they are written.
    pub(super) fn names(&self) -> Result<Vec<Vec<u8>>, ArchiveError> {
        self.in_file_order
            .iter()
            .map(|&number| Ok(self.entry(number)?.name_raw().to_vec()))
            .collect()
    }

    /// The bytes that they claim to unpack to.
    pub(super) fn unpacked_bytes(&self) -> Result<u64, ArchiveError> {
        self.in_file_order
            .iter()
            .try_fold(0_u64, |sum, &number| Ok(sum.saturating_add(self.entry(number)?.size())))
    }
}

/// Goes through the directory's records once more, for what the crate does not tell.
fn check_records(
    source: &mut (impl Read + Seek),
    directory: &Directory,
    names_something_twice: bool,
) -> Result<(), ArchiveError> {
    seek_to(source, directory.start)?;
    let mut seen = std::collections::HashSet::new();
    let mut length = 0;
    for _ in 0..directory.entries {
        let (name, record) = check_record(source)?;
        length += record;
        if names_something_twice && !seen.insert(name.clone()) {
            let path = shown(&String::from_utf8_lossy(&name));
            return Err(ArchiveError::Duplicate { path });
        }
    }
    if length == directory.size { Ok(()) } else { Err(ArchiveError::ZipEndDiffers) }
}

/// An error of the crate, which carries those of the source.
fn directory_error(error: ZipError) -> ArchiveError {
    let ZipError::Io(error) = error else { return ArchiveError::ZipDirectory(error) };
    match error.downcast::<ArchiveError>() {
        Ok(carried) => carried,
        Err(error) => ArchiveError::ZipDirectory(ZipError::Io(error)),
    }
}
