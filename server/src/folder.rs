//! The data folder: what lies where in it, and the lock of whoever works in it.
//!
//! ```text
//! larder-data/lock             held by the process that works here
//! larder-data/catalog/         the catalog; only its engine opens what is in it
//! larder-data/blobs/           archives and the journal
//! larder-data/staging/         uploads under way; on the same file system as the blobs
//! larder-data/admin-token      the first token, for its owner's eyes
//! larder-data/control.json     how subcommands reach the server that runs
//! ```

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::durable::{make_folders, sync_folder};

/// Why a folder cannot be worked in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be made or opened.
    #[error("the data folder `{}` cannot be used", .path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else works in it.
    #[error("the data folder `{}` is in use by another larder-server", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The catalog's locks do not work there.
    #[error(
        "the data folder `{}` is on a network file system ({kind}), where SQLite loses data: take a \
         local disk", .path.display()
    )]
    Network {
        /// The folder.
        path: PathBuf,
        /// What kind of file system.
        kind: &'static str,
    },
}

/// A data folder that nobody else works in, until this is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Takes the folder at `path`, which is made if it is not there.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        make_folders(path).map_err(failed)?;
        refuse_network(path)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        for inner in [folder.catalog_folder(), folder.blobs(), folder.staging()] {
            make_folders(&inner).map_err(failed)?;
        }
        // What a server left that was killed: nobody is to be led to an address that it had.
        match std::fs::remove_file(folder.control()) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed(source)),
            _ => Ok(folder),
        }
    }

    fn catalog_folder(&self) -> PathBuf {
        self.path.join("catalog")
    }

    /// The catalog's file.
    pub fn catalog(&self) -> PathBuf {
        self.catalog_folder().join("catalog.sqlite")
    }

    /// Where archives and the journal are.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Where bytes stay while they come in.
    pub fn staging(&self) -> PathBuf {
        self.path.join("staging")
    }

    /// The file with the first token.
    pub fn admin_token(&self) -> PathBuf {
        self.path.join("admin-token")
    }

    /// The file that tells subcommands how to reach the server.
    pub fn control(&self) -> PathBuf {
        control(&self.path)
    }
}

/// The control file of the data folder at `path`, which somebody else works in.
pub fn control(path: &Path) -> PathBuf {
    path.join("control.json")
}

/// Writes a file for its owner's eyes only; the old one or the new one is there at any moment, and
/// the new one is durable when this returns.
pub fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

#[cfg(target_os = "linux")]
fn refuse_network(path: &Path) -> Result<(), Error> {
    /// As `statfs(2)` numbers them.
    const NETWORK: [(u32, &str); 8] = [
        (0x6969, "nfs"),
        (0xff53_4d42, "cifs"),
        (0xfe53_4d42, "smb2"),
        (0x517b, "smb"),
        (0x5346_414f, "afs"),
        (0x00c3_6400, "ceph"),
        (0x0bd0_0bd0, "lustre"),
        (0x4750_4653, "gpfs"),
    ];
    let stat = rustix::fs::statfs(path)
        .map_err(|error| Error::Io { path: path.to_owned(), source: error.into() })?;
    let magic = u32::try_from(stat.f_type & 0xffff_ffff).unwrap_or_default();
    match NETWORK.into_iter().find(|(number, _)| *number == magic) {
        Some((_, kind)) => Err(Error::Network { path: path.to_owned(), kind }),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_worker_at_a_time() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("data");

        let first = DataFolder::take(&path).unwrap();
        assert!(matches!(DataFolder::take(&path), Err(Error::InUse { .. })));
        drop(first);

        assert!(DataFolder::take(&path).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");

        write_secret(&path, "one").unwrap();
        write_secret(&path, "two").unwrap();

        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
