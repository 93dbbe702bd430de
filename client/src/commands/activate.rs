//! `larder activate`: prints shell code that puts a shell inside an environment.

use clap::Args;

use super::Session;
use crate::cli::{Prefix, Replacing};
use crate::environment::{self, Environment, Generation, Shell};
use crate::error::{Exit, Failure};

/// Arguments of `larder activate`.
#[derive(Args, Debug)]
#[command(after_help = "In bash and zsh: eval \"$(larder activate --prefix env)\"; \
                  in fish: larder activate --prefix env | source")]
pub struct ActivateArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
    /// What stands in place of what
    #[command(flatten)]
    pub replacing: Replacing,
    /// For which shell [default: the user's, else bash]
    #[arg(long)]
    pub shell: Option<Shell>,
}

/// Code with which the shell holds the generation, where paths can be said.
fn hold(shell: Shell, generation: &Generation) -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_ref().and_then(|path| path.to_str());
    match (generation.in_use_file().to_str(), program) {
        (Some(in_use), Some(program)) => shell.hold(in_use, program),
        _ => String::new(),
    }
}

/// Runs `larder hold`, which the code that `activate` prints calls.
pub fn hold_standard_input() -> Result<Exit, Failure> {
    // A disk that knows no locks keeps no shell from being activated.
    drop(environment::hold_standard_input());
    Ok(Exit::Done)
}

/// Runs `larder activate`.
pub fn run(args: ActivateArgs, session: &Session) -> Result<Exit, Failure> {
    let environment = Environment::open(&args.prefix.prefix)?;
    let generation = environment.current()?;
    session.keep_trees_of(&environment, &generation);
    let users = || session.places.shell().and_then(Shell::of_program);
    let shell = args.shell.or_else(users).unwrap_or(Shell::Bash);
    let replacements = session.replacements(&generation, &args.replacing.with)?;
    let settings = generation.settings(&replacements)?;
    let code = hold(shell, &generation) + &shell.code(&settings);
    match session.output.json {
        true => session.output.json(&serde_json::json!({ "code": code }))?,
        // A shell reads it, byte by byte.
        false => session.output.text(code)?,
    }
    Ok(Exit::Done)
}
