//! How decisions are said.

use std::collections::{BTreeSet, HashMap};

use larder_schema::plan::{Step, enumerated};
use larder_schema::{BuildName, BuildRef, Policy, ProductName};

use super::Stop;
use super::decide::{Decided, Planning, Question};
use crate::catalog::stock::Stocked;

/// How many things a sentence names.
const MOST_SAID: usize = 5;

/// Why a build is reused, and which of its dependencies are not what it was built against.
pub(super) fn reused(question: &Question<'_>, taken: &Stocked) -> String {
    let against = taken.against.as_deref().unwrap_or_default();
    let others = question
        .needs
        .iter()
        .filter(|needed| needed.taken.as_ref().is_none_or(|now| !against.contains(&now.seq)));
    let others: Vec<String> = others.map(|needed| format!("`{}`", needed.source.product)).collect();
    let alike = match question.policy {
        Policy::Exact | Policy::Content => "with the same contents",
        Policy::Direct => "of the same revision",
        Policy::Semver => "of the same revision or major version",
    };
    let are = if others.len() == 1 { "is another build" } else { "are other builds" };
    match enumerated(others) {
        Some(others) => format!("built from this revision; {others} {are} {alike}"),
        None if question.needs.is_empty() => "built from this revision".to_owned(),
        None => "built from this revision against the same builds".to_owned(),
    }
}

fn joined<T: ToString>(things: &[T], between: &str) -> String {
    let mut said: Vec<String> = things.iter().take(MOST_SAID).map(ToString::to_string).collect();
    if things.len() > MOST_SAID {
        said.push(format!("and {} more", things.len() - MOST_SAID));
    }
    said.join(between)
}

/// What a person should know.
pub(super) fn warnings(
    planning: &Planning<'_>,
    steps: &[Step],
    decided: &HashMap<&ProductName, Decided<'_>>,
) -> Result<Vec<String>, Stop> {
    let mut warnings = Vec::new();
    let taken = decided.values().filter_map(|decided| decided.taken.as_ref());
    let environments: BTreeSet<_> =
        taken.filter_map(|taken| taken.facts.built_in.as_ref()).collect();
    if planning.terms.request.built_in.is_none() && environments.len() > 1 {
        let environments: Vec<_> = environments.into_iter().collect();
        warnings.push(format!(
            "what is reused was built in {} environments, {}; say in which one it must have been \
             built",
            environments.len(),
            joined(&environments, ", ")
        ));
    }
    let taken = names_taken(planning, steps, decided)?;
    if !taken.is_empty() {
        warnings.push(format!(
            "{} of {} to build {} there already: {}; take another build id",
            taken.len(),
            steps.iter().filter(|step| step.reused().is_none()).count(),
            if taken.len() == 1 { "is" } else { "are" },
            joined(&taken, ", ")
        ));
    }
    Ok(warnings)
}

/// The builds to be made whose names are taken for the platform.
fn names_taken(
    planning: &Planning<'_>,
    steps: &[Step],
    decided: &HashMap<&ProductName, Decided<'_>>,
) -> Result<Vec<BuildRef>, Stop> {
    let request = &planning.terms.request;
    let Some(build) = &request.build else { return Ok(Vec::new()) };
    let mut taken = Vec::new();
    for step in steps.iter().filter(|step| step.reused().is_none()) {
        let product = &step.source.product;
        let Some(number) = decided.get(product).and_then(|decided| decided.product) else {
            continue;
        };
        let name = BuildName { version: step.version(), build: build.clone() };
        planning.budget.count()?;
        if planning.stock.holds(number, &name, &request.platform)? {
            taken.push(BuildRef { product: product.clone(), build: name });
        }
    }
    Ok(taken)
}
