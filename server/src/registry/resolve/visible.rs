//! Candidates as one caller sees them: what may not be read is not there.

use larder_schema::{Build, BuildName, Listed, Platform, ProductName, Stage};

use crate::access::{Caller, Permission};
use crate::catalog::Error;
use crate::catalog::candidates::{Candidate, Candidates, Needed, Newest};

/// What a caller may read of the candidates.
pub(super) struct Visible<'a> {
    pub(super) source: &'a dyn Candidates,
    pub(super) caller: &'a Caller,
}

/// The builds of a product that is hidden.
struct Nothing;

impl Newest for Nothing {
    fn next(&mut self, _most: usize) -> Result<Vec<Candidate>, Error> {
        Ok(Vec::new())
    }
}

impl Visible<'_> {
    fn hides(&self, product: &ProductName) -> bool {
        !self.caller.may(Permission::Read(product))
    }
}

impl Candidates for Visible<'_> {
    fn newest<'a>(
        &'a self,
        product: &ProductName,
        asked: Option<&Platform>,
    ) -> Result<Box<dyn Newest + 'a>, Error> {
        if self.hides(product) {
            return Ok(Box::new(Nothing));
        }
        self.source.newest(product, asked)
    }

    /// Of a build that was read, which is none that may not be.
    fn run(&self, seq: u64) -> Result<Vec<Needed>, Error> {
        self.source.run(seq)
    }

    fn named(&self, product: &ProductName, name: &BuildName) -> Result<Vec<Candidate>, Error> {
        if self.hides(product) { Ok(Vec::new()) } else { self.source.named(product, name) }
    }

    fn listed_by(&self, seq: u64, at_least: Stage) -> Result<Vec<ProductName>, Error> {
        let mut names = self.source.listed_by(seq, at_least)?;
        names.retain(|name| self.caller.may(Permission::ReadDistribution(name)));
        Ok(names)
    }

    /// Of a build that was read.
    fn listed(&self, seq: u64) -> Result<Listed, Error> {
        self.source.listed(seq)
    }

    /// Of a build that was read.
    fn record(&self, seq: u64) -> Result<Build, Error> {
        self.source.record(seq)
    }
}
