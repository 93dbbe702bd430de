//! The version of a Python package as `M.n.p`.

use larder_schema::{Text, Version};

use super::specifier::three_numbers;

/// A package's version in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildVersion {
    /// `M.n.p`.
    pub version: Version,
    /// The version as its makers spell it, where that is another text.
    pub upstream: Option<Text>,
}

/// A version that no build can have without being told which.
#[derive(Debug, thiserror::Error)]
pub enum VersionFault {
    /// It is no version at all.
    #[error("`{text}` is no version of a Python package")]
    Malformed {
        /// The text.
        text: String,
        /// Why.
        #[source]
        source: pep440_rs::VersionParseError,
    },
    /// A pre-release, a dev version, or one with an epoch.
    #[error(
        "`{text}` is {kind}, which no `M.n.p` can say; choose the build's version with `--version \
         {product}={suggestion}`"
    )]
    NotFinal {
        /// The product.
        product: String,
        /// The text.
        text: String,
        /// What it is.
        kind: &'static str,
        /// Its numbers.
        suggestion: Version,
    },
    /// Its numbers are too large.
    #[error("`{text}` has a number that larder does not hold; choose with `--version`")]
    TooLarge {
        /// The text.
        text: String,
    },
}

/// What the build of `text` is called: `given`, else its first three numbers, filled up with zeros.
pub fn build_version(
    product: &str,
    text: &str,
    given: Option<Version>,
) -> Result<BuildVersion, VersionFault> {
    let shown = || super::shown(text);
    let read: pep440_rs::Version =
        text.parse().map_err(|source| VersionFault::Malformed { text: shown(), source })?;
    let numbers = three_numbers(read.release());
    let version = match (given, kind(&read)) {
        (Some(given), _) => given,
        (None, Some(kind)) => {
            let product = product.to_owned();
            return Err(VersionFault::NotFinal {
                product,
                text: shown(),
                kind,
                suggestion: numbers,
            });
        }
        // Read back, since there are numbers that no version of ours has.
        (None, None) => {
            numbers.to_string().parse().map_err(|_| VersionFault::TooLarge { text: shown() })?
        }
    };
    let upstream = (version.to_string() != text).then(|| text.parse().ok()).flatten();
    Ok(BuildVersion { version, upstream })
}

/// What keeps `version` from being told by its first numbers.
fn kind(version: &pep440_rs::Version) -> Option<&'static str> {
    if version.epoch() != 0 {
        Some("a version with an epoch")
    } else if version.is_dev() {
        Some("a development version")
    } else if version.is_pre() {
        Some("a pre-release")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_numbers_count_and_the_rest_is_kept() {
        let table = [
            ("2.9.0.post0", "2.9.0", Some("2.9.0.post0")),
            ("0.2026.11.2.0.34.55", "0.2026.11", Some("0.2026.11.2.0.34.55")),
            ("26.4", "26.4.0", Some("26.4")),
            ("30.2026.4300", "30.2026.4300", None),
            ("1.2.3+cu118", "1.2.3", Some("1.2.3+cu118")),
            ("1.02.3", "1.2.3", Some("1.02.3")),
        ];
        for (text, version, upstream) in table {
            let read = build_version("a", text, None).unwrap();
            assert_eq!(read.version.to_string(), version, "{text}");
            assert_eq!(read.upstream.as_ref().map(Text::as_str), upstream, "{text}");
        }
    }

    #[test]
    fn what_is_not_final_needs_a_version() {
        for text in ["2.0rc1", "2.0.dev3", "1!2.0", "2.0.post1.dev2"] {
            let refusal = build_version("a_b", text, None).unwrap_err().to_string();
            assert!(refusal.contains("--version a_b=2.0.0"), "{refusal}");
            let given = build_version("a_b", text, Some("1.9.9".parse().unwrap())).unwrap();
            assert_eq!(given.version.to_string(), "1.9.9");
            assert_eq!(given.upstream.unwrap().as_str(), text);
        }
        assert!(build_version("a", "x", None).is_err());
        assert!(build_version("a", "9007199254740992.0", None).is_err());
    }
}
