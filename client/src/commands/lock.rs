//! `larder lock`: writes down exactly what an install would install, and installs nothing.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Session;
use super::words::{PurposeArgs, requested};
use crate::durable::{place_of, write_whole};
use crate::error::{Exit, Failure};
use crate::find::Finder;
use crate::lock::Lock;
use crate::wish::Wish;

/// Arguments of `larder lock`.
#[derive(Args, Debug)]
#[command(after_help = "Example: larder lock 'afw@^17.0' -o lock.json; \
                        larder install --lock lock.json --prefix env")]
pub struct LockArgs {
    /// Distributions and products, as `larder install` takes them
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// Where the lock goes; `-`: to standard output, and nothing else
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// What it is for
    #[command(flatten)]
    pub purpose: PurposeArgs,
}

/// What was locked.
#[derive(Serialize)]
struct Locked {
    file: PathBuf,
    digest: larder_schema::Digest,
    distributions: Vec<String>,
    products: Vec<String>,
    packages: usize,
    warnings: Vec<String>,
}

/// A lock was not written.
#[derive(Debug, thiserror::Error)]
#[error("could not write `{}`", .path.display())]
struct Unwritten {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// Runs `larder lock`.
pub async fn run(args: LockArgs, session: &Session) -> Result<Exit, Failure> {
    let wish = Wish::Add(requested(&args.targets)?);
    let remote = session.remote()?;
    let finder = Finder { remote: Some(&remote), progress: session.progress };
    let found = finder.find(&wish, &args.purpose.into(), None).await?;
    for warning in &found.warnings {
        session.progress.warn(warning);
    }
    if args.output.as_os_str() == "-" {
        session.output.text(found.lock.to_json().map_err(Failure::failed)?)?;
        return Ok(Exit::Done);
    }
    write(&args.output, &found.lock)?;
    let locked = Locked {
        digest: found.lock.digest().map_err(Failure::failed)?,
        distributions: found.lock.distribution_names(),
        products: found.lock.product_names(),
        packages: found.lock.records.len(),
        warnings: found.warnings,
        file: args.output,
    };
    session.output.answer(&locked, || match session.output.quiet {
        true => String::new(),
        false => format!(
            "Locked {} packages in {}\ndigest {}\n",
            locked.packages,
            locked.file.display(),
            locked.digest
        ),
    })?;
    Ok(Exit::Done)
}

fn write(path: &Path, lock: &Lock) -> Result<(), Failure> {
    let text = lock.to_json().map_err(Failure::failed)?;
    place_of(path)
        .and_then(|place| write_whole(&place, text.as_bytes(), 0o644))
        .map_err(|source| Failure::failed(Unwritten { path: path.to_owned(), source }))
}
