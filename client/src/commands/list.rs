//! `larder list`: which packages an environment has.

use clap::Args;
use larder_schema::Listed;
use larder_schema::api::{Page, Withdrawal};
use serde::Serialize;

use super::table::Table;
use super::{Session, withdrawn};
use crate::cli::Prefix;
use crate::environment::Environment;
use crate::error::{Exit, Failure};
use crate::lookup::WithdrawnDistribution;

/// Arguments of `larder list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which environment
    #[command(flatten)]
    pub prefix: Prefix,
}

/// Runs `larder list`.
pub async fn run(args: ListArgs, session: &Session) -> Result<Exit, Failure> {
    let environment = Environment::open(&args.prefix.prefix)?;
    let generation = environment.current()?;
    session.keep_trees_of(&environment, &generation);
    let items: Result<Vec<Listed>, _> = generation.lock.records.iter().map(Listed::of).collect();
    let mut items = items.map_err(Failure::failed)?;
    items.sort_by(|one, two| one.product.cmp(&two.product));
    let withdrawn = withdrawn::since(session, &generation.lock).await;
    let text = format!("{}{}", table(&items).render(), withdrawn::lines(&withdrawn));
    let why = |listed: &Listed| {
        let found = withdrawn.builds.iter().find(|one| one.key == listed.key());
        found.map(|one| one.why())
    };
    let items = items.into_iter().map(|listed| Item { withdrawn: why(&listed), listed }).collect();
    let page = Page { items, next: None };
    let listing = Listing { page, withdrawn_distributions: &withdrawn.distributions };
    session.output.answer(&listing, || text)?;
    Ok(Exit::Done)
}

/// The builds of an environment, and which of its distributions were withdrawn.
#[derive(Serialize)]
struct Listing<'a> {
    #[serde(flatten)]
    page: Page<Item>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    withdrawn_distributions: &'a [WithdrawnDistribution],
}

/// A build, and why it was withdrawn if it was.
#[derive(Serialize)]
struct Item {
    #[serde(flatten)]
    listed: Listed,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<Withdrawal>,
}

/// Builds, one a line.
pub(super) fn table(builds: &[Listed]) -> Table {
    let mut table = Table::new(["PRODUCT", "BUILD", "PLATFORM", "SIZE"]).right(3);
    for listed in builds {
        let size =
            listed.size.map_or("-".to_owned(), |size| indicatif::HumanBytes(size).to_string());
        table.row([
            listed.product.to_string(),
            listed.build.to_string(),
            listed.platform.to_string(),
            size,
        ]);
    }
    table
}
