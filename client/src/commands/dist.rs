//! `larder dist`: lists, shows, compares and publishes distributions.

mod difference;
mod promote;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use larder_schema::api::{DistributionSummary, Page, PublishAnswer, paths};
use larder_schema::{Distribution, Platform, ProductName};

use super::Session;
use super::changed::distributed;
use super::table::Table;
use super::withdraw::notes;
use crate::error::{Exit, Failure};
use crate::lookup::{self, Found};
use crate::remote::Remote;
use crate::target::Target;

/// Arguments of `larder dist`.
#[derive(Args, Debug)]
pub struct DistArgs {
    #[command(subcommand)]
    command: DistCommand,
}

#[derive(Debug, Subcommand)]
enum DistCommand {
    /// List distributions, or the versions of one
    List {
        /// One distribution, or part of a name
        text: Option<String>,
    },
    /// Show the exact builds of one
    Show {
        /// NAME, NAME@VERSION, NAME@TAG or NAME@sha256:…
        target: Target,
        /// For which platform [default: this machine's]
        #[arg(long)]
        platform: Option<Platform>,
    },
    /// Say which builds differ, and why: source, rebuild or pin
    Diff {
        /// The old one
        old: Target,
        /// The new one
        new: Target,
        /// For which platform [default: this machine's]
        #[arg(long)]
        platform: Option<Platform>,
    },
    /// Give a candidate a new name: the same builds, which the two documents prove
    Promote(promote::PromoteArgs),
    /// Publish a distribution of builds that are published
    Publish {
        /// The document
        file: PathBuf,
    },
}

/// Runs `larder dist`.
pub async fn run(args: DistArgs, session: &Session) -> Result<Exit, Failure> {
    let remote = session.remote()?;
    match args.command {
        DistCommand::List { text } => list(&remote, text, session).await,
        DistCommand::Show { target, platform } => {
            let found = find(&remote, &target, platform).await?;
            let notes = notes(&remote, found.answer.digest).await?;
            session.output.answer(&found.answer, || describe(&found, notes))?;
            Ok(Exit::Done)
        }
        DistCommand::Diff { old, new, platform } => {
            let old = find(&remote, &old, platform.clone()).await?;
            let new = find(&remote, &new, platform).await?;
            difference::show(&old, &new, session)
        }
        DistCommand::Promote(args) => promote::run(args, session).await,
        DistCommand::Publish { file } => publish(&remote, file, session).await,
    }
}

async fn find(
    remote: &Remote,
    target: &Target,
    platform: Option<Platform>,
) -> Result<Found, Failure> {
    let platform = platform.unwrap_or_else(Platform::of_this_host);
    Ok(lookup::distribution(remote, target, &platform).await?)
}

async fn list(remote: &Remote, text: Option<String>, session: &Session) -> Result<Exit, Failure> {
    let all: Vec<DistributionSummary> = match &text {
        None => remote.pages(&paths::distributions(), &[]).await?,
        Some(text) => match text.parse::<ProductName>() {
            Ok(name) => match remote.pages(&paths::distribution_versions(&name), &[]).await {
                Err(error) if error.is_unknown() => {
                    remote.pages(&paths::distributions(), &[("q", text)]).await?
                }
                outcome => outcome?,
            },
            Err(_) => remote.pages(&paths::distributions(), &[("q", text)]).await?,
        },
    };
    let page = Page { items: all, next: None };
    session.output.answer(&page, || {
        let mut table = Table::new(["DISTRIBUTION", "PLATFORM", "STAGE", "PUBLISHED", "DIGEST"]);
        for one in &page.items {
            table.row([
                format!("{}@{}", one.name, one.version),
                one.platform.to_string(),
                one.stage.to_string(),
                one.published.at.to_string(),
                one.digest.to_string(),
            ]);
        }
        if page.items.is_empty() { String::new() } else { table.render() }
    })?;
    if page.items.is_empty() {
        session.progress.note("there is no such distribution");
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

fn describe(found: &Found, notes: Vec<(&str, String)>) -> String {
    let document = &found.distribution.document;
    let mut head = Table::bare();
    let mut row = |name: &str, value: String| head.row([name.to_owned(), value]);
    row("distribution", format!("{}@{}", document.name, document.version));
    if let Some(why) = &found.answer.about.withdrawal {
        row("WITHDRAWN", why.to_string());
    }
    row("platform", document.platform.to_string());
    row("stage", document.stage.to_string());
    row("digest", found.distribution.digest.to_string());
    let published = &found.answer.about.published;
    row("published", format!("{} by {}", published.at, published.by));
    if !document.roots.is_empty() {
        let roots: Vec<&str> = document.roots.iter().map(ProductName::as_str).collect();
        row("made for", roots.join(", "));
    }
    for (name, value) in &document.parameters {
        row("parameter", format!("{name}={value}"));
    }
    if let Some(candidate) = &document.promoted_from {
        row("promoted from", candidate.to_string());
    }
    if let Some(tag) = &found.answer.about.tag {
        row("tag", format!("{} (serial {})", tag.tag, tag.serial));
    }
    for withdrawn in &found.answer.about.withdrawn {
        row("WITHDRAWN", format!("{}: {}", withdrawn.key, withdrawn.why()));
    }
    for (name, note) in notes {
        row(name, note);
    }
    format!("{}\n{}", head.render(), super::list::table(&document.builds).render())
}

/// A document that cannot be read.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("could not read `{}`", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    #[error("`{}` is no distribution", .0.display())]
    Malformed(PathBuf, #[source] serde_json::Error),
    #[error("the server would refuse `{}`", .0.display())]
    Fault(PathBuf, #[source] larder_schema::distribution::DistributionFault),
}

async fn publish(remote: &Remote, file: PathBuf, session: &Session) -> Result<Exit, Failure> {
    let bytes = std::fs::read(&file)
        .map_err(|error| Failure::failed(Unreadable::Read(file.clone(), error)))?;
    let document: Distribution = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(Exit::Usage, Unreadable::Malformed(file.clone(), error)))?;
    if let Some(fault) = document.fault() {
        return Err(Failure::new(Exit::Usage, Unreadable::Fault(file, fault)));
    }
    let answer: PublishAnswer = remote.post(&paths::distributions(), &document).await?;
    for warning in &answer.warnings {
        session.progress.warn(warning);
    }
    session.output.answer(&answer, || {
        answer.distribution.iter().map(|one| distributed(one) + "\n").collect()
    })?;
    Ok(Exit::Done)
}
