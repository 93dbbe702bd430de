//! Tarballs for EUPS: the archive itself where it is packed as EUPS wants it, else one that is made once
//! and kept.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use larder_schema::archive::{ArchiveError, ArchiveFormat};
use larder_schema::eups::{EupsVersion, holds_product};
use larder_schema::{Build, Checksum, EntryKind, ProductName, Sha256, Sums};
use tracing::{Instrument as _, info, warn};

use super::roll::{self, Order, Source, Taken};
use super::table::{Known, table};
use super::{Named, Root, RootError};
use crate::access::Caller;
use crate::catalog::root::{Held, Packed, PackedArchive, RootSource, Tarball};
use crate::catalog::{self, StoredArchive};
use crate::registry::Registry;
use crate::registry::fetch::{FetchError, Found, ReadError};
use crate::registry::turns::{Full, Turn, Turns};
use crate::registry::upload::{UploadError, new_id};

/// The product whose build beside a tag's has its conda environment, and the file that it is.
const ENVIRONMENT: &str = "conda-environment";
const ENVIRONMENT_FILE: &str = "conda.env";

/// The most bytes of a text that is read from an archive.
const TEXT_BYTES: u64 = 4 << 20;

/// Who makes which tarball: of one build one, few at once, and few wait.
pub(in crate::registry) struct Making {
    gates: Mutex<HashMap<u64, Weak<tokio::sync::Mutex<()>>>>,
    turns: Turns,
    waiting: usize,
}

impl Making {
    /// So many are made at once, and so many may wait.
    pub(in crate::registry) fn new(at_once: usize, waiting: usize) -> Self {
        Self { gates: Mutex::default(), turns: Turns::new(at_once, waiting), waiting }
    }

    /// A turn to read or write an archive; it is held by the work, and not by who waits for it.
    async fn turn(&self) -> Result<Turn, RootError> {
        self.turns.take().await.map_err(|Full| RootError::Waiting(self.waiting))
    }

    fn gate(&self, build: u64) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(&build).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::default();
        gates.insert(build, Arc::downgrade(&gate));
        gate
    }
}

/// A build with all that its tarball is made of.
struct Whole {
    held: Held,
    record: Build,
    packed: Packed,
    needed: BTreeMap<ProductName, Known>,
}

impl Whole {
    fn of(source: &dyn RootSource, held: Held) -> Result<Self, catalog::Error> {
        let (record, packed) = (source.record(held.seq)?, source.packed(held.seq)?);
        let mut needed = BTreeMap::new();
        for one in record.run_dependencies().filter(|one| holds_product(&one.product)) {
            let fits = |held: &Held| {
                held.platform.fits(&record.platform) || record.platform.fits(&held.platform)
            };
            let against = match &one.built_against {
                None => None,
                Some(built) => {
                    let there = source.of_name(&one.product, &built.build)?;
                    let version = there.into_iter().find(fits).map(|held| held.version);
                    Some(version.unwrap_or_else(|| EupsVersion::of_build(&built.build)))
                }
            };
            let known = Known { against, is_ordered: source.is_ordered(&one.product)? };
            needed.insert(one.product.clone(), known);
        }
        Ok(Self { held, record, packed, needed })
    }

    fn table(&self) -> String {
        table(&self.record, &self.needed)
    }

    /// `PRODUCT/VERSION`.
    fn folder(&self) -> String {
        format!("{}/{}", self.held.product, self.held.version)
    }

    fn named(&self) -> Box<Named> {
        let (product, version) = (self.held.product.clone(), self.held.version.clone());
        Box::new(Named { product, version })
    }
}

impl Registry {
    /// The tarball of a build, which is made if it is not there yet.
    ///
    /// Whether its asker may read the build was asked when a root showed it.
    pub async fn root_tarball(&self, held: Held) -> Result<Found, RootError> {
        let seq = held.seq;
        let packed = self.with_source(move |source| Ok(source.packed(seq)?)).await?;
        if let Some(archive) = packed.as_it_is(&held) {
            let stored = self.stored(archive).await?;
            return Ok(self.present(stored, Some(file_name(&held))).await?);
        }
        if let Some(found) = self.found(&held, packed.tarball.as_ref()).await? {
            return Ok(found);
        }
        let gate = self.inner.making.gate(seq).lock_owned().await;
        let turn = self.inner.making.turn().await?;
        // Goes on when nobody waits any more: who asks next has it.
        let registry = self.clone();
        let work = async move {
            let _held = (gate, turn);
            registry.made(held).await
        };
        let task = tokio::spawn(work.in_current_span());
        task.await.unwrap_or(Err(RootError::Catalog(catalog::Error::Stopped)))
    }

    /// The table of a build: the one in its archive, or the one that is made for it.
    pub async fn root_table(&self, held: Held) -> Result<String, RootError> {
        let whole = self.whole(held).await?;
        let Some(archive) = &whole.packed.archive else { return Ok(whole.table()) };
        let own = format!("ups/{}.table", whole.held.product);
        let path = match &whole.record.product_dir {
            Some(folder) => format!("{folder}/{own}"),
            None => own,
        };
        let text = self.text_in(archive, path).await?;
        Ok(text.unwrap_or_else(|| whole.table()))
    }

    /// The conda environment of a tag: the file `conda.env` of the product `conda-environment` that its
    /// distribution lists. EUPS cannot hold that name, so that no list has it.
    pub async fn root_environment(
        &self,
        caller: &Caller,
        root: &Root,
        tag: String,
    ) -> Result<String, RootError> {
        let product: ProductName = ENVIRONMENT.parse().expect("it is a name");
        let no_environment = || RootError::NoEnvironment { tag: tag.clone() };
        let of_tag = tag.clone();
        let packed = self.with_view(caller, root, move |view| {
            let seq = view.beside(&of_tag, &product)?;
            Ok(seq.map(|seq| view.source.packed(seq)).transpose()?)
        });
        let archive = packed.await?.and_then(|packed| packed.archive).ok_or_else(no_environment)?;
        let text = self.text_in(&archive, ENVIRONMENT_FILE.to_owned()).await?;
        text.ok_or_else(no_environment)
    }

    /// A text in an archive, of the size and sum that its index tells; none where it has no such file.
    async fn text_in(
        &self,
        archive: &PackedArchive,
        path: String,
    ) -> Result<Option<String>, RootError> {
        // Paths come sorted by their bytes: the first behind all but the last of them is it, or it is
        // not there.
        let before = path.char_indices().next_back().map(|(at, _)| &path[..at]);
        let found = self.inner.catalog.contents(&archive.sha256, before, 1).await?;
        let entry = found.into_iter().next().filter(|entry| entry.path.as_str() == path);
        let Some(EntryKind::File { size, sha256, .. }) = entry.map(|entry| entry.kind) else {
            return Ok(None);
        };
        if size > TEXT_BYTES {
            return Ok(None);
        }
        let source = self.opened(archive).await?;
        let limits = self.inner.config.limits.archive();
        let turn = self.inner.making.turn().await?;
        let text = blocking(move || {
            let _turn = turn;
            Ok(roll::text_in(source, &path, &limits)?)
        });
        match text.await? {
            Some(text) if Sha256::of(text.as_bytes()) == sha256 => Ok(Some(text)),
            Some(_) => Err(ReadError::Spoiled(archive.sha256).into()),
            None => Ok(None),
        }
    }

    async fn whole(&self, held: Held) -> Result<Whole, RootError> {
        self.with_source(move |source| Ok(Whole::of(source, held)?)).await
    }

    /// A tarball whose bytes are where they should be.
    async fn found(
        &self,
        held: &Held,
        tarball: Option<&Tarball>,
    ) -> Result<Option<Found>, RootError> {
        let Some(Tarball { sums, key }) = tarball.cloned() else { return Ok(None) };
        if self.inner.blobs.size(&key).await? != Some(sums.size) {
            return Ok(None);
        }
        let format = ArchiveFormat::TarGz;
        Ok(Some(Found { sums, format, key, name: Some(file_name(held)) }))
    }

    /// Makes the tarball, unless somebody else just did.
    async fn made(&self, held: Held) -> Result<Found, RootError> {
        let whole = self.whole(held).await?;
        let before = whole.packed.tarball.clone();
        if let Some(found) = self.found(&whole.held, before.as_ref()).await? {
            return Ok(found);
        }
        let source = self.source(&whole).await?;
        self.demand_room_for(&whole.record)?;
        let staged = Staged(self.inner.uploads.path(&new_id()?));
        let (whole, sums) = self.rolled(whole, source, staged.0.clone()).await?;
        let key = self.inner.blobs.adopt_derived(&staged.0, &sums).await?;
        let made = Tarball { sums, key };
        let kept = self.inner.catalog.keep_tarball(whole.held.seq, &made, before.as_ref()).await?;
        let superseded = match kept.key == made.key {
            true => before.map(|before| before.key),
            false => Some(made.key),
        };
        if let Some(key) = superseded
            && let Err(error) = self.inner.blobs.delete(&key).await
        {
            warn!(error = &error as &dyn std::error::Error, "could not remove a second tarball");
        }
        info!(size_bytes = kept.sums.size, "packed {} for EUPS", whole.named());
        let found = self.found(&whole.held, Some(&kept)).await?;
        found.ok_or_else(|| RootError::NotThere { named: whole.named() })
    }

    async fn rolled(
        &self,
        whole: Whole,
        source: Option<Source>,
        path: PathBuf,
    ) -> Result<(Whole, Sums), RootError> {
        let limits = self.inner.config.limits.archive();
        blocking(move || {
            let (folder, table) = (whole.folder(), whole.table());
            let order =
                Order { build: &whole.record, folder: &folder, table: &table, limits: &limits };
            match roll::roll(source, &order, &path) {
                // What the disk has spoiled must not come out with sums of its own.
                Ok((_, tree)) if tree != whole.record.tree => {
                    let archive = whole.packed.archive.as_ref().map(|it| it.sha256);
                    Err(RootError::Spoiled(ReadError::Spoiled(archive.unwrap_or(Sha256([0; 32])))))
                }
                Ok((sums, _)) => Ok((whole, sums)),
                Err(ArchiveError::Sink(error)) => {
                    match error.get_ref().and_then(|error| error.downcast_ref::<Taken>()) {
                        Some(taken) => {
                            let reason = taken.to_string();
                            Err(RootError::NotPacked { named: whole.named(), reason })
                        }
                        None => Err(RootError::Blobs(error.into())),
                    }
                }
                Err(error) => Err(RootError::Read(error)),
            }
        })
        .await
    }

    /// The archive of a build, open; none: it has none.
    async fn source(&self, whole: &Whole) -> Result<Option<Source>, RootError> {
        match &whole.packed.archive {
            Some(archive) => Ok(Some(self.opened(archive).await?)),
            None => Ok(None),
        }
    }

    async fn opened(&self, archive: &PackedArchive) -> Result<Source, RootError> {
        let stored = self.stored(archive).await?;
        let file = self.inner.blobs.open_file(&stored.key).await?;
        Ok(Source { file, format: stored.format })
    }

    async fn stored(&self, archive: &PackedArchive) -> Result<StoredArchive, RootError> {
        let checksum = Checksum::Sha256(archive.sha256);
        let stored = self.inner.catalog.archive(&checksum).await?;
        Ok(stored.ok_or(FetchError::Unknown(checksum))?)
    }

    /// Refuses work that would take the last of the disk: the catalog needs some.
    fn demand_room_for(&self, record: &Build) -> Result<(), RootError> {
        let size = record.archive.as_ref().and_then(|archive| archive.size).unwrap_or(0);
        let spare = self.inner.config.limits.spare_bytes;
        if self.inner.uploads.room()? < spare.saturating_add(size) {
            return Err(RootError::Staging(UploadError::DiskFull));
        }
        Ok(())
    }
}

/// How a download is called.
fn file_name(held: &Held) -> String {
    format!("{}-{}.tar.gz", held.product, held.version)
}

/// A file in the staging, which goes when its work is over.
struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        // What stays although it should not is removed by the next start.
        drop(std::fs::remove_file(&self.0));
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RootError> + Send + 'static,
) -> Result<T, RootError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(RootError::Catalog(catalog::Error::Stopped)))
}
