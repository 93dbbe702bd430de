//! What a resolution reads: builds of a product, the newest first, with no more than it decides by.

use std::collections::BTreeMap;

use larder_schema::api::Withdrawal;
use larder_schema::record::{Abi, Dependency};
use larder_schema::{BuildName, Need, Platform, ProductName, Role, Stage, Version, newest_first};

use super::{Error, StoredBuild};
use larder_schema::BuildKey;

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
    /// What it needs to run.
    pub run: Vec<Dependency>,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<Withdrawal>,
}

/// One state of the catalog, as a resolution reads it.
pub trait Candidates {
    /// Builds of a product whose versions are below `below`, the newest version first: all of each
    /// version, and as many versions as have `at_least` builds together. Nothing comes when there
    /// is nothing more. `asked`: only what fits this platform. More than `most` are never read: then
    /// some of the last version are missing.
    fn newest(
        &self,
        product: &ProductName,
        asked: Option<&Platform>,
        below: Option<Version>,
        at_least: usize,
        most: usize,
    ) -> Result<Vec<Candidate>, Error>;

    /// The builds of a product with this name, one for each platform.
    fn named(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Candidate>, Error>;

    /// The names of the distributions of at least this stage that list a build.
    fn listed_by(&self, seq: u64, at_least: Stage) -> Result<Vec<ProductName>, Error>;

    /// The whole builds with these keys, in their order.
    fn whole(&self, keys: &[BuildKey]) -> Result<Vec<Option<StoredBuild>>, Error>;
}

/// Work that reads candidates; what it finds out it hands over itself.
pub type CandidateWork = Box<dyn FnOnce(&dyn Candidates) + Send>;

/// Sorts candidates of one product as they are tried: the newest first; of one name the build for
/// `asked` itself, then variants by their names, then what runs everywhere.
pub fn sort(candidates: &mut [Candidate], asked: &Platform) {
    let rank = |candidate: &Candidate| match &candidate.platform {
        Platform::Any => 2,
        platform if platform == asked => 0,
        Platform::On { .. } => 1,
    };
    newest_first(
        candidates,
        |candidate| (candidate.name.clone(), candidate.seq),
        |one, two| rank(one).cmp(&rank(two)).then_with(|| one.platform.cmp(&two.platform)),
    );
}
