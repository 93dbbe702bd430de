//! How a person is told that there is no answer: the first line says it all.

use std::collections::BTreeMap;

use larder_schema::record::Abi;
use larder_schema::resolution::{Conflict, Demanded, Unfitting};
use larder_schema::{BuildName, Context, Platform, ProductName};

use super::pool::Asks;
use super::terms::Unfit;
use crate::catalog::candidates::Candidate;

/// How many demands, reasons and builds are told of one product.
const MOST_DEMANDS: usize = 8;
const MOST_REASONS: usize = 6;
const MOST_BUILDS: usize = 3;
/// How many products of a long chain are told at each of its ends.
const ENDS: usize = 4;

/// Why a build may not be taken, as a sentence without its subject.
pub(super) fn unfit(product: &ProductName, unfit: &Unfit) -> String {
    match unfit {
        Unfit::Platform(platform) => format!("is only there for {platform}"),
        Unfit::Withdrawn(withdrawal) => {
            let instead = withdrawal.replaced_by.as_ref();
            let instead = instead.map(|build| format!(" (take {product}@{build} instead)"));
            format!("was withdrawn: {}{}", withdrawal.reason, instead.unwrap_or_default())
        }
        Unfit::Test => "is a test build, and those were not asked for".to_owned(),
        Unfit::Context(context, role) => {
            format!("is a `{role}` package, and {} environment admits none", article(*context))
        }
        Unfit::Needs { what, need, host: Some(host) } => {
            format!("needs {what} {need}, and this host has {what} {host}")
        }
        Unfit::Needs { what, need, host: None } => {
            format!("needs {what} {need}, and this host has no {what}")
        }
        Unfit::Fixed { title, build } => {
            format!("gives way to {build}, which {title} has and which stands fast")
        }
        Unfit::Outside(title) => format!("is not in {title}"),
        Unfit::Stage(stage) => {
            let stage = format!("{stage:?}").to_lowercase();
            format!("is in no distribution of stage `{stage}` or later")
        }
    }
}

fn article(context: Context) -> String {
    match context {
        Context::Operations => format!("an {context}"),
        Context::Development | Context::Test => format!("a {context}"),
    }
}

/// Why a build of the right version does not serve, where its ABI is exact.
pub(super) fn other_abi<'a>(
    candidate: &Candidate,
    asks: impl Iterator<Item = &'a Asks>,
) -> Option<String> {
    let would_do = |asks: &Asks| match asks {
        Asks::For { requirement, against: Some(_), build: None } => {
            requirement.as_ref().is_none_or(|one| one.matches(&candidate.name.version))
        }
        Asks::For { .. } | Asks::OneOf(_) => false,
    };
    let mut asks = asks;
    (candidate.abi == Abi::Exact && asks.any(would_do))
        .then(|| "has an exact ABI: it serves only what was built against it".to_owned())
}

/// All conflicts, told.
pub(super) fn detail(conflicts: &[Conflict], platform: &Platform, more: usize) -> String {
    let mut lines = Vec::new();
    if let [conflict] = conflicts {
        let (head, rest) = told(conflict, platform);
        lines.push(head);
        lines.extend(rest.into_iter().map(|line| format!("  {line}")));
    } else {
        let products: Vec<String> =
            conflicts.iter().map(|conflict| format!("`{}`", conflict.product)).collect();
        let others = if more > 0 { format!(" and {more} other products") } else { String::new() };
        lines.push(format!(
            "no choice of builds for {platform} meets all demands on {}{others}",
            listed(&products)
        ));
        for conflict in conflicts {
            let (head, rest) = told(conflict, platform);
            lines.push(format!("  {head}"));
            lines.extend(rest.into_iter().map(|line| format!("    {line}")));
        }
    }
    lines.join("\n")
}

fn listed(products: &[String]) -> String {
    match products {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// One conflict: what it is, and lines that tell more.
fn told(conflict: &Conflict, platform: &Platform) -> (String, Vec<String>) {
    let Conflict { product, .. } = conflict;
    let mut lines: Vec<String> =
        conflict.demands.iter().take(MOST_DEMANDS).map(|one| demand(product, one)).collect();
    let more = conflict.demands.len().saturating_sub(MOST_DEMANDS);
    if more > 0 {
        lines.push(format!("and {more} more demands"));
    }
    if !conflict.is_known {
        return (format!("there is no product `{product}` here"), without_asking(conflict, lines));
    }
    let mut reasons = reasons(&conflict.unfit);
    if !conflict.unmet {
        lines.append(&mut reasons);
        lines.push(there(&conflict.there, ""));
        let head =
            format!("the demands on `{product}` exclude each other: no build meets them all");
        return (head, lines);
    }
    let what = asked(conflict).unwrap_or_else(|| format!("what is needed of `{product}`"));
    let mut lines = without_asking(conflict, lines);
    let why = if reasons.is_empty() {
        there(&conflict.there, " only")
    } else {
        let why = reasons.remove(0);
        lines.append(&mut reasons);
        lines.push(there(&conflict.there, ""));
        why
    };
    (format!("{what} cannot be met for {platform}: {why}"), lines)
}

/// The lines without that of a demand which says no more than the head.
fn without_asking(conflict: &Conflict, mut lines: Vec<String>) -> Vec<String> {
    if let [only] = &conflict.demands[..]
        && only.by.is_empty()
    {
        lines.clear();
    }
    lines
}

/// What is asked, where there is one demand.
fn asked(conflict: &Conflict) -> Option<String> {
    match &conflict.demands[..] {
        [only] => Some(what(&conflict.product, only)),
        _ => None,
    }
}

fn what(product: &ProductName, demanded: &Demanded) -> String {
    match (&demanded.build, &demanded.requirement) {
        (Some(build), _) => format!("`{product}@{build}`"),
        (None, Some(requirement)) => format!("`{product} {requirement}`"),
        (None, None) => format!("`{product}`"),
    }
}

fn demand(product: &ProductName, demanded: &Demanded) -> String {
    let what = what(product, demanded);
    if demanded.by.is_empty() {
        return format!("{what} is asked for");
    }
    let built = demanded.built_against.as_ref();
    let built = built.map(|build| format!(", built against {build}")).unwrap_or_default();
    let mut chain: Vec<String> =
        demanded.chain.iter().map(|product| format!("`{product}`")).collect();
    if chain.len() > 2 * ENDS {
        let omitted = chain.len() - 2 * ENDS;
        chain.splice(ENDS..ENDS + omitted, [format!("… ({omitted} more)")]);
    }
    format!("{} at {} needs {what}{built}", chain.join(" → "), some(&demanded.by))
}

/// A few builds by name, and how many others there are.
fn some(builds: &[BuildName]) -> String {
    let names: Vec<String> = builds.iter().take(MOST_BUILDS).map(ToString::to_string).collect();
    match builds.len().saturating_sub(MOST_BUILDS) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Why builds that would have done may not be taken: a sentence for each reason, in the order of
/// the newest build that has it.
fn reasons(unfit: &[Unfitting]) -> Vec<String> {
    let mut order: Vec<&str> = Vec::new();
    let mut builds: BTreeMap<&str, Vec<BuildName>> = BTreeMap::new();
    for one in unfit {
        let of_reason = builds.entry(&one.reason).or_default();
        if of_reason.is_empty() {
            order.push(&one.reason);
        }
        of_reason.push(one.build.clone());
        of_reason.dedup();
    }
    let more = order.len().saturating_sub(MOST_REASONS);
    let mut told: Vec<String> = order
        .into_iter()
        .take(MOST_REASONS)
        .map(|reason| format!("{} {reason}", some(&builds[reason])))
        .collect();
    if more > 0 {
        told.push(format!("others may not be taken for {more} more reasons"));
    }
    told
}

/// The builds that may be taken.
fn there(builds: &[BuildName], only: &str) -> String {
    match builds {
        [] => "no build of it can be taken".to_owned(),
        [one] => format!("there is{only} {one}"),
        several => format!("there are{only} {}", some(several)),
    }
}
