//! `larder identify`: what is this?

use std::io;
use std::path::PathBuf;

use clap::Args;
use larder_schema::api::{DistributionName, Holder};

use super::Session;
use super::table::Table;
use crate::error::{Exit, Failure};
use crate::identify::{self, Answer, Folder, Subject, identify, place, read_lines};
use crate::printable::line;

/// Arguments of `larder identify`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit code 3: something that was named is not known, or nothing in a folder is."
)]
pub struct IdentifyArgs {
    /// Files, folders, environments, checksums, or `-` for lines of `sha256sum`
    #[arg(required = true, value_name = "PATH|CHECKSUM|-")]
    pub subjects: Vec<PathBuf>,
}

/// The most holders and files that are printed for people.
const SHOWN: usize = 20;

/// Runs `larder identify`.
pub async fn run(args: IdentifyArgs, session: &Session) -> Result<Exit, Failure> {
    let remote = session.remote()?;
    let mut subjects = Vec::new();
    for argument in &args.subjects {
        if argument.as_os_str() == "-" {
            let lines = read_lines(io::stdin().lock())?.into_iter();
            subjects.extend(lines.map(|line| Subject::Checksum(line.checksum, line.name)));
        } else {
            subjects.push(Subject::of(argument)?);
        }
    }
    let answer = identify(&remote, subjects).await?;
    session.output.answer(&answer, || describe(&answer))?;
    Ok(if answer.has_unknown() { Exit::No } else { Exit::Done })
}

fn describe(answer: &Answer) -> String {
    let holders = answer.by_checksum();
    let mut text = String::new();
    for asked in &answer.asked {
        match &asked.name {
            Some(name) => text.push_str(&format!("{}\n  {}\n", line(name), asked.checksum)),
            None => text.push_str(&format!("{}\n", asked.checksum)),
        }
        match holders.get(&asked.checksum) {
            None => text.push_str("  not known\n"),
            Some(holders) => {
                let more = answer.more.iter().find(|more| more.checksum == asked.checksum);
                let total = more.map_or(holders.len(), |more| {
                    usize::try_from(more.total).unwrap_or(usize::MAX)
                });
                text.push_str(&describe_holders(holders, total));
            }
        }
    }
    answer.folders.iter().for_each(|folder| text.push_str(&describe_folder(folder)));
    text
}

fn describe_holders(holders: &[&Holder], total: usize) -> String {
    let mut table = Table::bare();
    for holder in holders.iter().take(SHOWN) {
        let withdrawn = if holder.withdrawn { ", WITHDRAWN" } else { "" };
        table.row([
            format!("  {}{withdrawn}", place(holder)),
            in_distributions(&holder.distributions),
        ]);
    }
    let mut text = table.render();
    if total > SHOWN {
        text.push_str(&format!("  and {} more\n", total - SHOWN.min(holders.len())));
    }
    text
}

/// `in lsst_distrib@17.0.1, …`, or nothing.
fn in_distributions(distributions: &[DistributionName]) -> String {
    const MOST: usize = 5;
    if distributions.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = distributions
        .iter()
        .take(MOST)
        .map(|one| format!("{}@{}", one.name, one.version))
        .collect();
    let more = match distributions.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("in {}{more}", shown.join(", "))
}

fn describe_folder(folder: &Folder) -> String {
    let mut text = format!("{}\n", line(&folder.path));
    if let Some(digest) = folder.digest {
        text.push_str(&format!("  an environment, as it was installed: {digest}\n"));
    }
    let mut table = Table::bare();
    for one in &folder.builds {
        let key = &one.build;
        let how = match (one.whole, folder.files) {
            (true, 0) => String::new(),
            (true, files) => format!("all of it, {files} files"),
            (false, files) => format!("{} of {files} files", one.files),
        };
        table.row([
            format!("  {}@{}", key.product, key.build),
            key.platform.to_string(),
            if one.withdrawn { format!("{how} WITHDRAWN") } else { how },
            in_distributions(&one.distributions),
        ]);
    }
    text.push_str(&table.render());
    for path in folder.unexplained.iter().take(SHOWN) {
        text.push_str(&format!("  not known: {}\n", line(path)));
    }
    if folder.unexplained.len() > SHOWN {
        text.push_str(&format!("  not known: {} more\n", folder.unexplained.len() - SHOWN));
    }
    if folder.builds.is_empty() && folder.unexplained.is_empty() {
        text.push_str("  nothing in it is known\n");
    }
    text
}

impl From<identify::Error> for Failure {
    fn from(error: identify::Error) -> Self {
        use identify::Error;
        match error {
            Error::Remote(error) => Self::of_question(error),
            Error::Environment(error) => error.into(),
            Error::Line { .. } | Error::Special { .. } => Self::new(Exit::Usage, error),
            Error::Read { .. } => Self::failed(error),
        }
    }
}
