//! Bounds: nothing from outside is unbounded, and each bound has its name here.

use std::time::Duration;

use larder_schema::archive;
use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Bounds on all that comes from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one archive.
    pub archive_bytes: u64,
    /// Uploads that one token may have under way.
    pub uploads_per_token: u64,
    /// Bytes that the uploads of one token may have together.
    pub upload_bytes_per_token: u64,
    /// How long an upload may take, with all its pauses.
    pub upload_seconds: u64,
    /// Bytes after which an upload is synced to the disk while it is received: what a crash costs.
    pub upload_sync_bytes: u64,
    /// Bytes up to which an archive that comes whole with its upload's beginning is held in memory
    /// until it is kept; of these a token may send as many at once as it may have uploads under way.
    pub upload_memory_bytes: u64,
    /// Archives that are read and indexed at once; each takes memory and a processor.
    pub index_at_once: usize,
    /// Bytes of the disk that uploads leave free, so that the catalog can still be written.
    pub spare_bytes: u64,

    /// Entries of an archive.
    pub entries: u64,
    /// Bytes of all paths and link targets of an archive.
    pub name_bytes: u64,
    /// Bytes of a zip file's directory.
    pub directory_bytes: u64,
    /// Bytes of one extended tar header.
    pub header_bytes: u64,
    /// Bytes that an archive unpacks to.
    pub unpacked_bytes: u64,
    /// How many times larger than the archive the unpacked bytes may be.
    pub ratio: u64,
    /// Unpacked bytes that are allowed whatever the ratio.
    pub ratio_floor_bytes: u64,
    /// Memory that a decompressor may take for its window.
    pub decoder_bytes: u64,
    /// Compressed members of an archive.
    pub members: u64,
    /// Steps taken when symbolic links are followed through others.
    pub link_steps: u64,

    /// Bytes of a document that is sent, such as a publish.
    pub document_bytes: u64,
    /// The same from whoever sends no token: 10,000 checksums have room in it.
    pub open_document_bytes: u64,
    /// How long a request with a document may take, with its answer.
    pub document_seconds: u64,
    /// Checksums in one `have`.
    pub have_checksums: usize,
    /// Names of products that wait for an admin; of more the oldest are forgotten until they are tried
    /// again.
    pub pending_products: u64,
    /// Items on one page of a list, when nothing else is asked for.
    pub page_items: usize,
    /// The most items that one page of a list may be asked for.
    pub page_items_most: usize,
    /// How long one reading question to the catalog may take.
    pub query_seconds: u64,

    /// Requirements of one resolution.
    pub resolve_requirements: usize,
    /// Distributions that one resolution names, to stand fast or to be preferred.
    pub resolve_distributions: usize,
    /// Builds that one resolution looks at; so many may it name, also through distributions.
    pub resolve_candidates: usize,
    /// Steps of the solver for one resolution: the same question ends at the same step.
    pub resolve_steps: u64,
    /// How long one resolution may take where its steps are slow; at most `query_seconds` count.
    pub resolve_seconds: u64,
    /// Resolutions and plans at once; each takes a processor, and one of the few connections that read.
    pub resolve_at_once: usize,
    /// Resolutions and plans that wait for those; more are refused at once.
    pub resolve_waiting: usize,

    /// Who waits for tarballs that are made for EUPS, as many at once as archives are indexed; more are
    /// refused at once.
    pub eups_waiting: usize,

    /// Builds that one plan looks at.
    pub plan_candidates: usize,
    /// How long one plan may take; at most `query_seconds` count.
    pub plan_seconds: u64,

    /// Connections at once, over all workers.
    pub connections: usize,
    /// How long the head of a request may take.
    pub header_seconds: u64,
    /// Bytes a second that a body must have on average.
    pub body_bytes_per_second: u64,
    /// How long a body may be slower than that.
    pub body_grace_seconds: u64,
    /// How long a connection may stay open with nothing on it.
    pub idle_seconds: u64,
    /// How long requests in flight may take to finish when the server stops.
    pub stop_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let archive = archive::Limits::default();
        Self {
            archive_bytes: 32 * GIB,
            uploads_per_token: 64,
            upload_bytes_per_token: 128 * GIB,
            upload_seconds: 24 * 3600,
            upload_sync_bytes: 64 * MIB,
            upload_memory_bytes: 256 << 10,
            index_at_once: 2,
            spare_bytes: 64 * MIB,
            entries: archive.entries,
            name_bytes: archive.name_bytes,
            directory_bytes: archive.directory_bytes,
            header_bytes: archive.header_bytes,
            unpacked_bytes: archive.unpacked_bytes,
            ratio: archive.ratio,
            ratio_floor_bytes: archive.ratio_floor,
            decoder_bytes: archive.decoder_bytes,
            members: archive.members,
            link_steps: archive.link_steps,
            document_bytes: 16 * MIB,
            open_document_bytes: MIB,
            document_seconds: 60,
            have_checksums: 10_000,
            pending_products: 1_000,
            page_items: 100,
            page_items_most: 1_000,
            query_seconds: 20,
            resolve_requirements: 1_000,
            resolve_distributions: 64,
            resolve_candidates: 200_000,
            resolve_steps: 100_000,
            resolve_seconds: 10,
            resolve_at_once: 2,
            resolve_waiting: 64,
            eups_waiting: 256,
            plan_candidates: 500_000,
            plan_seconds: 10,
            connections: 4_096,
            header_seconds: 10,
            body_bytes_per_second: 1_024,
            body_grace_seconds: 20,
            idle_seconds: 75,
            stop_seconds: 30,
        }
    }
}

impl Limits {
    /// What reading one archive may cost.
    pub fn archive(&self) -> archive::Limits {
        archive::Limits {
            entries: self.entries,
            name_bytes: self.name_bytes,
            directory_bytes: self.directory_bytes,
            header_bytes: self.header_bytes,
            unpacked_bytes: self.unpacked_bytes,
            ratio: self.ratio,
            ratio_floor: self.ratio_floor_bytes,
            decoder_bytes: self.decoder_bytes,
            members: self.members,
            link_steps: self.link_steps,
        }
    }

    /// How many items a page has when `asked` were asked for.
    pub fn page(&self, asked: Option<usize>) -> usize {
        asked.unwrap_or(self.page_items).clamp(1, self.page_items_most)
    }

    /// How long a request with a document may take.
    pub fn document_time(&self) -> Duration {
        Duration::from_secs(self.document_seconds)
    }

    /// The name and value of each limit that is zero and must not be.
    pub(super) fn zeros(&self) -> Vec<&'static str> {
        let all = [
            ("archive_bytes", self.archive_bytes),
            ("uploads_per_token", self.uploads_per_token),
            ("upload_bytes_per_token", self.upload_bytes_per_token),
            ("upload_seconds", self.upload_seconds),
            ("upload_sync_bytes", self.upload_sync_bytes),
            ("index_at_once", self.index_at_once as u64),
            ("entries", self.entries),
            ("name_bytes", self.name_bytes),
            ("directory_bytes", self.directory_bytes),
            ("header_bytes", self.header_bytes),
            ("unpacked_bytes", self.unpacked_bytes),
            ("ratio", self.ratio),
            ("decoder_bytes", self.decoder_bytes),
            ("members", self.members),
            ("link_steps", self.link_steps),
            ("document_bytes", self.document_bytes),
            ("open_document_bytes", self.open_document_bytes),
            ("document_seconds", self.document_seconds),
            ("have_checksums", self.have_checksums as u64),
            ("pending_products", self.pending_products),
            ("page_items", self.page_items as u64),
            ("page_items_most", self.page_items_most as u64),
            ("query_seconds", self.query_seconds),
            ("resolve_requirements", self.resolve_requirements as u64),
            ("resolve_distributions", self.resolve_distributions as u64),
            ("resolve_candidates", self.resolve_candidates as u64),
            ("resolve_steps", self.resolve_steps),
            ("resolve_seconds", self.resolve_seconds),
            ("resolve_at_once", self.resolve_at_once as u64),
            ("plan_candidates", self.plan_candidates as u64),
            ("plan_seconds", self.plan_seconds),
            ("connections", self.connections as u64),
            ("header_seconds", self.header_seconds),
            ("body_grace_seconds", self.body_grace_seconds),
            ("idle_seconds", self.idle_seconds),
            ("stop_seconds", self.stop_seconds),
        ];
        all.into_iter().filter(|(_, value)| *value == 0).map(|(name, _)| name).collect()
    }
}
