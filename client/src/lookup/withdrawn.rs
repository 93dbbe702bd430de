//! Which builds were withdrawn since somebody wrote them down.

use std::collections::BTreeMap;

use larder_schema::api::{IdentifyAnswer, IdentifyRequest, MAX_IDENTIFY, Withdrawal, paths};
use larder_schema::{Build, BuildKey, Checksum};

use super::answer_of;
use crate::remote::{self, Remote};

/// Which of `records` were withdrawn, and why.
///
/// One question for all that have an archive: most of what is asked about never was withdrawn.
pub async fn withdrawn(
    remote: &Remote,
    records: &[Build],
) -> Result<BTreeMap<BuildKey, Withdrawal>, remote::Error> {
    let archives = records.iter().filter_map(|record| record.archive.as_ref());
    let checksums: Vec<Checksum> =
        archives.map(|archive| Checksum::Sha256(archive.sha256)).collect();
    let mut withdrawn = BTreeMap::new();
    // A metapackage has no archive to be found by.
    for record in records.iter().filter(|record| record.archive.is_none()) {
        if let Some(reason) = answer_of(remote, &record.key()).await?.about.withdrawn {
            withdrawn.insert(record.key(), reason);
        }
    }
    for checksums in checksums.chunks(MAX_IDENTIFY) {
        let request = IdentifyRequest { checksums: checksums.to_vec() };
        let answer: IdentifyAnswer = remote.post(&paths::identify(), &request).await?;
        for holder in answer.found.into_iter().filter(|holder| holder.withdrawn) {
            let (product, build, platform) = (holder.product, holder.build, holder.platform);
            let key = BuildKey { product, build, platform };
            if records.iter().any(|record| record.key() == key)
                && let Some(reason) = answer_of(remote, &key).await?.about.withdrawn
            {
                withdrawn.insert(key, reason);
            }
        }
    }
    Ok(withdrawn)
}
