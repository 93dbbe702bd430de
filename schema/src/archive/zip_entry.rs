//! What a zip file says about one entry, in front of it and in the directory: both must agree.

use ::zip::System;
use ::zip::read::ZipFileEntry;

use super::ArchiveError;
use super::zip_content::Claims;
use super::zip_header::{DESCRIPTOR, LocalHeader};

/// Holds an entry's own header against the directory.
pub(super) fn check_headers(
    local: &mut LocalHeader,
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
    let Some(unicode_name) = local.apply_extra() else {
        return Err(ArchiveError::ZipExtra { path: path() });
    };
    // The crate puts the name of a Unicode extra field in the place of the plain one.
    let name = listed.name_raw();
    if local.name != name || unicode_name.as_ref().is_some_and(|other| other != name) {
        return differs("name");
    }
    if !name.is_ascii() && local.flags & UTF8 == 0 && unicode_name.is_none() {
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    Link,
}

/// What the attributes of an entry say.
pub(super) struct Mode {
    pub(super) kind: Kind,
    pub(super) executable: bool,
}

impl Mode {
    pub(super) fn of(
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
