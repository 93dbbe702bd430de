//! Why an upload is refused or broke off.

use std::io;

use larder_schema::Sha256;
use larder_schema::archive::ArchiveError;

use crate::access::Denied;
use crate::{blobs, catalog};

/// Why an upload is refused or broke off.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is none of this id, or it is another token's.
    #[error("there is no such upload: it is done, has expired or never was; begin a new one")]
    Unknown,
    /// The file's name tells no format.
    #[error(
        "`{}` is no archive that larder reads: it ends with .tar, .tar.gz, .tar.xz, .tar.bz2, \
         .tar.zst, .zip or .whl", .filename.escape_debug()
    )]
    Format {
        /// The name.
        filename: String,
    },
    /// Longer than an archive may be.
    #[error("an archive has at most {limit} bytes here (`archive_bytes`), this one has {length}")]
    TooLarge {
        /// How long it would be.
        length: u64,
        /// How long it may be.
        limit: u64,
    },
    /// The token has too much under way.
    #[error(
        "the token has {uploads} uploads with {bytes} bytes under way, and may have \
         {limit_uploads} with {limit_bytes}: finish or delete some first"
    )]
    OverQuota {
        /// Uploads under way.
        uploads: u64,
        /// Bytes that they have.
        bytes: u64,
        /// Uploads that there may be.
        limit_uploads: u64,
        /// Bytes that they may have.
        limit_bytes: u64,
    },
    /// The bytes are not those that come next.
    #[error("the upload stands at {offset}, not at {offered}: go on from there")]
    Offset {
        /// Where it stands.
        offset: u64,
        /// Where the bytes belong.
        offered: u64,
    },
    /// More bytes than were announced.
    #[error("more bytes came than the {length} that were announced")]
    TooMany {
        /// How many were announced.
        length: u64,
    },
    /// Another request sends to it, or it is being finished.
    #[error("another request is at this upload: wait for it, or ask where it stands")]
    Busy,
    /// Somebody asked where the upload stands, which ends a request that is under way.
    #[error("the upload goes on elsewhere: it stands at {offset}")]
    Superseded {
        /// Where it stands.
        offset: u64,
    },
    /// The body came too slowly.
    #[error("the body came too slowly: the upload stands at {offset}, go on from there")]
    Slow {
        /// Where it stands.
        offset: u64,
    },
    /// The body broke off.
    #[error("the body broke off: the upload stands at {offset}, go on from there")]
    Broken {
        /// Where it stands.
        offset: u64,
    },
    /// The part does not have the sum that came with it; nothing of it was taken.
    #[error("the bytes do not have the sum in `Upload-Checksum`: send them again from {offset}")]
    WrongPart {
        /// Where the upload stands.
        offset: u64,
    },
    /// The whole does not have the sum that was promised; the upload is gone.
    #[error(
        "the archive has the SHA-256 {found}, not {promised} as promised; nothing of it was kept"
    )]
    WrongSum {
        /// What was promised.
        promised: Sha256,
        /// What came.
        found: Sha256,
    },
    /// A build has the same bytes in another format; the upload is gone.
    #[error(
        "a build has published the very bytes of `{}` as a `.{known}`, and an archive unpacks to one \
         tree: call it that too, or pack it anew", .filename.escape_debug()
    )]
    OtherFormat {
        /// The file's name.
        filename: String,
        /// The ending of the format that it has here.
        known: &'static str,
    },
    /// The archive is refused; the upload is gone.
    #[error(transparent)]
    Refused(#[from] ArchiveRefused),
    /// The disk has no room.
    #[error("the server's disk is full: the upload stands where it was, try again later")]
    DiskFull,
    /// The machine failed.
    #[error("could not keep the bytes")]
    Io(#[source] io::Error),
    /// The archive could not be read back.
    #[error("could not read the archive back")]
    Read(#[source] ArchiveError),
    /// No randomness for an id.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The catalog failed.
    #[error("could not record the upload")]
    Catalog(#[from] catalog::Error),
    /// The blob store failed.
    #[error("could not keep the archive")]
    Blobs(#[from] blobs::Error),
    /// The server stops.
    #[error("the server stops: go on when it is back")]
    Stopped,
}

/// An archive that is refused for what is in it.
#[derive(Debug, thiserror::Error)]
#[error("the archive `{}` is refused, and nothing of it was kept", .filename.escape_debug())]
pub struct ArchiveRefused {
    /// The file's name.
    pub filename: String,
    /// Why.
    pub source: ArchiveError,
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        if blobs::is_full(error.kind()) { Self::DiskFull } else { Self::Io(error) }
    }
}
