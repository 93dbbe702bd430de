//! The store: every unpacked tree once, by its checksum, read-only. Data, not cache: environments
//! link into it.
//!
//! ```text
//! store/
//!   lock                        shared by those who add, held alone by those who remove
//!   trees/ab/cdef…/             a tree, by the hex digits of its checksum
//!   trees/ab/cdef….contents.json  what is in it
//!   staging/…                   trees in the making
//!   downloads/<sha256>.part     archives on their way
//!   environments/<blake3>       the folder of each environment that links here
//!   remembered/<blake3>.json    what each server has said before
//! ```

mod contents;
mod staging;
mod usage;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use larder_schema::{Entry, Sha256, TreeChecksum};

pub use contents::Contents;
pub(crate) use staging::remove_tree;
pub use staging::{Staged, Staging};
pub use usage::{Cleaned, StoredTree};

use crate::durable::{self, DiskError, sync_folder};
use crate::kernel_lock::{Held, Mode};

/// A user's local, content-addressed data.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// The right to add to a store, and to rely on what is in it.
#[derive(Debug)]
pub struct Adding {
    _lock: Held,
}

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others can write to it.
    #[error("the store `{}` can be written by others", .path.display())]
    WritableByOthers {
        /// The folder.
        path: PathBuf,
    },
    /// It belongs to somebody else.
    #[error("the store `{}` belongs to another user", .path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// There is something else.
    #[error("`{}` is no store: it is not a folder", .path.display())]
    NotAFolder {
        /// What is there.
        path: PathBuf,
    },
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An index cannot be written.
    #[error("the contents of {tree} cannot be written as JSON")]
    Encode {
        /// The tree.
        tree: TreeChecksum,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An environment may be on a disk that is not there, so nobody knows what it uses.
    #[error("the environment `{}` is not there, nor is the folder that it was in", .environment.display())]
    Away {
        /// The environment.
        environment: PathBuf,
    },
    /// An environment's lock cannot be read, so nobody knows what it uses.
    #[error("could not find out what the environment `{}` uses", .environment.display())]
    Usage {
        /// The environment.
        environment: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Names what was tried, for an error of the disk.
pub(crate) fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    durable::disk(what, path)
}

const FOLDERS: [&str; 5] = ["trees", "staging", "downloads", "environments", "remembered"];

impl Store {
    /// Opens the store at `root`, which is made if need be.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let new = |path: &Path, mode| {
            DirBuilder::new().recursive(true).mode(mode).create(path).map_err(disk("make", path))
        };
        match fs::metadata(root) {
            Ok(metadata) if !metadata.is_dir() => {
                return Err(Error::NotAFolder { path: root.to_owned() });
            }
            Ok(_) => {}
            Err(_) => new(root, 0o755)?,
        }
        let root = fs::canonicalize(root).map_err(disk("open", root))?;
        let store = Self { root };
        check_owner(&store.root)?;
        for name in FOLDERS {
            let folder = store.root.join(name);
            new(&folder, if name == "trees" { 0o755 } else { 0o700 })?;
            check_owner(&folder)?;
        }
        Ok(store)
    }

    /// The store at `root` as it is, for who only looks: nothing is made, also where nothing is.
    pub fn look(root: &Path) -> Result<Self, Error> {
        match fs::metadata(root) {
            Ok(metadata) if !metadata.is_dir() => {
                return Err(Error::NotAFolder { path: root.to_owned() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let root = std::path::absolute(root).map_err(disk("open", root))?;
                return Ok(Self { root });
            }
            Err(error) => return Err(disk("open", root)(error)),
        }
        let root = fs::canonicalize(root).map_err(disk("open", root))?;
        check_owner(&root)?;
        for folder in FOLDERS.map(|name| root.join(name)) {
            if folder.exists() {
                check_owner(&folder)?;
            }
        }
        Ok(Self { root })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Takes the right to add, with others; clears away what a killed larder left in the making.
    pub fn add(&self) -> Result<Adding, Error> {
        let path = self.lock_file();
        if let Some(lock) = Held::try_take(&path, Mode::Alone).map_err(disk("lock", &path))? {
            self.clear_staging()?;
            lock.share().map_err(disk("lock", &path))?;
            return Ok(Adding { _lock: lock });
        }
        let lock = Held::take(&path, Mode::Shared, || {}).map_err(disk("lock", &path))?;
        Ok(Adding { _lock: lock })
    }

    /// Where a tree is, or would be.
    pub fn tree(&self, tree: &TreeChecksum) -> PathBuf {
        let digits = larder_schema::checksum::to_hex(&tree.0);
        self.root.join("trees").join(&digits[..2]).join(&digits[2..])
    }

    /// Where the index of a tree is, or would be.
    pub fn contents_file(&self, tree: &TreeChecksum) -> PathBuf {
        let mut path = self.tree(tree).into_os_string();
        path.push(".contents.json");
        path.into()
    }

    /// Whether a tree is there.
    pub fn has(&self, tree: &TreeChecksum) -> bool {
        fs::symlink_metadata(self.tree(tree)).is_ok_and(|metadata| metadata.is_dir())
            && self.contents_file(tree).is_file()
    }

    /// Where an archive is put while it comes.
    pub fn part(&self, archive: &Sha256) -> PathBuf {
        self.root.join("downloads").join(format!("{archive}.part"))
    }

    /// Where it is kept what servers have said.
    pub fn remembered(&self) -> PathBuf {
        self.root.join("remembered")
    }

    /// Begins a new tree.
    pub fn stage(&self) -> Result<Staging, Error> {
        Staging::new(&self.root.join("staging"))
    }

    /// Puts a staged tree into its place, durable only after the caller has synced the store.
    ///
    /// Who comes second finds it there: one checksum, one tree.
    pub fn adopt(&self, staged: Staged) -> Result<(), Error> {
        let place = self.prepare(&staged)?;
        match fs::rename(staged.path(), &place) {
            Ok(()) => staged.settled(&place),
            Err(_) if self.has(&staged.tree) => Ok(()),
            Err(error) => Err(disk("make", &place)(error)),
        }
    }

    /// Puts a staged tree in place of a damaged one, in one step where the system has it.
    pub fn replace(&self, staged: Staged) -> Result<(), Error> {
        let place = self.prepare(&staged)?;
        if fs::symlink_metadata(&place).is_err() {
            return self.adopt(staged);
        }
        let failed = || disk("replace", &place);
        if place.is_dir() {
            make_writable(&place).map_err(failed())?;
        }
        exchange(staged.path(), &place, &self.root.join("staging")).map_err(failed())?;
        staged.settled(&place)?;
        sync_folder(place.parent().unwrap_or(&place)).map_err(failed())
    }

    /// Writes the index, which must be there before the tree is.
    fn prepare(&self, staged: &Staged) -> Result<PathBuf, Error> {
        let place = self.tree(&staged.tree);
        let folder = place.parent().unwrap_or(&self.root);
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)
            .map_err(disk("make", folder))?;
        self.write_contents(&staged.tree, &staged.entries)?;
        Ok(place)
    }

    /// Writes the index of a tree; whoever writes many makes them durable all at once.
    pub fn write_contents(&self, tree: &TreeChecksum, entries: &[Entry]) -> Result<(), Error> {
        let contents = Contents::new(entries);
        let bytes = serde_json::to_vec(&contents)
            .map_err(|source| Error::Encode { tree: *tree, source })?;
        let path = self.contents_file(tree);
        let failed = || disk("write", &path);
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o444))
            .tempfile_in(self.root.join("staging"))
            .map_err(failed())?;
        io::Write::write_all(&mut file, &bytes).map_err(failed())?;
        file.persist(&path).map_err(|error| failed()(error.error))?;
        Ok(())
    }

    /// Reads the index of a tree; `None` when there is none that gives the tree its name.
    pub fn contents(&self, tree: &TreeChecksum) -> Option<Contents> {
        Contents::read(&self.contents_file(tree)).filter(|contents| contents.tree() == *tree)
    }
}

/// Exchanges two folders; where the system cannot, the old one goes to `aside` first.
pub(crate) fn exchange(new: &Path, place: &Path, aside: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    let old = tempfile::Builder::new().prefix("old").tempdir_in(aside)?;
    fs::rename(place, old.path().join("tree"))?;
    fs::rename(new, place)?;
    staging::remove_tree(old.path())
}

/// A folder must be writable to be moved: its `..` changes.
fn make_writable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn check_owner(folder: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(folder).map_err(disk("look at", folder))?;
    let me = rustix::process::geteuid().as_raw();
    if metadata.mode() & 0o022 != 0 {
        return Err(Error::WritableByOthers { path: folder.to_owned() });
    }
    // Root can change everything anyway.
    if metadata.uid() != me && metadata.uid() != 0 && me != 0 {
        return Err(Error::Foreign { path: folder.to_owned() });
    }
    Ok(())
}

impl Error {
    /// A way out, when one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::WritableByOthers { path } => {
                Some(format!("take that from them: chmod go-w '{}'", path.display()))
            }
            Self::Foreign { .. } | Self::NotAFolder { .. } => {
                Some("name another folder with LARDER_STORE".into())
            }
            Self::Usage { .. } => Some(
                "mend the environment, or remove its folder; until then nothing is cleaned".into(),
            ),
            Self::Away { environment } => {
                let parent = environment.parent().unwrap_or(environment);
                Some(format!(
                    "bring its disk back; if it is gone for good, say so: mkdir -p '{}'",
                    parent.display()
                ))
            }
            Self::Disk(_) | Self::Encode { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(Error::WritableByOthers { .. })));

        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(Store::open(folder.path()).is_ok());
        fs::set_permissions(folder.path().join("trees"), fs::Permissions::from_mode(0o775))
            .unwrap();
        assert!(matches!(Store::open(folder.path()), Err(Error::WritableByOthers { .. })));
    }

    #[test]
    fn who_looks_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();

        let store = Store::look(folder.path()).unwrap();
        assert!(!Store::look(&folder.path().join("none")).unwrap().has(&TreeChecksum([1; 32])));
        assert!(store.register(Path::new("/env")).is_err());

        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_no_store() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Store::open(file.path()), Err(Error::NotAFolder { .. })));
    }
}
