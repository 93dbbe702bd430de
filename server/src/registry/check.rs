//! The check: everything computed again from bytes, and compared with what the catalog says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};

use larder_schema::api::{CheckFault, CheckReport};
use larder_schema::archive::{self, Limits, NoSink};
use larder_schema::contents::tree_checksum;
use larder_schema::{Digest, Entry, Hasher, Listed, Sha256};

use super::Registry;
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

impl Registry {
    /// Reads every archive again, and recomputes every digest.
    pub async fn check(&self) -> Result<CheckReport, CheckError> {
        let mut report = CheckReport::default();
        report.faults.extend(self.inner.catalog.check().await?);
        self.check_archives(&mut report).await?;
        self.check_builds(&mut report).await?;
        self.check_distributions(&mut report).await?;
        self.check_journal(&mut report).await?;
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

    async fn check_builds(&self, report: &mut CheckReport) -> Result<(), CheckError> {
        let mut after = None;
        loop {
            let page = self.inner.catalog.builds(&BuildFilter::default(), after, PAGE).await?;
            for stored in &page.items {
                report.documents += 1;
                if let Some(fault) = self.build_fault(stored).await? {
                    let subject = stored.build.key().to_string();
                    report.faults.push(CheckFault { subject, fault, archive: None });
                }
            }
            match page.next.and_then(|next| next.parse().ok()) {
                Some(next) => after = Some(next),
                None => return Ok(()),
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

    async fn check_distributions(&self, report: &mut CheckReport) -> Result<(), CheckError> {
        let mut after = None;
        loop {
            let page = self.inner.catalog.distributions(None, None, after, PAGE).await?;
            for summary in &page.items {
                report.documents += 1;
                let selector = DistributionSelector::Digest(summary.digest);
                let found = self.inner.catalog.distribution(&summary.name, &selector).await?;
                for stored in found.distributions {
                    if let Some(fault) = self.distribution_fault(&stored).await? {
                        let document = &stored.distribution;
                        let subject = format!("{} {}", document.name, document.version);
                        report.faults.push(CheckFault { subject, fault, archive: None });
                    }
                }
            }
            match page.next.and_then(|next| next.parse().ok()) {
                Some(next) => after = Some(next),
                None => return Ok(()),
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
    async fn check_journal(&self, report: &mut CheckReport) -> Result<(), CheckError> {
        let mut previous = None;
        let mut next = 1;
        let mut told: BTreeMap<&'static str, u64> = BTreeMap::new();
        loop {
            let page = self.inner.catalog.journal(next, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for row in page {
                report.documents += 1;
                if let Some(fault) = self.journal_fault(&row, next, previous, &mut told).await? {
                    let subject = format!("journal entry {}", row.seq);
                    report.faults.push(CheckFault { subject, fault, archive: None });
                }
                previous = Some(row.digest);
                next = row.seq + 1;
            }
        }
        Ok(())
    }

    async fn journal_fault(
        &self,
        row: &JournalRow,
        seq: u64,
        previous: Option<Digest>,
        told: &mut BTreeMap<&'static str, u64>,
    ) -> Result<Option<String>, CheckError> {
        if row.seq != seq {
            return Ok(Some(format!("entry {seq} is missing")));
        }
        let Ok(entry) = serde_json::from_str::<JournalEntry>(&row.document) else {
            return Ok(Some("it cannot be read".to_owned()));
        };
        if let Change::Publish { builds, .. } = &entry.change {
            *told.entry("builds").or_default() += builds.len() as u64;
        }
        if entry.previous != previous || Digest::of(row.document.as_bytes()) != row.digest {
            return Ok(Some("its digests do not chain".to_owned()));
        }
        match self.inner.blobs.document(&row.key()).await {
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
    match sums(&mut source) {
        Ok(sums) if sums == stored.sums => {}
        Ok(sums) => {
            return Some(format!("its {} bytes have the SHA-256 {}", sums.size, sums.sha256));
        }
        Err(error) => return Some(format!("its bytes cannot be read: {error}")),
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

fn sums(source: &mut File) -> io::Result<larder_schema::Sums> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
