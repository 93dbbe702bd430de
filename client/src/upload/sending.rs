//! One archive on its way: begun or found again, sent part by part, gone on with after setbacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use larder_schema::ArchiveName;
use larder_schema::api::paths;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use reqwest::{Method, RequestBuilder, Response};

use super::body::Part;
use super::{Error, LocalFile, Slot, Uploader, missing};
use crate::remote::{self, IDLE};

/// The slowest that a server is expected to hash and index an archive, in bytes per second.
const SLOWEST_INDEXING: u64 = 2 << 20;
/// How often it is looked how far a part is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

const TUS: HeaderName = HeaderName::from_static("tus-resumable");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");

/// How far an upload is.
struct Standing {
    url: String,
    offset: u64,
}

/// One archive on its way.
pub(super) struct Sending<'a> {
    uploader: &'a Uploader,
    file: &'a LocalFile,
    name: &'a ArchiveName,
    slot: Slot,
    /// How far the progress shows it to be.
    shown: u64,
}

impl<'a> Sending<'a> {
    /// `file`, to be sent as `name`.
    pub(super) fn of(uploader: &'a Uploader, file: &'a LocalFile, name: &'a ArchiveName) -> Self {
        let server = uploader.remote.origin().to_string();
        let slot = uploader.memory.slot(&server, file.sha256);
        Self { uploader, file, name, slot, shown: 0 }
    }
}

/// What comes of a part that was not taken.
enum Setback {
    /// These bytes will never be taken.
    Refused(Error),
    /// It cannot go on now; what arrived is still there.
    Final(Error),
    /// Ask where the upload stands, and go on.
    Again(remote::Error),
    /// The upload is gone; begin a new one.
    Gone(remote::Error),
}

impl Sending<'_> {
    /// Sends it; when this returns the server holds it for good.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut standing = match self.slot.url() {
            Some(url) => self.standing(url).await?,
            None => None,
        };
        let mut attempt = 0;
        loop {
            let at = match standing.take() {
                Some(at) => at,
                None => self.begin().await?,
            };
            self.show(at.offset);
            let setback = match self.part(&at).await {
                Ok(offset) if offset >= self.file.size => {
                    self.show(self.file.size);
                    self.slot.forget();
                    return Ok(());
                }
                Ok(offset) => {
                    attempt = 0;
                    standing = Some(Standing { offset, ..at });
                    continue;
                }
                Err(setback) => setback,
            };
            attempt += 1;
            let before = at.offset;
            standing = match self.after(setback, at, attempt).await? {
                Next::GoOn(standing) => standing,
                Next::Done => return Ok(()),
            };
            // However often it is cut: as long as more arrives each time, it goes on.
            if standing.as_ref().is_some_and(|at| at.offset > before) {
                attempt = 0;
            }
        }
    }

    /// Where to go on after a setback.
    async fn after(&mut self, setback: Setback, at: Standing, attempt: u32) -> Result<Next, Error> {
        let (error, gone) = match setback {
            Setback::Refused(error) => {
                self.slot.forget();
                return Err(error);
            }
            Setback::Final(error) => return Err(error),
            Setback::Again(error) => (error, false),
            Setback::Gone(error) => (error, true),
        };
        let retries = self.uploader.remote.retries();
        if attempt >= retries.attempts {
            return Err(self.failed(error));
        }
        tokio::time::sleep(retries.pause(attempt, None)).await;
        let standing = if gone { None } else { self.standing(at.url).await? };
        // An upload that is not known any more may be one that was finished: its last answer was
        // lost on the way.
        if standing.is_none() && self.is_held().await? {
            self.slot.forget();
            self.show(self.file.size);
            return Ok(Next::Done);
        }
        Ok(Next::GoOn(standing))
    }

    /// Begins an upload.
    async fn begin(&mut self) -> Result<Standing, Error> {
        let metadata = format!(
            "filename {},sha256 {}",
            STANDARD.encode(self.name.as_str()),
            STANDARD.encode(self.file.sha256.to_string())
        );
        let remote = &self.uploader.remote;
        let make = || {
            self.request(Method::POST, &paths::uploads())
                .header(LENGTH, self.file.size)
                .header(METADATA, &metadata)
                .header(CONTENT_LENGTH, 0)
        };
        let response = remote.send(make).await.map_err(|source| self.failed(source))?;
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(url) = location.map(str::to_owned) else {
            return Err(self.not_tus("Location"));
        };
        self.slot.remember(&url);
        Ok(Standing { url, offset: 0 })
    }

    /// Where the upload at `url` stands; none when there is no such upload for us.
    async fn standing(&mut self, url: String) -> Result<Option<Standing>, Error> {
        let response = match self.head(&url).await {
            Ok(response) => response,
            Err(error) if matches!(error.status(), Some(403 | 404 | 410)) => {
                self.slot.forget();
                return Ok(None);
            }
            Err(error) => return Err(self.failed(error)),
        };
        let offset = number(&response, &OFFSET).ok_or_else(|| self.not_tus("Upload-Offset"))?;
        if number(&response, &LENGTH).is_some_and(|length| length != self.file.size)
            || offset > self.file.size
        {
            return Ok(None);
        }
        Ok(Some(Standing { url, offset }))
    }

    /// Asks for an upload; one that the server is busy with is waited for.
    async fn head(&self, url: &str) -> Result<Response, remote::Error> {
        let remote = &self.uploader.remote;
        let until = Instant::now() + IDLE + self.indexing();
        let mut attempt = 0;
        loop {
            attempt += 1;
            match remote.send(|| self.request(Method::HEAD, url)).await {
                Err(error) if error.status() == Some(423) && Instant::now() < until => {
                    tokio::time::sleep(remote.retries().pause(attempt, None)).await;
                }
                answer => return answer,
            }
        }
    }

    /// How long the server may take for the whole archive once it has it.
    fn indexing(&self) -> Duration {
        Duration::from_secs(self.file.size / SLOWEST_INDEXING)
    }

    /// Sends the part that comes next; answers where the upload stands then.
    async fn part(&mut self, at: &Standing) -> Result<u64, Setback> {
        let length = self.uploader.part_bytes.min(self.file.size - at.offset);
        let opened = self.file.open().map_err(|error| Setback::Final(error.into()))?;
        let counters = [Arc::clone(&self.uploader.sent), Arc::default()];
        let sent = Arc::clone(&counters[1]);
        let part = Part::of(opened, at.offset, length, counters);
        let trouble = part.trouble();
        let request = self
            .request(Method::PATCH, &at.url)
            .header(OFFSET, at.offset)
            .header(CONTENT_TYPE, "application/offset+octet-stream")
            .header(CONTENT_LENGTH, length)
            .body(part.into_body());
        let answer = self.answer(request, &sent, at.offset, length).await;
        let response = match (answer, trouble.take()) {
            (Err(_), Some(source)) => {
                return Err(Setback::Final(self.file.unreadable(source).into()));
            }
            (Err(error), None) => return Err(Setback::Again(error)),
            (Ok(response), _) => response,
        };
        if !response.status().is_success() {
            return Err(self.setback(response).await);
        }
        match number(&response, &OFFSET) {
            Some(offset) if offset > at.offset || length == 0 => Ok(offset),
            _ => Err(Setback::Final(self.not_tus("Upload-Offset"))),
        }
    }

    /// Waits for the answer as long as bytes go out, and then as long as the server may need.
    async fn answer(
        &mut self,
        request: RequestBuilder,
        sent: &AtomicU64,
        offset: u64,
        length: u64,
    ) -> Result<Response, remote::Error> {
        let remote = &self.uploader.remote;
        let whole = offset + length == self.file.size;
        let mut answer = std::pin::pin!(request.send());
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            tokio::select! {
                answer = &mut answer => return answer.map_err(|source| remote.unreachable(source)),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = sent.load(Ordering::Relaxed);
            let patience = if whole && now == length { IDLE + self.indexing() } else { IDLE };
            if now != seen {
                (seen, since) = (now, Instant::now());
                self.show(offset + now);
            } else if since.elapsed() > patience {
                return Err(remote::Error::Silent { origin: remote.origin().clone() });
            }
        }
    }

    async fn setback(&self, response: Response) -> Setback {
        let error = self.uploader.remote.refusal(response).await;
        match error.status() {
            // The offset was another one, or the server is at it still.
            Some(409 | 423) => Setback::Again(error),
            Some(404 | 410) => Setback::Gone(error),
            Some(460) => Setback::Refused(self.wrong_sum(error)),
            Some(413 | 422) => Setback::Refused(self.failed(error)),
            _ if error.may_be_retried() => Setback::Again(error),
            _ => Setback::Final(self.failed(error)),
        }
    }

    /// That other bytes arrived: because they were changed here, or because they were damaged.
    fn wrong_sum(&self, source: remote::Error) -> Error {
        match self.file.open() {
            Ok(_) => Error::WrongSum { name: self.name.clone(), source },
            Err(error) => error.into(),
        }
    }

    async fn is_held(&self) -> Result<bool, Error> {
        let missing = missing(&self.uploader.remote, &[self.file.sha256]).await;
        Ok(missing.map_err(|source| self.failed(source))?.is_empty())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.uploader.remote.request(method, path).header(TUS, "1.0.0")
    }

    /// Puts the progress to `offset`.
    fn show(&mut self, offset: u64) {
        self.uploader.transfer.advance(offset.saturating_sub(self.shown));
        if offset < self.shown {
            self.uploader.transfer.go_back(self.shown - offset);
        }
        self.shown = offset;
    }

    fn failed(&self, source: remote::Error) -> Error {
        Error::Remote { name: self.name.clone(), source }
    }

    fn not_tus(&self, header: &'static str) -> Error {
        Error::NotTus { name: self.name.clone(), header }
    }
}

/// Where a sending goes after a setback.
enum Next {
    /// From there, or from the beginning.
    GoOn(Option<Standing>),
    /// It is there already.
    Done,
}

fn number(response: &Response, header: &HeaderName) -> Option<u64> {
    response.headers().get(header)?.to_str().ok()?.trim().parse().ok()
}
