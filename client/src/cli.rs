//! The command line: what `larder` can be told.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::environment::With;
use crate::{commands, examples};

/// A registry for binary packages, addressed by their content: the client.
#[derive(Parser)]
#[command(name = "larder", version, max_term_width = 100, infer_subcommands = false)]
#[command(after_help = "Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 the answer is no.")]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// What this process was told; help and wrong usage are answered at once and end it.
    pub fn of_this_process() -> Self {
        let matches = examples::with_examples(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The server, such as `https://larder.example.org`
    #[arg(long, env = "LARDER_SERVER", global = true, value_name = "URL", hide_env_values = true)]
    pub server: Option<String>,
    /// The token; others on this machine can read arguments, so prefer the variable
    #[arg(long, env = "LARDER_TOKEN", global = true, value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Print one JSON document, and nothing else, on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Print no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Believe a server that went back behind what it said before, and remember what it says now
    #[arg(long, global = true)]
    pub accept_rollback: bool,
    /// The settings file [default: larder/config.toml in the user's configuration folder]
    #[arg(long, env = "LARDER_CONFIG", global = true, value_name = "FILE", hide = true)]
    pub config: Option<PathBuf>,
    /// The store [default: larder in the user's data folder]
    #[arg(long, env = "LARDER_STORE", global = true, value_name = "FOLDER", hide = true)]
    pub store: Option<PathBuf>,
}

/// What `larder` can do.
#[derive(Subcommand)]
pub enum Command {
    /// Make a reproducible archive of a folder, and its record beside it
    Pack(commands::pack::PackArgs),
    /// Say which sources must be built, and which binaries there are for the others
    Plan(commands::plan::PlanArgs),
    /// Bring builds where a build tool wants them
    Fetch(commands::fetch::FetchArgs),
    /// Print build ids that nobody had
    BuildId(commands::build_id::BuildIdArgs),
    /// Publish archives, and with them a distribution and tags: all or nothing
    Publish(commands::publish::PublishArgs),
    /// Publish what other tools made
    Import(commands::import::ImportArgs),
    /// Make or change an environment: all or nothing
    Install(commands::install::InstallArgs),
    /// Bring an environment to what is newest now: all or nothing
    Update(commands::update::UpdateArgs),
    /// Take something out of an environment
    Remove(commands::remove::RemoveArgs),
    /// Say which packages an environment has
    List(commands::list::ListArgs),
    /// Say where an environment came from and how it stands
    Status(commands::status::StatusArgs),
    /// Say who changed an environment, when, and why
    History(commands::history::HistoryArgs),
    /// Make an earlier generation of an environment the current one
    Rollback(commands::rollback::RollbackArgs),
    /// Compare an environment, byte by byte, with what was installed
    Verify(commands::verify::VerifyArgs),
    /// Run a command inside an environment
    Run(commands::run::RunArgs),
    /// Print shell code that puts the shell inside an environment
    Activate(commands::activate::ActivateArgs),
    /// Hold the generation whose file is standard input, for a shell that `activate` has set up
    #[command(hide = true)]
    Hold,
    /// Say what a file, a folder, an environment or a checksum is
    Identify(commands::identify::IdentifyArgs),
    /// Show a product, builds or one build
    Show(commands::show::ShowArgs),
    /// Say which builds meet requirements, or why none do
    Resolve(commands::resolve::ResolveArgs),
    /// Say why a product is in an environment or a lock
    Why(commands::why::WhyArgs),
    /// Show an environment or a lock as a tree of who needs whom
    Tree(commands::why::TreeArgs),
    /// Write down exactly what an install would install
    Lock(commands::lock::LockArgs),
    /// Search for products
    Search(commands::search::SearchArgs),
    /// List, show, compare and publish distributions
    Dist(commands::dist::DistArgs),
    /// Move and list tags
    Tag(commands::tag::TagArgs),
    /// Say that a build or a distribution must not be used for anything new
    Withdraw(commands::withdraw::WithdrawArgs),
    /// Say something else about a build or a distribution
    Note(commands::withdraw::NoteArgs),
    /// Declare and approve products
    Product(commands::product::ProductArgs),
    /// Look after the store
    Store(commands::store::StoreArgs),
    /// Keep server and token in the settings
    Login(commands::login::LoginArgs),
    /// Print a completion script for a shell
    Completions(commands::completions::CompletionsArgs),
}

/// Which environment.
#[derive(Args, Clone, Debug)]
pub struct Prefix {
    /// The environment's folder
    #[arg(long, env = "LARDER_PREFIX", value_name = "ENV")]
    pub prefix: PathBuf,
}

/// Folders in place of products.
#[derive(Args, Clone, Debug)]
pub struct Replacing {
    /// Take this folder for the product's own, as you develop it; may be given several times
    #[arg(long, value_name = "PRODUCT=FOLDER", value_parser = OsStringValueParser::new().try_map(With::try_from))]
    pub with: Vec<With>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
