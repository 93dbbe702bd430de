//! What was withdrawn since somebody wrote it down.

use std::collections::{HashMap, HashSet};
use std::fmt;

use larder_schema::api::{
    BuildAnswer, DistributionAnswer, DistributionName, IdentifyAnswer, IdentifyRequest,
    MAX_IDENTIFY, Withdrawal, Withdrawn, paths,
};
use larder_schema::{Build, BuildKey, Checksum, Distribution};
use serde::Serialize;

use super::answer_of;
use crate::lock::{Lock, LockedDistribution};
use crate::remote::{self, Remote};

/// What of a lock was withdrawn.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// Distributions.
    pub distributions: Vec<WithdrawnDistribution>,
    /// Builds.
    pub builds: Vec<Withdrawn>,
}

/// A distribution that was withdrawn, and why.
#[derive(Clone, Debug, Serialize)]
pub struct WithdrawnDistribution {
    /// The distribution.
    #[serde(flatten)]
    pub key: DistributionName,
    /// Why.
    #[serde(flatten)]
    pub why: Withdrawal,
}

impl WithdrawnDistribution {
    /// What an answer says of its distribution.
    pub(crate) fn of(answer: &DistributionAnswer) -> Option<Self> {
        let Distribution { name, version, platform, .. } = answer.distribution.clone();
        let why = answer.about.withdrawal.clone()?;
        Some(Self { key: DistributionName { name, version, platform }, why })
    }
}

impl fmt::Display for WithdrawnDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DistributionName { name, version, platform } = &self.key;
        write!(f, "`{name}@{version} for {platform}` was withdrawn: {}", self.why)
    }
}

impl Since {
    /// A sentence for each.
    pub fn sentences(&self) -> Vec<String> {
        let distributions = self.distributions.iter().map(ToString::to_string);
        distributions.chain(self.builds.iter().map(ToString::to_string)).collect()
    }
}

/// What of `lock` was withdrawn, and why.
pub async fn withdrawn(remote: &Remote, lock: &Lock) -> Result<Since, remote::Error> {
    let mut since = Since { builds: builds(remote, &lock.records).await?, ..Since::default() };
    for LockedDistribution { document, digest, .. } in &lock.distributions {
        let path = paths::distribution_by_digest(&document.name, digest);
        let answer: Option<DistributionAnswer> = known(remote.get(&path, &[]).await)?;
        since.distributions.extend(answer.as_ref().and_then(WithdrawnDistribution::of));
    }
    Ok(since)
}

/// Which of `records` were withdrawn, by product.
///
/// One question for all that have an archive: most of what is asked about never was withdrawn.
async fn builds(remote: &Remote, records: &[Build]) -> Result<Vec<Withdrawn>, remote::Error> {
    let mut archives: HashMap<Checksum, Vec<BuildKey>> = HashMap::new();
    let mut unsure = HashSet::new();
    for record in records {
        match &record.archive {
            Some(archive) => {
                archives.entry(Checksum::Sha256(archive.sha256)).or_default().push(record.key());
            }
            // A metapackage has no archive to be found by.
            None => drop(unsure.insert(record.key())),
        }
    }
    let checksums: Vec<Checksum> = archives.keys().copied().collect();
    for checksums in checksums.chunks(MAX_IDENTIFY) {
        let request = IdentifyRequest { checksums: checksums.to_vec() };
        let answer: IdentifyAnswer = remote.post(&paths::identify(), &request).await?;
        for holder in answer.found.into_iter().filter(|holder| holder.withdrawn) {
            let key = BuildKey {
                product: holder.product,
                build: holder.build,
                platform: holder.platform,
            };
            if archives.get(&holder.checksum).is_some_and(|keys| keys.contains(&key)) {
                unsure.insert(key);
            }
        }
        // Not all holders are named: whoever is asked about may be one of the others.
        for more in answer.more {
            unsure.extend(archives.remove(&more.checksum).unwrap_or_default());
        }
    }
    let mut unsure: Vec<BuildKey> = unsure.into_iter().collect();
    unsure.sort();
    let mut withdrawn = Vec::new();
    for key in unsure {
        let answer: Option<BuildAnswer> = known(answer_of(remote, &key).await)?;
        let why = answer.and_then(|answer| answer.about.withdrawn);
        withdrawn.extend(why.map(|why| why.of(key)));
    }
    Ok(withdrawn)
}

/// What another server gave was not withdrawn by this one.
fn known<T>(answer: Result<T, remote::Error>) -> Result<Option<T>, remote::Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_unknown() => Ok(None),
        Err(error) => Err(error),
    }
}
