//! `larder show PRODUCT@BUILD`: one build, or who needs it.

use larder_schema::api::{BuildAnswer, Dependant, Page, paths};
use larder_schema::{Build, BuildRef, Dependency, Platform, eups};

use super::super::table::Table;
use super::super::withdrawn::mark;
use super::super::{Session, withdraw};
use super::query;
use crate::error::{Exit, Failure};
use crate::remote::{self, Remote};

/// Shows one build.
pub(super) async fn show(
    remote: &Remote,
    build: &BuildRef,
    platform: Option<&Platform>,
    session: &Session,
) -> Result<Exit, Failure> {
    let path = paths::build(&build.product, &build.build);
    let answer: BuildAnswer =
        remote.get(&path, &query(&[], &platform_text(platform))).await.map_err(several)?;
    // Only people are shown what is not in the answer.
    let notes = match session.output.json {
        true => Vec::new(),
        false => withdraw::notes(remote, answer.digest).await?,
    };
    session.output.answer(&answer, || describe(&answer, notes))?;
    Ok(Exit::Done)
}

/// Shows which builds need one to run, and may run with it.
pub(super) async fn dependants(
    remote: &Remote,
    build: &BuildRef,
    platform: Option<&Platform>,
    session: &Session,
) -> Result<Exit, Failure> {
    let path = paths::dependants(&build.product, &build.build);
    let items: Vec<Dependant> =
        remote.pages(&path, &query(&[], &platform_text(platform))).await.map_err(several)?;
    let page = Page { items, next: None };
    session.output.answer(&page, || needed_by(build, &page.items))?;
    Ok(Exit::Done)
}

fn platform_text(platform: Option<&Platform>) -> Option<String> {
    platform.map(ToString::to_string)
}

fn several(error: remote::Error) -> Failure {
    let several = error.platforms().is_some();
    let failure = Failure::of_question(error);
    if several { failure.hint("name one of them with `--platform`") } else { failure }
}

fn needed_by(build: &BuildRef, items: &[Dependant]) -> String {
    if items.is_empty() {
        return format!("no build needs {build} to run");
    }
    let mut table = Table::new(["NEEDED BY", "PLATFORM", "AS", ""]);
    for one in items {
        let against = one.built_against.then(|| "built against it".to_owned());
        let withdrawn = one.withdrawn.as_ref().map(mark);
        let marks: Vec<String> = against.into_iter().chain(withdrawn).collect();
        table.row([
            format!("{}@{}", one.product, one.build),
            one.platform.to_string(),
            one.requirement.to_string(),
            marks.join(", "),
        ]);
    }
    table.render()
}

fn describe(answer: &BuildAnswer, notes: Vec<Row>) -> String {
    let build = &answer.build;
    let mut rows = vec![("build", format!("{}@{}", build.product, build.name()))];
    rows.extend(answer.about.withdrawn.iter().map(|why| ("WITHDRAWN", why.to_string())));
    rows.extend(notes);
    rows.push(("platform", build.platform.to_string()));
    rows.push(("record", answer.digest.to_string()));
    rows.extend(build.summary.iter().map(|text| ("summary", text.to_string())));
    rows.extend(build.upstream_version.iter().map(|text| ("upstream version", text.to_string())));
    rows.push(("license", build.license.to_string()));
    rows.extend(bytes(build));
    rows.extend(origin(build));
    rows.extend(demands(build));
    rows.extend(for_eups(build));
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

/// How users of EUPS see it, where that is not its name with a plus.
fn for_eups(build: &Build) -> Option<Row> {
    match eups::version_of(build) {
        Ok(version) => {
            build.product_dir.as_ref().map(|_| ("EUPS", format!("{} {version}", build.product)))
        }
        Err(why) => Some(("EUPS", format!("left out of its lists: {why}"))),
    }
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
        let against = needed.built_against.as_ref();
        let against = against.map_or(String::new(), |it| format!(", built against {}", it.build));
        ("needs", format!("{} {} ({}){against}", needed.product, needed.requirement, kind(needed)))
    });
    let host = build.needs.iter().map(|(name, need)| ("needs of host", format!("{name} {need}")));
    products.chain(host).collect()
}
