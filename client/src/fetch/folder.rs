//! A folder that builds are fetched into, and what larder knows of it.
//!
//! ```text
//! DIR/afw                           a build, whole
//! DIR/.larder-fetched/fetched.json  what larder put here
//! DIR/.larder-fetched/lock          held by the larder that is at it
//! DIR/.larder-fetched/staging/      copies in the making, and what they replace
//! DIR/.larder-fetched/downloads/    archives on their way
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use larder_schema::BuildKey;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Error, copy, disk};
use crate::durable::{sync_folder, write_whole};
use crate::kernel_lock::{Held, Mode};
use crate::progress::Progress;

/// The version of the form of `fetched.json`.
const FORMAT: u32 = 1;

/// A folder that builds are fetched into, by one larder at a time.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    own: PathBuf,
    known: Known,
    _lock: Held,
}

/// How something in the folder stands.
pub(super) enum Standing {
    /// It is what it should be.
    Right,
    /// Nothing is there.
    Absent,
    /// It is ours, and not what it should be.
    Changed,
}

/// What larder put into a folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    format: u32,
    /// Which build is under which name.
    builds: BTreeMap<String, BuildKey>,
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

    /// Whether larder put it there.
    pub(super) fn is_ours(&self, name: &str) -> bool {
        self.known.builds.contains_key(name)
    }

    /// Where copies are made.
    pub(super) fn staging(&self) -> &Path {
        &self.own
    }

    /// Where a copy is made.
    pub(super) fn staged(&self, name: &str) -> PathBuf {
        self.own.join("staging").join(name)
    }

    /// Where an archive is while it comes.
    pub(super) fn part(&self, name: &str) -> PathBuf {
        self.own.join("downloads").join(name)
    }

    /// Notes that these are larder's: before they are there, so that none is taken for somebody
    /// else's after a kill.
    pub(super) fn note<'a>(
        &self,
        builds: impl Iterator<Item = (String, &'a BuildKey)>,
    ) -> Result<(), Error> {
        let mut known = self.known.clone();
        let before = known.builds.clone();
        known.builds.extend(builds.map(|(name, key)| (name, key.clone())));
        if known.builds == before {
            return Ok(());
        }
        let path = self.own.join("fetched.json");
        let text = serde_json::to_string_pretty(&known)
            .map_err(|source| Error::Malformed { path: path.clone(), source })?;
        write_whole(&path, (text + "\n").as_bytes(), 0o644).map_err(disk("write", &path))
    }

    /// Puts a staged copy in its place, and what was there aside; what goes is removed with the rest.
    pub(super) fn place(&self, name: &str) -> Result<(), Error> {
        let (staged, place) = (self.staged(name), self.path(name));
        // No product's name begins so.
        let aside = self.own.join("staging").join(format!(".old-{name}"));
        match fs::rename(&place, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome.map_err(disk("replace", &place))?,
        }
        fs::rename(&staged, &place).map_err(disk("make", &place))
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
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { format: FORMAT, builds: BTreeMap::new() });
            }
            Err(error) => return Err(disk("read", path)(error)),
        };
        let known: Self = serde_json::from_slice(&bytes)
            .map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        match known.format {
            FORMAT => Ok(known),
            format => Err(Error::Format { path: path.to_owned(), format }),
        }
    }
}
