//! Archives as they were published, under their own names.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::Checksum;
use tokio::task::block_in_place;

use super::folder::{Folder, Placement};
use super::{Error, Fetched, Fetcher, disk, fetched};
use crate::download::{Part, fetch};
use crate::install::{Moved, Packed};
use crate::progress::Transfer;

/// How many archives come at once.
const DOWNLOADS: usize = 6;

impl Fetcher<'_> {
    /// Brings the archives of `builds` to `to`, each under its own name.
    ///
    /// What is there and right is left, what was cut goes on where it was cut.
    pub async fn archives(&self, builds: &[Packed], to: &Path) -> Result<Fetched, Error> {
        check_names(builds)?;
        let mut folder = Folder::open(to, self.progress).await?;
        let placements: Vec<Placement<'_>> = builds.iter().map(Placement::archive).collect();
        let wrong = block_in_place(|| self.wrong(&folder, &placements))?;
        folder.note(&wrong)?;
        let sent: u64 = wrong.iter().map(|wrong| wrong.packed.bytes()).sum();
        let transfer = self.progress.transfer("Downloading", sent);
        let came: Result<Vec<u64>, Error> = stream::iter(&wrong)
            .map(|wrong| self.archive(&folder, wrong, &transfer))
            .buffer_unordered(DOWNLOADS)
            .try_collect()
            .await;
        transfer.abandon();
        let fetched_bytes = came?.into_iter().sum();
        folder.note_placed(&wrong)?;
        let all: u64 = builds.iter().map(Packed::bytes).sum();
        let moved = Moved { fetched_bytes, reused_bytes: all - sent, written_bytes: 0 };
        let mut fetched = fetched(&folder, &placements, &wrong, moved);
        if self.clears {
            let is_archive = |sum: &Checksum| matches!(sum, Checksum::Sha256(_));
            (fetched.removed, fetched.kept) =
                block_in_place(|| folder.clear(&placements, is_archive, self.replaces))?;
        }
        Ok(fetched)
    }

    /// Brings one archive; tells how many bytes came.
    async fn archive(
        &self,
        folder: &Folder,
        placement: &Placement<'_>,
        transfer: &Transfer,
    ) -> Result<u64, Error> {
        let packed = placement.packed;
        let wanted = packed.wanted();
        transfer.item(&wanted.name);
        let part = folder.part(&packed.archive);
        let part = Part::take(part, &wanted.name).await?;
        let bytes = fetch(self.remote, &wanted, &part, transfer).await?;
        block_in_place(|| folder.check(placement, self.replaces))?;
        let path = folder.path(placement.name);
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
