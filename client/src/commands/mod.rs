//! Commands: arguments to library calls to print. One file a command; only here is printed.

pub mod activate;
pub mod build_id;
mod changed;
pub mod completions;
pub mod dist;
mod failures;
pub mod fetch;
pub mod history;
pub mod identify;
pub mod import;
pub mod install;
pub mod list;
pub mod lock;
pub mod login;
pub mod output;
pub mod pack;
pub mod plan;
pub mod product;
pub mod publish;
pub mod published;
pub mod remove;
pub mod report;
pub mod resolve;
pub mod rollback;
pub mod run;
pub mod search;
pub mod session;
pub mod show;
pub mod status;
pub mod store;
pub mod table;
pub mod tag;
pub mod update;
pub mod verify;
pub mod why;
pub mod withdraw;
mod withdrawn;
pub mod words;

pub use session::Session;

use crate::cli::{Cli, Command};
use crate::config::Places;
use crate::error::{Exit, Failure};

/// Runs one command and reports its failure, if it fails.
pub async fn run(cli: Cli, places: Places) -> Exit {
    let outcome = match Session::new(cli.global, places) {
        Ok(session) => dispatch(cli.command, &session).await,
        Err(failure) => Err(failure),
    };
    outcome.unwrap_or_else(|failure| report::failure(&failure))
}

async fn dispatch(command: Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Pack(args) => pack::run(args, session).await,
        Command::Publish(args) => publish::run(args, session).await,
        Command::Plan(args) => plan::run(args, session).await,
        Command::Fetch(args) => fetch::run(args, session).await,
        Command::BuildId(args) => build_id::run(args, session).await,
        Command::Import(args) => import::run(args, session).await,
        Command::Install(args) => install::run(args, session).await,
        Command::Update(args) => update::run(args, session).await,
        Command::Remove(args) => remove::run(args, session).await,
        Command::List(args) => list::run(args, session).await,
        Command::Status(args) => status::run(args, session),
        Command::History(args) => history::run(args, session),
        Command::Rollback(args) => rollback::run(args, session).await,
        Command::Verify(args) => verify::run(args, session).await,
        Command::Run(args) => run::run(args, session),
        Command::Activate(args) => activate::run(args, session),
        Command::Hold => activate::hold_standard_input(),
        Command::Identify(args) => identify::run(args, session).await,
        Command::Show(args) => show::run(args, session).await,
        Command::Resolve(args) => resolve::run(args, session).await,
        Command::Lock(args) => lock::run(args, session).await,
        Command::Why(args) => why::why(args, session),
        Command::Tree(args) => why::tree(args, session),
        Command::Search(args) => search::run(args, session).await,
        Command::Dist(args) => dist::run(args, session).await,
        Command::Tag(args) => tag::run(args, session).await,
        Command::Product(args) => product::run(args, session).await,
        Command::Withdraw(args) => withdraw::withdraw(args, session).await,
        Command::Note(args) => withdraw::note(args, session).await,
        Command::Store(args) => store::run(args, session).await,
        Command::Login(args) => login::run(args, session).await,
        Command::Completions(args) => completions::run(args, session),
    }
}
