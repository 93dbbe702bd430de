//! Upload: bytes come in, are hashed on the way, checked as hostile, indexed, and kept.
//!
//! Bytes first, row second: a row never says more than the disk has. This file is about what a
//! client asks for; `receive` writes what comes, `complete` does what the last byte sets off,
//! `whole` takes what is small and comes in one go, `staging` holds what is under way, and `sweep`
//! throws away what nobody finished.

mod complete;
mod error;
mod part_sum;
mod receive;
mod staging;
mod sweep;
mod whole;

use std::time::Duration;

use larder_schema::archive::ArchiveFormat;
use larder_schema::{ArchiveName, Sha256, Timestamp};
use tracing::{debug, info};

use super::Registry;
use crate::access::{Caller, Denied};
use crate::catalog::{BeginUpload, Upload, UploadQuota};
use crate::clock;

pub use error::{ArchiveRefused, UploadError};
pub use part_sum::{ParsePartSumError, PartSum};
pub use receive::BodyFault;
use staging::Gate;
pub(super) use staging::{Uploads, new_id};

/// What a client wants to send.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// The file's name, whose ending tells the format.
    pub filename: String,
    /// The sum that it promises.
    pub sha256: Option<Sha256>,
    /// Bytes.
    pub length: u64,
}

/// Where an upload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub id: String,
    /// Bytes that are safe.
    pub offset: u64,
    /// Bytes that it will have.
    pub length: u64,
    /// When it is thrown away, unless it is done.
    pub expires: Timestamp,
}

impl Standing {
    fn of(upload: &Upload) -> Self {
        let (id, expires) = (upload.id.clone(), upload.expires.clone());
        Self { id, offset: upload.offset, length: upload.length, expires }
    }
}

impl Registry {
    /// Begins an upload, which belongs to the caller's token.
    pub async fn begin_upload(
        &self,
        caller: &Caller,
        new: NewUpload,
    ) -> Result<Standing, UploadError> {
        caller.demand_publisher()?;
        let upload = self.to_upload(caller, new)?;
        self.demand_room(upload.length)?;
        self.inner.uploads.create_file(&upload.id).await?;
        let quota = self.upload_quota();
        match self.inner.catalog.begin_upload(&upload, quota).await {
            Ok(BeginUpload::Begun) => {
                debug!(upload = upload.id, size_bytes = upload.length, "began an upload");
                Ok(Standing::of(&upload))
            }
            Ok(BeginUpload::OverQuota { uploads, bytes }) => {
                self.inner.uploads.remove_file(&upload.id).await;
                let (limit_uploads, limit_bytes) = (quota.uploads, quota.bytes);
                Err(UploadError::OverQuota { uploads, bytes, limit_uploads, limit_bytes })
            }
            Err(error) => {
                self.inner.uploads.remove_file(&upload.id).await;
                Err(error.into())
            }
        }
    }

    fn upload_quota(&self) -> UploadQuota {
        let limits = &self.inner.config.limits;
        UploadQuota { uploads: limits.uploads_per_token, bytes: limits.upload_bytes_per_token }
    }

    fn to_upload(&self, caller: &Caller, new: NewUpload) -> Result<Upload, UploadError> {
        let NewUpload { filename, sha256, length } = new;
        let is_name = filename.parse::<ArchiveName>().is_ok();
        if !is_name || ArchiveFormat::of_name(&filename).is_none() {
            return Err(UploadError::Format { filename });
        }
        let limits = &self.inner.config.limits;
        if length > limits.archive_bytes {
            return Err(UploadError::TooLarge { length, limit: limits.archive_bytes });
        }
        let now = self.inner.clock.now();
        Ok(Upload {
            id: staging::new_id()?,
            token: caller.token().ok_or(Denied::NoToken)?,
            filename,
            sha256,
            length,
            offset: 0,
            created: clock::to_timestamp(now),
            expires: clock::to_timestamp(clock::later(
                now,
                Duration::from_secs(limits.upload_seconds),
            )),
        })
    }

    /// Where an upload stands; ends a request that is sending to it, whose connection is likely
    /// dead. Bytes that came whole before a crash are completed first.
    pub async fn upload_standing(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Standing, UploadError> {
        let Some((upload, gate)) = self.take_over(caller, id).await? else {
            return self.inner.uploads.done(caller, id).ok_or(UploadError::Unknown);
        };
        if upload.offset < upload.length {
            return Ok(Standing::of(&upload));
        }
        self.complete_in_background(upload, gate).await
    }

    /// Throws an upload away.
    pub async fn drop_upload(&self, caller: &Caller, id: &str) -> Result<(), UploadError> {
        let Some((upload, gate)) = self.take_over(caller, id).await? else {
            return Err(UploadError::Unknown);
        };
        info!(upload = id, "an upload was thrown away by its sender");
        self.forget(&upload, gate).await
    }

    /// The upload with nobody else at it; none: there is none any more.
    async fn take_over(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<(Upload, Gate)>, UploadError> {
        if self.own_upload(caller, id).await?.is_none() {
            return Ok(None);
        }
        let gate = self.inner.uploads.slot(id).take_over().await;
        let upload = self.own_upload(caller, id).await?;
        if upload.is_none() {
            self.inner.uploads.remove_slot(id);
        }
        Ok(upload.map(|upload| (upload, gate)))
    }

    /// The row of an upload that is the caller's and has not expired.
    async fn own_upload(&self, caller: &Caller, id: &str) -> Result<Option<Upload>, UploadError> {
        let token = caller.token().ok_or(Denied::NoToken)?;
        let now = clock::to_timestamp(self.inner.clock.now());
        let upload = self.inner.catalog.upload(id).await?;
        Ok(upload.filter(|upload| upload.token == token && upload.expires > now))
    }

    /// Ends an upload: the row first, so that no row is left without its bytes.
    async fn forget(&self, upload: &Upload, gate: Gate) -> Result<(), UploadError> {
        self.inner.catalog.end_upload(&upload.id).await?;
        self.clear(upload, gate).await;
        Ok(())
    }

    /// Removes what an upload had beside its row.
    async fn clear(&self, upload: &Upload, gate: Gate) {
        self.inner.uploads.remove_file(&upload.id).await;
        self.inner.uploads.remove_slot(&upload.id);
        drop(gate);
    }

    /// Refuses bytes that would take the last of the disk: the catalog needs some.
    fn demand_room(&self, bytes: u64) -> Result<(), UploadError> {
        let spare = self.inner.config.limits.spare_bytes;
        if self.inner.uploads.room()? < spare.saturating_add(bytes) {
            return Err(UploadError::DiskFull);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
