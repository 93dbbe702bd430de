//! The catalog on SQLite, the embedded default.
//!
//! One connection writes (`writer.rs`), a few read; WAL with full synchronous, so that what is acknowledged
//! survives a power cut. All work happens on the blocking pool. Only this engine opens the files.

mod archives;
mod build_ids;
mod candidates;
mod check;
mod column;
mod dependants;
mod distributions;
mod holders;
mod inputs;
mod journal;
mod lookup;
mod migrate;
mod newest;
mod numbers;
mod products;
mod record;
mod root;
mod statements;
mod stock;
mod tags;
mod tokens;
mod uploads;
mod waiting;
mod writer;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use larder_schema::api::{
    CheckFault, Dependant, DistributionSummary, Page, ProductAnswer, ProductSummary, Statement,
    StatementRequest, TagState, TagsAnswer,
};
use larder_schema::archive::Index;
use larder_schema::{
    Build, BuildKey, BuildName, Checksum, Digest, Entry, ProductDocument, ProductName, Sha256,
    Timestamp,
};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use writer::Writer;

use super::{
    Act, BeginUpload, BuildFilter, CandidateWork, Catalog, DistributionSelector, Error, Holders,
    JournalEntry, JournalRow, Publication, Recorded, Refusal, RootWork, SelectedDistributions,
    StockWork, StoredArchive, StoredBuild, StoredToken, Subject, TagChange, Tarball, Upload,
    UploadQuota,
};

/// How many connections read at once.
const READERS: usize = 4;
/// How long a read may take, unless it is said otherwise.
const READ_TIME: Duration = Duration::from_secs(20);
/// Virtual machine steps between two looks at the clock.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// The catalog on SQLite.
#[derive(Clone)]
pub struct Sqlite {
    inner: Arc<Inner>,
    read_time: Duration,
}

struct Inner {
    path: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
}

/// Why a transaction was given up.
enum Stop {
    Failed(Error),
    Refused(Box<Refusal>),
}

impl Stop {
    fn refused(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::OperationInterrupted) => Self::Deadline,
            _ if matches!(error, rusqlite::Error::FromSqlConversionFailure(..)) => {
                Self::Unreadable { what: "a value".to_owned(), source: Box::new(error) }
            }
            _ => Self::Engine(Box::new(error)),
        }
    }
}

impl From<larder_schema::canonical::CanonicalError> for Error {
    fn from(error: larder_schema::canonical::CanonicalError) -> Self {
        Self::Unreadable { what: "a document".to_owned(), source: Box::new(error) }
    }
}

impl Sqlite {
    /// Opens the catalog in the file at `path`, which is made if it is not there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut writer = connect(path, 16_000)?;
        migrate::migrate(&mut writer)?;
        let inner = Inner {
            path: path.to_owned(),
            writer: Writer::new(writer),
            readers: Mutex::new(Vec::new()),
            reading: Arc::new(Semaphore::new(READERS)),
        };
        Ok(Self { inner: Arc::new(inner), read_time: READ_TIME })
    }

    /// The same, where a read may take `read_time`.
    #[must_use]
    pub fn with_read_time(self, read_time: Duration) -> Self {
        Self { read_time, ..self }
    }

    /// Runs `work` in a transaction: all of it is durable when this returns, or none is done.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Stop> + Send + 'static,
    ) -> Result<Result<T, Refusal>, Error> {
        self.inner.writer.write(work).await
    }

    /// Forgets what builds were built against, as it is in a catalog that was damaged.
    #[cfg(test)]
    pub(crate) async fn lose_inputs(&self) -> Result<(), Error> {
        self.change(|db| Ok(db.execute_batch("DELETE FROM inputs; DELETE FROM likenesses;")?)).await
    }

    /// The same for work that nothing can refuse.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let done = self.write(move |db| work(db).map_err(Stop::Failed)).await?;
        Ok(done.unwrap_or_else(|refusal| unreachable!("this work refuses nothing: {refusal}")))
    }

    /// Runs `work` on one state of the catalog, within the deadline.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.inner.reading).acquire_owned();
        let permit = permit.await.map_err(|_| Error::Stopped)?;
        let (inner, read_time) = (Arc::clone(&self.inner), self.read_time);
        blocking(move || {
            // Held by the work and not by who waits for it: that one may be gone before it ends.
            let _permit = permit;
            let mut reader = inner.reader()?;
            let end = Instant::now() + read_time;
            reader.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() > end))?;
            let snapshot = reader.unchecked_transaction()?;
            let answer = work(&snapshot);
            drop(snapshot);
            inner.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            answer
        })
        .await
    }
}

impl Inner {
    /// A connection that reads, an idle one if there is one; its last deadline is still set.
    fn reader(&self) -> Result<Connection, Error> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.new_reader(), Ok)
    }

    fn new_reader(&self) -> Result<Connection, Error> {
        let reader = connect(&self.path, 8_000)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(reader)
    }
}

/// Opens the file with the settings that the promises need; `cache` is in KiB.
fn connect(path: &Path, cache: i64) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -cache)?;
    // Otherwise a statement is compiled anew whenever its parameters change, in case another plan is
    // better for them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Stopped))
}

#[async_trait]
impl Catalog for Sqlite {
    async fn ready(&self) -> Result<(), Error> {
        self.read(|db| Ok(db.query_row("SELECT 1 FROM counters", [], |_| Ok(()))?)).await
    }

    async fn create_token(&self, token: &StoredToken) -> Result<bool, Error> {
        let token = token.clone();
        self.change(move |db| tokens::create(db, &token)).await
    }

    async fn token(&self, hash: &Sha256) -> Result<Option<StoredToken>, Error> {
        let hash = *hash;
        self.read(move |db| tokens::by_hash(db, &hash)).await
    }

    async fn tokens(&self) -> Result<Vec<StoredToken>, Error> {
        self.read(tokens::all).await
    }

    async fn revoke_token(
        &self,
        name: &ProductName,
        at: &Timestamp,
    ) -> Result<Option<StoredToken>, Error> {
        let (name, at) = (name.clone(), at.clone());
        self.change(move |db| tokens::revoke(db, &name, &at)).await
    }

    async fn note_token_use(&self, hash: &Sha256, at: &Timestamp) -> Result<(), Error> {
        let (hash, at) = (*hash, at.clone());
        self.change(move |db| tokens::note_use(db, &hash, &at)).await
    }

    async fn begin_upload(
        &self,
        upload: &Upload,
        quota: UploadQuota,
    ) -> Result<BeginUpload, Error> {
        let upload = upload.clone();
        self.change(move |db| uploads::begin(db, &upload, quota)).await
    }

    async fn upload(&self, id: &str) -> Result<Option<Upload>, Error> {
        let id = id.to_owned();
        self.read(move |db| uploads::by_id(db, &id)).await
    }

    async fn advance_upload(&self, id: &str, offset: u64) -> Result<(), Error> {
        let id = id.to_owned();
        self.change(move |db| uploads::advance(db, &id, offset)).await
    }

    async fn end_upload(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.change(move |db| uploads::end(db, &id)).await
    }

    async fn uploads(&self) -> Result<Vec<Upload>, Error> {
        self.read(uploads::all).await
    }

    async fn record_archive(
        &self,
        archive: &StoredArchive,
        index: &Index,
    ) -> Result<StoredArchive, Error> {
        let (archive, entries) = (archive.clone(), index.entries.clone());
        self.change(move |db| archives::record(db, &archive, &entries)).await
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        archive: &StoredArchive,
        index: &Index,
    ) -> Result<StoredArchive, Error> {
        let (id, token) = (upload.id.clone(), upload.token);
        let (archive, entries) = (archive.clone(), index.entries.clone());
        self.change(move |db| {
            let recorded = archives::record(db, &archive, &entries)?;
            if recorded.format == archive.format {
                archives::note_sender(db, &token, &archive.sums.sha256)?;
            }
            uploads::end(db, &id)?;
            Ok(recorded)
        })
        .await
    }

    async fn archive(&self, checksum: &Checksum) -> Result<Option<StoredArchive>, Error> {
        let checksum = *checksum;
        self.read(move |db| archives::by_checksum(db, &checksum)).await
    }

    async fn is_named(&self, archive: &Sha256) -> Result<bool, Error> {
        let archive = *archive;
        self.read(move |db| archives::is_named(db, &archive)).await
    }

    async fn note_sender(&self, token: &Sha256, archive: &Sha256) -> Result<(), Error> {
        let (token, archive) = (*token, *archive);
        self.change(move |db| archives::note_sender(db, &token, &archive)).await
    }

    async fn is_sender(&self, token: &Sha256, archive: &Sha256) -> Result<bool, Error> {
        let (token, archive) = (*token, *archive);
        self.read(move |db| archives::is_sender(db, &token, &archive)).await
    }

    async fn archives_sent_by(
        &self,
        token: Option<&Sha256>,
        archives: &[Sha256],
    ) -> Result<Vec<Option<(StoredArchive, bool)>>, Error> {
        let (token, archives) = (token.copied(), archives.to_vec());
        self.read(move |db| {
            let looked_up = archives.iter().map(|sha256| {
                let Some(stored) = archives::by_checksum(db, &Checksum::Sha256(*sha256))? else {
                    return Ok(None);
                };
                let is_sender = match &token {
                    Some(token) => archives::is_sender(db, token, sha256)?,
                    None => false,
                };
                Ok(Some((stored, is_sender)))
            });
            looked_up.collect()
        })
        .await
    }

    async fn contents(
        &self,
        archive: &Sha256,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        let (archive, after) = (*archive, after.map(str::to_owned));
        self.read(move |db| archives::contents(db, &archive, after.as_deref(), limit)).await
    }

    async fn archives(
        &self,
        after: Option<&Sha256>,
        limit: usize,
    ) -> Result<Vec<StoredArchive>, Error> {
        let after = after.copied();
        self.read(move |db| archives::page(db, after.as_ref(), limit)).await
    }

    async fn record(
        &self,
        publication: &Publication,
        act: &Act,
    ) -> Result<Result<Recorded, Refusal>, Error> {
        let (publication, act) = (publication.clone(), act.clone());
        self.write(move |db| record::record(db, &publication, &act)).await
    }

    async fn allocate_build_ids(&self, count: u32, act: &Act) -> Result<u64, Error> {
        let act = act.clone();
        self.change(move |db| build_ids::allocate(db, count, &act)).await
    }

    async fn move_tag(
        &self,
        change: &TagChange,
        act: &Act,
    ) -> Result<Result<TagState, Refusal>, Error> {
        let (change, act) = (change.clone(), act.clone());
        self.write(move |db| tags::move_alone(db, &change, &act)).await
    }

    async fn state(&self, said: &StatementRequest, act: &Act) -> Result<(Statement, bool), Error> {
        let (said, act) = (said.clone(), act.clone());
        self.change(move |db| statements::state(db, &said, &act)).await
    }

    async fn subjects(&self, subject: &Digest) -> Result<Vec<Subject>, Error> {
        let subject = *subject;
        self.read(move |db| statements::subjects(db, &subject)).await
    }

    async fn statements(
        &self,
        subject: &Digest,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<Statement>, Error> {
        let subject = *subject;
        self.read(move |db| statements::page(db, &subject, after, limit)).await
    }

    async fn products(
        &self,
        query: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ProductSummary>, Error> {
        let (query, after) = (query.map(str::to_owned), after.map(str::to_owned));
        self.read(move |db| products::page(db, query.as_deref(), after.as_deref(), limit)).await
    }

    async fn product(&self, name: &ProductName) -> Result<Option<ProductAnswer>, Error> {
        let name = name.clone();
        self.read(move |db| products::product(db, &name)).await
    }

    async fn declare(
        &self,
        document: &ProductDocument,
        twins: bool,
        act: &Act,
    ) -> Result<Result<bool, Refusal>, Error> {
        let (document, act) = (document.clone(), act.clone());
        self.write(move |db| products::declare(db, &document, twins, &act)).await
    }

    async fn note_pending(&self, names: &[ProductName], most: u64, act: &Act) -> Result<(), Error> {
        let (names, act) = (names.to_vec(), act.clone());
        self.change(move |db| products::note_pending(db, &names, most, &act)).await
    }

    async fn pending_products(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ProductSummary>, Error> {
        let after = after.map(str::to_owned);
        self.read(move |db| products::pending(db, after.as_deref(), limit)).await
    }

    async fn dependants(
        &self,
        build: &Build,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<Dependant>, Error> {
        let build = build.clone();
        self.read(move |db| dependants::page(db, &build, after, limit)).await
    }

    async fn builds(
        &self,
        filter: &BuildFilter,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<StoredBuild>, Error> {
        let filter = filter.clone();
        self.read(move |db| lookup::builds(db, &filter, after, limit)).await
    }

    async fn build(
        &self,
        product: &ProductName,
        build: &BuildName,
    ) -> Result<Vec<StoredBuild>, Error> {
        let (product, build) = (product.clone(), build.clone());
        self.read(move |db| lookup::build(db, &product, &build)).await
    }

    async fn builds_by_key(&self, keys: &[BuildKey]) -> Result<Vec<Option<StoredBuild>>, Error> {
        let keys = keys.to_vec();
        self.read(move |db| keys.iter().map(|key| lookup::by_key(db, key)).collect()).await
    }

    async fn with_candidates(&self, work: CandidateWork) -> Result<(), Error> {
        self.read(move |db| {
            work(&candidates::Snapshot(db));
            Ok(())
        })
        .await
    }

    async fn with_stock(&self, work: StockWork) -> Result<(), Error> {
        self.read(move |db| {
            work(&stock::Shelf::new(db)?);
            Ok(())
        })
        .await
    }

    async fn with_root(&self, work: RootWork) -> Result<(), Error> {
        self.read(move |db| {
            work(&root::Snapshot(db));
            Ok(())
        })
        .await
    }

    async fn keep_tarball(
        &self,
        build: u64,
        made: &Tarball,
        before: Option<&Tarball>,
    ) -> Result<Tarball, Error> {
        let (made, before) = (made.clone(), before.cloned());
        self.change(move |db| root::keep_tarball(db, build, &made, before.as_ref())).await
    }

    async fn distributions(
        &self,
        query: Option<&str>,
        name: Option<&ProductName>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<DistributionSummary>, Error> {
        let (query, name) = (query.map(str::to_owned), name.cloned());
        self.read(move |db| distributions::page(db, query.as_deref(), name.as_ref(), after, limit))
            .await
    }

    async fn distribution(
        &self,
        name: &ProductName,
        selector: &DistributionSelector,
    ) -> Result<SelectedDistributions, Error> {
        let (name, selector) = (name.clone(), selector.clone());
        self.read(move |db| distributions::select(db, &name, &selector)).await
    }

    async fn tags(
        &self,
        name: &ProductName,
        after: Option<u64>,
        limit: usize,
    ) -> Result<TagsAnswer, Error> {
        let name = name.clone();
        self.read(move |db| tags::of(db, &name, after, limit)).await
    }

    async fn holders(&self, checksums: &[Checksum], most: usize) -> Result<Vec<Holders>, Error> {
        let checksums = checksums.to_vec();
        self.read(move |db| holders::all(db, &checksums, most)).await
    }

    async fn holders_after(
        &self,
        checksum: &Checksum,
        after: Option<&str>,
        most: usize,
    ) -> Result<Holders, Error> {
        let (checksum, after) = (*checksum, after.map(str::to_owned));
        self.read(move |db| holders::page(db, &checksum, after.as_deref(), most)).await
    }

    async fn journal_unstored(&self) -> Result<Vec<JournalRow>, Error> {
        self.read(journal::unstored).await
    }

    async fn journal_stored(&self, seqs: Range<u64>) -> Result<(), Error> {
        self.change(move |db| journal::mark_stored(db, &seqs)).await
    }

    async fn journal(&self, from: u64, limit: usize) -> Result<Vec<JournalRow>, Error> {
        self.read(move |db| journal::page(db, from, limit)).await
    }

    async fn journal_head(&self) -> Result<(u64, Option<Digest>), Error> {
        self.read(journal::head).await
    }

    async fn replay(&self, entry: &JournalEntry, row: &JournalRow) -> Result<(), Error> {
        let (entry, row) = (entry.clone(), row.clone());
        let done = self.write(move |db| journal::replay(db, &entry, &row)).await?;
        done.map_err(|refusal| Error::Unreadable {
            what: "a journal entry".to_owned(),
            source: Box::new(refusal),
        })
    }

    async fn check(&self) -> Result<Vec<CheckFault>, Error> {
        let inner = Arc::clone(&self.inner);
        // On a connection of its own: it may take longer than a read may.
        blocking(move || check::check(&inner.new_reader()?)).await
    }
}
