//! What a name alone stands for.

use larder_schema::api::paths;
use larder_schema::{ProductName, Wanted};
use serde_json::Value;

use super::Error;
use crate::remote::{self, Remote};
use crate::target::{Asked, Target, Which};

/// Finds out whether `name` is a distribution's or a product's.
pub async fn either(remote: &Remote, name: &ProductName) -> Result<Asked, Error> {
    let versions = paths::distribution_versions(name);
    let is_distribution = is_there(remote, &versions, &[("limit", "1")]).await?;
    let is_product = is_there(remote, &paths::product(name), &[]).await?;
    let name = name.clone();
    match (is_distribution, is_product) {
        (true, true) => Err(Error::Both { name }),
        (true, false) => Ok(Asked::Distribution(Target { name, which: Which::Current })),
        (false, true) => {
            Ok(Asked::Product(Wanted { product: name, requirement: None, build: None }))
        }
        (false, false) => Err(Error::Neither { name }),
    }
}

/// Whether `name` is a product's and no distribution's.
pub(super) async fn is_product_alone(remote: &Remote, name: &ProductName) -> Result<bool, Error> {
    let versions = paths::distribution_versions(name);
    Ok(!is_there(remote, &versions, &[("limit", "1")]).await?
        && is_there(remote, &paths::product(name), &[]).await?)
}

async fn is_there(
    remote: &Remote,
    path: &str,
    query: &[(&str, &str)],
) -> Result<bool, remote::Error> {
    match remote.get::<Value>(path, query).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_unknown() => Ok(false),
        Err(error) => Err(error),
    }
}
