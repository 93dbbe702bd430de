//! What a package root of EUPS is read from: builds by their EUPS versions, and what distributions list.

use std::collections::BTreeMap;

use larder_schema::archive::ArchiveFormat;
use larder_schema::eups::EupsVersion;
use larder_schema::{
    Build, BuildName, DistributionVersion, EntryPath, Label, Platform, ProductName, Sha256, Sums,
    Text,
};

use super::Error;

/// A build that EUPS can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The product.
    pub product: ProductName,
    /// The version that EUPS knows it by.
    pub version: EupsVersion,
    /// What it runs on.
    pub platform: Platform,
    /// Its number in the order of publication.
    pub seq: u64,
    /// Whether it is shown to who asks for no build by its name: no test build and none that was withdrawn
    /// is, unless a distribution that was not lists it.
    pub is_shown: bool,
}

/// A distribution, under its version or under a tag that points to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// The tag, if it is one.
    pub tag: Option<Label>,
    /// Either as a tag of EUPS.
    pub eups: String,
    /// What it runs on.
    pub platform: Platform,
    /// Its number in the order of publication.
    pub seq: u64,
}

/// What a distribution has, as far as EUPS can hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Its builds, by product.
    pub builds: Vec<Held>,
    /// The products that it was made for.
    pub roots: Vec<ProductName>,
    /// Parameters of the run that made it.
    pub parameters: BTreeMap<String, Text>,
}

/// What EUPS may be given a build as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its own archive, if it has one.
    pub archive: Option<PackedArchive>,
    /// The tarball that was made of it, if one was.
    pub tarball: Option<Tarball>,
}

impl Packed {
    /// The archive, where EUPS takes it as it is: a gzipped tar of `PRODUCT/VERSION/…`.
    pub fn as_it_is(&self, build: &Held) -> Option<&PackedArchive> {
        let folder = format!("{}/{}", build.product, build.version);
        let archive = self.archive.as_ref()?;
        let is_laid_out = archive.folder.as_ref().is_some_and(|it| it.as_str() == folder);
        (is_laid_out && archive.format == ArchiveFormat::TarGz).then_some(archive)
    }

    /// The SHA-256 of what EUPS is given, where that is there.
    pub fn sha256_of(&self, build: &Held) -> Option<Sha256> {
        let tarball = || self.tarball.as_ref().map(|tarball| tarball.sums.sha256);
        self.as_it_is(build).map(|archive| archive.sha256).or_else(tarball)
    }
}

/// An archive, as far as it decides whether EUPS takes it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedArchive {
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its format.
    pub format: ArchiveFormat,
    /// The two folders that all of it lies in, where it is packed so.
    pub folder: Option<EntryPath>,
}

/// A tarball that was made for EUPS, whose bytes are durable in the blob store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tarball {
    /// Its sums and size.
    pub sums: Sums,
    /// Its key in the blob store.
    pub key: String,
}

/// One state of the catalog, as a package root reads it.
pub trait RootSource {
    /// Hands over all builds that EUPS can hold and that are shown, by product, version and number.
    fn held(&self, each: &mut dyn FnMut(Held)) -> Result<(), Error>;

    /// The builds of a product with this EUPS version, by number; also those that are not shown.
    fn named(&self, product: &ProductName, version: &EupsVersion) -> Result<Vec<Held>, Error>;

    /// All distributions that were not withdrawn, under their versions and tags, by number.
    fn releases(&self) -> Result<Vec<Release>, Error>;

    /// By name of distributions, the number of the first one that was published.
    fn firsts(&self) -> Result<BTreeMap<ProductName, u64>, Error>;

    /// Those of them that have this tag of EUPS.
    fn releases_of(&self, tag: &str) -> Result<Vec<Release>, Error>;

    /// The distributions, not withdrawn, that list a build, under their versions, by number.
    fn listed_by(&self, seq: u64) -> Result<Vec<Release>, Error>;

    /// What a distribution has, as far as EUPS can hold it.
    fn members(&self, distribution: u64) -> Result<Members, Error>;

    /// The build of a product that a distribution lists, also where EUPS cannot hold it.
    fn member(&self, distribution: u64, product: &ProductName) -> Result<Option<u64>, Error>;

    /// Whether a product has builds that EUPS can compare with a requirement: named `M.n.p+bID`.
    fn is_ordered(&self, product: &ProductName) -> Result<bool, Error>;

    /// The products that a build needs to run.
    fn needed(&self, seq: u64) -> Result<Vec<ProductName>, Error>;

    /// What EUPS may be given a build as.
    fn packed(&self, seq: u64) -> Result<Packed, Error>;

    /// The record of a build.
    fn record(&self, seq: u64) -> Result<Build, Error>;

    /// The builds of a product with this name, one for each platform, by number, where EUPS can hold
    /// them.
    fn of_name(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Held>, Error>;
}

/// Work that reads a package root; what it finds out it hands over itself.
pub type RootWork = Box<dyn FnOnce(&dyn RootSource) + Send>;
