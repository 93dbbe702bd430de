//! `larder store`: looks after the store.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use larder_schema::TreeChecksum;
use serde_json::json;

use super::Session;
use super::table::Table;
use crate::environment::Environment;
use crate::error::{Exit, Failure};
use crate::printable::line;
use crate::store::Store;
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
    Clean,
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
        StoreCommand::Clean => clean(&store, session),
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

fn clean(store: &Store, session: &Session) -> Result<Exit, Failure> {
    let cleaned = store.clean(|| {
        session.progress.note("waiting for another larder that works in the store");
    })?;
    session.output.answer(&cleaned, || {
        let mut text = String::new();
        for gone in &cleaned.environments {
            text.push_str(&format!(
                "Forgot the environment {}: it is gone\n",
                line(&gone.display().to_string())
            ));
        }
        let bytes = indicatif::HumanBytes(cleaned.bytes);
        text + &format!("Removed {} trees, {bytes}", cleaned.trees)
    })?;
    Ok(Exit::Done)
}
