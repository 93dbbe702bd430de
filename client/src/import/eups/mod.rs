//! EUPS package roots read as builds and distributions.
//!
//! Manifests say which packages there are and what belongs to each; the table inside a tarball says what
//! it needs and does; a tag list is a distribution. A tarball is published byte for byte. What cannot
//! come in is told and stops nothing else, and what is there is not read again.

pub mod bring;
pub mod config;
pub mod distribute;
pub mod environment;
pub mod held;
pub mod listing;
pub mod manifests;
pub mod publish;
pub mod record;
pub mod release;
pub mod report;
pub mod root;
pub mod shelf;
pub mod tags;
pub mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use larder_schema::{BuildKey, Platform, ProblemKind, ProductName, Sha256};
use reqwest::Method;

use crate::progress::Progress;
use crate::remote::{self, Remote};
use crate::upload::Memory;
use bring::{Brought, Way};
use held::Held;
use manifests::{Listed, MAX_MANIFEST_BYTES, Names};
use tags::Lists;

pub use config::ConfigFault;
pub use report::{Distributed, Mapped, Note, Refused, Report, Tagged};
pub use root::{Error as RootError, Root};
pub use shelf::{Package, Shelf};

/// How much is under way at once.
const AT_ONCE: usize = 8;
/// How many records are published in one call, at most.
const BATCH: usize = 50;
/// From how many manifests on it is said that they are read.
const MANY: usize = 200;
/// The most bytes of `config.txt`.
const MAX_CONFIG_BYTES: u64 = 64 << 10;
/// The most bytes of an archive, where the server does not say.
const MAX_ARCHIVE_BYTES: u64 = 64 << 30;

/// What is asked of an import.
#[derive(Clone, Debug)]
pub struct Options {
    /// The tags that count; none: all, and all packages.
    pub tags: Vec<String>,
    /// What the packages run on; none: what their flavors say.
    pub platform: Option<Platform>,
    /// The name of the distributions that tags become.
    pub distribution: ProductName,
}

/// Nothing more can come in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The package root.
    #[error(transparent)]
    Root(#[from] root::Error),
    /// It is none that is imported.
    #[error("`{root}` is not imported")]
    Config {
        /// The root.
        root: String,
        /// Why not.
        #[source]
        source: ConfigFault,
    },
    /// There is nothing in it.
    #[error(
        "`{root}` lists no manifests: neither `manifests/index.json` nor the page `manifests/` has \
         names that end in .manifest"
    )]
    Empty {
        /// The root.
        root: String,
    },
    /// The server.
    #[error(transparent)]
    Server(#[from] remote::Error),
    /// A package cannot be brought, nor any other.
    #[error("could not bring `{package}`")]
    Ended {
        /// The package.
        package: String,
        /// Why.
        #[source]
        source: Box<bring::Error>,
    },
}

/// A package root whose manifests were read.
pub struct Found {
    root: Root,
    shelf: Shelf,
    names: Names,
    listed: BTreeMap<usize, Listed>,
    /// Each package that can come in, those that others need first.
    order: Vec<usize>,
    lists: Lists,
    distribution: ProductName,
}

/// Reads what a package root has; nothing is fetched but names, tag lists and manifests.
///
/// `report` has what was found out, whatever the end.
pub async fn find(
    root: Root,
    options: &Options,
    progress: Progress,
    report: &mut Report,
) -> Result<Found, Error> {
    let config = root.read("config.txt", MAX_CONFIG_BYTES).await?;
    let config = config.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let config = config::read(config.as_deref())
        .map_err(|source| Error::Config { root: root.to_string(), source })?;
    let files = root.names(Some("manifests"), ".manifest").await?;
    if files.is_empty() {
        return Err(Error::Empty { root: root.to_string() });
    }
    let shelf = Shelf::of(&files, options.platform.as_ref());
    report.elsewhere = shelf.elsewhere;
    for (name, fault) in &shelf.refused {
        report.refuse(name, fault);
    }
    let lists = tags::read(&root, &config, &options.tags, report).await?;
    let wanted = if options.tags.is_empty() {
        (0..shelf.packages.len()).collect()
    } else {
        lists.packages(&shelf)
    };
    if wanted.len() > MANY {
        progress.note(format_args!("reading {} manifests", wanted.len()));
    }
    let mut names = Names::default();
    let listed = manifests_of(&root, &shelf, wanted, &mut names, report).await?;
    let mut order: Vec<usize> = listed.keys().copied().collect();
    // What a package needs has a smaller closure.
    order.sort_by_key(|index| (listed[index].closure.len(), *index));
    let distribution = options.distribution.clone();
    Ok(Found { root, shelf, names, listed, order, lists, distribution })
}

/// Reads the manifests of these packages and of all that they list.
async fn manifests_of(
    root: &Root,
    shelf: &Shelf,
    wanted: BTreeSet<usize>,
    names: &mut Names,
    report: &mut Report,
) -> Result<BTreeMap<usize, Listed>, Error> {
    let mut listed = BTreeMap::new();
    let mut seen = wanted.clone();
    let mut wave = wanted;
    while !wave.is_empty() {
        let mut next = BTreeSet::new();
        let mut read = stream::iter(std::mem::take(&mut wave))
            .map(|index| async move {
                let file = shelf.packages[index].manifest();
                (index, root.read(&file, MAX_MANIFEST_BYTES).await)
            })
            .buffered(AT_ONCE);
        while let Some((index, bytes)) = read.next().await {
            let package = &shelf.packages[index];
            let read = match bytes {
                Err(error) if error.ends_all() => return Err(error.into()),
                Err(error) => Err(error.into()),
                Ok(None) => Err(manifests::Fault::Gone),
                Ok(Some(bytes)) => {
                    manifests::read(package, &String::from_utf8_lossy(&bytes), shelf, names)
                }
            };
            match read {
                Ok(one) => {
                    let needed = one.closure.iter().filter_map(|need| need.index());
                    next.extend(needed.filter(|index| seen.insert(*index)));
                    listed.insert(index, one);
                }
                Err(fault) => report.refuse(package.shown(), &fault),
            }
        }
        wave = next;
    }
    Ok(listed)
}

impl Found {
    /// What would come in, were nothing of it on the server.
    pub fn dry_run(self, report: &mut Report) {
        let mapped = |index: &usize| mapped(&self.shelf.packages[*index], None);
        report.imported = self.order.iter().map(mapped).collect();
        let came = |index: usize| {
            self.listed.contains_key(&index).then(|| self.shelf.packages[index].key())
        };
        let releases = self.lists.releases(&self.shelf, &self.listed, came, report);
        for (version, release) in releases {
            for (platform, builds) in &release.builds {
                report.distributions.push(Distributed {
                    tag: release.tag.clone(),
                    name: self.distribution.clone(),
                    version: version.clone(),
                    platform: platform.clone(),
                    builds: builds.len() + usize::from(release.environment.is_some()),
                    existing: false,
                });
            }
        }
    }

    /// Brings all that the server has not, then the distributions; `hear` is told of each package
    /// that came in, and `report` has what was done, whatever the end.
    pub async fn import(
        self,
        remote: Remote,
        memory: Memory,
        report: &mut Report,
        hear: &mut dyn FnMut(&Mapped),
    ) -> Result<(), Error> {
        let Self { root, mut shelf, names, listed, order, lists, distribution } = self;
        let held = held::held(&remote, &mut shelf, &order).await?;
        let most = most_bytes(&remote).await;
        let way = Arc::new(Way { root, remote, memory, most, shelf, names, listed });
        let mut came: BTreeMap<usize, BuildKey> = BTreeMap::new();
        let changed = changed(&way, &held, report).await?;
        for (index, held) in held.iter().filter(|(index, _)| !changed.contains(index)) {
            came.insert(*index, held.key.clone());
            report.existing.push(mapped(&way.shelf.packages[*index], Some(&held.key)));
        }
        let open: Vec<usize> = order.into_iter().filter(|it| !held.contains_key(it)).collect();
        bring_all(&way, open, &mut came, report, hear).await?;
        let releases =
            lists.releases(&way.shelf, &way.listed, |index| came.get(&index).cloned(), report);
        tags::publish(&way, &distribution, &releases, report).await
    }
}

fn mapped(package: &Package, held: Option<&BuildKey>) -> Mapped {
    let key = held.cloned().unwrap_or_else(|| package.key());
    Mapped { eups_version: package.version.clone(), key }
}

/// A tarball is not what was imported.
#[derive(Debug, thiserror::Error)]
enum Changed {
    #[error(
        "the package root has {here} bytes under this name, and {there} were imported before; what \
         is published never changes"
    )]
    Size { here: u64, there: u64 },
    #[error(
        "its manifest says `{here}`, and `{there}` was imported before; what is published never \
         changes"
    )]
    Sum { here: Sha256, there: Sha256 },
    #[error(
        "the package root has the tarball `{path}`, and it was imported without an archive before; \
         what is published never changes"
    )]
    Bare { path: String },
}

/// Reports what is there and is something else in the root, and tells which that is.
async fn changed(
    way: &Way,
    held: &BTreeMap<usize, Held>,
    report: &mut Report,
) -> Result<BTreeSet<usize>, Error> {
    let compared = stream::iter(held).map(|(index, held)| async move {
        (*index, change(&way.root, &way.listed[index], held).await)
    });
    let mut compared = pin!(compared.buffered(AT_ONCE));
    let mut all = BTreeSet::new();
    while let Some((index, change)) = compared.next().await {
        let reason: Box<dyn std::error::Error> = match change {
            Ok(None) => continue,
            Ok(Some(changed)) => Box::new(changed),
            Err(error) if error.ends_all() => return Err(error.into()),
            Err(error) => Box::new(error),
        };
        report.refuse(way.shelf.packages[index].shown(), &*reason);
        all.insert(index);
    }
    Ok(all)
}

async fn change(root: &Root, listed: &Listed, held: &Held) -> Result<Option<Changed>, root::Error> {
    let Some(path) = &listed.tarball else { return Ok(None) };
    let Some(archive) = held.archive else {
        let is_there = !listed.may_be_bare || root.size(path).await?.is_some();
        return Ok(is_there.then(|| Changed::Bare { path: path.clone() }));
    };
    if let Some(here) = listed.sha256 {
        let there = archive.sha256;
        return Ok((here != there).then_some(Changed::Sum { here, there }));
    }
    let Some(there) = archive.size else { return Ok(None) };
    let here = root.size(path).await?;
    Ok(here.filter(|here| *here != there).map(|here| Changed::Size { here, there }))
}

/// Brings packages, several at once, and publishes those that have arrived together.
async fn bring_all(
    way: &Arc<Way>,
    open: Vec<usize>,
    came: &mut BTreeMap<usize, BuildKey>,
    report: &mut Report,
    hear: &mut dyn FnMut(&Mapped),
) -> Result<(), Error> {
    let brought = stream::iter(open).map(|index| {
        let way = Arc::clone(way);
        async move {
            // On its own, so that it goes on while records are published.
            let bringing = tokio::spawn(async move { way.bring(index).await });
            (index, bringing.await.expect("bringing a package does not panic"))
        }
    });
    let mut batches = pin!(brought.buffered(AT_ONCE).ready_chunks(BATCH));
    while let Some(batch) = batches.next().await {
        let mut arrived: Vec<Brought> = Vec::with_capacity(batch.len());
        let mut ended = None;
        for (index, outcome) in batch {
            let package = &way.shelf.packages[index];
            match outcome {
                Ok(brought) => arrived.push(brought),
                Err(error) if error.ends_all() => {
                    let source = Box::new(error);
                    ended = Some(Error::Ended { package: package.shown(), source });
                }
                Err(error) => report.refuse(package.shown(), &error),
            }
        }
        publish::all(way, arrived, came, report, hear).await?;
        if let Some(ended) = ended {
            return Err(ended);
        }
    }
    Ok(())
}

/// The most bytes of an archive, as the server says (tus, `Tus-Max-Size`).
async fn most_bytes(remote: &Remote) -> u64 {
    let path = larder_schema::api::paths::uploads();
    let answer = remote.send(|| remote.request(Method::OPTIONS, &path)).await.ok();
    let said = answer.and_then(|answer| answer.headers().get("Tus-Max-Size").cloned());
    let said = said.and_then(|value| value.to_str().ok()?.parse().ok());
    said.unwrap_or(MAX_ARCHIVE_BYTES)
}

/// Whether a server that answers so takes nothing else either.
fn ends_all(error: &remote::Error) -> bool {
    error.status().is_none_or(|status| status >= 500)
        || error.kind() == Some(ProblemKind::Unauthenticated)
}

impl Error {
    /// What the server said, where it was the server.
    pub fn remote(&self) -> Option<&remote::Error> {
        match self {
            Self::Server(error) => Some(error),
            Self::Ended { source, .. } => match &**source {
                bring::Error::Remote(error)
                | bring::Error::Upload(crate::upload::Error::Remote { source: error, .. }) => {
                    Some(error)
                }
                bring::Error::Root(_)
                | bring::Error::NoTarball { .. }
                | bring::Error::Sum { .. }
                | bring::Error::Archive(_)
                | bring::Error::OfAnother { .. }
                | bring::Error::Upload(_) => None,
            },
            Self::Root(_) | Self::Config { .. } | Self::Empty { .. } => None,
        }
    }

    /// Whether the arguments are at fault.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Root(root::Error::Address(_) | root::Error::NoFolder { .. }))
    }
}

/// The root that an argument names.
pub fn root(text: &str, progress: Progress) -> Result<Root, Error> {
    Ok(Root::at(text, progress)?)
}
