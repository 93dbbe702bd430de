//! `larder show`: one product, or one build.

use clap::Args;
use larder_schema::api::{BuildAnswer, paths};
use larder_schema::{BuildRef, Platform, ProductName};
use serde_json::json;

use super::Session;
use super::table::Table;
use crate::error::{Exit, Failure};
use crate::remote::Remote;

/// Arguments of `larder show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// PRODUCT, or PRODUCT@VERSION-bID
    #[arg(value_name = "PRODUCT[@BUILD]")]
    pub what: String,
    /// The build's platform, where there are several
    #[arg(long)]
    pub platform: Option<Platform>,
}

/// Runs `larder show`.
pub async fn run(args: ShowArgs, session: &Session) -> Result<Exit, Failure> {
    let remote = session.remote()?;
    let refused = |error: &dyn std::error::Error| Failure::usage(error.to_string());
    if args.what.contains('@') {
        let build: BuildRef =
            args.what.parse().map_err(|error| Failure::new(Exit::Usage, error)).map_err(
                |failure: Failure| failure.hint("an exact build is `PRODUCT@VERSION-bID`"),
            )?;
        show_build(&remote, &build, args.platform, session).await
    } else {
        let product: ProductName = args
            .what
            .parse()
            .map_err(|error: larder_schema::product::ParseProductNameError| refused(&error))?;
        show_product(&remote, &product, args.platform, session).await
    }
}

async fn show_build(
    remote: &Remote,
    build: &BuildRef,
    platform: Option<Platform>,
    session: &Session,
) -> Result<Exit, Failure> {
    let platform = platform.map(|platform| platform.to_string());
    let query: Vec<(&str, &str)> =
        platform.iter().map(|platform| ("platform", platform.as_str())).collect();
    let path = paths::build(&build.product, &build.build);
    let answer: BuildAnswer = remote.get(&path, &query).await.map_err(|error| {
        let several = error.platforms().is_some();
        let failure = Failure::of_question(error);
        if several { failure.hint("name one of them with `--platform`") } else { failure }
    })?;
    session.output.answer(&answer, || describe(&answer))?;
    Ok(Exit::Done)
}

fn describe(answer: &BuildAnswer) -> String {
    let build = &answer.build;
    let mut table = Table::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("build", format!("{}@{}", build.product, build.name()));
    if let Some(reason) = &answer.withdrawn {
        row("WITHDRAWN", reason.to_string());
    }
    row("platform", build.platform.to_string());
    row("record", answer.digest.to_string());
    let optional = [("summary", &build.summary), ("upstream version", &build.upstream_version)];
    for (name, text) in optional {
        if let Some(text) = text {
            row(name, text.to_string());
        }
    }
    row("license", build.license.to_string());
    if let Some(archive) = &build.archive {
        let size = archive
            .size
            .map_or(String::new(), |size| format!(" ({})", indicatif::HumanBytes(size)));
        row("archive", format!("{}{size}", archive.name));
        row("", format!("sha256:{}", archive.sha256));
    }
    if let Some(tree) = build.tree {
        row("contents", tree.to_string());
    }
    if let Some(source) = &build.source {
        let place = source.repository.as_ref().or(source.url.as_ref());
        row("source", place.map_or("-".to_owned(), ToString::to_string));
        if let Some(revision) = &source.revision {
            let dirty = if source.dirty { ", with changes" } else { "" };
            row("revision", format!("{revision}{dirty}"));
        }
    }
    for (index, needed) in build.dependencies.iter().enumerate() {
        let kind = format!("{:?}", needed.kind).to_lowercase();
        let label = if index == 0 { "needs" } else { "" };
        row(label, format!("{} {} ({kind})", needed.product, needed.requirement));
    }
    for (name, need) in &build.needs {
        row("needs of host", format!("{name} {need}"));
    }
    for (name, target) in &build.scripts {
        row("script", format!("{name} → {target}"));
    }
    if let Some(published) = &build.published {
        row("published", format!("{} by {}", published.at, published.by));
    }
    table.render()
}

async fn show_product(
    remote: &Remote,
    product: &ProductName,
    platform: Option<Platform>,
    session: &Session,
) -> Result<Exit, Failure> {
    let document: serde_json::Value =
        remote.get(&paths::product(product), &[]).await.map_err(Failure::of_question)?;
    let name = product.to_string();
    let platform = platform.map(|platform| platform.to_string());
    let mut query = vec![("product", name.as_str())];
    query.extend(platform.iter().map(|platform| ("platform", platform.as_str())));
    let builds: Vec<BuildAnswer> = remote.pages(&paths::builds(), &query).await?;
    session.output.answer(&json!({ "product": document, "builds": builds }), || {
        let mut table = Table::new(["BUILD", "PLATFORM", "PUBLISHED", ""]);
        for answer in &builds {
            let build = &answer.build;
            let at = build.published.as_ref().map_or("-".to_owned(), |p| p.at.to_string());
            let withdrawn = if answer.withdrawn.is_some() { "withdrawn" } else { "" };
            table.row([
                build.name().to_string(),
                build.platform.to_string(),
                at,
                withdrawn.to_owned(),
            ]);
        }
        let summary = builds.iter().find_map(|answer| answer.build.summary.as_ref());
        let summary = summary.map_or(String::new(), |summary| format!(": {summary}"));
        format!("{product}{summary}\n\n{}", table.render())
    })?;
    Ok(Exit::Done)
}
