//! Makes durable what was written: all of a file system at once, one folder, or one file as a whole; and
//! how it is told that the disk did not do something.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The disk did not do something.
#[derive(Debug, thiserror::Error)]
#[error("could not {what} `{}`", .path.display())]
pub struct DiskError {
    /// What was tried.
    pub what: &'static str,
    /// With what.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Names what was tried, for an error of the disk.
pub fn disk<E: From<DiskError>>(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> E {
    let path = path.to_owned();
    move |source| DiskError { what, path, source }.into()
}

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

/// Writes a file of this mode, whole and durable or not at all; one of that name is replaced.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let permissions = Permissions::from_mode(mode);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

/// Where a file that somebody named is to be written: where links lead, and to a file or to nothing,
/// but not in place of a device or a folder.
pub fn place_of(named: &Path) -> io::Result<PathBuf> {
    if fs::symlink_metadata(named).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(named.to_owned());
    }
    let place = fs::canonicalize(named)?;
    if fs::metadata(&place)?.is_file() {
        return Ok(place);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is there and is no regular file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_and_what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        assert_eq!(place_of(&file).unwrap(), file);
        fs::write(&file, "1").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();

        write_whole(&place_of(&link).unwrap(), b"2", 0o644).unwrap();

        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"2");
        assert!(place_of(Path::new("/dev/null")).is_err());
        assert!(place_of(folder.path()).is_err());
    }
}
