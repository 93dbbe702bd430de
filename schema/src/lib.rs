//! The vocabulary of larder, a content-addressed registry for binary packages.
//!
//! No I/O, no async, no clock: what things are called, how they are written, which documents there
//! are and how they are digested. Server and client both speak it, so they cannot disagree.
//!
//! | word | type |
//! |---|---|
//! | product, a named piece of software | [`ProductName`] |
//! | what is declared of a product | [`ProductDocument`] |
//! | version, `M.n.p` | [`Version`], also [`Version::of_upstream`]; of a distribution [`DistributionVersion`] |
//! | bID and build name, `17.0.1-b8466` | [`BuildId`], [`BuildName`], [`BuildRef`], [`BuildKey`] |
//! | platform, `linux-x86_64` | [`Platform`] |
//! | checksum, of bytes or of a tree | [`Checksum`], [`Sha256`], [`Blake3`], [`TreeChecksum`] |
//! | requirement, which versions will do | [`Requirement`] |
//! | build record | [`Build`] |
//! | contents of an archive | [`Entry`], [`EntryPath`], [`contents::tree_checksum`] |
//! | distribution | [`Distribution`] |
//! | difference, what changed between two distributions | [`Difference`] |
//! | closure, in which every run dependency is met | [`closure::Closure`] |
//! | resolution, which builds meet requirements | [`ResolveRequest`], [`ResolveAnswer`] |
//! | plan, what must be built and what is there | [`PlanRequest`], [`PlanAnswer`], [`Policy`] |
//! | EUPS, its names and the files of its package roots | [`eups`] |
//! | problem, an answer that says no | [`Problem`], [`ProblemKind`] |
//!
//! From a checksum to a distribution:
//!
//! ```
//! use larder_schema::{Build, Distribution, Sha256};
//!
//! let sum = Sha256::of(b"the bytes of the archive");
//! let build: Build = serde_json::from_value(serde_json::json!({
//!     "product": "afw", "version": "17.0.1", "build": "b8466", "platform": "linux-x86_64",
//!     "archive": {"sha256": sum, "name": "afw-17.0.1-b8466-linux-x86_64.tar.zst"}
//! }))
//! .unwrap();
//! let distribution: Distribution = serde_json::from_value(serde_json::json!({
//!     "name": "lsst_distrib", "version": "17.0.1", "platform": "linux-x86_64",
//!     "builds": [{"product": "afw", "build": build.name(), "platform": build.platform}]
//! }))
//! .unwrap();
//! assert_eq!(distribution.fault(), None);
//! assert_eq!(distribution.digest().unwrap(), distribution.in_order().digest().unwrap());
//! ```

pub mod api;
#[cfg(feature = "archive")]
pub mod archive;
pub mod build;
pub mod canonical;
pub mod checksum;
pub mod closure;
pub mod contents;
pub mod difference;
pub mod distribution;
pub mod eups;
pub mod launcher;
pub mod needs;
pub mod plan;
pub mod platform;
pub mod problem;
pub mod product;
pub mod product_document;
pub mod record;
pub mod requirement;
pub mod resolution;
pub mod text;
mod unique;
mod upstream;
pub mod version;

pub use build::{BuildId, BuildKey, BuildName, BuildRef, newest_first};
pub use checksum::{Blake3, Checksum, Digest, Hasher, Sha256, Sums, TreeChecksum};
pub use contents::{Entry, EntryKind, EntryPath};
pub use difference::Difference;
pub use distribution::{Context, Distribution, Listed, Stage};
pub use needs::Need;
pub use plan::{PlanAnswer, PlanRequest, Policy};
pub use platform::Platform;
pub use problem::{Problem, ProblemKind};
pub use product::{Label, ProductName};
pub use product_document::{ProductDocument, ProductKind};
pub use record::{Archive, ArchiveName, Build, Dependency, DependencyKind, Role};
pub use requirement::Requirement;
pub use resolution::{ResolveAnswer, ResolveRequest, Wanted};
pub use text::{Revision, Text, Timestamp, Url};
pub use version::{DistributionVersion, Version};

pub(crate) use text::shown;
