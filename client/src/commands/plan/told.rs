//! A plan for people: what happens to each product, why, and how much that is.

use std::collections::BTreeMap;

use larder_schema::plan::{Action, Step};
use larder_schema::{PlanAnswer, Policy};

use super::PlanArgs;
use crate::commands::fetch;
use crate::commands::table::Table;
use crate::fetch::Fetched;

/// The most characters of a version as a build tool spells it.
const MOST_VERSION: usize = 24;
/// How many products are named that another policy decided about.
const NAMED: usize = 5;

/// The table, the summary, and what was written and fetched.
pub(super) fn told(plan: &PlanAnswer, args: &PlanArgs, fetched: Option<&Fetched>) -> String {
    let mut text = table(plan).render();
    text.push_str(&summary(plan));
    if let Some(path) = &args.output {
        text.push_str(&format!("plan in {}\n", path.display()));
    }
    if let (Some(fetched), Some(to)) = (fetched, &args.fetch) {
        text.push_str(&fetch::told(fetched, to));
    }
    text
}

fn table(plan: &PlanAnswer) -> Table {
    let mut table = Table::new(["", "product", "version", "what", "why"]).right(0);
    for (place, step) in plan.steps.iter().enumerate() {
        let what = match &step.action {
            Action::Reuse { reuse, .. } => format!("reuse {}", reuse.build),
            Action::Build { .. } => "build".to_owned(),
        };
        let (product, because) = (step.source.product.to_string(), step.because.clone());
        table.row([(place + 1).to_string(), product, version(step), what, because]);
    }
    table
}

/// `M.n.p`, or what the build tool has in place of it, without the count or hash that it appends.
fn version(step: &Step) -> String {
    let spelled = step.source.upstream_version.as_ref().map(|text| text.as_str());
    let spelled = spelled.and_then(|text| text.split('+').next());
    match (step.source.version, spelled) {
        (Some(version), _) => version.to_string(),
        (None, Some(spelled)) if spelled.chars().count() > MOST_VERSION => {
            spelled.chars().take(MOST_VERSION - 1).chain(['…']).collect()
        }
        (None, Some(spelled)) => spelled.to_owned(),
        (None, None) => "-".to_owned(),
    }
}

/// `reuse 98, build 16 of 114 (exact)`.
fn summary(plan: &PlanAnswer) -> String {
    let reused = plan.steps.iter().filter(|step| step.reused().is_some()).count();
    let all = plan.steps.len();
    let run = plan.build.as_ref().map(|id| format!(", as {id}")).unwrap_or_default();
    format!(
        "reuse {reused}, build {} of {all} ({}) for {}{run}\n",
        all - reused,
        policies(plan),
        plan.platform
    )
}

/// The policy, and those of single products.
fn policies(plan: &PlanAnswer) -> String {
    let mut others: BTreeMap<Policy, Vec<&str>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.policy != plan.policy) {
        others.entry(step.policy).or_default().push(step.source.product.as_str());
    }
    let mut told = vec![plan.policy.to_string()];
    for (policy, products) in others {
        let mut names: Vec<String> =
            products.iter().take(NAMED).map(|name| (*name).to_owned()).collect();
        if products.len() > NAMED {
            names.push(format!("{} more", products.len() - NAMED));
        }
        told.push(format!("{policy} for {}", names.join(", ")));
    }
    told.join("; ")
}
