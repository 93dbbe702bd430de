//! The check: everything computed again from bytes, and compared with what the catalog says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use larder_schema::api::{CheckFault, CheckReport};
use larder_schema::archive::{self, Limits, NoSink};
use larder_schema::contents::tree_checksum;
use larder_schema::{Build, Digest, Entry, Hasher, Listed, ProductDocument, ProductName, Sha256};

use super::Registry;
use super::journal::FlushError;
use crate::blobs;
use crate::catalog::{
    self, BuildFilter, Change, DistributionSelector, JournalEntry, JournalRow, StoredArchive,
    StoredBuild,
};

/// How many rows are read at once.
const PAGE: usize = 200;
/// The most faults that a report names; with more than that, all is lost anyway.
const MOST_FAULTS: usize = 1_000;

/// Why the check could not look.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
    /// The blob store failed.
    #[error("the blob store failed")]
    Blobs(#[from] blobs::Error),
}

impl From<FlushError> for CheckError {
    fn from(error: FlushError) -> Self {
        match error {
            FlushError::Catalog(error) => Self::Catalog(error),
            FlushError::Blobs(error) => Self::Blobs(error),
        }
    }
}

/// How many documents there are, by one account or another.
#[derive(Default)]
struct Counted {
    builds: u64,
    distributions: u64,
    /// The last document of each product that has one.
    declared: BTreeMap<ProductName, ProductDocument>,
}

impl Registry {
    /// Reads every archive again, and recomputes every digest.
    pub async fn check(&self) -> Result<CheckReport, CheckError> {
        let mut report = CheckReport::default();
        report.faults.extend(self.inner.catalog.check().await?);
        self.check_archives(&mut report).await?;
        let seen = Counted {
            builds: self.check_builds(&mut report).await?,
            distributions: self.check_distributions(&mut report).await?,
            declared: self.declared_products().await?,
        };
        self.check_journal(&mut report, seen).await?;
        report.ok = report.faults.is_empty();
        report.faults.truncate(MOST_FAULTS);
        Ok(report)
    }

    async fn check_archives(&self, report: &mut CheckReport) -> Result<(), CheckError> {
        let mut after: Option<Sha256> = None;
        loop {
            let page = self.inner.catalog.archives(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.sums.sha256);
            for archive in page {
                report.archives += 1;
                report.bytes += archive.sums.size;
                if let Some(fault) = self.archive_fault(&archive).await? {
                    report.faults.push(CheckFault {
                        subject: Digest(archive.sums.sha256).to_string(),
                        fault,
                        archive: Some(archive.sums.sha256),
                    });
                }
            }
        }
    }

    /// What is wrong with an archive: its bytes, or what the catalog says that they hold.
    async fn archive_fault(&self, stored: &StoredArchive) -> Result<Option<String>, CheckError> {
        let source = match self.inner.blobs.open_file(&stored.key).await {
            Ok(source) => source,
            Err(blobs::Error::Missing { .. }) => return Ok(Some("its bytes are gone".to_owned())),
            Err(error) => return Err(error.into()),
        };
        let entries =
            self.inner.catalog.contents(&stored.sums.sha256, None, usize::MAX >> 1).await?;
        let (stored, limits) = (stored.clone(), self.inner.config.limits.archive());
        let look = move || read_again(source, &stored, &entries, &limits);
        let fault = tokio::task::spawn_blocking(look).await;
        fault.map_err(|_| CheckError::Catalog(catalog::Error::Stopped))
    }

    /// Looks at all builds, and tells how many there are.
    async fn check_builds(&self, report: &mut CheckReport) -> Result<u64, CheckError> {
        let (mut after, mut seen) = (None, 0);
        loop {
            let page = self.inner.catalog.builds(&BuildFilter::default(), after, PAGE).await?;
            seen += page.items.len() as u64;
            for stored in &page.items {
                report.documents += 1;
                if let Some(fault) = self.build_fault(stored).await? {
                    report.add(stored.build.key().to_string(), fault);
                }
            }
            match page.next.and_then(|next| next.parse().ok()) {
                Some(next) => after = Some(next),
                None => return Ok(seen),
            }
        }
    }

    async fn build_fault(&self, stored: &StoredBuild) -> Result<Option<String>, CheckError> {
        if stored.build.digest().ok() != Some(stored.digest) {
            return Ok(Some("its record has another digest than the catalog says".to_owned()));
        }
        let Some(told) = &stored.build.archive else { return Ok(None) };
        let archive = self.inner.catalog.archive(&told.sha256.into()).await?;
        Ok(match archive {
            None => Some(format!("its archive {} is not in the catalog", told.sha256)),
            Some(archive) if stored.build.tree != Some(archive.tree) => {
                Some("its record tells another tree than its archive has".to_owned())
            }
            Some(_) => None,
        })
    }

    /// Looks at all distributions, and tells how many there are.
    async fn check_distributions(&self, report: &mut CheckReport) -> Result<u64, CheckError> {
        let (mut after, mut seen) = (None, 0);
        loop {
            let page = self.inner.catalog.distributions(None, None, after, PAGE).await?;
            seen += page.items.len() as u64;
            for summary in &page.items {
                report.documents += 1;
                let selector = DistributionSelector::Digest(summary.digest);
                let found = self.inner.catalog.distribution(&summary.name, &selector).await?;
                for stored in found.distributions {
                    if let Some(fault) = self.distribution_fault(&stored).await? {
                        let document = &stored.distribution;
                        report.add(format!("{} {}", document.name, document.version), fault);
                    }
                }
            }
            match page.next.and_then(|next| next.parse().ok()) {
                Some(next) => after = Some(next),
                None => return Ok(seen),
            }
        }
    }

    async fn distribution_fault(
        &self,
        stored: &catalog::StoredDistribution,
    ) -> Result<Option<String>, CheckError> {
        if stored.distribution.digest().ok() != Some(stored.digest) {
            return Ok(Some("its document has another digest than the catalog says".to_owned()));
        }
        let keys: Vec<_> = stored.distribution.builds.iter().map(Listed::key).collect();
        let builds = self.inner.catalog.builds_by_key(&keys).await?;
        let listed = stored.distribution.builds.iter().zip(builds);
        Ok(listed.into_iter().find_map(|(listed, build)| match build {
            None => Some(format!("it lists {}, which is not there", listed.key())),
            Some(build) if listed.record != Some(build.digest) => {
                Some(format!("it lists another record of {} than is there", listed.key()))
            }
            Some(_) => None,
        }))
    }

    /// Whether the journal is a chain, lies in the blob store, and tells of all that is there.
    async fn check_journal(
        &self,
        report: &mut CheckReport,
        seen: Counted,
    ) -> Result<(), CheckError> {
        let (mut told, mut previous, mut next) = (Counted::default(), None, 1);
        loop {
            let page = self.inner.catalog.journal(next, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for row in page {
                report.documents += 1;
                if let Some(fault) = self.journal_fault(&row, next, previous, &mut told).await? {
                    report.add(format!("journal entry {}", row.seq), fault);
                }
                previous = Some(row.digest);
                next = row.seq + 1;
            }
        }
        // What was published while the check was under way is told and was not seen.
        if seen.builds > told.builds || seen.distributions > told.distributions {
            let fault = format!(
                "it tells of {} builds and {} distributions, and the catalog has {} and {}",
                told.builds, told.distributions, seen.builds, seen.distributions
            );
            report.add("the journal".to_owned(), fault);
        }
        let names: BTreeSet<_> = seen.declared.keys().chain(told.declared.keys()).collect();
        for name in names {
            let last = told.declared.get(name);
            // One that was declared meanwhile is looked at anew.
            if last != seen.declared.get(name) && last != self.declared(name).await?.as_ref() {
                let fault = "its document is not the last that the journal tells of".to_owned();
                report.add(format!("the product {name}"), fault);
            }
        }
        Ok(())
    }

    /// The documents that the catalog has.
    async fn declared_products(
        &self,
    ) -> Result<BTreeMap<ProductName, ProductDocument>, CheckError> {
        let (mut found, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self.inner.catalog.products(None, after.as_deref(), PAGE).await?;
            for product in page.items {
                if let Some(document) = self.declared(&product.name).await? {
                    found.insert(product.name, document);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }

    async fn declared(&self, name: &ProductName) -> Result<Option<ProductDocument>, CheckError> {
        let found = self.inner.catalog.product(name).await?;
        Ok(found.and_then(|found| found.document))
    }

    async fn journal_fault(
        &self,
        row: &JournalRow,
        seq: u64,
        previous: Option<Digest>,
        told: &mut Counted,
    ) -> Result<Option<String>, CheckError> {
        if row.seq != seq {
            return Ok(Some(format!("entry {seq} is missing")));
        }
        let Ok(entry) = serde_json::from_str::<JournalEntry>(&row.document) else {
            return Ok(Some("it cannot be read".to_owned()));
        };
        if entry.previous != previous || Digest::of(row.document.as_bytes()) != row.digest {
            return Ok(Some("its digests do not chain".to_owned()));
        }
        match &entry.change {
            Change::Publish { builds, distribution, .. } => {
                told.builds += builds.len() as u64;
                told.distributions += u64::from(distribution.is_some());
                if let Some(fault) = self.untrue(builds).await? {
                    return Ok(Some(fault));
                }
            }
            Change::Product { document } => {
                told.declared.insert(document.name.clone(), document.clone());
            }
            Change::Tag { .. } | Change::BuildIds { .. } | Change::Statement { .. } => {}
        }
        self.stored_fault(row).await
    }

    /// What an entry tells of builds that is not so.
    async fn untrue(&self, told: &[Build]) -> Result<Option<String>, CheckError> {
        let keys: Vec<_> = told.iter().map(Build::key).collect();
        let found = self.inner.catalog.builds_by_key(&keys).await?;
        let is_there = |(told, found): &(&Build, Option<StoredBuild>)| {
            found.as_ref().is_some_and(|found| told.digest().ok() == Some(found.digest))
        };
        let untrue = told.iter().zip(found).find(|pair| !is_there(pair));
        Ok(untrue.map(|(told, _)| {
            format!("it tells of {}, which the catalog lacks or has otherwise", told.key())
        }))
    }

    /// Whether the blob store has the entry; one that is on its way there is waited for.
    async fn stored_fault(&self, row: &JournalRow) -> Result<Option<String>, CheckError> {
        let mut found = self.inner.blobs.document(&row.key()).await;
        if matches!(found, Err(blobs::Error::Missing { .. })) {
            self.flush_journal().await?;
            found = self.inner.blobs.document(&row.key()).await;
        }
        match found {
            Ok(bytes) if bytes == row.document.as_bytes() => Ok(None),
            Ok(_) => Ok(Some("the blob store has it with other bytes".to_owned())),
            Err(blobs::Error::Missing { .. }) => Ok(Some("the blob store lacks it".to_owned())),
            Err(error) => Err(error.into()),
        }
    }
}

/// What is wrong with the bytes of an archive, or with what is said of their contents.
fn read_again(
    mut source: File,
    stored: &StoredArchive,
    entries: &[Entry],
    limits: &Limits,
) -> Option<String> {
    let mut hasher = Hasher::new();
    if let Err(error) = hasher.take_all(&mut source) {
        return Some(format!("its bytes cannot be read: {error}"));
    }
    let sums = hasher.finish();
    if sums != stored.sums {
        return Some(format!("its {} bytes have the SHA-256 {}", sums.size, sums.sha256));
    }
    match archive::read(source, stored.format, limits, &mut NoSink) {
        Err(error) => Some(format!("its bytes are no archive that larder takes: {error}")),
        Ok(index) if index.tree != stored.tree || tree_checksum(entries) != stored.tree => {
            Some("the catalog tells another tree than its bytes unpack to".to_owned())
        }
        Ok(index) if index.entries != entries => {
            Some("the catalog tells other entries than its bytes unpack to".to_owned())
        }
        Ok(_) => None,
    }
}
