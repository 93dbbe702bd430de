//! The subcommands: each is one file that works and prints.
//!
//! All but `serve` work through the server that runs, if one holds the data folder, and otherwise
//! directly.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where the program speaks")]

pub(crate) mod check;
pub(crate) mod serve;
pub(crate) mod token;

use std::process::ExitCode;

use larder_server::config::Config;
use larder_server::control::Control;
use larder_server::{Opened, Server, StartError, folder};

/// The registry, through whichever door is open.
enum Door {
    /// Nobody serves it: we hold the data folder.
    Direct(Box<Opened>),
    /// A server does.
    Through(Control),
}

/// There is nothing that could be looked at.
#[derive(Debug, thiserror::Error)]
#[error("there is no data folder `{}`; name the one that the server has with `--data`", .0.display())]
struct NoData(std::path::PathBuf);

impl Door {
    /// The same for what only looks: a folder that is not there is not made.
    async fn to_what_is_there(config: Config) -> anyhow::Result<Self> {
        if !config.data.is_dir() {
            return Err(NoData(config.data).into());
        }
        Self::open(config).await
    }

    async fn open(config: Config) -> anyhow::Result<Self> {
        let data = config.data.clone();
        match Server::open(config).await {
            Ok(opened) => Ok(Self::Direct(Box::new(opened))),
            Err(StartError::Folder(folder::Error::InUse { .. })) => {
                Ok(Self::Through(Control::read(&data)?))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Prints the description of the HTTP interface.
pub(crate) fn openapi() -> anyhow::Result<ExitCode> {
    println!("{}", serde_json::to_string_pretty(&larder_server::http::openapi())?);
    Ok(ExitCode::SUCCESS)
}

/// Says why it failed, with the causes below each other.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    say(error);
    ExitCode::FAILURE
}

/// Says why the arguments cannot be used.
pub(crate) fn misused(error: &anyhow::Error) -> ExitCode {
    say(error);
    ExitCode::from(2)
}

fn say(error: &anyhow::Error) {
    eprintln!("error: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // A transparent error says what its cause says.
        if cause != said {
            eprintln!("  because: {cause}");
        }
        said = cause;
    }
}
