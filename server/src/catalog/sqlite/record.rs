//! Publications: builds, a distribution and tags, all or none.

use larder_schema::api::{DistributionName, DistributionSummary};
use larder_schema::eups::{self, EupsVersion};
use larder_schema::record::{Abi, Published};
use larder_schema::{
    Build, Checksum, Digest, Distribution, DistributionVersion, Label, ProductName, Text,
};
use rusqlite::{Connection, params};

use super::column::{self, signed};
use super::{
    Stop, archives, build_ids, dependants, distributions, inputs, journal, lookup, products, tags,
};
use crate::catalog::journal::{JournalArchive, JournalDistribution};
use crate::catalog::{Act, Change, Error, Publication, Recorded, Refusal};

/// The next number of the server's order of publication.
fn next_seq(db: &Connection) -> Result<u64, Error> {
    let sql = "UPDATE counters SET value = value + 1 WHERE name = 'seq' RETURNING value";
    Ok(db.prepare_cached(sql)?.query_row([], |row| column::number(row, 0))?)
}

pub(super) fn record(
    db: &Connection,
    publication: &Publication,
    act: &Act,
) -> Result<Recorded, Stop> {
    refuse_missing_archives(db, publication)?;
    if !publication.new_products {
        products::refuse_new(db, publication)?;
    }
    let mut recorded = Recorded::default();
    let mut new_builds = Vec::new();
    for (build, digest) in &publication.builds {
        if is_recorded(db, build, digest)? {
            recorded.existing.push(build.key());
        } else {
            let build = insert_build(db, build, digest, publication.twins, act)?;
            recorded.published.push(build.key());
            new_builds.push(build);
        }
    }
    note_inputs(db, &new_builds)?;
    build_ids::pass(db, new_builds.iter().map(|build| &build.build))?;
    let mut new_distribution = None;
    if let Some((distribution, digest)) = &publication.distribution {
        let (summary, new) = record_distribution(db, distribution, digest, act)?;
        new_distribution = new;
        recorded.distribution = Some(summary);
    }
    let mut moved = Vec::new();
    for change in &publication.tags {
        let (state, is_new) = tags::move_to(db, change, act)?;
        if is_new {
            moved.push(state.clone());
        }
        recorded.tags.push(state);
    }
    if !new_builds.is_empty() || new_distribution.is_some() || !moved.is_empty() {
        let archives = journal_archives(db, &new_builds)?;
        let change = Change::Publish {
            archives,
            builds: new_builds,
            distribution: new_distribution,
            tags: moved,
        };
        journal::append(db, act, change)?;
    }
    Ok(recorded)
}

/// Also one that unpacks to something else than the build says is missing: it was there in another
/// format when the build was looked at.
fn refuse_missing_archives(db: &Connection, publication: &Publication) -> Result<(), Stop> {
    let mut missing = Vec::new();
    for (build, _) in &publication.builds {
        let Some(archive) = &build.archive else { continue };
        let stored = archives::by_checksum(db, &Checksum::Sha256(archive.sha256))?;
        if stored.is_none_or(|stored| build.tree.is_some_and(|tree| tree != stored.tree)) {
            missing.push(archive.sha256);
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Stop::refused(Refusal::ArchivesMissing { missing }))
    }
}

/// Whether the build is there with this very record; refused when it is there with another.
fn is_recorded(db: &Connection, build: &Build, digest: &Digest) -> Result<bool, Stop> {
    match lookup::by_key(db, &build.key())? {
        None => Ok(false),
        Some(stored) if stored.digest == *digest => Ok(true),
        Some(stored) => Err(Stop::refused(Refusal::BuildTaken {
            key: build.key(),
            stored: stored.digest,
            offered: *digest,
            stored_archive: stored.build.archive.map(|archive| archive.sha256),
        })),
    }
}

fn insert_build(
    db: &Connection,
    build: &Build,
    digest: &Digest,
    twins: bool,
    act: &Act,
) -> Result<Build, Stop> {
    let seq = next_seq(db)?;
    let published = Published { at: act.at.clone(), by: act.by.clone(), seq };
    let product = products::id_of(db, &build.product, twins)?;
    insert_build_row(db, product, build, digest, &published)?;
    Ok(Build { published: Some(published), ..build.clone() })
}

/// The row of a build; also for the journal's replay, which brings its own `published`.
pub(super) fn insert_build_row(
    db: &Connection,
    product: i64,
    build: &Build,
    digest: &Digest,
    published: &Published,
) -> Result<(), Error> {
    let record = Build { published: None, ..build.clone() };
    let record = larder_schema::canonical::to_kept(&record)?;
    let revision = build.source.as_ref().and_then(|source| source.revision.as_ref());
    let place = build.build.place(published.seq);
    let source = revision.map(|revision| inputs::source_id(db, product, revision)).transpose()?;
    // What serves only who was built against it is the same as nothing else.
    let tree = build.tree.filter(|_| build.abi != Abi::Exact);
    let same_as = match &tree {
        Some(tree) => inputs::first_with(db, product, tree)?,
        None => None,
    };
    db.prepare_cached(
        "INSERT INTO builds (seq, product, major, minor, patch, build, platform, archive, source, \
         same_as, test, abi, upstream_version, facts, digest, at, by, record, series, number, \
         archive_name, eups) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT id FROM archives WHERE sha256 = ?8), \
         ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
    )?
    .execute(params![
        signed(published.seq),
        product,
        signed(build.version.major),
        signed(build.version.minor),
        signed(build.version.patch),
        build.build.as_str(),
        build.platform.to_string(),
        build.archive.as_ref().map(|archive| archive.sha256.0),
        source,
        same_as,
        build.test,
        build.abi == Abi::Exact,
        build.upstream_version.as_ref().map(Text::as_str),
        inputs::facts_of(build)?,
        digest.0.0,
        published.at.as_str(),
        published.by.as_str(),
        record,
        place.series,
        place.number,
        build.archive.as_ref().map(|archive| archive.name.as_str()),
        eups::version_of(build).ok().as_ref().map(EupsVersion::as_str),
    ])?;
    if let Some(tree) = tree.filter(|_| same_as.is_none()) {
        db.prepare_cached("INSERT INTO trees (product, tree, build) VALUES (?1, ?2, ?3)")?
            .execute(params![product, tree.0, signed(published.seq)])?;
    }
    products::count_build(db, product, build, published.seq)?;
    dependants::insert(db, build, signed(published.seq))
}

/// Notes what builds were built against that all are there; also for the replay.
pub(super) fn note_inputs(db: &Connection, new: &[Build]) -> Result<(), Error> {
    inputs::note_all(db, new.iter().map(|build| (seq_of(build), build)))
}

/// The number that a build got when it was published.
pub(super) fn seq_of(build: &Build) -> u64 {
    build.published.as_ref().map_or(0, |published| published.seq)
}

fn record_distribution(
    db: &Connection,
    distribution: &Distribution,
    digest: &Digest,
    act: &Act,
) -> Result<(DistributionSummary, Option<JournalDistribution>), Stop> {
    if let Some(stored) = distributions::summary(db, distribution)? {
        if stored.digest == *digest {
            return Ok((stored, None));
        }
        return Err(Stop::refused(Refusal::DistributionTaken {
            name: DistributionName {
                name: distribution.name.clone(),
                version: distribution.version.clone(),
                platform: distribution.platform.clone(),
            },
            stored: stored.digest,
            offered: *digest,
        }));
    }
    if let DistributionVersion::Label(label) = &distribution.version {
        refuse_tag(db, &distribution.name, label)?;
    }
    let seq = next_seq(db)?;
    let published = Published { at: act.at.clone(), by: act.by.clone(), seq };
    insert_distribution(db, distribution, digest, &published)?;
    let summary = DistributionSummary {
        name: distribution.name.clone(),
        version: distribution.version.clone(),
        platform: distribution.platform.clone(),
        stage: distribution.stage,
        digest: *digest,
        published,
    };
    Ok((summary, Some(JournalDistribution { seq, document: distribution.clone() })))
}

fn refuse_tag(db: &Connection, name: &ProductName, label: &Label) -> Result<(), Stop> {
    if tags::current(db, name, label)?.is_some() {
        let (name, label) = (name.clone(), label.clone());
        return Err(Stop::refused(Refusal::TagIsVersion { name, label }));
    }
    Ok(())
}

pub(super) fn insert_distribution(
    db: &Connection,
    distribution: &Distribution,
    digest: &Digest,
    published: &Published,
) -> Result<(), Error> {
    let document = larder_schema::canonical::to_kept(distribution)?;
    db.prepare_cached(
        "INSERT INTO distributions (seq, name, version, platform, stage, document, digest, at, by, eups) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        signed(published.seq),
        distribution.name.as_str(),
        distribution.version.to_string(),
        distribution.platform.to_string(),
        serde_json::to_string(&distribution.stage).map_err(|error| Error::Engine(error.into()))?,
        document,
        digest.0.0,
        published.at.as_str(),
        published.by.as_str(),
        eups::tag_of(&distribution.version.to_string()),
    ])?;
    for listed in &distribution.builds {
        let build = lookup::seq_of(db, &listed.key())?;
        db.prepare_cached("INSERT INTO distribution_builds (build, distribution) VALUES (?1, ?2)")?
            .execute(params![build, signed(published.seq)])?;
    }
    Ok(())
}

fn journal_archives(db: &Connection, builds: &[Build]) -> Result<Vec<JournalArchive>, Error> {
    let mut archives = std::collections::BTreeMap::new();
    for archive in builds.iter().filter_map(|build| build.archive.as_ref()) {
        if let Some(stored) = archives::by_checksum(db, &Checksum::Sha256(archive.sha256))? {
            let format = stored.format.extension().to_owned();
            let (sums, key) = (stored.sums, stored.key);
            archives.insert(archive.sha256, JournalArchive { sums, key, format });
        }
    }
    Ok(archives.into_values().collect())
}
