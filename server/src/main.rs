//! The program `larder-server`: arguments to settings, then one subcommand.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use larder_server::config::{Config, Mistakes, Overrides};

const DATA: &str = "The folder that holds everything [env: LARDER_DATA] [default: larder-data]";
const LISTEN: &str = "The address to listen on [env: LARDER_LISTEN] [default: 127.0.0.1:8080]";

/// A content-addressed registry for binary packages.
#[derive(Debug, Parser)]
#[command(name = "larder-server", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Where the settings come from.
#[derive(Debug, Args)]
struct Place {
    /// The folder that holds everything
    #[arg(long, value_name = "FOLDER", help = DATA)]
    data: Option<PathBuf>,
    /// A file with settings; deploy/larder-server.toml shows all of them
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the data folder until told to stop
    Serve {
        /// The address to listen on
        #[arg(long, value_name = "ADDRESS:PORT", help = LISTEN)]
        listen: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Compute everything again from the bytes, and say what is wrong
    Check {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print the description of the HTTP interface
    Openapi {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token, and print it and nothing else
    Create {
        /// What it is called; stands as `by` on what it publishes
        #[arg(long)]
        name: String,
        /// What it may do: publish:GLOB, distribute:GLOB, tag:GLOB, withdraw:GLOB, read:GLOB, admin
        #[arg(long = "scope", required = true, value_name = "SCOPE")]
        scopes: Vec<String>,
        /// After how long it dies, such as 90d, 12h, 30m
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// All that it publishes is a test build
        #[arg(long)]
        test: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Show all tokens, never their text
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Kill a token, from the next request on
    Revoke {
        /// What it is called
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

impl Place {
    fn settings(self, listen: Option<String>) -> Result<Config, Mistakes> {
        let flags = Overrides { listen, data: self.data, ..Overrides::default() };
        Config::load(self.config.as_deref(), flags.or(Overrides::from_environment()))
    }
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return commands::failed(&error.into()),
    };
    let code = match runtime.block_on(run(command)) {
        Ok(code) => code,
        Err(error) => commands::failed(&error),
    };
    // An archive that is still being read is read again at the next start: nobody waits for it.
    runtime.shutdown_background();
    code
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve { listen, place } => commands::serve::run(place.settings(listen)?).await,
        Command::Check { json, place } => commands::check::run(place.settings(None)?, json).await,
        Command::Openapi { place } => {
            place.settings(None)?;
            commands::openapi()
        }
        Command::Token(command) => run_token(command).await,
    }
}

async fn run_token(command: TokenCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Create { name, scopes, expires, test, place } => {
            let request = match commands::token::request(&name, scopes, expires.as_deref(), test) {
                Ok(request) => request,
                Err(error) => return Ok(commands::misused(&error)),
            };
            commands::token::create(place.settings(None)?, &request).await
        }
        TokenCommand::List { json, place } => {
            commands::token::list(place.settings(None)?, json).await
        }
        TokenCommand::Revoke { name, place } => {
            let name = match name.parse() {
                Ok(name) => name,
                Err(error) => return Ok(commands::misused(&anyhow::Error::from(error))),
            };
            commands::token::revoke(place.settings(None)?, &name).await
        }
    }
}
