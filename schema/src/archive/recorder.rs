//! What is done with each entry, whatever kind of archive it comes from: check where it may lie,
//! hand it to the sink, hash it on the way, write it down.

use std::io::{self, Read};

use super::limits::Budget;
use super::source::BUFFER;
use super::tree::{Kind, Tree, check_link_name};
use super::{ArchiveError, Index, Limits, Sink};
use crate::contents::tree_checksum;
use crate::eups::Shape;
use crate::{Entry, EntryKind, EntryPath, Hasher, Sha256, Sums, shown};

/// Takes the entries of one archive.
pub(super) struct Recorder<'a> {
    limits: &'a Limits,
    budget: Budget,
    sink: &'a mut dyn Sink,
    tree: Tree,
    entries: Vec<Entry>,
    unpacked_bytes: u64,
    buffer: Box<[u8]>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(limits: &'a Limits, budget: Budget, sink: &'a mut dyn Sink) -> Self {
        Self {
            limits,
            budget,
            sink,
            tree: Tree::new(),
            entries: Vec::new(),
            unpacked_bytes: 0,
            buffer: vec![0; BUFFER].into(),
        }
    }

    pub(super) fn folder(&mut self, path: EntryPath) -> Result<(), ArchiveError> {
        if self.tree.add(&path, Kind::Folder, self.limits)? {
            self.sink.folder(&path).map_err(ArchiveError::Sink)?;
            self.entries.push(Entry { path, kind: EntryKind::Folder });
        }
        Ok(())
    }

    /// A file of `size` bytes, which are what `content` gives until its end.
    pub(super) fn file(
        &mut self,
        path: EntryPath,
        executable: bool,
        size: u64,
        offset: u64,
        content: &mut dyn Read,
    ) -> Result<(), ArchiveError> {
        self.tree.add(&path, Kind::File(self.entries.len()), self.limits)?;
        self.take_bytes(size)?;
        let mut content = Content { inner: content, hasher: Hasher::new(), size, failure: None };
        let stored = self.sink.file(&path, executable, size, &mut content);
        let sums = content.finish(stored, &mut self.buffer)?;
        let Sums { sha256, blake3, size } = sums;
        let offset = Some(offset);
        let kind = EntryKind::File { size, sha256, blake3, executable, offset };
        self.entries.push(Entry { path, kind });
        Ok(())
    }

    pub(super) fn link(&mut self, path: EntryPath, target: String) -> Result<(), ArchiveError> {
        check_link_name(&path, &target)?;
        self.tree.take_name(&target, self.limits)?;
        self.tree.add(&path, Kind::Link(self.entries.len()), self.limits)?;
        self.sink.link(&path, &target).map_err(ArchiveError::Sink)?;
        self.entries.push(Entry { path, kind: EntryKind::Link { target } });
        Ok(())
    }

    pub(super) fn hard_link(
        &mut self,
        path: EntryPath,
        existing: &EntryPath,
    ) -> Result<(), ArchiveError> {
        let file = self.tree.file(existing).map(|number| self.entries[number].kind.clone());
        let Some(kind @ EntryKind::File { size, .. }) = file else {
            let target = shown(existing.as_str());
            return Err(ArchiveError::HardLink { path: shown(path.as_str()), target });
        };
        self.tree.add(&path, Kind::File(self.entries.len()), self.limits)?;
        self.take_bytes(size)?;
        self.sink.hard_link(&path, existing).map_err(ArchiveError::Sink)?;
        self.entries.push(Entry { path, kind });
        Ok(())
    }

    /// What the archive holds, once all of it was read and found good.
    pub(super) fn finish(self, tar_sha256: Option<Sha256>) -> Result<Index, ArchiveError> {
        let mut entries = self.entries;
        self.tree.check_links(&entries, self.limits)?;
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let (tree, shape) = (tree_checksum(&entries), Shape::of(&entries));
        Ok(Index { entries, tree, tar_sha256, shape, unpacked_bytes: self.unpacked_bytes })
    }

    fn take_bytes(&mut self, size: u64) -> Result<(), ArchiveError> {
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(size);
        self.budget.check(self.unpacked_bytes)
    }
}

/// A file's content on its way to the sink.
struct Content<'a> {
    inner: &'a mut dyn Read,
    hasher: Hasher,
    size: u64,
    /// Kept here, since what a sink makes of our error is its own affair.
    failure: Option<ArchiveError>,
}

impl Content<'_> {
    /// Reads what the sink left, and gives the sums of all.
    fn finish(mut self, stored: io::Result<()>, buffer: &mut [u8]) -> Result<Sums, ArchiveError> {
        if self.failure.is_none() {
            stored.map_err(ArchiveError::Sink)?;
        }
        while self.failure.is_none() {
            match self.read(buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.hasher.finish()),
        }
    }

    fn fail(&mut self, failure: ArchiveError) -> io::Error {
        self.failure = Some(failure);
        io::Error::new(io::ErrorKind::InvalidData, "the archive cannot be read any further")
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(0) if !buffer.is_empty() && self.hasher.size() < self.size => {
                Err(self.fail(ArchiveError::Truncated))
            }
            Ok(count) => {
                self.hasher.update(&buffer[..count]);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(ArchiveError::of_stream(error))),
        }
    }
}
