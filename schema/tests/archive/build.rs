//! Makes archives byte by byte, so that a test can make any mistake in one.

use std::io::Write as _;

/// A tar in the making. What is wrong in it is wrong because a test said so.
#[derive(Clone, Default)]
pub(crate) struct Tar(Vec<u8>);

/// A header of a tar, GNU by default.
pub(crate) struct Head(tar::Header);

impl Head {
    /// A header for `size` bytes; names that do not fit are cut.
    pub(crate) fn new(kind: u8, name: &[u8], size: u64) -> Self {
        let mut header = tar::Header::new_gnu();
        let length = name.len().min(100);
        header.as_old_mut().name[..length].copy_from_slice(&name[..length]);
        header.as_old_mut().linkflag[0] = kind;
        header.set_size(size);
        header.set_mode(if kind == b'5' { 0o755 } else { 0o644 });
        Self(header)
    }

    pub(crate) fn to(mut self, target: &[u8]) -> Self {
        self.0.as_old_mut().linkname[..target.len()].copy_from_slice(target);
        self
    }

    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.0.set_mode(mode);
        self
    }

    /// ustar's magic instead of GNU's.
    pub(crate) fn ustar(self) -> Self {
        self.bytes(257, b"ustar\x0000")
    }

    /// No magic at all, as before ustar.
    pub(crate) fn v7(self) -> Self {
        self.bytes(257, &[0; 8])
    }

    pub(crate) fn bytes(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0.as_mut_bytes()[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }
}

impl Tar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn put(mut self, mut head: Head, content: &[u8]) -> Self {
        head.0.set_cksum();
        self.0.extend(head.0.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, name: &str, content: &[u8]) -> Self {
        self.put(Head::new(b'0', name.as_bytes(), content.len() as u64), content)
    }

    pub(crate) fn folder(self, name: &str) -> Self {
        self.put(Head::new(b'5', name.as_bytes(), 0), b"")
    }

    pub(crate) fn link(self, name: &str, target: &str) -> Self {
        self.put(Head::new(b'2', name.as_bytes(), 0).to(target.as_bytes()), b"")
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.put(Head::new(b'1', name.as_bytes(), 0).to(target.as_bytes()), b"")
    }

    /// A header that speaks of the next one: `x`, `g`, `L` or `K`.
    pub(crate) fn extended(self, kind: u8, content: &[u8]) -> Self {
        self.put(Head::new(kind, b"extended", content.len() as u64), content)
    }

    /// A PAX header of these records.
    pub(crate) fn pax(self, kind: u8, records: &[(&str, &str)]) -> Self {
        let content: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.extended(kind, content.as_bytes())
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// The bytes so far, without an end marker.
    pub(crate) fn cut(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).cut()
    }
}

/// A PAX record, whose length counts its own digits.
pub(crate) fn record(key: &str, value: &str) -> String {
    let bare = key.len() + value.len() + 3;
    let length =
        (1..).map(|digits| bare + digits).find(|length| length.to_string().len() + bare == *length);
    format!("{} {key}={value}\n", length.unwrap_or_default())
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(bytes: &[u8], preset: u32) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), preset);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn bz2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// A zstd frame that wants a window of 2 to the `window_log` bytes.
pub(crate) fn zst_window(bytes: &[u8], window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(window_log).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The fields that a zip file writes twice for an entry: once in front of it, once in the directory.
#[derive(Clone)]
pub(crate) struct Fields {
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u32,
    pub(crate) unpacked: u32,
    pub(crate) name: Vec<u8>,
    pub(crate) extra: Vec<u8>,
}

impl Fields {
    fn write(&self, to: &mut Vec<u8>) {
        for field in [self.flags, self.method, 0, 0x21] {
            to.extend(field.to_le_bytes());
        }
        for field in [self.crc, self.packed, self.unpacked] {
            to.extend(field.to_le_bytes());
        }
        to.extend((self.name.len() as u16).to_le_bytes());
        to.extend((self.extra.len() as u16).to_le_bytes());
    }
}

/// An entry of a zip file, right in all its parts until a test changes one.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) local: Fields,
    pub(crate) central: Fields,
    pub(crate) data: Vec<u8>,
    /// What follows the data.
    pub(crate) behind: Vec<u8>,
    pub(crate) system: u8,
    pub(crate) mode: u32,
    /// Where the directory says that the entry lies, if not where it does.
    pub(crate) offset: Option<u32>,
    /// Left out of the directory.
    pub(crate) hidden: bool,
}

impl Item {
    pub(crate) fn stored(name: &str, content: &[u8]) -> Self {
        Self::new(name, content, 0, content.to_vec())
    }

    pub(crate) fn deflated(name: &str, content: &[u8]) -> Self {
        Self::new(name, content, 8, deflate(content))
    }

    fn new(name: &str, content: &[u8], method: u16, data: Vec<u8>) -> Self {
        let fields = Fields {
            flags: if name.is_ascii() { 0 } else { 1 << 11 },
            method,
            crc: crc(content),
            packed: data.len() as u32,
            unpacked: content.len() as u32,
            name: name.into(),
            extra: Vec::new(),
        };
        let (local, central) = (fields.clone(), fields);
        let mode = if name.ends_with('/') { 0o040_755 } else { 0o100_644 };
        Self { local, central, data, behind: vec![], system: 3, mode, offset: None, hidden: false }
    }

    pub(crate) fn link(name: &str, target: &str) -> Self {
        Self::stored(name, target.as_bytes()).mode(0o120_777)
    }

    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Changes the item; for what only one of the two headers has.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Changes both headers alike.
    pub(crate) fn both(mut self, change: impl Fn(&mut Fields)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    /// Says sums and sizes behind the data, as one does who cannot seek.
    pub(crate) fn streamed(self) -> Self {
        self.both(|fields| fields.flags |= 1 << 3).but(|item| {
            let Fields { crc, packed, unpacked, .. } = item.local;
            item.behind = b"PK\x07\x08".to_vec();
            for field in [crc, packed, unpacked] {
                item.behind.extend(field.to_le_bytes());
            }
            (item.local.crc, item.local.packed, item.local.unpacked) = (0, 0, 0);
        })
    }
}

/// The end record of a zip file.
pub(crate) fn zip_end(entries: u16, size: u32, start: u32) -> Vec<u8> {
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend(entries.to_le_bytes());
    end.extend(entries.to_le_bytes());
    end.extend(size.to_le_bytes());
    end.extend(start.to_le_bytes());
    end.extend([0, 0]);
    end
}

/// The zip64 end record and its locator.
pub(crate) fn zip64_end(entries: u64, size: u64, start: u64) -> Vec<u8> {
    let at = start + size;
    let mut end = b"PK\x06\x06".to_vec();
    end.extend(44_u64.to_le_bytes());
    end.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for field in [entries, entries, size, start] {
        end.extend(field.to_le_bytes());
    }
    end.extend(b"PK\x06\x07\0\0\0\0");
    end.extend(at.to_le_bytes());
    end.extend([1, 0, 0, 0]);
    end
}

/// The entries of a zip file and its directory, without an end record, and where the latter lies.
pub(crate) fn zip_body(items: &[Item]) -> (Vec<u8>, u16, u32, u32) {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    let mut listed = 0;
    for item in items {
        let offset = item.offset.unwrap_or(bytes.len() as u32);
        bytes.extend(b"PK\x03\x04\x14\0");
        item.local.write(&mut bytes);
        for part in [&item.local.name, &item.local.extra, &item.data, &item.behind] {
            bytes.extend(part);
        }
        if item.hidden {
            continue;
        }
        listed += 1;
        directory.extend(b"PK\x01\x02\x14");
        directory.extend([item.system, 0x14, 0]);
        item.central.write(&mut directory);
        // Length of a comment, disk, internal attributes.
        directory.extend([0; 6]);
        directory.extend((item.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&item.central.name);
        directory.extend(&item.central.extra);
    }
    let (start, size) = (bytes.len() as u32, directory.len() as u32);
    bytes.extend(directory);
    (bytes, listed, size, start)
}

pub(crate) fn zip(items: &[Item]) -> Vec<u8> {
    let (mut bytes, entries, size, start) = zip_body(items);
    bytes.extend(zip_end(entries, size, start));
    bytes
}
