//! Which kinds of archive there are, told by their file names.

/// A kind of archive that larder reads.
///
/// ```
/// use larder_schema::archive::ArchiveFormat;
///
/// assert_eq!(ArchiveFormat::of_name("afw-17.0.1-b8466-any.tar.zst"), Some(ArchiveFormat::TarZst));
/// assert_eq!(ArchiveFormat::of_name("afw.rpm"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArchiveFormat {
    /// A tar as it is.
    Tar,
    /// A tar in gzip (RFC 1952).
    TarGz,
    /// A tar in xz.
    TarXz,
    /// A tar in bzip2.
    TarBz2,
    /// A tar in Zstandard (RFC 8878).
    TarZst,
    /// A zip file, taken as it is.
    Zip,
    /// A Python wheel: a zip file whose `.data` folder is spread over the tree.
    Wheel,
}

/// Every spelling of a file name's end, and what it means.
const ENDINGS: [(&str, ArchiveFormat); 8] = [
    (".tar", ArchiveFormat::Tar),
    (".tar.gz", ArchiveFormat::TarGz),
    (".tgz", ArchiveFormat::TarGz),
    (".tar.xz", ArchiveFormat::TarXz),
    (".tar.bz2", ArchiveFormat::TarBz2),
    (".tar.zst", ArchiveFormat::TarZst),
    (".zip", ArchiveFormat::Zip),
    (".whl", ArchiveFormat::Wheel),
];

impl ArchiveFormat {
    /// All formats.
    pub const ALL: [Self; 7] =
        [Self::Tar, Self::TarGz, Self::TarXz, Self::TarBz2, Self::TarZst, Self::Zip, Self::Wheel];

    /// The format that a file of this name has, if it is one of them.
    pub fn of_name(name: &str) -> Option<Self> {
        ENDINGS.into_iter().find_map(|(ending, format)| {
            name.strip_suffix(ending).filter(|stem| !stem.is_empty()).map(|_| format)
        })
    }

    /// What its file names end with, without the first dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::TarGz => "tar.gz",
            Self::TarXz => "tar.xz",
            Self::TarBz2 => "tar.bz2",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
            Self::Wheel => "whl",
        }
    }

    /// The media type to serve it with.
    ///
    /// A compressed tar is served as what it is compressed with: a browser must store it, not
    /// unpack it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Tar => "application/x-tar",
            Self::TarGz => "application/gzip",
            Self::TarXz => "application/x-xz",
            Self::TarBz2 => "application/x-bzip2",
            Self::TarZst => "application/zstd",
            Self::Zip | Self::Wheel => "application/zip",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_read_back_as_its_format() {
        for format in ArchiveFormat::ALL {
            let name = format!("afw-17.0.1-b8466-any.{}", format.extension());

            assert_eq!(ArchiveFormat::of_name(&name), Some(format));
        }
    }

    #[test]
    fn other_names_have_no_format() {
        for name in ["afw.gz", "afw.7z", ".tar.gz", "tar", "", "afw.tar.zst.json"] {
            assert_eq!(ArchiveFormat::of_name(name), None, "{name}");
        }
    }
}
