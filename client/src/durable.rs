//! Makes durable what was written: all of a file system at once, or one folder.

use std::fs::File;
use std::io;
use std::path::Path;

/// Syncs the file system that `folder` is on.
///
/// One call for thousands of small files costs a fraction of a sync for each.
#[cfg(target_os = "linux")]
pub fn sync_all_of(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// Syncs everything below `folder`, file by file: only Linux can sync one file system.
#[cfg(not(target_os = "linux"))]
pub fn sync_all_of(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_all_of(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// Syncs the names in `folder`.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
