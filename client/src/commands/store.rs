//! `larder store`: looks after the store.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use larder_schema::TreeChecksum;
use serde::Serialize;
use serde_json::json;

use super::Session;
use super::table::Table;
use crate::environment::{Dropped, Environment};
use crate::error::{Exit, Failure};
use crate::printable::line;
use crate::store::{Cleaned, Store};
use crate::verify::check_tree;

/// Arguments of `larder store`.
#[derive(Args, Debug)]
pub struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Say where it is
    Path,
    /// List the trees in it, and which packages they are
    List,
    /// Say how large it is
    Size,
    /// Compare every tree, byte by byte, with its checksum
    Check,
    /// Remove what no environment uses
    #[command(
        after_help = "An environment uses what any of its generations is made from, so that \
                            it can go back. With --keep-generations older ones are dropped first, \
                            but never the current one, nor one that `larder run` or a shell with \
                            `larder activate` runs in. What closes all that it inherits is not \
                            seen to run there, nor is a shell of fish."
    )]
    Clean {
        /// In every environment of this store keep the N newest generations alone
        #[arg(long, value_name = "N")]
        keep_generations: Option<usize>,
    },
}

/// Runs `larder store`.
pub async fn run(args: StoreArgs, session: &Session) -> Result<Exit, Failure> {
    let folder = session.store_folder()?;
    if let StoreCommand::Path = args.command {
        let path = std::path::absolute(&folder).unwrap_or(folder);
        session.output.answer(&json!({ "path": path }), || path.display().to_string())?;
        return Ok(Exit::Done);
    }
    let store = Store::open(&folder)?;
    match args.command {
        StoreCommand::Path | StoreCommand::List => list(&store, session),
        StoreCommand::Size => size(&store, session),
        StoreCommand::Check => check(&store, session),
        StoreCommand::Clean { keep_generations } => clean(&store, keep_generations, session),
    }
}

/// Which packages trees are, as far as environments that can be read say.
fn names(store: &Store) -> Result<HashMap<TreeChecksum, String>, Failure> {
    let mut names = HashMap::new();
    for folder in store.environments()? {
        let Ok(environment) = Environment::open(&folder) else { continue };
        for number in environment.generations().unwrap_or_default() {
            let Ok(generation) = environment.generation(number) else { continue };
            for record in generation.lock.records {
                if let Some(tree) = record.tree {
                    names.insert(tree, format!("{}@{}", record.product, record.name()));
                }
            }
        }
    }
    Ok(names)
}

fn list(store: &Store, session: &Session) -> Result<Exit, Failure> {
    let names = names(store)?;
    let trees = store.trees()?;
    let items: Vec<_> = trees
        .iter()
        .map(|one| json!({ "tree": one.tree, "bytes": one.bytes, "build": names.get(&one.tree) }))
        .collect();
    session.output.answer(&json!({ "items": items, "next": null }), || {
        let mut table = Table::new(["TREE", "SIZE", "PACKAGE"]).right(1);
        for one in &trees {
            let size = one.bytes.map_or("?".to_owned(), |n| indicatif::HumanBytes(n).to_string());
            let name = names.get(&one.tree).cloned().unwrap_or_else(|| "-".to_owned());
            table.row([one.tree.to_string(), size, name]);
        }
        table.render()
    })?;
    Ok(Exit::Done)
}

fn size(store: &Store, session: &Session) -> Result<Exit, Failure> {
    let trees = store.trees()?;
    let bytes: u64 = trees.iter().filter_map(|one| one.bytes).sum();
    let environments = store.environments()?.len();
    let answer = json!({ "trees": trees.len(), "bytes": bytes, "environments": environments });
    session.output.answer(&answer, || {
        let bytes = indicatif::HumanBytes(bytes);
        format!("{bytes} in {} trees, for {environments} environments", trees.len())
    })?;
    Ok(Exit::Done)
}

fn check(store: &Store, session: &Session) -> Result<Exit, Failure> {
    let names = names(store)?;
    let _adding = store.add()?;
    let mut damage = Vec::new();
    let trees = store.trees()?;
    for one in &trees {
        for (path, kind) in check_tree(store, &one.tree) {
            damage.push((one.tree, path, kind));
        }
    }
    let items: Vec<_> = damage
        .iter()
        .map(|(tree, path, kind)| json!({ "tree": tree, "path": path, "kind": kind }))
        .collect();
    let ok = damage.is_empty();
    session.output.answer(&json!({ "ok": ok, "damage": items }), || {
        if ok {
            return format!("{} trees are what they should be", trees.len());
        }
        let mut table = Table::bare();
        for (tree, path, kind) in &damage {
            let name = names.get(tree).cloned().unwrap_or_else(|| tree.to_string());
            table.row([kind.word().to_owned(), name, path.clone()]);
        }
        table.render()
    })?;
    if !ok {
        session.progress.note("hint: `larder verify --repair` mends what an environment uses");
    }
    Ok(if ok { Exit::Done } else { Exit::No })
}

/// Generations that were dropped in one environment.
#[derive(Serialize)]
struct Thinned {
    environment: PathBuf,
    #[serde(flatten)]
    dropped: Dropped,
}

/// What a clean-up did.
#[derive(Serialize)]
struct Clean {
    #[serde(flatten)]
    cleaned: Cleaned,
    generations: Vec<Thinned>,
}

fn clean(store: &Store, keep: Option<usize>, session: &Session) -> Result<Exit, Failure> {
    // Before the store is taken: who installs holds the store while it waits for an environment.
    let generations = match keep {
        Some(keep) => thin(store, keep, session)?,
        None => Vec::new(),
    };
    let cleaned = store.clean(|| {
        session.progress.note("waiting for another larder that works in the store");
    })?;
    let clean = Clean { cleaned, generations };
    session.output.answer(&clean, || describe(&clean))?;
    Ok(Exit::Done)
}

/// Drops old generations; an environment that cannot be changed is left alone, with a warning.
fn thin(store: &Store, keep: usize, session: &Session) -> Result<Vec<Thinned>, Failure> {
    let mut all = Vec::new();
    for folder in store.environments()?.into_iter().filter(|folder| folder.exists()) {
        let thinned = Environment::open(&folder).and_then(|environment| {
            let right = environment.change(|| {
                session.progress.note("waiting for another larder that changes an environment");
            })?;
            environment.drop_old(&right, keep)
        });
        match thinned {
            Ok(dropped) => all.push(Thinned { environment: folder, dropped }),
            Err(error) => session.progress.warn(error),
        }
    }
    Ok(all)
}

fn describe(Clean { cleaned, generations }: &Clean) -> String {
    let place = |path: &PathBuf| line(&path.display().to_string()).into_owned();
    let listed =
        |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let mut text = String::new();
    for Thinned { environment, dropped: Dropped { dropped, in_use } } in generations {
        if !dropped.is_empty() {
            text += &format!("Dropped generations {} of {}\n", listed(dropped), place(environment));
        }
        if !in_use.is_empty() {
            text += &format!("Kept what is in use of {}: {}\n", place(environment), listed(in_use));
        }
    }
    for gone in &cleaned.environments {
        text += &format!("Forgot the environment {}: it is gone\n", place(gone));
    }
    let bytes = indicatif::HumanBytes(cleaned.bytes);
    text + &format!("Removed {} trees, {bytes}", cleaned.trees)
}
