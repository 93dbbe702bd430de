//! The flows that someone waits for, each beside a peer that does the same work in the same run.
//!
//! ```sh
//! cargo build --release --locked && cargo run --release --locked -p larder-benches -- WHEELS
//! ```
//!
//! `WHEELS` is a folder of wheels that make one closure, such as `target/test-data/wheels-4300`.
//! What is printed are medians and their ratio; no figure here is a test.

mod flow;
mod sandbox;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use flow::Table;
use sandbox::Sandbox;

/// Measures larder's flows against peers.
#[derive(Debug, Parser)]
struct Arguments {
    /// A folder of wheels that make one closure.
    wheels: PathBuf,
    /// How often each flow is measured.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let sandbox = Sandbox::new(&arguments.wheels)?;
    let mut table = Table::default();

    table.add("publish, from nothing", "sha256sum", arguments.runs, &mut |_| {
        let server = sandbox.server()?;
        Ok((server.publish()?, sandbox.sha256sum()?))
    })?;

    let server = sandbox.server()?;
    server.publish()?;
    table.add("publish again", "sha256sum", arguments.runs, &mut |_| {
        Ok((server.publish()?, sandbox.sha256sum()?))
    })?;

    sandbox.pack_peers(&server)?;
    table.add("install, cold", "tar -x, sync", arguments.runs, &mut |run| {
        Ok((server.install(&format!("cold{run}"), run)?, sandbox.untar(run)?))
    })?;

    server.install("filled", 0)?;
    table.add("install, store is filled", "cp -al", arguments.runs, &mut |run| {
        Ok((server.install("filled", run + 1)?, sandbox.link_copy(run)?))
    })?;

    table.add("verify", "sha256sum of its files", arguments.runs, &mut |_| {
        Ok((server.verify("filled", 1)?, sandbox.sha256sum_of_trees()?))
    })?;

    println!("{table}");
    Ok(())
}
