//! Finds distributions on the server and believes nothing that is not what its digest says.

mod names;
mod withdrawn;

use std::collections::BTreeSet;

use larder_schema::api::{
    BuildAnswer, DistributionAnswer, DistributionName, DistributionSummary, paths,
};
use larder_schema::{
    Build, BuildKey, Digest, Distribution, DistributionVersion, Label, Platform, ProductName,
};
pub use names::either;
pub use withdrawn::{Since, WithdrawnDistribution, withdrawn};

use crate::lock::{Contradiction, LockedDistribution, check_digest, check_record};
use crate::memory::{self, Said, SaidOf, SaidOfTag};
use crate::remote::{self, Remote};
use crate::target::{Target, Which, fitting};

/// A distribution that was found, with the records of its builds.
#[derive(Clone, Debug)]
pub struct Found {
    /// The distribution.
    pub distribution: LockedDistribution,
    /// The records of its builds.
    pub records: Vec<Build>,
    /// The answer, as it came.
    pub answer: DistributionAnswer,
}

/// A distribution was not found, or is not what it claims to be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// The server does not say what it said before.
    #[error(transparent)]
    Memory(#[from] memory::Error),
    /// A distribution and a product.
    #[error("`{name}` is a distribution (`dist:{name}`) and a product (`pkg:{name}`)")]
    Both {
        /// The name.
        name: ProductName,
    },
    /// Neither a distribution nor a product.
    #[error("there is no distribution and no product `{name}`")]
    Neither {
        /// The name.
        name: ProductName,
    },
    /// A product, not a distribution.
    #[error("there is no distribution `{name}` and no version {version} of one; it is a product")]
    OfProduct {
        /// The name.
        name: ProductName,
        /// What was asked for.
        version: DistributionVersion,
    },
    /// There is none for this platform.
    #[error("`{target}` is there for {}, not for {asked}", platforms(.there))]
    NoPlatform {
        /// What was asked for.
        target: String,
        /// For what.
        asked: Platform,
        /// What it is there for.
        there: Vec<Platform>,
    },
    /// Neither the tag `current` nor a release.
    #[error("`{name}` has no tag `current` and no release; its versions are {}", versions(.there))]
    NoRelease {
        /// The distribution.
        name: ProductName,
        /// Its versions.
        there: Vec<DistributionVersion>,
    },
    /// No release that is not withdrawn.
    #[error(
        "`{}` has no tag `current`, and all its releases were withdrawn; {}, the newest: {}",
        .0.key.name, .0.key.version, .0.why
    )]
    AllWithdrawn(Box<WithdrawnDistribution>),
    /// The server answered with another distribution.
    #[error("asked for `{asked}`, the server answered with `{answered}`")]
    Another {
        /// What was asked for.
        asked: String,
        /// What came.
        answered: String,
    },
    /// The server contradicts itself.
    #[error("the server's answer about `{target}` contradicts itself")]
    Contradiction {
        /// What was asked for.
        target: String,
        /// How.
        #[source]
        source: Contradiction,
    },
}

fn platforms(there: &[Platform]) -> String {
    there.iter().map(|platform| format!("`{platform}`")).collect::<Vec<_>>().join(", ")
}

/// `; its versions are …`, or nothing.
pub(crate) fn there_are(there: &[DistributionVersion]) -> String {
    if there.is_empty() { String::new() } else { format!("; its versions are {}", versions(there)) }
}

/// The newest few: a sentence is no place for all weeklies of ten years.
fn versions(there: &[DistributionVersion]) -> String {
    const MOST: usize = 8;
    let mut sorted: Vec<&DistributionVersion> = there.iter().collect();
    sorted.sort_by(|one, two| two.cmp(one));
    sorted.dedup();
    let shown: Vec<String> = sorted.iter().take(MOST).map(|v| format!("`{v}`")).collect();
    let more = if sorted.len() > MOST { ", …" } else { "" };
    shown.join(", ") + more
}

/// Finds what `target` names for `platform`, with the records of its builds.
pub async fn distribution(
    remote: &Remote,
    target: &Target,
    platform: &Platform,
) -> Result<Found, Error> {
    let answer = match &target.which {
        Which::Current => current(remote, target, platform).await?,
        Which::Exactly(_) => for_platform(remote, target, platform).await?,
        Which::Named(version) => match for_platform(remote, target, platform).await {
            Err(Error::Remote(error)) if error.is_unknown() => {
                let name = target.name.clone();
                return Err(match names::is_product_alone(remote, &name).await? {
                    true => Error::OfProduct { name, version: version.clone() },
                    false => error.into(),
                });
            }
            outcome => outcome?,
        },
    };
    let found = checked(target, answer)?;
    remote.hear(&said(&found))?;
    Ok(found)
}

/// The digests of builds' records, as the server has them, in this order.
pub async fn digests_of(
    remote: &Remote,
    keys: impl Iterator<Item = BuildKey>,
) -> Result<Vec<Digest>, Error> {
    let mut said = Said::default();
    for key in keys {
        let digest = answer_of(remote, &key).await?.digest;
        said.builds.push(SaidOf { key, digest });
    }
    remote.hear(&said)?;
    Ok(said.builds.into_iter().map(|one| one.digest).collect())
}

/// Looks whether the server still knows builds that it knew before.
pub async fn not_gone(remote: &Remote, keys: &[BuildKey]) -> Result<(), Error> {
    for key in keys {
        match answer_of(remote, key).await {
            Ok(_) => {}
            Err(error) if error.is_unknown() => remote.hear_of_no_build(key)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn answer_of(remote: &Remote, key: &BuildKey) -> Result<BuildAnswer, remote::Error> {
    let platform = key.platform.to_string();
    remote.get(&paths::build(&key.product, &key.build), &[("platform", &platform)]).await
}

/// What a distribution that was found says for good.
fn said(found: &Found) -> Said {
    let Distribution { name, version, platform, .. } = found.distribution.document.clone();
    let key = DistributionName { name, version, platform };
    Said {
        distributions: vec![SaidOf { key, digest: found.distribution.digest }],
        tags: found.answer.about.tag.iter().map(SaidOfTag::of).collect(),
        ..Said::default()
    }
}

async fn current(
    remote: &Remote,
    target: &Target,
    platform: &Platform,
) -> Result<DistributionAnswer, Error> {
    let named = |which| Target { name: target.name.clone(), which };
    let label: Label = "current".parse().expect("it is a label");
    let current = DistributionVersion::Label(label.clone());
    match for_platform(remote, &named(Which::Named(current)), platform).await {
        Err(Error::Remote(error)) if error.is_unknown() => {}
        outcome => return outcome,
    }
    remote.hear_of_no_tag(&target.name, &label)?;
    let there: Vec<DistributionSummary> =
        remote.pages(&paths::distribution_versions(&target.name), &[]).await?;
    let fitting = there.iter().filter(|summary| summary.platform.fits(platform));
    let versions = fitting.map(|summary| &summary.version);
    let releases: BTreeSet<&DistributionVersion> =
        versions.filter(|version| matches!(version, DistributionVersion::Release(_))).collect();
    remote.hear_of_newest(&target.name, platform, releases.last().copied())?;
    let mut withdrawn = None;
    for version in releases.into_iter().rev() {
        let answer = for_platform(remote, &named(Which::Named(version.clone())), platform).await?;
        match WithdrawnDistribution::of(&answer) {
            None => return Ok(answer),
            Some(it) => withdrawn = withdrawn.or(Some(it)),
        }
    }
    let is_release =
        |one: &&DistributionSummary| matches!(one.version, DistributionVersion::Release(_));
    let name = target.name.clone();
    let newest = there.iter().filter(is_release).map(|one| &one.version).max();
    if let (None, Some(newest)) = (&withdrawn, newest) {
        let elsewhere = there.iter().filter(|one| one.version == *newest);
        let (target, asked) = (format!("{name}@{newest}"), platform.clone());
        let there = elsewhere.map(|one| one.platform.clone()).collect();
        return Err(Error::NoPlatform { target, asked, there });
    }
    if let Some(newest) = withdrawn {
        return Err(Error::AllWithdrawn(Box::new(newest)));
    }
    let there = there.into_iter().map(|summary| summary.version).collect();
    Err(Error::NoRelease { name, there })
}

/// Asks for the platform itself first, then for the one that fits, if the server names one.
async fn for_platform(
    remote: &Remote,
    target: &Target,
    platform: &Platform,
) -> Result<DistributionAnswer, Error> {
    let error = match ask(remote, target, platform).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    let Some(there) = error.platforms().filter(|there| error.is_unknown() && !there.is_empty())
    else {
        return Err(error.into());
    };
    match fitting(&there, platform) {
        Some(fits) if fits != platform => Ok(ask(remote, target, fits).await?),
        _ => Err(Error::NoPlatform { target: target.to_string(), asked: platform.clone(), there }),
    }
}

async fn ask(
    remote: &Remote,
    target: &Target,
    platform: &Platform,
) -> Result<DistributionAnswer, remote::Error> {
    let path = match &target.which {
        Which::Named(version) => paths::distribution(&target.name, version),
        Which::Exactly(digest) => paths::distribution_by_digest(&target.name, digest),
        Which::Current => paths::distribution_versions(&target.name),
    };
    let platform = platform.to_string();
    let mut query = vec![("records", "true")];
    // A digest names one document: no platform can make it another.
    if !matches!(target.which, Which::Exactly(_)) {
        query.push(("platform", &platform));
    }
    remote.get(&path, &query).await
}

/// Checks that the answer is what was asked for and that its parts fit together.
fn checked(target: &Target, mut answer: DistributionAnswer) -> Result<Found, Error> {
    let document = &answer.distribution;
    let other_version = match &target.which {
        Which::Named(version) => {
            answer.about.tag.as_ref().map_or(document.version != *version, |tag| {
                tag.tag.as_str() != version.to_string() || tag.version != document.version
            })
        }
        Which::Exactly(digest) => answer.digest != *digest,
        Which::Current => false,
    };
    let other_tag = answer.about.tag.as_ref().is_some_and(|tag| tag.name != document.name);
    if document.name != target.name || other_version || other_tag {
        return Err(Error::Another {
            asked: target.to_string(),
            answered: format!("{}@{}", document.name, document.version),
        });
    }
    let contradiction = |source| Error::Contradiction { target: target.to_string(), source };
    let records = answer.about.records.take().unwrap_or_default();
    check(document, answer.digest, &records).map_err(contradiction)?;
    let distribution = LockedDistribution {
        digest: answer.digest,
        tag: answer.about.tag.as_ref().map(|tag| tag.tag.clone()),
        document: document.clone(),
    };
    Ok(Found { distribution, records, answer })
}

fn check(document: &Distribution, digest: Digest, records: &[Build]) -> Result<(), Contradiction> {
    check_digest(document, digest)?;
    for listed in &document.builds {
        let record = records.iter().find(|record| record.product == listed.product);
        let missing = || Contradiction::Records { product: listed.product.clone() };
        check_record(record.ok_or_else(missing)?, Some(listed))?;
    }
    if records.len() > document.builds.len() {
        return Err(Contradiction::Records { product: document.name.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::{build, distribution};
    use serde_json::json;

    fn answer(change: impl FnOnce(&mut serde_json::Value)) -> DistributionAnswer {
        let builds = [build("afw", "1.0.0-b1", &[])];
        let locked = distribution("stack", "1.0.0", &builds);
        let mut value = serde_json::to_value(&locked.document).unwrap();
        value["digest"] = json!(locked.digest);
        value["about"]["published"] = json!({"at": "2026-11-23T06:00:00Z", "by": "ci", "seq": 1});
        value["about"]["records"] = json!(builds);
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    fn found(target: &str, change: impl FnOnce(&mut serde_json::Value)) -> Result<Found, Error> {
        checked(&target.parse().unwrap(), answer(change))
    }

    #[test]
    fn a_true_answer_is_taken() {
        assert_eq!(found("stack@1.0.0", |_| {}).unwrap().records.len(), 1);
        assert!(found("stack", |_| {}).is_ok());
    }

    #[test]
    fn another_distribution_is_refused() {
        for target in ["stack@1.0.1", "other", &format!("stack@{}", Digest::of(b"x"))] {
            assert!(matches!(found(target, |_| {}), Err(Error::Another { .. })), "{target}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let changes: [fn(&mut serde_json::Value); 4] = [
            |answer| answer["digest"] = json!(Digest::of(b"x")),
            |answer| answer["about"]["records"] = json!([]),
            |answer| answer["about"]["records"][0]["summary"] = json!("other"),
            |answer| answer["about"]["records"][0]["tree"] = json!(null),
        ];
        for change in changes {
            let refusal = found("stack@1.0.0", change).unwrap_err();
            assert!(matches!(refusal, Error::Contradiction { .. }), "{refusal}");
        }
    }
}
