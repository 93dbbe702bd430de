//! How much an archive may ask for; what happens inside these bounds is not decided here.

use super::ArchiveError;

/// Bounds on what reading one archive may cost.
///
/// Each is reported by its field's name ([`ArchiveError::Limit`]). The defaults let the largest
/// packages through that we know of, and no archive that is made to hurt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries, and folders that no entry names but that lie on the way to one.
    ///
    /// Each costs about half a KiB of memory while a tar is read, and three quarters in a zip file.
    /// A whole conda environment in one archive has about 200,000.
    pub entries: u64,
    /// Bytes of all paths and link targets together; they are held in memory twice.
    pub name_bytes: u64,
    /// Bytes of a zip file's directory, which is held in memory.
    pub directory_bytes: u64,
    /// Bytes of one extended header of a tar (a long name, PAX records with extended attributes).
    pub header_bytes: u64,
    /// Bytes that it unpacks to: of the uncompressed tar, and of all files together, where a hard
    /// link counts like the file that it is once it is copied.
    pub unpacked_bytes: u64,
    /// How many times larger than the archive the unpacked bytes may be.
    ///
    /// Text and object code shrink to a fifth, generated tables to a fiftieth; the hard links of
    /// `git` make a hundredfold. gzip can reach a thousandfold, zstd and xz much more.
    pub ratio: u64,
    /// Unpacked bytes that are always allowed, whatever the ratio: small archives of empty files
    /// and zeros are no harm.
    pub ratio_floor: u64,
    /// Memory that a decompressor may take for its window.
    ///
    /// `xz -9` needs 65 MiB, `zstd --ultra -22` and `zstd --long` 128 MiB.
    pub decoder_bytes: u64,
    /// Compressed members, frames or streams in one archive; bgzip makes one for every 64 KiB.
    pub members: u64,
    /// Steps taken when symbolic links are followed through other links, all links together.
    pub link_steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            entries: 500_000,
            name_bytes: 64 * MIB,
            directory_bytes: 96 * MIB,
            header_bytes: MIB,
            unpacked_bytes: 64 * 1024 * MIB,
            ratio: 250,
            ratio_floor: 64 * MIB,
            decoder_bytes: 128 * MIB,
            members: 1_000_000,
            link_steps: 10_000_000,
        }
    }
}

/// How many bytes an archive of a given size may unpack to, and which limit says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    bytes: u64,
    name: &'static str,
    limit: u64,
}

impl Limits {
    /// The budget of an archive of `size` bytes.
    ///
    /// The whole archive counts, not what was read so far: a package may begin with zeros.
    pub(super) fn budget(&self, size: u64) -> Budget {
        let by_ratio = size.saturating_mul(self.ratio).max(self.ratio_floor);
        if by_ratio < self.unpacked_bytes {
            Budget { bytes: by_ratio, name: "ratio", limit: self.ratio }
        } else {
            let bytes = self.unpacked_bytes;
            Budget { bytes, name: "unpacked_bytes", limit: bytes }
        }
    }
}

impl Budget {
    /// Refuses `bytes` when they are more than there may be.
    pub(super) fn check(self, bytes: u64) -> Result<(), ArchiveError> {
        within(bytes, self.bytes, self.name).map_err(|_| self.exceeded())
    }

    fn exceeded(self) -> ArchiveError {
        ArchiveError::Limit { name: self.name, limit: self.limit }
    }
}

/// Refuses `value` when it is over `limit`.
pub(super) fn within(value: u64, limit: u64, name: &'static str) -> Result<(), ArchiveError> {
    if value > limit { Err(ArchiveError::Limit { name, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_mebibyte_may_not_become_a_gibibyte() {
        let budget = Limits::default().budget(MIB);

        assert!(budget.check(200 * MIB).is_ok());
        assert!(matches!(
            budget.check(1024 * MIB),
            Err(ArchiveError::Limit { name: "ratio", limit: 250 })
        ));
    }

    #[test]
    fn ten_gibibytes_that_do_not_shrink_pass() {
        assert!(Limits::default().budget(10 * 1024 * MIB).check(10 * 1025 * MIB).is_ok());
    }

    #[test]
    fn the_ratio_does_not_count_for_small_archives() {
        assert!(Limits::default().budget(300).check(50 * MIB).is_ok());
    }

    #[test]
    fn no_ratio_lifts_the_bound_on_bytes() {
        let refusal = Limits::default().budget(u64::MAX).check(100 * 1024 * MIB);

        assert!(matches!(refusal, Err(ArchiveError::Limit { name: "unpacked_bytes", .. })));
    }
}
