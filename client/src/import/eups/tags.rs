//! The tag lists of a root: read, and published as distributions.

use std::collections::{BTreeMap, BTreeSet};

use larder_schema::eups::{ListFault, TagList};
use larder_schema::product::ParseLabelError;
use larder_schema::{BuildKey, DistributionVersion, Label, Platform, ProductName};

use super::bring::Way;
use super::config::Config;
use super::distribute::{self, Now};
use super::environment::{self, Environment, MAX_ENVIRONMENT_BYTES};
use super::manifests::Listed;
use super::release::{Release, is_moving};
use super::report::{Distributed, Report, Tagged};
use super::root::{self, Root};
use super::shelf::{GENERIC, Shelf};
use super::{Error, ends_all};
use crate::remote::Remote;

/// The most bytes of a tag list.
const MAX_LIST_BYTES: u64 = 8 << 20;
/// What a tag list's name ends with.
const ENDING: &str = ".list";

/// Why a tag does not come in.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Root(#[from] root::Error),
    #[error("there is no such tag")]
    Gone,
    #[error("its list is none: {0}")]
    List(#[from] ListFault),
    #[error("its list is for the tag `{tag}`")]
    OfAnother { tag: String },
    #[error("its name has something else than letters, digits, `_`, `.`, `-` and `+`")]
    Name,
    #[error("`{name}@{version}` is there with other builds; what is published never changes")]
    Changed { name: ProductName, version: DistributionVersion },
    #[error("it stands at `{name}@{version}`, which did not come in")]
    AtRefused { name: ProductName, version: DistributionVersion },
    #[error(transparent)]
    Label(#[from] ParseLabelError),
}

/// The tag lists that could be read.
#[derive(Debug, Default)]
pub struct Lists(Vec<(TagList, Option<Environment>)>);

/// Reads the lists of these tags, or of all.
pub async fn read(
    root: &Root,
    config: &Config,
    wanted: &[String],
    report: &mut Report,
) -> Result<Lists, Error> {
    let mut tags = wanted.to_vec();
    if tags.is_empty() {
        let files = root.names(config.tags, ENDING).await?;
        let tag = |file: &String| file.strip_suffix(ENDING).map(str::to_owned);
        tags = files.iter().filter_map(tag).collect();
    }
    tags.sort();
    tags.dedup();
    let mut lists = Vec::new();
    for tag in tags {
        match list(root, config, &tag).await {
            Ok(list) => lists.push(list),
            Err(Fault::Root(error)) if error.ends_all() => return Err(error.into()),
            Err(fault) => report.refuse(shown(&tag), &fault),
        }
    }
    Ok(Lists(lists))
}

fn shown(tag: &str) -> String {
    format!("tag {}", crate::import::shown(tag))
}

async fn list(
    root: &Root,
    config: &Config,
    tag: &str,
) -> Result<(TagList, Option<Environment>), Fault> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte);
    if tag.is_empty() || tag.starts_with('.') || !tag.bytes().all(is_word) {
        return Err(Fault::Name);
    }
    let folder = config.tags.map(|folder| format!("{folder}/")).unwrap_or_default();
    let file = format!("{folder}{tag}{ENDING}");
    let bytes = root.read(&file, MAX_LIST_BYTES).await?.ok_or(Fault::Gone)?;
    let list = TagList::read(&String::from_utf8_lossy(&bytes))?;
    if list.tag != tag {
        return Err(Fault::OfAnother { tag: crate::import::shown(&list.tag) });
    }
    let environment = root.read(&format!("env/{tag}.env"), MAX_ENVIRONMENT_BYTES).await?;
    // Whatever else a root has in this place is not published.
    Ok((list, environment.and_then(Environment::read)))
}

impl Lists {
    /// The packages that they list, on all platforms.
    pub fn packages(&self, shelf: &Shelf) -> BTreeSet<usize> {
        let mut flavors: Vec<&str> = shelf.flavors().iter().map(|(flavor, _)| *flavor).collect();
        flavors.push(GENERIC);
        let mut packages = BTreeSet::new();
        for line in self.0.iter().flat_map(|(list, _)| &list.lines) {
            for flavor in flavors.iter().filter(|it| [**it, GENERIC].contains(&&*line.flavor)) {
                let found = shelf.find(&line.product, &line.version, &[*flavor, GENERIC]);
                packages.extend(found);
            }
        }
        packages
    }

    /// The releases that they are, those that move last; what is incomplete is reported.
    pub fn releases(
        &self,
        shelf: &Shelf,
        listed: &BTreeMap<usize, Listed>,
        came: impl Fn(usize) -> Option<BuildKey>,
        report: &mut Report,
    ) -> Vec<(DistributionVersion, Release)> {
        let mut releases: Vec<(DistributionVersion, Release)> = Vec::new();
        let (moving, fixed): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|(list, _)| is_moving(&list.tag));
        for (list, environment) in fixed.into_iter().chain(moving) {
            let release = Release::of(list, shelf, listed, &came).and_then(|release| {
                let release = Release { environment: environment.clone(), ..release };
                let version = release.version(&releases)?;
                Ok((version, release))
            });
            match release {
                Ok((version, release)) => {
                    if let Some(fault) = release.incomplete() {
                        report.refuse(shown(&list.tag), &fault);
                    }
                    releases.push((version, release));
                }
                Err(fault) => report.refuse(shown(&list.tag), &fault),
            }
        }
        releases
    }
}

/// Publishes the distributions, and moves the tags that move.
pub async fn publish(
    way: &Way,
    name: &ProductName,
    releases: &[(DistributionVersion, Release)],
    report: &mut Report,
) -> Result<(), Error> {
    let mut there: BTreeSet<&DistributionVersion> = BTreeSet::new();
    let mut refused: BTreeSet<&DistributionVersion> = BTreeSet::new();
    for (version, release) in releases {
        // The tag that has this version for its own may have more than the one that moves: it is
        // published by its own or not at all.
        if refused.contains(version) && is_moving(&release.tag) {
            let fault = Fault::AtRefused { name: name.clone(), version: version.clone() };
            report.refuse(shown(&release.tag), &fault);
            continue;
        }
        let is_there = there.contains(version) && is_moving(&release.tag);
        if !is_there && !distribute(way, name, version, release, report).await? {
            refused.insert(version);
            continue;
        }
        there.insert(version);
        if is_moving(&release.tag) {
            move_tag(&way.remote, name, version, release, report).await?;
        }
    }
    Ok(())
}

/// Publishes a release on all its platforms; false where one of them is refused.
async fn distribute(
    way: &Way,
    name: &ProductName,
    version: &DistributionVersion,
    release: &Release,
    report: &mut Report,
) -> Result<bool, Error> {
    let mut is_whole = true;
    for (platform, builds) in &release.builds {
        let beside = match environment(way, release, platform).await {
            Ok(beside) => beside,
            Err(error) => {
                report.refuse(shown(&release.tag), &error);
                is_whole = false;
                continue;
            }
        };
        let document = distribute::document(name, version, release, platform, beside.as_ref());
        let now = match distribute::publish(&way.remote, &document).await {
            Ok(now) => now,
            Err(error) if ends_all(&error) => return Err(error.into()),
            Err(error) => {
                report.refuse(shown(&release.tag), &error);
                is_whole = false;
                continue;
            }
        };
        if now == Now::Other {
            let fault = Fault::Changed { name: name.clone(), version: version.clone() };
            report.refuse(shown(&release.tag), &fault);
            is_whole = false;
            continue;
        }
        report.distributions.push(Distributed {
            tag: release.tag.clone(),
            name: name.clone(),
            version: version.clone(),
            platform: platform.clone(),
            builds: builds.len() + usize::from(beside.is_some()),
            existing: now == Now::There,
        });
    }
    Ok(is_whole)
}

/// Publishes the environment of a release, if it has one.
async fn environment(
    way: &Way,
    release: &Release,
    platform: &Platform,
) -> Result<Option<BuildKey>, environment::Error> {
    match &release.environment {
        Some(it) => it.publish(&way.remote, &way.memory, platform).await.map(Some),
        None => Ok(None),
    }
}

async fn move_tag(
    remote: &Remote,
    name: &ProductName,
    version: &DistributionVersion,
    release: &Release,
    report: &mut Report,
) -> Result<(), Error> {
    let tag: Label = match release.tag.parse() {
        Ok(tag) => tag,
        Err(fault) => {
            report.refuse(shown(&release.tag), &Fault::Label(fault));
            return Ok(());
        }
    };
    match distribute::move_tag(remote, name, &tag, version).await {
        Ok(moved) => report.tags.push(Tagged { tag, version: version.clone(), moved }),
        Err(error) if ends_all(&error) => return Err(error.into()),
        Err(error) => report.refuse(shown(&release.tag), &error),
    }
    Ok(())
}
