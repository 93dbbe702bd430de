//! What a filled registry is asked at the end of a history: plans and closures of its last build.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use larder_benches::api::Api;
use larder_benches::figures::Figures;
use larder_benches::history::{History, Run};
use larder_schema::{PlanRequest, Platform, Policy, ProductName};
use serde_json::{Value, json};

/// How often each question is asked, and each program run.
const TIMES: usize = 400;
const PROGRAMS: usize = 40;

/// Asks for the last build; `folder` may be written to.
pub(crate) async fn ask(
    history: &History,
    last: &Run,
    api: &Api,
    origin: &str,
    folder: &Path,
) -> Result<Figures> {
    let platform: Platform = "linux-x86_64".parse()?;
    let sources = history.sources(last);
    let mut figures = Figures::default();
    let asked = json!({ "sources": sources, "platform": platform });
    for policy in [Policy::Exact, Policy::Content, Policy::Direct, Policy::Semver] {
        let mut request: PlanRequest = serde_json::from_value(asked.clone())?;
        request.policy = Some(policy);
        let request = &request;
        let what = format!("plan of the last {} products, {policy}", request.sources.len());
        figures.ask(what, TIMES, |_| async { api.plan(request).await.map(drop) }).await?;
    }
    let list = folder.join("sources.json");
    std::fs::write(&list, asked.to_string())?;
    let list = list.to_string_lossy();
    let arguments = ["plan", &*list, "--server", origin, "--json", "--quiet"];
    figures.run("the same as a program, larder plan", PROGRAMS, &arguments, folder)?;

    let needed: BTreeSet<&ProductName> = sources
        .iter()
        .flat_map(|source| source.dependencies.iter().map(|needed| &needed.product))
        .collect();
    let roots: Vec<&ProductName> =
        sources.iter().map(|source| &source.product).filter(|one| !needed.contains(one)).collect();
    let stack: ProductName = "lsst_distrib".parse()?;
    let distribution = "replayed@1.0.0";
    distribute(history, last, api, &platform).await?;
    let questions = [
        ("closure of lsst_distrib", vec![&stack], None),
        ("closure of all roots", roots, None),
        ("closure of lsst_distrib in a distribution", vec![&stack], Some(distribution)),
    ];
    for (what, products, within) in questions {
        if !sources.iter().any(|source| products.contains(&&source.product)) {
            continue;
        }
        let wanted: Vec<Value> =
            products.iter().map(|product| json!({ "product": product })).collect();
        let within = within.and_then(|one| one.split_once('@'));
        let within = within.map(|(name, version)| json!({ "name": name, "version": version }));
        let request = json!({
            "requirements": wanted, "platform": platform, "distribution": within
        });
        let request = &serde_json::from_value(request)?;
        let answer: Value = serde_json::from_slice(&api.resolve(request).await?)?;
        let builds = answer["builds"].as_array().context("no builds")?.len();
        ensure!(builds > 0, "an empty closure");
        let what = format!("{what}, {builds} builds");
        figures.ask(what, TIMES, |_| async { api.resolve(request).await.map(drop) }).await?;
    }
    let path = format!("/api/v1/distributions/replayed/1.0.0?platform={platform}");
    let path = path.as_str();
    let what = format!("a distribution, {} builds", last.binaries.len());
    figures.ask(what, TIMES, |_| async { api.get(path).await.map(drop) }).await?;
    Ok(figures)
}

async fn distribute(history: &History, last: &Run, api: &Api, platform: &Platform) -> Result<()> {
    let listed = |binary: &usize| {
        let name = &history.binaries[*binary].name;
        json!({ "product": history.product(*binary), "build": name, "platform": platform })
    };
    let builds: Vec<Value> = last.binaries.iter().map(listed).collect();
    let document = json!({
        "name": "replayed", "version": "1.0.0", "platform": platform, "builds": builds
    });
    api.publish(Vec::new(), Some(serde_json::from_value(document)?)).await.map(drop)
}
