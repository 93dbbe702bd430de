//! What the server has of these packages already.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::api::{BuildAnswer, paths};
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

/// Of the packages at these places on the shelf, those that the server has.
pub async fn held(
    remote: &Remote,
    shelf: &Shelf,
    packages: &[usize],
) -> Result<BTreeMap<usize, Held>, remote::Error> {
    let products: BTreeSet<&ProductName> =
        packages.iter().map(|index| &shelf.packages[*index].product).collect();
    let there: HashMap<Place, Held> = stream::iter(products)
        .map(|product| of_product(remote, product))
        .buffer_unordered(AT_ONCE)
        .try_fold(HashMap::new(), |mut all, some| async move {
            all.extend(some);
            Ok(all)
        })
        .await?;
    let found = |index: &usize| Some((*index, there.get(&place(&shelf.packages[*index]))?.clone()));
    Ok(packages.iter().filter_map(found).collect())
}

fn place(package: &Package) -> Place {
    let version = package.version.as_str().to_owned();
    (package.product.clone(), version, package.platform.clone())
}

async fn of_product(
    remote: &Remote,
    product: &ProductName,
) -> Result<Vec<(Place, Held)>, remote::Error> {
    let query = [("product", product.as_str())];
    let builds = match remote.pages::<BuildAnswer>(&paths::builds(), &query).await {
        Ok(builds) => builds,
        Err(error) if error.is_unknown() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(builds.into_iter().filter_map(|answer| packed(answer.build)).collect())
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
