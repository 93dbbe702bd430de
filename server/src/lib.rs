//! The storage server of larder: a content-addressed registry for binary packages.
//!
//! [`Server::start`] takes the data folder, brings catalog, journal and uploads in order, and
//! serves; tests start it in their own process on port 0. The [`registry`] decides, the [`catalog`]
//! knows, the [`blobs`] keep, [`http`] translates.

pub mod access;
pub mod blobs;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod control;
pub mod folder;
pub mod http;
pub mod registry;
pub mod telemetry;

mod admin;
mod durable;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::access::Caller;
use crate::blobs::Blobs;
use crate::catalog::Sqlite;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::control::Control;
use crate::folder::DataFolder;
use crate::http::HttpServer;
use crate::registry::journal::RecoverError;
use crate::registry::tokens::TokenError;
use crate::registry::upload::UploadError;
use crate::registry::{Parts, Registry};
use crate::telemetry::Metrics;

/// How often uploads that have expired are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be worked in.
    #[error(transparent)]
    Folder(#[from] folder::Error),
    /// The catalog cannot be opened.
    #[error("could not open the catalog")]
    Catalog(#[from] catalog::Error),
    /// The blob store cannot be opened.
    #[error("could not open the blob store")]
    Blobs(#[from] blobs::Error),
    /// Catalog and journal cannot be brought together.
    #[error("could not bring catalog and journal together")]
    Recover(#[from] RecoverError),
    /// Uploads under way cannot be put in order.
    #[error("could not put the uploads in order")]
    Uploads(#[from] UploadError),
    /// The first token cannot be made.
    #[error("could not make the first token")]
    Token(#[from] TokenError),
    /// No randomness for the control token.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The address cannot be listened on.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A secret cannot be written into the data folder.
    #[error("could not write `{}`", .path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The registry on its data folder, with nobody else in it, and not served.
pub struct Opened {
    // The order matters: the catalog is closed before the lock is let go.
    registry: Registry,
    folder: DataFolder,
}

impl Opened {
    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whoever can open the data folder is its admin.
    pub fn owner(&self) -> Caller {
        self.registry.owner()
    }
}

/// The server.
#[derive(Clone, Copy, Debug)]
pub struct Server;

impl Server {
    /// Takes the data folder and opens what is in it, without serving it.
    pub async fn open(config: Config) -> Result<Opened, StartError> {
        Self::open_at(config, Arc::new(SystemClock)).await
    }

    async fn open_at(config: Config, clock: Arc<dyn Clock>) -> Result<Opened, StartError> {
        let data = config.data.clone();
        let read_time = Duration::from_secs(config.limits.query_seconds);
        let (folder, sqlite) = blocking(move || {
            let folder = DataFolder::take(&data)?;
            let sqlite = Sqlite::open(&folder.catalog())?;
            Ok((folder, sqlite.with_read_time(read_time)))
        })
        .await?;
        let registry = Registry::new(Parts {
            catalog: Arc::new(sqlite),
            blobs: Blobs::open(&folder.blobs())?,
            clock,
            config,
            metrics: Metrics::new(),
            staging: folder.staging(),
            control: access::new_token().map_err(StartError::Random)?,
        });
        let replayed = registry.recover().await?;
        if replayed > 0 {
            info!("did {replayed} changes of the journal again, which the catalog lacked");
        }
        Ok(Opened { registry, folder })
    }

    /// Opens the data folder and serves it.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        Self::start_at(config, Arc::new(SystemClock)).await
    }

    /// The same with another clock, for tests.
    pub async fn start_at(config: Config, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
        let Opened { registry, folder } = Self::open_at(config, clock).await?;
        registry.recover_uploads().await?;
        let first_token = admin::make_first_token(&registry, &folder.admin_token()).await?;
        let http = http::start(registry.clone()).map_err(|source| {
            let address = registry.config().listen.clone();
            StartError::Listen { address, source }
        })?;
        let path = folder.control();
        let control = Control::new(http.address(), registry.control().to_owned());
        control.write(&path).map_err(|source| StartError::Secret { path, source })?;
        let sweep = Sweep(tokio::spawn(sweep(registry.clone())));
        info!(address = %http.address(), "listens");
        Ok(Running { http, sweep, first_token, registry, folder })
    }
}

/// A server that serves, until it is stopped.
pub struct Running {
    http: HttpServer,
    sweep: Sweep,
    first_token: Option<PathBuf>,
    // The order matters: the catalog is closed before the lock is let go.
    registry: Registry,
    folder: DataFolder,
}

impl Running {
    /// The address that it got.
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// The registry that it serves.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The file with the admin's token, when this start has made it.
    pub fn first_token(&self) -> Option<&Path> {
        self.first_token.as_deref()
    }

    /// Returns when the server ended by itself, which it should not.
    pub async fn ended(&mut self) -> std::io::Result<()> {
        self.http.ended().await
    }

    /// Stops: requests in flight are finished, as long as that takes no more than it may.
    pub async fn stop(self) -> std::io::Result<()> {
        let Self { http, sweep, first_token: _, registry, folder } = self;
        drop(sweep);
        let most = Duration::from_secs(registry.config().limits.stop_seconds);
        let stopped = http.stop().await;
        if tokio::time::timeout(most, registry.idle()).await.is_err() {
            warn!("an upload was still being completed; the next start goes on with it");
        }
        let control = folder.control();
        // Threads of the server and the task that sweeps hold it a moment longer; until the catalog
        // is closed the lock on its folder is not let go.
        if tokio::time::timeout(most, registry.closed()).await.is_err() {
            warn!("somebody still holds the registry; the catalog is closed when the process ends");
        }
        blocking_io(move || std::fs::remove_file(control)).await?;
        info!("stopped");
        stopped
    }
}

/// The task that sweeps; it ends with this.
struct Sweep(JoinHandle<()>);

impl Drop for Sweep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn sweep(registry: Registry) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        if let Err(error) = registry.sweep_uploads().await {
            warn!(error = &error as &dyn std::error::Error, "could not sweep expired uploads");
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(catalog::Error::Stopped.into()))
}

async fn blocking_io<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
