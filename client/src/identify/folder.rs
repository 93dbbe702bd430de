//! A folder is answered by the builds that explain it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_schema::api::{DistributionName, Holder, HolderKind};
use larder_schema::contents::tree_checksum;
use larder_schema::{BuildKey, Checksum, Digest, Entry, EntryKind, Sha256, Sums, TreeChecksum};
use serde::Serialize;
use tokio::task::block_in_place;

use super::{Error, ask, sums};
use crate::environment::Generation;
use crate::remote::Remote;

/// What a folder is.
#[derive(Clone, Debug, Serialize)]
pub struct Folder {
    /// The folder.
    pub path: String,
    /// What it is as a whole, for an environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The checksum of all that is in it, if it can have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<TreeChecksum>,
    /// How many files are in it.
    pub files: usize,
    /// The builds that explain them, the one that explains most first.
    pub builds: Vec<Explained>,
    /// Files that no build explains.
    pub unexplained: Vec<String>,
}

/// One build, and how much of a folder it explains.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The build.
    #[serde(flatten)]
    pub build: BuildKey,
    /// How many of the files it explains, beyond those that the builds before it do.
    pub files: usize,
    /// Whether the folder is just what the build unpacks to.
    pub whole: bool,
    /// The distributions that list the build.
    pub distributions: Vec<DistributionName>,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
}

/// A file in a folder.
struct Hashed {
    path: String,
    sums: Sums,
    executable: bool,
}

/// An environment is what its current generation's lock says; `verify` tells whether it still is.
pub(super) async fn of_generation(
    remote: &Remote,
    generation: &Generation,
) -> Result<Folder, Error> {
    let trees: Vec<TreeChecksum> =
        generation.lock.records.iter().filter_map(|record| record.tree).collect();
    let answer = ask(remote, trees.iter().copied().map(Checksum::Tree).collect()).await?;
    let listed: HashSet<BuildKey> = generation.lock.records.iter().map(|r| r.key()).collect();
    let mut builds: Vec<Explained> = answer
        .found
        .iter()
        .filter(|holder| holder.kind == HolderKind::Tree && listed.contains(&key(holder)))
        .map(|holder| explained(holder, 0, true))
        .collect();
    builds.sort_by(|one, two| one.build.cmp(&two.build));
    let unknown = generation.lock.records.iter().filter(|record| {
        record.tree.is_some() && !builds.iter().any(|build| build.build == record.key())
    });
    Ok(Folder {
        path: generation.folder.display().to_string(),
        digest: generation.lock.digest().ok(),
        tree: None,
        files: 0,
        unexplained: unknown.map(|record| format!("packages/{}", record.product)).collect(),
        builds,
    })
}

/// Reads every file of a folder and asks who has it.
pub(super) async fn of_folder(remote: &Remote, root: &Path) -> Result<Folder, Error> {
    let (files, tree) = block_in_place(|| read(root))?;
    let sums: BTreeSet<Sha256> = files.iter().map(|file| file.sums.sha256).collect();
    let mut checksums: Vec<Checksum> = sums.into_iter().map(Checksum::Sha256).collect();
    checksums.extend(tree.map(Checksum::Tree));
    let answer = ask(remote, checksums).await?;
    let whole: Vec<&Holder> =
        answer.found.iter().filter(|holder| holder.kind == HolderKind::Tree).collect();
    let mut folder = Folder {
        path: root.display().to_string(),
        digest: None,
        tree,
        files: files.len(),
        builds: Vec::new(),
        unexplained: Vec::new(),
    };
    if whole.is_empty() {
        (folder.builds, folder.unexplained) = explain(&files, &answer.found);
    } else {
        folder.builds =
            whole.into_iter().map(|holder| explained(holder, files.len(), true)).collect();
    }
    Ok(folder)
}

fn key(holder: &Holder) -> BuildKey {
    BuildKey {
        product: holder.product.clone(),
        build: holder.build.clone(),
        platform: holder.platform.clone(),
    }
}

fn explained(holder: &Holder, files: usize, whole: bool) -> Explained {
    Explained {
        build: key(holder),
        files,
        whole,
        distributions: holder.distributions.clone(),
        withdrawn: holder.withdrawn,
    }
}

/// The fewest builds that hold the files: again and again the one that holds most of the rest.
///
/// Of builds that hold as many, the one goes first that has more of them at the same end of their
/// paths, then the one with the higher name, which is most often the newer.
fn explain(files: &[Hashed], found: &[Holder]) -> (Vec<Explained>, Vec<String>) {
    let mut rest = Candidates::of(files, found);
    let mut builds = Vec::new();
    while let Some((best, count)) = rest.best() {
        rest.files.retain(|(_, of)| !of.iter().any(|(build, _)| *build == best));
        builds.push(explained(rest.builds[best], count, false));
    }
    // An empty file is in half of all builds; which of them it came from nobody can tell.
    let unknown = |file: &&Hashed| builds.is_empty() || file.sums.size > 0;
    let unexplained = rest.files.iter().map(|(file, _)| *file).filter(unknown);
    let unexplained = unexplained.map(|file| file.path.clone()).collect();
    (builds, unexplained)
}

/// Which builds hold which files, with builds as numbers in the order of their keys.
struct Candidates<'a> {
    builds: Vec<&'a Holder>,
    /// For each file the builds that hold it, and whether at the same end of its path.
    files: Vec<(&'a Hashed, Vec<(usize, bool)>)>,
}

impl<'a> Candidates<'a> {
    fn of(files: &'a [Hashed], found: &'a [Holder]) -> Self {
        let builds: BTreeMap<BuildKey, &Holder> =
            found.iter().map(|holder| (key(holder), holder)).collect();
        let numbers: HashMap<&BuildKey, usize> = builds.keys().zip(0..).collect();
        let mut holders: HashMap<Checksum, Vec<(usize, &Holder)>> = HashMap::new();
        for holder in found {
            let number = numbers[&key(holder)];
            holders.entry(holder.checksum).or_default().push((number, holder));
        }
        let files = files.iter().map(|file| {
            let of = holders.get(&Checksum::Sha256(file.sums.sha256)).into_iter().flatten();
            let mut in_place: BTreeMap<usize, bool> = BTreeMap::new();
            for (number, holder) in of {
                let path = holder.path.as_ref();
                *in_place.entry(*number).or_default() |=
                    path.is_some_and(|path| file.path.ends_with(path.as_str()));
            }
            (file, in_place.into_iter().collect())
        });
        Self { files: files.collect(), builds: builds.values().copied().collect() }
    }

    /// The build that holds most of the files, and how many those are.
    fn best(&self) -> Option<(usize, usize)> {
        let mut counts = vec![(0_usize, 0_usize); self.builds.len()];
        for (build, in_place) in self.files.iter().flat_map(|(_, of)| of) {
            counts[*build].0 += 1;
            counts[*build].1 += usize::from(*in_place);
        }
        let best = counts.into_iter().enumerate().max_by_key(|(_, counts)| *counts);
        best.filter(|(_, counts)| counts.0 > 0).map(|(build, counts)| (build, counts.0))
    }
}

/// The checksum of all that is in a folder, if it can have one.
pub(crate) fn tree_of(root: &Path) -> Result<Option<TreeChecksum>, Error> {
    Ok(read(root)?.1)
}

/// All files below `root`, hashed by all processors, and the tree checksum, if it has one.
fn read(root: &Path) -> Result<(Vec<Hashed>, Option<TreeChecksum>), Error> {
    let mut found = Found::default();
    found.walk(root, "")?;
    let files = hash_all(root, &found.files)?;
    let entries: Option<Vec<Entry>> = files
        .iter()
        .map(|file| {
            let Sums { sha256, blake3, size } = file.sums;
            let executable = file.executable;
            let kind = EntryKind::File { size, sha256, blake3, executable, offset: None };
            Some(Entry { path: file.path.parse().ok()?, kind })
        })
        .chain(
            found
                .others
                .into_iter()
                .map(|(path, kind)| Some(Entry { path: path.parse().ok()?, kind })),
        )
        .collect();
    Ok((files, entries.map(|entries| tree_checksum(&entries))))
}

#[derive(Default)]
struct Found {
    /// Path, and whether it is executable.
    files: Vec<(String, bool)>,
    /// Links and folders.
    others: Vec<(String, EntryKind)>,
}

impl Found {
    /// Links are not followed: what they lead to is somewhere else.
    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<(), Error> {
        let unreadable = |path: PathBuf| move |source| Error::Read { path, source };
        for entry in fs::read_dir(folder).map_err(unreadable(folder.to_owned()))? {
            let entry = entry.map_err(unreadable(folder.to_owned()))?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let metadata = entry.metadata().map_err(unreadable(entry.path()))?;
            if metadata.is_dir() {
                self.walk(&entry.path(), &format!("{path}/"))?;
                self.others.push((path, EntryKind::Folder));
            } else if metadata.is_file() {
                self.files.push((path, metadata.permissions().mode() & 0o100 != 0));
            } else if metadata.is_symlink() {
                let target = fs::read_link(entry.path()).map_err(unreadable(entry.path()))?;
                let target = target.to_string_lossy().into_owned();
                self.others.push((path, EntryKind::Link { target }));
            }
        }
        Ok(())
    }
}

fn hash_all(root: &Path, files: &[(String, bool)]) -> Result<Vec<Hashed>, Error> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok(Vec::with_capacity(files.len())));
    let lock = || done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((path, executable)) = files.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let place = root.join(path);
                    let hashed = sums::hash_file(&place);
                    match (hashed, &mut *lock()) {
                        (Ok(sums), Ok(all)) => {
                            all.push(Hashed { path: path.clone(), sums, executable: *executable });
                        }
                        (Err(source), all @ Ok(_)) => {
                            *all = Err(Error::Read { path: place, source });
                        }
                        (_, Err(_)) => break,
                    }
                }
            });
        }
    });
    let mut files = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)?;
    files.sort_by(|one: &Hashed, two| one.path.cmp(&two.path));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file(path: &str, content: &str) -> Hashed {
        Hashed { path: path.into(), sums: Sums::of(content.as_bytes()), executable: false }
    }

    fn holder(product: &str, path: &str, content: &str) -> Holder {
        let checksum = Checksum::Sha256(Sha256::of(content.as_bytes()));
        serde_json::from_value(json!({
            "checksum": checksum, "kind": "file", "product": product, "build": "1.0.0-b1",
            "platform": "any", "path": path, "distributions": []
        }))
        .unwrap()
    }

    #[test]
    fn the_fewest_builds_explain_a_folder() {
        let files =
            [file("a", "a"), file("b", "b"), file("c", "c"), file("e", ""), file("mine", "mine")];
        let found = [
            holder("small", "a", "a"),
            holder("large", "a", "a"),
            holder("large", "b", "b"),
            holder("other", "c", "c"),
            holder("empty", "e", ""),
            holder("large", "x/__init__.py", ""),
        ];

        let (builds, unexplained) = explain(&files, &found);

        let said: Vec<(&str, usize)> =
            builds.iter().map(|one| (one.build.product.as_str(), one.files)).collect();
        assert_eq!(said, [("large", 3), ("other", 1)]);
        assert_eq!(unexplained, ["mine"]);
    }
}
