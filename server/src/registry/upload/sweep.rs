//! The sweep: uploads that nobody finished in time, and what a crash left behind.

use std::collections::HashSet;
use std::error::Error;

use tracing::{info, warn};

use super::UploadError;
use crate::catalog::Upload;
use crate::clock;
use crate::registry::Registry;

impl Registry {
    /// Puts staging in order when nobody can be uploading yet: files without a row and rows without
    /// their bytes go, and what came whole before a crash is completed in the background.
    pub async fn recover_uploads(&self) -> Result<(), UploadError> {
        let uploads = self.inner.catalog.uploads().await?;
        let rows: HashSet<&str> = uploads.iter().map(|upload| upload.id.as_str()).collect();
        for (path, id) in self.inner.uploads.files().await? {
            if !id.as_deref().is_some_and(|id| rows.contains(id)) {
                info!("removes a staged file that belongs to no upload");
                tokio::fs::remove_file(path).await?;
            }
        }
        for upload in &uploads {
            if !self.has_its_bytes(upload).await {
                warn!(upload = upload.id, "an upload has lost its bytes and is thrown away");
                self.inner.catalog.end_upload(&upload.id).await?;
                self.inner.uploads.remove_file(&upload.id).await;
            }
        }
        let whole = uploads.into_iter().filter(|upload| upload.offset == upload.length).collect();
        let registry = self.clone();
        drop(self.inner.uploads.runtime.spawn(async move { registry.complete_all(whole).await }));
        Ok(())
    }

    async fn has_its_bytes(&self, upload: &Upload) -> bool {
        let found = tokio::fs::metadata(self.inner.uploads.path(&upload.id)).await;
        found.is_ok_and(|found| found.len() >= upload.offset)
    }

    async fn complete_all(self, uploads: Vec<Upload>) {
        for upload in uploads {
            let Ok(gate) = self.inner.uploads.slot(&upload.id).try_enter() else { continue };
            let Ok(Some(upload)) = self.inner.catalog.upload(&upload.id).await else { continue };
            if let Err(error) = self.complete_in_background(upload, gate).await {
                warn!(error = &error as &dyn Error, "could not complete an upload");
            }
        }
    }

    /// Throws away uploads that have expired and that nobody is at.
    pub async fn sweep_uploads(&self) -> Result<(), UploadError> {
        let now = clock::to_timestamp(self.inner.clock.now());
        let uploads = self.inner.catalog.uploads().await?;
        for upload in uploads.into_iter().filter(|upload| upload.expires <= now) {
            let Ok(gate) = self.inner.uploads.slot(&upload.id).try_enter() else { continue };
            info!(upload = upload.id, "an upload has expired");
            self.forget(&upload, gate).await?;
        }
        Ok(())
    }
}
