//! Why an archive was not read: each refusal by its name.

use std::io;

use crate::contents::ParsePathError;

/// An archive was not read to its end.
///
/// [`ArchiveError::is_hostile`] tells content that is refused from trouble of the machine that
/// reads; [`ArchiveError::Limit`] is neither.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The source could not be read.
    #[error("could not read the archive")]
    Io(#[source] io::Error),
    /// The sink failed; the archive is not to blame.
    #[error("could not put away what the archive holds")]
    Sink(#[source] io::Error),
    /// Reading it would cost more than is allowed.
    #[error("the archive goes over the limit `{name}`, which is {limit}")]
    Limit {
        /// The field of [`Limits`](super::Limits).
        name: &'static str,
        /// Its value.
        limit: u64,
    },

    /// The first bytes are not those of the format that the name promises.
    #[error("the archive does not begin like a `.{format}` file")]
    WrongFormat {
        /// The extension of the format.
        format: &'static str,
    },
    /// The compressed data contradict themselves.
    #[error("the compressed data are damaged")]
    Corrupt(#[source] io::Error),
    /// It ends in the middle.
    #[error("the archive is cut off in the middle")]
    Truncated,
    /// Something that is not compressed data follows the last compressed member.
    #[error("the archive has bytes behind the end of its compressed data")]
    TrailingBytes,

    /// A name that no tree may hold.
    #[error(transparent)]
    Path(#[from] ParsePathError),
    /// Two entries have one path.
    #[error("the archive holds `{path}` twice")]
    Duplicate {
        /// The path.
        path: String,
    },
    /// An entry lies in something that is a file.
    #[error("the entry `{path}` lies in `{file}`, which is a file")]
    InsideFile {
        /// The entry.
        path: String,
        /// The file.
        file: String,
    },
    /// An entry would be written through a symbolic link.
    #[error("the entry `{path}` lies behind the symbolic link `{link}`")]
    ThroughLink {
        /// The entry.
        path: String,
        /// The link.
        link: String,
    },
    /// A symbolic link leaves the root, by its name or through other links.
    #[error("the symbolic link `{path}` leaves the root: it points to `{target}`")]
    LinkLeaves {
        /// The link.
        path: String,
        /// What it points to.
        target: String,
    },
    /// A hard link to something other than a file that came before it.
    #[error("the hard link `{path}` points to `{target}`, which is no file that came before it")]
    HardLink {
        /// The link.
        path: String,
        /// What it points to.
        target: String,
    },
    /// A device, a pipe or a socket.
    #[error("the entry `{path}` is a {kind}")]
    Special {
        /// The entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// An entry of a type that larder does not know.
    #[error("the entry `{path}` is of the unknown type `{kind}`")]
    UnknownType {
        /// The entry.
        path: String,
        /// The type as it is written in the archive.
        kind: String,
    },
    /// An entry has the set-user-id or the set-group-id bit.
    #[error("the entry `{path}` has a set-id bit")]
    SetId {
        /// The entry.
        path: String,
    },
    /// A name or mode says folder, the other says file.
    #[error("the entry `{path}` is a folder by its name and none by its type, or the reverse")]
    FolderOrFile {
        /// The entry.
        path: String,
    },
    /// A link or a folder that brings bytes along, which readers treat differently.
    #[error("the entry `{path}` is no file but has a size")]
    UnexpectedContent {
        /// The entry.
        path: String,
    },

    /// A tar header's sum is wrong.
    #[error("the tar header at byte {offset} has a wrong checksum")]
    HeaderChecksum {
        /// Where it lies in the uncompressed tar.
        offset: u64,
    },
    /// A tar header is neither ustar, nor GNU, nor of the time before them.
    #[error("the tar header at byte {offset} is of no format that larder knows")]
    HeaderFormat {
        /// Where it lies in the uncompressed tar.
        offset: u64,
    },
    /// A number or text of a tar header that readers take differently.
    #[error("the tar header at byte {offset} has a malformed field `{field}`")]
    HeaderField {
        /// Where it lies in the uncompressed tar.
        offset: u64,
        /// The field's name.
        field: &'static str,
    },
    /// A sparse entry.
    #[error("the tar header at byte {offset} is of a sparse entry")]
    Sparse {
        /// Where it lies in the uncompressed tar.
        offset: u64,
    },
    /// PAX records that do not follow their grammar.
    #[error("the PAX header at byte {offset} is malformed")]
    PaxMalformed {
        /// Where its header lies in the uncompressed tar.
        offset: u64,
    },
    /// One key twice in one PAX header.
    #[error("the PAX header at byte {offset} has `{key}` twice")]
    PaxRepeated {
        /// Where its header lies in the uncompressed tar.
        offset: u64,
        /// The key.
        key: String,
    },
    /// A PAX key that changes what an entry is, and that larder does not follow.
    #[error("the PAX header at byte {offset} has the key `{key}`, which is not supported")]
    PaxKey {
        /// Where its header lies in the uncompressed tar.
        offset: u64,
        /// The key.
        key: String,
    },
    /// A global PAX header that names or measures entries.
    #[error("the global PAX header at byte {offset} sets `{key}` for all entries")]
    PaxGlobal {
        /// Where its header lies in the uncompressed tar.
        offset: u64,
        /// The key.
        key: String,
    },
    /// The size in the PAX header is not the one in the tar header.
    #[error("the entry `{path}` has the size {pax} in its PAX header and {header} in its own")]
    PaxSize {
        /// The entry.
        path: String,
        /// The size by the PAX header.
        pax: u64,
        /// The size by the tar header.
        header: u64,
    },
    /// Two overrides of one kind for one entry.
    #[error("the header at byte {offset} overrides an entry that is overridden already")]
    RepeatedOverride {
        /// Where it lies in the uncompressed tar.
        offset: u64,
    },
    /// PAX and GNU overrides for one entry.
    #[error("the header at byte {offset} mixes PAX and GNU overrides for one entry")]
    MixedOverrides {
        /// Where it lies in the uncompressed tar.
        offset: u64,
    },
    /// An override that no entry follows.
    #[error("the override before byte {offset} belongs to no entry")]
    StrayOverride {
        /// Where the entry should lie in the uncompressed tar.
        offset: u64,
    },
    /// The tar does not end with two blocks of zeros: it may have been cut between two entries.
    #[error("the tar has no end marker: it may be cut off")]
    NoEndMarker,
    /// Something other than zeros follows the end marker.
    #[error("the tar has data behind its end marker")]
    AfterEndMarker,

    /// The last 22 bytes are not a zip file's end record.
    #[error(
        "the zip file does not end with its end record: it is none, it is cut off, or a comment or \
         other bytes follow"
    )]
    ZipEnd,
    /// The directory is not where the end record says, or not of that size.
    #[error("the zip file's directory is not what its end record says")]
    ZipEndDiffers,
    /// The directory cannot be read.
    #[error("the zip file's directory is damaged")]
    ZipDirectory(#[source] zip::result::ZipError),
    /// Bytes that belong to no entry.
    #[error("the zip file has bytes outside its entries at byte {offset}")]
    ZipGap {
        /// Where they begin.
        offset: u64,
    },
    /// Two entries share bytes.
    #[error("the zip file's entry `{path}` overlaps another")]
    ZipOverlap {
        /// The later entry.
        path: String,
    },
    /// An entry's own header and the directory contradict each other.
    #[error("the entry `{path}` has another {field} in its own header than in the directory")]
    ZipDiffers {
        /// The entry, as the directory names it.
        path: String,
        /// What differs.
        field: &'static str,
    },
    /// The directory points to something that is no entry.
    #[error("the entry `{path}` is not where the directory says")]
    ZipNoEntry {
        /// The entry.
        path: String,
    },
    /// An extra field that contradicts the header or cannot be read.
    #[error("the entry `{path}` has a malformed or contradicting extra field")]
    ZipExtra {
        /// The entry.
        path: String,
    },
    /// A name that is not ASCII and not said to be UTF-8.
    #[error("the entry `{path}` has a name that is not ASCII and not said to be UTF-8")]
    ZipNameEncoding {
        /// The entry.
        path: String,
    },
    /// An encrypted entry.
    #[error("the entry `{path}` is encrypted")]
    ZipEncrypted {
        /// The entry.
        path: String,
    },
    /// Flags that change how an entry is read and that larder does not know.
    #[error("the entry `{path}` has the unsupported flags {flags:#06x}")]
    ZipFlags {
        /// The entry.
        path: String,
        /// All its flags.
        flags: u16,
    },
    /// A compression other than none and deflate.
    #[error("the entry `{path}` is compressed by method {method}; only 0 and 8 are read")]
    ZipMethod {
        /// The entry.
        path: String,
        /// The method's number.
        method: u16,
    },
    /// The bytes behind an entry are not its data descriptor.
    #[error("the entry `{path}` has a wrong data descriptor")]
    ZipDescriptor {
        /// The entry.
        path: String,
    },
    /// An entry does not have the size that it claims, packed or unpacked.
    #[error("the entry `{path}` is not of the size that it claims")]
    ZipSize {
        /// The entry.
        path: String,
    },
    /// An entry's bytes are not those that were packed.
    #[error("the entry `{path}` does not have the CRC that it claims")]
    ZipCrc {
        /// The entry.
        path: String,
    },

    /// A wheel without its metadata.
    #[error("the wheel has no `.dist-info` folder")]
    WheelNoInfo,
    /// A wheel with the metadata of two distributions.
    #[error("the wheel has two `.dist-info` folders: `{first}` and `{second}`")]
    WheelTwoInfos {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// A `.data` folder that installers treat differently.
    #[error(
        "the wheel's entry `{path}` has no place: only `scripts`, `data`, `purelib`, `platlib` and \
         `headers` of the wheel's own `.data` folder are known"
    )]
    WheelData {
        /// The entry.
        path: String,
    },
    /// A symbolic link in a wheel, which installers write as a file.
    #[error("the wheel's entry `{path}` is a symbolic link; wheels have none")]
    WheelLink {
        /// The entry.
        path: String,
    },
}

impl ArchiveError {
    /// Whether the archive's content is at fault, so that trying again can never help.
    pub fn is_hostile(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Sink(_) | Self::Limit { .. })
    }

    /// What an error of a stream that runs through decoders means.
    ///
    /// Errors of the source and refusals of the reader travel inside an `io::Error`; any other
    /// comes from a decoder.
    pub(super) fn of_stream(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(carried) => carried,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated,
            Err(error) => Self::Corrupt(error),
        }
    }

    /// Packs it up for the way through code that knows only `io::Error`.
    pub(super) fn into_stream(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}
