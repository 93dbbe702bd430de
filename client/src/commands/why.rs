//! `larder why` and `larder tree`: who needs whom in an environment or a lock.

use std::path::PathBuf;

use clap::Args;
use larder_schema::ProductName;
use larder_schema::api::Page;

use super::Session;
use crate::environment::Environment;
use crate::error::{Exit, Failure};
use crate::graph::{Chain, Graph, Node};
use crate::lock::Lock;
use crate::printable::line;

/// An environment, or a lock.
#[derive(Args, Clone, Debug)]
pub struct OfWhat {
    /// The environment's folder
    #[arg(long, env = "LARDER_PREFIX", value_name = "ENV")]
    prefix: Option<PathBuf>,
    /// A lock in place of an environment
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
}

/// Arguments of `larder why`.
#[derive(Args, Debug)]
#[command(after_help = "Each line leads from what was asked for to the product, with what is \
                        needed at each step; the shortest comes first.")]
pub struct WhyArgs {
    /// The product
    pub product: ProductName,
    /// In what
    #[command(flatten)]
    pub of: OfWhat,
}

/// Arguments of `larder tree`.
#[derive(Args, Debug)]
#[command(after_help = "(*): what it needs stands further up.")]
pub struct TreeArgs {
    /// In what
    #[command(flatten)]
    pub of: OfWhat,
    /// How deep to go
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
}

impl OfWhat {
    fn lock(&self, session: &Session) -> Result<Lock, Failure> {
        if let Some(path) = &self.lock {
            return Lock::read(path).map_err(Failure::failed);
        }
        let Some(prefix) = &self.prefix else {
            return Err(Failure::usage(
                "in which environment? give `--prefix ENV` or `--lock FILE`",
            ));
        };
        let environment = Environment::open(prefix)?;
        let generation = environment.current()?;
        session.keep_trees_of(&environment, &generation);
        Ok(generation.lock)
    }
}

/// Runs `larder why`.
pub fn why(args: WhyArgs, session: &Session) -> Result<Exit, Failure> {
    let lock = args.of.lock(session)?;
    let Some(why) = Graph::of(&lock).why(&args.product) else {
        return Err(Failure::no(format!("`{}` is not there", args.product))
            .hint("`larder tree` shows all that is"));
    };
    session.output.answer(&why, || {
        let mut text: String = why.chains.iter().map(chain).collect();
        if why.more {
            text.push_str("… and more\n");
        }
        text
    })?;
    Ok(Exit::Done)
}

fn chain(chain: &Chain) -> String {
    let mut text = line(&chain.asked).into_owned();
    for link in &chain.links {
        let needed =
            link.requirement.as_ref().map_or(String::new(), |needed| format!(" ({needed})"));
        text.push_str(&format!(" → {}@{}{needed}", link.product, link.build));
    }
    text + "\n"
}

/// Runs `larder tree`.
pub fn tree(args: TreeArgs, session: &Session) -> Result<Exit, Failure> {
    let lock = args.of.lock(session)?;
    let items = Graph::of(&lock).tree(args.depth.unwrap_or(usize::MAX));
    let page = Page { items, next: None };
    session.output.answer(&page, || drawn(&page.items))?;
    Ok(Exit::Done)
}

/// A tree, as `cargo tree` draws one.
fn drawn(nodes: &[Node]) -> String {
    let mut text = String::new();
    // Whether something still comes below at each depth.
    let mut goes_on: Vec<bool> = Vec::new();
    for node in nodes {
        goes_on.truncate(node.depth.saturating_sub(1));
        for goes_on in &goes_on {
            text.push_str(if *goes_on { "│   " } else { "    " });
        }
        if node.depth > 0 {
            text.push_str(if node.last { "└── " } else { "├── " });
            goes_on.push(!node.last);
        }
        text.push_str(&line(&node.name));
        text.push_str(if node.repeated { " (*)\n" } else { "\n" });
    }
    text
}
