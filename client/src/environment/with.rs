//! What is asked for when a product is replaced.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use larder_schema::ProductName;
use larder_schema::product::ParseProductNameError;

/// What is asked for: `PRODUCT=FOLDER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct With {
    /// The product.
    pub product: ProductName,
    /// The folder, as it was given.
    pub folder: PathBuf,
}

/// A word does not say what is replaced by what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseWithError {
    /// There is no `=`.
    #[error("no folder is given; write PRODUCT=FOLDER, such as afw=../afw")]
    NoEqualSign,
    /// Nothing stands before the `=`.
    #[error("no product is given; write PRODUCT=FOLDER, such as afw=../afw")]
    NoProduct,
    /// Nothing stands behind the `=`.
    #[error("no folder is given for `{product}`; write `{product}=.` for the one that you are in")]
    NoFolder {
        /// The product.
        product: ProductName,
    },
    /// What stands before the `=` names no product.
    #[error(transparent)]
    Product(#[from] ParseProductNameError),
}

impl TryFrom<OsString> for With {
    type Error = ParseWithError;

    fn try_from(word: OsString) -> Result<Self, ParseWithError> {
        let mut parts = word.as_bytes().splitn(2, |byte| *byte == b'=');
        let (Some(product), Some(folder)) = (parts.next(), parts.next()) else {
            return Err(ParseWithError::NoEqualSign);
        };
        if product.is_empty() {
            return Err(ParseWithError::NoProduct);
        }
        let product: ProductName = String::from_utf8_lossy(product).parse()?;
        if folder.is_empty() {
            return Err(ParseWithError::NoFolder { product });
        }
        Ok(Self { product, folder: OsStr::from_bytes(folder).into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(word: &str) -> With {
        OsString::from(word).try_into().unwrap()
    }

    fn refusal(word: &str) -> String {
        With::try_from(OsString::from(word)).unwrap_err().to_string()
    }

    #[test]
    fn a_product_and_its_folder_are_told_apart_by_the_first_sign() {
        let with = with("lsst.afw=../a=b");
        assert_eq!((with.product.as_str(), with.folder.to_str()), ("lsst.afw", Some("../a=b")));
    }

    #[test]
    fn a_word_that_lacks_something_says_what() {
        assert!(refusal("afw").contains("no folder is given; write PRODUCT=FOLDER"));
        assert!(refusal("=../afw").contains("no product is given"));
        assert!(refusal("afw=").contains("`afw=.`"));
        assert!(refusal("a/b=../afw").contains("`a/b` is no product name"));
        assert!(refusal("").contains("PRODUCT=FOLDER"));
    }

    #[test]
    fn a_path_that_is_no_text_is_kept_until_it_is_looked_at() {
        let word = OsStr::from_bytes(b"afw=/a\xff").to_owned();
        assert_eq!(With::try_from(word).unwrap().folder.as_os_str().as_bytes(), b"/a\xff");
        let word = OsStr::from_bytes(b"a\xff=/a").to_owned();
        assert!(matches!(With::try_from(word), Err(ParseWithError::Product(_))));
    }
}
