//! Uploads as a tus client does them, one request at a time, so that each can go wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use larder_schema::Sha256;
use reqwest::Method;

use crate::http::{Answer, Http};

/// Where uploads begin.
pub const UPLOADS: &str = "/api/v1/uploads";
const PART: &str = "application/offset+octet-stream";

/// `Upload-Metadata` of a file with this name and, maybe, a promised sum.
pub fn metadata(filename: &str, sha256: Option<&Sha256>) -> String {
    let mut metadata = format!("filename {}", STANDARD.encode(filename));
    if let Some(sum) = sha256 {
        metadata.push_str(&format!(",sha256 {}", STANDARD.encode(sum.to_string())));
    }
    metadata
}

impl Http {
    /// Asks for an upload of `length` bytes.
    pub async fn ask_to_upload(
        &self,
        filename: &str,
        length: u64,
        sha256: Option<&Sha256>,
    ) -> Answer {
        let request = self
            .request(Method::POST, UPLOADS)
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Length", length)
            .header("Upload-Metadata", metadata(filename, sha256));
        self.send(request).await
    }

    /// A beginning that brings bytes, not yet sent: the body is to be added.
    pub fn beginning(
        &self,
        filename: &str,
        length: u64,
        sha256: Option<&Sha256>,
    ) -> reqwest::RequestBuilder {
        self.request(Method::POST, UPLOADS)
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Length", length)
            .header("Upload-Metadata", metadata(filename, sha256))
            .header("Content-Type", PART)
    }

    /// Sends a whole file in the request that begins its upload, with its sum promised.
    pub async fn upload_at_once(&self, filename: &str, bytes: &[u8]) -> Answer {
        let sum = Sha256::of(bytes);
        let request = self.beginning(filename, bytes.len() as u64, Some(&sum));
        self.send(request.body(bytes.to_owned())).await
    }

    /// Begins an upload and tells its address.
    pub async fn begin_upload(
        &self,
        filename: &str,
        length: u64,
        sha256: Option<&Sha256>,
    ) -> String {
        let answer = self.ask_to_upload(filename, length, sha256).await.expect(201);
        answer.header("location").to_owned()
    }

    /// A `PATCH` of bytes at an offset, not yet sent.
    pub fn part(&self, location: &str, offset: u64, bytes: &[u8]) -> reqwest::RequestBuilder {
        self.request(Method::PATCH, location)
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Offset", offset)
            .header("Content-Type", PART)
            .body(bytes.to_owned())
    }

    /// Sends bytes at an offset.
    pub async fn patch(&self, location: &str, offset: u64, bytes: &[u8]) -> Answer {
        self.send(self.part(location, offset, bytes)).await
    }

    /// Asks where an upload stands.
    pub async fn standing(&self, location: &str) -> Answer {
        self.send(self.request(Method::HEAD, location).header("Tus-Resumable", "1.0.0")).await
    }

    /// Where an upload stands that must be there.
    pub async fn offset(&self, location: &str) -> u64 {
        let answer = self.standing(location).await.expect(200);
        answer.header("upload-offset").parse().expect("`Upload-Offset` is a number")
    }

    /// Gives an upload up.
    pub async fn give_up(&self, location: &str) -> Answer {
        self.send(self.request(Method::DELETE, location).header("Tus-Resumable", "1.0.0")).await
    }

    /// Sends a whole file in one part, with its sum promised; the last answer.
    pub async fn upload(&self, filename: &str, bytes: &[u8]) -> Answer {
        let sum = Sha256::of(bytes);
        let location = self.begin_upload(filename, bytes.len() as u64, Some(&sum)).await;
        self.patch(&location, 0, bytes).await
    }
}
