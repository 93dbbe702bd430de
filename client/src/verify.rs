//! Compares an environment, byte by byte, with what was installed, and mends it.
//!
//! Every file of every tree is hashed again: a changed byte with the old size and the old time is
//! found. What a tree should hold is known from its index, whose own checksum is the tree's name in
//! the lock, whose digest is the distribution's: nothing on this disk vouches for itself.
//!
//! Bytecode that Python makes in a generation's `pycache/` was never published, so it is not judged;
//! a repair takes it away.

mod links;
#[cfg(test)]
mod tests;
mod tree;

use std::fs;
use std::path::Path;

use larder_schema::{Build, Digest, Listed, ProductName, TreeChecksum};
use serde::Serialize;

use crate::environment::{Changing, Deed, Environment, Generation, Leads};
use crate::install::{self, Obtainer, Packed};
use crate::lock::LockedDistribution;
use crate::lookup;
use crate::remote::Remote;
use crate::store::{self, Store};
use crate::target::{Target, Which};

/// Something that is not as it was installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Damage {
    /// The product concerned; none for what belongs to no product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductName>,
    /// The path: in the product's tree, or in the generation for its links and launchers;
    /// `current` and `generations/N` are in the environment.
    pub path: String,
    /// What is wrong with it.
    pub kind: DamageKind,
    /// Whether it is one of the environment's own links and launchers, not a file of a tree.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub environment: bool,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DamageKind {
    /// Other bytes, or something of another kind.
    Changed,
    /// Not there.
    Missing,
    /// There, and should not be.
    Extra,
    /// Executable, and should not be, or the reverse; or others than its owner can write to it.
    Mode,
    /// A link that leads elsewhere.
    Link,
}

impl DamageKind {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Mode => "mode",
            Self::Link => "link",
        }
    }
}

/// What a verification found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether everything is as it was installed.
    pub ok: bool,
    /// What the environment is.
    pub digest: Digest,
    /// What is wrong; after a repair, what still is.
    pub damage: Vec<Damage>,
    /// What was wrong and has been mended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repaired: Vec<Damage>,
    /// Files that were looked at.
    pub files: u64,
    /// Bytes that were hashed.
    pub bytes: u64,
}

/// Nobody knows whether the environment is as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The server.
    #[error(transparent)]
    Lookup(#[from] lookup::Error),
    /// A tree could not be fetched again.
    #[error("could not mend `{product}`")]
    Repair {
        /// The product.
        product: ProductName,
        /// Why not.
        #[source]
        source: Box<install::Error>,
    },
    /// A link or launcher could not be written again.
    #[error("could not mend `{}`", .path.display())]
    Disk {
        /// The link or launcher.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The server has another document under that name or digest: one of the two lies.
    #[error("the server says otherwise about `{what}`")]
    Otherwise {
        /// The distribution or the build.
        what: String,
    },
    /// The launchers cannot be told.
    #[error(transparent)]
    Environment(#[from] crate::environment::Error),
    /// A lock has no digest.
    #[error(transparent)]
    Canonical(#[from] larder_schema::canonical::CanonicalError),
}

/// Compares a generation with its lock, and where `current` leads; works without a server.
pub fn verify(
    environment: &Environment,
    generation: &Generation,
    store: &Store,
) -> Result<Report, Error> {
    let mut report = verify_generation(generation, store)?;
    report.damage.extend(links::current(environment));
    report.damage.sort();
    Ok(Report { ok: report.damage.is_empty(), ..report })
}

/// Compares a generation with its lock, whether or not it is current.
pub fn verify_generation(generation: &Generation, store: &Store) -> Result<Report, Error> {
    let mut damage = links::damage(generation, store)?;
    let (mut files, mut bytes) = (0, 0);
    for record in &generation.lock.records {
        let Some(sum) = record.tree else { continue };
        let found = tree::compare(store, &sum);
        files += found.files;
        bytes += found.bytes;
        damage.extend(found.damage.into_iter().map(|(path, kind)| Damage {
            product: Some(record.product.clone()),
            path,
            kind,
            environment: false,
        }));
    }
    damage.sort();
    let digest = generation.lock.digest()?;
    Ok(Report { ok: damage.is_empty(), digest, damage, repaired: Vec::new(), files, bytes })
}

/// What differs between a tree in the store and its checksum.
pub fn check_tree(store: &Store, tree: &TreeChecksum) -> Vec<(String, DamageKind)> {
    tree::compare(store, tree).damage
}

/// Asks the server whether the lock still is what it published.
pub async fn check_with(remote: &Remote, generation: &Generation) -> Result<(), Error> {
    for locked in &generation.lock.distributions {
        let LockedDistribution { document, digest, .. } = locked;
        let target = Target { name: document.name.clone(), which: Which::Exactly(*digest) };
        let found = lookup::distribution(remote, &target, &document.platform).await?;
        if found.distribution.document.in_order() != document.in_order() {
            return Err(Error::Otherwise { what: locked.name() });
        }
    }
    let builds = &generation.lock.builds;
    let digests = lookup::digests_of(remote, builds.iter().map(Listed::key)).await?;
    match builds.iter().zip(digests).find(|(build, digest)| build.record != Some(*digest)) {
        None => Ok(()),
        Some((build, _)) => Err(Error::Otherwise { what: build.key().to_string() }),
    }
}

/// Mends what `report` found, and verifies again; takes Python's bytecode away in any case.
pub async fn repair(
    environment: &Environment,
    generation: &Generation,
    obtainer: &Obtainer<'_>,
    report: Report,
    deed: Deed,
) -> Result<Report, Error> {
    let right = environment.change(|| {
        obtainer.progress.note("waiting for another larder that changes this environment");
    })?;
    mend(environment, &right, generation, obtainer, &report).await?;
    // Somebody else may have led it to a newer generation meanwhile.
    if environment.leads() == Leads::Astray {
        environment.switch(&right, generation, deed, "mended".to_owned())?;
    }
    let after = verify(environment, generation, obtainer.store)?;
    Ok(after.repaired(report))
}

/// Mends a generation as far as `report` says that it is damaged, and forgets its bytecode.
pub async fn mend(
    environment: &Environment,
    right: &Changing,
    generation: &Generation,
    obtainer: &Obtainer<'_>,
    report: &Report,
) -> Result<(), Error> {
    let _adding = (!report.ok).then(|| obtainer.store.add()).transpose()?;
    for record in &generation.lock.records {
        if is_damaged(report, record) {
            let failed = |error: install::Error| Error::Repair {
                product: record.product.clone(),
                source: Box::new(error),
            };
            let packed = Packed::of(record).map_err(|refused| failed(refused.into()))?;
            obtainer.replace(&packed).await.map_err(failed)?;
        }
    }
    if generation.folder.is_symlink() {
        environment.make_again(right, generation, |tree| obtainer.store.tree(tree))?;
    }
    links::mend(generation, obtainer.store)?;
    links::forget_bytecode(generation)
}

impl Report {
    /// The same, with what was wrong `before` and is no more.
    #[must_use]
    pub fn repaired(self, before: Self) -> Self {
        let mended = before.damage.into_iter().filter(|damage| !self.damage.contains(damage));
        Self { repaired: mended.collect(), ..self }
    }
}

fn is_damaged(report: &Report, record: &Build) -> bool {
    let of_tree =
        |damage: &&Damage| !damage.environment && damage.product.as_ref() == Some(&record.product);
    report.damage.iter().any(|damage| of_tree(&damage))
}

/// Removes a file, a link or a whole folder.
fn remove(path: &Path) -> std::io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        store::remove_tree(path)
    } else {
        fs::remove_file(path)
    }
}
