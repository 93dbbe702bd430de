//! A folder that builds are fetched into, and what larder knows of it.
//!
//! ```text
//! DIR/afw                           a build, whole
//! DIR/.larder-fetched/fetched.json  what larder put here
//! DIR/.larder-fetched/lock          held by the larder that is at it
//! DIR/.larder-fetched/staging/      copies in the making, and what goes
//! DIR/.larder-fetched/downloads/    archives on their way
//! ```

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use larder_schema::{BuildKey, Checksum, Sha256};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Error, Left, copy, disk};
use crate::bounded;
use crate::durable::{sync_folder, write_whole};
use crate::identify::tree_of;
use crate::install::Packed;
use crate::kernel_lock::{Held, Mode};
use crate::progress::Progress;
use crate::store::exchange;
use crate::upload::LocalFile;

/// The version of the form of `fetched.json`.
const FORMAT: u32 = 1;
/// The most bytes of it: of more builds than a plan has.
const MOST_BYTES: u64 = 64 << 20;

/// A folder that builds are fetched into, by one larder at a time.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    own: PathBuf,
    known: Known,
    _lock: Held,
}

/// How something in the folder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is what it should be.
    Right,
    /// Nothing is there.
    Absent,
    /// It is as larder put it there, for another build.
    Placed(Checksum),
    /// Larder put something there, and something else is there now.
    Changed,
    /// Larder did not put it there.
    NotOurs,
}

/// A build that shall be under a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement<'a> {
    /// The build.
    pub(super) packed: &'a Packed,
    /// The name.
    pub(super) name: &'a str,
    /// What shall be there.
    pub(super) sum: Checksum,
    /// What larder had put there, if that is there now.
    pub(super) before: Option<Checksum>,
}

impl<'a> Placement<'a> {
    /// The tree of a build.
    pub(super) fn tree(packed: &'a Packed) -> Self {
        let (name, sum) = (packed.key.product.as_str(), Checksum::Tree(packed.tree));
        Self { packed, name, sum, before: None }
    }

    /// The archive of a build.
    pub(super) fn archive(packed: &'a Packed) -> Self {
        let (name, sum) = (packed.name.as_str(), Checksum::Sha256(packed.archive));
        Self { packed, name, sum, before: None }
    }
}

/// What larder put into a folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    format: u32,
    /// What is under which name.
    builds: BTreeMap<String, Placed>,
}

/// What larder put under one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Placed {
    #[serde(flatten)]
    key: BuildKey,
    sum: Checksum,
    /// What is still there when larder is killed before the other is in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Checksum>,
    /// Whether this, or what larder put there before, is known to have been in its place.
    placed: bool,
}

impl Folder {
    /// Opens the folder, which is made if need be, and clears away what a killed larder left.
    pub(super) async fn open(root: &Path, progress: Progress) -> Result<Self, Error> {
        let own = root.join(".larder-fetched");
        fs::create_dir_all(&own).map_err(disk("make", &own))?;
        let root = fs::canonicalize(root).map_err(disk("open", root))?;
        let own = root.join(".larder-fetched");
        let path = own.join("lock");
        let taken = spawn_blocking(move || {
            let waits =
                || progress.note("waiting for another larder that fetches into this folder");
            Held::take(&path, Mode::Alone, waits).map_err(disk("lock", &path))
        });
        let lock = taken.await.map_err(Error::Broken)??;
        let staging = own.join("staging");
        if staging.exists() {
            copy::remove(&staging)?;
        }
        for folder in [&staging, &own.join("downloads")] {
            fs::create_dir_all(folder).map_err(disk("make", folder))?;
        }
        let known = Known::read(&own.join("fetched.json"))?;
        Ok(Self { root, own, known, _lock: lock })
    }

    /// Where something is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// How what is there stands to what shall be there.
    pub(super) fn standing(&self, name: &str, wanted: Checksum) -> Result<Standing, Error> {
        let path = self.path(name);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::Absent),
            Err(error) => return Err(disk("look at", &path)(error)),
        };
        let sum = match wanted {
            Checksum::Tree(_) if metadata.is_dir() => tree_of(&path)?.map(Checksum::Tree),
            Checksum::Sha256(_) if metadata.is_file() => {
                LocalFile::sum(&path, |_| {}).ok().map(|file| Checksum::Sha256(file.sha256))
            }
            Checksum::Tree(_) | Checksum::Sha256(_) | Checksum::Blake3(_) => {
                return Ok(Standing::NotOurs);
            }
        };
        if sum == Some(wanted) {
            return Ok(Standing::Right);
        }
        let Some(placed) = self.known.builds.get(name) else { return Ok(Standing::NotOurs) };
        let as_placed = sum.filter(|sum| *sum == placed.sum || Some(*sum) == placed.before);
        Ok(match as_placed {
            Some(sum) => Standing::Placed(sum),
            None if placed.placed || placed.before.is_some() => Standing::Changed,
            // It was never come to placing it.
            None => Standing::NotOurs,
        })
    }

    /// What larder has for itself in the folder.
    pub(super) fn own(&self) -> &Path {
        &self.own
    }

    /// Where a copy is made.
    pub(super) fn staged(&self, name: &str) -> PathBuf {
        self.own.join("staging").join(name)
    }

    /// Where an archive is while it comes.
    pub(super) fn part(&self, archive: &Sha256) -> PathBuf {
        self.own.join("downloads").join(format!("{archive}.part"))
    }

    /// Notes what larder puts there: before it is there, so that it is not taken for somebody else's
    /// after a kill.
    pub(super) fn note(&mut self, placements: &[Placement<'_>]) -> Result<(), Error> {
        let mut known = self.known.clone();
        for Placement { packed, name, sum, before } in placements {
            let (key, sum, before) = (packed.key.clone(), *sum, *before);
            let earlier = known.builds.get(*name);
            let placed = earlier.is_some_and(|one| one.placed || one.before.is_some());
            let placed = Placed { key, sum, before, placed };
            known.builds.insert((*name).to_owned(), placed);
        }
        self.keep(known)
    }

    /// Notes that these are in their places.
    pub(super) fn note_placed(&mut self, placements: &[Placement<'_>]) -> Result<(), Error> {
        let mut known = self.known.clone();
        for placement in placements {
            if let Some(placed) = known.builds.get_mut(placement.name) {
                (placed.before, placed.placed) = (None, true);
            }
        }
        self.keep(known)
    }

    fn keep(&mut self, known: Known) -> Result<(), Error> {
        if known == self.known {
            return Ok(());
        }
        let path = self.own.join("fetched.json");
        let text = serde_json::to_string_pretty(&known)
            .map_err(|source| Error::Malformed { path: path.clone(), source })?;
        write_whole(&path, (text + "\n").as_bytes(), 0o644).map_err(disk("write", &path))?;
        self.known = known;
        Ok(())
    }

    /// An error where what is there became somebody's own since it was looked at.
    pub(super) fn check(&self, placement: &Placement<'_>, replaces: bool) -> Result<(), Error> {
        let name = placement.name;
        match self.standing(name, placement.sum)? {
            Standing::Absent | Standing::Right | Standing::Placed(_) => Ok(()),
            Standing::Changed if replaces => Ok(()),
            Standing::Changed => Err(Error::Changed { paths: vec![self.path(name)] }),
            Standing::NotOurs => Err(Error::NotOurs { path: self.path(name) }),
        }
    }

    /// Puts a staged copy in its place; what was there is removed with all that is staged.
    pub(super) fn place(&self, name: &str) -> Result<(), Error> {
        let (staged, place) = (self.staged(name), self.path(name));
        match fs::symlink_metadata(&place) {
            Ok(_) => exchange(&staged, &place, &self.own.join("staging"))
                .map_err(disk("replace", &place)),
            Err(_) => fs::rename(&staged, &place).map_err(disk("make", &place)),
        }
    }

    /// Removes what larder put there beside the `placements`, trees or archives as these are; answers
    /// that, and what was changed since and stays. `replaces`: what was changed is removed too.
    pub(super) fn clear(
        &mut self,
        placements: &[Placement<'_>],
        is_kind: impl Fn(&Checksum) -> bool,
        replaces: bool,
    ) -> Result<(Vec<Left>, Vec<Left>), Error> {
        let wanted: HashSet<&str> = placements.iter().map(|placement| placement.name).collect();
        let (mut removed, mut kept) = (Vec::new(), Vec::new());
        let mut known = self.known.clone();
        for (name, placed) in &self.known.builds {
            if wanted.contains(name.as_str()) || !is_kind(&placed.sum) {
                continue;
            }
            let left = Left { key: placed.key.clone(), path: self.path(name) };
            match self.standing(name, placed.sum)? {
                Standing::Absent => {}
                Standing::Changed if !replaces => {
                    kept.push(left);
                    continue;
                }
                Standing::Right | Standing::Placed(_) | Standing::Changed => {
                    fs::rename(&left.path, self.staged(name))
                        .map_err(disk("remove", &left.path))?;
                    removed.push(left);
                }
                // Something of another kind stands in its place.
                Standing::NotOurs if placed.placed => {
                    kept.push(left);
                    continue;
                }
                // It was never come to placing it: what is there is nobody's business.
                Standing::NotOurs => {}
            }
            known.builds.remove(name);
        }
        self.keep(known)?;
        Ok((removed, kept))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(sync_folder(&self.root));
        // What stays is cleared away the next time.
        drop(copy::remove(&self.own.join("staging")));
    }
}

impl Known {
    fn read(path: &Path) -> Result<Self, Error> {
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "it is no file");
            return Err(disk("read", path)(error));
        }
        let bytes = match bounded::read(path, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { format: FORMAT, builds: BTreeMap::new() });
            }
            Err(error) => return Err(disk("read", path)(error)),
        };
        let known = serde_json::from_slice(&bytes)
            .and_then(Self::checked)
            .map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        match known.format {
            FORMAT => Ok(known),
            format => Err(Error::Format { path: path.to_owned(), format }),
        }
    }
    /// What leads out of the folder is no name in it.
    fn checked(self) -> Result<Self, serde_json::Error> {
        let is_name = |name: &String| {
            let mut parts = Path::new(name).components();
            matches!(parts.next(), Some(Component::Normal(part)) if part == name.as_str())
        };
        match self.builds.keys().find(|name| !is_name(name)) {
            None => Ok(self),
            Some(name) => Err(serde_json::Error::custom(format_args!("`{name}` is no name"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_schema::TreeChecksum;
    use serde_json::json;

    async fn open(root: &Path) -> Folder {
        Folder::open(root, Progress::Quiet).await.unwrap()
    }

    fn tree(path: &Path) -> TreeChecksum {
        tree_of(path).unwrap().unwrap()
    }

    fn packed(build: &str, tree: TreeChecksum) -> Packed {
        Packed {
            key: serde_json::from_value(
                json!({"product": "afw", "build": build, "platform": "any"}),
            )
            .unwrap(),
            archive: Sha256::of(build.as_bytes()),
            name: format!("afw-{build}-any.tar").parse().unwrap(),
            size: None,
            tree,
        }
    }

    #[tokio::test]
    async fn what_was_noted_and_not_placed_is_larder_s_before_and_after() {
        let root = tempfile::tempdir().unwrap();
        let (afw, newer) = (root.path().join("afw"), root.path().join("newer"));
        for (folder, text) in [(&afw, "one"), (&newer, "two")] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("file"), text).unwrap();
        }
        let (one, two) = (packed("1.0.0-b1", tree(&afw)), packed("1.0.0-b2", tree(&newer)));
        let (old, third) = (Checksum::Tree(one.tree), Checksum::Tree(TreeChecksum([3; 32])));
        let first = Placement::tree(&one);
        let second = Placement { before: Some(old), ..Placement::tree(&two) };

        open(root.path()).await.note(&[first]).unwrap();
        open(root.path()).await.note(&[second]).unwrap();

        let folder = open(root.path()).await;
        let standing = |wanted| folder.standing("afw", wanted).unwrap();
        assert_eq!(standing(old), Standing::Right);
        assert_eq!(standing(third), Standing::Placed(old));
        fs::write(afw.join("file"), "two").unwrap();
        assert_eq!(standing(third), Standing::Placed(second.sum));
        fs::write(afw.join("file"), "mine").unwrap();
        assert_eq!(standing(third), Standing::Changed);
        assert_eq!(folder.standing("newer", third).unwrap(), Standing::NotOurs);
    }

    #[tokio::test]
    async fn what_became_somebody_s_own_after_it_was_looked_at_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let build = packed("1.0.0-b1", TreeChecksum([1; 32]));
        let placement = Placement::tree(&build);
        let mut folder = open(root.path()).await;
        assert_eq!(folder.standing("afw", placement.sum).unwrap(), Standing::Absent);
        folder.note(&[placement]).unwrap();

        fs::create_dir(root.path().join("afw")).unwrap();

        let own = |folder: &Folder, replaces| folder.check(&placement, replaces).unwrap_err();
        assert!(matches!(own(&folder, true), Error::NotOurs { .. }));
        folder.note_placed(&[placement]).unwrap();
        assert!(matches!(own(&folder, false), Error::Changed { .. }));
        assert!(folder.check(&placement, true).is_ok());
    }

    #[tokio::test]
    async fn what_is_no_file_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(".larder-fetched")).unwrap();
        let pipe = root.path().join(".larder-fetched/fetched.json");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());

        let opened = Folder::open(root.path(), Progress::Quiet).await;

        assert!(matches!(opened, Err(Error::Disk(_))));
    }

    #[tokio::test]
    async fn a_name_that_leads_out_of_the_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let build = packed("1.0.0-b1", TreeChecksum([1; 32]));
        for name in ["../afw", "/afw", "a/b", ".", ""] {
            let placement = Placement { name, ..Placement::tree(&build) };
            open(root.path()).await.note(&[placement]).unwrap();

            let opened = Folder::open(root.path(), Progress::Quiet).await;

            assert!(matches!(opened, Err(Error::Malformed { .. })), "{name}");
            fs::remove_file(root.path().join(".larder-fetched/fetched.json")).unwrap();
        }
    }
}
