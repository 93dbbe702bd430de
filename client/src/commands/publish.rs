//! `larder publish`: sends archives and publishes their builds.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder publish`.
#[derive(Args, Debug)]
pub struct PublishArgs {
    /// Archives, or a folder of them
    #[arg(required = true, value_name = "FILE|FOLDER")]
    pub files: Vec<std::path::PathBuf>,
}

/// Runs `larder publish`.
pub async fn run(_args: PublishArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder publish` is not there yet"))
}
