//! What each server has said before: digests, and how far each tag has moved.
//!
//! What was published never changes and a tag's serial never goes back, so a server that says
//! otherwise was set back, is another one, or is not to be trusted.
//!
//! A file for each server in the store's `remembered/`, replaced as a whole while a lock is held.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use larder_schema::api::{DistributionName, TagState};
use larder_schema::{Blake3, BuildKey, Digest, DistributionVersion, Label, Platform, ProductName};
use serde::{Deserialize, Serialize};

use crate::durable::write_whole;
use crate::kernel_lock::{Held, Mode};
use crate::remote::Origin;
use crate::store::{self, Store};

/// The most bytes that are remembered of one server: several hundred thousand builds.
const MOST_BYTES: u64 = 64 << 20;

/// Remembers what servers say.
#[derive(Clone, Debug)]
pub struct Memory {
    store: PathBuf,
    accepts: bool,
}

/// What a server says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Digests of distributions.
    #[serde(default)]
    pub distributions: Vec<SaidOf<DistributionName>>,
    /// Digests of builds' records.
    #[serde(default)]
    pub builds: Vec<SaidOf<BuildKey>>,
    /// Where tags stand.
    #[serde(default)]
    pub tags: Vec<SaidOfTag>,
}

/// The digest of something that never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaidOf<K> {
    /// What it is called.
    #[serde(flatten)]
    pub key: K,
    /// Its digest.
    pub digest: Digest,
}

/// Where a tag stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaidOfTag {
    /// The distribution.
    pub name: ProductName,
    /// The tag.
    pub tag: Label,
    /// How often it has moved.
    pub serial: u64,
    /// What it names.
    pub version: DistributionVersion,
}

/// What is remembered of one server, by name; written as it was said.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Said", into = "Said")]
struct Known {
    distributions: BTreeMap<DistributionName, Digest>,
    builds: BTreeMap<BuildKey, Digest>,
    tags: BTreeMap<(ProductName, Label), SaidOfTag>,
}

/// A server does not say what it said before.
#[derive(Debug, thiserror::Error)]
pub enum Rollback {
    /// Another document under the same name.
    #[error(
        "the server says that `{name}` is {now}, and said {before} before; what was published \
         never changes, so this is an older copy of the server, another server, or a fraud"
    )]
    Other {
        /// What it is called.
        name: String,
        /// What it said.
        before: Digest,
        /// What it says.
        now: Digest,
    },
    /// A tag went back, or was moved without anybody knowing.
    #[error(
        "the server says that `{name}` names {now} (serial {now_serial}), and said {before} (serial \
         {before_serial}) before; a serial never goes back and names one version, so this is an \
         older copy of the server, another server, or a fraud"
    )]
    Tag {
        /// The distribution and the tag.
        name: String,
        /// What it named.
        before: DistributionVersion,
        /// How often it had moved.
        before_serial: u64,
        /// What it names.
        now: DistributionVersion,
        /// How often it has moved.
        now_serial: u64,
    },
    /// A tag or a distribution is gone.
    #[error(
        "the server does not know `{name}` any more, which was {before}; nothing is ever taken \
         away, so this is an older copy of the server, another server, or a fraud"
    )]
    Gone {
        /// What is gone.
        name: String,
        /// What it was.
        before: String,
    },
}

/// What a server said before cannot be remembered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server does not say what it said before.
    #[error(transparent)]
    Rollback(Box<Rollback>),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What is remembered cannot be read.
    #[error("`{}` does not say what the server said before", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// What is remembered cannot be had.
    #[error("could not read `{}`, which says what the server said before", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// More is remembered than is read.
    #[error("`{}` says too much: it has more than {MOST_BYTES} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

impl From<Rollback> for Error {
    fn from(rollback: Rollback) -> Self {
        Self::Rollback(Box::new(rollback))
    }
}

impl Memory {
    /// In the store at `store`; one that `accepts` takes what servers say now for the truth.
    pub fn new(store: PathBuf, accepts: bool) -> Self {
        Self { store, accepts }
    }

    /// Compares what `server` says with what it said before, and remembers it.
    pub fn hear(&self, server: &Origin, said: &Said) -> Result<(), Error> {
        let mut known = self.read(&file(&Store::look(&self.store)?, server))?;
        if !self.learn(&mut known, said)? {
            return Ok(());
        }
        self.change(server, |known| self.learn(known, said))
    }

    /// Hears that there is no such tag.
    pub fn hear_of_no_tag(
        &self,
        server: &Origin,
        name: &ProductName,
        tag: &Label,
    ) -> Result<(), Error> {
        let key = (name.clone(), tag.clone());
        let mut known = self.read(&file(&Store::look(&self.store)?, server))?;
        let Some(before) = known.tags.remove(&key) else { return Ok(()) };
        if self.accepts {
            return self.change(server, |known| Ok(known.tags.remove(&key).is_some()));
        }
        let (name, version, serial) = (format!("{name}@{tag}"), before.version, before.serial);
        Err(Rollback::Gone { name, before: format!("{version} (serial {serial})") }.into())
    }

    /// Hears that there is no such build.
    pub fn hear_of_no_build(&self, server: &Origin, key: &BuildKey) -> Result<(), Error> {
        let known = self.read(&file(&Store::look(&self.store)?, server))?;
        let Some(before) = known.builds.get(key) else { return Ok(()) };
        if self.accepts {
            return self.change(server, |known| Ok(known.builds.remove(key).is_some()));
        }
        Err(Rollback::Gone { name: key.to_string(), before: before.to_string() }.into())
    }

    /// Hears that `newest` is the newest release of a distribution that fits `platform`.
    pub fn hear_of_newest(
        &self,
        server: &Origin,
        name: &ProductName,
        platform: &Platform,
        newest: Option<&DistributionVersion>,
    ) -> Result<(), Error> {
        let is_newer = |known: &DistributionName| {
            let DistributionName { name: of, version, platform: fits } = known;
            let release = matches!(version, DistributionVersion::Release(_));
            of == name && fits.fits(platform) && release && newest.is_none_or(|it| version > it)
        };
        let known = self.read(&file(&Store::look(&self.store)?, server))?;
        let Some((key, before)) = known.distributions.iter().find(|(key, _)| is_newer(key)) else {
            return Ok(());
        };
        if self.accepts {
            return self.change(server, |known| {
                known.distributions.retain(|key, _| !is_newer(key));
                Ok(true)
            });
        }
        Err(Rollback::Gone { name: told(key), before: before.to_string() }.into())
    }

    /// What is remembered; who accepts what servers say now starts anew where it cannot be read.
    fn read(&self, path: &Path) -> Result<Known, Error> {
        match read(path) {
            Err(_) if self.accepts => Ok(Known::default()),
            outcome => outcome,
        }
    }

    fn change(
        &self,
        server: &Origin,
        change: impl FnOnce(&mut Known) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let store = Store::open(&self.store)?;
        let path = file(&store, server);
        let lock = path.with_extension("lock");
        let _alone = Held::take(&lock, Mode::Alone, || {}).map_err(store::disk("lock", &lock))?;
        let mut known = self.read(&path)?;
        if change(&mut known)? {
            write(&path, known).map_err(store::disk("write", &path))?;
        }
        Ok(())
    }

    /// Adds what is new; answers whether there was something.
    fn learn(&self, known: &mut Known, said: &Said) -> Result<bool, Error> {
        let mut is_new = false;
        for one in &said.distributions {
            is_new |= self.learn_one(&mut known.distributions, one, told)?;
        }
        for one in &said.builds {
            is_new |= self.learn_one(&mut known.builds, one, ToString::to_string)?;
        }
        for tag in &said.tags {
            is_new |= self.learn_tag(known, tag)?;
        }
        Ok(is_new)
    }

    fn learn_one<K: Clone + Ord>(
        &self,
        known: &mut BTreeMap<K, Digest>,
        said: &SaidOf<K>,
        told: impl Fn(&K) -> String,
    ) -> Result<bool, Error> {
        match known.get(&said.key) {
            Some(before) if *before == said.digest => return Ok(false),
            Some(before) if !self.accepts => {
                let (name, before, now) = (told(&said.key), *before, said.digest);
                return Err(Rollback::Other { name, before, now }.into());
            }
            _ => known.insert(said.key.clone(), said.digest),
        };
        Ok(true)
    }

    fn learn_tag(&self, known: &mut Known, said: &SaidOfTag) -> Result<bool, Error> {
        let key = (said.name.clone(), said.tag.clone());
        let Some(known) = known.tags.get_mut(&key) else {
            known.tags.insert(key, said.clone());
            return Ok(true);
        };
        if known == said {
            return Ok(false);
        }
        if said.serial <= known.serial && !self.accepts {
            let SaidOfTag { name, tag, serial, version } = said.clone();
            return Err(Rollback::Tag {
                name: format!("{name}@{tag}"),
                before: known.version.clone(),
                before_serial: known.serial,
                now: version,
                now_serial: serial,
            }
            .into());
        }
        known.clone_from(said);
        Ok(true)
    }
}

impl From<Said> for Known {
    fn from(Said { distributions, builds, tags }: Said) -> Self {
        let key = |tag: &SaidOfTag| (tag.name.clone(), tag.tag.clone());
        Self {
            distributions: distributions.into_iter().map(|one| (one.key, one.digest)).collect(),
            builds: builds.into_iter().map(|one| (one.key, one.digest)).collect(),
            tags: tags.into_iter().map(|tag| (key(&tag), tag)).collect(),
        }
    }
}

impl From<Known> for Said {
    fn from(Known { distributions, builds, tags }: Known) -> Self {
        fn said<K>((key, digest): (K, Digest)) -> SaidOf<K> {
            SaidOf { key, digest }
        }
        Self {
            distributions: distributions.into_iter().map(said).collect(),
            builds: builds.into_iter().map(said).collect(),
            tags: tags.into_values().collect(),
        }
    }
}

impl SaidOfTag {
    /// What an answer says.
    pub fn of(state: &TagState) -> Self {
        let TagState { name, tag, version, serial, .. } = state.clone();
        Self { name, tag, serial, version }
    }
}

fn told(DistributionName { name, version, platform }: &DistributionName) -> String {
    format!("{name}@{version} for {platform}")
}

fn file(store: &Store, server: &Origin) -> PathBuf {
    let name = Blake3::of(server.to_string().as_bytes()).to_hex();
    store.remembered().join(format!("{name}.json"))
}

fn read(path: &Path) -> Result<Known, Error> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)) {
        Ok(read) if read as u64 > MOST_BYTES => Err(Error::TooLarge { path: path.to_owned() }),
        Ok(_) => serde_json::from_slice(&bytes)
            .map_err(|source| Error::Malformed { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Known::default()),
        Err(source) => Err(Error::Unreadable { path: path.to_owned(), source }),
    }
}

fn write(path: &Path, known: Known) -> io::Result<()> {
    write_whole(path, &serde_json::to_vec(&Said::from(known))?, 0o600)
}
