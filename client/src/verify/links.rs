//! The environment's own: links to trees and launchers.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use larder_schema::ProductName;

use super::{Damage, DamageKind, Error, remove};
use crate::environment::{Environment, Generation, Leads, write_launcher};
use crate::store::Store;

/// What is wrong with links and launchers.
pub(super) fn damage(generation: &Generation, store: &Store) -> Result<Vec<Damage>, Error> {
    let redirected = generation.redirected();
    let place = |name: &str| match name {
        "" => format!("generations/{}", generation.number),
        name => name.to_owned(),
    };
    let mut damage: Vec<Damage> =
        redirected.iter().map(|name| of_environment(place(name), DamageKind::Link)).collect();
    let links = generation.links(|tree| store.tree(tree));
    for (name, target) in &links {
        let path = generation.folder.join("packages").join(name);
        let kind = link_damage(&path, target);
        damage.extend(kind.map(|kind| own(name.parse().ok(), "packages", name, kind)));
    }
    damage.extend(extra(&generation.folder, "packages", &links));
    let launchers = generation.launchers()?;
    for (script, (product, text)) in &launchers {
        let path = generation.folder.join("bin").join(script);
        let kind = launcher_damage(&path, text);
        damage.extend(kind.map(|kind| own(Some(product.clone()), "bin", script, kind)));
    }
    damage.extend(extra(&generation.folder, "bin", &launchers));
    Ok(damage)
}

/// What is wrong with `current`.
pub(super) fn current(environment: &Environment) -> Option<Damage> {
    let is_link = environment.root().join("current").is_symlink();
    let kind = if is_link { DamageKind::Link } else { DamageKind::Changed };
    (environment.leads() == Leads::Astray).then(|| of_environment("current".to_owned(), kind))
}

fn of_environment(path: String, kind: DamageKind) -> Damage {
    Damage { product: None, path, kind, environment: true }
}

fn own(product: Option<ProductName>, folder: &str, name: &str, kind: DamageKind) -> Damage {
    Damage { product, path: format!("{folder}/{name}"), kind, environment: true }
}

fn link_damage(path: &Path, target: &Path) -> Option<DamageKind> {
    match fs::symlink_metadata(path) {
        Err(_) => Some(DamageKind::Missing),
        Ok(metadata) if !metadata.is_symlink() => Some(DamageKind::Changed),
        Ok(_) => {
            let same = fs::read_link(path).is_ok_and(|found| found == target);
            (!same).then_some(DamageKind::Link)
        }
    }
}

fn launcher_damage(path: &Path, text: &str) -> Option<DamageKind> {
    match fs::symlink_metadata(path) {
        Err(_) => Some(DamageKind::Missing),
        Ok(metadata) if !metadata.is_file() => Some(DamageKind::Changed),
        Ok(metadata) => match fs::read(path) {
            Ok(found) if found == text.as_bytes() => {
                (metadata.permissions().mode() & 0o100 == 0).then_some(DamageKind::Mode)
            }
            _ => Some(DamageKind::Changed),
        },
    }
}

fn extra<T>(folder: &Path, name: &str, wanted: &BTreeMap<String, T>) -> Vec<Damage> {
    let Ok(entries) = fs::read_dir(folder.join(name)) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names = names.filter(|found| !wanted.contains_key(found));
    names.map(|found| own(None, name, &found, DamageKind::Extra)).collect()
}

/// Makes links and launchers what they should be.
pub(super) fn mend(generation: &Generation, store: &Store) -> Result<(), Error> {
    for path in generation.redirected().iter().map(|name| generation.folder.join(name)) {
        let made = fs::remove_file(&path).and_then(|()| fs::create_dir(&path));
        made.map_err(|source| Error::Disk { path, source })?;
    }
    let links = generation.links(|tree| store.tree(tree));
    let launchers = generation.launchers()?;
    for damage in damage(generation, store)? {
        let path = generation.folder.join(&damage.path);
        let (folder, name) = damage.path.split_once('/').unwrap_or(("", &damage.path));
        let failed = |source| Error::Disk { path: path.clone(), source };
        let new = generation.folder.join(".new");
        clear(&new).map_err(failed)?;
        match (folder, links.get(name), launchers.get(name)) {
            ("packages", Some(target), _) => symlink(target, &new).map_err(failed)?,
            ("bin", _, Some((_, text))) => write_launcher(&new, text)?,
            _ => {
                clear(&path).map_err(failed)?;
                continue;
            }
        }
        put(&new, &path).map_err(failed)?;
    }
    Ok(())
}

/// Empties `pycache/`; Python fills it again.
pub(super) fn forget_bytecode(generation: &Generation) -> Result<(), Error> {
    let folder = generation.folder.join("pycache");
    if !generation.redirected().is_empty() {
        return Ok(());
    }
    let emptied = clear(&folder).and_then(|()| fs::create_dir_all(&folder));
    emptied.map_err(|source| Error::Disk { path: folder, source })
}

fn clear(path: &Path) -> io::Result<()> {
    match remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// Moves `new` to `path` in one step; only a folder in its place has to go first.
fn put(new: &Path, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        clear(path)?;
    }
    fs::rename(new, path)
}
