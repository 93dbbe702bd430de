//! `larder search`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder search`.
#[derive(Args, Debug)]
pub struct SearchArgs {}

/// Runs `larder search`.
pub async fn run(_args: SearchArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder search` is not there yet"))
}
