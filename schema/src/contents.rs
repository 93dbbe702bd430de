//! Contents: what an archive unpacks to, entry by entry, and the tree checksum over it.
//!
//! Reading archives is in [`crate::archive`]; nothing here touches a file system.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::checksum::{Blake3, Sha256, TreeChecksum};

/// The key derivation context of tree checksums (BLAKE3 specification, section 2.3).
pub const TREE_CONTEXT: &str = "larder tree 1";

/// The most bytes that a path may have.
pub const MAX_PATH_BYTES: usize = 4096;
/// The most bytes that one part of a path may have; what common file systems can hold.
pub const MAX_PART_BYTES: usize = 255;
/// The most parts that a path may have.
pub const MAX_PATH_DEPTH: usize = 128;

/// A path inside a tree: relative, with `/` between its parts, that cannot leave the root by name.
///
/// UTF-8 without control characters and backslashes, no empty part, no `.`, no `..`.
///
/// ```
/// use larder_schema::EntryPath;
///
/// assert!("lib/libafw.so".parse::<EntryPath>().is_ok());
/// assert!("../etc/passwd".parse::<EntryPath>().is_err());
/// assert!("/etc/passwd".parse::<EntryPath>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryPath(String);

/// A path that no tree may hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path `{path}` {fault}")]
pub struct ParsePathError {
    /// The path, with control characters escaped, cut when it is long.
    pub path: String,
    /// What is wrong with it.
    pub fault: PathFault,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// It begins with `/`.
    #[error("is absolute")]
    Absolute,
    /// A part is `..`.
    #[error("leaves the root through `..`")]
    Parent,
    /// A part is empty or `.`.
    #[error("has an empty part or a `.` in it")]
    Part,
    /// A control character, among them NUL and newline.
    #[error("has a control character in it")]
    Control,
    /// A backslash, which other systems take for a separator.
    #[error("has a backslash in it")]
    Backslash,
    /// A colon, where paths stand in a list such as `PATH`.
    #[error("has a colon in it, which makes two paths of it in a list such as PATH")]
    Colon,
    /// It is not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// More bytes or parts than any file system here holds.
    #[error("is too long or too deep")]
    TooLong,
}

impl EntryPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folder that it lies in, or `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// All folders above it, the outermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }

    /// Reads a path from the bytes that an archive holds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParsePathError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.parse(),
            Err(_) => Err(ParsePathError {
                path: crate::shown(&String::from_utf8_lossy(bytes)),
                fault: PathFault::NotUtf8,
            }),
        }
    }
}

fn path_fault(text: &str) -> Option<PathFault> {
    if text.is_empty() {
        return Some(PathFault::Empty);
    }
    if text.starts_with('/') {
        return Some(PathFault::Absolute);
    }
    if text.chars().any(char::is_control) {
        return Some(PathFault::Control);
    }
    if text.contains('\\') {
        return Some(PathFault::Backslash);
    }
    if text.len() > MAX_PATH_BYTES || text.split('/').count() > MAX_PATH_DEPTH {
        return Some(PathFault::TooLong);
    }
    text.split('/').find_map(|part| match part {
        ".." => Some(PathFault::Parent),
        "" | "." => Some(PathFault::Part),
        _ if part.len() > MAX_PART_BYTES => Some(PathFault::TooLong),
        _ => None,
    })
}

impl FromStr for EntryPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match path_fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => Err(ParsePathError { path: crate::shown(text), fault }),
        }
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

crate::text_serde!(EntryPath);

/// One thing that an archive unpacks to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Entry {
    /// Where it lies in the tree.
    pub path: EntryPath,
    /// What it is.
    #[serde(flatten)]
    pub kind: EntryKind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum EntryKind {
    /// A regular file; a hard link in an archive is one, with the bytes that it links to.
    File {
        /// Bytes.
        size: u64,
        /// SHA-256 of the bytes.
        sha256: Sha256,
        /// BLAKE3 of the bytes.
        blake3: Blake3,
        /// Whether the owner may execute it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        executable: bool,
        /// Where the bytes lie: in the uncompressed tar, or in the zip file (its local header).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<u64>,
    },
    /// A symbolic link that stays inside the tree.
    Link {
        /// What it points to, relative to the folder that it lies in.
        target: String,
    },
    /// A folder that the archive names; only empty ones count in the tree checksum.
    Folder,
}

/// The tree checksum of `entries`, in whatever order they come.
///
/// BLAKE3 in derive-key mode, context [`TREE_CONTEXT`], over one line for each file, link and empty
/// folder, sorted by path bytes: `f`, `x` (owner may execute), `l` or `d`; TAB; plain BLAKE3 of the
/// bytes, of the link target, or for `d` of no bytes; TAB; path; LF. Folders that hold something do
/// not count. The entries must not name a path twice.
///
/// The vectors in `tests/vectors/tree.json` are for those who compute it elsewhere.
pub fn tree_checksum<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> TreeChecksum {
    let mut sorted: Vec<&Entry> = entries.into_iter().collect();
    sorted.sort_unstable_by(|a, b| a.path.as_str().as_bytes().cmp(b.path.as_str().as_bytes()));
    let mut hasher = blake3::Hasher::new_derive_key(TREE_CONTEXT);
    let occupied = occupied_folders(&sorted);
    for entry in sorted {
        let (letter, sum) = match &entry.kind {
            EntryKind::File { blake3, executable: false, .. } => (b'f', *blake3),
            EntryKind::File { blake3, executable: true, .. } => (b'x', *blake3),
            EntryKind::Link { target } => (b'l', Blake3::of(target.as_bytes())),
            EntryKind::Folder if occupied.contains(entry.path.as_str()) => continue,
            EntryKind::Folder => (b'd', Blake3::of(b"")),
        };
        hasher.update(&[letter, b'\t']);
        hasher.update(sum.to_hex().as_bytes());
        hasher.update(b"\t");
        hasher.update(entry.path.as_str().as_bytes());
        hasher.update(b"\n");
    }
    TreeChecksum(*hasher.finalize().as_bytes())
}

fn occupied_folders<'a>(entries: &[&'a Entry]) -> std::collections::HashSet<&'a str> {
    entries.iter().flat_map(|entry| entry.path.ancestors()).collect()
}

/// Whether a link at `path` with `target` stays inside the tree, judged by the two names alone.
///
/// That another link lies on the way is judged by the reader, which knows all entries.
pub fn link_stays_inside(path: &EntryPath, target: &str) -> bool {
    if target.is_empty()
        || target.starts_with('/')
        || target.len() > MAX_PATH_BYTES
        || target.contains('\\')
        || target.chars().any(char::is_control)
    {
        return false;
    }
    let mut depth = path.ancestors().count();
    for part in target.split('/') {
        match part {
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
    true
}
