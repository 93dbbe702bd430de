//! What a plan reads: builds of a source, by what they were built against.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use larder_schema::api::Withdrawal;
use larder_schema::plan::EnvironmentName;
use larder_schema::record::{Abi, Dependency};
use larder_schema::{
    ArchiveName, Build, BuildName, Digest, Need, Platform, ProductName, Requirement, Revision,
    Role, TreeChecksum, Version,
};
use serde::{Deserialize, Serialize};

use super::Error;

/// A product, by its number in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductNumber(pub u64);

/// A product at a revision, by its number in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceNumber(pub u64);

/// What two versions have in common that a breaking change would tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Major {
    /// M of `M.n.p`.
    From1(u64),
    /// n of `0.n.p`.
    Before1(u64),
}

impl Major {
    /// That of a version; `0.0.0` stands for none, and has none.
    pub fn of(version: Version) -> Option<Self> {
        match version {
            Version { major: 0, minor: 0, patch: 0 } => None,
            Version { major: 0, minor, .. } => Some(Self::Before1(minor)),
            Version { major, .. } => Some(Self::From1(major)),
        }
    }
}

/// One dependency of a build, with as much of it as `direct` and `semver` compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alike {
    /// The product.
    pub product: ProductNumber,
    /// What its build was.
    pub build: AlikeBuild,
}

/// What the build of a dependency was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlikeBuild {
    /// One that serves only who was built against it: this very build.
    Very(u64),
    /// One of this source and this major version, where it tells them. A test build, and one with
    /// changes that no revision tells, is of no source.
    Of(Option<SourceNumber>, Option<Major>),
}

/// Builds of one source whose dependencies are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// Its number in the catalog.
    pub number: u64,
    /// The last published of them.
    pub newest: u64,
}

/// What of a record decides whether a build may be taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// What it is for.
    #[serde(skip_serializing_if = "is_default")]
    pub role: Role,
    /// What it needs of the host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<String, Need>,
    /// The environment that it was built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built_in: Option<EnvironmentName>,
    /// Whether it was built with changes that no revision tells.
    #[serde(skip_serializing_if = "is_default")]
    pub dirty: bool,
    /// Which versions of its dependencies will do, where not all will.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<(ProductName, Requirement)>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Facts {
    /// What a record says.
    pub fn of(build: &Build) -> Self {
        let any = Requirement::any();
        let requirements = counted(build)
            .filter(|needed| needed.requirement != any)
            .map(|needed| (needed.product.clone(), needed.requirement.clone()));
        Self {
            role: build.role,
            needs: build.needs.clone(),
            built_in: build.built_in.as_ref().map(EnvironmentName::of),
            dirty: build.source.as_ref().is_some_and(|source| source.dirty),
            requirements: requirements.collect(),
        }
    }
}

/// The dependencies that a plan compares: those that a build is not made without.
pub fn counted(build: &Build) -> impl Iterator<Item = &Dependency> {
    build.dependencies.iter().filter(|needed| needed.kind.is_built_against())
}

/// A build as a plan sees it.
#[derive(Clone, Debug)]
pub struct Stocked {
    /// Its number in the order of publication.
    pub seq: u64,
    /// Its name.
    pub name: BuildName,
    /// What it runs on.
    pub platform: Platform,
    /// Which of its builds a dependant may run with.
    pub abi: Abi,
    /// Whether it is a build of a branch or a pull request.
    pub test: bool,
    /// What of its record decides.
    pub facts: Facts,
    /// The first build of the product that unpacks to the same; itself where that is unknown, and
    /// where it serves only who was built against it.
    pub content: u64,
    /// What it was built against, in ascending order, where a plan may reuse it for that.
    pub against: Option<Vec<u64>>,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<Withdrawal>,
    /// The digest of its record.
    pub record: Digest,
    /// Its archive, and what that unpacks to.
    pub archive: Option<StockedArchive>,
}

/// The bytes of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockedArchive {
    /// Its digest.
    pub digest: Digest,
    /// What it unpacks to.
    pub tree: TreeChecksum,
    /// How many bytes it has.
    pub size: u64,
    /// What the build calls it.
    pub name: ArchiveName,
}

/// One dependency of a build, as its record tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The product.
    pub product: ProductName,
    /// What it was built against, as the record has it.
    pub told: Option<BuildName>,
    /// The number of that build; none where it is not told, or not there.
    pub build: Option<u64>,
}

/// A build that another was built against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its product.
    pub product: ProductName,
    /// Its number in the order of publication.
    pub seq: u64,
    /// Its name.
    pub name: BuildName,
    /// Which of its builds a dependant may run with.
    pub abi: Abi,
    /// As in [`Stocked`].
    pub content: u64,
    /// The source that it was built from; none of a test build, and of one with changes that no
    /// revision tells.
    pub source: Option<SourceNumber>,
    /// The revision of that.
    pub revision: Option<Revision>,
}

/// Takes builds one by one until it breaks.
pub type Look<'a> = &'a mut dyn FnMut(Stocked) -> ControlFlow<()>;

/// One state of the catalog, as a plan reads it.
pub trait Stock {
    /// The number of a product, and of its source at a revision, where there are builds of that.
    fn source(
        &self,
        product: &ProductName,
        revision: &Revision,
    ) -> Result<Option<(ProductNumber, Option<SourceNumber>)>, Error>;

    /// The builds of a source that a plan may reuse and that were built against exactly these, which
    /// are in ascending order; the last published first.
    fn against(&self, source: SourceNumber, builds: &[u64], look: Look<'_>) -> Result<(), Error>;

    /// The same for builds that were built against what unpacks to the same as these, each given as
    /// the first of its product that does.
    fn against_content(
        &self,
        source: SourceNumber,
        first: &[u64],
        look: Look<'_>,
    ) -> Result<(), Error>;

    /// The likenesses of a source whose dependencies, by the numbers of their products, are admitted.
    fn likenesses(
        &self,
        source: SourceNumber,
        admits: &mut dyn FnMut(&[Alike]) -> bool,
    ) -> Result<Vec<Likeness>, Error>;

    /// The builds of a likeness, the last published first.
    fn alike(&self, likeness: u64, look: Look<'_>) -> Result<(), Error>;

    /// All builds of a source, the last published first.
    fn of_source(&self, source: SourceNumber, look: Look<'_>) -> Result<(), Error>;

    /// The dependencies that the record of a build tells and a plan compares, each once.
    fn recorded(&self, seq: u64) -> Result<Vec<Recorded>, Error>;

    /// The build with this number, as one that another was built against.
    fn input(&self, seq: u64) -> Result<Input, Error>;

    /// The newest build of a product, and its revision: one that is no test build, if there is any.
    fn newest(
        &self,
        product: ProductNumber,
    ) -> Result<Option<(BuildName, Option<Revision>)>, Error>;

    /// Whether there is a build with this key.
    fn holds(
        &self,
        product: ProductNumber,
        name: &BuildName,
        platform: &Platform,
    ) -> Result<bool, Error>;
}

/// Work that reads builds for a plan; what it finds out it hands over itself.
pub type StockWork = Box<dyn FnOnce(&dyn Stock) + Send>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_1_the_minor_version_counts_and_0_0_0_has_nothing_in_common() {
        let major = |text: &str| Major::of(text.parse().unwrap());

        assert_eq!(major("17.0.1"), major("17.4.0"));
        assert_ne!(major("17.0.1"), major("16.0.1"));
        assert_eq!(major("0.4.1"), major("0.4.7"));
        assert_ne!(major("0.4.1"), major("0.5.0"));
        assert_ne!(major("0.4.1"), major("4.4.1"));
        assert_eq!(major("0.0.1"), major("0.0.2"));
        assert_eq!(major("0.0.0"), None);
    }
}
