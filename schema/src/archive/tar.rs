//! Tars: from the uncompressed stream to entries.
//!
//! What a header says is checked in `tar_header`, what stands in front of it in `overrides`, where
//! an entry may lie in `tree`.

use std::io::{self, Read};
use std::mem;

use sha2::Digest as _;

use super::limits::{Budget, within};
use super::names::{Name, link_target, lossy};
use super::overrides::Overrides;
use super::recorder::Recorder;
use super::source::{BUFFER, read_full};
use super::tar_header::{BLOCK, GNU_SPARSE, TarHeader};
use super::{ArchiveError, Limits};
use crate::{Sha256, shown};

/// Reads all entries of a tar into `recorder`; gives the SHA-256 of all its bytes.
pub(super) fn read(
    stream: impl Read,
    limits: &Limits,
    budget: Budget,
    recorder: &mut Recorder<'_>,
) -> Result<Sha256, ArchiveError> {
    let mut stream = Stream { inner: stream, sha256: sha2::Sha256::new(), position: 0, budget };
    let mut overrides = Overrides::default();
    while let Some(header) = stream.next_header()? {
        match header.kind {
            b'L' => overrides.gnu_name(&header, stream.extended(&header, limits)?)?,
            b'K' => overrides.gnu_link(&header, stream.extended(&header, limits)?)?,
            b'x' => overrides.pax(&header, &stream.extended(&header, limits)?)?,
            b'g' => overrides.global(&header, &stream.extended(&header, limits)?)?,
            _ => entry(&header, mem::take(&mut overrides), &mut stream, recorder)?,
        }
    }
    if !overrides.is_empty() {
        return Err(ArchiveError::StrayOverride { offset: stream.position });
    }
    stream.finish()
}

fn entry<R: Read>(
    header: &TarHeader,
    overrides: Overrides,
    stream: &mut Stream<R>,
    recorder: &mut Recorder<'_>,
) -> Result<(), ArchiveError> {
    if header.kind == GNU_SPARSE {
        return Err(ArchiveError::Sparse { offset: header.offset });
    }
    let applied = overrides.apply(header)?;
    let name = Name::read(&applied.name)?;
    let kind = Kind::of(header, name.folder, applied.size, &applied.name)?;
    if kind != Kind::File && applied.size != 0 {
        return Err(ArchiveError::UnexpectedContent { path: lossy(&applied.name) });
    }
    let Some(path) = name.path else {
        return root(kind, &applied.name);
    };
    if header.mode & 0o6000 != 0 {
        return Err(ArchiveError::SetId { path: shown(path.as_str()) });
    }
    match kind {
        Kind::Folder => recorder.folder(path),
        Kind::File => {
            let executable = header.mode & 0o100 != 0;
            let offset = stream.position;
            let mut content = stream.by_ref().take(applied.size);
            recorder.file(path, executable, applied.size, offset, &mut content)?;
            stream.skip_padding()
        }
        Kind::Link => recorder.link(path, link_target(applied.link)?),
        Kind::HardLink => {
            let existing = Name::read(&applied.link)?.path.ok_or_else(|| {
                ArchiveError::HardLink { path: shown(path.as_str()), target: lossy(&applied.link) }
            })?;
            recorder.hard_link(path, &existing)
        }
    }
}

/// `tar .` names the root; it is a folder, and there is nothing else to know about it.
fn root(kind: Kind, name: &[u8]) -> Result<(), ArchiveError> {
    if kind == Kind::Folder {
        Ok(())
    } else {
        Err(ArchiveError::FolderOrFile { path: lossy(name) })
    }
}

/// What an entry is, of the kinds that larder keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Link,
    HardLink,
}

impl Kind {
    fn of(
        header: &TarHeader,
        named_folder: bool,
        size: u64,
        name: &[u8],
    ) -> Result<Self, ArchiveError> {
        let special = |kind| Err(ArchiveError::Special { path: lossy(name), kind });
        let kind = match header.kind {
            // Before ustar a folder was a file with a `/` behind its name.
            0 if named_folder && size == 0 => Self::Folder,
            0 | b'0' => Self::File,
            b'1' => Self::HardLink,
            b'2' => Self::Link,
            b'3' | b'4' => return special("device"),
            b'5' => return Ok(Self::Folder),
            b'6' => return special("pipe"),
            other => {
                let kind = char::from(other).escape_default().to_string();
                return Err(ArchiveError::UnknownType { path: lossy(name), kind });
            }
        };
        if named_folder && kind != Self::Folder {
            return Err(ArchiveError::FolderOrFile { path: lossy(name) });
        }
        Ok(kind)
    }
}

/// The uncompressed tar, hashed and counted as it is read.
struct Stream<R> {
    inner: R,
    sha256: sha2::Sha256,
    position: u64,
    budget: Budget,
}

impl<R: Read> Stream<R> {
    /// The next header; `None` at the end marker.
    fn next_header(&mut self) -> Result<Option<TarHeader>, ArchiveError> {
        let offset = self.position;
        let block = self.block()?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        TarHeader::read(&block, offset).map(Some)
    }

    fn block(&mut self) -> Result<[u8; BLOCK], ArchiveError> {
        let mut block = [0; BLOCK];
        match read_full(self, &mut block).map_err(ArchiveError::of_stream)? {
            BLOCK => Ok(block),
            0 => Err(ArchiveError::NoEndMarker),
            _ => Err(ArchiveError::Truncated),
        }
    }

    /// The content of an extended header.
    fn extended(&mut self, header: &TarHeader, limits: &Limits) -> Result<Vec<u8>, ArchiveError> {
        within(header.size, limits.header_bytes, "header_bytes")?;
        let mut data = Vec::new();
        let size = header.size;
        self.by_ref().take(size).read_to_end(&mut data).map_err(ArchiveError::of_stream)?;
        if data.len() as u64 != size {
            return Err(ArchiveError::Truncated);
        }
        self.skip_padding()?;
        Ok(data)
    }

    /// Content is filled up to whole blocks.
    fn skip_padding(&mut self) -> Result<(), ArchiveError> {
        let over = (self.position % BLOCK as u64) as usize;
        if over == 0 {
            return Ok(());
        }
        let mut padding = [0; BLOCK];
        let padding = &mut padding[over..];
        let read = read_full(self, padding).map_err(ArchiveError::of_stream)?;
        if read == padding.len() { Ok(()) } else { Err(ArchiveError::Truncated) }
    }

    /// Reads what follows the first block of the end marker: another, and zeros to the end.
    fn finish(mut self) -> Result<Sha256, ArchiveError> {
        if self.block()? != [0; BLOCK] {
            return Err(ArchiveError::AfterEndMarker);
        }
        let mut rest = vec![0; BUFFER];
        loop {
            let count = read_full(&mut self, &mut rest).map_err(ArchiveError::of_stream)?;
            if rest[..count].iter().any(|&byte| byte != 0) {
                return Err(ArchiveError::AfterEndMarker);
            }
            if count < rest.len() {
                return Ok(Sha256(self.sha256.finalize().into()));
            }
        }
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.sha256.update(&buffer[..count]);
        self.position += count as u64;
        self.budget.check(self.position).map_err(ArchiveError::into_stream)?;
        Ok(count)
    }
}
