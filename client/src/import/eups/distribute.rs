//! Publishes releases as distributions, and moves the tags that move.

use std::collections::BTreeSet;

use larder_schema::api::{DistributionAnswer, PublishAnswer, PublishRequest, TagsAnswer, paths};
use larder_schema::distribution::Listed;
use larder_schema::record::{Extra, Role};
use larder_schema::{BuildKey, Distribution, DistributionVersion, Label, Platform, ProductName};

use super::release::{Release, stage};
use crate::remote::{self, Remote};
use crate::tag::Move;

/// How a distribution is on the server now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// It is new.
    Published,
    /// It was there.
    There,
    /// Another one is there under its name.
    Other,
}

/// The distribution of a release on one platform, with what goes `beside` its builds.
pub fn document(
    name: &ProductName,
    version: &DistributionVersion,
    release: &Release,
    platform: &Platform,
    beside: Option<&BuildKey>,
) -> Distribution {
    let listed = |key: &BuildKey| Listed {
        product: key.product.clone(),
        build: key.build.clone(),
        platform: key.platform.clone(),
        role: Role::default(),
        record: None,
        archive: None,
        tree: None,
        size: None,
        extra: Extra::new(),
    };
    Distribution {
        name: name.clone(),
        version: version.clone(),
        platform: platform.clone(),
        stage: stage(&release.tag),
        contexts: Vec::new(),
        roots: Vec::new(),
        includes: Vec::new(),
        builds: release.builds[platform].iter().chain(beside).map(listed).collect(),
        externals: Vec::new(),
        parameters: release.parameters.clone(),
        promoted_from: None,
        extra: Extra::new(),
    }
}

/// Publishes `distribution`, unless one of the same builds is there.
pub async fn publish(remote: &Remote, distribution: &Distribution) -> Result<Now, remote::Error> {
    if let Some(there) = there(remote, distribution).await? {
        let keys = |distribution: &Distribution| -> BTreeSet<BuildKey> {
            distribution.builds.iter().map(Listed::key).collect()
        };
        let is_same = keys(&there) == keys(distribution);
        return Ok(if is_same { Now::There } else { Now::Other });
    }
    let distribution = Some(distribution.clone());
    let request = PublishRequest { builds: Vec::new(), distribution, tags: Vec::new() };
    remote.post::<_, PublishAnswer>(&paths::builds(), &request).await?;
    Ok(Now::Published)
}

/// What is there under its name, version and platform.
async fn there(
    remote: &Remote,
    distribution: &Distribution,
) -> Result<Option<Distribution>, remote::Error> {
    let Distribution { name, version, platform, .. } = distribution;
    let query = [("platform", &*platform.to_string())];
    match remote.get::<DistributionAnswer>(&paths::distribution(name, version), &query).await {
        Ok(answer) => {
            let is_its = answer.distribution.platform == *platform
                && answer.distribution.version == *version;
            Ok(is_its.then_some(answer.distribution))
        }
        Err(error) if matches!(error.status(), Some(404 | 409)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Moves a tag; false where it stands there already.
pub async fn move_tag(
    remote: &Remote,
    name: &ProductName,
    tag: &Label,
    version: &DistributionVersion,
) -> Result<bool, remote::Error> {
    let tags = match remote.get::<TagsAnswer>(&paths::tags(name), &[]).await {
        Ok(tags) => tags.items,
        Err(error) if error.is_unknown() => Vec::new(),
        Err(error) => return Err(error),
    };
    if tags.iter().any(|state| state.tag == *tag && state.version == *version) {
        return Ok(false);
    }
    let (name, tag, version) = (name.clone(), tag.clone(), version.clone());
    Move { name, tag, version, require: Vec::new() }.carry_out(remote).await?;
    Ok(true)
}
