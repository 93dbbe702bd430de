//! Fetch: the bytes of an archive that a build names, for who may read that build.
//!
//! Ranges and headers are HTTP's; here it is decided whether the bytes may be had, and a whole
//! reading is checked before its last bytes go out.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::api::HolderKind;
use larder_schema::archive::ArchiveFormat;
use larder_schema::{Blake3, BuildName, Checksum, Platform, ProductName, Sha256, Sums};

use super::Registry;
use super::lookup::LookupError;
use crate::access::{Caller, Denied, Permission};
use crate::blobs;
use crate::catalog::{self, StoredArchive};

/// How many holders of an archive are asked for at once.
const HOLDERS: usize = 100;

/// Why bytes are not given.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No build that the caller may read names such an archive.
    #[error("no build here has the archive {0}")]
    Unknown(Checksum),
    /// The build cannot be looked up.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The build has no archive: a metapackage.
    #[error("{product}@{build} has no archive: it only names what it depends on")]
    NoArchive {
        /// The product.
        product: ProductName,
        /// The build.
        build: BuildName,
    },
    /// The catalog names bytes that are not there, or not of that size.
    #[error("the bytes of the archive {sha256} are damaged: {found:?} bytes instead of {expected}")]
    Damaged {
        /// The archive.
        sha256: Sha256,
        /// Bytes that it has.
        expected: u64,
        /// Bytes that are there.
        found: Option<u64>,
    },
    /// The catalog failed.
    #[error("could not look the archive up")]
    Catalog(#[from] catalog::Error),
    /// The blob store failed.
    #[error("could not read the archive")]
    Blobs(#[from] blobs::Error),
}

/// An archive that may be read, whose bytes were there a moment ago.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its sums and size.
    pub sums: Sums,
    /// Its format.
    pub format: ArchiveFormat,
    /// Its key in the blob store.
    pub(super) key: String,
    /// The name that it was published under, when it was asked for by a build.
    pub name: Option<String>,
}

/// A part of what is read.
pub type Part = Result<Bytes, ReadError>;

/// Why reading broke off.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The blob store failed.
    #[error("could not read the archive")]
    Blobs(#[from] blobs::Error),
    /// What was read is not what was stored.
    #[error("the stored bytes of {0} have another checksum: the disk has damaged them")]
    Spoiled(Sha256),
}

impl Registry {
    /// The archive with this checksum.
    pub async fn archive(&self, caller: &Caller, checksum: &Checksum) -> Result<Found, FetchError> {
        caller.demand_reader()?;
        let unknown = || FetchError::Unknown(*checksum);
        let archive = self.inner.catalog.archive(checksum).await?.ok_or_else(unknown)?;
        if !self.may_read_archive(caller, &archive.sums.sha256).await? {
            return Err(unknown());
        }
        self.present(archive, None).await
    }

    /// The archive of a build.
    pub async fn archive_of_build(
        &self,
        caller: &Caller,
        product: &ProductName,
        build: &BuildName,
        platform: Option<&Platform>,
    ) -> Result<Found, FetchError> {
        let stored = self.build(caller, product, build, platform).await?;
        let Some(archive) = stored.build.archive else {
            let (product, build) = (product.clone(), build.clone());
            return Err(FetchError::NoArchive { product, build });
        };
        let checksum = Checksum::Sha256(archive.sha256);
        let found = self.inner.catalog.archive(&checksum).await?;
        let found = found.ok_or(FetchError::Unknown(checksum))?;
        self.present(found, Some(archive.name.to_string())).await
    }

    /// The bytes of `range`. A whole reading ends well only if all its bytes were right.
    pub async fn read_archive(
        &self,
        found: &Found,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Part>, FetchError> {
        let sums = found.sums;
        let is_whole = range == (0..sums.size);
        let parts = self.inner.blobs.read(&found.key, range).await?;
        let parts = parts.map(|part| part.map_err(ReadError::from)).boxed();
        if !is_whole {
            return Ok(parts);
        }
        let parts = checked(parts, sums.sha256, sums.blake3);
        let (registry, key) = (self.clone(), found.key.clone());
        // What was made of an archive is made again when it is asked for next.
        let forget = move |error: &ReadError| {
            if matches!(error, ReadError::Spoiled(_)) && blobs::is_derived(&key) {
                let (registry, key) = (registry.clone(), key.clone());
                drop(tokio::spawn(async move { registry.inner.blobs.delete(&key).await }));
            }
        };
        Ok(parts.inspect_err(forget).boxed())
    }

    /// Whether the caller may know that the archive is here, and publish builds of it: whoever has
    /// sent it, or may read it anyway.
    pub(super) async fn may_use_archive(
        &self,
        caller: &Caller,
        archive: &Sha256,
    ) -> Result<bool, catalog::Error> {
        if let Some(token) = caller.token()
            && self.inner.catalog.is_sender(&token, archive).await?
        {
            return Ok(true);
        }
        self.may_read_archive(caller, archive).await
    }

    /// Whether a build that the caller may read has this archive; knowing a sum grants nothing.
    pub(super) async fn may_read_archive(
        &self,
        caller: &Caller,
        archive: &Sha256,
    ) -> Result<bool, catalog::Error> {
        if caller.reads_all() {
            return self.inner.catalog.is_named(archive).await;
        }
        let (checksum, mut cursor) = (Checksum::Sha256(*archive), None::<String>);
        loop {
            let page =
                self.inner.catalog.holders_after(&checksum, cursor.as_deref(), HOLDERS).await?;
            let readable = page.holders.iter().any(|holder| {
                holder.kind == HolderKind::Archive && caller.may(Permission::Read(&holder.product))
            });
            match page.next {
                _ if readable => return Ok(true),
                Some(next) => cursor = Some(next),
                None => return Ok(false),
            }
        }
    }

    pub(super) async fn present(
        &self,
        archive: StoredArchive,
        name: Option<String>,
    ) -> Result<Found, FetchError> {
        let found = self.inner.blobs.size(&archive.key).await?;
        let (sha256, expected) = (archive.sums.sha256, archive.sums.size);
        if found == Some(expected) {
            let StoredArchive { sums, format, key, .. } = archive;
            Ok(Found { sums, format, key, name })
        } else {
            Err(FetchError::Damaged { sha256, expected, found })
        }
    }
}

/// Hashes what goes through, and holds the last part back until the sum is right.
fn checked(
    parts: BoxStream<'static, Part>,
    sha256: Sha256,
    expected: Blake3,
) -> impl Stream<Item = Part> {
    let state = (parts, blake3::Hasher::new(), None::<Bytes>);
    stream::try_unfold(state, move |(mut parts, mut hasher, mut held)| async move {
        loop {
            let Some(part) = parts.next().await.transpose()? else {
                if *hasher.finalize().as_bytes() != expected.0 {
                    return Err(ReadError::Spoiled(sha256));
                }
                return Ok(held.map(|last| (last, (stream::empty().boxed(), hasher, None))));
            };
            hasher.update(&part);
            if let Some(before) = held.replace(part) {
                return Ok(Some((before, (parts, hasher, held))));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    fn parts(texts: &[&'static str]) -> BoxStream<'static, Part> {
        let parts: Vec<Part> =
            texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect();
        stream::iter(parts).boxed()
    }

    #[tokio::test]
    async fn right_bytes_come_whole() {
        let stream = checked(parts(&["a", "b", "c"]), Sha256::of(b"abc"), Blake3::of(b"abc"));

        let all: Vec<Bytes> = stream.try_collect().await.unwrap();

        assert_eq!(all.concat(), b"abc");
    }

    #[tokio::test]
    async fn the_last_part_of_spoiled_bytes_never_comes() {
        let mut stream =
            Box::pin(checked(parts(&["a", "x"]), Sha256::of(b"ab"), Blake3::of(b"ab")));

        assert_eq!(stream.next().await.unwrap().unwrap(), "a");
        assert!(matches!(stream.next().await, Some(Err(ReadError::Spoiled(_)))));
    }

    #[tokio::test]
    async fn nothing_at_all_is_whole_too() {
        let stream = checked(parts(&[]), Sha256::of(b""), Blake3::of(b""));

        assert!(stream.try_collect::<Vec<_>>().await.unwrap().is_empty());
    }
}
