//! Compares one tree in the store with its index.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_schema::contents::tree_checksum;
use larder_schema::{Blake3, Entry, EntryKind, Hasher, TreeChecksum};

use super::DamageKind;
use crate::store::{Contents, Store};

/// What a comparison found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) damage: Vec<(String, DamageKind)>,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Compares a tree with its index. Where the index is no good, the whole tree is read instead.
pub(super) fn compare(store: &Store, sum: &TreeChecksum) -> Found {
    let root = store.tree(sum);
    if !fs::symlink_metadata(&root).is_ok_and(|metadata| metadata.is_dir()) {
        let damage = vec![(".".to_owned(), DamageKind::Missing)];
        return Found { damage, ..Found::default() };
    }
    match store.contents(sum) {
        Some(contents) => against(&root, &contents),
        None => whole(store, &root, sum),
    }
}

fn against(root: &Path, contents: &Contents) -> Found {
    let mut found = Found::default();
    let wanted: BTreeMap<&str, &Entry> =
        contents.entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let folders: HashSet<&str> = wanted.values().flat_map(|entry| entry.path.ancestors()).collect();
    let mut there = Walk::default();
    there.walk(root, "", &|path: &str| {
        folders.contains(path) || wanted.get(path).is_some_and(|e| e.kind == EntryKind::Folder)
    });
    found.damage.append(&mut there.extra);
    let belongs = |path: &str| path == "." || wanted.contains_key(path) || folders.contains(path);
    found.damage.extend(there.writable(root).into_iter().filter(|(path, _)| belongs(path)));
    let mut to_hash = Vec::new();
    for (path, entry) in &wanted {
        match there.entries.remove(*path) {
            None => found.damage.push(((*path).to_owned(), DamageKind::Missing)),
            Some(metadata) => {
                let kind = differs(&root.join(path), entry, &metadata);
                found.damage.extend(kind.map(|kind| ((*path).to_owned(), kind)));
                if let EntryKind::File { blake3, size, .. } = &entry.kind
                    && kind.is_none_or(|kind| kind == DamageKind::Mode)
                {
                    to_hash.push((*path, *blake3));
                    found.bytes += size;
                }
            }
        }
    }
    let extra = there.entries.into_keys().filter(|path| !folders.contains(path.as_str()));
    found.damage.extend(extra.map(|path| (path, DamageKind::Extra)));
    found.files = to_hash.len() as u64;
    let changed = hash_all(root, &to_hash);
    found.damage.extend(changed.into_iter().map(|path| (path, DamageKind::Changed)));
    found
}

/// Whether others than its owner can change it. Links have no mode of their own.
fn is_writable(metadata: &Metadata) -> bool {
    !metadata.is_symlink() && metadata.permissions().mode() & 0o022 != 0
}

/// What can be seen without reading a file's bytes.
fn differs(path: &Path, entry: &Entry, metadata: &Metadata) -> Option<DamageKind> {
    match &entry.kind {
        EntryKind::File { size, executable, .. } => {
            if !metadata.is_file() || metadata.len() != *size {
                Some(DamageKind::Changed)
            } else {
                let is_executable = metadata.permissions().mode() & 0o100 != 0;
                // What others can write is told for files and folders together.
                let is_told = is_writable(metadata);
                (is_executable != *executable && !is_told).then_some(DamageKind::Mode)
            }
        }
        EntryKind::Link { .. } if !metadata.is_symlink() => Some(DamageKind::Changed),
        EntryKind::Link { target } => {
            let same =
                fs::read_link(path).is_ok_and(|to| to.as_os_str().as_bytes() == target.as_bytes());
            (!same).then_some(DamageKind::Link)
        }
        EntryKind::Folder => (!metadata.is_dir()).then_some(DamageKind::Changed),
    }
}

/// All that lies in a tree.
#[derive(Default)]
struct Walk {
    entries: BTreeMap<String, Metadata>,
    extra: Vec<(String, DamageKind)>,
}

impl Walk {
    /// The tree's root, and what was noted, as far as others can write to it.
    fn writable(&self, root: &Path) -> Vec<(String, DamageKind)> {
        let root = fs::symlink_metadata(root).is_ok_and(|metadata| is_writable(&metadata));
        let root = root.then(|| ".".to_owned());
        let below = self.entries.iter().filter(|(_, metadata)| is_writable(metadata));
        let paths = root.into_iter().chain(below.map(|(path, _)| path.clone()));
        paths.map(|path| (path, DamageKind::Mode)).collect()
    }

    /// Notes everything below `folder`; of a folder that should not be there only the folder.
    fn walk(&mut self, folder: &Path, prefix: &str, expected: &dyn Fn(&str) -> bool) {
        // What cannot be listed is missing, and will be told as such.
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
                self.extra.push((path, DamageKind::Extra));
                continue;
            };
            let path = format!("{prefix}{name}");
            if metadata.is_dir() {
                if expected(&path) {
                    self.walk(&entry.path(), &format!("{path}/"), expected);
                } else {
                    self.extra.push((path.clone(), DamageKind::Extra));
                    continue;
                }
            }
            self.entries.insert(path, metadata);
        }
    }
}

/// The paths of files whose bytes are others; all processors take part.
fn hash_all(root: &Path, files: &[(&str, Blake3)]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let changed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = vec![0; 256 << 10];
                let mut mine = Vec::new();
                while let Some((path, sum)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let same = blake3_of(&root.join(path), &mut buffer).is_ok_and(|it| it == *sum);
                    if !same {
                        mine.push((*path).to_owned());
                    }
                }
                let mut all = changed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                all.append(&mut mine);
            });
        }
    });
    changed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn blake3_of(path: &Path, buffer: &mut [u8]) -> io::Result<Blake3> {
    let mut file = open(path)?;
    let mut hasher = blake3::Hasher::new();
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(Blake3(*hasher.finalize().as_bytes())),
            Ok(count) => {
                hasher.update(&buffer[..count]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads a whole tree: if it is what its name says, the index is written anew.
fn whole(store: &Store, root: &Path, sum: &TreeChecksum) -> Found {
    let mut there = Walk::default();
    there.walk(root, "", &|_| true);
    let damage = there.writable(root);
    let entries = read_entries(root, there).unwrap_or_default();
    if tree_checksum(&entries) != *sum {
        let damage = vec![(".".to_owned(), DamageKind::Changed)];
        return Found { damage, ..Found::default() };
    }
    let contents = Contents::new(&entries);
    // It helps the next time; this time it is not needed.
    drop(store.write_contents(sum, &entries));
    let files = entries.iter().filter(|e| matches!(e.kind, EntryKind::File { .. })).count();
    Found { damage, files: files as u64, bytes: contents.bytes() }
}

/// The entries of a tree as they are on the disk.
fn read_entries(root: &Path, there: Walk) -> io::Result<Vec<Entry>> {
    if !there.extra.is_empty() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    there.entries.into_iter().map(|(path, metadata)| read_entry(root, path, &metadata)).collect()
}

fn read_entry(root: &Path, path: String, metadata: &Metadata) -> io::Result<Entry> {
    let place: PathBuf = root.join(&path);
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
    let kind = if metadata.is_dir() {
        EntryKind::Folder
    } else if metadata.is_symlink() {
        let target = fs::read_link(&place)?
            .into_os_string()
            .into_string()
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        EntryKind::Link { target }
    } else {
        let mut hasher = Hasher::new();
        let mut file = open(&place)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
        let sums = hasher.finish();
        let executable = metadata.permissions().mode() & 0o100 != 0;
        let larder_schema::Sums { sha256, blake3, size } = sums;
        EntryKind::File { size, sha256, blake3, executable, offset: None }
    };
    Ok(Entry {
        path: path
            .parse()
            .map_err(|error: larder_schema::contents::ParsePathError| invalid(error))?,
        kind,
    })
}
