//! The headers of a zip file: the one in front of each entry, and its record in the directory.
//!
//! The directory is read by the `zip` crate; what is checked here is what it is lenient about and
//! other readers take differently. Section numbers are those of PKWARE's APPNOTE 6.3.10.

use std::io::{self, Read};

use super::ArchiveError;
use super::little_endian::{next_bytes, next_vec, u16_at, u32_at, u64_at};
use crate::shown;

/// Checks the next record of the directory (4.3.12); gives its name and how many bytes it has.
pub(super) fn check_record(source: &mut impl Read) -> Result<(Vec<u8>, u64), ArchiveError> {
    const FIXED: usize = 46;
    let fixed: [u8; FIXED] = next_bytes(source)?;
    let name = next_vec(source, u16_at(&fixed, 28))?;
    let extra = next_vec(source, u16_at(&fixed, 30))?;
    let comment = u16_at(&fixed, 32);
    let skipped = io::copy(&mut source.take(comment.into()), &mut io::sink());
    if skipped.map_err(ArchiveError::of_stream)? != u64::from(comment) {
        return Err(ArchiveError::Truncated);
    }
    let fields = [24, 20, 42].map(|at| u32_at(&fixed, at).into());
    let sane = Extra::read(&extra).is_some_and(|extra| {
        extra.unicode_name.is_none_or(|other| other == name)
            && extra.wide.is_none_or(|wide| widen(fields, wide).is_some())
    });
    // The disk that the entry lies on.
    if !sane || u16_at(&fixed, 34) != 0 {
        return Err(ArchiveError::ZipExtra { path: shown(&String::from_utf8_lossy(&name)) });
    }
    let length = FIXED + name.len() + extra.len() + usize::from(comment);
    Ok((name, length as u64))
}

/// The header in front of an entry (4.3.7).
#[derive(Debug)]
pub(super) struct LocalHeader {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    pub(super) name: Vec<u8>,
    extra: Vec<u8>,
}

/// Flag: the sums and sizes follow the data (4.4.4, bit 3).
pub(super) const DESCRIPTOR: u16 = 1 << 3;

impl LocalHeader {
    const FIXED: usize = 30;

    /// Reads the header; `None` where there is none.
    pub(super) fn read(source: &mut impl Read) -> Result<Option<Self>, ArchiveError> {
        let fixed: [u8; Self::FIXED] = next_bytes(source)?;
        if !fixed.starts_with(b"PK\x03\x04") {
            return Ok(None);
        }
        Ok(Some(Self {
            flags: u16_at(&fixed, 6),
            method: u16_at(&fixed, 8),
            crc: u32_at(&fixed, 14),
            packed: u32_at(&fixed, 18).into(),
            unpacked: u32_at(&fixed, 22).into(),
            name: next_vec(source, u16_at(&fixed, 26))?,
            extra: next_vec(source, u16_at(&fixed, 28))?,
        }))
    }

    /// How many bytes the header has.
    pub(super) fn length(&self) -> u64 {
        (Self::FIXED + self.name.len() + self.extra.len()) as u64
    }

    /// Takes the sizes from the extra fields where they stand there; gives the name that stands
    /// there too, if one does. `None`: readers take the extra fields differently.
    pub(super) fn apply_extra(&mut self) -> Option<Option<Vec<u8>>> {
        let extra = Extra::read(&self.extra)?;
        let unicode_name = extra.unicode_name.map(<[u8]>::to_vec);
        if let Some(wide) = extra.wide {
            [self.unpacked, self.packed] = widen([self.unpacked, self.packed], wide)?;
        }
        Some(unicode_name)
    }
}

/// The extra fields (4.5.1) that say what an entry is.
struct Extra<'a> {
    /// zip64 (4.5.3).
    wide: Option<&'a [u8]>,
    /// Info-ZIP's Unicode path (4.6.9), which some readers prefer.
    unicode_name: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    /// Reads the fields, of which none may come twice.
    fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut extra = Self { wide: None, unicode_name: None };
        while bytes.len() >= 4 {
            let end = 4 + usize::from(u16_at(bytes, 2));
            let data = bytes.get(4..end)?;
            let repeated = match u16_at(bytes, 0) {
                0x0001 => extra.wide.replace(data),
                // A version and the CRC of the plain name stand in front.
                0x7075 => extra.unicode_name.replace(data.get(5..)?),
                _ => None,
            };
            if repeated.is_some() {
                return None;
            }
            bytes = &bytes[end..];
        }
        // Tools that align data leave a few zeros.
        bytes.iter().all(|&byte| byte == 0).then_some(extra)
    }
}

/// Fills in the `fields` that say that their value stands in a zip64 extra field.
///
/// Some readers take the values that were asked for one after the other, some take each by its
/// place; both must find the same.
fn widen<const N: usize>(fields: [u64; N], data: &[u8]) -> Option<[u64; N]> {
    const SAID_THERE: u64 = u32::MAX as u64;
    let mut values = data.chunks_exact(8).map(|chunk| u64_at(chunk, 0));
    let mut wide = fields;
    let mut count = 0;
    for field in wide.iter_mut().filter(|field| **field == SAID_THERE) {
        *field = values.next()?;
        count += 1;
    }
    if data.len() == count * 8 {
        return Some(wide);
    }
    let in_place = fields[..count].iter().all(|&field| field == SAID_THERE);
    let repeats = fields[count..].iter().zip(values).all(|(&field, value)| field == value);
    // A disk may follow; there is but the one.
    let disk = &data[data.len() / 8 * 8..];
    (in_place && repeats && disk.iter().all(|&byte| byte == 0)).then_some(wide)
}

/// Whether `bytes` are a data descriptor (4.3.9) for these values, in one of its four forms.
pub(super) fn is_descriptor(bytes: &[u8], crc: u32, packed: u64, unpacked: u64) -> bool {
    let bytes = match bytes.len() {
        16 | 24 => bytes.strip_prefix(b"PK\x07\x08"),
        12 | 20 => Some(bytes),
        _ => None,
    };
    let Some((claimed_crc, sizes)) = bytes.and_then(|bytes| bytes.split_at_checked(4)) else {
        return false;
    };
    let claimed = if sizes.len() == 8 {
        (u32_at(sizes, 0).into(), u32_at(sizes, 4).into())
    } else {
        (u64_at(sizes, 0), u64_at(sizes, 8))
    };
    u32_at(claimed_crc, 0) == crc && claimed == (packed, unpacked)
}
