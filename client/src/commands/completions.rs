//! `larder completions`: prints a completion script for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::Session;
use crate::cli::Cli;
use crate::error::{Exit, Failure};

/// Arguments of `larder completions`.
#[derive(Args, Debug)]
#[command(after_help = "In bash: source <(larder completions bash)")]
pub struct CompletionsArgs {
    /// For which shell
    pub shell: Shell,
}

/// Runs `larder completions`.
pub fn run(args: CompletionsArgs, session: &Session) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "larder", &mut script);
    session.output.text(String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
