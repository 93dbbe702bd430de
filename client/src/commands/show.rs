//! `larder show`: one product, or one build.

use clap::Args;
use larder_schema::api::{BuildAnswer, paths};
use larder_schema::{Build, BuildRef, Dependency, Platform, ProductName};
use serde_json::json;

use super::Session;
use super::table::Table;
use crate::error::{Exit, Failure};
use crate::printable::line;
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
    let mut rows = vec![("build", format!("{}@{}", build.product, build.name()))];
    rows.extend(answer.about.withdrawn.iter().map(|reason| ("WITHDRAWN", reason.to_string())));
    rows.push(("platform", build.platform.to_string()));
    rows.push(("record", answer.digest.to_string()));
    rows.extend(build.summary.iter().map(|text| ("summary", text.to_string())));
    rows.extend(build.upstream_version.iter().map(|text| ("upstream version", text.to_string())));
    rows.push(("license", build.license.to_string()));
    rows.extend(bytes(build));
    rows.extend(origin(build));
    rows.extend(demands(build));
    rows.extend(build.scripts.iter().map(|(name, to)| ("script", format!("{name} → {to}"))));
    let published = build.published.iter();
    rows.extend(published.map(|it| ("published", format!("{} by {}", it.at, it.by))));
    let mut table = Table::bare();
    let mut last = "";
    for (name, value) in rows {
        table.row([if name == last { String::new() } else { name.to_owned() }, value]);
        last = name;
    }
    table.render()
}

type Row = (&'static str, String);

fn bytes(build: &Build) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(archive) = &build.archive {
        let size = archive.size.map(indicatif::HumanBytes);
        let size = size.map_or(String::new(), |size| format!(" ({size})"));
        rows.push(("archive", format!("{}{size}", archive.name)));
        rows.push(("archive", format!("sha256:{}", archive.sha256)));
    }
    rows.extend(build.tree.map(|tree| ("contents", tree.to_string())));
    rows
}

fn origin(build: &Build) -> Vec<Row> {
    let Some(source) = &build.source else { return Vec::new() };
    let place = source.repository.as_ref().or(source.url.as_ref());
    let mut rows = vec![("source", place.map_or("-".to_owned(), ToString::to_string))];
    let changes = if source.dirty { ", with changes" } else { "" };
    rows.extend(source.revision.iter().map(|it| ("revision", format!("{it}{changes}"))));
    rows
}

fn demands(build: &Build) -> Vec<Row> {
    let kind = |needed: &Dependency| format!("{:?}", needed.kind).to_lowercase();
    let products = build.dependencies.iter().map(|needed| {
        ("needs", format!("{} {} ({})", needed.product, needed.requirement, kind(needed)))
    });
    let host = build.needs.iter().map(|(name, need)| ("needs of host", format!("{name} {need}")));
    products.chain(host).collect()
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
            let withdrawn = if answer.about.withdrawn.is_some() { "withdrawn" } else { "" };
            table.row([
                build.name().to_string(),
                build.platform.to_string(),
                at,
                withdrawn.to_owned(),
            ]);
        }
        let summary = builds.iter().find_map(|answer| answer.build.summary.as_ref());
        let summary =
            summary.map_or(String::new(), |summary| format!(": {}", line(&summary.to_string())));
        format!("{product}{summary}\n\n{}", table.render())
    })?;
    Ok(Exit::Done)
}
