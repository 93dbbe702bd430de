//! The registry: every decision of the server, one file a verb.
//!
//! It knows neither HTTP nor SQL: front ends translate words and call it, and it calls the
//! [`Catalog`] and [`Blobs`].

pub mod check;
pub mod distribute;
pub mod fetch;
pub mod identify;
pub mod journal;
pub mod lookup;
pub mod publish;
pub mod tokens;
pub mod upload;

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
    /// The token of subcommands that work through this process; it dies with it.
    control: String,
    /// Held while journal entries go to the blob store, so that one flush serves all who wait.
    journal: tokio::sync::Mutex<()>,
}

impl Registry {
    /// Puts the parts together; `control` is the text of the token that counts as an admin's as
    /// long as this process lives.
    pub fn new(
        catalog: Arc<dyn Catalog>,
        blobs: Blobs,
        clock: Arc<dyn Clock>,
        config: Config,
        control: String,
    ) -> Self {
        let journal = tokio::sync::Mutex::new(());
        Self { inner: Arc::new(Inner { catalog, blobs, clock, config, control, journal }) }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }
}
