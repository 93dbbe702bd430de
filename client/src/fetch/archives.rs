//! Archives as they were published, under their own names.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::spawn_blocking;

use super::folder::{Folder, Standing};
use super::{Error, Fetched, Fetcher, There, disk};
use crate::download::{Part, fetch};
use crate::install::{Moved, Packed};
use crate::progress::Transfer;
use crate::upload::LocalFile;

/// How many archives come at once.
const DOWNLOADS: usize = 6;

impl Fetcher<'_> {
    /// Brings the archives of `builds` to `to`, each under its own name.
    ///
    /// What is there and right is left, what was cut goes on where it was cut.
    pub async fn archives(&self, builds: &[Packed], to: &Path) -> Result<Fetched, Error> {
        check_names(builds)?;
        let folder = Folder::open(to, self.progress).await?;
        let mut there = Vec::with_capacity(builds.len());
        let mut missing = Vec::new();
        for packed in builds {
            let path = folder.path(packed.name.as_str());
            let standing = standing(&folder, packed, &path).await?;
            let unchanged = matches!(standing, Standing::Right);
            if !unchanged {
                missing.push(packed);
            }
            there.push(There { key: packed.key.clone(), path, unchanged });
        }
        folder.note(missing.iter().map(|packed| (packed.name.to_string(), &packed.key)))?;
        let transfer =
            self.progress.transfer("Downloading", missing.iter().map(|it| it.bytes()).sum());
        let fetched: Result<Vec<u64>, Error> = stream::iter(&missing)
            .map(|packed| self.archive(&folder, packed, &transfer))
            .buffer_unordered(DOWNLOADS)
            .try_collect()
            .await;
        transfer.abandon();
        let fetched_bytes = fetched?.into_iter().sum();
        let all: u64 = builds.iter().map(Packed::bytes).sum();
        let sent: u64 = missing.iter().map(|packed| packed.bytes()).sum();
        let moved = Moved { fetched_bytes, reused_bytes: all - sent, written_bytes: 0 };
        Ok(Fetched::new(there, moved))
    }

    /// Brings one archive; tells how many bytes came.
    async fn archive(
        &self,
        folder: &Folder,
        packed: &Packed,
        transfer: &Transfer,
    ) -> Result<u64, Error> {
        let wanted = packed.wanted();
        transfer.item(&wanted.name);
        let part = folder.part(&format!("{}-{}", packed.archive, packed.name));
        let part = Part::take(part, &wanted.name).await?;
        let bytes = fetch(self.remote, &wanted, &part, transfer).await?;
        let path = folder.path(packed.name.as_str());
        part.keep(&path).map_err(disk("write", &path))?;
        Ok(bytes)
    }
}

/// No two archives with one name.
fn check_names(builds: &[Packed]) -> Result<(), Error> {
    let mut names: BTreeMap<&str, &Packed> = BTreeMap::new();
    for packed in builds {
        if let Some(other) = names.insert(packed.name.as_str(), packed) {
            let name = packed.name.to_string();
            let (one, two) = (Box::new(other.key.clone()), Box::new(packed.key.clone()));
            return Err(Error::SameName { name, one, two });
        }
    }
    Ok(())
}

async fn standing(folder: &Folder, packed: &Packed, path: &Path) -> Result<Standing, Error> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::Absent),
        Err(error) => return Err(disk("look at", path)(error)),
    };
    if metadata.is_file() {
        let file = path.to_owned();
        let summed = spawn_blocking(move || LocalFile::sum(&file, |_| {})).await;
        if summed.map_err(Error::Broken)?.is_ok_and(|file| file.sha256 == packed.archive) {
            return Ok(Standing::Right);
        }
        if folder.is_ours(packed.name.as_str()) {
            return Ok(Standing::Changed);
        }
    }
    Err(Error::NotOurs { path: path.to_owned() })
}
