//! Publishes records: many in one call, and one by one where the server refuses them together.

use std::collections::BTreeMap;

use larder_schema::BuildKey;
use larder_schema::api::{PublishAnswer, PublishRequest, paths};

use super::bring::{Brought, Way};
use super::report::{Mapped, Note, Report};
use super::{Error, ends_all, mapped};
use crate::publish::{Offer, Order, conflict};
use crate::remote;

/// Publishes what has `arrived`.
pub async fn all(
    way: &Way,
    arrived: Vec<Brought>,
    came: &mut BTreeMap<usize, BuildKey>,
    report: &mut Report,
    hear: &mut dyn FnMut(&Mapped),
) -> Result<(), Error> {
    if arrived.is_empty() {
        return Ok(());
    }
    match ask(way, &arrived).await {
        Ok(answer) => {
            for brought in arrived {
                came_in(way, brought, &answer, came, report, hear);
            }
            return Ok(());
        }
        Err(error) if ends_all(&error) => return Err(error.into()),
        Err(_) => {}
    }
    for brought in arrived {
        match ask(way, std::slice::from_ref(&brought)).await {
            Ok(answer) => came_in(way, brought, &answer, came, report, hear),
            Err(error) if ends_all(&error) => return Err(error.into()),
            Err(error) => refuse(way, brought, error, report).await,
        }
    }
    Ok(())
}

async fn ask(way: &Way, brought: &[Brought]) -> Result<PublishAnswer, remote::Error> {
    let builds = brought.iter().map(|brought| brought.build.clone()).collect();
    let request = PublishRequest { builds, distribution: None, tags: Vec::new() };
    way.remote.post(&paths::builds(), &request).await
}

fn came_in(
    way: &Way,
    brought: Brought,
    answer: &PublishAnswer,
    came: &mut BTreeMap<usize, BuildKey>,
    report: &mut Report,
    hear: &mut dyn FnMut(&Mapped),
) {
    let package = &way.shelf.packages[brought.index];
    let mapped = mapped(package, None);
    hear(&mapped);
    came.insert(brought.index, mapped.key.clone());
    let what = package.shown();
    report.notes.extend(brought.notes.into_iter().map(|note| Note { what: what.clone(), note }));
    report.sent_bytes += brought.sent;
    // Another run may have published it meanwhile.
    let list = if answer.existing.contains(&mapped.key) {
        &mut report.existing
    } else {
        &mut report.imported
    };
    list.push(mapped);
}

/// A record that the server refuses.
#[derive(Debug, thiserror::Error)]
#[error("the server refuses its record{}", .differences.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
struct RecordRefused {
    differences: Option<String>,
    #[source]
    source: remote::Error,
}

async fn refuse(way: &Way, brought: Brought, error: remote::Error, report: &mut Report) {
    let offer = Offer { build: brought.build, file: None };
    let order = Order { offers: vec![offer], ..Order::default() };
    let differences = conflict::explain(&way.remote, &order, &error).await;
    let refused = RecordRefused { differences, source: error };
    report.refuse(way.shelf.packages[brought.index].shown(), &refused);
}
