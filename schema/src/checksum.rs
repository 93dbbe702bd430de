//! Checksums: what identifies bytes, and the pass that computes them.
//!
//! SHA-256 is what people have at hand (`sha256sum`), BLAKE3 is what makes checking cheap; every
//! archive and file is known by both. Nothing here opens a file.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// A SHA-256 sum (FIPS 180-4), written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

/// A BLAKE3 sum of 256 bits, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blake3(pub [u8; 32]);

/// A tree checksum: what an archive unpacks to, whatever the archive was packed with.
///
/// Written `tree:<64 hex>`. See [`crate::contents::tree_checksum`] for how it is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreeChecksum(pub [u8; 32]);

/// The SHA-256 of a document or an archive, written `sha256:<64 hex>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub Sha256);

/// Any checksum that a person may have at hand.
///
/// Written `sha256:<64 hex>`, `blake3:<64 hex>` or `tree:<64 hex>`; bare 64 hex digits are read as
/// SHA-256, since that is what `sha256sum` prints.
///
/// ```
/// use larder_schema::Checksum;
///
/// let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// let checksum: Checksum = empty.parse().unwrap();
/// assert_eq!(checksum.to_string(), format!("sha256:{empty}"));
/// assert!("md5:abc".parse::<Checksum>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Checksum {
    /// Of the bytes of an archive or a file.
    Sha256(Sha256),
    /// Of the bytes of an archive or a file.
    Blake3(Blake3),
    /// Of what an archive unpacks to.
    Tree(TreeChecksum),
}

/// A text is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseChecksumError {
    /// The part before the colon names no algorithm that larder knows.
    #[error(
        "`{text}` is no checksum: write `sha256:`, `blake3:` or `tree:` and 64 hex digits, or 64 \
         hex digits alone for SHA-256"
    )]
    Unknown {
        /// The text as it was given, cut when it is long.
        text: String,
    },
    /// The digits are not 64, or not all of them lower-case hex.
    #[error("`{text}` is not 64 lower-case hex digits")]
    Digits {
        /// The text as it was given, cut when it is long.
        text: String,
    },
}

/// Writes bytes as lower-case hex.
pub fn to_hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

fn from_hex(text: &str) -> Result<[u8; 32], ParseChecksumError> {
    let refused = || ParseChecksumError::Digits { text: crate::shown(text) };
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(refused());
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(refused()),
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Ok(bytes)
}

macro_rules! sum {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// The 64 hex digits alone.
            pub fn to_hex(&self) -> String {
                to_hex(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(&to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = ParseChecksumError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.strip_prefix($prefix) {
                    Some(digits) => Ok(Self(from_hex(digits)?)),
                    None => Err(ParseChecksumError::Unknown { text: crate::shown(text) }),
                }
            }
        }

        crate::text_serde!($name);
    };
}

sum!(Sha256, "");
sum!(Blake3, "");
sum!(TreeChecksum, "tree:");

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Digest {
    type Err = ParseChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("sha256:") {
            Some(digits) => Ok(Self(digits.parse()?)),
            None => Err(ParseChecksumError::Unknown { text: crate::shown(text) }),
        }
    }
}

crate::text_serde!(Digest);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::of(bytes))
    }
}

impl Sha256 {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl Blake3 {
    /// The BLAKE3 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(sum) => write!(f, "sha256:{sum}"),
            Self::Blake3(sum) => write!(f, "blake3:{sum}"),
            Self::Tree(sum) => sum.fmt(f),
        }
    }
}

impl FromStr for Checksum {
    type Err = ParseChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sha256", digits)) => Ok(Self::Sha256(digits.parse()?)),
            Some(("blake3", digits)) => Ok(Self::Blake3(digits.parse()?)),
            Some(("tree", _)) => Ok(Self::Tree(text.parse()?)),
            None if text.len() == 64 => Ok(Self::Sha256(text.parse()?)),
            _ => Err(ParseChecksumError::Unknown { text: crate::shown(text) }),
        }
    }
}

crate::text_serde!(Checksum);

impl From<Digest> for Checksum {
    fn from(digest: Digest) -> Self {
        Self::Sha256(digest.0)
    }
}

impl From<Sha256> for Checksum {
    fn from(sum: Sha256) -> Self {
        Self::Sha256(sum)
    }
}

/// Bytes read at once where a whole source is summed.
const READ_BYTES: usize = 128 * 1024;

/// Both sums of some bytes, and how many they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// SHA-256 of the bytes.
    pub sha256: Sha256,
    /// BLAKE3 of the bytes.
    pub blake3: Blake3,
    /// Number of bytes.
    pub size: u64,
}

/// Computes SHA-256 and BLAKE3 in one pass.
///
/// ```
/// use larder_schema::Hasher;
///
/// let mut hasher = Hasher::new();
/// hasher.update(b"lsst");
/// assert_eq!(hasher.finish().size, 4);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Hasher {
    sha256: sha2::Sha256,
    blake3: blake3::Hasher,
    size: u64,
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.blake3.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Takes in all that `source` gives until its end.
    pub fn take_all(&mut self, source: &mut impl io::Read) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// How many bytes came in so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The sums of all bytes that came in.
    pub fn finish(&self) -> Sums {
        Sums {
            sha256: Sha256(self.sha256.clone().finalize().into()),
            blake3: Blake3(*self.blake3.finalize().as_bytes()),
            size: self.size,
        }
    }
}

impl Sums {
    /// The sums of bytes that are at hand.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_digits_are_sha256() {
        let sums = Sums::of(b"");

        let bare: Checksum = sums.sha256.to_hex().parse().unwrap();

        assert_eq!(bare, Checksum::Sha256(sums.sha256));
    }

    #[test]
    fn upper_case_and_short_digits_are_refused() {
        let upper = Sums::of(b"x").sha256.to_hex().to_uppercase();
        assert!(upper.parse::<Checksum>().is_err());
        assert!("sha256:abc".parse::<Checksum>().is_err());
        assert!("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709".parse::<Checksum>().is_err());
        assert!("é".repeat(32).parse::<Checksum>().is_err());
    }

    #[test]
    fn one_pass_gives_what_two_give() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        let mut hasher = Hasher::new();
        bytes.chunks(777).for_each(|chunk| hasher.update(chunk));

        let sums = hasher.finish();

        assert_eq!(sums.sha256, Sha256::of(&bytes));
        assert_eq!(sums.blake3, Blake3::of(&bytes));
        assert_eq!(sums.size, 100_000);
        let mut hasher = Hasher::new();
        hasher.take_all(&mut &bytes[..]).unwrap();
        assert_eq!(hasher.finish(), sums);
    }

    proptest::proptest! {
        #[test]
        fn printed_checksums_read_back(bytes: [u8; 32], kind in 0..3) {
            let checksum = match kind {
                0 => Checksum::Sha256(Sha256(bytes)),
                1 => Checksum::Blake3(Blake3(bytes)),
                _ => Checksum::Tree(TreeChecksum(bytes)),
            };
            proptest::prop_assert_eq!(checksum.to_string().parse::<Checksum>().unwrap(), checksum);
        }
    }
}
