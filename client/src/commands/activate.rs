//! `larder activate`: prints shell code that puts a shell inside an environment.

use clap::Args;

use super::Session;
use crate::cli::Prefix;
use crate::environment::{Environment, Shell};
use crate::error::{Exit, Failure};

/// Arguments of `larder activate`.
#[derive(Args, Debug)]
#[command(after_help = "In bash and zsh: eval \"$(larder activate --prefix env)\"; \
                  in fish: larder activate --prefix env | source")]
pub struct ActivateArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// For which shell [default: the user's, else bash]
    #[arg(long)]
    pub shell: Option<Shell>,
}

/// Runs `larder activate`.
pub fn run(args: ActivateArgs, session: &Session) -> Result<Exit, Failure> {
    let environment = Environment::open(&args.prefix.prefix)?;
    let generation = environment.current()?;
    session.keep_trees_of(&environment, &generation);
    let users = || session.places.shell().and_then(Shell::of_program);
    let shell = args.shell.or_else(users).unwrap_or(Shell::Bash);
    let code = shell.code(&generation.settings()?);
    match session.output.json {
        true => session.output.json(&serde_json::json!({ "code": code }))?,
        // A shell reads it, byte by byte.
        false => session.output.text(code)?,
    }
    Ok(Exit::Done)
}
