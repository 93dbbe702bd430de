//! Zip files and wheels: from the directory, entry by entry through the whole file.
//!
//! The directory says what there is; then the file is read from its first byte to the directory,
//! and every byte must belong to the entry that is next. So nothing is hidden between entries, and
//! a reader that goes by the entries' own headers finds what this one found.

use std::io::{BufRead, BufReader, Read, Seek};

use ::zip::read::ZipFileEntry;

use super::limits::{Budget, within};
use super::little_endian::{next_vec, seek_to};
use super::names::{Name, link_target, lossy};
use super::recorder::Recorder;
use super::source::Source;
use super::wheel::{Layout, Placed};
use super::zip_content::{Claims, ZipContent};
use super::zip_end::Directory;
use super::zip_entry::{Kind, Mode, check_headers};
use super::zip_header::{DESCRIPTOR, LocalHeader, is_descriptor};
use super::zip_list::Listed;
use super::{ArchiveError, ArchiveFormat, Limits};
use crate::contents::MAX_PATH_BYTES;

/// Reads all entries of a zip file of `size` bytes into `recorder`.
pub(super) fn read<R: Read + Seek>(
    mut source: BufReader<Source<R>>,
    size: u64,
    format: ArchiveFormat,
    limits: &Limits,
    budget: Budget,
    recorder: &mut Recorder<'_>,
) -> Result<(), ArchiveError> {
    let directory = Directory::find(&mut source, size)?;
    within(directory.entries, limits.entries, "entries")?;
    within(directory.size, limits.directory_bytes, "directory_bytes")?;
    let (mut source, listed) = Listed::read(source, &directory)?;
    let layout = if format == ArchiveFormat::Wheel {
        Some(Layout::of(listed.names()?.iter().map(|name| &name[..]))?)
    } else {
        None
    };
    budget.check(listed.unpacked_bytes()?)?;
    seek_to(&mut source, 0)?;
    let mut walk = Walk { source, position: 0, layout, recorder };
    for (number, &index) in listed.in_file_order.iter().enumerate() {
        let end = match listed.in_file_order.get(number + 1) {
            Some(&next) => listed.entry(next)?.header_start(),
            None => directory.start,
        };
        walk.entry(&listed.entry(index)?, end)?;
    }
    if walk.position == directory.start {
        Ok(())
    } else {
        Err(ArchiveError::ZipGap { offset: walk.position })
    }
}

/// The way through the file.
struct Walk<'a, 's, R> {
    source: BufReader<Source<R>>,
    position: u64,
    layout: Option<Layout>,
    recorder: &'a mut Recorder<'s>,
}

impl<R: Read + Seek> Walk<'_, '_, R> {
    /// Reads the entry that is next; the one after it, or the directory, begins at `end`.
    fn entry(&mut self, listed: &ZipFileEntry<'_>, end: u64) -> Result<(), ArchiveError> {
        let start = listed.header_start();
        if start > self.position {
            return Err(ArchiveError::ZipGap { offset: self.position });
        }
        let shown = lossy(listed.name_raw());
        if start < self.position {
            return Err(ArchiveError::ZipOverlap { path: shown });
        }
        let mut local = LocalHeader::read(&mut self.source)?
            .ok_or_else(|| ArchiveError::ZipNoEntry { path: shown.clone() })?;
        let claims = check_headers(&mut local, listed, shown)?;
        let data_end = start
            .checked_add(local.length())
            .and_then(|data| data.checked_add(claims.packed))
            .filter(|&data_end| data_end <= end)
            .ok_or_else(|| ArchiveError::ZipOverlap { path: claims.shown.clone() })?;
        self.content(listed, &claims, start)?;
        self.position = data_end;
        if local.flags & DESCRIPTOR != 0 {
            self.descriptor(&claims, end)?;
        }
        Ok(())
    }

    fn content(
        &mut self,
        listed: &ZipFileEntry<'_>,
        claims: &Claims,
        start: u64,
    ) -> Result<(), ArchiveError> {
        let name = Name::read(listed.name_raw())?;
        let mode = Mode::of(listed, name.folder, claims)?;
        let placed = match (name.path, &self.layout) {
            (Some(_), Some(_)) if mode.kind == Kind::Link => {
                return Err(ArchiveError::WheelLink { path: claims.shown.clone() });
            }
            (Some(path), Some(layout)) => layout.place(path, name.folder)?,
            (path, _) => Placed { path, script: false },
        };
        let mut content = ZipContent::new(&mut self.source, claims);
        match (mode.kind, placed.path) {
            (Kind::File, Some(path)) => {
                let executable = mode.executable || placed.script;
                self.recorder.file(path, executable, claims.unpacked, start, &mut content)
            }
            (Kind::Link, Some(path)) => {
                let target = target_in(content, claims)?;
                self.recorder.link(path, target)
            }
            (Kind::Folder, path) => {
                if claims.unpacked != 0 {
                    return Err(ArchiveError::UnexpectedContent { path: claims.shown.clone() });
                }
                content.into_bytes()?;
                path.map_or(Ok(()), |path| self.recorder.folder(path))
            }
            (Kind::File | Kind::Link, None) => {
                Err(ArchiveError::FolderOrFile { path: claims.shown.clone() })
            }
        }
    }

    /// Reads the data descriptor: all that lies between the data and `end`.
    fn descriptor(&mut self, claims: &Claims, end: u64) -> Result<(), ArchiveError> {
        const LONGEST: u64 = 24;
        let length = (end - self.position).min(LONGEST);
        let bytes = next_vec(&mut self.source, length as u16)?;
        if !is_descriptor(&bytes, claims.crc, claims.packed, claims.unpacked) {
            return Err(ArchiveError::ZipDescriptor { path: claims.shown.clone() });
        }
        self.position += length;
        Ok(())
    }
}

/// The target of a link, which is what the entry holds.
fn target_in<B: BufRead>(
    content: ZipContent<'_, B>,
    claims: &Claims,
) -> Result<String, ArchiveError> {
    if claims.unpacked > MAX_PATH_BYTES as u64 {
        let target = format!("something of {} bytes", claims.unpacked);
        return Err(ArchiveError::LinkLeaves { path: claims.shown.clone(), target });
    }
    link_target(content.into_bytes()?)
}
