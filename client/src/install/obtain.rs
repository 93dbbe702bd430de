//! Brings trees into the store: fetch, check, unpack, put in place. Several at once, bounded.

use std::ops::AddAssign;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use larder_schema::archive::{ArchiveError, ArchiveFormat};
use larder_schema::{ArchiveName, Build, BuildKey, Sha256, TreeChecksum};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{Error, sync};
use crate::download::{Part, Wanted, fetch};
use crate::progress::{Progress, Transfer};
use crate::remote::Remote;
use crate::store::{Staged, Store};
use crate::unpack::unpack;

/// How many archives come at once.
const DOWNLOADS: usize = 6;

/// A tree, and the archive that unpacks to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Whose.
    pub key: BuildKey,
    /// The archive.
    pub archive: Sha256,
    /// Its file name: the ending tells how it is unpacked.
    pub name: ArchiveName,
    /// How many bytes it has.
    pub size: Option<u64>,
    /// What it unpacks to.
    pub tree: TreeChecksum,
}

impl Packed {
    /// What a record says.
    pub fn of(build: &Build) -> Result<Self, Refused> {
        let (Some(archive), Some(tree)) = (&build.archive, build.tree) else {
            return Err(Refused::Format { build: build.key().to_string() });
        };
        let (key, name) = (build.key(), archive.name.clone());
        Ok(Self { key, archive: archive.sha256, name, size: archive.size, tree })
    }

    /// The archive, as it is fetched.
    pub(crate) fn wanted(&self) -> Wanted {
        let name = format!("{}@{}", self.key.product, self.key.build);
        Wanted { sha256: self.archive, size: self.size, name }
    }

    /// Bytes of the archive.
    pub(crate) fn bytes(&self) -> u64 {
        // Nobody adds up more than numbers hold, whatever a plan or a server says.
        self.size.unwrap_or(0).min(1 << 48)
    }
}

/// How many bytes were moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes of archives that came over the network.
    pub fetched_bytes: u64,
    /// Bytes of archives that did not have to come.
    pub reused_bytes: u64,
    /// Bytes of files that were written to the store.
    pub written_bytes: u64,
}

impl AddAssign for Moved {
    fn add_assign(&mut self, more: Self) {
        self.fetched_bytes += more.fetched_bytes;
        self.reused_bytes += more.reused_bytes;
        self.written_bytes += more.written_bytes;
    }
}

/// An archive came and cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It has no ending that says what it is, or no tree: the record should not exist.
    #[error("the record of `{build}` does not say how its archive is unpacked")]
    Format {
        /// The build.
        build: String,
    },
    /// It cannot be unpacked.
    #[error("could not unpack the archive of `{build}`")]
    Archive {
        /// The build.
        build: String,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// It unpacks to something else than its record says.
    #[error("the archive of `{build}` unpacks to {found}, and its record says {said}")]
    Tree {
        /// The build.
        build: String,
        /// What it unpacks to.
        found: TreeChecksum,
        /// What it should.
        said: TreeChecksum,
    },
}

/// Brings trees into the store.
pub struct Obtainer<'a> {
    /// Where archives come from.
    pub remote: &'a Remote,
    /// Where trees go.
    pub store: &'a Store,
    /// Where it is shown how far things are.
    pub progress: Progress,
}

/// What became of one build.
enum Got {
    /// It is unpacked, and has its place yet to take.
    Staged(Staged, Part, Moved),
    /// Somebody else has brought it.
    There(u64),
    /// Somebody else is bringing it.
    Busy(Box<Packed>),
}

impl Obtainer<'_> {
    /// Brings `trees` into the store, all or an error.
    ///
    /// Each archive is checked, each tree has its checksum and is durable before it takes its place.
    pub async fn obtain(&self, trees: Vec<Packed>) -> Result<Moved, Error> {
        let transfer = self.progress.transfer("Downloading", trees.iter().map(Packed::bytes).sum());
        let outcome = self.all(trees, &transfer).await;
        match &outcome {
            Ok(moved) => transfer.finish(format!(
                "Downloaded {}, unpacked {}",
                indicatif::HumanBytes(moved.fetched_bytes),
                indicatif::HumanBytes(moved.written_bytes)
            )),
            Err(_) => transfer.abandon(),
        }
        outcome
    }

    async fn all(&self, trees: Vec<Packed>, transfer: &Transfer) -> Result<Moved, Error> {
        let unpackers = std::thread::available_parallelism().map_or(2, usize::from);
        let unpacking = Arc::new(Semaphore::new(unpackers));
        let got: Vec<Got> = stream::iter(trees)
            .map(|packed| self.one(packed, transfer, &unpacking, false))
            .buffer_unordered(DOWNLOADS)
            .try_collect()
            .await?;
        let (mut moved, mut busy) = (Moved::default(), Vec::new());
        let mut staged = Vec::new();
        for got in got {
            match got {
                Got::Staged(tree, part, bytes) => {
                    staged.push((tree, part));
                    moved += bytes;
                }
                Got::There(bytes) => moved.reused_bytes += bytes,
                Got::Busy(packed) => busy.push(packed),
            }
        }
        self.put_in_place(staged)?;
        // What another larder was bringing is waited for only now, with nothing held: two that
        // wait for each other would wait for ever.
        for packed in busy {
            moved += self.in_turn(*packed, transfer, &unpacking).await?;
        }
        Ok(moved)
    }

    async fn in_turn(
        &self,
        packed: Packed,
        transfer: &Transfer,
        unpacking: &Arc<Semaphore>,
    ) -> Result<Moved, Error> {
        match self.one(packed, transfer, unpacking, true).await? {
            Got::Staged(tree, part, moved) => {
                self.put_in_place(vec![(tree, part)])?;
                Ok(moved)
            }
            Got::There(bytes) => Ok(Moved { reused_bytes: bytes, ..Moved::default() }),
            Got::Busy(_) => Ok(Moved::default()),
        }
    }

    /// Trees are synced, then named: a tree that has its name is whole, whatever happens.
    fn put_in_place(&self, staged: Vec<(Staged, Part)>) -> Result<(), Error> {
        if staged.is_empty() {
            return Ok(());
        }
        sync(self.store.root())?;
        for (tree, part) in staged {
            self.store.adopt(tree)?;
            // Not removed, it is cleaned away later.
            drop(part.remove());
        }
        Ok(())
    }

    /// Brings one archive as far as its staged tree.
    async fn one(
        &self,
        packed: Packed,
        transfer: &Transfer,
        unpacking: &Arc<Semaphore>,
        wait: bool,
    ) -> Result<Got, Error> {
        let wanted = packed.wanted();
        let path = self.store.part(&packed.archive);
        let part = match wait {
            true => Part::take(path, &wanted.name).await?,
            false => match Part::try_take(path)? {
                Some(part) => part,
                None => return Ok(Got::Busy(Box::new(packed))),
            },
        };
        if self.store.has(&packed.tree) {
            transfer.advance(packed.bytes());
            drop(part.remove());
            return Ok(Got::There(packed.bytes()));
        }
        transfer.item(&wanted.name);
        let fetched_bytes = fetch(self.remote, &wanted, &part, transfer).await?;
        let (staged, part, written_bytes) = self.unpack(&packed, part, unpacking).await?;
        Ok(Got::Staged(staged, part, Moved { fetched_bytes, reused_bytes: 0, written_bytes }))
    }

    /// Unpacks what was downloaded; an archive that is refused does not stay.
    async fn unpack(
        &self,
        packed: &Packed,
        part: Part,
        unpacking: &Arc<Semaphore>,
    ) -> Result<(Staged, Part, u64), Error> {
        let refused = || packed.key.to_string();
        let format = ArchiveFormat::of_name(packed.name.as_str())
            .ok_or_else(|| Refused::Format { build: refused() })?;
        let turn = Arc::clone(unpacking).acquire_owned().await;
        let archive = part.open()?;
        let staging = self.store.stage()?;
        let unpacked = spawn_blocking(move || {
            let _turn = turn;
            let index = unpack(archive, format, staging.path())?;
            Ok::<_, ArchiveError>((staging, index))
        });
        let (staging, index) = match unpacked.await.map_err(Error::Broken)? {
            Ok(unpacked) => unpacked,
            Err(source) => {
                if !matches!(source, ArchiveError::Io(_) | ArchiveError::Sink(_)) {
                    // It has the right sum and is never any good.
                    drop(part.remove());
                }
                return Err(Refused::Archive { build: refused(), source }.into());
            }
        };
        if index.tree != packed.tree {
            let (found, said) = (index.tree, packed.tree);
            drop(part.remove());
            return Err(Refused::Tree { build: refused(), found, said }.into());
        }
        let bytes = index.unpacked_bytes;
        Ok((staging.finish(packed.tree, index.entries), part, bytes))
    }

    /// Fetches an archive again and puts its tree in place of a damaged one.
    pub async fn replace(&self, packed: &Packed) -> Result<Moved, Error> {
        let transfer = self.progress.transfer("Downloading", packed.bytes());
        let wanted = packed.wanted();
        let part = Part::take(self.store.part(&packed.archive), &wanted.name).await?;
        let fetched = fetch(self.remote, &wanted, &part, &transfer).await;
        transfer.abandon();
        let fetched_bytes = fetched?;
        let one = Arc::new(Semaphore::new(1));
        let (staged, part, written_bytes) = self.unpack(packed, part, &one).await?;
        sync(self.store.root())?;
        self.store.replace(staged)?;
        drop(part.remove());
        Ok(Moved { fetched_bytes, reused_bytes: 0, written_bytes })
    }
}

/// Bytes of a build's archive.
pub(super) fn archive_size(build: &Build) -> u64 {
    build.archive.as_ref().and_then(|archive| archive.size).unwrap_or(0)
}
