//! `larder tag`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder tag`.
#[derive(Args, Debug)]
pub struct TagArgs {}

/// Runs `larder tag`.
pub async fn run(_args: TagArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder tag` is not there yet"))
}
