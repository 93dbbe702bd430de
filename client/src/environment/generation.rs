//! One generation: links into the store, launchers, and what they are made from.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use larder_schema::{Build, ProductName, TreeChecksum};
use serde::{Deserialize, Serialize};

use super::in_use::IN_USE;
use super::replacement::Replacement;
use super::variables::{Package, settings};
use super::{Deed, Error, Setting, disk, launcher, replaced};
use crate::lock::Lock;

/// One generation of an environment.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// Its folder.
    pub folder: PathBuf,
    /// What it is made from.
    pub lock: Lock,
}

/// The folders in a generation.
const FOLDERS: [&str; 3] = ["packages", "bin", "pycache"];

/// How a generation came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// By whom, when and why.
    #[serde(flatten)]
    pub deed: Deed,
    /// The store that its links lead to; what lies there is checked, so this need not be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<PathBuf>,
}

impl Generation {
    pub(super) fn read(number: u64, folder: PathBuf) -> Result<Self, Error> {
        let lock = Lock::read(&folder.join("lock.json"))?;
        Ok(Self { number, folder, lock })
    }

    /// How it came to be; `None` when that cannot be read any more.
    pub fn made(&self) -> Option<Made> {
        serde_json::from_slice(&fs::read(self.folder.join("made.json")).ok()?).ok()
    }

    /// Which of its folders are links to somewhere else; its own folder is the empty name.
    pub fn redirected(&self) -> Vec<&'static str> {
        let below = FOLDERS.into_iter().filter(|name| self.folder.join(name).is_symlink());
        self.folder.is_symlink().then_some("").into_iter().chain(below).collect()
    }

    /// The link to the tree of a product.
    pub fn package(&self, product: &ProductName) -> PathBuf {
        self.folder.join("packages").join(product.as_str())
    }

    /// The build of `product`, if it has files.
    pub(super) fn packaged(&self, product: &ProductName) -> Option<&Build> {
        self.lock.records.iter().find(|record| record.product == *product && has_files(record))
    }

    /// What it does to environment variables, where products are replaced by folders.
    ///
    /// A replaced product keeps its place; what is no package of the generation comes in front.
    pub fn settings(&self, replacements: &[Replacement]) -> Result<Vec<Setting>, Error> {
        let folder = self.folder.to_str().filter(|_| super::can_be_listed(&self.folder));
        let folder = folder.ok_or_else(|| Error::Unlistable { path: self.folder.clone() })?;
        let installed = self.lock.records.iter().filter(|record| has_files(record)).map(|record| {
            let replacement = replacements.iter().find(|one| one.product == record.product);
            replacement.map_or_else(|| package(folder, record), Replacement::package)
        });
        let added = replacements.iter().filter(|one| self.packaged(&one.product).is_none());
        let packages: Vec<Package<'_>> = installed.chain(added.map(Replacement::package)).collect();
        let mut settings = settings(folder, &packages);
        settings.push(replaced::setting(folder, replacements));
        Ok(settings)
    }

    /// The links that must be in `packages/`, and where they lead.
    pub fn links(&self, tree: impl Fn(&TreeChecksum) -> PathBuf) -> BTreeMap<String, PathBuf> {
        links(&self.lock, tree)
    }

    /// The launchers that must be in `bin/`: name to text.
    pub fn launchers(&self) -> Result<BTreeMap<String, (ProductName, String)>, Error> {
        launchers(&self.lock)
    }
}

/// Whether it is more than a metapackage.
fn has_files(record: &Build) -> bool {
    record.archive.is_some()
}

fn package<'a>(folder: &str, record: &'a Build) -> Package<'a> {
    let Build { product, variables, product_dir, .. } = record;
    let root = format!("{folder}/packages/{product}");
    let home = product_dir.as_ref().map_or_else(|| root.clone(), |below| format!("{root}/{below}"));
    Package { product, root, home, variables }
}

fn links(lock: &Lock, tree: impl Fn(&TreeChecksum) -> PathBuf) -> BTreeMap<String, PathBuf> {
    let with_tree = lock.records.iter().filter_map(|record| Some((record, record.tree?)));
    with_tree.map(|(record, sum)| (record.product.to_string(), tree(&sum))).collect()
}

pub(super) fn launchers(lock: &Lock) -> Result<BTreeMap<String, (ProductName, String)>, Error> {
    let mut launchers: BTreeMap<String, (ProductName, String)> = BTreeMap::new();
    for record in &lock.records {
        for (script, target) in &record.scripts {
            let Some(text) = launcher(record, target.as_str()) else { continue };
            let new = (record.product.clone(), text);
            if let Some((first, _)) = launchers.insert(script.clone(), new) {
                let second = record.product.clone();
                return Err(Error::TwoScripts { script: script.clone(), first, second });
            }
        }
    }
    Ok(launchers)
}

/// Writes a whole generation into the new folder `folder`.
pub(super) fn write(
    folder: &Path,
    lock: &Lock,
    made: &Made,
    tree: impl Fn(&TreeChecksum) -> PathBuf,
) -> Result<(), Error> {
    for name in [""].into_iter().chain(FOLDERS) {
        let path = folder.join(name);
        fs::create_dir(&path).map_err(disk("make", &path))?;
    }
    for (product, target) in links(lock, tree) {
        let link = folder.join("packages").join(product);
        symlink(target, &link).map_err(disk("make", &link))?;
    }
    for (script, (_, text)) in launchers(lock)? {
        write_launcher(&folder.join("bin").join(script), &text)?;
    }
    let path = folder.join("lock.json");
    write_new(&path, encoded(&path, lock.to_json())?.as_bytes(), 0o644)?;
    let path = folder.join("made.json");
    let text = encoded(&path, serde_json::to_string_pretty(made))? + "\n";
    write_new(&path, text.as_bytes(), 0o644)?;
    write_new(&folder.join(IN_USE), b"", 0o644)
}

/// Writes one launcher, which must not be there yet.
pub(crate) fn write_launcher(path: &Path, text: &str) -> Result<(), Error> {
    write_new(path, text.as_bytes(), 0o755)
}

fn encoded(path: &Path, text: Result<String, serde_json::Error>) -> Result<String, Error> {
    text.map_err(|source| Error::Encode { path: path.to_owned(), source })
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(disk("write", path))
}
