//! The sum of one part, which came with it (tus, checksum extension).

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

/// What `Upload-Checksum` says: `sha1 <base64>` or `sha256 <base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSum {
    algorithm: Algorithm,
    digest: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha1,
    Sha256,
}

/// A text is no sum of a part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no `Upload-Checksum`: write `sha1` or `sha256`, a space, and the sum in base64",
    .text.escape_debug()
)]
pub struct ParsePartSumError {
    text: String,
}

impl FromStr for PartSum {
    type Err = ParsePartSumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParsePartSumError { text: text.chars().take(120).collect() };
        let (name, sum) = text.split_once(' ').ok_or_else(refused)?;
        let (algorithm, length) = match name {
            "sha1" => (Algorithm::Sha1, 20),
            "sha256" => (Algorithm::Sha256, 32),
            _ => return Err(refused()),
        };
        let digest = STANDARD.decode(sum.trim()).map_err(|_| refused())?;
        if digest.len() == length { Ok(Self { algorithm, digest }) } else { Err(refused()) }
    }
}

/// Computes the sum of a part while it comes.
#[derive(Clone, Debug)]
pub(super) enum PartHasher {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl PartHasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}

impl PartSum {
    pub(super) fn hasher(&self) -> PartHasher {
        match self.algorithm {
            Algorithm::Sha1 => PartHasher::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => PartHasher::Sha256(sha2::Sha256::new()),
        }
    }

    /// Whether these bytes have this sum.
    pub(super) fn is_of(&self, bytes: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        self.fits(hasher)
    }

    /// Whether what was hashed has this sum.
    pub(super) fn fits(&self, hasher: PartHasher) -> bool {
        hasher.finish() == self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_of_the_specification_are_read() {
        let sum: PartSum = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=".parse().unwrap();
        let mut hasher = sum.hasher();
        hasher.update(b"hello ");
        hasher.update(b"world");

        assert!(sum.fits(hasher));
        assert!(!sum.fits(sum.hasher()));
    }

    #[test]
    fn other_sums_are_refused() {
        for text in [
            "",
            "sha1",
            "md5 XrY7u+Ae7tCTyyK7j1rNww==",
            "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "sha1 !",
        ] {
            assert!(text.parse::<PartSum>().is_err(), "{text}");
        }
    }
}
