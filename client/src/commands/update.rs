//! `larder update`: follows tags and requirements to what is newest now, all or nothing.

use clap::Args;
use larder_schema::Text;

use super::Session;
use super::changed::{carry_out, changes, made, what};
use super::words::names;
use crate::cli::Prefix;
use crate::environment::Environment;
use crate::error::{Exit, Failure};
use crate::install::{Installed, Request};
use crate::wish::{Given, Wish};

/// Arguments of `larder update`.
#[derive(Args, Debug)]
#[command(after_help = "What was installed by a tag, a name alone or a requirement is looked up \
                        again. An exact version or build stays; install another to replace it.")]
pub struct UpdateArgs {
    /// Distributions and products; a product that others need may go on too [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<Text>,
}

/// Runs `larder update`.
pub async fn run(args: UpdateArgs, session: &Session) -> Result<Exit, Failure> {
    let names = names(&args.names)?;
    let generation = Environment::open(&args.prefix.prefix)?.current()?;
    let remote = session.remote_or(&generation.lock.server)?;
    let command = format!("update {}", args.names.join(" "));
    let request = Request {
        prefix: args.prefix.prefix,
        wish: Wish::Update(names),
        given: Given::default(),
        deed: session.deed(command.trim_end().to_owned(), args.reason),
    };
    let installed = carry_out(request, Some(&remote), session).await?;
    session.output.answer(&installed, || summary(&installed, session))?;
    Ok(Exit::Done)
}

fn summary(installed: &Installed, session: &Session) -> String {
    if session.output.quiet {
        return String::new();
    }
    if installed.unchanged {
        return "Everything is up to date; nothing to do".to_owned();
    }
    format!("{}Updated to {} as {}", changes(&installed.changes), what(installed), made(installed))
}
