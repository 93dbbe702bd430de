//! What the server has of these packages already.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::api::{BuildAnswer, paths};
use larder_schema::eups::name_of_version;
use larder_schema::{Build, BuildKey, Platform, ProductName, Sha256};

use super::AT_ONCE;
use super::shelf::{Package, Shelf};
use crate::remote::{self, Remote};

/// A build that the server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its key.
    pub key: BuildKey,
    /// Its archive; none for a metapackage.
    pub archive: Option<Archive>,
}

/// The archive of a build that the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Its sum.
    pub sha256: Sha256,
    /// Its bytes, as far as the server tells them.
    pub size: Option<u64>,
}

/// By what a package is found again: product, EUPS version, platform.
type Place = (ProductName, String, Platform);

/// Of the packages at these places on the shelf, those that the server has; they get the names that
/// they have there.
///
/// What another root had beside a package may have given it another name than this root does. What is
/// new and would take the name of something else is named by its whole version, where it can be.
pub async fn held(
    remote: &Remote,
    shelf: &mut Shelf,
    packages: &[usize],
) -> Result<BTreeMap<usize, Held>, remote::Error> {
    let products: BTreeSet<&ProductName> =
        packages.iter().map(|index| &shelf.packages[*index].product).collect();
    let There { packed, keys } = stream::iter(products)
        .map(|product| of_product(remote, product))
        .buffer_unordered(AT_ONCE)
        .try_fold(There::default(), |mut all, some| async move {
            all.packed.extend(some.packed);
            all.keys.extend(some.keys);
            Ok(all)
        })
        .await?;
    let mut held = BTreeMap::new();
    for index in packages {
        let package = &mut shelf.packages[*index];
        if let Some(there) = packed.get(&place(package)) {
            package.name = there.key.build.clone();
            held.insert(*index, there.clone());
        } else if keys.contains(&package.key()) {
            package.name = name_of_version(&package.version, |_| true);
        }
    }
    Ok(held)
}

/// What the server has.
#[derive(Default)]
struct There {
    packed: HashMap<Place, Held>,
    /// The keys of all builds, whatever they were packed for.
    keys: HashSet<BuildKey>,
}

fn place(package: &Package) -> Place {
    let version = package.version.as_str().to_owned();
    (package.product.clone(), version, package.platform.clone())
}

async fn of_product(remote: &Remote, product: &ProductName) -> Result<There, remote::Error> {
    let query = [("product", product.as_str())];
    let builds = match remote.pages::<BuildAnswer>(&paths::builds(), &query).await {
        Ok(builds) => builds,
        Err(error) if error.is_unknown() => return Ok(There::default()),
        Err(error) => return Err(error),
    };
    let keys = builds.iter().map(|answer| answer.build.key()).collect();
    let packed = builds.into_iter().filter_map(|answer| packed(answer.build)).collect();
    Ok(There { packed, keys })
}

/// What was packed for EUPS, by its version there.
fn packed(build: Build) -> Option<(Place, Held)> {
    let version = build.upstream_version.as_ref()?.as_str().to_owned();
    let is_packed = match &build.product_dir {
        Some(folder) => folder.name() == version,
        None => build.archive.is_none(),
    };
    let archive = build.archive.as_ref();
    let archive = archive.map(|it| Archive { sha256: it.sha256, size: it.size });
    let held = Held { key: build.key(), archive };
    is_packed.then_some(((build.product, version, build.platform), held))
}
