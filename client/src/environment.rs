//! Environments: folders with generations, of which one is current.
//!
//! ```text
//! ENV/
//!   .larder                 the mark: without it a folder that holds something is left alone
//!   .lock                   held by who changes it
//!   current → generations/2 switched by one rename
//!   history.jsonl           every switch: who, when, by which command, from where to where
//!   generations/2/
//!     packages/<product> →  the tree in the store
//!     bin/                  launchers
//!     lock.json             all that it is made from
//!     made.json             who made it, when, by which command
//!     in-use                locked by who runs in it, so that it is not dropped
//!     pycache/              Python's bytecode, which must not be in the trees
//! ```

mod error;
mod generation;
mod history;
mod in_use;
mod replaced;
mod replacement;
mod shell;
mod switch;
mod variables;
mod with;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use larder_schema::TreeChecksum;

pub use error::Error;
pub(crate) use generation::write_launcher;
pub use generation::{Generation, Made};
pub use history::{Deed, Switch, Told};
pub use in_use::{Dropped, hold_standard_input};
pub use larder_schema::launcher::launcher;
pub use replaced::{REPLACED, Replaced, Unreadable};
pub use replacement::{Replacement, ReplacementError};
pub use shell::Shell;
pub use switch::Leads;
pub use variables::{Change, Setting, can_be_listed};
pub use with::{ParseWithError, With};

use crate::kernel_lock::{Held, Mode};
use crate::lock::Lock;

/// A folder that larder made and may change.
#[derive(Clone, Debug)]
pub struct Environment {
    root: PathBuf,
}

/// The right to change an environment.
#[derive(Debug)]
pub struct Changing {
    _lock: Held,
}

fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    crate::durable::disk(what, path)
}

const MARK: &str = ".larder";
const LOCK: &str = ".lock";
const MARK_TEXT: &str = "{\"format\": 1}\n";

impl Environment {
    /// The environment in `folder`.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::look(folder)?.ok_or_else(|| Error::Absent { path: folder.to_owned() })
    }

    /// Looks what is in `folder`: an environment, or nothing, so that one may be made there.
    ///
    /// Anything else is refused. Nothing is made.
    pub fn look(folder: &Path) -> Result<Option<Self>, Error> {
        let not_one = || Error::NotOne { path: folder.to_owned() };
        let metadata = match fs::metadata(folder) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if folder.is_symlink() { Err(not_one()) } else { Ok(None) };
            }
            Err(error) => return Err(disk("open", folder)(error)),
        };
        if !metadata.is_dir() {
            return Err(not_one());
        }
        if !folder.join(MARK).is_file() {
            let mut entries = fs::read_dir(folder).map_err(disk("list", folder))?;
            return if entries.next().is_some() { Err(not_one()) } else { Ok(None) };
        }
        let root = fs::canonicalize(folder).map_err(disk("open", folder))?;
        Ok(Some(Self { root }))
    }

    /// The environment in `folder`, which is made and marked if there is nothing.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        if let Some(environment) = Self::look(folder)? {
            return Ok(environment);
        }
        fs::create_dir_all(folder).map_err(disk("make", folder))?;
        let root = fs::canonicalize(folder).map_err(disk("open", folder))?;
        if !can_be_listed(&root) {
            // A folder that was there before stays.
            drop(fs::remove_dir(&root));
            return Err(Error::Unlistable { path: root });
        }
        let mark = root.join(MARK);
        fs::write(&mark, MARK_TEXT).map_err(disk("write", &mark))?;
        let generations = root.join("generations");
        fs::create_dir_all(&generations).map_err(disk("make", &generations))?;
        Ok(Self { root })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes the right to change it; `waiting` is called when somebody else has that.
    pub fn change(&self, waiting: impl FnMut()) -> Result<Changing, Error> {
        let path = self.root.join(LOCK);
        let lock = Held::take(&path, Mode::Alone, waiting).map_err(disk("lock", &path))?;
        Ok(Changing { _lock: lock })
    }

    fn generation_folder(&self, number: u64) -> PathBuf {
        self.root.join("generations").join(number.to_string())
    }

    /// The current generation.
    pub fn current(&self) -> Result<Generation, Error> {
        match self.leads() {
            Leads::To(number) => self.generation(number),
            Leads::Nowhere => Err(Error::Empty { path: self.root.clone() }),
            Leads::Astray => Err(Error::Current { path: self.root.join("current") }),
        }
    }

    /// The generation that was current last, as far as its lock can be read; else the newest.
    pub fn latest(&self) -> Result<Option<Generation>, Error> {
        let told = self.history()?.into_iter().rev().filter(|told| told.done);
        let numbers = told.map(|told| told.switch.to).take(1);
        let mut numbers = numbers.chain(self.generations()?.into_iter().rev());
        Ok(numbers.find_map(|number| self.generation(number).ok()))
    }

    /// One generation, with its lock.
    pub fn generation(&self, number: u64) -> Result<Generation, Error> {
        Generation::read(number, self.generation_folder(number))
    }

    /// The numbers of all generations, the oldest first.
    pub fn generations(&self) -> Result<Vec<u64>, Error> {
        let folder = self.root.join("generations");
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&folder).map_err(disk("list", &folder))? {
            let entry = entry.map_err(disk("list", &folder))?;
            numbers.extend(entry.file_name().to_str().and_then(number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The trees that its generations are made from.
    pub fn trees(&self) -> Result<HashSet<TreeChecksum>, Error> {
        let mut trees = HashSet::new();
        for number in self.generations()? {
            let generation = self.generation(number)?;
            trees.extend(generation.lock.records.iter().filter_map(|record| record.tree));
        }
        Ok(trees)
    }

    /// Refuses a folder that cannot be part of a `PATH`, and a lock whose scripts clash.
    pub fn check(folder: &Path, lock: &Lock) -> Result<(), Error> {
        let absolute = std::path::absolute(folder).map_err(disk("find", folder))?;
        if !can_be_listed(&absolute) {
            return Err(Error::Unlistable { path: absolute });
        }
        generation::launchers(lock).map(drop)
    }

    /// Makes a generation beside those that are there; it is not current yet.
    ///
    /// `tree` says where a tree lies. What a killed larder left in the making is cleared away.
    pub fn make(
        &self,
        _right: &Changing,
        lock: Lock,
        made: Made,
        tree: impl Fn(&TreeChecksum) -> PathBuf,
    ) -> Result<Generation, Error> {
        let number = self.next_number()?;
        let folder = self.generation_folder(number);
        self.write(&folder, &lock, &made, tree)?;
        Ok(Generation { number, folder, lock })
    }

    /// Makes a generation again whose folder is a link to somewhere else; what is there stays.
    pub fn make_again(
        &self,
        _right: &Changing,
        generation: &Generation,
        tree: impl Fn(&TreeChecksum) -> PathBuf,
    ) -> Result<(), Error> {
        let (folder, made) = (&generation.folder, generation.made());
        let made = made.ok_or_else(|| Error::Unmade { path: folder.clone() })?;
        self.write(folder, &generation.lock, &made, tree)
    }

    fn write(
        &self,
        folder: &Path,
        lock: &Lock,
        made: &Made,
        tree: impl Fn(&TreeChecksum) -> PathBuf,
    ) -> Result<(), Error> {
        let staging = self.root.join("generations/.new");
        if staging.exists() {
            fs::remove_dir_all(&staging).map_err(disk("remove", &staging))?;
        }
        let written = generation::write(&staging, lock, made, tree);
        let moved = written.and_then(|()| {
            if folder.is_symlink() {
                fs::remove_file(folder).map_err(disk("remove", folder))?;
            }
            fs::rename(&staging, folder).map_err(disk("make", folder))
        });
        if moved.is_err() {
            drop(fs::remove_dir_all(&staging));
        }
        moved
    }
}

/// One number has one spelling.
fn number(name: &str) -> Option<u64> {
    name.parse::<u64>().ok().filter(|number| number.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::{build, lock};

    fn made() -> Made {
        let deed = Deed {
            at: "2026-11-23T06:00:00Z".parse().unwrap(),
            by: "me".into(),
            command: "install stack".into(),
            reason: None,
        };
        Made { deed, store: None }
    }

    fn make(environment: &Environment, lock: Lock) -> u64 {
        let right = environment.change(|| {}).unwrap();
        let tree = |tree: &TreeChecksum| PathBuf::from(format!("/store/{tree}"));
        let generation = environment.make(&right, lock, made(), tree).unwrap();
        environment.switch(&right, &generation, made().deed, String::new()).unwrap();
        generation.number
    }

    #[test]
    fn what_holds_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Environment::look(folder.path()).unwrap().is_none());
        assert!(Environment::look(&folder.path().join("new")).unwrap().is_none());

        fs::write(folder.path().join("thesis.txt"), "mine").unwrap();

        assert!(matches!(Environment::create(folder.path()), Err(Error::NotOne { .. })));
        let file = folder.path().join("thesis.txt");
        assert!(matches!(Environment::look(&file), Err(Error::NotOne { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn generations_are_made_beside_each_other_and_one_is_current() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::create(&folder.path().join("env")).unwrap();
        assert_eq!(environment.leads(), Leads::Nowhere);

        let first = lock(&[build("afw", "1.0.0-b1", &[])]);
        let second = lock(&[build("afw", "1.0.0-b2", &[])]);
        assert_eq!(make(&environment, first.clone()), 1);
        assert_eq!(make(&environment, second.clone()), 2);

        assert_eq!(environment.current().unwrap().lock, second);
        assert_eq!(environment.generations().unwrap(), [1, 2]);
        assert_eq!(environment.generation(1).unwrap().lock, first);
        assert_eq!(environment.trees().unwrap().len(), 2);
        let link = environment.root().join("current/packages/afw");
        let tree = second.records[0].tree.unwrap();
        assert_eq!(fs::read_link(link).unwrap(), PathBuf::from(format!("/store/{tree}")));
    }

    #[test]
    fn a_path_with_a_colon_makes_no_environment() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = Environment::create(&folder.path().join("a:b"));
        assert!(matches!(refusal, Err(Error::Unlistable { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_scripts_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::create(folder.path()).unwrap();
        let mut builds = [build("afw", "1.0.0-b1", &[]), build("log", "1.0.0-b1", &[])];
        for build in &mut builds {
            build.scripts.insert("run".into(), "a:b".parse().unwrap());
        }
        let right = environment.change(|| {}).unwrap();

        let refusal = environment.make(&right, lock(&builds), made(), |_| PathBuf::from("/x"));

        assert!(matches!(refusal, Err(Error::TwoScripts { .. })));
        assert_eq!(environment.generations().unwrap().len(), 0);
    }
}
