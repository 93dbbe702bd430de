//! `larder completions`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {}

/// Runs `larder completions`.
pub fn run(_args: CompletionsArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder completions` is not there yet"))
}
