//! The lock: all that an environment is made from, so that it can be used and made again offline.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use larder_schema::canonical::{self, CanonicalError};
use larder_schema::closure::Closure;
use larder_schema::record::RecordFault;
use larder_schema::{Build, Context, Digest, Distribution, Label, Listed, Platform, ProductName};
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::remote::Origin;
use crate::target::Asked;

/// The version of the lock's form.
const FORMAT: u32 = 1;
/// The most bytes of a lock: records of a hundred thousand builds.
const MAX_BYTES: u64 = 1 << 30;

/// All that an environment is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// The version of this form.
    pub format: u32,
    /// Where the archives are.
    pub server: Origin,
    /// What was asked for.
    pub targets: Vec<Asked>,
    /// What it is for.
    #[serde(flatten)]
    pub purpose: Purpose,
    /// The distributions, by name.
    pub distributions: Vec<LockedDistribution>,
    /// The builds that belong to none of them, by product.
    pub builds: Vec<Listed>,
    /// The records of all builds, each after those that it needs.
    pub records: Vec<Build>,
}

/// What an environment is for; it stays so until something else is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// For which platform.
    pub platform: Platform,
    /// What it is for; operations admit no `build` and no `debug` package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// Whether test builds may be in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

/// A distribution, exactly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockedDistribution {
    /// The digest of the document.
    pub digest: Digest,
    /// The tag by which it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Label>,
    /// The document.
    pub document: Distribution,
}

/// A lock is not good for use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("could not read the lock `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is none.
    #[error("`{}` is no lock that larder understands", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A newer larder wrote it.
    #[error("`{}` has the form {format}, and this larder knows {FORMAT}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its form.
        format: u32,
    },
    /// It contradicts itself.
    #[error("`{}` contradicts itself", .path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// How.
        #[source]
        source: Contradiction,
    },
}

/// Documents that do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    /// A document is not what its digest says.
    #[error("the distribution `{name}` has the digest {found}, not {said}")]
    Distribution {
        /// The distribution.
        name: ProductName,
        /// The digest of what is there.
        found: Digest,
        /// What it should be.
        said: Digest,
    },
    /// A build without a record, or a record without a build.
    #[error("there is no record of `{product}`, or one too many")]
    Records {
        /// The product.
        product: ProductName,
    },
    /// A record is not the one that the distribution lists.
    #[error("the record of `{product}` has another {field} than the distribution lists")]
    Record {
        /// The product.
        product: ProductName,
        /// What differs.
        field: &'static str,
    },
    /// A build with an archive says not what it unpacks to.
    #[error("nothing says what the archive of `{product}` unpacks to")]
    NoTree {
        /// The product.
        product: ProductName,
    },
    /// A record that nobody should act on.
    #[error("the record of `{product}` is refused")]
    Harmful {
        /// The product.
        product: ProductName,
        /// Why.
        #[source]
        source: RecordFault,
    },
    /// A document has no digest.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl Lock {
    /// A lock of these distributions and records, in install order.
    pub fn new(
        server: Origin,
        targets: Vec<Asked>,
        purpose: Purpose,
        distributions: Vec<LockedDistribution>,
        records: &[Build],
    ) -> Result<Self, CanonicalError> {
        let listed: HashSet<&ProductName> =
            listed(&distributions).map(|one| &one.product).collect();
        let others = records.iter().filter(|record| !listed.contains(&record.product));
        let mut builds = others.map(Listed::of).collect::<Result<Vec<Listed>, _>>()?;
        builds.sort_by(|one, two| one.product.cmp(&two.product));
        let records = Closure::of(records).in_install_order().into_iter().cloned().collect();
        Ok(Self { format: FORMAT, server, targets, purpose, distributions, builds, records })
    }

    /// Reads a lock and checks that it does not contradict itself.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = bounded::read(path, MAX_BYTES)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let malformed = |source| Error::Malformed { path: path.to_owned(), source };
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(malformed)?;
        let format = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if format != u64::from(FORMAT) {
            let format = u32::try_from(format).unwrap_or(u32::MAX);
            return Err(Error::Format { path: path.to_owned(), format });
        }
        let lock: Self = serde_json::from_value(value).map_err(malformed)?;
        match lock.contradiction() {
            Ok(()) => Ok(lock),
            Err(source) => Err(Error::Contradiction { path: path.to_owned(), source }),
        }
    }

    /// The lock as it is written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    fn contradiction(&self) -> Result<(), Contradiction> {
        for distribution in &self.distributions {
            check_digest(&distribution.document, distribution.digest)?;
        }
        // What a distribution lists counts, whatever stands beside it.
        let all = self.builds.iter().chain(listed(&self.distributions));
        let mut listed: HashMap<&ProductName, &Listed> =
            all.map(|build| (&build.product, build)).collect();
        for record in &self.records {
            let build = listed.remove(&record.product);
            check_record(record, build)?;
        }
        match listed.into_keys().next() {
            None => Ok(()),
            Some(product) => Err(Contradiction::Records { product: product.clone() }),
        }
    }

    /// What was asked for, as it became: `name@version` of each distribution.
    pub fn distribution_names(&self) -> Vec<String> {
        self.distributions.iter().map(LockedDistribution::name).collect()
    }

    /// The products that were asked for, as they became: `name@build`.
    pub fn product_names(&self) -> Vec<String> {
        let products = self.targets.iter().filter_map(|asked| match asked {
            Asked::Product(wanted) => Some(&wanted.product),
            Asked::Distribution(_) => None,
        });
        let records = products
            .filter_map(|product| self.records.iter().find(|record| record.product == *product));
        records.map(|record| format!("{}@{}", record.product, record.name())).collect()
    }

    /// All that was asked for, as it became.
    pub fn names(&self) -> Vec<String> {
        [self.distribution_names(), self.product_names()].concat()
    }

    /// What the environment is, in one digest: its distribution's, or that of all its builds.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        match &self.distributions[..] {
            [only] if self.builds.is_empty() => Ok(only.digest),
            _ => {
                let builds: Result<Vec<Listed>, _> = self.records.iter().map(Listed::of).collect();
                canonical::digest(&builds?)
            }
        }
    }
}

/// The builds that distributions list; what two of them list comes twice.
pub fn listed(distributions: &[LockedDistribution]) -> impl Iterator<Item = &Listed> {
    distributions.iter().flat_map(|distribution| &distribution.document.builds)
}

impl LockedDistribution {
    /// Its name and version.
    pub fn name(&self) -> String {
        format!("{}@{}", self.document.name, self.document.version)
    }
}

impl Purpose {
    /// For a platform, and nothing else said.
    pub fn of(platform: Platform) -> Self {
        Self { platform, context: None, test: false }
    }
}

/// Checks that `document` has the digest `said`.
pub fn check_digest(document: &Distribution, said: Digest) -> Result<(), Contradiction> {
    let found = document.digest()?;
    if found == said {
        return Ok(());
    }
    Err(Contradiction::Distribution { name: document.name.clone(), found, said })
}

/// Checks that `record` is the one that a distribution lists, and that one may act on it.
pub fn check_record(record: &Build, listed: Option<&Listed>) -> Result<(), Contradiction> {
    let product = || record.product.clone();
    let listed = listed.ok_or_else(|| Contradiction::Records { product: product() })?;
    let own = Listed::of(record)?;
    let field = if listed.key() != own.key() {
        Some("key")
    } else if listed.record.is_none() {
        Some("record")
    } else if listed.archive != own.archive {
        Some("archive")
    } else {
        listed.contradiction(&own)
    };
    if let Some(field) = field {
        return Err(Contradiction::Record { product: product(), field });
    }
    if record.archive.is_some() && (record.tree.is_none() || listed.tree.is_none()) {
        return Err(Contradiction::NoTree { product: product() });
    }
    match record.harm() {
        None => Ok(()),
        Some(source) => Err(Contradiction::Harmful { product: product(), source }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use larder_schema::{Sha256, TreeChecksum};
    use serde_json::json;

    /// A build of `product`, with an archive and what it needs.
    pub(crate) fn build(product: &str, name: &str, needs: &[&str]) -> Build {
        let (version, build) = name.split_once('-').unwrap();
        let archive = format!("{product}-{name}-any.tar");
        let dependencies: Vec<_> =
            needs.iter().map(|need| json!({"product": need, "requirement": "*"})).collect();
        serde_json::from_value(json!({
            "product": product, "version": version, "build": build, "platform": "any",
            "archive": {"sha256": Sha256::of(archive.as_bytes()), "name": archive, "size": 10},
            "dependencies": dependencies,
            "tree": TreeChecksum(Sha256::of(format!("{product}{name}").as_bytes()).0),
        }))
        .unwrap()
    }

    /// A distribution of `builds`.
    pub(crate) fn distribution(name: &str, version: &str, builds: &[Build]) -> LockedDistribution {
        let listed: Vec<Listed> = builds.iter().map(|build| Listed::of(build).unwrap()).collect();
        let document: Distribution = serde_json::from_value(
            json!({"name": name, "version": version, "platform": "any", "builds": listed}),
        )
        .unwrap();
        LockedDistribution { digest: document.digest().unwrap(), tag: None, document }
    }

    /// A lock of one distribution of `builds`.
    pub(crate) fn lock(builds: &[Build]) -> Lock {
        Lock::new(
            "http://127.0.0.1:1".parse().unwrap(),
            vec!["stack".parse().unwrap()],
            Purpose::of(Platform::Any),
            vec![distribution("stack", "1.0.0", builds)],
            builds,
        )
        .unwrap()
    }

    #[test]
    fn a_lock_reads_back_in_install_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock.json");
        let lock = lock(&[build("afw", "1.0.0-b1", &["log"]), build("log", "1.0.0-b1", &[])]);
        fs::write(&path, lock.to_json().unwrap()).unwrap();

        let read = Lock::read(&path).unwrap();

        assert_eq!(read, lock);
        assert_eq!(read.records[0].product.as_str(), "log");
        assert_eq!(read.digest().unwrap(), lock.distributions[0].digest);
    }

    #[test]
    fn a_lock_that_was_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock.json");
        let refused = |lock: Lock| {
            fs::write(&path, lock.to_json().unwrap()).unwrap();
            Lock::read(&path).is_err()
        };
        let good = || lock(&[build("afw", "1.0.0-b1", &[])]);
        assert!(!refused(good()));

        let mut other_tree = good();
        other_tree.records[0].tree = Some(TreeChecksum([7; 32]));
        let mut other_summary = good();
        other_summary.records[0].summary = Some("other".parse().unwrap());
        let mut other_document = good();
        other_document.distributions[0].document.version = "2.0.0".parse().unwrap();
        let mut one_more = good();
        one_more.records.push(build("log", "1.0.0-b1", &[]));
        let mut one_less = good();
        one_less.records.clear();

        let mut other_build = good();
        other_build.records.push(build("log", "1.0.0-b1", &[]));
        other_build.builds.push(Listed::of(&build("log", "1.0.0-b2", &[])).unwrap());

        for lock in [other_tree, other_summary, other_document, one_more, one_less, other_build] {
            assert!(refused(lock));
        }
    }
}
