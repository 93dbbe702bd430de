//! Typed HTTP: one server, its token, and retries where they can help.
//!
//! Retried are connection errors and the answers 408, 429, 502, 503 and 504, with back-off and
//! jitter; every request of larder may be sent twice. No other 4xx or 5xx is ever retried. The
//! token goes to the configured origin and nowhere else. Downloads are in `download`.

mod error;
mod origin;
mod retry;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder_schema::{BuildKey, DistributionVersion, Label, Platform, Problem, ProductName};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{Error, Unreached};
pub use origin::{Origin, ParseOriginError};
pub use retry::Retries;

use crate::memory::{self, Memory, Said};
use crate::progress::Progress;

/// How often a server is tried that refuses every connection, or takes it and says nothing.
const FIRST_ATTEMPTS: u32 = 2;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may say nothing. There is no limit on a whole transfer.
pub const IDLE: Duration = Duration::from_secs(60);
/// The most bytes of an answer that is no archive.
const MAX_ANSWER: usize = 256 << 20;
/// The most bytes of an answer that says no.
const MAX_PROBLEM: usize = 1 << 20;
/// The most items of a list.
const MAX_ITEMS: usize = 1_000_000;
/// The most often that a request is sent on to another address.
const MAX_REDIRECTS: usize = 5;

/// One server.
#[derive(Clone)]
pub struct Remote {
    http: Client,
    origin: Origin,
    authorization: Option<HeaderValue>,
    token_withheld: bool,
    retries: Retries,
    progress: Progress,
    memory: Option<Memory>,
    reached: Arc<AtomicBool>,
}

impl Remote {
    /// A server at `origin`; `progress` hears of retries.
    ///
    /// The token is sent only over https or to this machine; otherwise it stays here.
    pub fn new(origin: Origin, token: Option<&str>, progress: Progress) -> Result<Self, Error> {
        let mut http = Client::builder()
            .user_agent(concat!("larder/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(redirects());
        if origin.is_loopback() {
            // A proxy would see the token.
            http = http.no_proxy();
        }
        let http = http.build().map_err(Error::Client)?;
        let authorization = match token {
            Some(token) if origin.may_have_token() => Some(bearer(token)?),
            _ => None,
        };
        let token_withheld = token.is_some() && authorization.is_none();
        let retries = Retries::default();
        let (memory, reached) = (None, Arc::default());
        Ok(Self { http, origin, authorization, token_withheld, retries, progress, memory, reached })
    }

    /// The same, which remembers what the server says.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        Self { memory: Some(memory), ..self }
    }

    /// Compares what the server says with what it said before, and remembers it.
    pub fn hear(&self, said: &Said) -> Result<(), memory::Error> {
        self.compare(|memory| memory.hear(&self.origin, said))
    }

    /// Hears that there is no such tag.
    pub fn hear_of_no_tag(&self, name: &ProductName, tag: &Label) -> Result<(), memory::Error> {
        self.compare(|memory| memory.hear_of_no_tag(&self.origin, name, tag))
    }

    /// Hears that there is no such build.
    pub fn hear_of_no_build(&self, key: &BuildKey) -> Result<(), memory::Error> {
        self.compare(|memory| memory.hear_of_no_build(&self.origin, key))
    }

    /// Hears which release of a distribution is the newest that fits `platform`.
    pub fn hear_of_newest(
        &self,
        name: &ProductName,
        platform: &Platform,
        newest: Option<&DistributionVersion>,
    ) -> Result<(), memory::Error> {
        self.compare(|memory| memory.hear_of_newest(&self.origin, name, platform, newest))
    }

    fn compare(
        &self,
        compare: impl FnOnce(&Memory) -> Result<(), memory::Error>,
    ) -> Result<(), memory::Error> {
        match self.memory.as_ref().map(compare) {
            // Who may not write to the store can look at what the server has nonetheless.
            Some(Err(memory::Error::Store(error))) => self.progress.warn(error),
            Some(outcome) => return outcome,
            None => {}
        }
        Ok(())
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// The server.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How often and how long a request is tried.
    pub fn retries(&self) -> &Retries {
        &self.retries
    }

    /// A request with the token, to be sent by the caller: no retries, no time limit.
    ///
    /// `path` begins with a slash, or is an absolute address as a `Location` has it; one on another
    /// origin gets no token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.origin.at(path);
        let request = self.http.request(method, url.clone());
        match &self.authorization {
            Some(value) if self.origin.covers(&url) => request.header(AUTHORIZATION, value.clone()),
            _ => request,
        }
    }

    /// Asks for a document.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        let path = with_query(path, query);
        let response = self.send(|| self.request(Method::GET, &path)).await?;
        self.read_json(response).await
    }

    /// Sends a document and reads the answer.
    pub async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Error> {
        let response = self.send(|| self.request(Method::POST, path).json(body)).await?;
        self.read_json(response).await
    }

    /// Puts a document and reads the answer.
    pub async fn put<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Error> {
        let response = self.send(|| self.request(Method::PUT, path).json(body)).await?;
        self.read_json(response).await
    }

    /// Asks whether something is there: its size, if it has one; `None` when it is not known.
    pub async fn head(&self, path: &str) -> Result<Option<Response>, Error> {
        match self.send(|| self.request(Method::HEAD, path)).await {
            Ok(response) => Ok(Some(response)),
            Err(error) if error.is_unknown() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All items of a list, page after page, up to `MAX_ITEMS`.
    pub async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        let mut seen = HashSet::new();
        loop {
            let mut query = query.to_vec();
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let page: larder_schema::api::Page<T> = self.get(path, &query).await?;
            let none_left = page.items.is_empty();
            items.extend(page.items);
            let next = match page.next {
                Some(next) if !none_left => next,
                _ => return Ok(items),
            };
            if items.len() >= MAX_ITEMS || !seen.insert(next.clone()) {
                return Err(Error::Endless { origin: self.origin.clone(), path: path.to_owned() });
            }
            cursor = Some(next);
        }
    }

    /// Sends what `make` makes until there is an answer that is not to be retried; an answer that
    /// says no is an error.
    pub async fn send(&self, make: impl Fn() -> RequestBuilder) -> Result<Response, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (error, wait) = match self.send_once(make()).await {
                Ok(response) => return Ok(response),
                Err((error, wait)) => (error, wait),
            };
            if !error.may_be_retried() || attempt >= self.patience(&error) {
                return Err(error);
            }
            self.wait(&error, attempt, wait).await;
        }
    }

    /// How often to try: one that was never reached is not there, one that was is started anew; one
    /// that says nothing for a minute is not waited for much longer.
    fn patience(&self, error: &Error) -> u32 {
        if matches!(error, Error::Silent { .. }) {
            return self.retries.attempts.min(FIRST_ATTEMPTS);
        }
        let is_there = self.reached.load(Ordering::Relaxed) || !error.is_no_connection();
        if is_there { self.retries.attempts } else { self.retries.attempts.min(FIRST_ATTEMPTS) }
    }

    /// Waits after `attempt` attempts, of which the last ended with `error`.
    pub(crate) async fn wait(&self, error: &Error, attempt: u32, asked: Option<Duration>) {
        let pause = self.retries.pause(attempt, asked);
        self.progress.retrying(error, pause);
        tokio::time::sleep(pause).await;
    }

    /// Sends a request once; with an error comes how long the server asked to wait.
    pub(crate) async fn send_once(
        &self,
        request: RequestBuilder,
    ) -> Result<Response, (Error, Option<Duration>)> {
        let request =
            request.header(ACCEPT, "application/json, application/problem+json;q=0.9, */*;q=0.8");
        let response = match tokio::time::timeout(IDLE, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(source)) => return Err((self.unreachable(source), None)),
            Err(_) => return Err((Error::Silent { origin: self.origin.clone() }, None)),
        };
        self.reached.store(true, Ordering::Relaxed);
        if response.status().is_success() {
            return Ok(response);
        }
        let wait = retry_after(&response);
        Err((self.refusal(response).await, wait))
    }

    /// What a failed exchange is called.
    pub fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { origin: self.origin.clone(), source: source.without_url().into() }
    }

    /// Reads an answer that says no.
    pub async fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let body = body(response, MAX_PROBLEM).await.unwrap_or_default();
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Error::Refused {
                token_withheld: self.token_withheld && problem.status == 401,
                problem: Box::new(problem),
            },
            Err(_) => Error::Status { origin: self.origin.clone(), status: status.as_u16() },
        }
    }

    /// Reads the document that an answer holds.
    pub async fn read_json<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let body = body(response, MAX_ANSWER).await.map_err(|error| match error {
            BodyError::Cut(source) => self.unreachable(source),
            BodyError::Silent => Error::Silent { origin: self.origin.clone() },
            BodyError::TooLarge => Error::AnswerTooLarge { origin: self.origin.clone() },
        })?;
        serde_json::from_slice(&body)
            .map_err(|source| Error::Answer { origin: self.origin.clone(), source })
    }
}

enum BodyError {
    Cut(reqwest::Error),
    Silent,
    TooLarge,
}

async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    loop {
        let chunk = tokio::time::timeout(IDLE, response.chunk()).await;
        match chunk.map_err(|_| BodyError::Silent)?.map_err(BodyError::Cut)? {
            None => return Ok(body),
            Some(chunk) if body.len() + chunk.len() > most => return Err(BodyError::TooLarge),
            Some(chunk) => body.extend_from_slice(&chunk),
        }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// reqwest takes the token off when host or port change; this refuses to fall back to plain http.
fn redirects() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let was_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("too many redirects")
        } else if was_https && attempt.url().scheme() != "https" {
            attempt.error("a redirect from https to plain http")
        } else {
            attempt.follow()
        }
    })
}

fn retry_after(response: &Response) -> Option<Duration> {
    let retryable = matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    retryable.then_some(Duration::from_secs(seconds))
}

/// `path` with a query, escaped.
pub fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (index, (name, value)) in query.iter().enumerate() {
        text.push(if index == 0 && !path.contains('?') { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    #[test]
    fn queries_are_escaped() {
        assert_eq!(with_query("/x", &[("q", "a b+c"), ("n", "é")]), "/x?q=a%20b%2Bc&n=%C3%A9");
    }

    /// A server that answers the same page as often as it is asked, at most `times`.
    fn same_page(page: &'static str, times: usize) -> Remote {
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        std::thread::spawn(move || {
            for _ in 0..times {
                let mut stream = listener.accept().unwrap().0;
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                    request.push(byte[0]);
                }
                let length = page.len();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}");
                let answer = format!("{head}\r\nConnection: close\r\n\r\n{page}");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Remote::new(origin, None, Progress::Quiet).unwrap()
    }

    #[tokio::test]
    async fn a_list_that_comes_back_to_a_page_is_refused() {
        let remote = same_page(r#"{"items": [1], "next": "again"}"#, 2);

        let refusal = remote.pages::<u32>("/list", &[]).await;

        assert!(matches!(refusal, Err(Error::Endless { .. })));
    }
}
