//! `larder show`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder show`.
#[derive(Args, Debug)]
pub struct ShowArgs {}

/// Runs `larder show`.
pub async fn run(_args: ShowArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder show` is not there yet"))
}
