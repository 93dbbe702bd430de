//! HTTP as a stranger speaks it: any method, any body, the answer whole.

use bytes::Bytes;
use larder_schema::Problem;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::runtime;

/// Somebody who speaks to one server, with a token or without.
#[derive(Clone, Debug)]
pub struct Http {
    origin: String,
    token: Option<String>,
    client: reqwest::Client,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Http {
    /// Speaks to the server at `origin`, without a token.
    pub fn new(origin: impl Into<String>) -> Self {
        let _runtime = runtime().enter();
        // Each request has its own connection: one that stays open would hold a stopping server.
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { origin: origin.into(), token: None, client }
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The same without a token.
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// The same at another server.
    #[must_use]
    pub fn with_origin(&self, origin: impl Into<String>) -> Self {
        Self { origin: origin.into(), ..self.clone() }
    }

    /// Where the server is: `http://127.0.0.1:8080`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The token, if it has one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request to `path`, which may also be a whole URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url =
            if path.starts_with('/') { format!("{}{path}", self.origin) } else { path.to_owned() };
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and takes the answer whole.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("the server answers")
    }

    /// The same where the connection may break.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let sent = runtime().spawn(async move {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok(Answer { status, headers, body: response.bytes().await? })
        });
        sent.await.unwrap()
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `GET`, where the answer is a document and a success.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> T {
        self.get(path).await.expect(200).json()
    }

    /// `HEAD`.
    pub async fn head(&self, path: &str) -> Answer {
        self.send(self.request(Method::HEAD, path)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// `POST` of a document.
    pub async fn post(&self, path: &str, document: &impl Serialize) -> Answer {
        self.send(self.request(Method::POST, path).json(document)).await
    }

    /// `PUT` of a document.
    pub async fn put(&self, path: &str, document: &impl Serialize) -> Answer {
        self.send(self.request(Method::PUT, path).json(document)).await
    }

    /// All items of a list, page by page; each page has at most `limit` of them.
    pub async fn all(&self, path: &str, limit: usize) -> Vec<serde_json::Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let mut url = format!("{path}{sign}limit={limit}");
            if let Some(cursor) = &cursor {
                url.push_str("&cursor=");
                url.push_str(&escaped(cursor));
            }
            let page: serde_json::Value = self.read(&url).await;
            let on_page = page["items"].as_array().expect("a list has `items`");
            assert!(on_page.len() <= limit, "{} items on a page of {limit}", on_page.len());
            items.extend(on_page.iter().cloned());
            match page["next"].as_str() {
                None => return items,
                Some(next) if cursor.as_deref() == Some(next) => panic!("`{next}` leads to itself"),
                Some(next) => cursor = Some(next.to_owned()),
            }
        }
    }
}

/// Text as it stands in a query.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

impl Answer {
    /// Itself, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The document in the body.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(document) => document,
            Err(error) => panic!("{error}: {}", self.text()),
        }
    }

    /// The problem in the body, which must be one and agree with the status.
    #[track_caller]
    pub fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem: Problem = self.json();
        assert_eq!(problem.status, self.status, "the problem tells another status");
        let kind = problem.kind().expect("a kind of problem that the schema knows");
        assert_eq!((problem.title.as_str(), problem.status), (kind.title(), kind.status()));
        problem
    }

    /// A header's text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
