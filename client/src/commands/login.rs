//! `larder login`: to come.

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};

/// Arguments of `larder login`.
#[derive(Args, Debug)]
pub struct LoginArgs {}

/// Runs `larder login`.
pub async fn run(_args: LoginArgs, _session: &Session) -> Result<Exit, Failure> {
    Err(Failure::sentence("`larder login` is not there yet"))
}
