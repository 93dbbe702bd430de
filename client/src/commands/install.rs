//! `larder install`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder install`.
#[derive(Args, Debug)]
pub struct InstallArgs {}

/// Runs `larder install`.
pub async fn run(_args: InstallArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder install` is not there yet"))
}
