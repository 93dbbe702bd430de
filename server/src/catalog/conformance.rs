//! The promises of the catalog as tests that every engine runs.

use larder_schema::api::{Expected, HolderKind, StatementKind, StatementRequest};
use larder_schema::archive::{ArchiveFormat, Index};
use larder_schema::contents::tree_checksum;
use larder_schema::{
    Build, Checksum, Distribution, Entry, EntryKind, Listed, Sha256, Stage, Sums, newest_first,
};

mod products;
mod stock;

use products::{
    a_product_is_declared_whole_and_a_repository_once,
    dependants_are_those_that_the_version_will_do_for, document,
    products_are_found_by_all_that_is_known_of_them,
    where_products_are_not_made_by_builds_they_wait,
};
use stock::{
    a_build_that_unpacks_to_the_same_is_told_as_the_first_that_does,
    all_that_were_built_against_a_build_for_any_platform_turn_to_their_own,
    builds_are_found_by_what_they_were_built_against,
    however_many_wait_for_a_build_all_are_found_when_it_comes, publish_entangled, read_entangled,
    what_was_not_there_yet_is_noted_when_it_comes,
    which_of_several_builds_is_meant_does_not_depend_on_their_order,
};

use super::*;

fn act() -> Act {
    Act { by: "ci".parse().unwrap(), at: "2026-11-23T06:00:00Z".parse().unwrap() }
}

/// An archive whose files are `files`; its own bytes are `name`.
fn archive(name: &str, files: &[(&str, &[u8])]) -> (StoredArchive, Index) {
    let mut entries: Vec<Entry> = files
        .iter()
        .map(|(path, bytes)| {
            let Sums { sha256, blake3, size } = Sums::of(bytes);
            let kind =
                EntryKind::File { size, sha256, blake3, executable: false, offset: Some(512) };
            Entry { path: path.parse().unwrap(), kind }
        })
        .collect();
    entries.sort_by(|one, two| one.path.cmp(&two.path));
    let tree = tree_checksum(&entries);
    let stored = StoredArchive {
        sums: Sums::of(name.as_bytes()),
        format: ArchiveFormat::TarGz,
        key: format!("archives/{name}"),
        tree,
        tar_sha256: Some(Sha256::of(b"tar")),
        shape: None,
        unpacked_bytes: 7,
    };
    (
        stored,
        Index {
            entries,
            tree,
            tar_sha256: Some(Sha256::of(b"tar")),
            shape: None,
            unpacked_bytes: 7,
        },
    )
}

fn build(product: &str, name: &str, archive: Option<&StoredArchive>) -> (Build, Digest) {
    let name: BuildName = name.parse().unwrap();
    let archive = archive.map(|archive| {
        serde_json::json!({"sha256": archive.sums.sha256, "size": archive.sums.size,
                           "name": format!("{product}.tar.gz")})
    });
    let build: Build = serde_json::from_value(serde_json::json!({
        "product": product, "version": name.version, "build": name.build,
        "platform": "linux-x86_64", "archive": archive
    }))
    .unwrap();
    let digest = build.digest().unwrap();
    (build, digest)
}

fn distribution(version: &str, builds: &[&Build]) -> (Distribution, Digest) {
    let listed: Vec<Listed> = builds.iter().map(|build| Listed::of(build).unwrap()).collect();
    let document: Distribution = serde_json::from_value(serde_json::json!({
        "name": "lsst_distrib", "version": version, "platform": "linux-x86_64", "builds": listed
    }))
    .unwrap();
    let digest = document.digest().unwrap();
    (document, digest)
}

fn publication(builds: &[(Build, Digest)]) -> Publication {
    let builds = builds.to_vec();
    Publication { builds, distribution: None, tags: Vec::new(), twins: false, new_products: true }
}

fn tag(version: &str, expected: Expected) -> TagChange {
    TagChange {
        name: "lsst_distrib".parse().unwrap(),
        tag: "current".parse().unwrap(),
        version: version.parse().unwrap(),
        expected,
        require: Vec::new(),
    }
}

async fn publish_version(catalog: &dyn Catalog, version: &str) -> Recorded {
    let afw = build("afw", &format!("{version}-b1"), None);
    let publication =
        Publication { distribution: Some(distribution(version, &[&afw.0])), ..publication(&[afw]) };
    catalog.record(&publication, &act()).await.unwrap().unwrap()
}

async fn a_publication_is_seen_whole_and_again_is_existing(catalog: &dyn Catalog) {
    let (stored, index) = archive("afw", &[("lib/a", b"one")]);
    catalog.record_archive(&stored, &index).await.unwrap();
    let (afw, log) = (build("afw", "1.0.0-b1", Some(&stored)), build("log", "1.0.0-b1", None));
    let publication = Publication {
        distribution: Some(distribution("1.0.0", &[&afw.0, &log.0])),
        tags: vec![tag("1.0.0", Expected::Nowhere)],
        ..publication(&[afw.clone(), log.clone()])
    };

    let first = catalog.record(&publication, &act()).await.unwrap().unwrap();
    let again = Publication { tags: vec![tag("1.0.0", Expected::Anywhere)], ..publication };
    let second = catalog.record(&again, &act()).await.unwrap().unwrap();

    assert_eq!((first.published.len(), first.existing.len()), (2, 0));
    assert_eq!((second.published.len(), second.existing.len()), (0, 2));
    assert_eq!(first.distribution, second.distribution);
    assert_eq!(second.tags[0].serial, 1);
    let seen = catalog.builds_by_key(&[log.0.key(), afw.0.key()]).await.unwrap();
    let seqs: Vec<u64> = seen
        .iter()
        .map(|seen| seen.as_ref().unwrap().build.published.as_ref().unwrap().seq)
        .collect();
    assert_eq!(seqs, [2, 1], "numbers follow the order of publication");
    assert_eq!(catalog.journal_head().await.unwrap().0, 1, "what changed nothing tells nothing");
}

async fn a_refused_publication_leaves_nothing(catalog: &dyn Catalog) {
    let (stored, index) = archive("afw", &[]);
    catalog.record_archive(&stored, &index).await.unwrap();
    let afw = build("afw", "1.0.0-b1", Some(&stored));
    catalog.record(&publication(&[afw]), &act()).await.unwrap().unwrap();
    let other = build("afw", "1.0.0-b1", None);
    let log = build("log", "1.0.0-b1", None);

    let refusal = catalog.record(&publication(&[log, other]), &act()).await.unwrap().unwrap_err();

    assert!(matches!(refusal, Refusal::BuildTaken { .. }));
    assert_eq!(catalog.product(&"log".parse().unwrap()).await.unwrap(), None);
    assert_eq!(catalog.journal_head().await.unwrap().0, 1);
}

async fn builds_without_their_archive_are_refused(catalog: &dyn Catalog) {
    let (stored, _) = archive("afw", &[]);
    let afw = build("afw", "1.0.0-b1", Some(&stored));
    let refusal = catalog.record(&publication(&[afw]), &act()).await.unwrap().unwrap_err();
    assert_eq!(refusal, Refusal::ArchivesMissing { missing: vec![stored.sums.sha256] });
}

async fn twins_are_refused_unless_they_are_allowed(catalog: &dyn Catalog) {
    let one = publication(&[build("lsst.utils", "1.0.0-b1", None)]);
    let two = publication(&[build("lsst-utils", "1.0.0-b1", None)]);
    catalog.record(&one, &act()).await.unwrap().unwrap();

    let refusal = catalog.record(&two, &act()).await.unwrap().unwrap_err();
    let allowed = catalog.record(&Publication { twins: true, ..two }, &act()).await.unwrap();

    assert!(matches!(refusal, Refusal::Twin { .. }));
    assert!(allowed.is_ok());
}

async fn an_archive_is_kept_once_with_its_index(catalog: &dyn Catalog) {
    let (stored, index) = archive("afw", &[("b", b"two"), ("a/x", b"one"), ("a.y", b"")]);
    let first = catalog.record_archive(&stored, &index).await.unwrap();
    let other_key = StoredArchive { key: "archives/other".to_owned(), ..stored.clone() };

    let second = catalog.record_archive(&other_key, &index).await.unwrap();

    assert_eq!(first, stored);
    assert_eq!(second, stored, "what is there stays as it is");
    let sha256 = stored.sums.sha256;
    assert_eq!(catalog.contents(&sha256, None, 10).await.unwrap(), index.entries);
    assert_eq!(catalog.contents(&sha256, Some("a.y"), 1).await.unwrap(), index.entries[1..2]);
    for checksum in [Checksum::Sha256(sha256), Checksum::Blake3(stored.sums.blake3)] {
        assert_eq!(catalog.archive(&checksum).await.unwrap(), Some(stored.clone()));
    }
    assert!(!catalog.is_named(&sha256).await.unwrap());
    let (one, two) = (Sha256::of(b"one"), Sha256::of(b"two"));
    catalog.note_sender(&one, &sha256).await.unwrap();
    catalog.note_sender(&one, &sha256).await.unwrap();
    assert!(catalog.is_sender(&one, &sha256).await.unwrap());
    assert!(!catalog.is_sender(&two, &sha256).await.unwrap());
    let afw = build("afw", "1.0.0-b1", Some(&stored));
    catalog.record(&publication(&[afw]), &act()).await.unwrap().unwrap();
    assert!(catalog.is_named(&sha256).await.unwrap());
}

async fn bytes_in_another_format_are_kept_until_a_build_names_them(catalog: &dyn Catalog) {
    let (zip, of_zip) = archive("afw", &[("a.data/scripts/x", b"one")]);
    let (wheel, of_wheel) = archive("afw", &[("bin/x", b"one")]);
    let wheel =
        StoredArchive { format: ArchiveFormat::Wheel, key: "archives/second".to_owned(), ..wheel };
    catalog.record_archive(&zip, &of_zip).await.unwrap();

    let second = catalog.record_archive(&wheel, &of_wheel).await.unwrap();

    assert_eq!(second, StoredArchive { key: zip.key.clone(), ..wheel.clone() });
    assert_eq!(catalog.contents(&zip.sums.sha256, None, 9).await.unwrap(), of_wheel.entries);
    let (mut of_before, digest) = build("afw", "1.0.0-b1", Some(&zip));
    of_before.tree = Some(zip.tree);
    let refused = catalog.record(&publication(&[(of_before, digest)]), &act()).await.unwrap();
    assert!(matches!(refused, Err(Refusal::ArchivesMissing { .. })), "it has another tree now");
    let afw = build("afw", "1.0.0-b1", Some(&wheel));
    catalog.record(&publication(&[afw]), &act()).await.unwrap().unwrap();
    assert_eq!(catalog.record_archive(&zip, &of_zip).await.unwrap(), second);
    assert_eq!(catalog.contents(&zip.sums.sha256, None, 9).await.unwrap(), of_wheel.entries);
}

async fn a_tag_moves_only_from_where_it_is_expected(catalog: &dyn Catalog) {
    publish_version(catalog, "1.0.0").await;
    publish_version(catalog, "2.0.0").await;
    let moved = |change: TagChange| async move {
        catalog.move_tag(&change, &act()).await.unwrap().map(|state| state.serial)
    };

    assert_eq!(moved(tag("1.0.0", Expected::Nowhere)).await, Ok(1));
    assert!(matches!(moved(tag("2.0.0", Expected::Nowhere)).await, Err(Refusal::TagMoved { .. })));
    assert_eq!(moved(tag("2.0.0", Expected::Serial(1))).await, Ok(2));
    // A replayed request moves nothing.
    assert!(matches!(
        moved(tag("2.0.0", Expected::Serial(1))).await,
        Err(Refusal::TagMoved { .. })
    ));
    assert_eq!(moved(tag("2.0.0", Expected::Anywhere)).await, Ok(2), "it stands there already");
    assert!(matches!(
        moved(tag("3.0.0", Expected::Anywhere)).await,
        Err(Refusal::NoSuchVersion { .. })
    ));
    let name = "lsst_distrib".parse().unwrap();
    let first = catalog.tags(&name, None, 1).await.unwrap();
    let after = first.next.as_ref().unwrap().parse().unwrap();
    let second = catalog.tags(&name, Some(after), 1).await.unwrap();
    assert_eq!(first.items.len(), 1);
    assert_eq!(first.items[0].version.to_string(), "2.0.0");
    let serials: Vec<u64> =
        first.history.iter().chain(&second.history).map(|state| state.serial).collect();
    assert_eq!((serials, second.next), (vec![2, 1], None));
}

async fn a_label_is_never_a_tag_and_a_version(catalog: &dyn Catalog) {
    publish_version(catalog, "1.0.0").await;
    catalog.move_tag(&tag("1.0.0", Expected::Anywhere), &act()).await.unwrap().unwrap();
    let afw = build("afw", "1.0.0-b1", None);
    let labelled = |label: &str| Publication {
        distribution: Some(distribution(label, &[&afw.0])),
        ..publication(std::slice::from_ref(&afw))
    };

    let version = catalog.record(&labelled("current"), &act()).await.unwrap();
    catalog.record(&labelled("weekly"), &act()).await.unwrap().unwrap();
    let weekly = TagChange { tag: "weekly".parse().unwrap(), ..tag("1.0.0", Expected::Anywhere) };
    let moved = catalog.move_tag(&weekly, &act()).await.unwrap();

    assert!(matches!(version, Err(Refusal::TagIsVersion { .. })));
    assert!(matches!(moved, Err(Refusal::TagIsVersion { .. })));
}

async fn distributions_are_found_by_version_tag_and_digest(catalog: &dyn Catalog) {
    let recorded = publish_version(catalog, "1.0.0").await;
    catalog.move_tag(&tag("1.0.0", Expected::Anywhere), &act()).await.unwrap().unwrap();
    let digest = recorded.distribution.unwrap().digest;
    let name = "lsst_distrib".parse().unwrap();
    let selectors = [
        DistributionSelector::Version("1.0.0".parse().unwrap()),
        DistributionSelector::Version("current".parse().unwrap()),
        DistributionSelector::Digest(digest),
    ];
    for selector in selectors {
        let found = catalog.distribution(&name, &selector).await.unwrap();
        assert_eq!(found.distributions.len(), 1, "{selector:?}");
        assert_eq!(found.distributions[0].digest, digest);
        assert_eq!(found.distributions[0].distribution.digest().unwrap(), digest);
    }
    let other = DistributionSelector::Version("2.0.0".parse().unwrap());
    assert!(catalog.distribution(&name, &other).await.unwrap().distributions.is_empty());
}

async fn holders_are_archives_trees_and_files_in_pages(catalog: &dyn Catalog) {
    let mut builds = Vec::new();
    for number in 0..5 {
        let name = format!("p{number}");
        let (stored, index) =
            archive(&name, &[("empty", b""), ("also/empty", b""), ("own", name.as_bytes())]);
        catalog.record_archive(&stored, &index).await.unwrap();
        builds.push(build(&name, "1.0.0-b1", Some(&stored)));
    }
    let first = builds[0].clone();
    let publication = Publication {
        distribution: Some(distribution("1.0.0", &[&first.0])),
        ..publication(&builds)
    };
    catalog.record(&publication, &act()).await.unwrap().unwrap();

    // The bytes of an archive are its name here, and so is the file `own` in it.
    let own = Checksum::Sha256(Sha256::of(b"p0"));
    let found = catalog.holders(&[own], 10).await.unwrap().remove(0);
    let kinds: Vec<HolderKind> = found.holders.iter().map(|holder| holder.kind).collect();
    assert_eq!(kinds, [HolderKind::Archive, HolderKind::File]);
    assert_eq!(found.holders[1].path.as_ref().unwrap().as_str(), "own");
    assert_eq!(found.holders[1].distributions[0].version.to_string(), "1.0.0");

    let empty = Checksum::Sha256(Sha256::of(b""));
    let mut paths = std::collections::BTreeSet::new();
    let mut next: Option<String> = None;
    loop {
        let page = catalog.holders_after(&empty, next.as_deref(), 3).await.unwrap();
        assert_eq!(page.total, 10);
        for holder in &page.holders {
            assert!(paths.insert((holder.product.clone(), holder.path.clone())), "seen once");
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(paths.len(), 10);
}

async fn lists_come_in_pages_that_leave_nothing_out(catalog: &dyn Catalog) {
    let builds: Vec<_> = (0..7).map(|n| build(&format!("p{n}"), "1.0.0-b1", None)).collect();
    catalog.record(&publication(&builds), &act()).await.unwrap().unwrap();

    let mut names = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = catalog.products(Some("P"), after.as_deref(), 3).await.unwrap();
        names.extend(page.items.into_iter().map(|product| product.name.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);

    let mut seqs = Vec::new();
    let mut after = None;
    loop {
        let page = catalog.builds(&BuildFilter::default(), after, 3).await.unwrap();
        seqs.extend(page.items.into_iter().map(|stored| stored.build.published.unwrap().seq));
        match page.next {
            Some(next) => after = Some(next.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(seqs, [7, 6, 5, 4, 3, 2, 1]);
}

async fn the_newest_build_is_the_highest_not_the_last(catalog: &dyn Catalog) {
    for name in ["1.0.0-b9", "1.0.0-b10", "1.0.0-b2", "0.9.0-b99"] {
        let one = publication(&[build("afw", name, None)]);
        catalog.record(&one, &act()).await.unwrap().unwrap();
    }
    let mut test = build("afw", "9.0.0-b1", None);
    test.0.test = true;
    test.1 = test.0.digest().unwrap();
    catalog.record(&publication(&[test]), &act()).await.unwrap().unwrap();

    let afw = catalog.product(&"afw".parse().unwrap()).await.unwrap().unwrap();

    assert_eq!(afw.summary.newest.unwrap().to_string(), "1.0.0-b10");
    assert_eq!(afw.summary.builds, 5);
}

async fn the_newest_is_the_same_where_ages_go_round(catalog: &dyn Catalog) {
    for name in ["1.0.0-b10", "1.0.0-x1", "1.0.0-b9"] {
        let one = publication(&[build("afw", name, None)]);
        catalog.record(&one, &act()).await.unwrap().unwrap();
    }

    let afw = catalog.product(&"afw".parse().unwrap()).await.unwrap().unwrap();

    assert_eq!(afw.summary.newest.unwrap().to_string(), "1.0.0-x1");
}

/// What `work` finds in one state of the catalog.
async fn in_one_state<T: Send + 'static>(
    catalog: &dyn Catalog,
    work: impl FnOnce(&dyn Candidates) -> Result<T, Error> + Send + 'static,
) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    let work = move |candidates: &dyn Candidates| sender.send(work(candidates)).unwrap();
    catalog.with_candidates(Box::new(work)).await.unwrap();
    receiver.recv().unwrap().unwrap()
}

/// All builds of `afw` as a resolution reads them, `at_once` at a time.
async fn newest(catalog: &dyn Catalog, asked: &'static str, at_once: usize) -> Vec<String> {
    in_one_state(catalog, move |candidates| {
        let asked: Option<Platform> = (!asked.is_empty()).then(|| asked.parse().unwrap());
        let mut newest = candidates.newest(&"afw".parse().unwrap(), asked.as_ref())?;
        let mut told = Vec::new();
        loop {
            let found = newest.next(at_once)?;
            assert!(found.len() <= at_once);
            if found.is_empty() {
                return Ok(told);
            }
            told.extend(found.into_iter().map(|one| format!("{} {}", one.name, one.platform)));
        }
    })
    .await
}

async fn candidates_come_newest_first_for_what_fits(catalog: &dyn Catalog) {
    let platforms = ["linux-x86_64", "linux-x86_64-el8", "linux-x86_64_v2", "macos-x86_64", "any"];
    for version in ["2.0.0", "10.0.0"] {
        for platform in platforms {
            let mut one = build("afw", &format!("{version}-b1"), None);
            one.0.platform = platform.parse().unwrap();
            one.1 = one.0.digest().unwrap();
            catalog.record(&publication(&[one]), &act()).await.unwrap().unwrap();
        }
    }

    for at_once in [1, 2, 100] {
        let own = ["10.0.0-b1 linux-x86_64", "10.0.0-b1 linux-x86_64-el8", "10.0.0-b1 any"];
        assert_eq!(newest(catalog, "linux-x86_64", at_once).await[..3], own);
        let variant = ["10.0.0-b1 linux-x86_64-el8", "10.0.0-b1 linux-x86_64", "10.0.0-b1 any"];
        assert_eq!(newest(catalog, "linux-x86_64-el8", at_once).await[..3], variant);
        let other = ["10.0.0-b1 linux-x86_64", "10.0.0-b1 any"];
        assert_eq!(newest(catalog, "linux-x86_64-el9", at_once).await[..2], other);
        let any = ["10.0.0-b1 any", "2.0.0-b1 any"];
        assert_eq!(newest(catalog, "any", at_once).await, any);
        assert_eq!(newest(catalog, "", at_once).await.len(), 10);
    }
}

async fn candidates_of_one_version_come_in_the_order_of_their_ids(catalog: &dyn Catalog) {
    let mut names = Vec::new();
    for number in 1..60 {
        // Some are published late under a low number, some ids do not count, some count among others.
        let id = match number % 7 {
            0 => format!("b{}", 500 - number),
            1 => format!("b{}", 20 + number),
            2 => format!("{}x", 100 - number),
            3 => format!("{number}a{}", 60 - number),
            _ => format!("b{}", 900 + number),
        };
        let version = if number % 20 == 0 { "2.0.0" } else { "1.0.0" };
        let name: BuildName = format!("{version}-{id}").parse().unwrap();
        let one = publication(&[build("afw", &name.to_string(), None)]);
        catalog.record(&one, &act()).await.unwrap().unwrap();
        names.push((name, "linux-x86_64", number));
    }
    // Some come once more for another platform, later and in another order.
    for at in 0..20_u8 {
        let name = names[usize::from(at) * 11 % 59].0.clone();
        let mut one = build("afw", &name.to_string(), None);
        one.0.platform = Platform::Any;
        one.1 = one.0.digest().unwrap();
        catalog.record(&publication(&[one]), &act()).await.unwrap().unwrap();
        names.push((name, "any", 60 + u64::from(at)));
    }
    let by_platform = |one: &(_, &str, _), two: &(_, &str, _)| two.1.cmp(one.1);
    newest_first(&mut names, |(name, _, seq)| (name.clone(), *seq), by_platform);
    let expected: Vec<String> =
        names.iter().map(|(name, platform, _)| format!("{name} {platform}")).collect();

    for at_once in [1, 4, 32, 1000] {
        assert_eq!(newest(catalog, "linux-x86_64", at_once).await, expected);
    }
    let afw = catalog.product(&"afw".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(afw.summary.newest.as_ref(), Some(&names[0].0));
}

async fn candidates_know_why_they_were_withdrawn_and_who_lists_them(catalog: &dyn Catalog) {
    let afw = build("afw", "1.0.0-b1", None);
    let publication = Publication {
        distribution: Some(distribution("1.0.0", &[&afw.0])),
        ..publication(std::slice::from_ref(&afw))
    };
    catalog.record(&publication, &act()).await.unwrap().unwrap();
    let said = StatementRequest {
        subject: afw.1,
        kind: StatementKind::Withdrawn,
        reason: "wrong flags".parse().unwrap(),
        replaced_by: Some("1.0.1-b2".parse().unwrap()),
    };
    catalog.state(&said, &act()).await.unwrap();

    let (found, lists) = in_one_state(catalog, |candidates| {
        let found = candidates.named(&"afw".parse().unwrap(), &"1.0.0-b1".parse().unwrap())?;
        let seq = found[0].seq;
        let lists = [Stage::Test, Stage::Weekly].map(|stage| candidates.listed_by(seq, stage));
        Ok((found, lists.map(Result::unwrap)))
    })
    .await;

    let withdrawn = found[0].withdrawn.clone().unwrap();
    assert_eq!((withdrawn.reason, withdrawn.replaced_by), (said.reason, said.replaced_by));
    assert_eq!(lists, [vec!["lsst_distrib".parse().unwrap()], Vec::new()]);
}

async fn a_withdrawn_build_says_so(catalog: &dyn Catalog) {
    let afw = build("afw", "1.0.0-b1", None);
    catalog.record(&publication(std::slice::from_ref(&afw)), &act()).await.unwrap().unwrap();
    let said = StatementRequest {
        subject: afw.1,
        kind: StatementKind::Withdrawn,
        reason: "wrong flags".parse().unwrap(),
        replaced_by: None,
    };

    let (first, first_is_new) = catalog.state(&said, &act()).await.unwrap();
    let (again, again_is_new) = catalog.state(&said, &act()).await.unwrap();
    let note = StatementRequest { kind: StatementKind::Note, ..said.clone() };
    catalog.state(&note, &act()).await.unwrap();

    assert_eq!((first_is_new, again_is_new), (true, false));
    assert_eq!(first, again, "the same is not said twice");
    assert_eq!(catalog.journal_head().await.unwrap().0, 3);
    let stored = catalog.builds_by_key(&[afw.0.key()]).await.unwrap().remove(0).unwrap();
    assert_eq!(stored.withdrawn.unwrap().reason.as_str(), "wrong flags");
    let page = catalog.statements(&afw.1, None, 1).await.unwrap();
    let rest = catalog.statements(&afw.1, Some(page.items[0].id), 9).await.unwrap();
    assert_eq!((&page.items[0].said, &rest.items[0].said), (&said, &note));
    assert!(page.next.is_some() && rest.next.is_none());
    assert_eq!(catalog.subjects(&afw.1).await.unwrap(), [Subject::Build(afw.0.key())]);
    assert!(catalog.subjects(&Digest::of(b"nothing")).await.unwrap().is_empty());
}

async fn tokens_are_kept_found_and_revoked(catalog: &dyn Catalog) {
    let token = StoredToken {
        name: "ci".parse().unwrap(),
        hash: Sha256::of(b"secret"),
        scopes: vec!["publish:*".to_owned()],
        test: true,
        created: act().at,
        expires: None,
        revoked: None,
        last_used: None,
    };
    assert!(catalog.create_token(&token).await.unwrap());
    assert!(!catalog.create_token(&token).await.unwrap(), "a name is taken once");
    catalog.note_token_use(&token.hash, &act().at).await.unwrap();
    let kept = catalog.token(&token.hash).await.unwrap().unwrap();
    assert_eq!(kept, StoredToken { last_used: Some(act().at), ..token.clone() });

    let revoked = catalog.revoke_token(&token.name, &act().at).await.unwrap().unwrap();

    assert_eq!(revoked.revoked, Some(act().at));
    assert!(!catalog.create_token(&token).await.unwrap(), "also by a revoked one");
    assert_eq!(catalog.revoke_token(&"x".parse().unwrap(), &act().at).await.unwrap(), None);
    assert_eq!(catalog.tokens().await.unwrap().len(), 1);
}

async fn uploads_begin_within_their_quota(catalog: &dyn Catalog) {
    let upload = |id: &str| Upload {
        id: id.to_owned(),
        token: Sha256::of(b"secret"),
        filename: "a.tar".to_owned(),
        sha256: Some(Sha256::of(b"a")),
        length: 60,
        offset: 0,
        created: act().at,
        expires: act().at,
    };
    let quota = UploadQuota { uploads: 10, bytes: 100 };

    assert_eq!(catalog.begin_upload(&upload("a"), quota).await.unwrap(), BeginUpload::Begun);
    assert_eq!(
        catalog.begin_upload(&upload("b"), quota).await.unwrap(),
        BeginUpload::OverQuota { uploads: 1, bytes: 60 }
    );
    catalog.advance_upload("a", 30).await.unwrap();
    assert_eq!(catalog.upload("a").await.unwrap().unwrap().offset, 30);
    assert_eq!(catalog.upload("b").await.unwrap(), None);
    catalog.end_upload("a").await.unwrap();
    assert!(catalog.uploads().await.unwrap().is_empty());
}

async fn the_journal_chains_and_knows_what_is_stored(catalog: &dyn Catalog) {
    publish_version(catalog, "1.0.0").await;
    catalog.move_tag(&tag("1.0.0", Expected::Anywhere), &act()).await.unwrap().unwrap();

    let rows = catalog.journal_unstored().await.unwrap();
    let entries: Vec<JournalEntry> =
        rows.iter().map(|row| serde_json::from_str(&row.document).unwrap()).collect();

    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(entries[0].previous, None);
    assert_eq!(entries[1].previous, Some(rows[0].digest));
    assert_eq!(Digest::of(rows[1].document.as_bytes()), rows[1].digest);
    catalog.journal_stored(1..2).await.unwrap();
    assert_eq!(catalog.journal_unstored().await.unwrap(), rows[1..]);
    assert_eq!(catalog.journal(1, 10).await.unwrap(), rows);
    assert_eq!(catalog.check().await.unwrap(), []);
}

async fn a_replayed_journal_gives_the_same_answers(first: &dyn Catalog, second: &dyn Catalog) {
    let (stored, index) = archive("afw", &[("a", b"one")]);
    first.record_archive(&stored, &index).await.unwrap();
    let afw = build("afw", "1.0.0-b1", Some(&stored));
    let publication = Publication {
        distribution: Some(distribution("1.0.0", &[&afw.0])),
        tags: vec![tag("1.0.0", Expected::Nowhere)],
        ..publication(std::slice::from_ref(&afw))
    };
    first.record(&publication, &act()).await.unwrap().unwrap();
    publish_version(first, "2.0.0").await;
    first.move_tag(&tag("2.0.0", Expected::Serial(1)), &act()).await.unwrap().unwrap();
    let declared = document("afw", serde_json::json!({"repositories": ["https://example.org/a"]}));
    first.declare(&declared, false, &act()).await.unwrap().unwrap();
    publish_entangled(first).await;

    second.record_archive(&stored, &index).await.unwrap();
    for row in first.journal(1, 10).await.unwrap() {
        second.replay(&serde_json::from_str(&row.document).unwrap(), &row).await.unwrap();
    }

    let name = "lsst_distrib".parse().unwrap();
    let all = BuildFilter::default();
    assert_eq!(
        first.builds(&all, None, 99).await.unwrap(),
        second.builds(&all, None, 99).await.unwrap()
    );
    assert_eq!(
        first.tags(&name, None, 9).await.unwrap(),
        second.tags(&name, None, 9).await.unwrap()
    );
    assert_eq!(
        first.distributions(None, None, None, 9).await.unwrap(),
        second.distributions(None, None, None, 9).await.unwrap()
    );
    for text in [None, Some("a")] {
        assert_eq!(
            first.products(text, None, 9).await.unwrap(),
            second.products(text, None, 9).await.unwrap()
        );
    }
    let noted = read_entangled(first).await;
    assert!(noted.iter().any(|line| line.contains("against: Some([")), "{noted:#?}");
    assert_eq!(noted, read_entangled(second).await);
    assert_eq!(second.product(&declared.name).await.unwrap().unwrap().document, Some(declared));
    assert_eq!(second.check().await.unwrap(), []);
    assert_eq!(first.journal_head().await.unwrap(), second.journal_head().await.unwrap());
    assert!(second.journal_unstored().await.unwrap().is_empty());
    // Numbers go on where they were.
    let after = publish_version(second, "3.0.0").await;
    assert_eq!(after.distribution.unwrap().published.seq, 11);
}

async fn of_many_at_once_with_one_key_one_wins(catalog: &dyn Catalog) {
    let mut archives = Vec::new();
    for number in 0..8 {
        let (stored, index) = archive(&format!("a{number}"), &[]);
        catalog.record_archive(&stored, &index).await.unwrap();
        archives.push(stored);
    }
    let publications: Vec<Publication> = archives
        .iter()
        .map(|stored| publication(&[build("afw", "1.0.0-b1", Some(stored))]))
        .collect();

    let act = act();
    let tries = publications.iter().map(|publication| catalog.record(publication, &act));
    let done = futures_util::future::join_all(tries).await;

    let won = done.iter().filter(|done| done.as_ref().unwrap().is_ok()).count();
    assert_eq!(won, 1);
}

macro_rules! promises {
    ($engine:ident, $fresh:expr, $($promise:ident),+ $(,)?) => {
        mod $engine {
            $(#[tokio::test]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                let catalog = ($fresh)(folder.path());
                super::$promise(&catalog).await;
            })+

            #[tokio::test]
            async fn a_replayed_journal_gives_the_same_answers() {
                let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
                let (first, second) = (($fresh)(folders.0.path()), ($fresh)(folders.1.path()));
                super::a_replayed_journal_gives_the_same_answers(&first, &second).await;
            }
        }
    };
}

promises!(
    sqlite,
    |folder: &std::path::Path| crate::catalog::Sqlite::open(&folder.join("catalog.sqlite"))
        .unwrap(),
    a_publication_is_seen_whole_and_again_is_existing,
    a_refused_publication_leaves_nothing,
    builds_without_their_archive_are_refused,
    twins_are_refused_unless_they_are_allowed,
    an_archive_is_kept_once_with_its_index,
    bytes_in_another_format_are_kept_until_a_build_names_them,
    a_tag_moves_only_from_where_it_is_expected,
    a_label_is_never_a_tag_and_a_version,
    distributions_are_found_by_version_tag_and_digest,
    holders_are_archives_trees_and_files_in_pages,
    lists_come_in_pages_that_leave_nothing_out,
    the_newest_build_is_the_highest_not_the_last,
    the_newest_is_the_same_where_ages_go_round,
    candidates_come_newest_first_for_what_fits,
    candidates_of_one_version_come_in_the_order_of_their_ids,
    candidates_know_why_they_were_withdrawn_and_who_lists_them,
    a_withdrawn_build_says_so,
    a_product_is_declared_whole_and_a_repository_once,
    where_products_are_not_made_by_builds_they_wait,
    products_are_found_by_all_that_is_known_of_them,
    dependants_are_those_that_the_version_will_do_for,
    builds_are_found_by_what_they_were_built_against,
    a_build_that_unpacks_to_the_same_is_told_as_the_first_that_does,
    however_many_wait_for_a_build_all_are_found_when_it_comes,
    all_that_were_built_against_a_build_for_any_platform_turn_to_their_own,
    which_of_several_builds_is_meant_does_not_depend_on_their_order,
    what_was_not_there_yet_is_noted_when_it_comes,
    tokens_are_kept_found_and_revoked,
    uploads_begin_within_their_quota,
    the_journal_chains_and_knows_what_is_stored,
    of_many_at_once_with_one_key_one_wins,
);
