//! Locks that the kernel releases when their holder ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// A lock that is held; dropping it releases it.
#[derive(Debug)]
pub struct Held {
    file: File,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With others that share it.
    Shared,
    /// Alone.
    Alone,
}

impl Held {
    /// Takes the lock at `path`, which is made if need be; `waiting` is called before a wait.
    ///
    /// Whoever removes the file does so while holding it: the lock counts only on the file that
    /// bears the name.
    pub fn take(path: &Path, mode: Mode, mut waiting: impl FnMut()) -> io::Result<Self> {
        loop {
            let file = open(path)?;
            if !try_lock(&file, mode)? {
                waiting();
                match mode {
                    Mode::Shared => file.lock_shared()?,
                    Mode::Alone => file.lock()?,
                }
            }
            if is_at(&file, path)? {
                return Ok(Self { file });
            }
        }
    }

    /// Takes the lock if that needs no wait.
    pub fn try_take(path: &Path, mode: Mode) -> io::Result<Option<Self>> {
        let file = open(path)?;
        let held = try_lock(&file, mode)? && is_at(&file, path)?;
        Ok(held.then_some(Self { file }))
    }

    /// Shares the lock at `path`, which must be there and need not be writable, if that needs no
    /// wait.
    pub fn share_existing(path: &Path) -> io::Result<Option<Self>> {
        let file = no_link(OpenOptions::new().read(true)).open(path)?;
        let held = try_lock(&file, Mode::Shared)? && is_at(&file, path)?;
        Ok(held.then_some(Self { file }))
    }

    /// Lets the programs that are started from now on hold it too, until the last of them ends.
    pub fn pass_on(&self) -> io::Result<()> {
        Ok(rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())?)
    }

    /// Goes on with others, who may get in between.
    pub fn share(&self) -> io::Result<()> {
        self.file.lock_shared()
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// A link is refused: what it leads to never bears the name, and a lock on it would never count.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    no_link(&mut options).open(path)
}

fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
}

fn try_lock(file: &File, mode: Mode) -> io::Result<bool> {
    let outcome = match mode {
        Mode::Shared => file.try_lock_shared(),
        Mode::Alone => file.try_lock(),
    };
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let here = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok((here.dev(), here.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_alone_or_many_share_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let try_take = |mode| Held::try_take(&path, mode).unwrap();

        let alone = try_take(Mode::Alone).unwrap();
        assert!(try_take(Mode::Shared).is_none());
        alone.share().unwrap();
        assert!(try_take(Mode::Shared).is_some());
        assert!(try_take(Mode::Alone).is_none());
        drop(alone);

        assert!(try_take(Mode::Alone).is_some());
    }

    #[test]
    fn a_lock_on_a_removed_file_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let old = Held::try_take(&path, Mode::Alone).unwrap().unwrap();

        std::fs::remove_file(&path).unwrap();

        assert!(Held::take(&path, Mode::Alone, || {}).is_ok());
        drop(old);
    }

    #[test]
    fn a_link_in_place_of_a_lock_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let other = folder.path().join("other");
        std::fs::write(&other, "others'").unwrap();
        for target in ["other", "nowhere"] {
            std::os::unix::fs::symlink(target, &path).unwrap();

            assert!(Held::take(&path, Mode::Alone, || {}).is_err());
            assert!(Held::try_take(&path, Mode::Shared).is_err());

            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(std::fs::read(&other).unwrap(), b"others'");
        assert!(!folder.path().join("nowhere").exists());
    }
}
