//! Publishing: archives go up, then records, distribution and tags become visible in one call.
//!
//! Nothing is visible before the last step, and that step is all or nothing: whoever is
//! interrupted publishes again, and only what is missing is sent.

pub mod conflict;
pub mod distribution;
pub mod files;
pub mod sums;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::api::{
    Expected, Holder, HolderKind, IdentifyAnswer, IdentifyRequest, MAX_IDENTIFY, PublishAnswer,
    PublishRequest, TagMove, TagState, TagsAnswer, paths,
};
use larder_schema::{
    ArchiveName, Build, BuildKey, Checksum, Distribution, Label, ProblemKind, Sha256,
};

use crate::progress::{Progress, Transfer};
use crate::remote::{self, Remote};
use crate::upload::{self, LocalFile, Memory, Uploader};

/// How many archives are sent at once.
const AT_ONCE: usize = 4;

/// One build to publish, with its archive; a metapackage has none.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The record.
    pub build: Build,
    /// The archive.
    pub file: Option<LocalFile>,
}

/// What is to be published together.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Builds that may be new.
    pub offers: Vec<Offer>,
    /// Builds that are there already and are taken as they are.
    pub taken: Vec<BuildKey>,
    /// A distribution of all of them.
    pub distribution: Option<Distribution>,
    /// A tag that shall point to the distribution.
    pub tag: Option<Label>,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the server answered, with the builds that were taken among the existing ones.
    pub answer: PublishAnswer,
    /// How many archives were sent.
    pub sent: usize,
    /// Bytes of archives that went out.
    pub sent_bytes: u64,
}

/// Something was not published; nothing of it is visible.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server did not take it, or could not be reached.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// An archive was not uploaded.
    #[error(transparent)]
    Upload(#[from] upload::Error),
    /// A distribution cannot be what it should.
    #[error(transparent)]
    Distribution(#[from] distribution::Error),
}

impl Order {
    /// What is known to be wrong before anything is sent.
    pub fn check(&self) -> Result<(), distribution::Error> {
        let Some(distribution) = &self.distribution else { return Ok(()) };
        // Of builds that are taken the records are the server's.
        let all_here = self.taken.is_empty();
        let builds = self.offers.iter().map(|offer| &offer.build);
        distribution::check(distribution, all_here.then_some(builds))
    }

    /// The archives, each once.
    fn archives(&self) -> BTreeMap<Sha256, (&LocalFile, &ArchiveName)> {
        self.offers
            .iter()
            .filter_map(|offer| {
                let (file, archive) = (offer.file.as_ref()?, offer.build.archive.as_ref()?);
                Some((file.sha256, (file, &archive.name)))
            })
            .collect()
    }
}

/// Publishes `order` on `remote`: all of it or nothing, visible when this returns.
///
/// To publish the same again changes nothing and succeeds.
pub async fn publish(
    remote: &Remote,
    memory: &Memory,
    order: &Order,
    progress: Progress,
) -> Result<Outcome, Error> {
    order.check()?;
    let mut sent = Sent::default();
    loop {
        sent.join(send_missing(remote, memory, order, progress).await?);
        match ask(remote, order).await {
            // An archive may be collected between the question and the publish.
            Err(error) if error.kind() == Some(ProblemKind::BytesMissing) && sent.rounds < 3 => {}
            answer => {
                let answer = with_taken(answer?, &order.taken);
                return Ok(Outcome { answer, sent: sent.archives, sent_bytes: sent.bytes });
            }
        }
    }
}

/// What went out.
#[derive(Default)]
struct Sent {
    rounds: u32,
    archives: usize,
    bytes: u64,
}

impl Sent {
    fn join(&mut self, more: Self) {
        self.rounds += 1;
        self.archives += more.archives;
        self.bytes += more.bytes;
    }
}

async fn send_missing(
    remote: &Remote,
    memory: &Memory,
    order: &Order,
    progress: Progress,
) -> Result<Sent, Error> {
    let archives = order.archives();
    let sums: Vec<Sha256> = archives.keys().copied().collect();
    let missing = upload::missing(remote, &sums).await?;
    let to_send: Vec<_> = missing.iter().filter_map(|sum| archives.get(sum)).collect();
    if to_send.is_empty() {
        return Ok(Sent::default());
    }
    let transfer = progress.transfer("Sending", to_send.iter().map(|(file, _)| file.size).sum());
    let uploader = Uploader::new(remote.clone(), memory.clone(), transfer.clone());
    let outcome = send_all(&uploader, &transfer, &to_send).await;
    // What was sent is told in the end, with all the rest.
    transfer.abandon();
    outcome?;
    Ok(Sent { rounds: 0, archives: to_send.len(), bytes: uploader.sent_bytes() })
}

async fn send_all(
    uploader: &Uploader,
    transfer: &Transfer,
    files: &[&(&LocalFile, &ArchiveName)],
) -> Result<(), upload::Error> {
    stream::iter(files)
        .map(|(file, name)| {
            transfer.item(name);
            uploader.send(file, name)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// `1 archive, 1.2 MiB`.
pub fn archives_and_bytes(archives: usize, bytes: u64) -> String {
    let s = if archives == 1 { "" } else { "s" };
    format!("{archives} archive{s}, {}", indicatif::HumanBytes(bytes))
}

/// The call that makes all of it visible.
async fn ask(remote: &Remote, order: &Order) -> Result<PublishAnswer, remote::Error> {
    if order.offers.is_empty() && order.distribution.is_none() {
        return Ok(nothing_new());
    }
    let builds = order.offers.iter().map(|offer| offer.build.clone()).collect();
    let distribution = order.distribution.clone();
    let mut request = PublishRequest { builds, distribution, tags: Vec::new() };
    let (Some(tag), Some(distribution)) = (&order.tag, &order.distribution) else {
        return remote.post(&paths::builds(), &request).await;
    };
    let stands = standing(remote, tag, distribution).await?;
    request.tags = vec![tag_move(tag, distribution, stands.as_ref())];
    let refusal = match remote.post(&paths::builds(), &request).await {
        Err(error) if error.kind() == Some(ProblemKind::Moved) => error,
        answer => return answer,
    };
    // It may have been this very request that moved it, whose answer was lost on the way.
    let stands = standing(remote, tag, distribution).await?;
    if stands.as_ref().is_none_or(|state| state.version != distribution.version) {
        return Err(refusal);
    }
    request.tags = vec![tag_move(tag, distribution, stands.as_ref())];
    remote.post(&paths::builds(), &request).await
}

/// The answer to a publish of builds that are all there already.
fn nothing_new() -> PublishAnswer {
    PublishAnswer {
        published: Vec::new(),
        existing: Vec::new(),
        distribution: None,
        tags: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Where the tag stands, if there is one.
async fn standing(
    remote: &Remote,
    tag: &Label,
    distribution: &Distribution,
) -> Result<Option<TagState>, remote::Error> {
    match remote.get::<TagsAnswer>(&paths::tags(&distribution.name), &[]).await {
        Ok(answer) => Ok(answer.items.into_iter().find(|state| state.tag == *tag)),
        Err(error) if error.is_unknown() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Moves the tag from where it stands, and from nowhere else.
fn tag_move(tag: &Label, distribution: &Distribution, stands: Option<&TagState>) -> TagMove {
    TagMove {
        name: distribution.name.clone(),
        tag: tag.clone(),
        version: distribution.version.clone(),
        expected: stands.map_or(Expected::Nowhere, |state| Expected::Serial(state.serial)),
        require: Vec::new(),
    }
}

fn with_taken(mut answer: PublishAnswer, taken: &[BuildKey]) -> PublishAnswer {
    answer.existing.extend(taken.iter().cloned());
    answer.existing.sort();
    answer.existing.dedup();
    answer
}

/// The builds that the server holds of these archives, by archive; withdrawn ones are none.
pub async fn holders(
    remote: &Remote,
    sums: &[Sha256],
) -> Result<BTreeMap<Sha256, Vec<Holder>>, remote::Error> {
    let mut holders: BTreeMap<Sha256, Vec<Holder>> = BTreeMap::new();
    for sums in sums.chunks(MAX_IDENTIFY) {
        let checksums = sums.iter().map(|sum| Checksum::Sha256(*sum)).collect();
        let request = IdentifyRequest { checksums };
        let answer: IdentifyAnswer = remote.post(&paths::identify(), &request).await?;
        for holder in answer.found {
            if let Checksum::Sha256(sum) = holder.checksum
                && holder.kind == HolderKind::Archive
                && !holder.withdrawn
            {
                holders.entry(sum).or_default().push(holder);
            }
        }
    }
    Ok(holders)
}

/// The build among `holders` that is what `build` would be, but for its bID; of several the one
/// with the same bID, else the newest.
pub fn same_but_for_build_id(build: &Build, holders: &[Holder]) -> Option<BuildKey> {
    let newer = |one: &&Holder, two: &&Holder| {
        let (one, two) = (&one.build.build, &two.build.build);
        one.count(two).unwrap_or_else(|| one.cmp(two))
    };
    let alike = || {
        holders.iter().filter(|holder| {
            holder.product == build.product
                && holder.platform == build.platform
                && holder.build.version == build.version
        })
    };
    let found = alike()
        .find(|holder| holder.build.build == build.build)
        .or_else(|| alike().max_by(newer))?;
    Some(BuildKey {
        product: found.product.clone(),
        build: found.build.clone(),
        platform: found.platform.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build() -> Build {
        serde_json::from_value(serde_json::json!({
            "product": "a", "version": "1.0.0", "build": "b2", "platform": "any",
            "archive": {"sha256": Sha256::of(b"x"), "name": "a.whl"}
        }))
        .unwrap()
    }

    fn holder(product: &str, name: &str, platform: &str) -> Holder {
        Holder {
            checksum: Checksum::Sha256(Sha256::of(b"x")),
            kind: HolderKind::Archive,
            product: product.parse().unwrap(),
            build: name.parse().unwrap(),
            platform: platform.parse().unwrap(),
            path: None,
            distributions: Vec::new(),
            withdrawn: false,
        }
    }

    #[test]
    fn a_build_of_the_same_archive_is_found() {
        let found = |holders: &[Holder]| {
            same_but_for_build_id(&build(), holders).map(|key| key.build.to_string())
        };
        let (b1, b9, b10) = (
            holder("a", "1.0.0-b1", "any"),
            holder("a", "1.0.0-b9", "any"),
            holder("a", "1.0.0-b10", "any"),
        );
        assert_eq!(found(&[b1.clone(), b10.clone(), b9]).as_deref(), Some("1.0.0-b10"));
        let same = holder("a", "1.0.0-b2", "any");
        assert_eq!(found(&[b10, same, b1]).as_deref(), Some("1.0.0-b2"));
        let others = [
            holder("b", "1.0.0-b1", "any"),
            holder("a", "1.0.1-b1", "any"),
            holder("a", "1.0.0-b1", "linux-x86_64"),
        ];
        assert_eq!(found(&others), None);
    }
}
