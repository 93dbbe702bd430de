//! `larder tag`: moves and lists tags.

use clap::{Args, Subcommand};
use larder_schema::api::{Expected, TagRequest, TagState, TagsAnswer, paths};
use larder_schema::{DistributionVersion, Label, ProblemKind, ProductName};

use super::Session;
use super::table::Table;
use crate::error::{Exit, Failure};
use crate::remote::{self, Remote};

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
        TagCommand::Set { name, tag, version } => {
            let state = set(&remote, &name, &tag, version).await?;
            session.output.answer(&state, || {
                format!("{name}: {tag} names {} (serial {})", state.version, state.serial)
            })?;
        }
        TagCommand::List { name } => {
            let tags: TagsAnswer = remote.get(&paths::tags(&name), &[]).await?;
            session.output.answer(&tags, || describe(&tags))?;
        }
    }
    Ok(Exit::Done)
}

/// Reads where the tag stands and moves it from there, and from nowhere else.
async fn set(
    remote: &Remote,
    name: &ProductName,
    tag: &Label,
    version: DistributionVersion,
) -> Result<TagState, Failure> {
    let expected = match remote.get::<TagsAnswer>(&paths::tags(name), &[]).await {
        Ok(tags) => match tags.items.iter().find(|state| state.tag == *tag) {
            Some(state) => Expected::Serial(state.serial),
            None => Expected::Nowhere,
        },
        Err(error) if error.is_unknown() => Expected::Nowhere,
        Err(error) => return Err(error.into()),
    };
    let request = TagRequest { version, expected, require: Vec::new() };
    remote.put(&paths::tag(name, tag), &request).await.map_err(lost)
}

fn lost(error: remote::Error) -> Failure {
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
