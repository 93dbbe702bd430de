//! Copies of trees that their owner may change: the store's are read-only.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::{Error, disk};
use crate::store::remove_tree;

/// Copies a tree, file by file; where the disk can share bytes between files until one is changed, it
/// does.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir(to).map_err(disk("make", to))?;
    fs::set_permissions(to, Permissions::from_mode(0o755)).map_err(disk("make writable", to))?;
    for entry in fs::read_dir(from).map_err(disk("read", from))? {
        let entry = entry.map_err(disk("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let metadata = entry.metadata().map_err(disk("read", &source))?;
        if metadata.is_dir() {
            copy(&source, &target)?;
        } else if metadata.is_symlink() {
            let leads = fs::read_link(&source).map_err(disk("read", &source))?;
            symlink(leads, &target).map_err(disk("make", &target))?;
        } else {
            fs::copy(&source, &target).map_err(disk("write", &target))?;
            let mode = if metadata.permissions().mode() & 0o100 != 0 { 0o755 } else { 0o644 };
            fs::set_permissions(&target, Permissions::from_mode(mode))
                .map_err(disk("make writable", &target))?;
        }
    }
    Ok(())
}

/// Removes a copy, whatever became of the modes in it.
pub(super) fn remove(copy: &Path) -> Result<(), Error> {
    remove_tree(copy).map_err(disk("remove", copy))
}
