//! `larder history`: who changed an environment, when, by which command and why.

use clap::Args;
use larder_schema::api::Page;
use serde::Serialize;

use super::Session;
use super::table::Table;
use crate::cli::Prefix;
use crate::environment::{Environment, Leads, Told};
use crate::error::{Exit, Failure};

/// Arguments of `larder history`.
#[derive(Args, Debug)]
#[command(
    after_help = "The last change stands first; `*` marks the one that made what is current. \
                        An install makes a generation, a rollback goes to one that was there."
)]
pub struct HistoryArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
}

/// One change, as it is told.
#[derive(Serialize)]
struct Item {
    #[serde(flatten)]
    told: Told,
    /// Whether it made what is current.
    current: bool,
    /// Whether the generation that it led to is still there.
    kept: bool,
}

/// Runs `larder history`.
pub fn run(args: HistoryArgs, session: &Session) -> Result<Exit, Failure> {
    let environment = Environment::open(&args.prefix.prefix)?;
    let page = Page { items: items(&environment)?, next: None };
    session.output.answer(&page, || table(&page.items).render())?;
    Ok(Exit::Done)
}

/// All changes, the last first.
fn items(environment: &Environment) -> Result<Vec<Item>, Failure> {
    let there = environment.generations()?;
    let current = environment.leads();
    let mut is_found = false;
    let history = environment.history()?.into_iter().rev();
    let items = history.map(|told| {
        let leads_here = told.done && current == Leads::To(told.switch.to);
        let current = leads_here && !is_found;
        is_found |= current;
        Item { current, kept: there.contains(&told.switch.to), told }
    });
    Ok(items.collect())
}

fn table(items: &[Item]) -> Table {
    let mut table = Table::new(["", "GENERATION", "WHEN", "WHO", "COMMAND", "CHANGED", "REASON"]);
    for item in items {
        let (switch, deed) = (&item.told.switch, &item.told.switch.deed);
        let from = switch.from.map_or(String::new(), |from| format!("{from} → "));
        let state = match (item.told.done, item.kept) {
            (false, _) => " (broke off)",
            (true, false) => " (dropped)",
            (true, true) => "",
        };
        table.row([
            if item.current { "*" } else { "" }.to_owned(),
            format!("{from}{}{state}", switch.to),
            deed.at.to_string(),
            deed.by.clone(),
            deed.command.clone(),
            switch.changes.clone(),
            deed.reason.as_ref().map_or(String::new(), ToString::to_string),
        ]);
    }
    table
}
