//! Carries out what an install has to do: all or nothing.
//!
//! First everything is fetched and unpacked into the store, then a generation is made, and one
//! rename makes it live. A failure before that leaves the environment as it was.

mod error;
mod obtain;

use std::path::{Path, PathBuf};

pub use error::Error;
use larder_schema::{Digest, Platform, Timestamp};
pub use obtain::{Moved, Obtainer, Packed, Refused};

use crate::durable::sync_all_of;
use crate::environment::{self, Deed, Environment, Generation, Leads, Made};
use crate::find::{Finder, Wished};
use crate::host::Host;
use crate::lock::Lock;
use crate::plan::{self, Change, Plan, Step};
use crate::progress::Progress;
use crate::remote::Remote;
use crate::store::Store;
use crate::wish::{Given, Wish};

/// An install that was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The environment's folder.
    pub prefix: PathBuf,
    /// What shall become of it.
    pub wish: Wish,
    /// What is said of its purpose.
    pub given: Given,
    /// When, by whom, by which command and why.
    pub deed: Deed,
}

/// What an install did.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Installed {
    /// The number of the current generation.
    pub generation: u64,
    /// What the environment is, in one digest.
    pub digest: Digest,
    /// Bytes of archives that came over the network.
    pub fetched_bytes: u64,
    /// Bytes of archives that did not have to come.
    pub reused_bytes: u64,
    /// Bytes of files that were written to the store.
    pub written_bytes: u64,
    /// Whether everything was so already.
    pub unchanged: bool,
    /// What changed.
    pub changes: Vec<Change>,
    /// What is installed: `name@version` of each distribution.
    pub distributions: Vec<String>,
    /// `name@build` of each product that was asked for.
    pub products: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What a person may want to know.
    pub notes: Vec<String>,
}

/// What an install works with.
pub struct Installer<'a> {
    /// The server; none: what is not in the store cannot be had.
    pub remote: Option<&'a Remote>,
    /// The store.
    pub store: &'a Store,
    /// Where it is shown how far things are.
    pub progress: Progress,
}

/// How often a plan is made anew because somebody else changed the environment meanwhile.
const ATTEMPTS: u32 = 8;

impl Installer<'_> {
    /// Installs; when this returns, the new generation is live and durable.
    pub async fn install(&self, request: Request) -> Result<Installed, Error> {
        let environment = Environment::look(&request.prefix)?;
        let mut before = self.look(environment.as_ref())?;
        let _adding = self.store.add()?;
        let mut moved = Moved::default();
        let finder = Finder { remote: self.remote, progress: self.progress };
        for _ in 0..ATTEMPTS {
            let installed = before.generation.as_ref().map(|generation| &generation.lock);
            let wished = finder.find(&request.wish, &request.given, installed).await?;
            let plan = self.plan(&request.prefix, &wished.lock, &before)?;
            if let (true, Leads::To(number)) = (plan.unchanged, before.leads) {
                // It may have been moved since.
                self.store.register(Environment::open(&request.prefix)?.root())?;
                return self.done(plan, number, moved, wished);
            }
            moved += self.obtain(&plan).await?;
            if let Some(number) = self.switch(&request, &plan, before.leads)? {
                return self.done(plan, number, moved, wished);
            }
            before = self.look(Environment::look(&request.prefix)?.as_ref())?;
        }
        Err(Error::Busy { path: request.prefix })
    }

    /// What is there. What cannot be read any more, or is not led to, is mended by a new generation.
    fn look(&self, environment: Option<&Environment>) -> Result<Before, Error> {
        let Some(environment) = environment else {
            return Ok(Before { leads: Leads::Nowhere, generation: None });
        };
        let leads = environment.leads();
        let generation = match leads {
            Leads::Nowhere => None,
            Leads::To(number) => match environment.generation(number) {
                Ok(generation) => Some(generation),
                Err(environment::Error::Lock(error)) => {
                    self.progress.warn(format!("{error}; what it held is not kept"));
                    None
                }
                Err(error) => return Err(error.into()),
            },
            Leads::Astray => {
                let current = environment.root().join("current");
                self.progress.warn(format!("`{}` was led astray", current.display()));
                environment.latest()?
            }
        };
        Ok(Before { leads, generation })
    }

    fn plan(&self, prefix: &Path, lock: &Lock, before: &Before) -> Result<Plan, Error> {
        let installed = before.generation.as_ref().map(|generation| &generation.lock);
        check_host(lock)?;
        Environment::check(prefix, lock)?;
        let intact = matches!(before.leads, Leads::To(_))
            && before.generation.as_ref().is_some_and(|generation| self.is_intact(generation));
        Ok(plan::plan(lock.clone(), installed, intact, |tree| self.store.has(tree)))
    }

    /// Whether links and launchers of a generation are what they should be.
    fn is_intact(&self, generation: &Generation) -> bool {
        let links = generation.links(|tree| self.store.tree(tree));
        let linked = links.iter().all(|(product, target)| {
            let link = generation.folder.join("packages").join(product);
            std::fs::read_link(link).is_ok_and(|found| found == *target) && target.is_dir()
        });
        let launched = generation.launchers().is_ok_and(|launchers| {
            launchers.iter().all(|(script, (_, text))| {
                let path = generation.folder.join("bin").join(script);
                std::fs::read_to_string(path).is_ok_and(|found| found == *text)
            })
        });
        linked && launched && generation.redirected().is_empty()
    }

    /// Brings everything into the store that is not there.
    async fn obtain(&self, plan: &Plan) -> Result<Moved, Error> {
        let mut moved = Moved::default();
        let mut missing = Vec::new();
        for step in &plan.steps {
            match step {
                Step::Fetch(build) => missing.push(Packed::of(build)?),
                Step::Reuse(build) => moved.reused_bytes += obtain::archive_size(build),
                Step::Switch => {}
            }
        }
        if missing.is_empty() {
            return Ok(moved);
        }
        let Some(remote) = self.remote else {
            let missing = missing.iter().map(|packed| format!("`{}`", packed.key)).collect();
            return Err(Error::Offline { missing });
        };
        let obtainer = Obtainer { remote, store: self.store, progress: self.progress };
        moved += obtainer.obtain(missing).await?;
        Ok(moved)
    }

    /// Makes the generation and makes it live; `None` when somebody else was quicker.
    fn switch(&self, request: &Request, plan: &Plan, before: Leads) -> Result<Option<u64>, Error> {
        let environment = Environment::create(&request.prefix)?;
        let right = environment.change(|| {
            self.progress.note("waiting for another larder that changes this environment");
        })?;
        if environment.leads() != before {
            return Ok(None);
        }
        let deed = request.deed.clone();
        let made = Made { deed: deed.clone(), store: Some(self.store.root().to_owned()) };
        let lock = plan.lock.clone();
        let generation = environment.make(&right, lock, made, |tree| self.store.tree(tree))?;
        self.store.register(environment.root())?;
        // Trees, their names and the generation must be on the disk before it becomes live.
        sync(self.store.root())?;
        sync(environment.root())?;
        let changes = plan::in_few_words(&plan.changes);
        environment.switch(&right, &generation, deed, changes)?;
        Ok(Some(generation.number))
    }

    fn done(
        &self,
        plan: Plan,
        generation: u64,
        moved: Moved,
        wished: Wished,
    ) -> Result<Installed, Error> {
        let whole = || plan.lock.records.iter().map(obtain::archive_size).sum();
        Ok(Installed {
            generation,
            digest: plan.lock.digest()?,
            fetched_bytes: moved.fetched_bytes,
            reused_bytes: if plan.unchanged { whole() } else { moved.reused_bytes },
            written_bytes: moved.written_bytes,
            unchanged: plan.unchanged,
            distributions: plan.lock.distribution_names(),
            products: plan.lock.product_names(),
            changes: plan.changes,
            warnings: wished.warnings,
            notes: wished.notes,
        })
    }
}

/// What is there before an install.
struct Before {
    /// Where `current` leads, whether or not that can be read: others change just this.
    leads: Leads,
    /// What was installed, as far as it can be read.
    generation: Option<Generation>,
}

/// What is for another platform may be installed here, for another host to use.
fn check_host(lock: &Lock) -> Result<(), Error> {
    if !lock.purpose.platform.fits(&Platform::of_this_host()) {
        return Ok(());
    }
    if lock.records.iter().all(|record| record.needs.is_empty()) {
        return Ok(());
    }
    let unmet = Host::look().unmet(&lock.records);
    if unmet.is_empty() { Ok(()) } else { Err(Error::Host(unmet)) }
}

fn sync(folder: &Path) -> Result<(), Error> {
    sync_all_of(folder).map_err(|source| Error::Sync { path: folder.to_owned(), source })
}

/// The present moment, to the second.
pub fn now() -> Timestamp {
    let seconds = jiff::Timestamp::now().as_second();
    let text = jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string();
    text.parse().expect("RFC 3339 in UTC, to the second, is what a timestamp is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_is_written_to_the_second() {
        assert_eq!(now().as_str().len(), "2026-11-23T06:00:00Z".len());
    }

    struct Fixture {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("store")).unwrap();
            Self { folder, store }
        }

        fn env(&self) -> PathBuf {
            self.folder.path().join("env")
        }

        async fn install(&self) -> Installed {
            let progress = Progress::Quiet;
            let command = "install stack".into();
            let deed = Deed { at: now(), by: "me".into(), command, reason: None };
            let wish = Wish::Exactly(Box::new(crate::lock::tests::lock(&[])));
            let request = Request { prefix: self.env(), wish, given: Given::default(), deed };
            Installer { remote: None, store: &self.store, progress }.install(request).await.unwrap()
        }

        fn current(&self) -> u64 {
            Environment::open(&self.env()).unwrap().current().unwrap().number
        }
    }

    #[tokio::test]
    async fn a_lock_that_cannot_be_read_is_mended_by_a_new_generation() {
        let fixture = Fixture::new();
        assert_eq!(fixture.install().await.generation, 1);
        assert!(fixture.install().await.unchanged);
        std::fs::write(fixture.env().join("current/lock.json"), "{").unwrap();

        let mended = fixture.install().await;

        assert_eq!((mended.generation, fixture.current()), (2, 2));
    }

    #[tokio::test]
    async fn a_current_that_was_led_astray_is_made_anew() {
        let fixture = Fixture::new();
        let mut number = fixture.install().await.generation;
        let absolute = fixture.env().join("generations/1");
        for target in [absolute.as_path(), Path::new("generations/99"), Path::new("../x")] {
            std::fs::remove_file(fixture.env().join("current")).unwrap();
            std::os::unix::fs::symlink(target, fixture.env().join("current")).unwrap();

            let mended = fixture.install().await;

            number += 1;
            assert_eq!((mended.generation, fixture.current()), (number, number));
        }
    }
}
