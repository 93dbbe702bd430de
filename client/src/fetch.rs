//! Brings builds where a build tool wants them: unpacked, as copies of its own, or as archives.
//!
//! Trees come through the store, so that what is there is not sent again. Each product's folder
//! appears whole or not at all. What larder put there is known by its checksum: one that it did not make
//! is never touched, and one that was changed since is replaced only when that is wished.

mod archives;
mod copy;
mod folder;
mod planned;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::{BuildKey, Checksum, TreeChecksum};
use serde::Serialize;
use tokio::task::{JoinError, block_in_place, spawn_blocking};

use crate::download;
use crate::durable::{self, DiskError};
use crate::identify::{self, tree_of};
use crate::install::{self, Moved, Obtainer, Packed};
use crate::lock::Contradiction;
use crate::progress::Progress;
use crate::remote::{self, Remote};
use crate::store::{self, Store};
use folder::{Folder, Placement, Standing};
pub use planned::of_plan;

/// How many trees are copied at once.
const AT_ONCE: usize = 4;

/// Brings builds into a folder.
pub struct Fetcher<'a> {
    /// Where archives come from.
    pub remote: &'a Remote,
    /// Through where trees come.
    pub store: &'a Store,
    /// Where it is shown how far things are.
    pub progress: Progress,
    /// Whether that is replaced too which was changed since larder put it there.
    pub replaces: bool,
    /// Whether that is removed which larder put there and is not among the builds.
    pub clears: bool,
}

/// What is in a folder now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// The builds, in their order.
    pub fetched: Vec<There>,
    /// What larder had put there before and has removed.
    pub removed: Vec<Left>,
    /// What larder had put there before, and stays because it was changed since.
    pub kept: Vec<Left>,
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

/// What an earlier fetch left in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The build.
    #[serde(flatten)]
    pub key: BuildKey,
    /// Where it is or was.
    pub path: PathBuf,
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
    /// What larder put there became somebody's own.
    #[error("what larder put there was changed since: {}", listed(.paths))]
    Changed {
        /// What is there.
        paths: Vec<PathBuf>,
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
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A bug: a task panicked.
    #[error("the fetch broke off")]
    Broken(#[source] JoinError),
}

impl From<install::Error> for Error {
    fn from(error: install::Error) -> Self {
        Self::Obtain(Box::new(error))
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

/// Names what was tried, for an error of the disk.
fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    durable::disk(what, path)
}

impl Fetcher<'_> {
    /// Brings the trees of `builds` to `to`, each into a folder that is called like its product.
    ///
    /// What is there and right is left. What larder put there for other builds is replaced.
    pub async fn trees(&self, builds: &[Packed], to: &Path) -> Result<Fetched, Error> {
        let mut folder = Folder::open(to, self.progress).await?;
        let placements: Vec<Placement<'_>> = builds.iter().map(Placement::tree).collect();
        let wrong = block_in_place(|| self.wrong(&folder, &placements))?;
        let _adding = self.store.add()?;
        let mut moved = self.obtain(wrong.iter().map(|wrong| wrong.packed)).await?;
        let copied: Vec<u64> = stream::iter(&wrong)
            .map(|wrong| self.stage(&folder, wrong.packed))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        moved.fetched_bytes += copied.into_iter().sum::<u64>();
        // Both are on the disk before a folder gets its name, and before it is known for ours.
        durable::sync_all_of(folder.own()).map_err(disk("sync", folder.own()))?;
        folder.note(&wrong)?;
        block_in_place(|| {
            wrong.iter().try_for_each(|wrong| {
                folder.check(wrong, self.replaces)?;
                folder.place(wrong.name)
            })
        })?;
        folder.note_placed(&wrong)?;
        let sent: u64 = wrong.iter().map(|wrong| wrong.packed.bytes()).sum();
        moved.reused_bytes += builds.iter().map(Packed::bytes).sum::<u64>() - sent;
        let mut fetched = fetched(&folder, &placements, &wrong, moved);
        if self.clears {
            let is_tree = |sum: &Checksum| matches!(sum, Checksum::Tree(_));
            (fetched.removed, fetched.kept) =
                block_in_place(|| folder.clear(&placements, is_tree, self.replaces))?;
        }
        Ok(fetched)
    }

    /// Those that are not there as they should be; an error where something is in the way.
    fn wrong<'a>(
        &self,
        folder: &Folder,
        placements: &[Placement<'a>],
    ) -> Result<Vec<Placement<'a>>, Error> {
        let (mut wrong, mut changed) = (Vec::new(), Vec::new());
        for placement in placements {
            let path = folder.path(placement.name);
            let standing = folder.standing(placement.name, placement.sum)?;
            let before = match standing {
                Standing::Right => continue,
                Standing::Absent => None,
                Standing::Placed(sum) => Some(sum),
                Standing::Changed if self.replaces => None,
                Standing::Changed => {
                    changed.push(path);
                    continue;
                }
                Standing::NotOurs => return Err(Error::NotOurs { path }),
            };
            if standing != Standing::Absent {
                self.progress.note(format_args!(
                    "`{}` is not what {} has, and is replaced",
                    path.display(),
                    placement.packed.key
                ));
            }
            wrong.push(Placement { before, ..*placement });
        }
        if changed.is_empty() { Ok(wrong) } else { Err(Error::Changed { paths: changed }) }
    }

    /// Brings into the store what is not there.
    async fn obtain<'a>(&self, builds: impl Iterator<Item = &'a Packed>) -> Result<Moved, Error> {
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

/// What is there now.
fn fetched(
    folder: &Folder,
    placements: &[Placement<'_>],
    wrong: &[Placement<'_>],
    Moved { fetched_bytes, reused_bytes, written_bytes }: Moved,
) -> Fetched {
    let wrong: HashSet<&BuildKey> = wrong.iter().map(|wrong| &wrong.packed.key).collect();
    let there = placements.iter().map(|placement| There {
        key: placement.packed.key.clone(),
        path: folder.path(placement.name),
        unchanged: !wrong.contains(&placement.packed.key),
    });
    let (fetched, removed, kept) = (there.collect(), Vec::new(), Vec::new());
    Fetched { fetched, removed, kept, fetched_bytes, reused_bytes, written_bytes }
}
