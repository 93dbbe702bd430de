//! `Upload-Metadata`: pairs of a key and a value in base64, divided by commas.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use larder_schema::{Checksum, Sha256};

/// What an upload says of itself. Other keys are other people's, and are not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The file's name.
    pub(super) filename: String,
    /// The sum that the whole will have.
    pub(super) sha256: Option<Sha256>,
}

/// A text is no metadata of an upload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParseMetadataError {
    /// No name, so that the format is not known.
    #[error("`Upload-Metadata` has no `filename`: its ending tells the format")]
    NoFilename,
    /// A value that is not text in base64.
    #[error("`{key}` in `Upload-Metadata` is not text in base64")]
    Value {
        /// Its key.
        key: &'static str,
    },
    /// Not a SHA-256.
    #[error("`sha256` in `Upload-Metadata` is not 64 lower-case hex digits")]
    Sum,
    /// One key twice.
    #[error("`{key}` is in `Upload-Metadata` twice")]
    Twice {
        /// The key.
        key: &'static str,
    },
}

impl FromStr for Metadata {
    type Err = ParseMetadataError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let filename = value(text, "filename")?.ok_or(ParseMetadataError::NoFilename)?;
        let sha256 = value(text, "sha256")?.map(|sum| match sum.parse() {
            Ok(Checksum::Sha256(sum)) => Ok(sum),
            _ => Err(ParseMetadataError::Sum),
        });
        Ok(Self { filename, sha256: sha256.transpose()? })
    }
}

fn value(text: &str, key: &'static str) -> Result<Option<String>, ParseMetadataError> {
    let mut values = text.split(',').filter_map(|pair| {
        let (name, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
        (name == key).then_some(value)
    });
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ParseMetadataError::Twice { key });
    }
    let bytes = STANDARD.decode(value.trim()).map_err(|_| ParseMetadataError::Value { key })?;
    String::from_utf8(bytes).map(Some).map_err(|_| ParseMetadataError::Value { key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn name_and_sum_are_read_among_others() {
        let sum = Sha256::of(b"x");
        let text = format!(
            "is_confidential,filename {}, sha256 {}",
            encoded("a.whl"),
            encoded(&sum.to_hex())
        );

        let metadata: Metadata = text.parse().unwrap();

        assert_eq!(metadata, Metadata { filename: "a.whl".to_owned(), sha256: Some(sum) });
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let parse = |text: &str| text.parse::<Metadata>().unwrap_err();

        assert_eq!(parse(""), ParseMetadataError::NoFilename);
        assert_eq!(parse("filename %%"), ParseMetadataError::Value { key: "filename" });
        let name = format!("filename {}", encoded("a.tar"));
        assert_eq!(parse(&format!("{name},{name}")), ParseMetadataError::Twice { key: "filename" });
        let sum = format!("{name},sha256 {}", encoded("blake3:00"));
        assert_eq!(parse(&sum), ParseMetadataError::Sum);
    }
}
