//! The end of a zip file: where its directory lies.
//!
//! The `zip` crate looks for an end record and takes the first that fits; here the end record must
//! be the last thing in the file, and agree with the zip64 one and with the place of both. Section
//! numbers are those of PKWARE's APPNOTE 6.3.10.

use std::io::{Read, Seek};

use super::ArchiveError;
use super::little_endian::{bytes_at, u16_at, u32_at, u64_at};

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
