//! What an environment shall become, decided without touching anything: what stays as it is, what
//! the server is asked for, and what goes.

use std::collections::HashSet;

use larder_schema::{Build, BuildRef, Context, DistributionVersion, Platform, ProductName, Wanted};

use crate::combine::Parts;
use crate::lock::{Lock, LockedDistribution, Purpose, listed};
use crate::target::{Asked, Name, Requested, Target, Which};

/// What shall become of an environment.
#[derive(Clone, Debug)]
pub enum Wish {
    /// These shall be in it, beside what is there.
    Add(Vec<Requested>),
    /// What follows tags and requirements goes on; of these names, or all.
    Update(Vec<Name>),
    /// These go, and what only they needed.
    Remove(Vec<Name>),
    /// It becomes just what this lock says.
    Exactly(Box<Lock>),
}

/// What has to be found so that a wish comes true.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// What will have been asked for.
    pub targets: Vec<Asked>,
    /// The distributions to look up.
    pub look_up: Vec<Target>,
    /// The distributions that stay.
    pub kept: Vec<LockedDistribution>,
    /// Builds to take where they will do.
    pub prefer: Vec<BuildRef>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A wish makes no sense for this environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not there at all.
    #[error("`{name}` is not installed")]
    NotInstalled {
        /// The name.
        name: String,
    },
    /// It is there for others.
    #[error("`{name}` was not asked for: {}", .because.join(", "))]
    OfOthers {
        /// The name.
        name: String,
        /// Who lists or needs it.
        because: Vec<String>,
    },
    /// A distribution and a product are called so.
    #[error("`{name}` is a distribution and a product here")]
    Both {
        /// The name.
        name: String,
    },
}

impl Search {
    /// The products that were asked for.
    pub fn wanted(&self) -> Vec<Wanted> {
        let products = self.targets.iter().filter_map(|target| match target {
            Asked::Product(wanted) => Some(wanted.clone()),
            Asked::Distribution(_) => None,
        });
        products.collect()
    }
}

/// What `asked` has to be found for; another version of what is installed replaces it.
pub fn add(installed: Option<&Lock>, asked: Vec<Asked>) -> Search {
    let replaced = |old: &Asked| asked.iter().any(|new| new.full_name() == old.full_name());
    let old = installed.map(|lock| &lock.targets[..]).unwrap_or_default();
    let kept: Vec<Asked> = old.iter().filter(|old| !replaced(old)).cloned().collect();
    let look_up = asked.iter().filter_map(distribution).cloned().collect();
    Search {
        look_up,
        kept: installed.map(|lock| kept_distributions(lock, &kept)).unwrap_or_default(),
        prefer: installed.map(|lock| builds(lock, |_| true)).unwrap_or_default(),
        targets: kept.into_iter().chain(asked).collect(),
        notes: Vec::new(),
    }
}

/// What has to be found so that tags and requirements are followed; `None`: nothing can change.
pub fn update(installed: &Lock, names: &[Name]) -> Result<(Option<Search>, Vec<String>), Refusal> {
    let mut loose: HashSet<&ProductName> = HashSet::new();
    for name in names {
        match named(installed, name)? {
            Some(Asked::Product(wanted)) => drop(loose.insert(&wanted.product)),
            Some(Asked::Distribution(_)) => {}
            None => drop(loose.insert(&name.name)),
        }
    }
    let is_meant = |asked: &Asked| names.is_empty() || names.iter().any(|name| name.fits(asked));
    let (mut look_up, mut kept, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut follows = !loose.is_empty();
    for asked in &installed.targets {
        let is_exact = is_exact(installed, asked);
        if is_meant(asked) && is_exact {
            notes.push(format!("`{asked}` names an exact version, which stays"));
        }
        match asked {
            Asked::Distribution(target) if is_meant(asked) && !is_exact => {
                look_up.push(target.clone());
            }
            Asked::Distribution(_) => kept.push(asked.clone()),
            Asked::Product(_) => follows |= is_meant(asked) && !is_exact,
        }
    }
    if look_up.is_empty() && !follows {
        return Ok((None, notes));
    }
    let prefer = match names {
        [] => Vec::new(),
        _ => builds(installed, |product| !loose.contains(product)),
    };
    let kept = kept_distributions(installed, &kept);
    let targets = installed.targets.clone();
    Ok((Some(Search { targets, look_up, kept, prefer, notes: notes.clone() }), notes))
}

/// What is left when `names` go, and all that only they needed.
pub fn remove(installed: &Lock, names: &[Name]) -> Result<Parts, Refusal> {
    for name in names {
        if named(installed, name)?.is_none() {
            return Err(of_others(installed, &name.name));
        }
    }
    let stays = |asked: &&Asked| !names.iter().any(|name| name.fits(asked));
    let targets: Vec<Asked> = installed.targets.iter().filter(stays).cloned().collect();
    let distributions = kept_distributions(installed, &targets);
    let mut needed: HashSet<&ProductName> =
        listed(&distributions).map(|one| &one.product).collect();
    for asked in &targets {
        if let Asked::Product(wanted) = asked {
            reach(installed, &wanted.product, &mut needed);
        }
    }
    let needed = installed.records.iter().filter(|record| needed.contains(&record.product));
    let records = needed.cloned().collect();
    Ok(Parts {
        server: installed.server.clone(),
        purpose: installed.purpose.clone(),
        targets,
        distributions,
        records,
    })
}

/// What was asked for by a name; `None`: a product that is there for others, and may go on alone.
fn named<'a>(installed: &'a Lock, name: &Name) -> Result<Option<&'a Asked>, Refusal> {
    let mut fitting = installed.targets.iter().filter(|asked| name.fits(asked));
    match (fitting.next(), fitting.next()) {
        (Some(one), Some(other)) if one.full_name() != other.full_name() => {
            Err(Refusal::Both { name: name.to_string() })
        }
        (Some(one), _) => Ok(Some(one)),
        (None, _) if installed.builds.iter().any(|build| build.product == name.name) => Ok(None),
        (None, _) if installed.records.iter().any(|record| record.product == name.name) => {
            Err(of_others(installed, &name.name))
        }
        (None, _) => Err(Refusal::NotInstalled { name: name.to_string() }),
    }
}

/// Who lists or needs a product, the first few.
fn of_others(installed: &Lock, product: &ProductName) -> Refusal {
    const MOST: usize = 6;
    let lists = |one: &&LockedDistribution| {
        one.document.builds.iter().any(|build| build.product == *product)
    };
    let lists = installed.distributions.iter().filter(lists);
    let lists = lists.map(|one| format!("`{}` lists it", one.name()));
    let needs = installed.records.iter().filter_map(|record| {
        let needed = record.run_dependencies().find(|needed| needed.product == *product)?;
        Some(format!("`{}@{}` needs it ({})", record.product, record.name(), needed.requirement))
    });
    let mut because: Vec<String> = lists.chain(needs).collect();
    let more = because.len().saturating_sub(MOST);
    because.truncate(MOST);
    because.extend((more > 0).then(|| format!("and {more} more")));
    Refusal::OfOthers { name: product.to_string(), because }
}

fn distribution(asked: &Asked) -> Option<&Target> {
    match asked {
        Asked::Distribution(target) => Some(target),
        Asked::Product(_) => None,
    }
}

/// Whether nothing can ever be newer than what was asked for.
fn is_exact(installed: &Lock, asked: &Asked) -> bool {
    match asked {
        Asked::Product(wanted) => wanted.build.is_some(),
        Asked::Distribution(Target { name, which }) => match which {
            Which::Current => false,
            Which::Exactly(_) => true,
            // A label is a tag or a version: how it was found tells.
            Which::Named(DistributionVersion::Label(_)) => {
                let same = |one: &&LockedDistribution| one.document.name == *name;
                installed.distributions.iter().find(same).is_none_or(|one| one.tag.is_none())
            }
            Which::Named(_) => true,
        },
    }
}

fn kept_distributions(installed: &Lock, targets: &[Asked]) -> Vec<LockedDistribution> {
    let is_kept = |one: &&LockedDistribution| {
        targets.iter().filter_map(distribution).any(|target| target.name == one.document.name)
    };
    installed.distributions.iter().filter(is_kept).cloned().collect()
}

fn builds(installed: &Lock, is_meant: impl Fn(&ProductName) -> bool) -> Vec<BuildRef> {
    let meant = installed.builds.iter().filter(|build| is_meant(&build.product));
    let reference =
        meant.map(|build| BuildRef { product: build.product.clone(), build: build.build.clone() });
    reference.collect()
}

fn reach<'a>(installed: &'a Lock, from: &'a ProductName, reached: &mut HashSet<&'a ProductName>) {
    let (mut open, mut seen) = (vec![from], HashSet::new());
    while let Some(product) = open.pop() {
        if !seen.insert(product) {
            continue;
        }
        let record = installed.records.iter().find(|record| record.product == *product);
        let needs = record.into_iter().flat_map(Build::run_dependencies);
        open.extend(needs.map(|needed| &needed.product));
    }
    reached.extend(seen);
}

/// What was said anew about an environment's purpose; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// For which platform.
    pub platform: Option<Platform>,
    /// What it is for.
    pub context: Option<Context>,
    /// Test builds may be in it.
    pub test: bool,
}

impl Given {
    /// The purpose of an environment about which this is said.
    pub fn over(&self, installed: Option<&Purpose>) -> Purpose {
        let host = || Purpose::of(Platform::of_this_host());
        let before = installed.cloned().unwrap_or_else(host);
        Purpose {
            platform: self.platform.clone().unwrap_or(before.platform),
            context: self.context.or(before.context),
            test: self.test || before.test,
        }
    }
}
