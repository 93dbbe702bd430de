//! The catalog: what is known of all bytes, builds, distributions, tags and tokens.
//!
//! [`Catalog`] is the port. Each method is a whole promise, so that no transaction crosses it; each
//! promise is a sentence here and a test in `conformance.rs` that every engine runs. No bytes of
//! archives are here, and no decision about who may do what.

pub mod candidates;
#[cfg(test)]
mod conformance;
pub mod journal;
mod refusal;
pub mod root;
pub mod sqlite;
pub mod stock;

use std::ops::Range;

use async_trait::async_trait;
use larder_schema::api::{
    CheckFault, Dependant, DistributionName, DistributionSummary, Expected, Page, ProductAnswer,
    ProductSummary, Statement, StatementRequest, TagState, TagsAnswer, Withdrawal,
};
use larder_schema::archive::{ArchiveFormat, Index};
use larder_schema::eups::Shape;
use larder_schema::{
    Build, BuildKey, BuildName, Checksum, Digest, Distribution, DistributionVersion, Entry, Label,
    Platform, ProductDocument, ProductName, Sha256, Sums, Text, Timestamp, TreeChecksum,
};

use larder_schema::record::Published;

pub use candidates::{Candidate, CandidateWork, Candidates, Newest};
pub use journal::{Change, JournalEntry, JournalRow};
pub use refusal::Refusal;
pub use root::{RootSource, RootWork, Tarball};
pub use sqlite::Sqlite;
pub use stock::{Stock, StockWork};

/// Why the catalog did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine failed.
    #[error("the catalog's database failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk is full.
    #[error("the catalog's disk is full")]
    DiskFull,
    /// A read took longer than it may.
    #[error("the catalog took too long to answer")]
    Deadline,
    /// What is stored cannot be read; somebody changed it, or it is of a newer larder.
    #[error("the catalog holds {what} that cannot be read")]
    Unreadable {
        /// What it is.
        what: String,
        /// Why it cannot.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The work was given up because the server stops.
    #[error("the server stops")]
    Stopped,
}

/// A token as it is kept: never its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// What it is called.
    pub name: ProductName,
    /// SHA-256 of its text.
    pub hash: Sha256,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whether all that it publishes is a test build.
    pub test: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it dies.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// When it was used last.
    pub last_used: Option<Timestamp>,
}

/// An upload that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Random, unguessable.
    pub id: String,
    /// The hash of the token that began it.
    pub token: Sha256,
    /// The file's name, whose ending tells the format.
    pub filename: String,
    /// The sum that was promised.
    pub sha256: Option<Sha256>,
    /// Bytes that it will have.
    pub length: u64,
    /// Bytes that are known to be on the disk.
    pub offset: u64,
    /// When it was begun.
    pub created: Timestamp,
    /// When it is thrown away.
    pub expires: Timestamp,
}

/// How much one token may have under way.
#[derive(Clone, Copy, Debug)]
pub struct UploadQuota {
    /// Uploads at once.
    pub uploads: u64,
    /// Bytes that they will have together.
    pub bytes: u64,
}

/// What happened to the wish to begin an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginUpload {
    /// It has begun.
    Begun,
    /// The token has too much under way.
    OverQuota {
        /// Uploads that are under way.
        uploads: u64,
        /// Bytes that they will have together.
        bytes: u64,
    },
}

/// An archive whose bytes are durable in the blob store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredArchive {
    /// Its sums and size.
    pub sums: Sums,
    /// Its format, which the file's name told.
    pub format: ArchiveFormat,
    /// Its key in the blob store.
    pub key: String,
    /// What it unpacks to.
    pub tree: TreeChecksum,
    /// SHA-256 of the uncompressed tar.
    pub tar_sha256: Option<Sha256>,
    /// The two folders that all of it lies in, where it is packed so.
    pub shape: Option<Shape>,
    /// Bytes that it unpacks to.
    pub unpacked_bytes: u64,
}

/// A build with what the catalog knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredBuild {
    /// The record, with all that the server adds.
    pub build: Build,
    /// Its digest.
    pub digest: Digest,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<Withdrawal>,
}

/// A distribution with what the catalog knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDistribution {
    /// The document.
    pub distribution: Distribution,
    /// Its digest.
    pub digest: Digest,
    /// When it became visible.
    pub published: Published,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<Withdrawal>,
}

/// How a distribution is asked for; decided by syntax, never by fallback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DistributionSelector {
    /// A version, or a label that may be a version or a tag (no name has both).
    Version(DistributionVersion),
    /// The digest of its document.
    Digest(Digest),
}

impl std::fmt::Display for DistributionSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// What was found under a selector.
#[derive(Clone, Debug, Default)]
pub struct SelectedDistributions {
    /// One for each platform, by platform.
    pub distributions: Vec<StoredDistribution>,
    /// The tag through which they were found.
    pub tag: Option<TagState>,
}

/// Who does something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The token's name.
    pub by: Text,
    /// When.
    pub at: Timestamp,
}

/// Builds, a distribution and tags to become visible together.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The builds with their digests; complete records, whose archives are stored.
    pub builds: Vec<(Build, Digest)>,
    /// The distribution, complete and in canonical order, with its digest.
    pub distribution: Option<(Distribution, Digest)>,
    /// The tags to move.
    pub tags: Vec<TagChange>,
    /// Whether products whose skeletons are the same may stand beside each other.
    pub twins: bool,
    /// Whether builds make products that are not there.
    pub new_products: bool,
}

/// A tag to move.
#[derive(Clone, Debug)]
pub struct TagChange {
    /// The distribution's name.
    pub name: ProductName,
    /// The tag.
    pub tag: Label,
    /// Where it shall point.
    pub version: DistributionVersion,
    /// Where it must stand.
    pub expected: Expected,
    /// Platforms that the version must be there for.
    pub require: Vec<Platform>,
}

/// What a publication did.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Keys of builds that are new.
    pub published: Vec<BuildKey>,
    /// Keys of builds that were there, with the same record.
    pub existing: Vec<BuildKey>,
    /// The distribution, new or there already.
    pub distribution: Option<DistributionSummary>,
    /// Where the tags stand.
    pub tags: Vec<TagState>,
}

/// Which builds to list.
#[derive(Clone, Debug, Default)]
pub struct BuildFilter {
    /// Of this product.
    pub product: Option<ProductName>,
    /// With this version.
    pub version: Option<larder_schema::Version>,
    /// Built from a revision that begins with this.
    pub revision: Option<String>,
    /// With this upstream version.
    pub upstream_version: Option<String>,
    /// For this very platform.
    pub platform: Option<Platform>,
}

/// Holders of one checksum.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    /// Some of them, in the order of their numbers.
    pub holders: Vec<larder_schema::api::Holder>,
    /// How many there are.
    pub total: u64,
    /// The cursor of those that follow.
    pub next: Option<String>,
}

/// What a digest is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The record of a build.
    Build(BuildKey),
    /// The document of a distribution.
    Distribution(DistributionName),
}

/// The catalog.
///
/// What a method writes is durable when it returns, together with its journal entry, or nothing of
/// it is there. What was written is seen by every read that begins afterwards.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// Answers when the catalog can be read and written.
    async fn ready(&self) -> Result<(), Error>;

    /// Keeps a token; `false` when its name is taken (also by a revoked one).
    async fn create_token(&self, token: &StoredToken) -> Result<bool, Error>;
    /// The token whose text has this hash, dead or alive.
    async fn token(&self, hash: &Sha256) -> Result<Option<StoredToken>, Error>;
    /// All tokens, by name.
    async fn tokens(&self) -> Result<Vec<StoredToken>, Error>;
    /// Kills a token, from the next request on; `None` when there is none of this name.
    async fn revoke_token(
        &self,
        name: &ProductName,
        at: &Timestamp,
    ) -> Result<Option<StoredToken>, Error>;
    /// Notes when a token was used.
    async fn note_token_use(&self, hash: &Sha256, at: &Timestamp) -> Result<(), Error>;

    /// Begins an upload, unless its token then had more under way than `quota`.
    async fn begin_upload(&self, upload: &Upload, quota: UploadQuota)
    -> Result<BeginUpload, Error>;
    /// The upload with this id.
    async fn upload(&self, id: &str) -> Result<Option<Upload>, Error>;
    /// Notes how many of its bytes are known to be on the disk.
    async fn advance_upload(&self, id: &str, offset: u64) -> Result<(), Error>;
    /// Forgets an upload.
    async fn end_upload(&self, id: &str) -> Result<(), Error>;
    /// All uploads that began and have not ended.
    async fn uploads(&self) -> Result<Vec<Upload>, Error>;

    /// Keeps an archive with its index; what is there already stays as it is and is returned, unless
    /// it is there in another format and no build names it: then this is what it is from now on.
    async fn record_archive(
        &self,
        archive: &StoredArchive,
        index: &Index,
    ) -> Result<StoredArchive, Error>;
    /// Keeps an archive as [`Catalog::record_archive`] does, notes that the token of `upload`, which
    /// brought it, has sent it, and forgets the upload. Where it stays in another format, nobody has
    /// sent it in this one.
    async fn complete_upload(
        &self,
        upload: &Upload,
        archive: &StoredArchive,
        index: &Index,
    ) -> Result<StoredArchive, Error>;
    /// The archive with this SHA-256 or BLAKE3.
    async fn archive(&self, checksum: &Checksum) -> Result<Option<StoredArchive>, Error>;
    /// Whether a build that is published names this archive.
    async fn is_named(&self, archive: &Sha256) -> Result<bool, Error>;
    /// Notes that the holder of a token has sent this archive.
    async fn note_sender(&self, token: &Sha256, archive: &Sha256) -> Result<(), Error>;
    /// Whether the holder of a token has sent this archive.
    async fn is_sender(&self, token: &Sha256, archive: &Sha256) -> Result<bool, Error>;
    /// Archives with these SHA-256, in their order; each with whether the holder of the token has sent
    /// it.
    async fn archives_sent_by(
        &self,
        token: Option<&Sha256>,
        archives: &[Sha256],
    ) -> Result<Vec<Option<(StoredArchive, bool)>>, Error>;
    /// Entries of an archive by path, beginning after `after`.
    async fn contents(
        &self,
        archive: &Sha256,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, Error>;
    /// Archives by SHA-256, beginning after `after`; for the check.
    async fn archives(
        &self,
        after: Option<&Sha256>,
        limit: usize,
    ) -> Result<Vec<StoredArchive>, Error>;

    /// Makes builds, a distribution and tags visible: all or none.
    ///
    /// What is there already with the same digest stays and counts as existing. Two at once with
    /// one key: one is recorded, the other sees it.
    async fn record(
        &self,
        publication: &Publication,
        act: &Act,
    ) -> Result<Result<Recorded, Refusal>, Error>;
    /// Gives so many build ids `b1`, `b2`, …, of which this is the number of the first: none was given
    /// before, and each number is above those of all such ids that were published.
    async fn allocate_build_ids(&self, count: u32, act: &Act) -> Result<u64, Error>;
    /// Moves a tag, if it stands where it must. A move to where it stands already is none.
    async fn move_tag(
        &self,
        change: &TagChange,
        act: &Act,
    ) -> Result<Result<TagState, Refusal>, Error>;
    /// Says something about a digest; the very same as the last of its kind is not said again, and
    /// `false` comes with it.
    async fn state(&self, said: &StatementRequest, act: &Act) -> Result<(Statement, bool), Error>;
    /// The builds and the distributions that have this digest.
    async fn subjects(&self, subject: &Digest) -> Result<Vec<Subject>, Error>;
    /// What was said about a digest, in the order of saying, beginning after a number.
    async fn statements(
        &self,
        subject: &Digest,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<Statement>, Error>;

    /// Products whose name or summary has `query` in it, or of which an upstream version or the name
    /// of a file begins with it, by name; with the reason.
    async fn products(
        &self,
        query: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ProductSummary>, Error>;
    /// One product, and what is declared of it.
    async fn product(&self, name: &ProductName) -> Result<Option<ProductAnswer>, Error>;
    /// Puts a product's document in place of the one before, and makes the product if it is new;
    /// `false` when it is the very same.
    async fn declare(
        &self,
        document: &ProductDocument,
        twins: bool,
        act: &Act,
    ) -> Result<Result<bool, Refusal>, Error>;
    /// Notes that somebody wanted to publish under these names, where no product has them; of more
    /// than `most` the oldest are forgotten.
    async fn note_pending(&self, names: &[ProductName], most: u64, act: &Act) -> Result<(), Error>;
    /// Those of these names that no product has got since, by name.
    async fn pending_products(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ProductSummary>, Error>;
    /// Builds that pass the filter, the last published first.
    async fn builds(
        &self,
        filter: &BuildFilter,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<StoredBuild>, Error>;
    /// The builds of a product with this name, one for each platform, by platform.
    async fn build(
        &self,
        product: &ProductName,
        build: &BuildName,
    ) -> Result<Vec<StoredBuild>, Error>;
    /// Builds that need the product of this one to run and whose requirement its version meets, for
    /// platforms on which both may be, the last published first.
    async fn dependants(
        &self,
        build: &Build,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<Dependant>, Error>;
    /// The builds with these keys, in their order; none where there is none.
    async fn builds_by_key(&self, keys: &[BuildKey]) -> Result<Vec<Option<StoredBuild>>, Error>;
    /// Lets `work` read candidates from one state of the catalog, on a thread that may block.
    async fn with_candidates(&self, work: CandidateWork) -> Result<(), Error>;
    /// The same for builds as a plan reads them: also those that were published before what they were
    /// built against.
    async fn with_stock(&self, work: StockWork) -> Result<(), Error>;
    /// The same for what a package root of EUPS shows.
    async fn with_root(&self, work: RootWork) -> Result<(), Error>;
    /// Keeps the tarball that was made for EUPS of the build with this number, in place of `before` or
    /// where there is none; returns the one that is kept.
    async fn keep_tarball(
        &self,
        build: u64,
        made: &Tarball,
        before: Option<&Tarball>,
    ) -> Result<Tarball, Error>;

    /// Distributions whose name has `query` in it and is `name`, the last published first.
    async fn distributions(
        &self,
        query: Option<&str>,
        name: Option<&ProductName>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<DistributionSummary>, Error>;
    /// The distributions that a selector means.
    async fn distribution(
        &self,
        name: &ProductName,
        selector: &DistributionSelector,
    ) -> Result<SelectedDistributions, Error>;
    /// Where the tags of a distribution stand, and a page of their moves, the last first.
    async fn tags(
        &self,
        name: &ProductName,
        after: Option<u64>,
        limit: usize,
    ) -> Result<TagsAnswer, Error>;

    /// Who has something with these checksums; at most `most` for each.
    async fn holders(&self, checksums: &[Checksum], most: usize) -> Result<Vec<Holders>, Error>;
    /// Who has something with this checksum, beginning at a cursor.
    async fn holders_after(
        &self,
        checksum: &Checksum,
        after: Option<&str>,
        most: usize,
    ) -> Result<Holders, Error>;

    /// Journal entries that are not yet known to be in the blob store, by number.
    async fn journal_unstored(&self) -> Result<Vec<JournalRow>, Error>;
    /// Notes that journal entries are durable in the blob store.
    async fn journal_stored(&self, seqs: Range<u64>) -> Result<(), Error>;
    /// Journal entries by number, beginning at `from`.
    async fn journal(&self, from: u64, limit: usize) -> Result<Vec<JournalRow>, Error>;
    /// The number of the last journal entry, 0 when there is none, and its digest.
    async fn journal_head(&self) -> Result<(u64, Option<Digest>), Error>;
    /// Does again what a journal entry says, and keeps its document byte for byte; its archives
    /// must have been recorded.
    async fn replay(&self, entry: &JournalEntry, row: &JournalRow) -> Result<(), Error>;

    /// What the engine itself finds wrong with its files and between its tables.
    async fn check(&self) -> Result<Vec<CheckFault>, Error>;
}
