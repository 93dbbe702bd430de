//! `larder pack`: makes a reproducible archive of a folder.

use std::path::PathBuf;

use clap::Args;

use super::Session;
use crate::error::{Exit, Failure};
use crate::{pack, record};

/// Arguments of `larder pack`.
#[derive(Args, Debug)]
#[command(after_help = "The metadata has the keys of a build record: product, version, build, \
                        platform, dependencies, … What it lacks of the first four is read from the \
                        archive's name, PRODUCT-VERSION-bID-PLATFORM.tar.zst. Where it says \
                        nothing of variables and bin/ has something to execute, PATH gets bin.")]
pub struct PackArgs {
    /// The folder
    pub dir: PathBuf,
    /// What is known of it [default: larder.toml in the folder, which is left out of the archive]
    #[arg(long, value_name = "FILE")]
    pub metadata: Option<PathBuf>,
    /// The archive to make: .tar.zst, .tar.xz, .tar.gz, .tar.bz2 or .tar; its record is FILE.json
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Runs `larder pack`.
pub async fn run(args: PackArgs, session: &Session) -> Result<Exit, Failure> {
    let output = args.output.clone();
    let packing = move || pack::pack(&args.dir, args.metadata.as_deref(), &args.output);
    let packed = tokio::task::spawn_blocking(packing).await.map_err(Failure::failed)?;
    let packed = packed.map_err(failure)?;
    session.output.answer(&packed.build, || {
        let s = if packed.files == 1 { "" } else { "s" };
        let assumed = if packed.assumed_path {
            "\n`PATH` gets `bin`: the metadata says nothing of `variables`"
        } else {
            ""
        };
        format!(
            "packed `{}`: {} file{s}, {}\nrecord `{}`: {}{assumed}",
            output.display(),
            packed.files,
            indicatif::HumanBytes(packed.size),
            packed.record.display(),
            packed.build.key()
        )
    })?;
    Ok(Exit::Done)
}

fn failure(error: pack::Error) -> Failure {
    let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
    let hint = if let pack::Error::Record(record::Error::Missing { .. }) = &error {
        Some(
            "say it in `larder.toml` in the folder, or call the archive \
             PRODUCT-VERSION-bID-PLATFORM.tar.zst",
        )
    } else if let pack::Error::Record(error) = &error {
        error.hint()
    } else {
        None
    };
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
