//! Zip files and wheels: from the directory, entry by entry through the whole file.
//!
//! The directory says what there is; then the file is read from its first byte to the directory,
//! and every byte must belong to the entry that is next. So nothing is hidden between entries, and
//! a reader that goes by the entries' own headers finds what this one found.

use std::io::{BufReader, Read, Seek};
use std::sync::Arc;

use ::zip::read::{ArchiveOffset, Config, ZipArchiveMetadata, ZipFileEntry};
use ::zip::{System, ZipArchive};

use super::limits::{Budget, within};
use super::names::Name;
use super::recorder::Recorder;
use super::source::Source;
use super::wheel::{Layout, Placed};
use super::zip_content::{Claims, ZipContent};
use super::zip_header::{
    DESCRIPTOR, Directory, LocalHeader, directory_error, is_descriptor, read_vec, record_end,
    record_name, rewind,
};
use super::{ArchiveError, ArchiveFormat, Limits};
use crate::contents::MAX_PATH_BYTES;
use crate::{EntryPath, shown};

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
    let (mut source, listed) = list(source, &directory)?;
    let layout = match format {
        ArchiveFormat::Wheel => Some(Layout::of(listed.names()?.iter().map(|name| &name[..]))?),
        _ => None,
    };
    budget.check(listed.unpacked_bytes()?)?;
    rewind(&mut source)?;
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

/// The directory's entries.
struct Listed {
    metadata: Arc<ZipArchiveMetadata>,
    in_file_order: Vec<usize>,
}

impl Listed {
    fn entry(&self, index: usize) -> Result<ZipFileEntry<'_>, ArchiveError> {
        self.metadata.entry(index).map_err(directory_error)
    }

    fn names(&self) -> Result<Vec<Vec<u8>>, ArchiveError> {
        self.in_file_order.iter().map(|&index| Ok(self.entry(index)?.name_raw().to_vec())).collect()
    }

    fn unpacked_bytes(&self) -> Result<u64, ArchiveError> {
        self.in_file_order
            .iter()
            .try_fold(0_u64, |sum, &index| Ok(sum.saturating_add(self.entry(index)?.size())))
    }
}

/// Reads the directory, which must fill its place exactly and name nothing twice.
fn list<R: Read + Seek>(
    source: BufReader<Source<R>>,
    directory: &Directory,
) -> Result<(BufReader<Source<R>>, Listed), ArchiveError> {
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let archive = ZipArchive::with_config(config, source).map_err(directory_error)?;
    let metadata = archive.metadata();
    if archive.central_directory_start() != directory.start {
        return Err(ArchiveError::ZipEndDiffers);
    }
    let mut source = archive.into_inner();
    if metadata.has_duplicate_names() {
        return Err(repeated(&mut source, directory)?);
    }
    let mut in_file_order: Vec<(u64, usize)> = Vec::with_capacity(metadata.len());
    let mut end = directory.start;
    for index in 0..metadata.len() {
        let entry = metadata.entry(index).map_err(directory_error)?;
        in_file_order.push((entry.header_start(), index));
        if index + 1 == metadata.len() {
            end = record_end(&mut source, entry.central_header_start())?;
        }
    }
    if metadata.len() as u64 != directory.entries || end != directory.start + directory.size {
        return Err(ArchiveError::ZipEndDiffers);
    }
    in_file_order.sort_unstable();
    let in_file_order = in_file_order.into_iter().map(|(_, index)| index).collect();
    Ok((source, Listed { metadata, in_file_order }))
}

/// The refusal of a directory that the crate found to name something twice; it does not say what.
fn repeated(
    source: &mut (impl Read + Seek),
    directory: &Directory,
) -> Result<ArchiveError, ArchiveError> {
    let mut seen = std::collections::HashSet::new();
    let mut at = directory.start;
    for _ in 0..directory.entries {
        let name = record_name(source, at)?;
        if seen.contains(&name) {
            return Ok(ArchiveError::Duplicate { path: lossy(&name) });
        }
        seen.insert(name);
        at = record_end(source, at)?;
    }
    Ok(ArchiveError::ZipEndDiffers)
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
        let local = LocalHeader::read(&mut self.source)?
            .ok_or_else(|| ArchiveError::ZipExtra { path: shown.clone() })?;
        let claims = check_headers(&local, listed, shown)?;
        let data_end = start
            .checked_add(local.length)
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
                let target = link_target(content, claims)?;
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
        let bytes = read_vec(&mut self.source, length as usize)?;
        if !is_descriptor(&bytes, claims.crc, claims.packed, claims.unpacked) {
            return Err(ArchiveError::ZipDescriptor { path: claims.shown.clone() });
        }
        self.position += length;
        Ok(())
    }
}

/// Holds an entry's own header against the directory.
fn check_headers(
    local: &LocalHeader,
    listed: &ZipFileEntry<'_>,
    shown: String,
) -> Result<Claims, ArchiveError> {
    /// Deflate's own options, a descriptor, UTF-8: all that changes nothing or is followed.
    const KNOWN: u16 = 0b0000_1000_0000_1110;
    const ENCRYPTED: u16 = 0b0010_0000_0100_0001;
    const UTF8: u16 = 1 << 11;
    let path = || shown.clone();
    let differs = |field| Err(ArchiveError::ZipDiffers { path: path(), field });
    let flags = local.flags | listed.flags().as_u16();
    if flags & ENCRYPTED != 0 {
        return Err(ArchiveError::ZipEncrypted { path: path() });
    }
    if flags & !KNOWN != 0 {
        return Err(ArchiveError::ZipFlags { path: path(), flags });
    }
    // The crate puts the name of a Unicode extra field in the place of the plain one.
    let name = listed.name_raw();
    if local.name != name || local.unicode_name.as_ref().is_some_and(|other| other != name) {
        return differs("name");
    }
    if !name.is_ascii() && local.flags & UTF8 == 0 && local.unicode_name.is_none() {
        return Err(ArchiveError::ZipNameEncoding { path: path() });
    }
    // For a name in ASCII it is the same whether it is said to be UTF-8.
    if (local.flags ^ listed.flags().as_u16()) & !UTF8 != 0 {
        return differs("flags");
    }
    let method = method_of(listed);
    if local.method != method {
        return differs("method");
    }
    if method != 0 && method != 8 {
        return Err(ArchiveError::ZipMethod { path: path(), method });
    }
    let (crc, packed, unpacked) = (listed.crc32(), listed.compressed_size(), listed.size());
    let said_behind = local.flags & DESCRIPTOR != 0;
    let same = |own: u64, listed: u64| own == listed || (said_behind && own == 0);
    if !same(local.crc.into(), crc.into()) {
        return differs("CRC");
    }
    if !same(local.packed, packed) || !same(local.unpacked, unpacked) {
        return differs("size");
    }
    Ok(Claims { crc, packed, unpacked, deflated: method == 8, shown })
}

/// The number of a compression method, which the crate keeps to itself.
fn method_of(listed: &ZipFileEntry<'_>) -> u16 {
    use ::zip::CompressionMethod as Method;
    match listed.compression() {
        Method::Stored => 0,
        method if method == Method::DEFLATE => 8,
        #[expect(deprecated, reason = "the only way to learn the number")]
        Method::Unsupported(number) => number,
        _ => u16::MAX,
    }
}

fn link_target<B: std::io::BufRead>(
    content: ZipContent<'_, B>,
    claims: &Claims,
) -> Result<String, ArchiveError> {
    if claims.unpacked > MAX_PATH_BYTES as u64 {
        let target = String::from("…");
        return Err(ArchiveError::LinkLeaves { path: claims.shown.clone(), target });
    }
    let bytes = content.into_bytes()?;
    match String::from_utf8(bytes) {
        Ok(target) => Ok(target),
        Err(error) => Err(EntryPath::from_bytes(error.as_bytes()).err().map_or_else(
            || ArchiveError::LinkLeaves { path: claims.shown.clone(), target: String::new() },
            ArchiveError::Path,
        )),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Link,
}

/// What the attributes of an entry say.
struct Mode {
    kind: Kind,
    executable: bool,
}

impl Mode {
    fn of(
        listed: &ZipFileEntry<'_>,
        named_folder: bool,
        claims: &Claims,
    ) -> Result<Self, ArchiveError> {
        // Only the high half is a Unix mode, and only of what was packed on Unix.
        let unix = matches!(listed.system(), System::Unix | System::OsDarwin);
        let mode = listed.external_attributes() >> 16;
        let path = || claims.shown.clone();
        let special = |kind| Err(ArchiveError::Special { path: path(), kind });
        let kind = match mode & 0o170_000 {
            0 if named_folder => Kind::Folder,
            0 | 0o100_000 => Kind::File,
            0o040_000 => Kind::Folder,
            0o120_000 if unix => Kind::Link,
            0o120_000 => return special("link that was not made on Unix"),
            0o020_000 | 0o060_000 => return special("device"),
            0o010_000 => return special("pipe"),
            0o140_000 => return special("socket"),
            other => {
                let kind = format!("{other:o}");
                return Err(ArchiveError::UnknownType { path: path(), kind });
            }
        };
        if named_folder != (kind == Kind::Folder) {
            return Err(ArchiveError::FolderOrFile { path: path() });
        }
        if mode & 0o6000 != 0 {
            return Err(ArchiveError::SetId { path: path() });
        }
        Ok(Self { kind, executable: unix && mode & 0o100 != 0 })
    }
}

fn lossy(name: &[u8]) -> String {
    shown(&String::from_utf8_lossy(name))
}
