//! `larder status`: looks at an environment.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: crate::cli::Prefix,
}

/// Runs `larder status`.
pub fn run(_args: StatusArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder status` is not there yet"))
}
