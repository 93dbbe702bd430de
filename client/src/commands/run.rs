//! `larder run`: runs a command inside an environment.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: crate::cli::Prefix,
}

/// Runs `larder run`.
pub fn run(_args: RunArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder run` is not there yet"))
}
