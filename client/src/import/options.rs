//! What an import is told beside the files.

use std::str::FromStr;

use larder_schema::version::ParseVersionError;
use larder_schema::{BuildId, Platform, Version};
use pep508_rs::{ExtraName, PackageName};

use super::{Python, shown};

/// What one import of wheels is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bID of all of them.
    pub build: BuildId,
    /// Versions that were chosen.
    pub versions: Vec<VersionChoice>,
    /// Extras asked for.
    pub extras: Vec<ExtraName>,
    /// The platform asked for.
    pub platform: Option<Platform>,
    /// The Python asked for.
    pub python: Option<Python>,
}

/// `PRODUCT=M.n.p`, or `M.n.p` alone for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionChoice {
    /// For which product.
    pub product: Option<PackageName>,
    /// The build's version.
    pub version: Version,
}

/// A text chooses no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseVersionChoiceError {
    /// The part before the `=` is no product.
    #[error("`{text}` is no product: write `PRODUCT=M.n.p`")]
    Product {
        /// The part.
        text: String,
    },
    /// The rest is no version.
    #[error(transparent)]
    Version(#[from] ParseVersionError),
}

impl FromStr for VersionChoice {
    type Err = ParseVersionChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((product, version)) = text.split_once('=') else {
            return Ok(Self { product: None, version: text.parse()? });
        };
        let product = PackageName::new(product.to_owned())
            .map_err(|_| ParseVersionChoiceError::Product { text: shown(product) })?;
        Ok(Self { product: Some(product), version: version.parse()? })
    }
}
