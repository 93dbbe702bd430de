//! `larder build-id`: ids for runs of a build tool that has no counter of its own.

use clap::Args;
use larder_schema::api::{BuildIdsAnswer, MAX_BUILD_IDS};

use super::Session;
use crate::error::{Exit, Failure};
use crate::planning;

/// Arguments of `larder build-id`.
#[derive(Args, Debug)]
pub struct BuildIdArgs {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_BUILD_IDS)))]
    pub count: u32,
}

/// Runs `larder build-id`.
pub async fn run(args: BuildIdArgs, session: &Session) -> Result<Exit, Failure> {
    let ids = planning::build_ids(&session.remote()?, args.count).await?;
    let answer = BuildIdsAnswer { ids };
    session.output.answer(&answer, || {
        answer.ids.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Done)
}
