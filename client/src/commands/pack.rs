//! `larder pack`: makes a reproducible archive of a folder.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder pack`.
#[derive(Args, Debug)]
pub struct PackArgs {
    /// The folder
    pub dir: std::path::PathBuf,
    /// What is known of it
    #[arg(long, value_name = "FILE", default_value = "larder.toml")]
    pub metadata: std::path::PathBuf,
    /// The archive to make
    #[arg(short, long, value_name = "FILE")]
    pub output: std::path::PathBuf,
}

/// Runs `larder pack`.
pub async fn run(_args: PackArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder pack` is not there yet"))
}
