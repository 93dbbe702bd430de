//! `larder store`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder store`.
#[derive(Args, Debug)]
pub struct StoreArgs {}

/// Runs `larder store`.
pub async fn run(_args: StoreArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder store` is not there yet"))
}
