//! Archives of every format, good and bad, made in memory.

use std::io::{Cursor, Write as _};

use larder_schema::archive::ArchiveFormat;
use tar::{EntryType, Header};

/// One entry of an archive that is to be made.
#[derive(Clone, Debug)]
pub enum Packed {
    /// A file, and whether its owner may execute it.
    File(String, Vec<u8>, bool),
    /// A symbolic link and its target.
    Link(String, String),
    /// A hard link to a file that came before.
    HardLink(String, String),
    /// An empty folder.
    Folder(String),
}

/// An archive of `format` with these entries.
///
/// A zip file has no hard links; there the file is written twice.
pub fn pack(format: ArchiveFormat, entries: &[Packed]) -> Vec<u8> {
    match format {
        ArchiveFormat::Tar => tar(entries),
        ArchiveFormat::TarGz => gzip(&tar(entries)),
        ArchiveFormat::TarXz => xz(&tar(entries)),
        ArchiveFormat::TarBz2 => bzip2(&tar(entries)),
        ArchiveFormat::TarZst => zst(&tar(entries)),
        ArchiveFormat::Zip | ArchiveFormat::Wheel => zip(entries),
    }
}

fn tar(entries: &[Packed]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        match entry {
            Packed::File(path, bytes, executable) => {
                let mode = if *executable { 0o755 } else { 0o644 };
                let mut header = header(path, EntryType::Regular, mode);
                header.set_size(bytes.len() as u64);
                header.set_cksum();
                builder.append(&header, bytes.as_slice()).unwrap();
            }
            Packed::Link(path, target) => {
                let mut header = header(path, EntryType::Symlink, 0o777);
                set_link(&mut header, target);
                builder.append(&header, &[][..]).unwrap();
            }
            Packed::HardLink(path, target) => {
                let mut header = header(path, EntryType::Link, 0o644);
                set_link(&mut header, target);
                builder.append(&header, &[][..]).unwrap();
            }
            Packed::Folder(path) => {
                let header = header(&format!("{path}/"), EntryType::Directory, 0o755);
                builder.append(&header, &[][..]).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

/// A tar header with its path as it is given, `..` and all: what a hostile archive has.
pub fn header(path: &str, kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    let name = &mut header.as_old_mut().name;
    assert!(path.len() <= name.len(), "`{path}` is too long for a plain header");
    name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(1_000);
    header.set_gid(1_000);
    header.set_mtime(1_700_000_000);
    header.set_size(0);
    header.set_cksum();
    header
}

fn set_link(header: &mut Header, target: &str) {
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
}

/// A tar of headers as they are, each with its bytes.
pub fn raw_tar(entries: &[(Header, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (header, bytes) in entries {
        builder.append(header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A tar header of a link, with its target as it is given.
pub fn link_header(path: &str, kind: EntryType, target: &str) -> Header {
    let mut header = header(path, kind, 0o777);
    set_link(&mut header, target);
    header
}

fn zip(entries: &[Packed]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let bytes_of = |wanted: &str| {
        entries.iter().find_map(|entry| {
            let Packed::File(path, bytes, executable) = entry else { return None };
            (path == wanted).then_some((bytes, *executable))
        })
    };
    for entry in entries {
        match entry {
            Packed::File(path, bytes, executable) => {
                let mode = if *executable { 0o755 } else { 0o644 };
                writer.start_file(path, stored.unix_permissions(mode)).unwrap();
                writer.write_all(bytes).unwrap();
            }
            Packed::Link(path, target) => writer.add_symlink(path, target, stored).unwrap(),
            Packed::HardLink(path, target) => {
                let (bytes, executable) = bytes_of(target).unwrap();
                let mode = if executable { 0o755 } else { 0o644 };
                writer.start_file(path, stored.unix_permissions(mode)).unwrap();
                writer.write_all(bytes).unwrap();
            }
            Packed::Folder(path) => writer.add_directory(path, stored).unwrap(),
        }
    }
    writer.finish().unwrap().into_inner()
}

/// Bytes in gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes in Zstandard.
pub fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
