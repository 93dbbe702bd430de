//! A package root: a folder, or the address of one; what is read from it is bounded.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use reqwest::header::CONTENT_LENGTH;
use reqwest::{Method, Response};
use tempfile::{NamedTempFile, TempPath};

use super::listing;
use crate::durable::{DiskError, disk};
use crate::progress::Progress;
use crate::remote::{self, IDLE, Origin, ParseOriginError, Remote};
use crate::upload::{FileError, LocalFile};

/// The most bytes of a listing: half a million names.
const MAX_LISTING_BYTES: u64 = 64 << 20;
/// The most names of a listing.
const MAX_NAMES: usize = 500_000;

/// Where packages are.
#[derive(Clone)]
pub struct Root(Place);

#[derive(Clone)]
enum Place {
    Folder(PathBuf),
    Address(Box<Remote>),
}

/// A package root cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its address is none.
    #[error(transparent)]
    Address(#[from] ParseOriginError),
    /// It is no folder.
    #[error("`{}` is no folder", .path.display())]
    NoFolder {
        /// What is none.
        path: PathBuf,
    },
    /// The server that it lies on did not answer as it should.
    #[error("could not read `{file}` from the package root")]
    Remote {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: remote::Error,
    },
    /// An answer did not come to its end, however often it was asked for.
    #[error("could not read `{file}` to its end from the package root")]
    Cut {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: remote::Error,
    },
    /// Something is too large to be what it should be.
    #[error("`{file}` is larger than {most} bytes")]
    TooLarge {
        /// The file.
        file: String,
        /// How large it may be.
        most: u64,
    },
    /// A listing is none.
    #[error("`{file}` is no list of files in JSON; does the server answer everything with a page?")]
    NoList {
        /// The file.
        file: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A listing has too many names.
    #[error("the list `{file}` has more than {MAX_NAMES} names")]
    TooManyNames {
        /// The file.
        file: String,
    },
    /// A link in a folder leads out of it.
    #[error("`{file}` leads out of the package root")]
    Outside {
        /// The file.
        file: String,
    },
    /// A server sends on to another one.
    #[error("`{file}` is a redirect to another server, which is followed for tarballs only")]
    Elsewhere {
        /// The file.
        file: String,
    },
    /// A file on this machine.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file or a folder of the root, on this machine.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is no place for what is fetched.
    #[error(transparent)]
    Temporary(DiskError),
}

impl Error {
    /// Whether nothing else can be had from there either.
    pub fn ends_all(&self) -> bool {
        match self {
            Self::Remote { source, .. } => {
                matches!(source, remote::Error::Unreachable { .. } | remote::Error::Silent { .. })
            }
            Self::Temporary(_) => true,
            // The server answers: others may come whole.
            Self::Cut { .. }
            | Self::Disk(_)
            | Self::Outside { .. }
            | Self::Elsewhere { .. }
            | Self::Address(_)
            | Self::NoFolder { .. }
            | Self::TooLarge { .. }
            | Self::NoList { .. }
            | Self::TooManyNames { .. }
            | Self::File(_) => false,
        }
    }
}

/// A tarball on this machine.
#[derive(Debug)]
pub struct Tarball {
    /// The file.
    pub file: LocalFile,
    /// Gone with this, where it was fetched.
    _temporary: Option<TempPath>,
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Folder(folder) => write!(f, "{}", folder.display()),
            Place::Address(remote) => remote.origin().fmt(f),
        }
    }
}

impl Root {
    /// The root at `text`: an http or https address, else a folder.
    pub fn at(text: &str, progress: Progress) -> Result<Self, Error> {
        if text.starts_with("http://") || text.starts_with("https://") {
            let origin: Origin = text.parse()?;
            let remote = Remote::new(origin, None, progress)
                .map_err(|source| Error::Remote { file: text.to_owned(), source })?;
            return Ok(Self(Place::Address(Box::new(remote))));
        }
        let path = PathBuf::from(text);
        if path.is_dir() { Ok(Self(Place::Folder(path))) } else { Err(Error::NoFolder { path }) }
    }

    /// A file of at most `most` bytes; none where there is none.
    pub async fn read(&self, file: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        match &self.0 {
            Place::Folder(folder) => read_file(inside(folder, file)?, file.to_owned(), most).await,
            Place::Address(remote) => {
                let fetched = whole(
                    remote,
                    file,
                    most,
                    || Ok(Vec::new()),
                    |bytes, chunk| {
                        bytes.extend_from_slice(chunk);
                        Ok(())
                    },
                );
                fetched.await
            }
        }
    }

    /// The names in a folder of the root, or in the root itself, that have this ending.
    pub async fn names(&self, folder: Option<&str>, ending: &str) -> Result<Vec<String>, Error> {
        let place = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        let mut names = match &self.0 {
            Place::Folder(root) => names_in(root.join(&place), ending.to_owned()).await?,
            Place::Address(_) => {
                let file = format!("{place}index.json");
                match self.read(&file, MAX_LISTING_BYTES).await? {
                    Some(bytes) => serde_json::from_slice::<Vec<String>>(&bytes)
                        .map_err(|source| Error::NoList { file, source })?,
                    None => {
                        let page = self.read(&place, MAX_LISTING_BYTES).await?.unwrap_or_default();
                        listing::names(&String::from_utf8_lossy(&page))
                    }
                }
            }
        };
        names.retain(|name| name.ends_with(ending));
        if names.len() > MAX_NAMES {
            return Err(Error::TooManyNames { file: place });
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// How many bytes a file has, where that is told without reading it.
    pub async fn size(&self, file: &str) -> Result<Option<u64>, Error> {
        match &self.0 {
            Place::Folder(folder) => {
                let metadata = tokio::fs::metadata(inside(folder, file)?).await;
                Ok(metadata.ok().filter(std::fs::Metadata::is_file).map(|it| it.len()))
            }
            Place::Address(remote) => {
                let made = || remote.request(Method::HEAD, &address(remote, file));
                match remote.send(made).await {
                    Ok(response) => Ok(length(&response)),
                    Err(source @ remote::Error::Unreachable { .. }) => {
                        Err(Error::Remote { file: file.to_owned(), source })
                    }
                    // Who does not answer this question is not asked.
                    Err(_) => Ok(None),
                }
            }
        }
    }

    /// A tarball of at most `most` bytes, here; none where there is none.
    pub async fn tarball(&self, file: &str, most: u64) -> Result<Option<Tarball>, Error> {
        let (path, temporary) = match &self.0 {
            Place::Folder(folder) => (inside(folder, file)?, None),
            Place::Address(remote) => match download(remote, file, most).await? {
                Some(path) => (path.to_path_buf(), Some(path)),
                None => return Ok(None),
            },
        };
        let file = file.to_owned();
        let sum = move || {
            match std::fs::metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Ok(metadata) if metadata.len() > most => {
                    return Err(Error::TooLarge { file, most });
                }
                _ => {}
            }
            let file = LocalFile::sum(&path, |_| {})?;
            Ok(Some(Tarball { file, _temporary: temporary }))
        };
        tokio::task::spawn_blocking(sum).await.expect("summing a file does not panic")
    }
}

async fn read_file(path: PathBuf, file: String, most: u64) -> Result<Option<Vec<u8>>, Error> {
    let read = move || {
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(disk("read", &path)(error)),
        }
        let mut bytes = Vec::new();
        let opened = File::open(&path).map_err(disk::<Error>("read", &path))?;
        opened.take(most + 1).read_to_end(&mut bytes).map_err(disk::<Error>("read", &path))?;
        if bytes.len() as u64 > most {
            Err(Error::TooLarge { file, most })
        } else {
            Ok(Some(bytes))
        }
    };
    tokio::task::spawn_blocking(read).await.expect("reading a file does not panic")
}

/// Where a file of a folder is. Who may write into the folder must not choose which files of this machine
/// are published: a link that leads out of it is not followed.
fn inside(folder: &Path, file: &str) -> Result<PathBuf, Error> {
    let path = folder.join(file);
    let (Ok(found), Ok(folder)) = (path.canonicalize(), folder.canonicalize()) else {
        return Ok(path);
    };
    let outside = || Error::Outside { file: crate::import::shown(file) };
    if found.starts_with(folder) { Ok(found) } else { Err(outside()) }
}

async fn names_in(folder: PathBuf, ending: String) -> Result<Vec<String>, Error> {
    let list = move || {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(disk("list", &folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(disk::<Error>("list", &folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(&ending) {
                names.push(name);
            }
            if names.len() > MAX_NAMES {
                return Err(Error::TooManyNames { file: folder.display().to_string() });
            }
        }
        Ok(names)
    };
    tokio::task::spawn_blocking(list).await.expect("listing a folder does not panic")
}

/// A whole address: what lies below the root may be called as the root is.
fn address(remote: &Remote, file: &str) -> String {
    format!("{}/{file}", remote.origin())
}

fn length(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Fetches a file into a temporary one.
async fn download(remote: &Remote, file: &str, most: u64) -> Result<Option<TempPath>, Error> {
    let begin = || {
        let temporary = tempfile::Builder::new().prefix("larder-import-").tempfile();
        temporary.map_err(temporary_error("make a file in", &std::env::temp_dir()))
    };
    let keep = |temporary: &mut NamedTempFile, chunk: &[u8]| {
        let written = temporary.write_all(chunk);
        written.map_err(|error| temporary_error("write", temporary.path())(error))
    };
    let temporary = whole(remote, file, most, begin, keep).await?;
    Ok(temporary.map(NamedTempFile::into_temp_path))
}

/// Fetches a file to its end; what is cut is begun anew. None where there is none.
async fn whole<T>(
    remote: &Remote,
    file: &str,
    most: u64,
    begin: impl Fn() -> Result<T, Error>,
    keep: impl Fn(&mut T, &[u8]) -> Result<(), Error>,
) -> Result<Option<T>, Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut kept = begin()?;
        match receive(remote, file, most, |chunk| keep(&mut kept, chunk)).await {
            Ok(found) => return Ok(found.then_some(kept)),
            Err(Error::Cut { source, .. })
                if source.may_be_retried() && attempt < remote.retries().attempts =>
            {
                remote.wait(&source, attempt, None).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn temporary_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let named = disk::<DiskError>(what, path);
    |source| Error::Temporary(named(source))
}

/// Asks for a file and hands on what comes; false where there is none.
async fn receive(
    remote: &Remote,
    file: &str,
    most: u64,
    mut keep: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<bool, Error> {
    let cut = |source| Error::Cut { file: crate::import::shown(file), source };
    let address = address(remote, file);
    let answer = remote.send(|| remote.request(Method::GET, &address)).await;
    let mut response = match answer {
        Ok(response) => response,
        // Stores without a right to list say "forbidden" of what is not there.
        Err(error) if matches!(error.status(), Some(403 | 404 | 410)) => return Ok(false),
        Err(source) => return Err(Error::Remote { file: crate::import::shown(file), source }),
    };
    // What only one server's neighbours may read must not come out through a root that leads there.
    let asked = reqwest::Url::parse(&address).map(|url| url.origin());
    if !file.ends_with(".tar.gz") && asked != Ok(response.url().origin()) {
        return Err(Error::Elsewhere { file: crate::import::shown(file) });
    }
    let too_large = || Error::TooLarge { file: crate::import::shown(file), most };
    let mut received = 0;
    loop {
        let silent = |_| remote::Error::Silent { origin: remote.origin().clone() };
        let chunk = tokio::time::timeout(IDLE, response.chunk()).await;
        let chunk = chunk.map_err(silent).map_err(cut)?;
        let Some(chunk) = chunk.map_err(|error| cut(remote.unreachable(error)))? else {
            return Ok(true);
        };
        received += chunk.len() as u64;
        if received > most {
            return Err(too_large());
        }
        keep(&chunk)?;
    }
}

/// Whether a distID is the plain path of a tarball below the root.
pub fn is_plain(path: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.len() <= MAX_PATH
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.+@-/".contains(&b))
        && path.split('/').all(is_part)
        && Path::new(path).is_relative()
}

/// The most characters of a path below the root.
const MAX_PATH: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_followed() {
        for path in ["a-1.0+b1@Linux64.tar.gz", "blobs/sha256/ab/abcd.tar.gz"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../a.tar.gz",
            "a/../b.tar.gz",
            "a//b",
            "./a",
            "http://x/a.tar.gz",
            "eupspkg:a",
            "a b",
            "a\nb",
            "a?b",
            "a%2e",
            "a\\b",
            "a#b",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[tokio::test]
    async fn a_link_that_leads_out_of_a_folder_is_not_followed() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("secret"), "s").unwrap();
        std::fs::write(folder.path().join("good"), "g").unwrap();
        let link = |target: &Path, name: &str| {
            std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
        };
        link(&other.path().join("secret"), "x");
        link(Path::new("good"), "y");
        let root = Root::at(&folder.path().to_string_lossy(), Progress::Quiet).unwrap();

        assert!(matches!(root.read("x", 9).await, Err(Error::Outside { .. })));
        assert!(matches!(root.tarball("x", 9).await, Err(Error::Outside { .. })));
        assert!(matches!(root.size("x").await, Err(Error::Outside { .. })));
        assert_eq!(root.read("y", 9).await.unwrap().as_deref(), Some(&b"g"[..]));
    }

    #[tokio::test]
    async fn a_file_that_is_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), "12345").unwrap();
        let root = Root::at(&folder.path().to_string_lossy(), Progress::Quiet).unwrap();

        assert!(matches!(root.read("x", 4).await, Err(Error::TooLarge { most: 4, .. })));
        assert_eq!(root.read("x", 5).await.unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!(root.read("y", 5).await.unwrap(), None);
        assert!(matches!(root.tarball("x", 4).await, Err(Error::TooLarge { .. })));
    }
}
