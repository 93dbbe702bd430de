//! `larder verify`: compares an environment with what was installed.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: crate::cli::Prefix,
}

/// Runs `larder verify`.
pub async fn run(_args: VerifyArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder verify` is not there yet"))
}
