//! Upload: bytes come in, are hashed on the way, checked as hostile, indexed, and kept.
//!
//! Bytes first, row second: a row never says more than the disk has. What one upload needs while
//! it is under way is in `staging`, what happens when its last byte is there in `complete`.

mod error;

pub use error::{ArchiveRefused, UploadError};
