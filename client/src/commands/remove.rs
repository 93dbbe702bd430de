//! `larder remove`: takes away what was asked for, and what only that needed.

use clap::Args;
use larder_schema::Text;

use super::Session;
use super::changed::{carry_out, changes, made};
use super::words::names;
use crate::cli::Prefix;
use crate::environment::Environment;
use crate::error::{Exit, Failure};
use crate::install::Request;
use crate::wish::{Given, Wish};

/// Arguments of `larder remove`.
#[derive(Args, Debug)]
#[command(after_help = "No server is needed. What goes is still in the store and in the \
                        generations before: `larder rollback` brings it back.")]
pub struct RemoveArgs {
    /// Distributions and products that were asked for
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<Text>,
}

/// Runs `larder remove`.
pub async fn run(args: RemoveArgs, session: &Session) -> Result<Exit, Failure> {
    let wish = Wish::Remove(names(&args.names)?);
    let generation = Environment::open(&args.prefix.prefix)?.current()?;
    // Asked only when the store has lost what stays.
    let remote = session.remote_or(&generation.lock.server)?;
    let what = args.names.join(" ");
    let request = Request {
        prefix: args.prefix.prefix,
        wish,
        given: Given::default(),
        deed: session.deed(format!("remove {what}"), args.reason),
    };
    let installed = carry_out(request, Some(&remote), session).await?;
    session.output.answer(&installed, || match session.output.quiet {
        true => String::new(),
        false => changes(&installed.changes) + &format!("Removed {what}: ") + &made(&installed),
    })?;
    Ok(Exit::Done)
}
