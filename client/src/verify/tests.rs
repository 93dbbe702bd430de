//! Each kind of damage to a tree or an environment is found and nothing else, and is mended.

use std::fs::{self, File, Permissions};
use std::io::Seek as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use larder_schema::TreeChecksum;
use larder_schema::archive::ArchiveFormat;

use super::{DamageKind, check_tree};
use crate::environment::{Deed, Environment, Made};
use crate::install::Obtainer;
use crate::progress::Progress;
use crate::remote::Remote;
use crate::store::{Staged, Store};
use crate::unpack::unpack;

struct Fixture {
    _folder: tempfile::TempDir,
    store: Store,
    tree: TreeChecksum,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let staged = stage(&store);
        let tree = staged.tree;
        store.adopt(staged).unwrap();
        Self { _folder: folder, store, tree }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.store.tree(&self.tree).join(path)
    }

    fn damage(&self) -> Vec<(String, DamageKind)> {
        check_tree(&self.store, &self.tree)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(crate::store::remove_tree(&self.store.tree(&self.tree)));
    }
}

fn stage(store: &Store) -> Staged {
    let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
    for (path, mode) in [("lib/a", 0o644), ("lib/deep/b", 0o644), ("bin/run", 0o755)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(mode);
        builder.append_data(&mut header, path, &b"bytes"[..]).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    builder.append_link(&mut header, "lib/link", "a").unwrap();
    let mut file: File = builder.into_inner().unwrap();
    file.rewind().unwrap();
    let staging = store.stage().unwrap();
    let index = unpack(file, ArchiveFormat::Tar, staging.path()).unwrap();
    staging.finish(index.tree, index.entries)
}

fn writable(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_good_tree_gives_no_alarm() {
    assert_eq!(Fixture::new().damage(), []);
}

#[test]
fn a_changed_byte_is_found_behind_the_old_size_and_time() {
    let fixture = Fixture::new();
    let path = fixture.path("lib/a");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();

    fs::write(&path, "bytez").unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();

    assert_eq!(fixture.damage(), [("lib/a".into(), DamageKind::Changed)]);
}

#[test]
fn missing_extra_mode_and_link_are_told_apart() {
    let fixture = Fixture::new();
    writable(&fixture.path("lib"));
    writable(&fixture.path("lib/deep"));
    fs::remove_file(fixture.path("lib/deep/b")).unwrap();
    fs::create_dir(fixture.path("lib/__pycache__")).unwrap();
    fs::write(fixture.path("lib/__pycache__/a.pyc"), "").unwrap();
    fs::set_permissions(fixture.path("bin/run"), Permissions::from_mode(0o444)).unwrap();
    fs::remove_file(fixture.path("lib/link")).unwrap();
    symlink("deep", fixture.path("lib/link")).unwrap();

    let mut damage = fixture.damage();

    damage.sort();
    let expected = [
        ("bin/run", DamageKind::Mode),
        ("lib/__pycache__", DamageKind::Extra),
        ("lib/deep/b", DamageKind::Missing),
        ("lib/link", DamageKind::Link),
    ];
    assert_eq!(damage, expected.map(|(path, kind)| (path.to_owned(), kind)));
}

#[test]
fn what_others_can_write_is_damage() {
    let fixture = Fixture::new();
    for (path, mode) in [("", 0o775), ("lib/deep", 0o757), ("lib/a", 0o464), ("bin/run", 0o577)] {
        fs::set_permissions(fixture.path(path), Permissions::from_mode(mode)).unwrap();
    }
    let expected =
        [".", "bin/run", "lib/a", "lib/deep"].map(|path| (path.to_owned(), DamageKind::Mode));

    let with_index = fixture.damage();
    fs::remove_file(fixture.store.contents_file(&fixture.tree)).unwrap();
    let without_index = fixture.damage();

    assert_eq!(with_index, expected);
    assert_eq!(without_index, expected);
}

#[test]
fn a_new_tree_takes_the_place_of_a_damaged_one() {
    let fixture = Fixture::new();
    writable(&fixture.path("lib"));
    fs::remove_file(fixture.path("lib/a")).unwrap();
    assert_ne!(fixture.damage(), []);

    fixture.store.replace(stage(&fixture.store)).unwrap();

    assert_eq!(fixture.damage(), []);
    assert_eq!(fs::read_dir(fixture.store.root().join("staging")).unwrap().count(), 0);
}

#[test]
fn a_lost_index_is_made_anew_and_a_lost_tree_is_missing() {
    let fixture = Fixture::new();
    let index = fixture.store.contents_file(&fixture.tree);
    fs::remove_file(&index).unwrap();

    assert_eq!(fixture.damage(), []);
    assert!(index.is_file());

    crate::store::remove_tree(&fixture.path("")).unwrap();
    assert_eq!(fixture.damage(), [(".".into(), DamageKind::Missing)]);
}

#[test]
fn an_index_that_lies_is_not_believed() {
    let fixture = Fixture::new();
    let index = fixture.store.contents_file(&fixture.tree);
    let contents = fs::read_to_string(&index).unwrap().replace("lib/a", "lib/z");
    fs::remove_file(&index).unwrap();
    fs::write(&index, contents).unwrap();
    writable(&fixture.path("lib"));
    fs::rename(fixture.path("lib/a"), fixture.path("lib/z")).unwrap();

    assert_eq!(fixture.damage(), [(".".into(), DamageKind::Changed)]);
}

fn deed() -> Deed {
    Deed {
        at: "2026-11-23T06:00:00Z".parse().unwrap(),
        by: "me".into(),
        command: "install stack".into(),
        reason: None,
    }
}

/// An environment with one generation of no packages.
struct Empty {
    _folder: tempfile::TempDir,
    store: Store,
    environment: Environment,
}

impl Empty {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let environment = Environment::create(&folder.path().join("env")).unwrap();
        let right = environment.change(|| {}).unwrap();
        let made = Made { deed: deed(), store: None };
        let lock = crate::lock::tests::lock(&[]);
        let generation = environment.make(&right, lock, made, |tree| store.tree(tree)).unwrap();
        environment.switch(&right, &generation, deed(), String::new()).unwrap();
        drop(right);
        Self { _folder: folder, store, environment }
    }

    fn redirect(&self, name: &str, target: &str) {
        let path = self.environment.root().join(name);
        drop(super::remove(&path));
        symlink(target, path).unwrap();
    }

    /// What is found, and what still is after a repair.
    async fn damage(&self) -> [Vec<(String, DamageKind)>; 2] {
        drop(rustls::crypto::ring::default_provider().install_default());
        let generation = self.environment.latest().unwrap().unwrap();
        let (environment, store, progress) = (&self.environment, &self.store, Progress::Quiet);
        let remote = Remote::new(generation.lock.server.clone(), None, progress).unwrap();
        let obtainer = Obtainer { remote: &remote, store, progress };
        let before = super::verify(environment, &generation, store).unwrap();
        let after = super::repair(environment, &generation, &obtainer, before.clone(), deed());
        let after = after.await.unwrap();
        [before, after].map(|report| {
            assert_eq!(report.ok, report.damage.is_empty());
            report.damage.into_iter().map(|damage| (damage.path, damage.kind)).collect()
        })
    }
}

#[tokio::test]
async fn a_current_that_was_led_astray_is_damage_and_led_back() {
    let empty = Empty::new();
    for target in ["/", "generations/99", "../x", "./generations/1", "generations/01"] {
        empty.redirect("current", target);

        let [found, left] = empty.damage().await;

        assert_eq!(found, [("current".into(), DamageKind::Link)], "{target}");
        assert_eq!(left, []);
        assert_eq!(empty.environment.current().unwrap().number, 1);
    }
}

#[tokio::test]
async fn a_folder_that_became_a_link_is_damage_and_made_anew() {
    let empty = Empty::new();
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["packages", "pycache"] {
        empty.redirect(&format!("generations/1/{name}"), elsewhere.path().to_str().unwrap());

        let [found, left] = empty.damage().await;

        assert_eq!(found, [(name.to_owned(), DamageKind::Link)]);
        assert_eq!(left, []);
    }
    assert!(elsewhere.path().is_dir());
}

#[tokio::test]
async fn a_generation_that_became_a_link_is_damage_and_made_again_in_its_place() {
    let empty = Empty::new();
    let root = empty.environment.root();
    fs::rename(root.join("generations/1"), root.join("elsewhere")).unwrap();
    empty.redirect("generations/1", "../elsewhere");
    fs::write(root.join("elsewhere/pycache/a.pyc"), "mine").unwrap();

    let [found, left] = empty.damage().await;

    assert_eq!(found, [("generations/1".into(), DamageKind::Link)]);
    assert_eq!(left, []);
    assert!(!root.join("generations/1").is_symlink());
    assert!(root.join("elsewhere/pycache/a.pyc").exists());
}

#[tokio::test]
async fn a_folder_in_place_of_current_is_set_aside() {
    let empty = Empty::new();
    let root = empty.environment.root();
    fs::remove_file(root.join("current")).unwrap();
    fs::create_dir(root.join("current")).unwrap();
    fs::write(root.join("current/notes.txt"), "mine").unwrap();

    let [found, left] = empty.damage().await;

    assert_eq!(found, [("current".into(), DamageKind::Changed)]);
    assert_eq!(left, []);
    assert_eq!(empty.environment.current().unwrap().number, 1);
    assert_eq!(fs::read_to_string(root.join("current.aside/notes.txt")).unwrap(), "mine");
}

#[tokio::test]
async fn a_repair_forgets_bytecode_and_a_verification_does_not_judge_it() {
    let empty = Empty::new();
    let cache = empty.environment.root().join("current/pycache");
    fs::create_dir(cache.join("deep")).unwrap();
    fs::write(cache.join("deep/a.pyc"), "other bytecode").unwrap();

    let [found, left] = empty.damage().await;

    assert_eq!([found, left], [vec![], vec![]]);
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
}
