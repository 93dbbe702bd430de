//! Package roots of EUPS: what a platform's builds and distributions look like to its client.
//!
//! A root is one state of the catalog at each moment (`view.rs`); what EUPS cannot take as it is gets a
//! tarball, made once and kept (`tarball.rs`).

mod roll;
mod table;
mod tarball;
mod view;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use larder_schema::eups::{EupsVersion, TagList};
use larder_schema::resolution::{Preferred, Wanted};
use larder_schema::{Build, BuildRef, Platform, ProductName, ResolveRequest, Sha256};

use self::view::{Closure, View};
use super::Registry;
use super::fetch::{FetchError, ReadError};
use super::resolve::ResolveError;
use super::upload::UploadError;
use crate::access::{Caller, Denied};
use crate::catalog::root::Held;
use crate::{blobs, catalog};

pub(super) use tarball::Making;

/// A package root: of a platform, or of one tag of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Builds that fit it are shown.
    pub platform: Platform,
    /// Only what has this EUPS tag is shown.
    pub tag: Option<String>,
}

/// One build of a closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The build.
    pub build: Held,
    /// The SHA-256 of its tarball, where that is there already.
    pub sha256: Option<Sha256>,
}

/// Something that a package root may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The product.
    pub product: ProductName,
    /// Its version; a build's name in either spelling, or what it was packed under.
    pub version: EupsVersion,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.product, self.version)
    }
}

/// Why a root does not show something.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The caller may not read.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such tag for the platform.
    #[error("no distribution has the tag `{tag}` for {platform}")]
    NoTag {
        /// The tag.
        tag: String,
        /// The platform.
        platform: Platform,
    },
    /// Nothing tells the conda environment of a tag.
    #[error("the distribution of `{tag}` lists no `conda-environment` with a `conda.env`")]
    NoEnvironment {
        /// The tag.
        tag: String,
    },
    /// There is no such build.
    #[error("{named} is not here")]
    NotThere {
        /// What was asked for.
        named: Box<Named>,
    },
    /// What it needs is not all there.
    #[error("{named} needs `{needed}`, which is not here or which EUPS cannot hold")]
    Lacks {
        /// What was asked for.
        named: Box<Named>,
        /// What lacks.
        needed: ProductName,
    },
    /// The same name stands for another build here.
    #[error(
        "{named} goes with a {needed} that is not the one of this root; ask the root of its tag or of \
         its platform"
    )]
    Another {
        /// What was asked for.
        named: Box<Named>,
        /// Of which another build is here.
        needed: ProductName,
    },
    /// It is in no distribution, and nothing that is there goes with it.
    #[error("{named} has no closure: {reason}")]
    NoClosure {
        /// What was asked for.
        named: Box<Named>,
        /// Why.
        reason: String,
    },
    /// Its archive cannot be made a tarball for EUPS.
    #[error("{named} cannot be packed for EUPS: {reason}")]
    NotPacked {
        /// What was asked for.
        named: Box<Named>,
        /// Why.
        reason: String,
    },
    /// More wait for tarballs than may.
    #[error("{0} others wait for tarballs already, the limit `eups_waiting`; ask again later")]
    Waiting(usize),
    /// A resolution failed for another reason than that there is no answer.
    #[error("could not resolve")]
    Resolve(#[source] Box<ResolveError>),
    /// An archive was not there.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
    /// The blob store failed.
    #[error("the blob store failed")]
    Blobs(#[from] blobs::Error),
    /// The staging failed.
    #[error("the staging failed")]
    Staging(#[from] UploadError),
    /// The bytes of an archive are not what they were.
    #[error(transparent)]
    Spoiled(#[from] ReadError),
    /// The archive could not be read.
    #[error("could not read an archive")]
    Read(#[from] larder_schema::archive::ArchiveError),
}

impl RootError {
    /// Whether it is not there, as far as an EUPS client is concerned.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::NoTag { .. }
            | Self::NoEnvironment { .. }
            | Self::NotThere { .. }
            | Self::Lacks { .. }
            | Self::Another { .. }
            | Self::NoClosure { .. }
            | Self::NotPacked { .. } => true,
            Self::Denied(_)
            | Self::Resolve(_)
            | Self::Waiting(_)
            | Self::Fetch(_)
            | Self::Catalog(_)
            | Self::Blobs(_)
            | Self::Staging(_)
            | Self::Spoiled(_)
            | Self::Read(_) => false,
        }
    }
}

impl Registry {
    /// The tags of a root, by name.
    pub async fn root_tags(&self, caller: &Caller, root: &Root) -> Result<Vec<String>, RootError> {
        self.with_view(caller, root, |view| view.tags()).await
    }

    /// All that can be installed from a root, by product and version.
    pub async fn root_products(
        &self,
        caller: &Caller,
        root: &Root,
    ) -> Result<Vec<Named>, RootError> {
        self.with_view(caller, root, |view| view.products()).await
    }

    /// The list of a tag.
    pub async fn root_list(
        &self,
        caller: &Caller,
        root: &Root,
        tag: String,
    ) -> Result<TagList, RootError> {
        self.with_view(caller, root, move |view| view.list(&tag)).await
    }

    /// The build that a root shows under a name.
    pub async fn root_build(
        &self,
        caller: &Caller,
        root: &Root,
        named: Named,
    ) -> Result<Held, RootError> {
        self.with_view(caller, root, move |view| view.find(&named)).await
    }

    /// What is installed with a build: each after those that it needs, itself last.
    ///
    /// In the root of a tag that is what its distribution lists. Elsewhere it is what the first
    /// distribution lists that has the build, so that it never changes; a build that none has gets what
    /// a resolution takes now.
    pub async fn root_closure(
        &self,
        caller: &Caller,
        root: &Root,
        named: Named,
    ) -> Result<Vec<Line>, RootError> {
        let asked = named.clone();
        let (build, record) =
            match self.with_view(caller, root, move |view| view.closure(&asked)).await? {
                Closure::Listed(builds) => return self.lines(builds).await,
                Closure::Unlisted(build, record) => (build, record),
            };
        let (product, asked, test) = (record.product.clone(), record.name(), record.test);
        let prefer = self.with_source(move |source| built_against(source, *record)).await?;
        let request = ResolveRequest {
            requirements: vec![Wanted { product, requirement: None, build: Some(asked) }],
            platform: root.platform.clone(),
            host: Default::default(),
            context: None,
            stage: None,
            distribution: None,
            with: Vec::new(),
            prefer,
            test,
            records: false,
        };
        let answer = match self.resolve(caller, request).await {
            Ok(answer) => answer,
            Err(ResolveError::NoAnswer(why)) => {
                return Err(RootError::NoClosure {
                    named: Box::new(named),
                    reason: why.to_string(),
                });
            }
            Err(error) => return Err(RootError::Resolve(Box::new(error))),
        };
        let builds = self
            .with_view(caller, root, move |view| view.resolved(&named, &build, &answer.builds))
            .await?;
        self.lines(builds).await
    }

    /// The builds with what is known of their tarballs.
    async fn lines(&self, builds: Vec<Held>) -> Result<Vec<Line>, RootError> {
        self.with_source(move |source| {
            let line = |build: Held| {
                let sha256 = source.packed(build.seq)?.sha256_of(&build);
                Ok(Line { build, sha256 })
            };
            builds.into_iter().map(line).collect()
        })
        .await
    }

    /// Reads a root in one state of the catalog.
    async fn with_view<T: Send + 'static>(
        &self,
        caller: &Caller,
        root: &Root,
        work: impl FnOnce(&View<'_>) -> Result<T, RootError> + Send + 'static,
    ) -> Result<T, RootError> {
        caller.demand_reader()?;
        let (caller, root) = (caller.clone(), root.clone());
        let names = self.inner.config.eups.names.clone();
        self.with_source(move |source| {
            work(&View { source, root: &root, caller: &caller, names: &names })
        })
        .await
    }

    /// Reads one state of the catalog.
    async fn with_source<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn catalog::RootSource) -> Result<T, RootError> + Send + 'static,
    ) -> Result<T, RootError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // When nobody takes it, nobody waits for it.
        let work = move |source: &dyn catalog::RootSource| drop(sender.send(work(source)));
        self.inner.catalog.with_root(Box::new(work)).await?;
        receiver.await.unwrap_or(Err(RootError::Catalog(catalog::Error::Stopped)))
    }
}

/// The builds that a build was built against, those that these were, and so on: each product once, the
/// nearest first.
fn built_against(
    source: &dyn catalog::RootSource,
    build: Build,
) -> Result<Vec<Preferred>, RootError> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([build.product.clone()]);
    let mut open = VecDeque::from([build]);
    while let Some(build) = open.pop_front() {
        for needed in build.run_dependencies() {
            let Some(against) = &needed.built_against else { continue };
            if !seen.insert(needed.product.clone()) {
                continue;
            }
            let there = source.of_name(&needed.product, &against.build)?;
            let fits = |held: &&Held| {
                held.platform.fits(&build.platform) || build.platform.fits(&held.platform)
            };
            if let Some(held) = there.iter().find(fits) {
                open.push_back(source.record(held.seq)?);
            }
            let (product, build) = (needed.product.clone(), against.build.clone());
            found.push(Preferred::Build(BuildRef { product, build }));
        }
    }
    Ok(found)
}
