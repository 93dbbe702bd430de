//! The program `larder`.

use std::process::ExitCode;

use larder_client::cli::Cli;
use larder_client::{commands, config};

fn main() -> ExitCode {
    // reqwest panics at its first client unless the process has chosen who does the ciphers.
    // It fails only where one was chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let cli = Cli::of_this_process();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return commands::report::could_not_start(&error),
    };
    let exit = runtime.block_on(commands::run(cli, config::Places::of_this_user()));
    // Blocking work that nobody waits for any more must not hold the process back.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}
