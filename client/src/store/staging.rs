//! Trees in the making: a folder of one's own that is gone when it was not put to use.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use larder_schema::{Entry, TreeChecksum};

use super::{Error, disk};

/// A new tree, empty at first.
#[derive(Debug)]
pub struct Staging {
    /// The folder that holds the tree; it is private, while the tree in it is not.
    holder: PathBuf,
    tree: PathBuf,
}

impl Staging {
    pub(super) fn new(folder: &Path) -> Result<Self, Error> {
        let holder = tempfile::Builder::new()
            .prefix("tree-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(folder)
            .map_err(disk("make a folder in", folder))?
            .keep();
        let tree = holder.join("tree");
        let staging = Self { holder, tree };
        fs::create_dir(&staging.tree).map_err(disk("make", &staging.tree))?;
        Ok(staging)
    }

    /// The folder to unpack into.
    pub fn path(&self) -> &Path {
        &self.tree
    }

    /// The tree is complete.
    pub fn finish(self, tree: TreeChecksum, entries: Vec<Entry>) -> Staged {
        Staged { tree, entries, staging: self }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays is cleared away by the next larder that is alone in the store.
        drop(remove_tree(&self.holder));
    }
}

/// A complete tree that is not yet in its place.
#[derive(Debug)]
pub struct Staged {
    /// Its checksum.
    pub tree: TreeChecksum,
    pub(super) entries: Vec<Entry>,
    staging: Staging,
}

impl Staged {
    pub(super) fn path(&self) -> &Path {
        &self.staging.tree
    }

    /// Its root becomes read-only only now: a folder must be writable to be moved.
    pub(super) fn settled(self, place: &Path) -> Result<(), Error> {
        fs::set_permissions(place, Permissions::from_mode(0o555)).map_err(disk("protect", place))
    }
}

/// Removes a folder whose folders may be read-only.
pub(crate) fn remove_tree(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::new(folder.path()).unwrap();
        let inner = staging.path().join("a");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("b"), "b").unwrap();
        fs::set_permissions(&inner, Permissions::from_mode(0o555)).unwrap();

        drop(staging);

        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
