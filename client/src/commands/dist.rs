//! `larder dist`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder dist`.
#[derive(Args, Debug)]
pub struct DistArgs {}

/// Runs `larder dist`.
pub async fn run(_args: DistArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder dist` is not there yet"))
}
