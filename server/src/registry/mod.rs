//! The registry: every decision of the server, one file a verb.
//!
//! It knows neither HTTP nor SQL: front ends translate words and call it, and it calls the
//! [`Catalog`] and [`Blobs`].

mod build_ids;
pub mod check;
pub mod distribute;
pub mod eups;
pub mod fetch;
pub mod identify;
pub mod journal;
pub mod lookup;
pub mod plan;
pub mod products;
pub mod promote;
pub mod publish;
#[cfg(test)]
mod random;
pub mod resolve;
pub mod statements;
pub mod tokens;
mod turns;
pub mod upload;

use std::path::PathBuf;
use std::sync::Arc;

use self::turns::Turns;
use crate::access::{self, Caller};
use crate::blobs::{self, Blobs};
use crate::catalog::{self, Catalog};
use crate::clock::Clock;
use crate::config::Config;
use crate::telemetry::Metrics;

/// What the server can do, for whoever asks.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

/// What a registry is put together from.
pub struct Parts {
    /// What is known of all bytes.
    pub catalog: Arc<dyn Catalog>,
    /// Where bytes are.
    pub blobs: Blobs,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The settings.
    pub config: Config,
    /// What is counted.
    pub metrics: Metrics,
    /// Where bytes stay while they come in; on the file system of the blobs.
    pub staging: PathBuf,
    /// The text of the token that counts as an admin's as long as this process lives.
    pub control: String,
}

struct Inner {
    catalog: Arc<dyn Catalog>,
    blobs: Blobs,
    clock: Arc<dyn Clock>,
    config: Config,
    metrics: Metrics,
    uploads: upload::Uploads,
    control: String,
    /// Tarballs for EUPS that are being made.
    making: eups::Making,
    /// Of resolutions and plans.
    turns: Turns,
    /// The last journal entry that went to the blob store since the start; held while others go
    /// there, so that one flush serves all who wait.
    journal: tokio::sync::Mutex<u64>,
    /// Dropped with the last holder, and last: the catalog is closed by then.
    closing: tokio::sync::watch::Sender<()>,
}

/// Why the registry cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The catalog does not answer.
    #[error("the catalog does not answer")]
    Catalog(#[from] catalog::Error),
    /// The blob store does not answer.
    #[error("the blob store does not answer")]
    Blobs(#[from] blobs::Error),
}

impl Registry {
    /// Puts the parts together; work that must outlive a request goes on in the runtime of whoever
    /// calls this.
    pub fn new(parts: Parts) -> Self {
        let Parts { catalog, blobs, clock, config, metrics, staging, control } = parts;
        let uploads = upload::Uploads::new(staging, config.limits.index_at_once);
        let turns = Turns::new(config.limits.resolve_at_once, config.limits.resolve_waiting);
        let making = eups::Making::new(config.limits.index_at_once, config.limits.eups_waiting);
        let journal = tokio::sync::Mutex::new(0);
        let closing = tokio::sync::watch::Sender::new(());
        let inner = Inner {
            catalog,
            blobs,
            clock,
            config,
            metrics,
            uploads,
            control,
            making,
            turns,
            journal,
            closing,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// The text of the token of those who work through this process.
    pub(crate) fn control(&self) -> &str {
        &self.inner.control
    }

    /// Whoever works in this process, and not through a request.
    pub(crate) fn owner(&self) -> Caller {
        Caller::control(access::hash_of(&self.inner.control))
    }

    /// Answers when catalog and blob store do.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.inner.catalog.ready().await?;
        Ok(self.inner.blobs.ready().await?)
    }

    /// Waits until no upload is being written or completed.
    pub(crate) async fn idle(&self) {
        self.inner.uploads.idle().await;
    }

    /// Lets the registry go, and waits until all others who hold it have: then its catalog is
    /// closed.
    pub(crate) async fn closed(self) {
        let mut closing = self.inner.closing.subscribe();
        drop(self);
        while closing.changed().await.is_ok() {}
    }
}
