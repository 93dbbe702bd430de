//! `larder run`: runs a command inside an environment, in place of itself.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;

use super::Session;
use crate::cli::{Prefix, Replacing};
use crate::config::inherited;
use crate::environment::{Environment, Setting};
use crate::error::{Exit, Failure};

/// Arguments of `larder run`.
#[derive(Args, Debug)]
#[command(after_help = "Ends as the command ends. Example: larder run --prefix env -- python3 -V")]
pub struct RunArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// What stands in place of what
    #[command(flatten)]
    pub replacing: Replacing,
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    pub command: Vec<OsString>,
}

/// The variable that `--token` is read from.
const TOKEN: &str = "LARDER_TOKEN";

/// A command cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("could not run `{}`", .program.display())]
struct NotRun {
    program: OsString,
    #[source]
    source: io::Error,
}

/// Runs `larder run`.
pub fn run(args: RunArgs, session: &Session) -> Result<Exit, Failure> {
    let environment = Environment::open(&args.prefix.prefix)?;
    // Held until the command and all that it starts have ended.
    let (generation, _held) = environment.hold_current()?;
    session.keep_trees_of(&environment, &generation);
    let replacements = session.replacements(&generation, &args.replacing.with)?;
    let mut command = command(args.command, &generation.settings(&replacements)?);
    // The program is looked for on the new PATH; this returns only when that fails.
    let source = command.exec();
    let program = command.get_program().to_owned();
    let failure = Failure::failed(NotRun { program, source });
    Err(failure.hint("what the environment offers is in its `current/bin` and its packages' `bin`"))
}

/// The command as it is run: in the environment, without what is for larder alone.
fn command(words: Vec<OsString>, settings: &[Setting]) -> Command {
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    for setting in settings {
        match setting.value(inherited(&setting.name).as_deref()) {
            Some(value) => command.env(&setting.name, value),
            None => command.env_remove(&setting.name),
        };
    }
    // Packages are others' programs: they get no right to publish.
    command.env_remove(TOKEN);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Change;

    #[test]
    fn a_command_gets_the_settings_and_no_token() {
        let change = |name: &str| Setting { name: name.into(), change: Change::Set("x".into()) };

        let unset = Setting { name: "OLD".into(), change: Change::Unset };
        let settings = [change("X"), change(TOKEN), unset];

        let command = command(vec!["a".into(), "b".into()], &settings);

        assert_eq!(command.get_args().collect::<Vec<_>>(), ["b"]);
        let variables: Vec<_> = command.get_envs().collect();
        let (token, old) = ((TOKEN.as_ref(), None), ("OLD".as_ref(), None));
        assert_eq!(variables, [token, old, ("X".as_ref(), Some("x".as_ref()))]);
    }
}
