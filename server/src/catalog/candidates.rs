//! What a resolution reads: builds of a product, the newest first, with no more than it decides by.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use larder_schema::api::Withdrawal;
use larder_schema::record::Abi;
use larder_schema::{
    Build, BuildName, Listed, Need, Platform, ProductName, Requirement, Role, Stage, newest_first,
};

use super::Error;

/// A build as a resolution sees it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name.
    pub name: BuildName,
    /// Its number in the order of publication.
    pub seq: u64,
    /// What it runs on.
    pub platform: Platform,
    /// What it is for.
    pub role: Role,
    /// Which of its builds a dependant may run with.
    pub abi: Abi,
    /// What it needs of the host.
    pub needs: BTreeMap<String, Need>,
    /// Whether it is a build of a branch or a pull request.
    pub test: bool,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<Withdrawal>,
}

/// A product that a build needs to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The product.
    pub product: ProductName,
    /// Which versions will do.
    pub requirement: Requirement,
    /// The build that it was built against.
    pub against: Option<BuildName>,
}

/// One state of the catalog, as a resolution reads it.
pub trait Candidates {
    /// The builds of a product, the newest first as [`newest_first`] has it, and of one name as
    /// [`sort`] has it. `asked`: only what fits this platform.
    fn newest<'a>(
        &'a self,
        product: &ProductName,
        asked: Option<&Platform>,
    ) -> Result<Box<dyn Newest + 'a>, Error>;

    /// What a build needs to run.
    fn run(&self, seq: u64) -> Result<Vec<Needed>, Error>;

    /// The builds of a product with this name, one for each platform.
    fn named(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Candidate>, Error>;

    /// The names of the distributions of at least this stage that list a build.
    fn listed_by(&self, seq: u64, at_least: Stage) -> Result<Vec<ProductName>, Error>;

    /// A build as distributions list it.
    fn listed(&self, seq: u64) -> Result<Listed, Error>;

    /// The record of a build.
    fn record(&self, seq: u64) -> Result<Build, Error>;
}

/// The builds of one product, a few at a time.
pub trait Newest {
    /// The next builds, at most `most`; none: there is nothing more.
    fn next(&mut self, most: usize) -> Result<Vec<Candidate>, Error>;
}

/// Work that reads candidates; what it finds out it hands over itself.
pub type CandidateWork = Box<dyn FnOnce(&dyn Candidates) + Send>;

/// Sorts candidates of one product as they are tried: the newest first; of one name as
/// [`by_platform`] has it.
pub fn sort(candidates: &mut [Candidate], asked: Option<&Platform>) {
    newest_first(
        candidates,
        |candidate| (candidate.name.clone(), candidate.seq),
        |one, two| by_platform(one, two, asked),
    );
}

/// Which of two builds of one name is tried first: the one for `asked` itself, then variants by their
/// names, then what runs everywhere.
pub fn by_platform(one: &Candidate, two: &Candidate, asked: Option<&Platform>) -> Ordering {
    let rank = |candidate: &Candidate| match &candidate.platform {
        Platform::Any => 2,
        platform if Some(platform) == asked => 0,
        Platform::On { .. } => 1,
    };
    rank(one).cmp(&rank(two)).then_with(|| one.platform.cmp(&two.platform))
}
