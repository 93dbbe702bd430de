//! One plan and what it fetches, beside what a build tool does without it: for each product one request
//! that asks whether its binary is there, by fetching it, and one that fetches it again. Both over a
//! distance.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use larder_schema::plan::Source;
use larder_schema::{Checksum, Platform, Sha256};

use super::distance::{Distance, Passed};
use super::synthetic::{Synthetic, graph};
use larder_benches::api::Api;
use larder_benches::figures::larder;
use larder_benches::server::Server;

/// Bytes of one archive's file.
const ARCHIVE: usize = 256 * 1024;

/// What one way took.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) took: Duration,
    pub(crate) passed: Passed,
}

/// Publishes a binary of each of `sources`, and fetches all of them in both ways.
pub(crate) async fn compare(
    sources: &[Source],
    platform: &Platform,
    away: Duration,
) -> Result<[Way; 2]> {
    let sandbox = tempfile::tempdir()?;
    let server = Server::start(sandbox.path())?;
    let api = Api::new(server.origin(), server.token()?)?;
    let mut stack = Synthetic::new(graph(sources), 1, ARCHIVE, platform.clone())?;
    let mut sums = Vec::new();
    for parcel in stack.archives() {
        api.upload(parcel).await?;
        sums.push(parcel.sha256);
    }
    let changed = stack.change()?;
    let builds = stack.build(changed)?;
    api.publish(builds, None).await?;
    let list = sandbox.path().join("sources.json");
    let asked = serde_json::json!({ "sources": stack.sources(0)?, "platform": platform });
    std::fs::write(&list, asked.to_string())?;
    let distance = Distance::new(server.origin(), away).await?;

    let asking = one_by_one(&distance, &sums).await?;
    let planning = planned(&distance, &list, sandbox.path(), sums.len()).await?;
    Ok([asking, planning])
}

/// A new connection for each request, one after the other, as `requests.get` and the download after it
/// have it.
async fn one_by_one(distance: &Distance, sums: &[Sha256]) -> Result<Way> {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    let began = Instant::now();
    for sum in sums {
        for _ in 0..2 {
            let path = larder_schema::api::paths::blob(&Checksum::Sha256(*sum));
            let answer = client.get(format!("{}{path}", distance.origin())).send().await?;
            let bytes = answer.error_for_status()?.bytes().await?;
            ensure!(Sha256::of(&bytes) == *sum, "other bytes came");
        }
    }
    let took = began.elapsed();
    Ok(Way {
        name: "a request for each product, then its download",
        took,
        passed: distance.passed(),
    })
}

async fn planned(distance: &Distance, list: &Path, home: &Path, products: usize) -> Result<Way> {
    let (origin, to, home) = (distance.origin(), home.join("fetched"), home.to_owned());
    let (list, fetched) = (list.to_owned(), to.clone());
    let began = Instant::now();
    let run = tokio::task::spawn_blocking(move || {
        let [list, to] = [list, to].map(|path| path.to_string_lossy().into_owned());
        larder(&["plan", &list, "--server", &origin, "--fetch", &to, "--json", "--quiet"], &home)
    });
    run.await.context("larder was not run")??;
    let took = began.elapsed();
    let there = std::fs::read_dir(fetched)?
        .filter_map(|entry| Some(!entry.ok()?.file_name().to_string_lossy().starts_with('.')))
        .filter(|is_product| *is_product)
        .count();
    ensure!(there == products, "{there} products of {products} were fetched");
    Ok(Way { name: "larder plan --fetch", took, passed: distance.passed() })
}

/// Both ways side by side.
pub(crate) fn table(ways: &[Way; 2]) -> String {
    let mut lines = vec![format!(
        "{:<58}{:>10}{:>13}{:>11}{:>10}",
        "", "requests", "connections", "bytes", "seconds"
    )];
    for Way { name, took, passed } in ways {
        lines.push(format!(
            "{name:<58}{:>10}{:>13}{:>11}{:>10.2}",
            passed.requests,
            passed.connections,
            passed.up + passed.down,
            took.as_secs_f64()
        ));
    }
    lines.join("\n")
}
