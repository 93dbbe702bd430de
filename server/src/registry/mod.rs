//! The registry: every decision of the server, one file a verb.
//!
//! It knows neither HTTP nor SQL: front ends translate words and call it, and it calls the
//! [`Catalog`] and [`Blobs`].

use std::sync::Arc;

use crate::blobs::Blobs;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Config;

/// What the server can do, for whoever asks.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Arc<dyn Catalog>,
    blobs: Blobs,
    clock: Arc<dyn Clock>,
    config: Config,
    /// Held while journal entries go to the blob store, so that one flush serves all who wait.
    journal: tokio::sync::Mutex<()>,
}

impl Registry {
    /// Puts the parts together.
    pub fn new(
        catalog: Arc<dyn Catalog>,
        blobs: Blobs,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Self {
        let journal = tokio::sync::Mutex::new(());
        Self { inner: Arc::new(Inner { catalog, blobs, clock, config, journal }) }
    }
}
