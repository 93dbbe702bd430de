//! What an install has to do, decided without touching anything: lock + installed → steps.

use std::collections::{BTreeMap, HashSet};

use larder_schema::{Build, BuildName, ProductName, TreeChecksum};

use crate::lock::Lock;

/// What has to be done so that an environment is what its lock says.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What the environment shall be.
    pub lock: Lock,
    /// Whether it is that already.
    pub unchanged: bool,
    /// What has to be done, in this order.
    pub steps: Vec<Step>,
    /// What a person will see changed.
    pub changes: Vec<Change>,
}

/// One thing that has to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The tree of this build is in the store.
    Reuse(Build),
    /// The archive of this build must be fetched and unpacked.
    Fetch(Build),
    /// A generation must be made of all of them, and become current.
    Switch,
}

/// How one product changes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The product.
    pub product: ProductName,
    /// The build before.
    pub from: Option<BuildName>,
    /// The build afterwards.
    pub to: Option<BuildName>,
}

/// What has to be done to get from what is `installed` to `lock`.
///
/// `intact` says whether the installed generation is still in order, `stored` whether a tree is in
/// the store.
pub fn plan(
    lock: Lock,
    installed: Option<&Lock>,
    intact: bool,
    stored: impl Fn(&TreeChecksum) -> bool,
) -> Plan {
    let changes = changes(installed, &lock);
    if intact && installed == Some(&lock) {
        return Plan { lock, unchanged: true, steps: Vec::new(), changes };
    }
    let mut seen = HashSet::new();
    let with_tree = lock.records.iter().filter_map(|record| Some((record, record.tree?)));
    let mut steps: Vec<Step> = with_tree
        .filter(|(_, tree)| seen.insert(*tree))
        .map(|(record, tree)| match stored(&tree) {
            true => Step::Reuse(record.clone()),
            false => Step::Fetch(record.clone()),
        })
        .collect();
    steps.push(Step::Switch);
    Plan { lock, unchanged: false, steps, changes }
}

/// What a person sees changed between what is `installed` and `lock`.
pub fn changes(installed: Option<&Lock>, lock: &Lock) -> Vec<Change> {
    let builds = |lock: &Lock| -> BTreeMap<ProductName, (BuildName, Option<TreeChecksum>)> {
        let of = |record: &Build| (record.product.clone(), (record.name(), record.tree));
        lock.records.iter().map(of).collect()
    };
    let (before, after) = (installed.map(builds).unwrap_or_default(), builds(lock));
    let products: std::collections::BTreeSet<&ProductName> =
        before.keys().chain(after.keys()).collect();
    products
        .into_iter()
        .filter(|product| before.get(*product) != after.get(*product))
        .map(|product| Change {
            product: product.clone(),
            from: before.get(product).map(|(build, _)| build.clone()),
            to: after.get(product).map(|(build, _)| build.clone()),
        })
        .collect()
}

/// What changes, for a line of a history: by name where that is short, else in numbers.
pub fn in_few_words(changes: &[Change]) -> String {
    const MOST_NAMED: usize = 3;
    let sign = |change: &Change| match (&change.from, &change.to) {
        (None, _) => '+',
        (_, None) => '-',
        (Some(_), Some(_)) => '~',
    };
    if changes.is_empty() {
        return "no package changed".to_owned();
    }
    if changes.len() <= MOST_NAMED {
        let named = changes.iter().map(|change| format!("{}{}", sign(change), change.product));
        return named.collect::<Vec<_>>().join(" ");
    }
    let count = |wanted| changes.iter().filter(|change| sign(change) == wanted).count();
    let counted = [(count('+'), "added"), (count('~'), "changed"), (count('-'), "removed")];
    let told = counted.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use crate::lock::tests::{build, lock};

    #[test]
    fn the_same_again_needs_nothing() {
        let lock = lock(&[build("afw", "1.0.0-b1", &[])]);
        assert!(plan(lock.clone(), Some(&lock), true, |_| true).unchanged);
        assert!(!plan(lock.clone(), Some(&lock), false, |_| true).unchanged);
        assert!(!plan(lock.clone(), None, true, |_| true).unchanged);
    }

    #[test]
    fn only_what_the_store_lacks_is_fetched() {
        let (old, new) = (build("afw", "1.0.0-b1", &[]), build("afw", "1.0.0-b2", &[]));
        let log = build("log", "1.0.0-b1", &[]);
        let there = log.tree.unwrap();
        let installed = lock(&[old, log.clone()]);

        let plan = plan(lock(&[new.clone(), log.clone()]), Some(&installed), true, |t| *t == there);

        assert_eq!(plan.steps, [Step::Fetch(new), Step::Reuse(log), Step::Switch]);
        assert_eq!(plan.changes.len(), 1);
    }

    #[test]
    fn few_changes_are_named_and_many_are_counted() {
        let (old, new) = (build("afw", "1.0.0-b1", &[]), build("afw", "1.0.0-b2", &[]));
        let names = ["a", "b", "c", "d"].map(|name| build(name, "1.0.0-b1", &[]));
        let words =
            |from: &[Build], to: &[Build]| in_few_words(&changes(Some(&lock(from)), &lock(to)));

        assert_eq!(words(&[old.clone(), names[0].clone()], &[new, names[1].clone()]), "-a ~afw +b");
        assert_eq!(words(slice::from_ref(&old), &names), "4 added, 1 removed");
        assert_eq!(words(slice::from_ref(&old), slice::from_ref(&old)), "no package changed");
    }
}
