//! The index beside each tree: what is in it, with checksums.

use std::fs;
use std::path::Path;

use larder_schema::contents::tree_checksum;
use larder_schema::{Entry, EntryKind, TreeChecksum};
use serde::{Deserialize, Serialize};

/// What is in a tree. Its checksum is computed from this, so it cannot lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// The entries, sorted by path.
    pub entries: Vec<Entry>,
}

impl Contents {
    /// Of these entries; where they lie in an archive does not count here.
    pub fn new(entries: &[Entry]) -> Self {
        let mut entries = entries.to_vec();
        for entry in &mut entries {
            if let EntryKind::File { offset, .. } = &mut entry.kind {
                *offset = None;
            }
        }
        Self { entries }
    }

    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// The checksum of the tree.
    pub fn tree(&self) -> TreeChecksum {
        tree_checksum(&self.entries)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(size).sum()
    }
}

fn size(entry: &Entry) -> u64 {
    match &entry.kind {
        EntryKind::File { size, .. } => *size,
        EntryKind::Link { .. } | EntryKind::Folder => 0,
    }
}
