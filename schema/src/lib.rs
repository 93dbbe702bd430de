//! The vocabulary of larder.
#[cfg(feature = "archive")]
pub mod archive;
pub mod checksum;
pub mod contents;
mod text;

pub use checksum::{Blake3, Checksum, Digest, Hasher, Sha256, Sums, TreeChecksum};
pub use contents::{Entry, EntryKind, EntryPath};
pub(crate) use text::shown;
