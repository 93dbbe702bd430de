//! `larder run`: runs a command inside an environment, in place of itself.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;

use super::Session;
use crate::cli::Prefix;
use crate::config::inherited;
use crate::environment::Environment;
use crate::error::{Exit, Failure};

/// Arguments of `larder run`.
#[derive(Args, Debug)]
#[command(after_help = "Ends as the command ends. Example: larder run --prefix env -- python3 -V")]
pub struct RunArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    pub command: Vec<OsString>,
}

/// A command cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("could not run `{}`", .program.display())]
struct NotRun {
    program: OsString,
    #[source]
    source: io::Error,
}

/// Runs `larder run`.
pub fn run(args: RunArgs, _session: &Session) -> Result<Exit, Failure> {
    let generation = Environment::open(&args.prefix.prefix)?.current()?;
    let mut words = args.command.into_iter();
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(&program);
    command.args(words);
    for setting in generation.settings()? {
        command.env(&setting.name, setting.value(inherited(&setting.name).as_deref()));
    }
    // The program is looked for on the new PATH; this returns only when that fails.
    let source = command.exec();
    let failure = Failure::failed(NotRun { program, source });
    Err(failure.hint("what the environment offers is in its `current/bin` and its packages' `bin`"))
}
