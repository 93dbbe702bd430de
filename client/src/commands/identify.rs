//! `larder identify`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder identify`.
#[derive(Args, Debug)]
pub struct IdentifyArgs {}

/// Runs `larder identify`.
pub async fn run(_args: IdentifyArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder identify` is not there yet"))
}
