//! One lock of all that shall be in an environment, if it fits together; nothing is touched.

use std::collections::BTreeMap;

use larder_schema::canonical::CanonicalError;
use larder_schema::{Build, BuildName, Context, Platform, ProductName, Role};

use crate::lock::{Lock, LockedDistribution, Purpose};
use crate::remote::Origin;
use crate::target::Asked;

/// What was asked for cannot be one environment.
#[derive(Debug, thiserror::Error)]
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
    #[error("`{product}` is a {role} package, which the context `{context}` does not admit")]
    Context {
        /// The product.
        product: ProductName,
        /// Its role.
        role: Role,
        /// The context.
        context: Context,
    },
    /// A build has no digest.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
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

/// All that shall be in an environment.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The server.
    pub server: Origin,
    /// What the environment is for.
    pub purpose: Purpose,
    /// What was asked for.
    pub targets: Vec<Asked>,
    /// The distributions.
    pub distributions: Vec<LockedDistribution>,
    /// The records of all builds.
    pub records: Vec<Build>,
}

/// The lock of an environment that holds all of `parts`.
pub fn combine(parts: Parts) -> Result<Lock, Conflict> {
    let mut distributions: BTreeMap<ProductName, LockedDistribution> = BTreeMap::new();
    for distribution in parts.distributions {
        let name = distribution.document.name.clone();
        if distributions.get(&name).is_some_and(|same| same.digest != distribution.digest) {
            return Err(Conflict::Twice { name });
        }
        distributions.insert(name, distribution);
    }
    let distributions: Vec<LockedDistribution> = distributions.into_values().collect();
    agree(&distributions, &parts.purpose.platform)?;
    let records = parts.records.into_iter().map(|record| (record.product.clone(), record));
    let records: Vec<Build> = records.collect::<BTreeMap<_, _>>().into_values().collect();
    let mut targets = parts.targets;
    targets.sort_by_key(|target| (target.name().clone(), target.to_string()));
    targets.dedup();
    let lock = Lock::new(parts.server, targets, parts.purpose, distributions, &records)?;
    check_context(&lock)?;
    Ok(lock)
}

/// No two distributions may differ in a product, and all builds must fit.
fn agree(distributions: &[LockedDistribution], platform: &Platform) -> Result<(), Conflict> {
    let mut seen = BTreeMap::new();
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
                    first: first.name(),
                    first_build: first_build.build.clone(),
                    second: distribution.name(),
                    second_build: build.build.clone(),
                })));
            }
        }
    }
    Ok(())
}

/// Refuses what the context of `lock` does not admit.
pub fn check_context(lock: &Lock) -> Result<(), Conflict> {
    let Some(context) = lock.purpose.context else { return Ok(()) };
    match lock.records.iter().find(|record| !context.admits(record.role)) {
        None => Ok(()),
        Some(record) => {
            Err(Conflict::Context { product: record.product.clone(), role: record.role, context })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::{build, distribution};

    fn parts(distributions: &[(&str, &str, &[Build])]) -> Parts {
        Parts {
            server: "http://127.0.0.1:1".parse().unwrap(),
            purpose: Purpose::of(Platform::Any),
            targets: distributions.iter().map(|(name, ..)| name.parse().unwrap()).collect(),
            distributions: distributions
                .iter()
                .map(|(name, version, builds)| distribution(name, version, builds))
                .collect(),
            records: distributions.iter().flat_map(|(.., builds)| builds.to_vec()).collect(),
        }
    }

    #[test]
    fn distributions_that_share_a_build_merge_and_those_that_differ_do_not() {
        let (one, two) = (build("afw", "1.0.0-b1", &[]), build("afw", "1.0.0-b2", &[]));
        let shared = std::slice::from_ref(&one);
        assert!(combine(parts(&[("a", "1.0.0", shared), ("b", "1.0.0", shared)])).is_ok());

        let refusal = combine(parts(&[("a", "1.0.0", &[one]), ("b", "2.0.0", &[two])]));

        let sentence = refusal.unwrap_err().to_string();
        assert_eq!(sentence, "`a@1.0.0` has `afw@1.0.0-b1` and `b@2.0.0` has `afw@1.0.0-b2`");
    }

    #[test]
    fn one_distribution_in_two_versions_is_refused() {
        let (one, two) = (build("afw", "1.0.0-b1", &[]), build("afw", "1.0.0-b2", &[]));
        let refusal = combine(parts(&[("a", "1.0.0", &[one]), ("a", "2.0.0", &[two])]));
        assert!(matches!(refusal, Err(Conflict::Twice { .. })));
    }

    #[test]
    fn what_no_distribution_lists_is_listed_by_the_lock() {
        let (afw, log) = (build("afw", "1.0.0-b1", &[]), build("log", "1.0.0-b1", &[]));
        let mut parts = parts(&[("a", "1.0.0", &[afw])]);
        parts.records.push(log);

        let lock = combine(parts).unwrap();

        assert_eq!((lock.records.len(), lock.builds.len()), (2, 1));
        assert_ne!(lock.digest().unwrap(), lock.distributions[0].digest);
    }

    #[test]
    fn operations_admit_no_debug_package() {
        let mut debug = build("gdb", "1.0.0-b1", &[]);
        debug.role = Role::Debug;
        let of = |context| {
            let mut parts = parts(&[("a", "1.0.0", &[debug.clone()])]);
            parts.purpose.context = Some(context);
            combine(parts)
        };
        assert!(of(Context::Development).is_ok());
        assert!(matches!(of(Context::Operations), Err(Conflict::Context { .. })));
    }
}
