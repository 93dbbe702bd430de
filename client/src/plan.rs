//! What an install has to do, decided without touching anything: lock + installed → steps.

use std::collections::{BTreeMap, HashSet};

use larder_schema::{Build, BuildName, Context, Platform, ProductName, Role, TreeChecksum};

use crate::lock::{Lock, LockedDistribution};
use crate::remote::Origin;

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

/// What was asked for cannot be one environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Two distributions differ in a product.
    #[error(transparent)]
    Differ(Box<Difference>),
    /// One distribution in two versions.
    #[error("`{name}` was asked for in two versions")]
    Twice {
        /// The distribution.
        name: ProductName,
    },
    /// A build does not fit the environment's platform.
    #[error("`{product}` is a build for {build}, and the environment is for {asked}")]
    Misfit {
        /// The product.
        product: ProductName,
        /// Its platform.
        build: Box<Platform>,
        /// The environment's.
        asked: Box<Platform>,
    },
    /// A role that the context does not admit.
    #[error("`{product}` is a {role:?} package, which {context:?} does not admit")]
    Context {
        /// The product.
        product: ProductName,
        /// Its role.
        role: Role,
        /// The context.
        context: Context,
    },
}

/// Two distributions that differ in a product.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{first}` has `{product}@{first_build}` and `{second}` has `{product}@{second_build}`")]
pub struct Difference {
    /// The product.
    pub product: ProductName,
    /// One distribution.
    pub first: String,
    /// Its build.
    pub first_build: BuildName,
    /// The other distribution.
    pub second: String,
    /// Its build.
    pub second_build: BuildName,
}

/// What was asked for, found.
#[derive(Clone, Debug)]
pub struct Request {
    /// The server.
    pub server: Origin,
    /// What was asked for, as text, with the distribution that it became.
    pub targets: Vec<(String, LockedDistribution)>,
    /// The records of all their builds.
    pub records: Vec<Build>,
    /// For which platform.
    pub platform: Platform,
}

/// The lock of an environment that has what is `installed` and what is asked for.
///
/// Another version of what is installed replaces it.
pub fn combine(installed: Option<&Lock>, request: Request) -> Result<Lock, Conflict> {
    let mut targets: BTreeMap<ProductName, String> = BTreeMap::new();
    let mut distributions: BTreeMap<ProductName, LockedDistribution> = BTreeMap::new();
    for (target, distribution) in request.targets {
        let name = distribution.document.name.clone();
        if distributions.get(&name).is_some_and(|same| same.digest != distribution.digest) {
            return Err(Conflict::Twice { name });
        }
        targets.insert(name.clone(), target);
        distributions.insert(name, distribution);
    }
    let mut records: BTreeMap<ProductName, Build> = BTreeMap::new();
    for (lock, kept) in
        installed.into_iter().flat_map(|lock| kept(lock, &distributions)).collect::<Vec<_>>()
    {
        let name = &kept.document.name;
        targets.insert(name.clone(), target_of(lock, kept));
        distributions.insert(name.clone(), kept.clone());
        records
            .extend(records_of(lock, kept).map(|record| (record.product.clone(), record.clone())));
    }
    records.extend(request.records.into_iter().map(|record| (record.product.clone(), record)));
    let distributions: Vec<LockedDistribution> = distributions.into_values().collect();
    agree(&distributions, &request.platform)?;
    let records: Vec<Build> = records.into_values().collect();
    let targets = targets.into_values().collect();
    Ok(Lock::new(request.server, targets, request.platform, distributions, &records))
}

/// What is installed and was not asked for anew.
fn kept<'a>(
    installed: &'a Lock,
    asked: &BTreeMap<ProductName, LockedDistribution>,
) -> Vec<(&'a Lock, &'a LockedDistribution)> {
    let kept = installed.distributions.iter().filter(|one| !asked.contains_key(&one.document.name));
    kept.map(|one| (installed, one)).collect()
}

fn records_of<'a>(lock: &'a Lock, one: &LockedDistribution) -> impl Iterator<Item = &'a Build> {
    let products: HashSet<ProductName> =
        one.document.builds.iter().map(|build| build.product.clone()).collect();
    lock.records.iter().filter(move |record| products.contains(&record.product))
}

/// How an installed distribution was asked for; as exactly as possible when that is not known.
fn target_of(installed: &Lock, kept: &LockedDistribution) -> String {
    let name = &kept.document.name;
    let is_of = |target: &&String| {
        let bare = target.strip_prefix("dist:").unwrap_or(target);
        bare.split('@').next() == Some(name.as_str())
    };
    installed
        .targets
        .iter()
        .find(is_of)
        .cloned()
        .unwrap_or_else(|| format!("{name}@{}", kept.digest))
}

/// No two distributions may differ in a product, and all builds must fit.
fn agree(distributions: &[LockedDistribution], platform: &Platform) -> Result<(), Conflict> {
    let mut seen = BTreeMap::new();
    let name = |one: &LockedDistribution| format!("{}@{}", one.document.name, one.document.version);
    for distribution in distributions {
        for build in &distribution.document.builds {
            if !build.platform.fits(platform) {
                return Err(Conflict::Misfit {
                    product: build.product.clone(),
                    build: Box::new(build.platform.clone()),
                    asked: Box::new(platform.clone()),
                });
            }
            let (first, first_build) = seen.entry(&build.product).or_insert((distribution, build));
            if first_build.record != build.record || first_build.key() != build.key() {
                return Err(Conflict::Differ(Box::new(Difference {
                    product: build.product.clone(),
                    first: name(first),
                    first_build: first_build.build.clone(),
                    second: name(distribution),
                    second_build: build.build.clone(),
                })));
            }
        }
    }
    Ok(())
}

/// Refuses what `context` does not admit.
pub fn check_context(lock: &Lock, context: Context) -> Result<(), Conflict> {
    match lock.records.iter().find(|record| !context.admits(record.role)) {
        None => Ok(()),
        Some(record) => {
            Err(Conflict::Context { product: record.product.clone(), role: record.role, context })
        }
    }
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
    use crate::lock::tests::{build, distribution, lock};

    fn request(distributions: &[(&str, &str, &[Build])]) -> Request {
        Request {
            server: "http://127.0.0.1:1".parse().unwrap(),
            targets: distributions
                .iter()
                .map(|(name, version, builds)| {
                    ((*name).to_owned(), distribution(name, version, builds))
                })
                .collect(),
            records: distributions.iter().flat_map(|(.., builds)| builds.to_vec()).collect(),
            platform: Platform::Any,
        }
    }

    #[test]
    fn another_version_replaces_and_others_stay() {
        let (old, new) = (build("afw", "1.0.0-b1", &[]), build("afw", "1.0.0-b2", &[]));
        let log = build("log", "1.0.0-b1", &[]);
        let first =
            combine(None, request(&[("stack", "1.0.0", &[old]), ("base", "1.0.0", &[log])]));
        let first = first.unwrap();

        let second = combine(Some(&first), request(&[("stack", "1.1.0", &[new])])).unwrap();

        let names: Vec<String> = second.records.iter().map(|r| r.key().to_string()).collect();
        assert_eq!(names, ["afw@1.0.0-b2 for any", "log@1.0.0-b1 for any"]);
        assert_eq!(second.targets, ["base", "stack"]);
    }

    #[test]
    fn distributions_that_share_a_build_merge_and_those_that_differ_do_not() {
        let (one, two) = (build("afw", "1.0.0-b1", &[]), build("afw", "1.0.0-b2", &[]));
        let shared = std::slice::from_ref(&one);
        let both = combine(None, request(&[("a", "1.0.0", shared), ("b", "1.0.0", shared)]));
        assert!(both.is_ok());

        let refusal = combine(None, request(&[("a", "1.0.0", &[one]), ("b", "2.0.0", &[two])]));

        let sentence = refusal.unwrap_err().to_string();
        assert_eq!(sentence, "`a@1.0.0` has `afw@1.0.0-b1` and `b@2.0.0` has `afw@1.0.0-b2`");
    }

    #[test]
    fn one_distribution_in_two_versions_is_refused() {
        let (one, two) = (build("afw", "1.0.0-b1", &[]), build("afw", "1.0.0-b2", &[]));
        let refusal = combine(None, request(&[("a", "1.0.0", &[one]), ("a", "2.0.0", &[two])]));
        assert!(matches!(refusal, Err(Conflict::Twice { .. })));
    }

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

    #[test]
    fn operations_admit_no_debug_package() {
        let mut debug = build("gdb", "1.0.0-b1", &[]);
        debug.role = Role::Debug;
        let lock = lock(&[debug]);
        assert!(check_context(&lock, Context::Development).is_ok());
        assert!(check_context(&lock, Context::Operations).is_err());
    }
}
