//! Compression that makes the same bytes of the same bytes: one thread, no times, no names.

use std::io::{self, Write};

use super::ArchiveFormat;

/// zstd's level: between its default and what takes minutes.
const ZSTD_LEVEL: i32 = 9;
/// xz's preset; higher ones take more memory than they save bytes.
const XZ_PRESET: u32 = 6;
/// gzip's "operating system": unknown.
const GZIP_OS: u8 = 255;

/// Compresses what is written to it.
pub enum Compressor<W: Write> {
    /// As it is.
    Plain(W),
    /// gzip.
    Gz(flate2::write::GzEncoder<W>),
    /// xz.
    Xz(liblzma::write::XzEncoder<W>),
    /// bzip2.
    Bz2(bzip2::write::BzEncoder<W>),
    /// Zstandard.
    Zst(zstd::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    /// Whether archives of `format` are written at all.
    pub fn writes(format: ArchiveFormat) -> bool {
        !matches!(format, ArchiveFormat::Zip | ArchiveFormat::Wheel)
    }

    /// Compresses into `out`.
    pub fn new(format: ArchiveFormat, out: W) -> io::Result<Self> {
        Ok(match format {
            ArchiveFormat::Tar => Self::Plain(out),
            ArchiveFormat::TarGz => {
                let builder = flate2::GzBuilder::new().mtime(0).operating_system(GZIP_OS);
                Self::Gz(builder.write(out, flate2::Compression::new(6)))
            }
            ArchiveFormat::TarXz => Self::Xz(liblzma::write::XzEncoder::new(out, XZ_PRESET)),
            ArchiveFormat::TarBz2 => {
                Self::Bz2(bzip2::write::BzEncoder::new(out, bzip2::Compression::best()))
            }
            ArchiveFormat::TarZst => {
                let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zst(encoder)
            }
            ArchiveFormat::Zip | ArchiveFormat::Wheel => {
                return Err(io::ErrorKind::Unsupported.into());
            }
        })
    }

    /// Writes what is left, and gives `out` back.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Gz(encoder) => encoder.finish(),
            Self::Xz(encoder) => encoder.finish(),
            Self::Bz2(encoder) => encoder.finish(),
            Self::Zst(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gz(encoder) => encoder.write(bytes),
            Self::Xz(encoder) => encoder.write(bytes),
            Self::Bz2(encoder) => encoder.write(bytes),
            Self::Zst(encoder) => encoder.write(bytes),
        }
    }

    /// To flush a compressor in the middle would change its bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
