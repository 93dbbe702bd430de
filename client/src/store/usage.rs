//! What is in the store, who uses it, and what can go.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use larder_schema::{Blake3, TreeChecksum};

use super::{Error, Store, disk, staging};
use crate::durable::write_whole;
use crate::environment::Environment;
use crate::kernel_lock::{Held, Mode};

/// A tree that is in the store.
#[derive(Clone, Debug)]
pub struct StoredTree {
    /// Its checksum.
    pub tree: TreeChecksum,
    /// Bytes of its files, if its index can be read.
    pub bytes: Option<u64>,
}

/// What a cleaning took away.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Cleaned {
    /// Trees that no environment uses.
    pub trees: u64,
    /// Bytes of their files and of downloads that were not complete.
    pub bytes: u64,
    /// Environments that are gone.
    pub environments: Vec<PathBuf>,
}

impl Store {
    /// All trees, by checksum.
    pub fn trees(&self) -> Result<Vec<StoredTree>, Error> {
        let mut trees = Vec::new();
        let root = self.root.join("trees");
        for folder in names(&root)? {
            for name in names(&root.join(&folder))? {
                let text = format!("tree:{folder}{name}");
                if let Ok(tree) = text.parse::<TreeChecksum>() {
                    let bytes = self.contents(&tree).map(|contents| contents.bytes());
                    trees.push(StoredTree { tree, bytes });
                }
            }
        }
        trees.sort_by_key(|stored| stored.tree);
        Ok(trees)
    }

    /// Remembers that the environment in `folder` links here; an environment that was moved is
    /// registered again by whoever comes across it.
    pub fn register(&self, folder: &Path) -> Result<(), Error> {
        let bytes = folder.as_os_str().as_bytes();
        let path = self.root.join("environments").join(Blake3::of(bytes).to_hex());
        if fs::read(&path).is_ok_and(|known| known == bytes) {
            return Ok(());
        }
        write_whole(&path, bytes, 0o600).map_err(disk("write", &path))
    }

    /// The folders of the environments that link here, or did.
    pub fn environments(&self) -> Result<Vec<PathBuf>, Error> {
        let folder = self.root.join("environments");
        let mut environments = Vec::new();
        for name in names(&folder)?.iter().filter(|name| name.len() == 64) {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(disk("read", &path))?;
            environments.push(PathBuf::from(std::ffi::OsString::from_vec(bytes)));
        }
        environments.sort();
        Ok(environments)
    }

    /// The trees that environments use, in whatever generation.
    pub fn used(&self) -> Result<HashSet<TreeChecksum>, Error> {
        let mut used = HashSet::new();
        for folder in self.environments()? {
            match standing(&folder) {
                Standing::Gone => continue,
                Standing::Away => return Err(Error::Away { environment: folder }),
                Standing::There => {}
            }
            let trees = Environment::open(&folder).and_then(|environment| environment.trees());
            used.extend(
                trees.map_err(|error| Error::Usage {
                    environment: folder,
                    source: Box::new(error),
                })?,
            );
        }
        Ok(used)
    }

    /// Removes the trees that no environment uses and what is left of cut downloads.
    ///
    /// `waiting` is called when another larder is at work here.
    pub fn clean(&self, waiting: impl FnMut()) -> Result<Cleaned, Error> {
        let path = self.lock_file();
        let _alone = Held::take(&path, Mode::Alone, waiting).map_err(disk("lock", &path))?;
        let used = self.used()?;
        // A larder that was killed here may have left something.
        self.clear_staging()?;
        let mut cleaned = Cleaned { environments: self.forget_the_gone()?, ..Cleaned::default() };
        for stored in self.trees()? {
            if !used.contains(&stored.tree) {
                self.remove(&stored.tree)?;
                cleaned.trees += 1;
                cleaned.bytes += stored.bytes.unwrap_or(0);
            }
        }
        cleaned.bytes += self.clear_downloads()?;
        Ok(cleaned)
    }

    /// The tree loses its name in one rename, so that a killed larder leaves no half of it there; an
    /// index without a tree does no harm.
    fn remove(&self, tree: &TreeChecksum) -> Result<(), Error> {
        let (place, aside) = (self.tree(tree), self.root.join("staging/removed"));
        let failed = || disk("remove", &place);
        fs::set_permissions(&place, Permissions::from_mode(0o755)).map_err(failed())?;
        fs::rename(&place, &aside).map_err(failed())?;
        staging::remove_tree(&aside).map_err(failed())?;
        let contents = self.contents_file(tree);
        match fs::remove_file(&contents) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(disk("remove", &contents)(error))
            }
            _ => Ok(()),
        }
    }

    fn forget_the_gone(&self) -> Result<Vec<PathBuf>, Error> {
        let is_gone = |folder: &PathBuf| standing(folder) == Standing::Gone;
        let gone: Vec<PathBuf> = self.environments()?.into_iter().filter(is_gone).collect();
        for folder in &gone {
            let name = Blake3::of(folder.as_os_str().as_bytes()).to_hex();
            let path = self.root.join("environments").join(name);
            fs::remove_file(&path).map_err(disk("remove", &path))?;
        }
        Ok(gone)
    }

    /// Only for who holds the store alone: others' trees in the making are in there.
    pub(super) fn clear_staging(&self) -> Result<(), Error> {
        let folder = self.root.join("staging");
        for name in names(&folder)? {
            let path = folder.join(name);
            let removed = match path.is_dir() && !path.is_symlink() {
                true => staging::remove_tree(&path),
                false => fs::remove_file(&path),
            };
            removed.map_err(disk("remove", &path))?;
        }
        Ok(())
    }

    fn clear_downloads(&self) -> Result<u64, Error> {
        let folder = self.root.join("downloads");
        let mut bytes = 0;
        for name in names(&folder)? {
            let path = folder.join(name);
            bytes += fs::symlink_metadata(&path).map_or(0, |metadata| metadata.len());
            fs::remove_file(&path).map_err(disk("remove", &path))?;
        }
        Ok(bytes)
    }
}

/// How a registered environment stands.
#[derive(PartialEq, Eq)]
enum Standing {
    /// Something is there, or it cannot be seen whether.
    There,
    /// It was removed or moved.
    Gone,
    /// The folder that it was in is not there either: perhaps a disk that is not mounted.
    Away,
}

fn standing(folder: &Path) -> Standing {
    match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let has_parent = folder.parent().is_some_and(Path::is_dir);
            if has_parent { Standing::Gone } else { Standing::Away }
        }
        _ => Standing::There,
    }
}

/// The names in a folder; what is no UTF-8 is none of ours.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(folder).map_err(disk("list", folder))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(disk("list", folder))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_gone_from_its_folder_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let gone = folder.path().join("gone");
        store.register(&gone).unwrap();
        assert_eq!(store.clean(|| {}).unwrap().environments, [gone]);

        let away = folder.path().join("disk/env");
        store.register(&away).unwrap();
        let refusal = store.clean(|| {});
        assert!(matches!(refusal, Err(Error::Away { environment }) if environment == away));
        assert_eq!(store.environments().unwrap(), std::slice::from_ref(&away));

        fs::create_dir(folder.path().join("disk")).unwrap();
        assert_eq!(store.clean(|| {}).unwrap().environments, [away]);
    }
}
