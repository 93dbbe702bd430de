//! `larder status`: where an environment came from and how it stands.

use clap::Args;
use larder_schema::{Context, Digest, Platform};
use serde::Serialize;

use super::Session;
use super::table::Table;
use crate::cli::Prefix;
use crate::environment::{Environment, Generation, Made, Replaced};
use crate::error::{Exit, Failure};
use crate::remote::Origin;

/// Arguments of `larder status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
}

/// How an environment stands.
#[derive(Serialize)]
struct Status {
    prefix: String,
    generation: u64,
    digest: Digest,
    platform: Platform,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    server: Origin,
    targets: Vec<String>,
    distributions: Vec<Standing>,
    packages: usize,
    replaced: Vec<Replaced>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<Made>,
}

#[derive(Serialize)]
struct Standing {
    name: String,
    version: String,
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

/// Runs `larder status`.
pub fn run(args: StatusArgs, session: &Session) -> Result<Exit, Failure> {
    let environment = Environment::open(&args.prefix.prefix)?;
    let generation = environment.current()?;
    session.keep_trees_of(&environment, &generation);
    let replaced = session.replaced(&environment);
    let status = status(&environment, generation, replaced)?;
    session.output.answer(&status, || describe(&status))?;
    Ok(Exit::Done)
}

fn status(
    environment: &Environment,
    generation: Generation,
    replaced: Vec<Replaced>,
) -> Result<Status, Failure> {
    let made = generation.made();
    let lock = generation.lock;
    Ok(Status {
        prefix: environment.root().display().to_string(),
        generation: generation.number,
        digest: lock.digest().map_err(Failure::failed)?,
        distributions: lock
            .distributions
            .iter()
            .map(|one| Standing {
                name: one.document.name.to_string(),
                version: one.document.version.to_string(),
                digest: one.digest,
                tag: one.tag.as_ref().map(ToString::to_string),
            })
            .collect(),
        packages: lock.records.len(),
        replaced,
        platform: lock.purpose.platform,
        context: lock.purpose.context,
        test: lock.purpose.test,
        server: lock.server,
        targets: lock.targets.iter().map(ToString::to_string).collect(),
        made,
    })
}

fn describe(status: &Status) -> String {
    let mut table = Table::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("environment", status.prefix.clone());
    for one in &status.distributions {
        let tag = one.tag.as_ref().map_or(String::new(), |tag| format!(" (tag {tag})"));
        row("distribution", format!("{}@{}{tag}", one.name, one.version));
        row("", one.digest.to_string());
    }
    row("packages", status.packages.to_string());
    for one in &status.replaced {
        row("replaced", by(one, status.generation));
    }
    row("platform", status.platform.to_string());
    if let Some(context) = status.context {
        row("context", context.to_string());
    }
    if status.test {
        row("test builds", "admitted".to_owned());
    }
    row("generation", status.generation.to_string());
    row("targets", status.targets.join(", "));
    row("server", status.server.to_string());
    if let Some(made) = &status.made {
        let deed = &made.deed;
        row("made", format!("{} by {}: larder {}", deed.at, deed.by, deed.command));
        if let Some(reason) = &deed.reason {
            row("reason", reason.to_string());
        }
    }
    table.render()
}

/// Which folder stands in place of a product, and where, if that is not what is told here.
fn by(one: &Replaced, current: u64) -> String {
    let Replaced { product, folder, generation } = one;
    match *generation == current {
        true => format!("{product} by {folder}"),
        false => format!("{product} by {folder} (in generation {generation}, where this runs)"),
    }
}
