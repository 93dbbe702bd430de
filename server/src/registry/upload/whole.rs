//! Small archives that come whole in the request that begins their upload: kept in one go.
//!
//! Until its last byte is there, nobody has been told where such an upload is, so nobody can go on with
//! it: nothing of it need outlive a crash, and it has neither a row nor a file before it is kept.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use larder_schema::{Hasher, Sha256};
use tracing::Instrument as _;

use super::complete::Brought;
use super::{BodyFault, NewUpload, PartSum, Standing, UploadError};
use crate::access::Caller;
use crate::catalog::{Upload, UploadQuota};
use crate::registry::Registry;

/// A place among the archives that a token sends whole at this moment, given back when dropped.
struct Place {
    registry: Registry,
    token: Sha256,
    bytes: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.inner.uploads.leave_whole(&self.token, self.bytes);
    }
}

impl Registry {
    /// Begins an upload with its first bytes, which may be all: then it is completed.
    pub async fn begin_upload_with(
        &self,
        caller: &Caller,
        new: NewUpload,
        sum: Option<PartSum>,
        body: impl Stream<Item = Result<Bytes, BodyFault>>,
    ) -> Result<Standing, UploadError> {
        if new.length > self.inner.config.limits.upload_memory_bytes {
            let standing = self.begin_upload(caller, new).await?;
            return self.append_upload(caller, &standing.id, 0, sum, body).await;
        }
        caller.demand_publisher()?;
        let upload = self.to_upload(caller, new.clone())?;
        self.demand_room(upload.length)?;
        let place = self.place(&upload)?;
        let bytes = collected(body, upload.length).await?;
        if (bytes.len() as u64) < upload.length {
            drop(place);
            let standing = self.begin_upload(caller, new).await?;
            let body = stream::iter([Ok(bytes)]);
            return self.append_upload(caller, &standing.id, 0, sum, body).await;
        }
        if sum.is_some_and(|sum| !sum.is_of(&bytes)) {
            return Err(UploadError::WrongPart { offset: 0 });
        }
        let registry = self.clone();
        let work = async move { registry.keep_whole(upload, bytes, place).await };
        let task = self.inner.uploads.runtime.spawn(work.in_current_span());
        task.await.unwrap_or(Err(UploadError::Stopped))
    }

    fn place(&self, upload: &Upload) -> Result<Place, UploadError> {
        let quota = self.upload_quota();
        let (token, bytes) = (upload.token, upload.length);
        match self.inner.uploads.enter_whole(&token, bytes, quota) {
            Ok(()) => Ok(Place { registry: self.clone(), token, bytes }),
            Err((uploads, bytes)) => {
                let UploadQuota { uploads: limit_uploads, bytes: limit_bytes } = quota;
                Err(UploadError::OverQuota { uploads, bytes, limit_uploads, limit_bytes })
            }
        }
    }

    /// Goes on to its end, also when whoever sent the bytes is gone.
    async fn keep_whole(
        self,
        upload: Upload,
        bytes: Bytes,
        place: Place,
    ) -> Result<Standing, UploadError> {
        // Nobody else knows of it; a server that stops waits for who holds a gate.
        let gate = self.inner.uploads.slot(&upload.id).try_enter()?;
        let mut hasher = Hasher::new();
        hasher.update(&bytes);
        let kept = self.keep(&upload, &hasher.finish(), &Brought::Whole(bytes)).await;
        if kept.is_ok() {
            self.inner.uploads.remember(&upload);
        }
        self.inner.uploads.remove_slot(&upload.id);
        drop((gate, place));
        kept.map(|()| Standing { offset: upload.length, ..Standing::of(&upload) })
    }
}

/// The body, which must not have more bytes than were announced.
async fn collected(
    body: impl Stream<Item = Result<Bytes, BodyFault>>,
    length: u64,
) -> Result<Bytes, UploadError> {
    let mut body = pin!(body);
    let mut bytes = BytesMut::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|fault| match fault {
            BodyFault::Slow => UploadError::Slow { offset: 0 },
            BodyFault::Broken => UploadError::Broken { offset: 0 },
        })?;
        if (bytes.len() + part.len()) as u64 > length {
            return Err(UploadError::TooMany { length });
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes.freeze())
}
