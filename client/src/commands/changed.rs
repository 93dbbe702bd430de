//! What commands that change something share: how it is done, and how it is told.

use larder_schema::api::{DistributionSummary, TagState};

use super::Session;
use super::table::Table;
use crate::environment::Environment;
use crate::error::{Exit, Failure};
use crate::find;
use crate::install::{self, Installed, Installer, Request};
use crate::plan::Change;
use crate::remote::Remote;
use crate::store::Store;

/// Changes an environment, and tells what a person should know.
pub(super) async fn carry_out(
    request: Request,
    remote: Option<&Remote>,
    session: &Session,
) -> Result<Installed, Failure> {
    let store = Store::open(&session.store_folder()?)?;
    let installer = Installer { remote, store: &store, progress: session.progress };
    let current = Environment::open(&request.prefix).and_then(|there| there.current());
    let has_something = current.is_ok_and(|generation| !generation.lock.targets.is_empty());
    let installed = installer.install(request).await.map_err(|error| {
        let is_resolving = matches!(&error, install::Error::Find(find::Error::Resolve(_)));
        let failure = Failure::from(error);
        match is_resolving && has_something && failure.exit == Exit::No {
            true => failure.hint(
                "what the environment has must go together with it: `larder remove NAME` takes out \
                 what stands in the way",
            ),
            false => failure,
        }
    })?;
    for warning in &installed.warnings {
        session.progress.warn(warning);
    }
    for note in &installed.notes {
        session.progress.note(note);
    }
    Ok(installed)
}

/// What is installed now.
pub(super) fn what(installed: &Installed) -> String {
    [&installed.distributions[..], &installed.products].concat().join(", ")
}

/// The generation that was made, and its digest.
pub(super) fn made(installed: &Installed) -> String {
    format!(
        "generation {} ({} fetched, {} reused)\ndigest {}\n",
        installed.generation,
        indicatif::HumanBytes(installed.fetched_bytes),
        indicatif::HumanBytes(installed.reused_bytes),
        installed.digest
    )
}

/// What changed, one package a line.
pub(super) fn changes(changes: &[Change]) -> String {
    let mut table = Table::bare();
    for Change { product, from, to } in changes {
        let (sign, build) = match (from, to) {
            (None, Some(to)) => ("+", to.to_string()),
            (Some(from), None) => ("-", from.to_string()),
            (Some(from), Some(to)) => ("~", format!("{from} → {to}")),
            (None, None) => continue,
        };
        table.row([sign.to_owned(), product.to_string(), build]);
    }
    table.render()
}

/// A distribution that was published.
pub(super) fn distributed(one: &DistributionSummary) -> String {
    let DistributionSummary { name, version, platform, digest, .. } = one;
    format!("distribution {name}@{version} for {platform}, {digest}")
}

/// A tag that was moved.
pub(super) fn tagged(TagState { tag, name, version, serial, .. }: &TagState) -> String {
    format!("tag {tag} → {name}@{version} (move {serial})")
}
