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
pub(super) fn unfit(unfit: &Unfit) -> String {
    match unfit {
        Unfit::Platform(platform) => format!("is only there for {platform}"),
        Unfit::Withdrawn(why) => format!("was withdrawn: {why}"),
        Unfit::Test => {
            "is for tests only; such builds come by name, or where test builds are asked \
                        for as well"
                .to_owned()
        }
        Unfit::Context(context, role) => {
            let context = article(*context);
            format!("has the role `{role}`, and {context} environment admits none of that role")
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
    (candidate.abi == Abi::Exact && asks.any(would_do)).then(|| {
        "has an exact ABI, which serves only what was built against that very build".to_owned()
    })
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
    let Conflict { product, demands, .. } = conflict;
    let mut lines = demand_lines(conflict);
    if !conflict.is_known {
        return (format!("there is no product `{product}` here"), lines);
    }
    let mut reasons = reasons(&conflict.unfit);
    let choice = choice(conflict);
    if !conflict.unmet {
        lines.append(&mut reasons);
        lines.push(format!("to choose from for {platform}: {}", some(&choice)));
        return (exclude_each_other(conflict), lines);
    }
    let (head, why) = match (&demands[..], reasons.is_empty()) {
        ([Demanded { build: Some(build), .. }], false) => {
            let reason = reasons.remove(0);
            let why = reason.strip_prefix(&build.to_string()).map(|reason| format!("it{reason}"));
            (format!("`{product}@{build}` cannot be taken"), why.unwrap_or(reason))
        }
        ([Demanded { build: Some(build), .. }], true) => {
            (format!("there is no build `{product}@{build}`"), there_is_only(&choice))
        }
        (_, false) => {
            let why = reasons.remove(0);
            (format!("no build of `{product}`{} can be taken for {platform}", met(conflict)), why)
        }
        (_, true) => (
            format!("no build of `{product}` for {platform} meets {}", asked(conflict)),
            there_is_only(&choice),
        ),
    };
    lines.append(&mut reasons);
    let head = if why.is_empty() { head } else { format!("{head}: {why}") };
    if !choice.is_empty() && !head.ends_with(&there_is_only(&choice)) {
        lines.push(format!("other builds to choose from: {}", some(&choice)));
    }
    (head, lines)
}

/// The demands, but for one that says no more than the head.
fn demand_lines(conflict: &Conflict) -> Vec<String> {
    let Conflict { product, demands, .. } = conflict;
    if let [only] = &demands[..]
        && only.by.is_empty()
    {
        return Vec::new();
    }
    let mut lines: Vec<String> =
        demands.iter().take(MOST_DEMANDS).map(|one| demand(product, one)).collect();
    let more = demands.len().saturating_sub(MOST_DEMANDS);
    if more > 0 {
        lines.push(format!("and {more} more demands"));
    }
    lines
}

/// Builds that may be taken and would serve who needs them.
fn choice(conflict: &Conflict) -> Vec<BuildName> {
    let serves = |build: &&BuildName| !conflict.unfit.iter().any(|unfit| unfit.build == **build);
    conflict.there.iter().filter(serves).cloned().collect()
}

/// Who makes demands that no one build meets.
fn exclude_each_other(conflict: &Conflict) -> String {
    let product = &conflict.product;
    let mut makers: Vec<String> = Vec::new();
    for maker in conflict.demands.iter().filter_map(|demanded| demanded.chain.last()) {
        let maker = format!("`{maker}`");
        if !makers.contains(&maker) {
            makers.push(maker);
        }
    }
    let is_asked = conflict.demands.iter().any(|demanded| demanded.by.is_empty());
    match (&makers[..], is_asked) {
        ([], _) => format!("what is asked of `{product}` excludes itself: no build meets it all"),
        ([one], true) => format!("{one} needs another build of `{product}` than is asked for"),
        ([one], false) => format!("{one} needs what no one build of `{product}` is"),
        ([_, _, _, _, ..], _) => {
            format!("{} products need builds of `{product}` that exclude each other", makers.len())
        }
        (several, _) => {
            format!("{} need builds of `{product}` that exclude each other", listed(several))
        }
    }
}

/// ` that meets …`, where there is one demand that not everything meets.
fn met(conflict: &Conflict) -> String {
    match &conflict.demands[..] {
        [Demanded { requirement: Some(requirement), .. }] if requirement.to_string() != "*" => {
            format!(" that meets `{requirement}`")
        }
        _ => String::new(),
    }
}

fn asked(conflict: &Conflict) -> String {
    match &conflict.demands[..] {
        [Demanded { requirement: Some(requirement), .. }] => format!("`{requirement}`"),
        _ => "what is needed of it".to_owned(),
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
        .map(|reason| {
            let builds = &builds[reason];
            let verb = if builds.len() > 1 { of_several(reason) } else { reason.to_owned() };
            format!("{} {verb}", some(builds))
        })
        .collect();
    if more > 0 {
        told.push(format!("others cannot be taken for {more} more reasons"));
    }
    told
}

/// The sentence of a reason where several builds are its subject.
fn of_several(reason: &str) -> String {
    let plurals = [
        ("is ", "are "),
        ("was ", "were "),
        ("has ", "have "),
        ("needs ", "need "),
        ("gives ", "give "),
    ];
    let plural = plurals
        .iter()
        .find_map(|(one, several)| Some(format!("{several}{}", reason.strip_prefix(one)?)));
    plural.unwrap_or_else(|| reason.to_owned())
}

fn there_is_only(builds: &[BuildName]) -> String {
    match builds {
        [] => String::new(),
        [one] => format!("there is only {one}"),
        several => format!("there are only {}", some(several)),
    }
}
