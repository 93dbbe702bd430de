//! The server's interface, as a build tool and its CI use it.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use larder_schema::api::{PublishAnswer, PublishRequest, paths};
use larder_schema::{Build, Checksum, Distribution, PlanRequest, ResolveRequest};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;

use crate::parcel::Parcel;

/// Speaks to one server, over connections that stay open.
#[derive(Clone)]
pub struct Api {
    origin: String,
    token: String,
    client: reqwest::Client,
}

/// What a plan says of each source, as far as it is counted.
#[derive(Debug, Deserialize)]
pub struct Planned {
    pub steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
pub struct Step {
    pub product: String,
    #[serde(default)]
    pub reuse: Option<Reused>,
}

#[derive(Debug, Deserialize)]
pub struct Reused {
    pub build: String,
}

impl Api {
    pub fn new(origin: &str, token: String) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { origin: origin.to_owned(), token, client })
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.origin)).bearer_auth(&self.token)
    }

    /// Sends an archive whole, in the request that begins the upload (tus, creation-with-upload).
    pub async fn upload(&self, parcel: &Parcel) -> Result<()> {
        let sum = Checksum::Sha256(parcel.sha256).to_string();
        let (name, sum) = (STANDARD.encode(&parcel.filename), STANDARD.encode(sum));
        let request = self
            .post(&paths::uploads())
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Length", parcel.bytes.len())
            .header("Upload-Metadata", format!("filename {name},sha256 {sum}"))
            .header("Content-Type", "application/offset+octet-stream")
            .body(parcel.bytes.clone());
        answer(request, StatusCode::CREATED).await.context(parcel.filename.clone())?;
        Ok(())
    }

    /// Publishes builds in one batch, and with them, maybe, a distribution.
    pub async fn publish(
        &self,
        builds: Vec<Build>,
        distribution: Option<Distribution>,
    ) -> Result<PublishAnswer> {
        let request = PublishRequest { builds, distribution, tags: Vec::new() };
        let answer = answer(self.post(&paths::builds()).json(&request), StatusCode::OK).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// What is at an address.
    pub async fn get(&self, path: &str) -> Result<Bytes> {
        answer(self.client.get(format!("{}{path}", self.origin)), StatusCode::OK).await
    }

    /// The bytes of the closure of some products.
    pub async fn resolve(&self, request: &ResolveRequest) -> Result<Bytes> {
        answer(self.post(&paths::resolve()).json(request), StatusCode::OK).await
    }

    /// The bytes of a plan's answer.
    pub async fn plan(&self, request: &PlanRequest) -> Result<Bytes> {
        answer(self.post(&paths::plan()).json(request), StatusCode::OK).await
    }
}

async fn answer(request: RequestBuilder, status: StatusCode) -> Result<Bytes> {
    let response = request.send().await?;
    let (found, bytes) = (response.status(), response.bytes().await?);
    ensure!(found == status, "the server answers {found}: {}", String::from_utf8_lossy(&bytes));
    Ok(bytes)
}
