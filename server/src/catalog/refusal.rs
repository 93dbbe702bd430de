//! What the catalog refuses because of what it holds.

use larder_schema::api::{DistributionName, TagState};
use larder_schema::{BuildKey, Digest, DistributionVersion, Label, Platform, ProductName, Sha256};

/// Why a publication, a tag move or a declaration was not done; then nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The build is there with another record.
    #[error("{key} is already published with another record ({stored}, not {offered})")]
    BuildTaken {
        /// The key.
        key: BuildKey,
        /// The digest of what is there.
        stored: Digest,
        /// The digest of what was offered.
        offered: Digest,
        /// The archive that is there.
        stored_archive: Option<Sha256>,
    },
    /// The distribution is there with other contents.
    #[error(
        "{} {} for {} is already published with other contents ({stored}, not {offered})",
        .name.name, .name.version, .name.platform
    )]
    DistributionTaken {
        /// Its name.
        name: DistributionName,
        /// The digest of what is there.
        stored: Digest,
        /// The digest of what was offered.
        offered: Digest,
    },
    /// Archives are not there.
    #[error("the server lacks {} of the archives", .missing.len())]
    ArchivesMissing {
        /// Which.
        missing: Vec<Sha256>,
    },
    /// Another product has a name that reads the same.
    #[error("`{offered}` reads like the product `{stored}`, which is there already")]
    Twin {
        /// The new name.
        offered: ProductName,
        /// The one that is there.
        stored: ProductName,
    },
    /// Products are new, and are to be approved first.
    #[error(
        "{} new here, and an admin approves new products: `larder product approve {}`; publish \
         again then, no bytes are sent twice", are(.products), some(.products)
    )]
    NewProducts {
        /// Which.
        products: Vec<ProductName>,
    },
    /// A repository belongs to another product.
    #[error("the repository {repository} belongs to the product `{product}`, and to no other")]
    RepositoryTaken {
        /// The repository, without scheme and user.
        repository: String,
        /// The product.
        product: ProductName,
    },
    /// A name is a tag and would be a version too, or the other way round.
    #[error("`{label}` of `{name}` cannot be a tag and a version at once")]
    TagIsVersion {
        /// The distribution.
        name: ProductName,
        /// The label.
        label: Label,
    },
    /// The tag would point to nothing.
    #[error("there is no {name} {version} here{}", there_are(.versions))]
    NoSuchVersion {
        /// The distribution.
        name: ProductName,
        /// The version.
        version: DistributionVersion,
        /// The last few that are there.
        versions: Vec<DistributionVersion>,
    },
    /// The tag would point to what is not there for all platforms that it must be there for.
    #[error(
        "{name} {version} is not there yet for {}, only for {}", listed(.missing), listed(.there)
    )]
    NotForPlatforms {
        /// The distribution.
        name: ProductName,
        /// The version.
        version: DistributionVersion,
        /// The platforms that are required and missing.
        missing: Vec<Platform>,
        /// Those that it is there for.
        there: Vec<Platform>,
    },
    /// The tag stands elsewhere.
    #[error("the tag `{tag}` of `{name}` moved meanwhile")]
    TagMoved {
        /// The distribution.
        name: ProductName,
        /// The tag.
        tag: Label,
        /// Where it stands; none: there is no such tag.
        stands: Option<Box<TagState>>,
    },
}

fn listed(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn some(products: &[ProductName]) -> &str {
    match products {
        [product] => product.as_str(),
        _ => "NAME",
    }
}

fn are(products: &[ProductName]) -> String {
    match products {
        [product] => format!("the product `{product}` is"),
        products => format!("the products {} are", listed(products)),
    }
}

fn there_are(versions: &[DistributionVersion]) -> String {
    match versions {
        [] => String::new(),
        versions => format!("; the last published are {}", listed(versions)),
    }
}
