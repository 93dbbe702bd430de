//! `larder activate`: prints shell code.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder activate`.
#[derive(Args, Debug)]
pub struct ActivateArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: crate::cli::Prefix,
}

/// Runs `larder activate`.
pub fn run(_args: ActivateArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder activate` is not there yet"))
}
