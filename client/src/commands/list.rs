//! `larder list`: looks at an environment.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: crate::cli::Prefix,
}

/// Runs `larder list`.
pub fn run(_args: ListArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder list` is not there yet"))
}
