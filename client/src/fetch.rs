//! Brings builds where a build tool wants them: unpacked, as copies of its own, or as archives.
//!
//! Trees come through the store, so that what is there is not sent again. Each product's folder
//! appears whole or not at all, and one that larder did not make is never touched.

mod archives;
mod copy;
mod folder;
mod planned;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::{BuildKey, TreeChecksum};
use serde::Serialize;
use tokio::task::{JoinError, spawn_blocking};

use crate::identify::{self, tree_of};
use crate::install::{self, Moved, Obtainer, Packed};
use crate::lock::Contradiction;
use crate::progress::Progress;
use crate::remote::{self, Remote};
use crate::store::{self, Store};
use crate::{download, durable};
use folder::{Folder, Standing};
pub use planned::of_plan;

/// How many trees are looked at or copied at once.
const AT_ONCE: usize = 4;

/// Brings builds into a folder.
pub struct Fetcher<'a> {
    /// Where archives come from.
    pub remote: &'a Remote,
    /// Through where trees come.
    pub store: &'a Store,
    /// Where it is shown how far things are.
    pub progress: Progress,
}

/// What is in a folder now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// The builds, in their order.
    pub fetched: Vec<There>,
    /// Bytes of archives that came over the network.
    pub fetched_bytes: u64,
    /// Bytes of archives that did not have to come.
    pub reused_bytes: u64,
    /// Bytes of files that were written to the store.
    pub written_bytes: u64,
}

/// One build in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct There {
    /// The build.
    #[serde(flatten)]
    pub key: BuildKey,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was there before.
    pub unchanged: bool,
}

/// Builds were not brought.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something did not get into the store.
    #[error(transparent)]
    Obtain(Box<install::Error>),
    /// The server does not tell what is needed to fetch a build.
    #[error(transparent)]
    Remote(#[from] Box<remote::Error>),
    /// The server has another record of a build than the plan.
    #[error("the server contradicts the plan")]
    Contradiction(#[source] Box<Contradiction>),
    /// An archive did not come.
    #[error(transparent)]
    Download(#[from] download::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What is there cannot be read.
    #[error(transparent)]
    Look(#[from] identify::Error),
    /// Something else is in the way.
    #[error("`{}` is there, and larder did not put it there", .path.display())]
    NotOurs {
        /// What is there.
        path: PathBuf,
    },
    /// Two archives would be one file.
    #[error("the archives of {one} and {two} are both called `{name}`")]
    SameName {
        /// What.
        name: String,
        /// Whose.
        one: Box<BuildKey>,
        /// And whose.
        two: Box<BuildKey>,
    },
    /// A newer larder keeps this folder.
    #[error("`{}` has the form {format}, which this larder does not know", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its form.
        format: u32,
    },
    /// What is kept of it makes no sense.
    #[error("`{}` cannot be understood", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A copy is not what it should be, also when its archive was fetched anew.
    #[error("the copy of {build} in `{}` is not what was published", .path.display())]
    Copy {
        /// Whose.
        build: Box<BuildKey>,
        /// Where.
        path: PathBuf,
    },
    /// The disk.
    #[error("could not {what} `{}`", .path.display())]
    Disk {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A bug: a task panicked.
    #[error("the fetch broke off")]
    Broken(#[source] JoinError),
}

impl From<install::Error> for Error {
    fn from(error: install::Error) -> Self {
        Self::Obtain(Box::new(error))
    }
}

/// Names what was tried, for an error of the disk.
fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Disk { what, path, source }
}

impl Fetcher<'_> {
    /// Brings the trees of `builds` to `to`, each into a folder that is called like its product.
    ///
    /// What is there and right is left. What larder put there and is not what it should be is replaced.
    pub async fn trees(&self, builds: &[Packed], to: &Path) -> Result<Fetched, Error> {
        let folder = Folder::open(to, self.progress).await?;
        let wrong = self.wrong(&folder, builds).await?;
        let _adding = self.store.add()?;
        let mut moved = self.obtain(&wrong).await?;
        let copied: Vec<u64> = stream::iter(&wrong)
            .map(|packed| self.stage(&folder, packed))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        moved.fetched_bytes += copied.into_iter().sum::<u64>();
        // Both are on the disk before a folder gets its name, and before it is known for ours.
        durable::sync_all_of(folder.staging()).map_err(disk("sync", folder.staging()))?;
        folder.note(wrong.iter().map(|packed| (packed.key.product.to_string(), &packed.key)))?;
        for packed in &wrong {
            folder.place(packed.key.product.as_str())?;
        }
        let is_wrong = |packed: &Packed| wrong.iter().any(|wrong| wrong.key == packed.key);
        let left = builds.iter().filter(|packed| !is_wrong(packed));
        moved.reused_bytes += left.map(Packed::bytes).sum::<u64>();
        let there = builds.iter().map(|packed| There {
            key: packed.key.clone(),
            path: folder.path(packed.key.product.as_str()),
            unchanged: !is_wrong(packed),
        });
        Ok(Fetched::new(there.collect(), moved))
    }

    /// Those of `builds` that are not there as they should be; an error where something is in the way.
    async fn wrong(&self, folder: &Folder, builds: &[Packed]) -> Result<Vec<Packed>, Error> {
        let look = |packed: Packed| {
            let path = folder.path(packed.key.product.as_str());
            let is_ours = folder.is_ours(packed.key.product.as_str());
            async move {
                let looked = spawn_blocking(move || standing(&path, &packed, is_ours));
                looked.await.map_err(Error::Broken)?
            }
        };
        let found: Vec<(Packed, Standing)> =
            stream::iter(builds.to_vec()).map(look).buffered(AT_ONCE).try_collect().await?;
        let mut wrong = Vec::new();
        for (packed, standing) in found {
            match standing {
                Standing::Right => continue,
                Standing::Absent => {}
                Standing::Changed => self.progress.note(format_args!(
                    "`{}` is not what {} has, and is replaced",
                    folder.path(packed.key.product.as_str()).display(),
                    packed.key
                )),
            }
            wrong.push(packed);
        }
        Ok(wrong)
    }

    /// Brings into the store what is not there.
    async fn obtain(&self, builds: &[Packed]) -> Result<Moved, Error> {
        let mut moved = Moved::default();
        let mut seen: HashSet<TreeChecksum> = HashSet::new();
        let mut missing = Vec::new();
        for packed in builds {
            match self.store.has(&packed.tree) || !seen.insert(packed.tree) {
                true => moved.reused_bytes += packed.bytes(),
                false => missing.push(packed.clone()),
            }
        }
        if !missing.is_empty() {
            moved += self.obtainer().obtain(missing).await?;
        }
        Ok(moved)
    }

    fn obtainer(&self) -> Obtainer<'_> {
        Obtainer { remote: self.remote, store: self.store, progress: self.progress }
    }

    /// Copies a tree to where it can be put in place at once; tells how many bytes had to come for it.
    async fn stage(&self, folder: &Folder, packed: &Packed) -> Result<u64, Error> {
        let staged = folder.staged(packed.key.product.as_str());
        if self.copied(packed, &staged).await? {
            return Ok(0);
        }
        // The tree in the store is damaged.
        let moved = self.obtainer().replace(packed).await?;
        copy::remove(&staged)?;
        match self.copied(packed, &staged).await? {
            true => Ok(moved.fetched_bytes),
            false => Err(Error::Copy { build: Box::new(packed.key.clone()), path: staged }),
        }
    }

    /// Copies a tree; whether the copy is what it should be.
    async fn copied(&self, packed: &Packed, to: &Path) -> Result<bool, Error> {
        let (from, to, tree) = (self.store.tree(&packed.tree), to.to_owned(), packed.tree);
        let copied = spawn_blocking(move || {
            copy::copy(&from, &to)?;
            Ok(tree_of(&to)? == Some(tree))
        });
        copied.await.map_err(Error::Broken)?
    }
}

impl Fetched {
    fn new(fetched: Vec<There>, moved: Moved) -> Self {
        let Moved { fetched_bytes, reused_bytes, written_bytes } = moved;
        Self { fetched, fetched_bytes, reused_bytes, written_bytes }
    }
}

/// How the folder of a product stands.
fn standing(path: &Path, packed: &Packed, is_ours: bool) -> Result<(Packed, Standing), Error> {
    let packed = packed.clone();
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((packed, Standing::Absent));
        }
        Err(error) => return Err(disk("look at", path)(error)),
    };
    let is_right = metadata.is_dir() && tree_of(path)? == Some(packed.tree);
    match (is_right, is_ours && metadata.is_dir()) {
        (true, _) => Ok((packed, Standing::Right)),
        (false, true) => Ok((packed, Standing::Changed)),
        (false, false) => Err(Error::NotOurs { path: path.to_owned() }),
    }
}
