//! `serve`: until somebody says stop.

use std::process::ExitCode;

use anyhow::Context as _;
use larder_server::config::Config;
use larder_server::{Server, telemetry};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start_log(&config.log)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut running = Server::start(config).await?;
    if let Some(file) = running.first_token() {
        eprintln!("the admin's token is in {} (said this once)", file.display());
    }
    println!("listening on http://{}", running.address());
    tokio::select! {
        ended = running.ended() => ended.context("the server ended by itself")?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await.context("the server did not stop cleanly")?;
    Ok(ExitCode::SUCCESS)
}
