//! Small archives that come whole in the request that begins their upload.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use larder_schema::api::{CheckReport, HaveAnswer};
use larder_schema::archive::ArchiveFormat;
use larder_schema::{Checksum, Sha256};
use larder_tests::data::is_campaign;
use larder_tests::noise::Noise;
use larder_tests::{Http, Parcel, ServerProcess, TestRegistry, build, until};
use serde_json::json;
use sha2::Digest as _;

fn parcel(name: &str, bytes: &[u8]) -> Parcel {
    build("afw", name).format(ArchiveFormat::Tar).file("lib/libafw.so", bytes).pack()
}

/// A body that begins with `bytes` and never ends.
fn hanging_body(bytes: Vec<u8>) -> reqwest::Body {
    let begins = stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]);
    reqwest::Body::wrap_stream(begins.chain(stream::pending()))
}

fn demand_nothing_left(registry: &TestRegistry) {
    assert!(registry.staged().is_empty(), "{:?}", registry.staged());
    assert!(registry.kept().is_empty(), "{:?}", registry.kept());
}

#[tokio::test]
async fn what_came_whole_is_done_and_can_be_published() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), parcel("1.0.0-b1", b"one"));

    let sent = http.upload_at_once(parcel.name(), parcel.bytes()).await.expect(201);

    let length = parcel.bytes().len() as u64;
    assert_eq!(sent.header("upload-offset"), length.to_string());
    assert_eq!(http.offset(sent.header("location")).await, length);
    assert!(registry.staged().is_empty());
    registry.publish_records(&http, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, parcel.bytes());
}

#[tokio::test]
async fn what_is_too_large_for_memory_is_taken_all_the_same() {
    let registry = TestRegistry::start_with(|config| config.limits.upload_memory_bytes = 0).await;
    let (http, parcel) = (registry.admin(), parcel("1.0.0-b1", b"one"));

    let sent = http.upload_at_once(parcel.name(), parcel.bytes()).await.expect(201);

    assert_eq!(sent.header("upload-offset"), parcel.bytes().len().to_string());
    assert!(registry.staged().is_empty());
    registry.publish_records(&http, &[&parcel]).await.expect(200);
}

#[tokio::test]
async fn the_same_from_many_at_once_is_kept_once() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), parcel("1.0.0-b1", b"one"));
    let send = || http.upload_at_once(parcel.name(), parcel.bytes());

    let sent = futures_util::future::join_all((0..16).map(|_| send())).await;

    assert!(sent.iter().all(|answer| answer.status == 201), "{sent:?}");
    assert_eq!(registry.kept().len(), 1);
    registry.publish_records(&http, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, parcel.bytes());
}

#[tokio::test]
async fn bytes_that_the_disk_has_lost_come_back() {
    let registry = TestRegistry::start().await;
    let parcel = registry.publish(build("afw", "1.0.0-b1").file("lib/libafw.so", b"one")).await;
    std::fs::remove_file(&registry.kept()[0]).unwrap();

    registry.admin().upload_at_once(parcel.name(), parcel.bytes()).await.expect(201);

    assert_eq!(registry.fetch(parcel.archive()).await, parcel.bytes());
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), parcel("1.0.0-b1", b"one"));
    let (name, bytes) = (parcel.name(), parcel.bytes());
    let begin = |sum: Option<&Sha256>| http.beginning(name, bytes.len() as u64, sum);
    let other = Sha256::of(b"other");
    let part_sum = format!("sha256 {}", STANDARD.encode(sha2::Sha256::digest(b"other")));

    let wrong_sum = http.send(begin(Some(&other)).body(bytes.to_owned())).await;
    let part = begin(None).header("Upload-Checksum", part_sum).body(bytes.to_owned());
    let wrong_part = http.send(part).await;
    let too_many = http.send(http.beginning(name, 10, None).body(bytes.to_owned())).await;
    let no_archive = http.upload_at_once("a.tar", b"no archive at all").await;

    let statuses = [&wrong_sum, &wrong_part, &too_many, &no_archive].map(|answer| answer.status);
    assert_eq!(statuses, [460, 460, 413, 422]);
    demand_nothing_left(&registry);
}

#[tokio::test]
async fn a_body_that_stops_leaves_nothing_and_takes_no_place() {
    let registry = TestRegistry::start_with(|config| {
        config.limits.body_grace_seconds = 1;
        config.limits.uploads_per_token = 1;
    })
    .await;
    let (http, parcel) = (registry.admin(), parcel("1.0.0-b1", b"one"));
    let length = parcel.bytes().len() as u64;
    let slow = http.beginning(parcel.name(), length, None);
    let slow = slow.body(hanging_body(parcel.bytes()[..100].to_owned()));

    let refusal = http.send(slow).await;

    assert_eq!(refusal.problem().status, 408);
    demand_nothing_left(&registry);
    http.upload_at_once(parcel.name(), parcel.bytes()).await.expect(201);
}

#[tokio::test]
async fn as_many_come_at_once_as_a_token_may_have_under_way() {
    let registry = TestRegistry::start_with(|config| config.limits.uploads_per_token = 1).await;
    let (http, parcel) = (registry.admin(), parcel("1.0.0-b1", b"one"));
    let (name, bytes) = (parcel.name().to_owned(), parcel.bytes().to_owned());
    let old = tokio::spawn({
        let (http, name, bytes) = (http.clone(), name.clone(), bytes.clone());
        async move {
            // Who asks below may hold the place first: then this one is refused and comes again.
            loop {
                let hangs = http.beginning(&name, bytes.len() as u64, None);
                let hangs = hangs.body(hanging_body(bytes[..100].to_owned()));
                if !http.try_send(hangs).await.is_ok_and(|answer| answer.status == 429) {
                    break;
                }
            }
        }
    });

    let refusal = until("another is refused", async || {
        let answer = http.upload_at_once("b.tar", &bytes).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    let other = registry.holder("other", &["publish:*"]).await;
    other.upload_at_once(&name, &bytes).await.expect(201);
    old.abort();
    drop(old.await);

    assert_eq!(refusal.problem().status, 429);
}

/// Somebody who sends small archives and publishes them, one after the other, until the server is gone.
async fn publish_until_killed(http: Http, round: u64, who: u64) -> Vec<Parcel> {
    let mut acknowledged = Vec::new();
    for at in 0.. {
        let name = format!("1.{round}.{at}-b{who}");
        let made = build(&format!("p{who}"), &name).format(ArchiveFormat::Tar);
        let parcel = made.file("data", name.as_bytes()).pack();
        let sum = Sha256::of(parcel.bytes());
        let sent = http.beginning(parcel.name(), parcel.bytes().len() as u64, Some(&sum));
        let sent = http.try_send(sent.body(parcel.bytes().to_owned())).await;
        if !sent.is_ok_and(|answer| answer.status == 201) {
            break;
        }
        let records = http.request(reqwest::Method::POST, "/api/v1/builds");
        let records = records.json(&json!({"builds": [parcel.record()]}));
        let published = http.try_send(records).await;
        let was_published = published.is_ok_and(|answer| answer.status == 200);
        acknowledged.push(parcel);
        if !was_published {
            break;
        }
    }
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill_at_any_moment() {
    let mut noise = Noise::new();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = ServerProcess::start(&data);
    let rounds = if is_campaign() { 60 } else { 6 };
    let mut all = 0;
    for round in 0..rounds {
        server.ready().await;
        let http = server.admin();
        let senders: Vec<_> = (0..8)
            .map(|who| tokio::spawn(publish_until_killed(http.clone(), round, who)))
            .collect();
        // A random moment is what is looked for: there is no condition to wait for.
        tokio::time::sleep(Duration::from_millis(noise.below(400))).await;

        server.kill();

        let mut sent = Vec::new();
        for sender in senders {
            sent.push(sender.await.unwrap());
        }
        server = ServerProcess::start(&data);
        server.ready().await;
        let http = server.admin();
        for parcels in &sent {
            // All but the last were published: who sends stops at the first that is not.
            let published = &parcels[..parcels.len().saturating_sub(1)];
            for parcel in published {
                http.get(&parcel.path()).await.expect(200);
            }
            if let Some(last) = parcels.last() {
                let asked = json!({"checksums": [last.archive()]});
                let held: HaveAnswer = http.post("/api/v1/have", &asked).await.expect(200).json();
                assert_eq!(held.held, [Checksum::Sha256(last.sha256())], "{}", last.build());
            }
        }
        assert_eq!(std::fs::read_dir(data.join("staging")).unwrap().count(), 0);
        all += sent.iter().map(Vec::len).sum::<usize>();
    }
    let report: CheckReport =
        server.admin().post("/api/v1/check", &json!({})).await.expect(200).json();
    assert!(report.ok, "{:#?}", report.faults);
    assert!(all > 0, "nothing was acknowledged before any kill");
    eprintln!("{rounds} kills: {all} archives had been acknowledged");
}
