//! `larder tag`: moves and lists tags.

use clap::{Args, Subcommand};
use larder_schema::api::{TagState, TagsAnswer, paths};
use larder_schema::{DistributionVersion, Label, Platform, ProblemKind, ProductName};

use super::Session;
use super::table::Table;
use crate::error::{Exit, Failure};
use crate::remote::{self, Remote};
use crate::tag::Move;

/// Arguments of `larder tag`.
#[derive(Args, Debug)]
pub struct TagArgs {
    #[command(subcommand)]
    command: TagCommand,
}

#[derive(Debug, Subcommand)]
enum TagCommand {
    /// Let a tag name a version; refused if somebody else moves it at the same moment
    Set {
        /// The distribution
        name: ProductName,
        /// The tag, such as `current`
        tag: Label,
        /// The version that it shall name
        version: DistributionVersion,
        /// A platform that the version must be there for; otherwise the tag stays
        #[arg(long, value_name = "PLATFORM")]
        require: Vec<Platform>,
    },
    /// Say where each tag of a distribution stands, and where it stood
    List {
        /// The distribution
        name: ProductName,
    },
}

/// Runs `larder tag`.
pub async fn run(args: TagArgs, session: &Session) -> Result<Exit, Failure> {
    let remote = session.remote()?;
    match args.command {
        TagCommand::Set { name, tag, version, require } => {
            let wanted = Move { name, tag, version, require };
            let state = wanted.carry_out(&remote).await.map_err(lost)?;
            session.output.answer(&state, || {
                let TagState { name, tag, version, serial, .. } = &state;
                format!("{name}: {tag} names {version} (serial {serial})")
            })?;
        }
        TagCommand::List { name } => {
            let tags = all(&remote, &name).await.map_err(Failure::of_question)?;
            session.output.answer(&tags, || describe(&tags))?;
        }
    }
    Ok(Exit::Done)
}

/// The tags, with all their moves.
async fn all(remote: &Remote, name: &ProductName) -> Result<TagsAnswer, remote::Error> {
    let path = paths::tags(name);
    let mut tags: TagsAnswer = remote.get(&path, &[]).await?;
    while let Some(cursor) = tags.next.take() {
        let page: TagsAnswer = remote.get(&path, &[("cursor", &cursor)]).await?;
        // A server that repeats itself is not followed for ever.
        tags.next = page.next.filter(|next| *next != cursor && !page.history.is_empty());
        tags.history.extend(page.history);
    }
    Ok(tags)
}

pub(super) fn lost(error: remote::Error) -> Failure {
    let moved = error.kind() == Some(ProblemKind::Moved);
    let failure = Failure::from(error);
    if moved { failure.hint("look with `larder tag list`, and decide again") } else { failure }
}

fn describe(tags: &TagsAnswer) -> String {
    let table = |states: &[TagState]| {
        let mut table = Table::new(["TAG", "VERSION", "SERIAL", "MOVED", "BY"]).right(2);
        for state in states {
            table.row([
                state.tag.to_string(),
                state.version.to_string(),
                state.serial.to_string(),
                state.at.to_string(),
                state.by.to_string(),
            ]);
        }
        table.render()
    };
    format!("{}\nHistory, the last move first:\n\n{}", table(&tags.items), table(&tags.history))
}
