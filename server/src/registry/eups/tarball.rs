//! Tarballs for EUPS: the archive itself where it is packed as EUPS wants it, else one that is made once
//! and kept.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use larder_schema::archive::{ArchiveError, ArchiveFormat};
use larder_schema::eups::{EupsVersion, holds_product};
use larder_schema::{Build, Checksum, DependencyKind, ProductName, Sha256, Sums};
use tokio::sync::Semaphore;
use tracing::{Instrument as _, info, warn};

use super::roll::{self, Order, Source, Taken};
use super::table::table;
use super::{Named, Root, RootError};
use crate::access::Caller;
use crate::catalog::root::{Held, Packed, PackedArchive, RootSource, Tarball};
use crate::catalog::{self, StoredArchive};
use crate::registry::Registry;
use crate::registry::fetch::{FetchError, Found, ReadError};
use crate::registry::upload::{UploadError, new_id};

/// The product whose build beside a tag's has its conda environment, and the file that it is.
const ENVIRONMENT: &str = "conda-environment";
const ENVIRONMENT_FILE: &str = "conda.env";

/// Who makes which tarball: of one build one, and few at once.
pub struct Making {
    gates: Mutex<HashMap<u64, Weak<tokio::sync::Mutex<()>>>>,
    at_once: Semaphore,
}

impl Making {
    /// So many are made at once.
    pub fn new(at_once: usize) -> Self {
        Self { gates: Mutex::default(), at_once: Semaphore::new(at_once) }
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
    against: BTreeMap<ProductName, EupsVersion>,
}

impl Whole {
    fn of(source: &dyn RootSource, held: Held) -> Result<Self, catalog::Error> {
        let (record, packed) = (source.record(held.seq)?, source.packed(held.seq)?);
        let mut against = BTreeMap::new();
        for needed in &record.dependencies {
            let Some(built) = &needed.built_against else { continue };
            if needed.kind != DependencyKind::Run || !holds_product(&needed.product) {
                continue;
            }
            let there = source.of_name(&needed.product, &built.build)?.into_iter().next();
            let version = there.map(|held| held.version);
            let version = version.unwrap_or_else(|| EupsVersion::of_build(&built.build));
            against.insert(needed.product.clone(), version);
        }
        Ok(Self { held, record, packed, against })
    }

    fn table(&self) -> String {
        table(&self.record, &self.against)
    }

    /// `PRODUCT/VERSION`.
    fn folder(&self) -> String {
        format!("{}/{}", self.held.product, self.held.version)
    }

    /// The archive, where EUPS takes it as it is.
    fn as_it_is(&self) -> Option<&PackedArchive> {
        let archive = self.packed.archive.as_ref()?;
        let is_laid_out =
            self.record.product_dir.is_some() && archive.folder.as_ref()?.as_str() == self.folder();
        (is_laid_out && archive.format == ArchiveFormat::TarGz).then_some(archive)
    }

    /// How a download is called.
    fn file_name(&self) -> String {
        format!("{}-{}.tar.gz", self.held.product, self.held.version)
    }

    fn named(&self) -> Box<Named> {
        let (product, version) = (self.held.product.clone(), self.held.version.clone());
        Box::new(Named { product, version })
    }
}

impl Registry {
    /// The tarball of a build, which is made if it is not there yet.
    pub async fn root_tarball(
        &self,
        caller: &Caller,
        root: &Root,
        held: Held,
    ) -> Result<Found, RootError> {
        let whole = self.whole(caller, root, held).await?;
        if let Some(archive) = whole.as_it_is() {
            let checksum = Checksum::Sha256(archive.sha256);
            let stored = self.inner.catalog.archive(&checksum).await?;
            let stored = stored.ok_or(FetchError::Unknown(checksum))?;
            return Ok(self.present(stored, Some(whole.file_name())).await?);
        }
        if let Some(found) = self.found(&whole, whole.packed.tarball.as_ref()).await? {
            return Ok(found);
        }
        // Goes on when nobody waits any more: who asks next has it.
        let registry = self.clone();
        let work = async move {
            let gate = registry.inner.making.gate(whole.held.seq);
            let _gate = gate.lock().await;
            registry.made(whole).await
        };
        let task = tokio::spawn(work.in_current_span());
        task.await.unwrap_or(Err(RootError::Catalog(catalog::Error::Stopped)))
    }

    /// The table of a build: the one in its archive, or the one that is made for it.
    pub async fn root_table(
        &self,
        caller: &Caller,
        root: &Root,
        held: Held,
    ) -> Result<String, RootError> {
        let whole = self.whole(caller, root, held).await?;
        let (Some(folder), Some(source)) = (&whole.record.product_dir, self.source(&whole).await?)
        else {
            return Ok(whole.table());
        };
        let path = format!("{folder}/ups/{}.table", whole.held.product);
        Ok(self.text_in(source, path).await?.unwrap_or_else(|| whole.table()))
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
        let source = self.opened(&archive).await?;
        let text = self.text_in(source, ENVIRONMENT_FILE.to_owned()).await?;
        text.ok_or_else(no_environment)
    }

    async fn text_in(&self, source: Source, path: String) -> Result<Option<String>, RootError> {
        let limits = self.inner.config.limits.archive();
        let _permit = self.permit().await?;
        blocking(move || Ok(roll::text_in(source, &path, &limits)?)).await
    }

    async fn whole(&self, caller: &Caller, root: &Root, held: Held) -> Result<Whole, RootError> {
        self.with_view(caller, root, move |view| Ok(Whole::of(view.source, held)?)).await
    }

    /// A tarball whose bytes are where they should be.
    async fn found(
        &self,
        whole: &Whole,
        tarball: Option<&Tarball>,
    ) -> Result<Option<Found>, RootError> {
        let Some(Tarball { sums, key }) = tarball.cloned() else { return Ok(None) };
        if self.inner.blobs.size(&key).await? != Some(sums.size) {
            return Ok(None);
        }
        let format = ArchiveFormat::TarGz;
        Ok(Some(Found { sums, format, key, name: Some(whole.file_name()) }))
    }

    /// Makes the tarball, unless somebody else just did.
    async fn made(&self, whole: Whole) -> Result<Found, RootError> {
        let _permit = self.permit().await?;
        let (caller, held) = (self.owner(), whole.held.clone());
        let root = Root { platform: held.platform.clone(), tag: None };
        let whole = self.whole(&caller, &root, held).await?;
        let before = whole.packed.tarball.clone();
        if let Some(found) = self.found(&whole, before.as_ref()).await? {
            return Ok(found);
        }
        let source = self.source(&whole).await?;
        self.demand_room_for(&whole.record)?;
        let staged = Staged(self.inner.uploads.path(&new_id()?));
        let (whole, sums) = self.rolled(whole, source, staged.0.clone()).await?;
        let key = self.inner.blobs.adopt_derived(&staged.0, &sums).await?;
        let made = Tarball { sums, key };
        let kept = self.inner.catalog.keep_tarball(whole.held.seq, &made, before.as_ref()).await?;
        if kept.key != made.key
            && let Err(error) = self.inner.blobs.delete(&made.key).await
        {
            warn!(error = &error as &dyn std::error::Error, "could not remove a second tarball");
        }
        info!(size_bytes = kept.sums.size, "packed {} for EUPS", whole.named());
        let found = self.found(&whole, Some(&kept)).await?;
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
        let checksum = Checksum::Sha256(archive.sha256);
        let stored: Option<StoredArchive> = self.inner.catalog.archive(&checksum).await?;
        let stored = stored.ok_or(FetchError::Unknown(checksum))?;
        let file = self.inner.blobs.open_file(&stored.key).await?;
        Ok(Source { file, format: stored.format })
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

    async fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>, RootError> {
        let permit = self.inner.making.at_once.acquire().await;
        permit.map_err(|_| RootError::Catalog(catalog::Error::Stopped))
    }
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
