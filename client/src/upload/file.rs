//! An archive on this machine: its sum, and whether it is still the file that was summed.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use larder_schema::Sha256;
use sha2::Digest as _;

/// A file that was read once from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    /// Where it lies.
    pub path: PathBuf,
    /// How many bytes it has.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: Sha256,
    stamp: Stamp,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("could not read `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is a folder, a device or a pipe.
    #[error("`{}` is no file", .path.display())]
    NotAFile {
        /// What is no file.
        path: PathBuf,
    },
    /// It is not what it was when its sum was taken.
    #[error("`{}` changed while it was published; publish again when nothing writes to it", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

const CHUNK: usize = 256 << 10;

impl LocalFile {
    /// Sums the file at `path`; `read` hears how many bytes were read each time.
    pub fn sum(path: &Path, mut read: impl FnMut(u64)) -> Result<Self, FileError> {
        let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
        let mut file = open(path)?;
        let before = Stamp::of(&file.metadata().map_err(unreadable)?);
        let mut hasher = sha2::Sha256::new();
        let mut chunk = vec![0; CHUNK];
        let mut size = 0;
        loop {
            let count = match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            hasher.update(&chunk[..count]);
            size += count as u64;
            read(count as u64);
        }
        let after = Stamp::of(&file.metadata().map_err(unreadable)?);
        if before != after || size != after.size {
            return Err(FileError::Changed { path: path.to_owned() });
        }
        let sha256 = Sha256(hasher.finalize().into());
        Ok(Self { path: path.to_owned(), size, sha256, stamp: after })
    }

    /// Opens it again, if it is still the same.
    pub fn open(&self) -> Result<File, FileError> {
        let file = open(&self.path)?;
        let metadata = file.metadata().map_err(|source| self.unreadable(source))?;
        if Stamp::of(&metadata) == self.stamp { Ok(file) } else { Err(self.changed()) }
    }

    /// That it changed.
    pub fn changed(&self) -> FileError {
        FileError::Changed { path: self.path.clone() }
    }

    /// That it cannot be read, or is shorter than it was.
    pub fn unreadable(&self, source: io::Error) -> FileError {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            self.changed()
        } else {
            FileError::Unreadable { path: self.path.clone(), source }
        }
    }
}

/// Opens a regular file; opening a pipe would wait for its other end.
fn open(path: &Path) -> Result<File, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(FileError::NotAFile { path: path.to_owned() });
    }
    File::open(path).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_summed_in_one_pass() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, vec![7; CHUNK + 5]).unwrap();
        let mut counted = 0;

        let file = LocalFile::sum(&path, |bytes| counted += bytes).unwrap();

        assert_eq!(file.sha256, Sha256::of(&vec![7; CHUNK + 5]));
        assert_eq!((file.size, counted), (CHUNK as u64 + 5, CHUNK as u64 + 5));
        assert!(file.open().is_ok());
    }

    #[test]
    fn a_file_that_changed_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "one").unwrap();
        let file = LocalFile::sum(&path, |_| {}).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "two, and longer").unwrap();
        assert!(matches!(file.open(), Err(FileError::Changed { .. })));
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = LocalFile::sum(folder.path(), |_| {}).unwrap_err();
        assert!(matches!(refusal, FileError::NotAFile { .. }));
    }
}
