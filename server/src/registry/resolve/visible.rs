//! Candidates as one caller sees them: what may not be read is not there.

use larder_schema::{BuildKey, BuildName, Platform, ProductName, Stage, Version};

use crate::access::{Caller, Permission};
use crate::catalog::candidates::{Candidate, Candidates};
use crate::catalog::{Error, StoredBuild};

/// What a caller may read of the candidates.
pub(super) struct Visible<'a> {
    pub(super) source: &'a dyn Candidates,
    pub(super) caller: &'a Caller,
}

impl Visible<'_> {
    fn hides(&self, product: &ProductName) -> bool {
        !self.caller.may(Permission::Read(product))
    }
}

impl Candidates for Visible<'_> {
    fn newest(
        &self,
        product: &ProductName,
        asked: Option<&Platform>,
        below: Option<Version>,
        at_least: usize,
        most: usize,
    ) -> Result<Vec<Candidate>, Error> {
        if self.hides(product) {
            return Ok(Vec::new());
        }
        self.source.newest(product, asked, below, at_least, most)
    }

    fn named(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Candidate>, Error> {
        if self.hides(product) { Ok(Vec::new()) } else { self.source.named(product, name) }
    }

    fn listed_by(&self, seq: u64, at_least: Stage) -> Result<Vec<ProductName>, Error> {
        let mut names = self.source.listed_by(seq, at_least)?;
        names.retain(|name| self.caller.may(Permission::ReadDistribution(name)));
        Ok(names)
    }

    fn whole(&self, keys: &[BuildKey]) -> Result<Vec<Option<StoredBuild>>, Error> {
        self.source.whole(keys)
    }
}
