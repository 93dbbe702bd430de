//! Publishing: builds, a distribution and tags become visible together, or nothing does.

use std::collections::HashMap;

use larder_schema::api::{MAX_BUILD_IDS, PublishAnswer, PublishRequest, TagMove};
use larder_schema::archive::ArchiveFormat;
use larder_schema::canonical::CanonicalError;
use larder_schema::closure::{Closure, MOST_UNMET, Unmet};
use larder_schema::distribution::DistributionFault;
use larder_schema::eups;
use larder_schema::product_document::ProductFault;
use larder_schema::record::{RecordFault, UNKNOWN_LICENSE};
use larder_schema::{
    Archive, Build, BuildKey, Digest, Distribution, EntryPath, Listed, ProductName, Sha256, Text,
};

use tracing::Instrument as _;

use super::Registry;
use super::journal::FlushError;
use super::promote::PromotionFault;
use super::statements::ReplacementFault;
use crate::access::{Caller, Denied, Permission};
use crate::catalog::{self, Act, Publication, Refusal, StoredArchive, StoredBuild, TagChange};
use crate::config::{NewProducts, Twins};
use crate::{blobs, clock};

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The caller may not publish all of it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A record has a fault of its own.
    #[error("the record of {key} is refused: {fault}")]
    Record {
        /// The build.
        key: Box<BuildKey>,
        /// Its fault.
        fault: Box<RecordFault>,
    },
    /// A licence is neither SPDX nor a reference.
    #[error(
        "the licence `{license}` of {key} is no SPDX expression; write one, such as `MIT`, or \
         `LicenseRef-…`"
    )]
    License {
        /// The build.
        key: Box<BuildKey>,
        /// The licence.
        license: Text,
    },
    /// A record says something else than the bytes, or than another record in the request.
    #[error("the record of {key} says `{field}` is {given}, but it is {known}")]
    Contradiction {
        /// The build.
        key: Box<BuildKey>,
        /// The field.
        field: &'static str,
        /// What the record says.
        given: String,
        /// What is so.
        known: String,
    },
    /// The distribution has a fault of its own.
    #[error("the distribution {name} is refused: {fault}")]
    Distribution {
        /// Its name.
        name: ProductName,
        /// Its fault.
        fault: Box<DistributionFault>,
    },
    /// The distribution lists a build that is not there.
    #[error("the distribution lists {key}, which is not published; publish it first, or with it")]
    UnknownBuild {
        /// The build.
        key: Box<BuildKey>,
    },
    /// The distribution is not closed.
    #[error("{}", sentence(.unmet))]
    Unmet {
        /// What is not met.
        unmet: Vec<Unmet>,
    },
    /// It is said to be promoted from something that it cannot come from.
    #[error(transparent)]
    Promotion(Box<PromotionFault>),
    /// A product's document has a fault of its own.
    #[error("the document of the product `{name}` is refused: {fault}")]
    Product {
        /// The product.
        name: ProductName,
        /// Its fault.
        fault: Box<ProductFault>,
    },
    /// A product's document is of another product than its address.
    #[error("the document is of the product `{other}`, and its address of `{name}`")]
    OtherName {
        /// The name in the address.
        name: ProductName,
        /// The name in the document.
        other: ProductName,
    },
    /// A statement is about something that is not there.
    #[error("there is no build and no distribution with the digest {subject} here")]
    NoSubject {
        /// The digest.
        subject: Digest,
    },
    /// A statement names something to take instead that cannot be.
    #[error(transparent)]
    Replacement(#[from] ReplacementFault),
    /// So many build ids are not given at once.
    #[error("{count} build ids were asked for; ask for 1 to {MAX_BUILD_IDS}")]
    BuildIds {
        /// How many were asked for.
        count: u32,
    },
    /// The catalog refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// A document has no canonical form.
    #[error("a document has no canonical form")]
    Canonical(#[from] CanonicalError),
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
    /// The blob store failed.
    #[error("the blob store failed")]
    Blobs(#[from] blobs::Error),
}

impl From<Refusal> for PublishError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<PromotionFault> for PublishError {
    fn from(fault: PromotionFault) -> Self {
        Self::Promotion(Box::new(fault))
    }
}

impl From<FlushError> for PublishError {
    fn from(error: FlushError) -> Self {
        match error {
            FlushError::Catalog(error) => Self::Catalog(error),
            FlushError::Blobs(error) => Self::Blobs(error),
        }
    }
}

fn sentence(unmet: &[Unmet]) -> String {
    const SHOWN: usize = 5;
    let mut lines: Vec<String> = unmet.iter().take(SHOWN).map(ToString::to_string).collect();
    if unmet.len() == MOST_UNMET {
        lines.push("many more dependencies are not met".to_owned());
    } else if unmet.len() > SHOWN {
        lines.push(format!("{} more dependencies are not met", unmet.len() - SHOWN));
    }
    format!("the distribution is not closed: {}; add what is missing", lines.join("; "))
}

impl Registry {
    /// Publishes all of `request`, or nothing; visible and durable when this returns.
    ///
    /// Publishing the same again changes nothing and succeeds.
    pub async fn publish(
        &self,
        caller: &Caller,
        request: PublishRequest,
    ) -> Result<PublishAnswer, PublishError> {
        authorise(caller, &request)?;
        let (registry, caller) = (self.clone(), caller.clone());
        to_the_end(async move { registry.publish_all(&caller, request).await }).await
    }

    async fn publish_all(
        &self,
        caller: &Caller,
        request: PublishRequest,
    ) -> Result<PublishAnswer, PublishError> {
        let builds = self.completed(caller, request.builds).await?;
        let mut warnings = licence_warnings(&builds);
        let distribution = match request.distribution {
            Some(document) => {
                Some(self.completed_distribution(caller, document, &builds, &mut warnings).await?)
            }
            None => None,
        };
        let publication = Publication {
            builds,
            distribution,
            tags: request.tags.into_iter().map(tag_change).collect(),
            twins: self.inner.config.publish.twins == Twins::Allow,
            new_products: self.inner.config.publish.new_products == NewProducts::Open,
        };
        let recorded = self.inner.catalog.record(&publication, &self.act(caller)).await?;
        if let Err(Refusal::NewProducts { products }) = &recorded {
            self.note_pending(caller, products).await?;
        }
        let recorded = recorded?;
        // Also when all was there: an earlier try may have been cut before its entry was stored.
        self.flush_journal().await?;
        Ok(PublishAnswer {
            published: recorded.published,
            existing: recorded.existing,
            distribution: recorded.distribution,
            tags: recorded.tags,
            warnings,
        })
    }

    /// Who does something, and when.
    pub(super) fn act(&self, caller: &Caller) -> Act {
        Act { by: caller.name(), at: clock::to_timestamp(self.inner.clock.now()) }
    }

    /// The records with all that comes from bytes, each once.
    async fn completed(
        &self,
        caller: &Caller,
        records: Vec<Build>,
    ) -> Result<Vec<(Build, Digest)>, PublishError> {
        let records: Vec<Build> = records.into_iter().map(checked).collect::<Result<_, _>>()?;
        let told: Vec<&Archive> =
            records.iter().filter_map(|record| record.archive.as_ref()).collect();
        let mut stored = self.archives_with_bytes(caller, &told).await?.into_iter();
        let mut missing = Vec::new();
        let mut seen: HashMap<BuildKey, Digest> = HashMap::new();
        let mut builds = Vec::with_capacity(records.len());
        for mut build in records {
            build.test |= caller.is_test();
            if let Some(told) = &build.archive {
                match stored.next().flatten() {
                    Some(archive) => build = with_facts(build, &archive)?,
                    None => missing.push(told.sha256),
                }
            }
            let digest = build.digest()?;
            match seen.insert(build.key(), digest) {
                None => builds.push((build, digest)),
                Some(first) if first == digest => {}
                Some(first) => return Err(contradiction(&build, "record", &digest, &first)),
            }
        }
        if missing.is_empty() {
            Ok(builds)
        } else {
            Err(Refusal::ArchivesMissing { missing }.into())
        }
    }

    /// The archives, in their order, whose bytes are where the catalog says; others count as missing.
    ///
    /// So does a zip file that came as a wheel, or a wheel as a zip file, and that no build names:
    /// it may come again as the other.
    ///
    /// And so does one that the caller has not sent and may not read: knowing a sum grants nothing.
    async fn archives_with_bytes(
        &self,
        caller: &Caller,
        told: &[&Archive],
    ) -> Result<Vec<Option<StoredArchive>>, PublishError> {
        let sums: Vec<Sha256> = told.iter().map(|told| told.sha256).collect();
        let known = self.inner.catalog.archives_sent_by(caller.token().as_ref(), &sums).await?;
        let mut usable = Vec::with_capacity(told.len());
        for (told, known) in told.iter().zip(known) {
            usable.push(match known {
                Some((stored, is_sender))
                    if self.is_usable(caller, told, &stored, is_sender).await? =>
                {
                    Some(stored)
                }
                _ => None,
            });
        }
        let keys = usable.iter().flatten().map(|stored| stored.key.clone()).collect();
        let mut sizes = self.inner.blobs.sizes(keys).await?.into_iter();
        let mut has_bytes =
            |stored: &StoredArchive| sizes.next().flatten() == Some(stored.sums.size);
        Ok(usable.into_iter().map(|stored| stored.filter(&mut has_bytes)).collect())
    }

    async fn is_usable(
        &self,
        caller: &Caller,
        told: &Archive,
        stored: &StoredArchive,
        is_sender: bool,
    ) -> Result<bool, catalog::Error> {
        if !is_sender && !self.may_read_archive(caller, &told.sha256).await? {
            return Ok(false);
        }
        let told_as = ArchiveFormat::of_name(told.name.as_str());
        let is_other = told_as.is_some_and(|told| is_other_zip(told, stored.format));
        Ok(!is_other || self.inner.catalog.is_named(&told.sha256).await?)
    }

    /// The distribution with all that the server fills in.
    async fn completed_distribution(
        &self,
        caller: &Caller,
        document: Distribution,
        new: &[(Build, Digest)],
        warnings: &mut Vec<String>,
    ) -> Result<(Distribution, Digest), PublishError> {
        let mut document = document.in_order();
        faultless(&document)?;
        let listed = self.listed_builds(caller, &document, new).await?;
        for (entry, stored) in document.builds.iter_mut().zip(&listed) {
            let known = Listed::of(&stored.build)?;
            if let Some(field) = entry.contradiction(&known) {
                let (given, known) = (shown(entry, field)?, shown(&known, field)?);
                return Err(contradiction(&stored.build, field, &given, &known));
            }
            *entry = known;
            if let Some(why) = &stored.withdrawn {
                warnings.push(why.clone().of(stored.build.key()).to_string());
            }
        }
        let closure = Closure::of(listed.iter().map(|stored| &stored.build));
        let unmet = closure.unmet();
        if !unmet.is_empty() {
            return Err(PublishError::Unmet { unmet });
        }
        if document.roots.is_empty() {
            document.roots = closure.roots();
        }
        faultless(&document)?;
        let digest = document.digest()?;
        self.demand_candidate(&document, digest).await?;
        Ok((document, digest))
    }

    /// The builds that a distribution lists, in its order: new ones first looked for.
    async fn listed_builds(
        &self,
        caller: &Caller,
        document: &Distribution,
        new: &[(Build, Digest)],
    ) -> Result<Vec<StoredBuild>, PublishError> {
        let new: HashMap<BuildKey, &(Build, Digest)> =
            new.iter().map(|entry| (entry.0.key(), entry)).collect();
        let keys: Vec<BuildKey> = document.builds.iter().map(Listed::key).collect();
        let known = self.inner.catalog.builds_by_key(&keys).await?;
        let pairs = keys.into_iter().zip(known);
        pairs
            .map(|(key, known)| match (new.get(&key), known) {
                (Some((build, digest)), known) => Ok(StoredBuild {
                    build: build.clone(),
                    digest: *digest,
                    withdrawn: known.and_then(|known| known.withdrawn),
                }),
                (None, Some(known)) if caller.may(Permission::Read(&key.product)) => Ok(known),
                (None, _) => Err(PublishError::UnknownBuild { key: Box::new(key) }),
            })
            .collect()
    }
}

/// Does a change to its end, also when whoever asked for it is gone: what the catalog has must come
/// into the journal.
pub(super) async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, PublishError>> + Send + 'static,
) -> Result<T, PublishError> {
    let task = tokio::spawn(change.in_current_span());
    task.await.unwrap_or(Err(PublishError::Catalog(catalog::Error::Stopped)))
}

/// Every part is authorised before anything is looked up.
fn authorise(caller: &Caller, request: &PublishRequest) -> Result<(), Denied> {
    caller.demand_token()?;
    for build in &request.builds {
        caller.demand(Permission::Publish(&build.product))?;
    }
    if let Some(distribution) = &request.distribution {
        caller.demand(Permission::Distribute(&distribution.name))?;
    }
    for tag in &request.tags {
        caller.demand(Permission::Tag(&tag.name))?;
    }
    Ok(())
}

/// A record without a fault of its own.
fn checked(record: Build) -> Result<Build, PublishError> {
    let key = || Box::new(record.key());
    if let Some(fault) = record.fault() {
        return Err(PublishError::Record { key: key(), fault: Box::new(fault) });
    }
    if spdx::Expression::parse(record.license.as_str()).is_err() {
        return Err(PublishError::License { key: key(), license: record.license });
    }
    if record.archive.is_none() {
        let told = record.tree.map(|tree| ("tree", tree.to_string()));
        let told = told.or(record.product_dir.as_ref().map(|it| ("product_dir", it.to_string())));
        if let Some((field, given)) = told {
            return Err(contradiction(&record, field, &given, &"nothing: it has no archive"));
        }
    }
    Ok(Build { published: None, ..record })
}

fn contradiction(
    build: &Build,
    field: &'static str,
    given: &impl ToString,
    known: &impl ToString,
) -> PublishError {
    let (given, known) = (given.to_string(), known.to_string());
    PublishError::Contradiction { key: Box::new(build.key()), field, given, known }
}

/// A field of what a distribution lists, as its document has it.
fn shown(listed: &Listed, field: &str) -> Result<String, PublishError> {
    let document = serde_json::to_value(listed).map_err(CanonicalError::from)?;
    Ok(document[field].as_str().map_or_else(|| document[field].to_string(), str::to_owned))
}

/// Whether the same bytes may be both, with two trees: a wheel is a zip file.
fn is_other_zip(one: ArchiveFormat, two: ArchiveFormat) -> bool {
    let is_zip = |format| matches!(format, ArchiveFormat::Zip | ArchiveFormat::Wheel);
    one != two && is_zip(one) && is_zip(two)
}

/// The record with what the bytes say; refused where it says something else.
fn with_facts(mut build: Build, stored: &StoredArchive) -> Result<Build, PublishError> {
    let Some(mut archive) = build.archive.take() else { return Ok(build) };
    let folder = stored.shape.as_ref().and_then(|shape| eups::folder_of(&build, shape));
    let faults = [
        archive
            .size
            .filter(|size| *size != stored.sums.size)
            .map(|size| contradiction(&build, "archive.size", &size, &stored.sums.size)),
        archive
            .blake3
            .filter(|sum| *sum != stored.sums.blake3)
            .map(|sum| contradiction(&build, "archive.blake3", &sum, &stored.sums.blake3)),
        build
            .tree
            .filter(|tree| *tree != stored.tree)
            .map(|tree| contradiction(&build, "tree", &tree, &stored.tree)),
        build.product_dir.as_ref().filter(|given| Some(*given) != folder.as_ref()).map(|given| {
            let known = folder.as_ref().map_or(".", EntryPath::as_str);
            contradiction(&build, "product_dir", given, &known)
        }),
        ArchiveFormat::of_name(archive.name.as_str())
            .filter(|format| *format != stored.format)
            .map(|format| {
                let (given, known) = (format.extension(), stored.format.extension());
                let known = match is_other_zip(format, stored.format) {
                    true => format!("{known}, as which a build has the same bytes already"),
                    false => known.to_owned(),
                };
                contradiction(&build, "archive.name", &given, &known)
            }),
    ];
    if let Some(fault) = faults.into_iter().flatten().next() {
        return Err(fault);
    }
    archive.size = Some(stored.sums.size);
    archive.blake3 = Some(stored.sums.blake3);
    build.tree = Some(stored.tree);
    build.product_dir = folder;
    build.archive = Some(archive);
    Ok(build)
}

fn faultless(document: &Distribution) -> Result<(), PublishError> {
    match document.fault() {
        None => Ok(()),
        Some(fault) => {
            Err(PublishError::Distribution { name: document.name.clone(), fault: Box::new(fault) })
        }
    }
}

fn licence_warnings(builds: &[(Build, Digest)]) -> Vec<String> {
    builds
        .iter()
        .filter(|(build, _)| build.license.as_str() == UNKNOWN_LICENSE)
        .map(|(build, _)| format!("{} names no licence", build.key()))
        .collect()
}

fn tag_change(tag: TagMove) -> TagChange {
    let TagMove { name, tag, version, expected, require } = tag;
    TagChange { name, tag, version, expected, require }
}
