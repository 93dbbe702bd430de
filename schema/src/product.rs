//! Names of products, distributions and tags.

use std::fmt;
use std::str::FromStr;

/// The name of a product or of a distribution, such as `afw` or `lsst_distrib`.
///
/// `[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}`, case kept, no trailing dot, and no name that some system
/// takes for a device (`CON`, `nul.txt`).
///
/// ```
/// use larder_schema::ProductName;
///
/// let utils: ProductName = "lsst.utils".parse().unwrap();
/// assert_eq!(utils.skeleton(), "lsst-utils");
/// assert!("_private".parse::<ProductName>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductName(String);

/// A text is no name of a product.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no product name: {fault}")]
pub struct ParseProductNameError {
    text: String,
    fault: &'static str,
}

const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

fn is_device(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text).to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
    });
    numbered || DEVICES.contains(&stem.as_str())
}

impl FromStr for ProductName {
    type Err = ParseProductNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |fault| Err(ParseProductNameError { text: crate::shown(text), fault });
        if text.is_empty() || text.len() > 128 {
            return refused("it has 1 to 128 characters");
        }
        if !text.as_bytes()[0].is_ascii_alphanumeric() {
            return refused("it begins with a letter or a digit");
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte)) {
            return refused("it has letters, digits and `_.+-` only");
        }
        if text.ends_with('.') {
            return refused("it does not end with a dot");
        }
        if is_device(text) {
            return refused("some systems take it for a device");
        }
        Ok(Self(text.to_owned()))
    }
}

impl ProductName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two names must not share: lower case, runs of `-_.+` become one `-`.
    ///
    /// So `lsst.utils` cannot pose as `lsst-utils` (PEP 503 does the same for Python).
    pub fn skeleton(&self) -> String {
        let mut skeleton = String::with_capacity(self.0.len());
        for character in self.0.chars() {
            if !"-_.+".contains(character) {
                skeleton.push(character.to_ascii_lowercase());
            } else if !skeleton.ends_with('-') {
                skeleton.push('-');
            }
        }
        skeleton
    }

    /// The name of the environment variable that points to this product's folder: `AFW_DIR`.
    ///
    /// Upper case, other characters become `_`, and a digit in front gets a `_` before it.
    pub fn dir_variable(&self) -> String {
        let upper: String = self
            .0
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        let digit_first = upper.starts_with(|c: char| c.is_ascii_digit());
        format!("{}{upper}_DIR", if digit_first { "_" } else { "" })
    }
}

/// A label: a tag, or a distribution's version that is no number, such as `w_2026_47`.
///
/// `[A-Za-z][A-Za-z0-9_.]{0,63}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(String);

/// A text is no label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no tag or label: it begins with a letter, then at most 63 letters, digits, `_` \
     and `.`"
)]
pub struct ParseLabelError {
    text: String,
}

impl FromStr for Label {
    type Err = ParseLabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = (1..=64).contains(&text.len())
            && text.as_bytes()[0].is_ascii_alphabetic()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseLabelError { text: crate::shown(text) })
        }
    }
}

impl Label {
    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        crate::text_serde!($name);
    };
}

as_text!(ProductName);
as_text!(Label);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_and_trailing_dots_are_refused() {
        for text in ["CON", "nul.tar", "com1", "afw.", "", "-x", "a b", "a/b", "é"] {
            assert!(text.parse::<ProductName>().is_err(), "{text}");
        }
        for text in ["afw", "GalSim", "7zip", "console", "com10", "lsst.utils", "boost+x"] {
            assert!(text.parse::<ProductName>().is_ok(), "{text}");
        }
    }

    #[test]
    fn twins_share_a_skeleton() {
        let names = ["lsst.utils", "lsst-utils", "lsst_utils", "LSST--_utils", "lsst+utils"];
        for name in names {
            assert_eq!(name.parse::<ProductName>().unwrap().skeleton(), "lsst-utils", "{name}");
        }
    }

    #[test]
    fn folder_variables_are_names_that_a_shell_takes() {
        let variable = |name: &str| name.parse::<ProductName>().unwrap().dir_variable();
        assert_eq!(variable("afw"), "AFW_DIR");
        assert_eq!(variable("lsst-utils+x"), "LSST_UTILS_X_DIR");
        assert_eq!(variable("7zip"), "_7ZIP_DIR");
    }

    #[test]
    fn labels_begin_with_a_letter() {
        assert!("w_2026_47".parse::<Label>().is_ok());
        assert!("w.2026.47".parse::<Label>().is_ok());
        for text in ["", "1x", "a-b", "a/b", &"a".repeat(65)] {
            assert!(text.parse::<Label>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn names_read_back(text in "[A-Za-z0-9][A-Za-z0-9_.+-]{0,30}") {
            if let Ok(name) = text.parse::<ProductName>() {
                proptest::prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
