//! EUPS, the package tool of the LSST: its names, and the files of its package roots.
//!
//! A *package root* is a folder of files under an address. Tag lists say which version of each product
//! a release has, manifests the closure of one product, and a tarball holds the product under
//! `PRODUCT/VERSION/`, with a table file that says what else is set up with it. EUPS 2.2.10 and 2.2.15
//! (`python/eups/` of RobertLuptonTheGood/eups) were measured; where a rule here is theirs, it is said.

mod expression;
mod flavor;
mod list;
mod manifest;
mod mapping;
mod name;
mod range;
mod table;
mod tag;

pub use expression::expression;
pub use flavor::{flavor_of, platform_of};
pub use list::{ListFault, ListLine, TagList};
pub use manifest::{Manifest, ManifestFault, ManifestLine};
pub use mapping::name_of_version;
pub use name::{
    EupsVersion, NotHeld, ParseEupsVersionError, Shape, build_name_of, folder_of, holds_product,
    version_of,
};
pub use range::requirement;
pub use table::{Action, Chosen, Needed, Setup, Table, TableFault, Verb};
pub use tag::{tag_of, version_of_tag};

/// How a tag list, a manifest or a table is read: no line beyond this counts.
pub const MAX_LINES: usize = 100_000;

/// The configuration of a root of tarballs, as `eups distrib create` writes it.
///
/// A client keeps it for ever after its first contact, so that it never changes.
pub const CONFIG: &str = concat!(
    "# Configuration for a tarball-based server\n",
    "MANIFEST_FILE_RE = ^(?P<product>[^-]+)-(?P<version>[^@]+)@(?P<flavor>.*)\\.manifest$\n",
    "MANIFEST_URL = %(base)s/manifests/%(product)s-%(version)s@%(flavor)s.manifest\n",
    "TARBALL_URL = %(base)s/%(path)s\n",
    "DIST_URL = %(base)s/%(path)s\n",
);
