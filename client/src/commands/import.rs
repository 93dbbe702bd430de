//! `larder import`: publishes what other tools made.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// What to import
    #[arg(required = true)]
    pub files: Vec<std::path::PathBuf>,
}

/// Runs `larder import`.
pub async fn run(_args: ImportArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder import` is not there yet"))
}
