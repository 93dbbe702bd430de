//! Downloads of archives: resumed where they were cut, checked to the last byte.
//!
//! A part lies in the store under the archive's checksum and is locked while somebody works on it,
//! so that two installers fetch an archive once.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use larder_schema::api::paths;
use larder_schema::{Checksum, Hasher, Sha256};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

use crate::kernel_lock::{Held, Mode};
use crate::progress::Transfer;
use crate::remote::{self, IDLE, Remote};

/// An archive to fetch.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its checksum.
    pub sha256: Sha256,
    /// Its size, if it is known.
    pub size: Option<u64>,
    /// Whose it is, for messages: `afw@17.0.1-b8466`.
    pub name: String,
}

/// An archive did not come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server, or the way to it.
    #[error("could not fetch the archive of `{name}`")]
    Remote {
        /// Whose archive.
        name: String,
        /// Why.
        #[source]
        source: remote::Error,
    },
    /// The bytes are others, twice.
    #[error(
        "the server sent other bytes than the archive of `{name}`: {got} ({bytes} bytes) instead \
         of {wanted}"
    )]
    WrongSum {
        /// Whose archive.
        name: String,
        /// What it should be.
        wanted: Checksum,
        /// What came.
        got: Checksum,
        /// How many bytes came.
        bytes: u64,
    },
    /// The disk.
    #[error("could not write the download `{}`", .path.display())]
    Disk {
        /// The part.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A bug: the writer panicked.
    #[error("the download of `{name}` broke off")]
    Broken {
        /// Whose archive.
        name: String,
        /// Why.
        #[source]
        source: JoinError,
    },
}

/// What is there of an archive, locked: nobody else works on it.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    held: Held,
}

impl Part {
    /// Takes the part at `path`, waiting for who works on it.
    pub async fn take(path: PathBuf, name: &str) -> Result<Self, Error> {
        let taken = {
            let path = path.clone();
            spawn_blocking(move || Held::take(&path, Mode::Alone, || {})).await
        };
        let held = taken
            .map_err(|source| Error::Broken { name: name.to_owned(), source })?
            .map_err(|source| Error::Disk { path: path.clone(), source })?;
        Ok(Self { path, held })
    }

    /// Takes the part at `path`, unless somebody works on it.
    pub fn try_take(path: PathBuf) -> Result<Option<Self>, Error> {
        match Held::try_take(&path, Mode::Alone) {
            Ok(held) => Ok(held.map(|held| Self { path, held })),
            Err(source) => Err(Error::Disk { path, source }),
        }
    }

    /// The file, from its beginning.
    ///
    /// It is the very file that is locked, whatever bears its name by now.
    pub fn open(&self) -> Result<File, Error> {
        let opened = self.held.file().try_clone().and_then(|mut file| {
            file.rewind()?;
            Ok(file)
        });
        opened.map_err(|source| Error::Disk { path: self.path.clone(), source })
    }

    /// The archive is whole: it gets its name, for everybody to read.
    pub fn keep(self, path: &Path) -> io::Result<()> {
        let file = self.held.file();
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.sync_all()?;
        std::fs::rename(&self.path, path)
    }

    /// The archive has been put to use.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// Fetches what is missing of `wanted` into `part`, and checks all of it.
///
/// Returns how many bytes came.
pub async fn fetch(
    remote: &Remote,
    wanted: &Wanted,
    part: &Part,
    transfer: &Transfer,
) -> Result<u64, Error> {
    let download = Download { remote, wanted, part, transfer };
    let mut left = ATTEMPTS;
    let sums = download.complete(false, &mut left).await?;
    if sums.fits(wanted) {
        return Ok(sums.received);
    }
    // What was there before may be at fault: once more, from scratch.
    transfer.go_back(sums.bytes);
    let received = sums.received;
    let sums = download.complete(true, &mut left).await?;
    if sums.fits(wanted) {
        return Ok(received + sums.received);
    }
    download.forget()?;
    Err(Error::WrongSum {
        name: wanted.name.clone(),
        wanted: Checksum::Sha256(wanted.sha256),
        got: Checksum::Sha256(sums.sha256),
        bytes: sums.bytes,
    })
}

/// The most requests for one archive, also when each brings a few bytes.
const ATTEMPTS: u32 = 100;

/// What has been written so far.
struct Got {
    sha256: Sha256,
    bytes: u64,
    /// How many of the bytes came over the network, in whatever attempt.
    received: u64,
}

impl Got {
    fn fits(&self, wanted: &Wanted) -> bool {
        self.sha256 == wanted.sha256 && wanted.size.is_none_or(|size| size == self.bytes)
    }
}

/// How one request ended; with an error comes how long the server asked to wait.
type Outcome = Result<(), (remote::Error, Option<Duration>)>;

struct Download<'a> {
    remote: &'a Remote,
    wanted: &'a Wanted,
    part: &'a Part,
    transfer: &'a Transfer,
}

impl Download<'_> {
    /// Fetches until the end; a cut connection goes on where it stopped, as long as attempts are
    /// `left`.
    async fn complete(&self, from_scratch: bool, left: &mut u32) -> Result<Got, Error> {
        let mut sink = self.begin(from_scratch).await?;
        let mut fruitless = 0;
        loop {
            if self.wanted.size.is_some_and(|size| sink.bytes() >= size) {
                return Ok(sink.got());
            }
            let before = sink.bytes();
            let (outcome, after) = self.attempt(sink).await?;
            sink = after;
            let Err((error, asked)) = outcome else { return Ok(sink.got()) };
            fruitless = if sink.bytes() > before { 1 } else { fruitless + 1 };
            *left = left.saturating_sub(1);
            let is_last = fruitless >= self.remote.retries().attempts || *left == 0;
            if !error.may_be_retried() || is_last {
                return Err(self.failed(error));
            }
            self.remote.wait(&error, fruitless, asked).await;
        }
    }

    /// Opens the part and hashes what is there.
    async fn begin(&self, from_scratch: bool) -> Result<Sink, Error> {
        let file = self.part.held.file().try_clone().map_err(|source| self.disk(source))?;
        let most = self.wanted.size.unwrap_or(u64::MAX);
        let sink = spawn_blocking(move || Sink::open(file, from_scratch, most)).await;
        let sink = sink.map_err(|source| self.broken(source))?;
        let sink = sink.map_err(|source| self.disk(source))?;
        self.transfer.advance(sink.bytes());
        Ok(sink)
    }

    /// One request and what comes of it, up to the end or the cut.
    async fn attempt(&self, sink: Sink) -> Result<(Outcome, Sink), Error> {
        let path = paths::blob(&Checksum::Sha256(self.wanted.sha256));
        let at = sink.bytes();
        let mut request = self.remote.request(Method::GET, &path);
        if at > 0 {
            request = request.header(RANGE, format!("bytes={at}-"));
        }
        // Once: who tries again is `complete`, and two who do would multiply.
        let response = match self.remote.send_once(request).await {
            Ok(response) => response,
            // Nothing lies behind what is there: the sum will tell whether that is right.
            Err((error, _)) if at > 0 && error.status() == Some(416) => return Ok((Ok(()), sink)),
            Err(refused) => return Ok((Err(refused), sink)),
        };
        let sink = if at > 0 && !goes_on_at(&response, at) {
            self.transfer.go_back(at);
            sink.begin_anew().map_err(|source| self.disk(source))?
        } else {
            sink
        };
        self.receive(response, sink).await
    }

    /// Passes chunks on to a thread that writes and hashes, so that neither waits for the other.
    async fn receive(&self, mut response: Response, sink: Sink) -> Result<(Outcome, Sink), Error> {
        const CHUNKS: usize = 16;
        let (sender, receiver) = mpsc::channel::<Bytes>(CHUNKS);
        let writer = spawn_blocking(move || sink.write_all(receiver));
        let outcome = loop {
            match tokio::time::timeout(IDLE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let bytes = chunk.len() as u64;
                    if sender.send(chunk).await.is_err() {
                        break Ok(()); // the writer has failed, or has more than enough
                    }
                    self.transfer.advance(bytes);
                }
                Ok(Ok(None)) => break Ok(()),
                Ok(Err(error)) => break Err((self.remote.unreachable(error), None)),
                Err(_) => {
                    let origin = self.remote.origin().clone();
                    break Err((remote::Error::Silent { origin }, None));
                }
            }
        };
        drop(sender);
        let sink = writer.await.map_err(|source| self.broken(source))?;
        Ok((outcome, sink.map_err(|source| self.disk(source))?))
    }

    /// Bytes that are wrong must not be taken for a beginning.
    fn forget(&self) -> Result<(), Error> {
        self.part.held.file().set_len(0).map_err(|source| self.disk(source))
    }

    fn failed(&self, source: remote::Error) -> Error {
        Error::Remote { name: self.wanted.name.clone(), source }
    }

    fn disk(&self, source: io::Error) -> Error {
        Error::Disk { path: self.part.path.clone(), source }
    }

    fn broken(&self, source: JoinError) -> Error {
        Error::Broken { name: self.wanted.name.clone(), source }
    }
}

/// Whether the answer holds the bytes from `at` on.
fn goes_on_at(response: &Response, at: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    response.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {at}-")))
}

/// The file that is written, and the sum of what is in it.
struct Sink {
    file: File,
    hasher: Hasher,
    most: u64,
    received: u64,
}

impl Sink {
    fn open(file: File, from_scratch: bool, most: u64) -> io::Result<Self> {
        let mut sink = Self { file, hasher: Hasher::new(), most, received: 0 };
        if from_scratch || sink.file.metadata()?.len() > most {
            return sink.begin_anew();
        }
        sink.file.rewind()?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            match sink.file.read(&mut buffer) {
                Ok(0) => return Ok(sink),
                Ok(count) => sink.hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn begin_anew(mut self) -> io::Result<Self> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::new();
        Ok(self)
    }

    /// Writes what comes; stops behind the size that it must have, whatever else is sent.
    fn write_all(mut self, mut chunks: mpsc::Receiver<Bytes>) -> io::Result<Self> {
        while let Some(chunk) = chunks.blocking_recv() {
            self.file.write_all(&chunk)?;
            self.hasher.update(&chunk);
            self.received += chunk.len() as u64;
            if self.bytes() > self.most {
                break;
            }
        }
        Ok(self)
    }

    fn bytes(&self) -> u64 {
        self.hasher.size()
    }

    fn got(&self) -> Got {
        Got { sha256: self.hasher.finish().sha256, bytes: self.bytes(), received: self.received }
    }
}
