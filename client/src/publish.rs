//! Publishing: archives go up, then records, distribution and tags become visible in one call.
//!
//! Nothing is visible before the last step, and that step is all or nothing: whoever is
//! interrupted publishes again, and only what is missing is sent.

pub mod conflict;
pub mod distribution;
pub mod files;
pub mod known;
pub mod planned;
pub mod sums;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::api::{
    Expected, PublishAnswer, PublishRequest, TagMove, TagState, TagsAnswer, paths,
};
use larder_schema::{
    ArchiveName, Build, BuildKey, Distribution, Label, Platform, ProblemKind, Sha256,
};

use crate::progress::{Progress, Transfer};
use crate::remote::{self, Remote};
use crate::tag::{self, Move};
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
    /// Platforms that the distribution must be there for before the tag moves; none: it moves with
    /// the publish, or nothing is published.
    pub require: Vec<Platform>,
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
    /// Platforms that the tag waits for: it has not moved.
    pub waits_for: Vec<Platform>,
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

impl Outcome {
    /// What was done in two publishes, one after the other.
    #[must_use]
    pub fn and(mut self, then: Self) -> Self {
        let is_new = |key: &BuildKey| !self.answer.published.contains(key);
        let existing = then.answer.existing.into_iter().filter(is_new).collect();
        self.answer.existing = union(self.answer.existing, existing);
        self.answer.published = union(self.answer.published, then.answer.published);
        self.answer.distribution = then.answer.distribution.or(self.answer.distribution);
        self.answer.tags.extend(then.answer.tags);
        self.answer.warnings.extend(then.answer.warnings);
        self.sent += then.sent;
        self.sent_bytes += then.sent_bytes;
        self.waits_for.extend(then.waits_for);
        self
    }
}

/// Both, sorted, each once.
fn union(mut keys: Vec<BuildKey>, others: Vec<BuildKey>) -> Vec<BuildKey> {
    keys.extend(others);
    keys.sort();
    keys.dedup();
    keys
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
    let mut lacking = Vec::new();
    loop {
        sent.join(send_missing(remote, memory, order, &lacking, progress).await?);
        match ask(remote, order).await {
            // It may be gone since the question, or there in a state that is no good.
            Err(error) if error.kind() == Some(ProblemKind::BytesMissing) && sent.rounds < 3 => {
                lacking = error.missing();
            }
            answer => {
                let mut answer = with_taken(answer?, &order.taken);
                let waits_for = move_later(remote, order, &mut answer).await?;
                let (sent, sent_bytes) = (sent.archives, sent.bytes);
                return Ok(Outcome { answer, sent, sent_bytes, waits_for });
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

/// Sends the archives that the server says it lacks, and those that a publish found `lacking`.
async fn send_missing(
    remote: &Remote,
    memory: &Memory,
    order: &Order,
    lacking: &[Sha256],
    progress: Progress,
) -> Result<Sent, Error> {
    let archives = order.archives();
    let sums: Vec<Sha256> = archives.keys().copied().collect();
    let mut missing = upload::missing(remote, &sums).await?;
    missing.extend_from_slice(lacking);
    missing.sort_unstable();
    missing.dedup();
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
    if !order.require.is_empty() {
        return remote.post(&paths::builds(), &request).await;
    }
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

/// Moves a tag that needs platforms, now that this one is there; tells which it waits for.
///
/// Each of several jobs tries it, in whatever order they end: the last finds all of them there.
async fn move_later(
    remote: &Remote,
    order: &Order,
    answer: &mut PublishAnswer,
) -> Result<Vec<Platform>, remote::Error> {
    let (Some(tag), Some(distribution)) = (&order.tag, &order.distribution) else {
        return Ok(Vec::new());
    };
    if order.require.is_empty() {
        return Ok(Vec::new());
    }
    let (name, version) = (distribution.name.clone(), distribution.version.clone());
    let wanted = Move { name, tag: tag.clone(), version, require: order.require.clone() };
    match wanted.carry_out(remote).await {
        Ok(state) => answer.tags.push(state),
        Err(error) => match tag::missing_platforms(&error) {
            missing if missing.is_empty() => return Err(error),
            missing => return Ok(missing),
        },
    }
    Ok(Vec::new())
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
    answer.existing = union(answer.existing, taken.to_vec());
    answer
}
