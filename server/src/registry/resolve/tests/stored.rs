//! The same catalogs and questions on SQLite.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use larder_schema::api::{StatementKind, StatementRequest};
use larder_schema::{Build, Digest, Distribution, Listed, ResolveAnswer};
use serde_json::json;

use super::catalog::Memory;
use crate::catalog::{Act, Catalog, Publication, Sqlite};
use crate::registry::resolve::pool::Budget;
use crate::registry::resolve::terms::Terms;
use crate::registry::resolve::{ResolveError, resolve};

fn act() -> Act {
    Act { by: "ci".parse().unwrap(), at: "2026-11-23T06:00:00Z".parse().unwrap() }
}

/// The builds in the order of their publication, as records.
fn records(memory: &Memory) -> Vec<(Build, Digest)> {
    let records = memory.builds.iter().map(|(product, candidate)| {
        let needed = memory.run[&candidate.seq].iter().map(|needed| {
            let against = needed.against.as_ref().map(|build| json!({ "build": build }));
            json!({
                "product": needed.product, "requirement": needed.requirement,
                "built_against": against
            })
        });
        let build: Build = serde_json::from_value(json!({
            "product": product, "version": candidate.name.version, "build": candidate.name.build,
            "platform": candidate.platform, "archive": null, "role": candidate.role,
            "abi": candidate.abi, "needs": candidate.needs, "test": candidate.test,
            "dependencies": needed.collect::<Vec<_>>(),
        }))
        .unwrap();
        let digest = build.digest().unwrap();
        (build, digest)
    });
    records.collect()
}

async fn store(catalog: &Sqlite, memory: &Memory) {
    let records = records(memory);
    let builds = Publication {
        builds: records.clone(),
        distribution: None,
        tags: Vec::new(),
        twins: false,
        new_products: true,
    };
    catalog.record(&builds, &act()).await.unwrap().unwrap();
    for (seq, stage) in &memory.stages {
        let (build, _) = &records[usize::try_from(*seq).unwrap() - 1];
        let document: Distribution = serde_json::from_value(json!({
            "name": "weekly", "version": format!("w_{seq}"), "platform": "any", "stage": stage,
            "builds": [Listed::of(build).unwrap()],
        }))
        .unwrap();
        let digest = document.digest().unwrap();
        let distribution = Some((document, digest));
        let one = Publication {
            builds: Vec::new(),
            distribution,
            tags: Vec::new(),
            twins: false,
            new_products: true,
        };
        catalog.record(&one, &act()).await.unwrap().unwrap();
    }
    for ((_, candidate), (_, digest)) in memory.builds.iter().zip(&records) {
        if let Some(withdrawal) = &candidate.withdrawn {
            let said = StatementRequest {
                subject: *digest,
                kind: StatementKind::Withdrawn,
                reason: withdrawal.reason.clone(),
                replaced_by: withdrawal.replaced_by.clone(),
            };
            catalog.state(&said, &act()).await.unwrap();
        }
    }
}

/// What the resolver says when the builds lie in SQLite.
pub(super) async fn resolved(memory: &Memory, terms: Terms) -> Result<ResolveAnswer, ResolveError> {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Sqlite::open(&folder.path().join("catalog.sqlite")).unwrap();
    store(&catalog, memory).await;
    let (sender, receiver) = std::sync::mpsc::channel();
    let work = move |source: &dyn crate::catalog::Candidates| {
        let gone = AtomicBool::new(false);
        let deadline = Instant::now() + Duration::from_secs(60);
        let budget = Budget { steps: 100_000, candidates: 10_000, deadline, gone: &gone };
        sender.send(resolve(source, &terms, budget, true)).unwrap();
    };
    catalog.with_candidates(Box::new(work)).await.unwrap();
    receiver.recv().unwrap()
}
