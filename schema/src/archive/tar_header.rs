//! One header block of a tar: read, and refused where readers take it differently.
//!
//! The fields are taken apart by the `tar` crate; it and other readers are lenient about them, each
//! in its own way, so what is checked here is that there is nothing to be lenient about.

use ::tar::Header;

use super::ArchiveError;

/// Size of a block, in which all of a tar is measured.
pub(super) const BLOCK: usize = 512;

/// The type of GNU tar's entries with holes.
pub(super) const GNU_SPARSE: u8 = b'S';

/// A header that all readers take alike.
#[derive(Debug)]
pub(super) struct TarHeader {
    header: Header,
    /// The type of the entry, as it is written.
    pub(super) kind: u8,
    /// Where it lies in the uncompressed tar.
    pub(super) offset: u64,
    /// The bytes that follow it.
    pub(super) size: u64,
    /// Mode bits, without a type.
    pub(super) mode: u32,
}

impl TarHeader {
    /// Reads the block at `offset`, which is not all zeros.
    pub(super) fn read(block: &[u8; BLOCK], offset: u64) -> Result<Self, ArchiveError> {
        let header = Header::from_byte_slice(block).clone();
        check_sum(&header, offset)?;
        check_format(&header, offset)?;
        check_texts(&header, offset)?;
        let old = header.as_old();
        let field = |field| move |_| ArchiveError::HeaderField { offset, field };
        check_number(&old.size, offset, "size")?;
        check_number(&old.mode, offset, "mode")?;
        let size = header.entry_size().map_err(field("size"))?;
        let mode = header.mode().map_err(field("mode"))?;
        let kind = old.linkflag[0];
        Ok(Self { header, kind, offset, size, mode })
    }

    pub(super) fn name(&self) -> Vec<u8> {
        self.header.path_bytes().into_owned()
    }

    pub(super) fn link_name(&self) -> Vec<u8> {
        self.header.link_name_bytes().unwrap_or_default().into_owned()
    }
}

fn check_sum(header: &Header, offset: u64) -> Result<(), ArchiveError> {
    // The sum's own field counts as eight spaces (POSIX pax, "ustar Interchange Format").
    let bytes = header.as_bytes();
    let sum: u32 =
        bytes[..148].iter().chain(&[b' '; 8]).chain(&bytes[156..]).map(|&b| u32::from(b)).sum();
    match header.cksum() {
        Ok(claimed) if claimed == sum => Ok(()),
        _ => Err(ArchiveError::HeaderChecksum { offset }),
    }
}

/// ustar, GNU, or nothing at all where the magic stands, and then only the types of that time.
///
/// Bytes that only GNU's own types use must be zero in a GNU header: some readers take them for the
/// front half of the name.
fn check_format(header: &Header, offset: u64) -> Result<(), ArchiveError> {
    let bytes = header.as_bytes();
    let known = match (header.as_ustar(), header.as_gnu()) {
        (Some(_), _) => true,
        (None, Some(_)) => bytes[345..500].iter().all(|&byte| byte == 0),
        (None, None) => {
            bytes[257..265].iter().all(|&byte| byte == 0)
                && matches!(header.as_old().linkflag[0], 0 | b'0'..=b'2' | b'5')
        }
    };
    // Sparse entries use these bytes, and are refused by their own name.
    if known || header.as_old().linkflag[0] == GNU_SPARSE {
        Ok(())
    } else {
        Err(ArchiveError::HeaderFormat { offset })
    }
}

/// Nothing but NULs behind the first NUL of a name.
fn check_texts(header: &Header, offset: u64) -> Result<(), ArchiveError> {
    let old = header.as_old();
    let prefix = header.as_ustar().map_or(&[][..], |ustar| &ustar.prefix[..]);
    for (field, text) in
        [("name", &old.name[..]), ("linkname", &old.linkname[..]), ("prefix", prefix)]
    {
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
        if text[end..].iter().any(|&byte| byte != 0) {
            return Err(ArchiveError::HeaderField { offset, field });
        }
    }
    Ok(())
}

/// Octal digits, with spaces in front and spaces or NULs behind; or base 256 as GNU tar writes it
/// for numbers that need more digits.
fn check_number(digits: &[u8], offset: u64, field: &'static str) -> Result<(), ArchiveError> {
    let plain = if digits[0] & 0x80 != 0 {
        let (high, low) = digits.split_at(digits.len().saturating_sub(8));
        // No sign, and no more than fits.
        matches!(high, [0x80, zeros @ ..] if zeros.iter().all(|&byte| byte == 0))
            && low.first().is_some_and(|&byte| byte < 0x80)
    } else {
        let text = digits.trim_ascii_start();
        let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        end > 0
            && digits[..digits.len() - text.len()].iter().all(|&byte| byte == b' ')
            && text[end..].iter().all(|&byte| byte == b' ' || byte == 0)
    };
    if plain { Ok(()) } else { Err(ArchiveError::HeaderField { offset, field }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(change: impl FnOnce(&mut Header)) -> [u8; BLOCK] {
        let mut header = Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_size(3);
        header.set_mode(0o755);
        change(&mut header);
        header.set_cksum();
        *header.as_bytes()
    }

    fn refusal(change: impl FnOnce(&mut Header)) -> ArchiveError {
        TarHeader::read(&block(change), 512).unwrap_err()
    }

    #[test]
    fn a_plain_header_is_read() {
        let header = TarHeader::read(&block(|_| {}), 0).unwrap();

        assert_eq!((header.size, header.mode, header.name()), (3, 0o755, b"a".to_vec()));
    }

    #[test]
    fn a_wrong_sum_is_refused() {
        let mut block = block(|_| {});
        block[0] = b'b';

        let refusal = TarHeader::read(&block, 512).unwrap_err();

        assert!(matches!(refusal, ArchiveError::HeaderChecksum { offset: 512 }));
    }

    #[test]
    fn a_strange_magic_is_refused() {
        let refusal = refusal(|header| header.as_mut_bytes()[263] = b'7');

        assert!(matches!(refusal, ArchiveError::HeaderFormat { .. }));
    }

    #[test]
    fn bytes_that_some_take_for_a_name_are_refused() {
        let refusal = refusal(|header| header.as_mut_bytes()[345] = b'7');

        assert!(matches!(refusal, ArchiveError::HeaderFormat { .. }));
    }

    #[test]
    fn bytes_behind_the_end_of_a_name_are_refused() {
        for (at, name) in [(50, "name"), (200, "linkname")] {
            let refusal = refusal(|header| header.as_mut_bytes()[at] = b'x');

            assert!(matches!(refusal, ArchiveError::HeaderField { field, .. } if field == name));
        }
    }

    #[test]
    fn numbers_have_one_reading() {
        for size in
            ["+0000000003\0", "0000x000003\0", "           \0", "3\0 3        ", "-0000000001\0"]
        {
            let refusal =
                refusal(|header| header.as_mut_bytes()[124..136].copy_from_slice(size.as_bytes()));

            assert!(
                matches!(refusal, ArchiveError::HeaderField { field: "size", .. }),
                "{size:?}: {refusal}"
            );
        }
        for size in ["00000000003\0", "          3 ", "3          \0", "000000000003"] {
            let block =
                block(|header| header.as_mut_bytes()[124..136].copy_from_slice(size.as_bytes()));

            assert_eq!(TarHeader::read(&block, 0).unwrap().size, 3, "{size:?}");
        }
    }

    #[test]
    fn numbers_in_base_256_are_read_and_negative_ones_refused() {
        let large = block(|header| header.set_size(1 << 40));
        assert_eq!(TarHeader::read(&large, 0).unwrap().size, 1 << 40);

        let refusal = refusal(|header| header.as_mut_bytes()[124..136].fill(0xff));

        assert!(matches!(refusal, ArchiveError::HeaderField { field: "size", .. }));
    }
}
