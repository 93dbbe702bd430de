//! Why wheels are not imported.

use larder_schema::{BuildName, ProductName, Version};
use pep508_rs::{ExtraName, PackageName};

use super::{ImportFault, ParseWheelNameError, TagFault, WheelFault};

/// Wheels that cannot be imported together, or at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file's name is no wheel's.
    #[error(transparent)]
    Name(#[from] ParseWheelNameError),
    /// A file is no wheel that can be read.
    #[error("`{file}` cannot be imported")]
    Wheel {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        source: WheelFault,
    },
    /// Its tags are none that a build can have.
    #[error("`{file}` cannot be imported")]
    Tags {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        source: TagFault,
    },
    /// No record can be made of it.
    #[error("`{file}` cannot be imported")]
    Record {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        source: Box<ImportFault>,
    },
    /// Two files would be one build.
    #[error(
        "`{one}` and `{two}` would both be `{product}@{build}`; import one of them with another \
         `--build`, or choose its version with `--version {product}=M.n.p`"
    )]
    OneName {
        /// The product.
        product: ProductName,
        /// The build name.
        build: BuildName,
        /// One upstream version, or file.
        one: String,
        /// The other.
        two: String,
    },
    /// A version without a product, for several files.
    #[error("`--version {0}` does not say which of the files it is for; write `PRODUCT={0}`")]
    VersionOfWhich(Version),
    /// A version for a product that is not among the files.
    #[error("`--version {product}={version}` is for none of the files")]
    VersionOfNone {
        /// The product.
        product: PackageName,
        /// The version.
        version: Version,
    },
    /// An extra that no file provides.
    #[error("none of the files provides the extra `{0}`")]
    ExtraOfNone(ExtraName),
}

impl Error {
    /// Whether what a wheel needs cannot be read.
    pub fn is_dependency(&self) -> bool {
        matches!(self, Self::Record { source, .. } if matches!(**source, ImportFault::Dependency(_)))
    }

    /// Whether other arguments would mend it.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Name(_)
            | Self::OneName { .. }
            | Self::VersionOfWhich(_)
            | Self::VersionOfNone { .. }
            | Self::ExtraOfNone(_) => true,
            Self::Wheel { .. } => false,
            Self::Tags { source, .. } => {
                matches!(
                    source,
                    TagFault::SeveralPlatforms { .. } | TagFault::SeveralPythons { .. }
                )
            }
            Self::Record { source, .. } => matches!(**source, ImportFault::Version(_)),
        }
    }
}
