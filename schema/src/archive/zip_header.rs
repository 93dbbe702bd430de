//! The fixed parts of a zip file: its end record, and the header in front of each entry.
//!
//! The directory is read by the `zip` crate. It looks for an end record and takes the first that
//! fits; here the end record must be the last thing in the file and agree with everything else.
//! Section numbers are those of PKWARE's APPNOTE 6.3.10.

use std::io::{self, Read, Seek, SeekFrom};

use super::ArchiveError;
use super::source::read_full;

const END: u64 = 22;
const LOCATOR: u64 = 20;
const END64: u64 = 56;

/// Where the directory lies and how many entries it has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) entries: u64,
}

impl Directory {
    /// Finds the directory of a zip file of `size` bytes by its end record (4.3.16), and by the
    /// zip64 one in front of it where there is one (4.3.14, 4.3.15).
    pub(super) fn find(source: &mut (impl Read + Seek), size: u64) -> Result<Self, ArchiveError> {
        let end_at = size.checked_sub(END).ok_or(ArchiveError::ZipEnd)?;
        let end: [u8; END as usize] = bytes_at(source, end_at)?;
        // A comment would follow; what is in it, some readers take for another end record.
        if !end.starts_with(b"PK\x05\x06") || u16_at(&end, 20) != 0 {
            return Err(ArchiveError::ZipEnd);
        }
        if u16_at(&end, 4) != 0 || u16_at(&end, 6) != 0 || u16_at(&end, 8) != u16_at(&end, 10) {
            return Err(ArchiveError::ZipEndDiffers);
        }
        let narrow = Self {
            start: u32_at(&end, 16).into(),
            size: u32_at(&end, 12).into(),
            entries: u16_at(&end, 10).into(),
        };
        let (directory, directory_end) = match Self::find_wide(source, end_at)? {
            Some((wide, wide_at)) => {
                narrow.check_wide(&wide)?;
                (wide, wide_at)
            }
            None => (narrow, end_at),
        };
        if directory.start.checked_add(directory.size) == Some(directory_end) {
            Ok(directory)
        } else {
            Err(ArchiveError::ZipEndDiffers)
        }
    }

    fn find_wide(
        source: &mut (impl Read + Seek),
        end_at: u64,
    ) -> Result<Option<(Self, u64)>, ArchiveError> {
        let Some(locator_at) = end_at.checked_sub(LOCATOR) else { return Ok(None) };
        let locator: [u8; LOCATOR as usize] = bytes_at(source, locator_at)?;
        if !locator.starts_with(b"PK\x06\x07") {
            return Ok(None);
        }
        let wide_at = u64_at(&locator, 8);
        if wide_at.checked_add(END64) != Some(locator_at)
            || u32_at(&locator, 4) != 0
            || u32_at(&locator, 16) != 1
        {
            return Err(ArchiveError::ZipEndDiffers);
        }
        let wide: [u8; END64 as usize] = bytes_at(source, wide_at)?;
        let consistent = wide.starts_with(b"PK\x06\x06")
            && u64_at(&wide, 4) == END64 - 12
            && u32_at(&wide, 16) == 0
            && u32_at(&wide, 20) == 0
            && u64_at(&wide, 24) == u64_at(&wide, 32);
        if !consistent {
            return Err(ArchiveError::ZipEndDiffers);
        }
        let directory =
            Self { start: u64_at(&wide, 48), size: u64_at(&wide, 40), entries: u64_at(&wide, 32) };
        Ok(Some((directory, wide_at)))
    }

    /// Each number of the end record is the zip64 one's, or says that it stands there.
    fn check_wide(&self, wide: &Self) -> Result<(), ArchiveError> {
        let same = |narrow: u64, wide: u64, full: u64| narrow == wide || narrow == full;
        if same(self.start, wide.start, u32::MAX.into())
            && same(self.size, wide.size, u32::MAX.into())
            && same(self.entries, wide.entries, u16::MAX.into())
        {
            Ok(())
        } else {
            Err(ArchiveError::ZipEndDiffers)
        }
    }
}

/// Where the directory's record at `start` ends (4.3.12).
pub(super) fn record_end(source: &mut (impl Read + Seek), start: u64) -> Result<u64, ArchiveError> {
    const RECORD: usize = 46;
    let record: [u8; RECORD] = bytes_at(source, start)?;
    let variable: u64 = [28, 30, 32].into_iter().map(|at| u64::from(u16_at(&record, at))).sum();
    Ok(start + RECORD as u64 + variable)
}

/// The name in the directory's record at `start`.
pub(super) fn record_name(
    source: &mut (impl Read + Seek),
    start: u64,
) -> Result<Vec<u8>, ArchiveError> {
    const RECORD: usize = 46;
    let record: [u8; RECORD] = bytes_at(source, start)?;
    read_vec(source, u16_at(&record, 28).into())
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
    /// The name by an extra field, which some readers prefer (4.6.9).
    pub(super) unicode_name: Option<Vec<u8>>,
    /// How many bytes the header has.
    pub(super) length: u64,
}

/// Flag: the sums and sizes follow the data (4.4.4, bit 3).
pub(super) const DESCRIPTOR: u16 = 1 << 3;

impl LocalHeader {
    /// Reads the header; `None` where there is none, or one that contradicts itself.
    pub(super) fn read(source: &mut impl Read) -> Result<Option<Self>, ArchiveError> {
        const FIXED: usize = 30;
        let fixed: [u8; FIXED] = next_bytes(source)?;
        if !fixed.starts_with(b"PK\x03\x04") {
            return Ok(None);
        }
        let name = read_vec(source, u16_at(&fixed, 26).into())?;
        let extra = read_vec(source, u16_at(&fixed, 28).into())?;
        let length = (FIXED + name.len() + extra.len()) as u64;
        let mut header = Self {
            flags: u16_at(&fixed, 6),
            method: u16_at(&fixed, 8),
            crc: u32_at(&fixed, 14),
            packed: u32_at(&fixed, 18).into(),
            unpacked: u32_at(&fixed, 22).into(),
            name,
            unicode_name: None,
            length,
        };
        Ok(header.take_extra(&extra).map(|()| header))
    }

    /// Applies the extra fields that matter (4.5.1).
    fn take_extra(&mut self, mut extra: &[u8]) -> Option<()> {
        let mut wide = None;
        while extra.len() >= 4 {
            let end = 4 + usize::from(u16_at(extra, 2));
            let data = extra.get(4..end)?;
            match u16_at(extra, 0) {
                0x0001 if wide.replace(data).is_some() => return None,
                // Version, the CRC of the plain name, the name.
                0x7075 if self.unicode_name.replace(data.get(5..)?.to_vec()).is_some() => {
                    return None;
                }
                _ => {}
            }
            extra = &extra[end..];
        }
        // Tools that align data leave a few zeros.
        if extra.iter().any(|&byte| byte != 0) {
            return None;
        }
        match wide {
            None => Some(()),
            Some(data) => self.take_wide_sizes(data),
        }
    }

    /// Takes the sizes from a zip64 extra field (4.5.3), which must then hold both.
    ///
    /// Where the header has sizes of its own, they must be the same.
    fn take_wide_sizes(&mut self, data: &[u8]) -> Option<()> {
        const SAID_THERE: u64 = u32::MAX as u64;
        if data.is_empty() && self.unpacked != SAID_THERE && self.packed != SAID_THERE {
            return Some(());
        }
        let (unpacked, packed) = (data.get(..8)?, data.get(8..16)?);
        for (size, wide) in [(&mut self.unpacked, unpacked), (&mut self.packed, packed)] {
            let wide = u64_at(wide, 0);
            if *size != SAID_THERE && *size != wide {
                return None;
            }
            *size = wide;
        }
        Some(())
    }
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

fn bytes_at<const N: usize>(
    source: &mut (impl Read + Seek),
    at: u64,
) -> Result<[u8; N], ArchiveError> {
    source.seek(SeekFrom::Start(at)).map_err(ArchiveError::of_stream)?;
    next_bytes(source)
}

fn next_bytes<const N: usize>(source: &mut impl Read) -> Result<[u8; N], ArchiveError> {
    let mut bytes = [0; N];
    let read = read_full(source, &mut bytes).map_err(ArchiveError::of_stream)?;
    if read == N { Ok(bytes) } else { Err(ArchiveError::Truncated) }
}

pub(super) fn read_vec(source: &mut impl Read, length: usize) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = vec![0; length];
    let read = read_full(source, &mut bytes).map_err(ArchiveError::of_stream)?;
    if read == length { Ok(bytes) } else { Err(ArchiveError::Truncated) }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// An error of the `zip` crate, which carries those of the source.
pub(super) fn directory_error(error: ::zip::result::ZipError) -> ArchiveError {
    match error {
        ::zip::result::ZipError::Io(error) => match error.downcast::<ArchiveError>() {
            Ok(carried) => carried,
            Err(error) => ArchiveError::ZipDirectory(::zip::result::ZipError::Io(error)),
        },
        other => ArchiveError::ZipDirectory(other),
    }
}

/// Seeks to the beginning.
pub(super) fn rewind(source: &mut impl Seek) -> Result<(), ArchiveError> {
    source
        .seek(SeekFrom::Start(0))
        .map(drop)
        .map_err(|error: io::Error| ArchiveError::of_stream(error))
}
