//! Uploads by tus: cut, resumed, refused, and what is left of them.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use larder_schema::Sha256;
use larder_schema::archive::ArchiveFormat;
use larder_tests::data::test_data;
use larder_tests::noise::Noise;
use larder_tests::redact::redacted;
use larder_tests::tus::{UPLOADS, metadata};
use larder_tests::{Parcel, Proxy, TestRegistry, build, until};
use reqwest::Method;
use sha2::Digest as _;

/// A build whose archive has so many bytes, and some more.
fn of_size(bytes: usize) -> Parcel {
    let file = Noise::of(bytes as u64).bytes(bytes);
    build("afw", "1.0.0-b1").format(ArchiveFormat::Tar).file("lib/libafw.so", &file).pack()
}

/// Nothing of what came in was kept.
async fn demand_nothing_left(registry: &TestRegistry) {
    until("staging is empty", async || registry.staged().is_empty().then_some(())).await;
    assert_eq!(registry.kept(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn an_archive_goes_up_in_parts() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), of_size(100_000));
    let bytes = parcel.bytes();

    let location =
        http.begin_upload(parcel.name(), bytes.len() as u64, Some(&parcel.sha256())).await;
    let first = http.patch(&location, 0, &bytes[..40_000]).await.expect(204);
    let second = http.patch(&location, 40_000, &bytes[40_000..]).await.expect(204);

    assert_eq!(first.header("upload-offset"), "40000");
    assert_eq!(second.header("upload-offset"), bytes.len().to_string());
    assert_eq!(second.header("tus-resumable"), "1.0.0");
    registry.publish_records(&http, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, bytes);
    assert!(registry.staged().is_empty());
}

#[tokio::test]
async fn a_cut_upload_goes_on_from_its_true_offset() {
    let registry = TestRegistry::start().await;
    let proxy = Proxy::start(registry.origin()).await;
    let (http, parcel) = (registry.admin(), of_size(3_000_000));
    let (bytes, size) = (parcel.bytes(), parcel.bytes().len() as u64);
    let location = http.begin_upload(parcel.name(), size, Some(&parcel.sha256())).await;
    let through_proxy = format!("{}{location}", proxy.origin());

    proxy.cut_going_up(1_000_000, 1);
    let cut = http.try_send(http.part(&through_proxy, 0, bytes)).await;
    // What came before the cut may reach the server late; then the two answers differ.
    let stands = until("a wrong part is told where the upload stands", async || {
        let wrong = http.patch(&location, size, b"x").await;
        let stands = http.offset(&location).await;
        let told = wrong.status == 409 && wrong.header("upload-offset") == stands.to_string();
        told.then_some(stands)
    })
    .await;
    let done = until("the rest is taken from where the upload stands", async || {
        let stands = http.offset(&location).await;
        let sent = http.patch(&location, stands, &bytes[stands as usize..]).await;
        (sent.status == 204).then_some(sent)
    })
    .await;

    assert!(cut.is_err() && proxy.cuts() == 1);
    assert!(stands <= 1_000_000, "{stands} bytes are said to be there, which were never sent");
    assert_eq!(done.header("upload-offset"), size.to_string());
    registry.publish_records(&http, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, bytes);
}

#[tokio::test]
async fn a_connection_cut_ten_times_costs_only_what_was_under_way() {
    let registry = TestRegistry::start().await;
    let proxy = Proxy::start(registry.origin()).await;
    let (http, parcel) = (registry.admin(), of_size(8_000_000));
    let (bytes, size) = (parcel.bytes(), parcel.bytes().len() as u64);
    let location = http.begin_upload(parcel.name(), size, Some(&parcel.sha256())).await;
    let through_proxy = format!("{}{location}", proxy.origin());
    proxy.cut_going_up(700_000, 10);

    let mut rounds = 0;
    while registry.staged().len() == 1 {
        let stands = http.offset(&location).await;
        let part = http.part(&through_proxy, stands, &bytes[stands as usize..]);
        drop(http.try_send(part).await);
        rounds += 1;
        assert!(rounds < 40, "the upload does not get on: it stands at {stands}");
    }

    assert_eq!(proxy.cuts(), 10);
    registry.publish_records(&http, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, bytes);
}

#[tokio::test]
async fn who_asks_where_it_stands_takes_over_from_a_connection_that_hangs() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), of_size(200_000));
    let (bytes, size) = (parcel.bytes().to_owned(), parcel.bytes().len() as u64);
    let location = http.begin_upload(parcel.name(), size, Some(&parcel.sha256())).await;
    let body = hanging_body(bytes[..50_000].to_owned());
    let hangs = http.request(Method::PATCH, &location).header("Tus-Resumable", "1.0.0");
    let hangs = hangs
        .header("Upload-Offset", 0)
        .header("Content-Type", "application/offset+octet-stream")
        .body(body);
    let old = tokio::spawn({
        let http = http.clone();
        async move { http.try_send(hangs).await }
    });
    until("the first bytes have come", async || {
        let staged = registry.staged();
        std::fs::metadata(&staged[0]).is_ok_and(|found| found.len() >= 50_000).then_some(())
    })
    .await;

    let stands = http.offset(&location).await;
    http.patch(&location, stands, &bytes[stands as usize..]).await.expect(204);

    assert_eq!(stands, 50_000);
    let old = old.await.unwrap();
    assert!(old.is_err() || old.is_ok_and(|answer| answer.status == 423));
    registry.publish_records(&http, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, bytes);
}

/// A body that begins with `bytes` and never ends.
fn hanging_body(bytes: Vec<u8>) -> reqwest::Body {
    let begins = stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]);
    reqwest::Body::wrap_stream(begins.chain(stream::pending()))
}

#[tokio::test]
async fn a_wrong_sum_is_460_and_leaves_nothing() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), of_size(10_000));
    let promised = Sha256::of(b"something else");
    let location =
        http.begin_upload(parcel.name(), parcel.bytes().len() as u64, Some(&promised)).await;

    let refusal = http.patch(&location, 0, parcel.bytes()).await;

    let problem = refusal.problem();
    assert_eq!(problem.status, 460);
    assert_eq!(problem.fields["found"], parcel.sha256().to_string());
    insta::assert_snapshot!(redacted(&problem.detail));
    http.standing(&location).await.expect(404);
    demand_nothing_left(&registry).await;
}

#[tokio::test]
async fn a_part_with_a_wrong_sum_changes_nothing() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), of_size(10_000));
    let bytes = parcel.bytes();
    let sha1 = |bytes: &[u8]| format!("sha1 {}", STANDARD.encode(sha1::Sha1::digest(bytes)));
    let sha256 = |bytes: &[u8]| format!("sha256 {}", STANDARD.encode(sha2::Sha256::digest(bytes)));
    let location = http.begin_upload(parcel.name(), bytes.len() as u64, None).await;
    let part = async |offset: usize, end: usize, sum: String| {
        let part = http.part(&location, offset as u64, &bytes[offset..end]);
        http.send(part.header("Upload-Checksum", sum)).await
    };

    part(0, 4_000, sha1(&bytes[..4_000])).await.expect(204);
    let wrong = part(4_000, 8_000, sha1(b"other")).await;
    let wrong_too = part(4_000, 8_000, sha256(b"other")).await;
    let unknown = part(4_000, 8_000, "md5 abcd".to_owned()).await;

    assert_eq!((wrong.status, wrong_too.status, unknown.status), (460, 460, 400));
    assert_eq!(wrong.header("upload-offset"), "4000");
    assert_eq!(http.offset(&location).await, 4_000);
    part(4_000, bytes.len(), sha256(&bytes[4_000..])).await.expect(204);
    registry.publish_records(&http, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, bytes);
}

#[tokio::test]
async fn an_upload_is_not_there_for_another_token() {
    let registry = TestRegistry::start().await;
    let parcel = of_size(10_000);
    let one = registry.holder("one", &["publish:*"]).await;
    let two = registry.holder("two", &["publish:*"]).await;
    let location = one.begin_upload(parcel.name(), parcel.bytes().len() as u64, None).await;

    for other in [&two, &registry.admin()] {
        other.standing(&location).await.expect(404);
        other.patch(&location, 0, parcel.bytes()).await.expect(404);
        other.give_up(&location).await.expect(404);
    }
    registry.anybody().standing(&location).await.expect(401);
    registry.anybody().patch(&location, 0, parcel.bytes()).await.expect(401);

    one.patch(&location, 0, parcel.bytes()).await.expect(204);
    two.standing(&location).await.expect(404);
    two.patch(&location, 0, parcel.bytes()).await.expect(404);
}

#[tokio::test]
async fn an_upload_that_is_given_up_is_gone() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), of_size(10_000));
    let location = http.begin_upload(parcel.name(), parcel.bytes().len() as u64, None).await;
    http.patch(&location, 0, &parcel.bytes()[..5_000]).await.expect(204);

    http.give_up(&location).await.expect(204);

    http.standing(&location).await.expect(404);
    http.patch(&location, 5_000, &parcel.bytes()[5_000..]).await.expect(404);
    http.give_up(&location).await.expect(404);
    demand_nothing_left(&registry).await;
}

#[tokio::test]
async fn an_upload_expires() {
    let registry = TestRegistry::start_with(|config| config.limits.upload_seconds = 3_600).await;
    let (http, parcel) = (registry.admin(), of_size(10_000));
    let begun = http.ask_to_upload(parcel.name(), parcel.bytes().len() as u64, None).await;
    let location = begun.header("location").to_owned();
    assert!(begun.header("upload-expires").ends_with(" GMT"), "{:?}", begun.headers);

    registry.put_clock_forward(3_500);
    http.patch(&location, 0, &parcel.bytes()[..5_000]).await.expect(204);
    registry.put_clock_forward(200);

    http.standing(&location).await.expect(404);
    http.patch(&location, 5_000, &parcel.bytes()[5_000..]).await.expect(404);
}

#[tokio::test]
async fn what_nobody_finished_is_swept_at_the_next_start() {
    let mut registry = TestRegistry::start().await;
    let http = registry.admin();
    http.begin_upload("a.tar", 10, None).await;
    assert_eq!(registry.staged().len(), 1);
    registry.put_clock_forward(25 * 3_600);

    registry.restart_after(|data| std::fs::write(data.join("staging/stray"), b"x").unwrap()).await;

    demand_nothing_left(&registry).await;
}

#[tokio::test]
async fn an_upload_survives_a_restart_of_the_server() {
    let mut registry = TestRegistry::start().await;
    let parcel = of_size(50_000);
    let size = parcel.bytes().len() as u64;
    let location = registry.admin().begin_upload(parcel.name(), size, None).await;
    registry.admin().patch(&location, 0, &parcel.bytes()[..20_000]).await.expect(204);

    registry.restart_after(|_| {}).await;

    let http = registry.admin();
    assert_eq!(http.offset(&location).await, 20_000);
    http.patch(&location, 20_000, &parcel.bytes()[20_000..]).await.expect(204);
    registry.publish_records(&http, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, parcel.bytes());
}

#[tokio::test]
async fn an_upload_can_begin_with_bytes() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), of_size(10_000));
    let begin = |bytes: &[u8]| {
        http.request(Method::POST, UPLOADS)
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Length", parcel.bytes().len())
            .header("Upload-Metadata", metadata(parcel.name(), Some(&parcel.sha256())))
            .header("Content-Type", "application/offset+octet-stream")
            .body(bytes.to_owned())
    };

    let half = http.send(begin(&parcel.bytes()[..6_000])).await.expect(201);
    let whole = http.send(begin(parcel.bytes())).await.expect(201);

    assert_eq!(half.header("upload-offset"), "6000");
    assert_eq!(http.offset(half.header("location")).await, 6_000);
    assert_eq!(whole.header("upload-offset"), parcel.bytes().len().to_string());
    registry.publish_records(&http, &[&parcel]).await.expect(200);
}

#[tokio::test]
async fn the_last_part_sent_again_is_answered_as_before() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), of_size(10_000));
    let size = parcel.bytes().len() as u64;
    let location = http.begin_upload(parcel.name(), size, None).await;
    http.patch(&location, 0, parcel.bytes()).await.expect(204);

    // The client's connection broke before the answer came: it asks, and need not send.
    let stands = http.offset(&location).await;
    let again = http.patch(&location, size, b"").await.expect(204);

    assert_eq!((stands, again.header("upload-offset")), (size, size.to_string().as_str()));
}

#[tokio::test]
async fn more_bytes_than_were_announced_are_refused() {
    let registry = TestRegistry::start().await;
    let (http, parcel) = (registry.admin(), of_size(10_000));
    let location = http.begin_upload(parcel.name(), 5_000, None).await;

    let refusal = http.patch(&location, 0, parcel.bytes()).await;

    assert_eq!(refusal.problem().status, 413);
    assert!(registry.kept().is_empty());
}

#[tokio::test]
async fn bounds_on_uploads_are_told_as_bounds() {
    let registry = TestRegistry::start_with(|config| {
        config.limits.archive_bytes = 1_000;
        config.limits.uploads_per_token = 2;
        config.limits.upload_bytes_per_token = 1_500;
    })
    .await;
    let http = registry.admin();
    let begin = async |length: u64| http.ask_to_upload("a.tar", length, None).await;

    let too_large = begin(1_001).await.problem();
    let first = begin(1_000).await.expect(201);
    let too_many_bytes = begin(501).await.problem();
    begin(500).await.expect(201);
    let too_many = begin(0).await.problem();

    assert_eq!((too_large.status, too_many_bytes.status, too_many.status), (413, 429, 429));
    insta::assert_snapshot!([too_large.detail, too_many_bytes.detail, too_many.detail].join("\n"));
    assert_eq!(registry.staged().len(), 2);
    let other = registry.holder("other", &["publish:*"]).await;
    other.ask_to_upload("a.tar", 1_000, None).await.expect(201);
    http.give_up(first.header("location")).await.expect(204);
    begin(500).await.expect(201);
}

#[tokio::test]
async fn what_is_no_upload_is_refused_with_a_sentence() {
    let registry = TestRegistry::start().await;
    let http = registry.admin();
    let begin = |version: &str, length: &str, metadata: &str| {
        http.request(Method::POST, UPLOADS)
            .header("Tus-Resumable", version)
            .header("Upload-Length", length)
            .header("Upload-Metadata", metadata)
    };
    let named = |name: &str| metadata(name, None);
    let good = named("a.tar");
    let sum = format!("{good},sha256 {}", STANDARD.encode("abc"));
    let cases = [
        (412, begin("0.2.0", "1", &good)),
        (400, begin("1.0.0", "-1", &good)),
        (400, begin("1.0.0", "many", &good)),
        (400, begin("1.0.0", "1", "")),
        (400, begin("1.0.0", "1", "filename not*base64")),
        (400, begin("1.0.0", "1", &named("a.rpm"))),
        (400, begin("1.0.0", "1", &named("../a.tar"))),
        (400, begin("1.0.0", "1", &named(".tar"))),
        (400, begin("1.0.0", "1", &sum)),
        (400, begin("1.0.0", "1", &good).header("Upload-Defer-Length", "1")),
        (415, begin("1.0.0", "1", &good).header("Content-Type", "text/plain").body("x")),
    ];
    let mut sentences = Vec::new();
    for (status, request) in cases {
        let answer = http.send(request).await;

        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
        sentences.push(answer.problem().detail);
    }
    insta::assert_snapshot!(sentences.join("\n"));
    assert!(registry.staged().is_empty());
}

#[tokio::test]
async fn what_the_server_knows_of_tus_is_told_without_a_token() {
    let registry = TestRegistry::start().await;
    let anybody = registry.anybody();

    let told = anybody.send(anybody.request(Method::OPTIONS, UPLOADS)).await.expect(204);

    assert_eq!(told.header("tus-version"), "1.0.0");
    let extensions = "creation,creation-with-upload,termination,expiration,checksum";
    assert_eq!(told.header("tus-extension"), extensions);
    assert_eq!(told.header("tus-checksum-algorithm"), "sha1,sha256");
    assert_eq!(told.header("tus-max-size"), (32u64 << 30).to_string());
}

#[tokio::test]
async fn a_body_that_stops_is_given_up_and_what_came_is_kept() {
    let registry = TestRegistry::start_with(|config| config.limits.body_grace_seconds = 1).await;
    let (http, parcel) = (registry.admin(), of_size(100_000));
    let location = http.begin_upload(parcel.name(), parcel.bytes().len() as u64, None).await;
    let slow = http
        .request(Method::PATCH, &location)
        .header("Tus-Resumable", "1.0.0")
        .header("Upload-Offset", 0)
        .header("Content-Type", "application/offset+octet-stream")
        .body(hanging_body(parcel.bytes()[..30_000].to_owned()));

    let refusal = http.send(slow).await;

    assert_eq!(refusal.problem().status, 408);
    assert_eq!(refusal.header("upload-offset"), "30000");
    assert_eq!(http.offset(&location).await, 30_000);
}

#[tokio::test]
async fn a_stock_tus_client_uploads_and_resumes() {
    let Some(python) = test_data("venv/bin/python3") else { return };
    let registry = TestRegistry::start().await;
    let parcel = of_size(2_000_000);
    let file = registry.folder().join(parcel.name());
    std::fs::write(&file, parcel.bytes()).unwrap();
    let admin = registry.admin();
    let script = r#"
import sys
from tusclient import client

origin, token, path, name = sys.argv[1:]
tus = client.TusClient(origin + "/api/v1/uploads", headers={"Authorization": "Bearer " + token})
first = tus.uploader(path, chunk_size=300_000, metadata={"filename": name})
for _ in range(3):
    first.upload_chunk()
again = tus.uploader(path, chunk_size=300_000, url=first.url)
print(again.offset)
again.upload()
print(again.offset)
"#;

    let output = Command::new(python)
        .args(["-c", script, registry.origin(), admin.token().unwrap()])
        .arg(&file)
        .arg(parcel.name())
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().collect::<Vec<_>>(), ["900000", &parcel.bytes().len().to_string()]);
    registry.publish_records(&admin, &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, parcel.bytes());
}
