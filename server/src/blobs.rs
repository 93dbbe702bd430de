//! Blobs: where bytes are kept, by key.
//!
//! Archives lie under `archives/ab/cdef…-<generation>`; a generation is random and never used
//! again, so that a late delete hits nothing new; what was made of archives, and can be made again, lies
//! in the same way under `derived/`. Documents of the journal lie under `journal/`.
//! What a checksum means and who may read is not known here. This is the one file that names
//! `object_store`; a local folder is the one store yet.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_schema::{Sha256, Sums};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt as _};

use crate::durable::{make_folders, sync_folder};

/// Where archives lie.
const ARCHIVES: &str = "archives";
/// Where what was made of them lies.
const DERIVED: &str = "derived";
/// Bytes of one chunk of what is read: few hops to the blocking pool, little memory.
const CHUNK_BYTES: usize = 128 * 1024;
/// The most bytes of one document.
const DOCUMENT_BYTES: u64 = 256 << 20;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk is full.
    #[error("the disk that holds the blobs is full")]
    DiskFull(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is nothing under the key.
    #[error("the blob store holds nothing under `{key}`")]
    Missing {
        /// The key.
        key: String,
    },
    /// What is to be adopted is not as long as its sums say.
    #[error("the staged file has {found} bytes, not {expected}")]
    Size {
        /// What the sums say.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A document is longer than any that larder writes.
    #[error("the document `{key}` is longer than any that is written")]
    DocumentSize {
        /// Its key.
        key: String,
    },
    /// A key that no store can hold.
    #[error("`{key}` is no key")]
    Key {
        /// The key.
        key: String,
        /// Why.
        #[source]
        source: object_store::path::Error,
    },
    /// The machine failed.
    #[error("the blob store's disk failed")]
    Io(#[source] io::Error),
    /// No randomness for a generation.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The store failed.
    #[error("the blob store failed")]
    Store(#[source] object_store::Error),
    /// The work was given up because the server stops.
    #[error("the server stops")]
    Stopped,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if is_full(error.kind()) { Self::DiskFull(Box::new(error)) } else { Self::Io(error) }
    }
}

/// Keeps bytes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<LocalFileSystem>,
}

impl Blobs {
    /// A store in `folder`, which must be there; staged files must lie on the same file system.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let store = LocalFileSystem::new_with_prefix(folder).map_err(Error::Store)?;
        Ok(Self { store: Arc::new(store.with_fsync(true)) })
    }

    /// Keeps the bytes of `staged` under a new key, durably when this returns.
    ///
    /// The staged file may be left where it is; removing it is the caller's part.
    pub async fn adopt(&self, staged: &Path, sums: &Sums) -> Result<String, Error> {
        self.adopt_as(ARCHIVES, staged, sums).await
    }

    /// The same for what was made of an archive, and can be made again.
    pub async fn adopt_derived(&self, staged: &Path, sums: &Sums) -> Result<String, Error> {
        self.adopt_as(DERIVED, staged, sums).await
    }

    async fn adopt_as(
        &self,
        folder: &'static str,
        staged: &Path,
        sums: &Sums,
    ) -> Result<String, Error> {
        let key = new_key(folder, &sums.sha256)?;
        let target = self.path_of(&key)?;
        let (staged, size) = (staged.to_owned(), sums.size);
        blocking(move || adopt_file(&staged, &target, size)).await?;
        Ok(key)
    }

    /// Keeps bytes under a new key, durably when this returns; on the way they lie in a file at
    /// `staged`, which is gone then.
    pub async fn keep(&self, bytes: Bytes, staged: &Path, sums: &Sums) -> Result<String, Error> {
        let key = new_key(ARCHIVES, &sums.sha256)?;
        let (staged, target) = (staged.to_owned(), self.path_of(&key)?);
        blocking(move || {
            let kept = keep_bytes(&bytes, &staged, &target);
            if kept.is_err() {
                // What stays although it should not is removed by the next start.
                drop(std::fs::remove_file(&staged));
            }
            kept
        })
        .await?;
        Ok(key)
    }

    /// Moves what is under the key `fresh` to the key of an archive that has lost its bytes, durably
    /// when this returns.
    pub async fn put_back(&self, key: &str, fresh: &str) -> Result<(), Error> {
        let (from, to) = (to_key(fresh)?, to_key(key)?);
        self.store.rename(&from, &to).await.map_err(|error| store_error(key, error))
    }

    /// How many bytes are under a key; none: there is nothing.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        match self.store.head(&to_key(key)?).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(store_error(key, error)),
        }
    }

    /// The same of many, in their order and in one go.
    pub async fn sizes(&self, keys: Vec<String>) -> Result<Vec<Option<u64>>, Error> {
        let paths: Vec<PathBuf> =
            keys.iter().map(|key| self.path_of(key)).collect::<Result<_, _>>()?;
        blocking(move || {
            let sizes = paths.iter().map(|path| match std::fs::metadata(path) {
                Ok(found) => Ok(Some(found.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error.into()),
            });
            sizes.collect()
        })
        .await
    }

    /// The bytes of `range`, in order, a little at a time.
    pub async fn read(
        &self,
        key: &str,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let options =
            GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let key = key.to_owned();
        let got = self.store.get_opts(&to_key(&key)?, options).await;
        Ok(match got.map_err(|error| store_error(&key, error))?.payload {
            GetResultPayload::File(file, _) => chunks(file, range).boxed(),
            GetResultPayload::Stream(stream) => {
                stream.map_err(move |error| store_error(&key, error)).boxed()
            }
        })
    }

    /// A blob as a file to read in any order, on the blocking pool.
    pub async fn open_file(&self, key: &str) -> Result<File, Error> {
        let (path, key) = (self.path_of(key)?, key.to_owned());
        blocking(move || match File::open(path) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing { key }),
            Err(error) => Err(error.into()),
        })
        .await
    }

    /// Keeps a document under its key, durably when this returns; the same again changes nothing.
    pub async fn put_document(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let put = self.store.put(&to_key(key)?, bytes.into()).await;
        put.map(|_| ()).map_err(|error| store_error(key, error))
    }

    /// The keys that begin with `prefix`, a folder such as `journal`, in order.
    pub async fn documents(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let found = self.store.list(Some(&to_key(prefix)?));
        let mut keys: Vec<String> = found
            .map_ok(|meta| meta.location.to_string())
            .try_collect()
            .await
            .map_err(|error| store_error(prefix, error))?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// The document under a key.
    pub async fn document(&self, key: &str) -> Result<Vec<u8>, Error> {
        let size = self.size(key).await?.ok_or_else(|| Error::Missing { key: key.to_owned() })?;
        if size > DOCUMENT_BYTES {
            return Err(Error::DocumentSize { key: key.to_owned() });
        }
        let got = self.store.get(&to_key(key)?).await.map_err(|error| store_error(key, error))?;
        Ok(got.bytes().await.map_err(|error| store_error(key, error))?.into())
    }

    /// Removes what is under a key; what is not there is no error.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        match self.store.delete(&to_key(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(store_error(key, error)),
        }
    }

    /// Answers when the store can be reached.
    pub async fn ready(&self) -> Result<(), Error> {
        self.size("ready").await.map(|_| ())
    }

    fn path_of(&self, key: &str) -> Result<PathBuf, Error> {
        self.store.path_to_filesystem(&to_key(key)?).map_err(Error::Store)
    }
}

/// Whether a key is of something that was made of an archive, and can be made again.
pub fn is_derived(key: &str) -> bool {
    key.strip_prefix(DERIVED).is_some_and(|rest| rest.starts_with('/'))
}

fn to_key(key: &str) -> Result<Key, Error> {
    Key::parse(key).map_err(|source| Error::Key { key: key.to_owned(), source })
}

/// A key that nothing ever had: 128 random bits stand behind the sum.
fn new_key(folder: &str, sha256: &Sha256) -> Result<String, Error> {
    let mut generation = [0; 16];
    getrandom::fill(&mut generation).map_err(Error::Random)?;
    let (digits, generation) = (sha256.to_hex(), larder_schema::checksum::to_hex(&generation));
    Ok(format!("{folder}/{}/{}-{generation}", &digits[..2], &digits[2..]))
}

/// Syncs the bytes, then makes them visible under `target` and syncs the folders.
///
/// A second name and not a rename: should the row fail afterwards, the upload is still whole. Where
/// there are no second names, the file moves.
fn adopt_file(staged: &Path, target: &Path, expected: u64) -> Result<(), Error> {
    let file = File::open(staged)?;
    let found = file.metadata()?.len();
    if found != expected {
        return Err(Error::Size { expected, found });
    }
    file.sync_all()?;
    let folder = target.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    make_folders(folder)?;
    if let Err(error) = std::fs::hard_link(staged, target) {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return Err(error.into());
        }
        std::fs::rename(staged, target)?;
    }
    sync_folder(folder)?;
    Ok(())
}

/// Syncs the bytes, then makes them visible under `target` and syncs the folders.
fn keep_bytes(bytes: &[u8], staged: &Path, target: &Path) -> Result<(), Error> {
    let mut file = File::create_new(staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let folder = target.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    make_folders(folder)?;
    std::fs::rename(staged, target)?;
    sync_folder(folder)?;
    Ok(())
}

fn chunks(file: File, range: Range<u64>) -> impl futures_util::Stream<Item = Result<Bytes, Error>> {
    stream::try_unfold((file, range), |(mut file, mut range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let next = blocking(move || {
            let chunk = read_chunk(&mut file, &range)?;
            range.start += chunk.len() as u64;
            Ok((chunk, (file, range)))
        });
        next.await.map(Some)
    })
}

fn read_chunk(file: &mut File, range: &Range<u64>) -> io::Result<Bytes> {
    let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut chunk = vec![0; left.min(CHUNK_BYTES)];
    file.seek(SeekFrom::Start(range.start))?;
    file.read_exact(&mut chunk)?;
    Ok(chunk.into())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Stopped))
}

fn store_error(key: &str, error: object_store::Error) -> Error {
    if let object_store::Error::NotFound { .. } = error {
        return Error::Missing { key: key.to_owned() };
    }
    if is_disk_full(&error) { Error::DiskFull(Box::new(error)) } else { Error::Store(error) }
}

/// Whether the disk, or somebody's share of it, is full.
pub(crate) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether a full disk is among the causes.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |cause| (*cause).source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| is_full(cause.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        (folder, blobs)
    }

    async fn all(blobs: &Blobs, key: &str, range: Range<u64>) -> Vec<u8> {
        let parts: Vec<Bytes> = blobs.read(key, range).await.unwrap().try_collect().await.unwrap();
        parts.concat()
    }

    #[tokio::test]
    async fn adopted_bytes_are_read_back_in_any_range() {
        let (folder, blobs) = store();
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        let staged = folder.path().join("staged");
        std::fs::write(&staged, &bytes).unwrap();

        let key = blobs.adopt(&staged, &Sums::of(&bytes)).await.unwrap();
        let again = blobs.adopt(&staged, &Sums::of(&bytes)).await.unwrap();

        assert_ne!(key, again, "a generation is never used again");
        assert_eq!(blobs.size(&key).await.unwrap(), Some(300_000));
        assert_eq!(all(&blobs, &key, 0..300_000).await, bytes);
        assert_eq!(all(&blobs, &key, 131_000..131_100).await, bytes[131_000..131_100]);
        assert!(all(&blobs, &key, 5..5).await.is_empty());
    }

    #[tokio::test]
    async fn a_file_that_changed_is_not_adopted() {
        let (folder, blobs) = store();
        let staged = folder.path().join("staged");
        std::fs::write(&staged, b"short").unwrap();

        let refusal = blobs.adopt(&staged, &Sums::of(b"longer")).await;

        assert!(matches!(refusal, Err(Error::Size { expected: 6, found: 5 })));
        assert!(blobs.documents("archives").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn documents_are_listed_in_order_and_deleted_without_complaint() {
        let (_folder, blobs) = store();
        blobs.put_document("journal/2.json", b"two".to_vec()).await.unwrap();
        blobs.put_document("journal/1.json", b"one".to_vec()).await.unwrap();

        assert_eq!(blobs.documents("journal").await.unwrap(), ["journal/1.json", "journal/2.json"]);
        assert_eq!(blobs.document("journal/2.json").await.unwrap(), b"two");
        blobs.delete("journal/1.json").await.unwrap();
        blobs.delete("journal/1.json").await.unwrap();
        let missing = blobs.document("journal/1.json").await;
        assert!(matches!(missing, Err(Error::Missing { .. })));
    }

    #[tokio::test]
    async fn keys_stay_inside_the_store() {
        let (_folder, blobs) = store();

        for key in ["../x", "a/../../x", "/etc/passwd/../x"] {
            assert!(blobs.document(key).await.is_err(), "{key}");
        }
    }

    #[test]
    fn a_full_disk_is_told_as_one() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let wrapped = object_store::Error::Generic { store: "local", source: Box::new(full) };

        assert!(matches!(store_error("k", wrapped), Error::DiskFull(_)));
    }
}
