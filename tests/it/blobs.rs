//! Bytes that come down: whole, in parts, and never other bytes than were published.

use larder_schema::Checksum;
use larder_schema::api::HaveAnswer;
use larder_server::config::Readers;
use larder_tests::noise::Noise;
use larder_tests::redact::redacted;
use larder_tests::{Answer, Http, Parcel, TestRegistry, build};
use reqwest::Method;
use serde_json::{Value, json};

fn path(parcel: &Parcel) -> String {
    format!("/api/v1/blobs/{}", parcel.archive())
}

async fn with(http: &Http, path: &str, header: &str, value: &str) -> Answer {
    http.send(http.request(Method::GET, path).header(header, value)).await
}

#[tokio::test]
async fn what_comes_down_says_what_it_is_and_is_never_shown_by_a_browser() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "17.0.1-b8466").file("lib/libafw.so", b"one")).await;

    let got = registry.anybody().get(&path(&afw)).await.expect(200);
    let head = registry.anybody().head(&path(&afw)).await.expect(200);
    let named = registry.anybody().get(&format!("{}/archive", afw.path())).await.expect(200);

    assert_eq!(got.body, afw.bytes());
    for answer in [&got, &head, &named] {
        assert_eq!(answer.header("etag"), format!("\"{}\"", afw.archive()));
        assert_eq!(answer.header("content-length"), afw.bytes().len().to_string());
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-encoding"), "");
        assert!(answer.header("cache-control").contains("immutable"));
        assert!(answer.header("content-disposition").starts_with("attachment"));
    }
    assert!(head.body.is_empty());
    assert_eq!(named.body, afw.bytes());
    assert!(named.header("content-disposition").contains(afw.name()));
}

#[tokio::test]
async fn a_range_is_exactly_those_bytes() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", &Noise::of(1).bytes(3_000)));
    let afw = afw.await;
    let (http, bytes, size) = (registry.anybody(), afw.bytes(), afw.bytes().len());
    let last = size - 1;
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=100-199", 100..200),
        ("bytes=1000-", 1_000..size),
        ("bytes=-7", size - 7..size),
        (&format!("bytes={last}-{last}"), last..size),
        ("bytes=0-999999999", 0..size),
    ] {
        let answer = with(&http, &path(&afw), "range", range).await.expect(206);

        assert_eq!(answer.body, &bytes[expected.clone()], "{range}");
        let told = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), told);
    }
    for not_obeyed in ["bytes=0-1,4-5", "lines=0-1", "bytes=5-2"] {
        let answer = with(&http, &path(&afw), "range", not_obeyed).await.expect(200);
        assert_eq!(answer.body, bytes, "{not_obeyed}");
    }
    let outside = with(&http, &path(&afw), "range", &format!("bytes={size}-")).await;
    assert_eq!(outside.problem().status, 416);
    assert_eq!(outside.header("content-range"), format!("bytes */{size}"));
}

#[tokio::test]
async fn a_download_that_was_cut_goes_on() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", &Noise::of(2).bytes(3_000)));
    let afw = afw.await;
    let http = registry.anybody();
    let etag = format!("\"{}\"", afw.archive());
    let go_on = |tag: &str| {
        http.request(Method::GET, &path(&afw))
            .header("range", "bytes=1000-")
            .header("if-range", tag)
    };

    let rest = http.send(go_on(&etag)).await.expect(206);
    let other = http.send(go_on("\"sha256:other\"")).await.expect(200);

    assert_eq!(rest.body, &afw.bytes()[1_000..]);
    assert_eq!(other.body, afw.bytes());
}

#[tokio::test]
async fn who_has_it_is_told_so() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    let etag = format!("\"{}\"", afw.archive());

    let same = with(&registry.anybody(), &path(&afw), "if-none-match", &etag).await;
    let other = with(&registry.anybody(), &path(&afw), "if-none-match", "\"x\"").await;

    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("etag"), etag);
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn what_no_build_names_is_not_there() {
    let registry = TestRegistry::start().await;
    let parcel = build("afw", "1.0.0-b1").file("a", b"a").pack();
    registry.upload_all(&[&parcel]).await;
    let tree = "tree:0000000000000000000000000000000000000000000000000000000000000000";

    for http in [registry.anybody(), registry.admin()] {
        let answer = http.get(&path(&parcel)).await;
        assert_eq!(answer.problem().status, 404);
        http.head(&path(&parcel)).await.expect(404);
    }
    let unknown = format!("/api/v1/blobs/sha256:{}", "0".repeat(64));
    assert_eq!(registry.anybody().get(&unknown).await.problem().status, 404);
    let no_archive = registry.anybody().get(&format!("/api/v1/blobs/{tree}")).await;
    assert!([400, 404].contains(&no_archive.problem().status));
    let malformed = registry.anybody().get("/api/v1/blobs/sha256:abc").await;
    assert_eq!(malformed.problem().status, 400);

    registry.publish_records(&registry.admin(), &[&parcel]).await.expect(200);
    assert_eq!(registry.fetch(parcel.archive()).await, parcel.bytes());
}

#[tokio::test]
async fn spoiled_bytes_never_come_as_a_whole_answer() {
    let mut registry = TestRegistry::start().await;
    registry.may_be_damaged();
    let file = Noise::of(3).bytes(2_000_000);
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", &file)).await;
    spoil(&registry, |bytes| bytes[1_000_000] ^= 1);

    let http = registry.anybody();
    let got = http.try_send(http.request(Method::GET, &path(&afw))).await;

    assert!(got.is_err(), "damaged bytes came as a whole answer");
    let report = registry.check().await;
    assert_eq!((report.ok, report.faults.len()), (false, 1));
    assert_eq!(report.faults[0].archive, Some(afw.sha256()));
}

#[tokio::test]
async fn bytes_that_are_cut_or_gone_are_known_before_the_headers() {
    let mut registry = TestRegistry::start().await;
    registry.may_be_damaged();
    let cut = registry.publish(build("cut", "1.0.0-b1").file("a", b"a")).await;
    spoil(&registry, Vec::clear);
    let gone = registry.publish(build("gone", "1.0.0-b1").file("b", b"b")).await;
    for kept in registry.kept() {
        if std::fs::metadata(&kept).unwrap().len() > 0 {
            std::fs::remove_file(kept).unwrap();
        }
    }

    for parcel in [&cut, &gone] {
        let answer = registry.anybody().get(&path(parcel)).await;

        let problem = answer.problem();
        assert_eq!(problem.status, 500);
        assert!(problem.fields.contains_key("request_id"));
        assert!(!answer.text().contains("archives/"), "{}", answer.text());
        registry.anybody().head(&path(parcel)).await.expect(500);
    }
    assert_eq!(registry.check().await.faults.len(), 2);
}

/// Changes the bytes of the one archive that is kept.
fn spoil(registry: &TestRegistry, change: impl FnOnce(&mut Vec<u8>)) {
    let [kept] = &registry.kept()[..] else { panic!("one archive is kept") };
    let mut bytes = std::fs::read(kept).unwrap();
    change(&mut bytes);
    std::fs::write(kept, bytes).unwrap();
}

#[tokio::test]
async fn lost_bytes_are_put_back_by_who_has_them() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    std::fs::remove_file(&registry.kept()[0]).unwrap();

    let refusal = registry.publish_records(&registry.admin(), &[&afw]).await.problem();
    registry.upload_all(&[&afw]).await;

    assert_eq!((refusal.status, refusal.fields["missing"].as_array().unwrap().len()), (409, 1));
    assert_eq!(registry.fetch(afw.archive()).await, afw.bytes());
}

#[tokio::test]
async fn one_request_tells_of_all_archives_which_are_held() {
    let registry = TestRegistry::start().await;
    let held = build("held", "1.0.0-b1").file("a", b"a").pack();
    let lacking = build("lacking", "1.0.0-b1").file("b", b"b").pack();
    registry.upload_all(&[&held]).await;
    let asked = [held.archive(), lacking.archive(), held.blake3(), lacking.blake3()];

    let answer = registry.admin().post("/api/v1/have", &json!({"checksums": asked})).await;

    let answer: HaveAnswer = answer.expect(200).json();
    assert_eq!(answer.held, [held.archive(), held.blake3()]);
    assert_eq!(answer.missing, [lacking.archive(), lacking.blake3()]);
    let too_many: Vec<Checksum> = vec![held.archive(); 10_001];
    let refusal = registry.admin().post("/api/v1/have", &json!({"checksums": too_many})).await;
    assert_eq!(refusal.problem().status, 413);
}

#[tokio::test]
async fn where_reading_needs_a_token_knowing_a_checksum_grants_nothing() {
    let registry = TestRegistry::start_with(|config| config.access.read = Readers::Token).await;
    let secret = registry.publish(build("secret", "1.0.0-b1").file("s", b"secret")).await;
    let open = registry.publish(build("open", "1.0.0-b1").file("o", b"open")).await;
    let reader = registry.holder("reader", &["read:open"]).await;

    registry.anybody().get(&path(&open)).await.expect(401);
    registry.anybody().get("/api/v1/builds").await.expect(401);
    let mine = reader.get(&path(&open)).await.expect(200);
    let hidden = reader.get(&path(&secret)).await.expect(404);
    let asked = json!({"checksums": [secret.archive(), open.archive()]});
    let have: HaveAnswer = reader.post("/api/v1/have", &asked).await.expect(200).json();
    let identified: Value = reader.post("/api/v1/identify", &asked).await.expect(200).json();
    let products = reader.all("/api/v1/products", 100).await;
    let builds = reader.all("/api/v1/builds", 100).await;

    assert!(mine.header("cache-control").starts_with("private"));
    let other = format!("/api/v1/blobs/sha256:{}", "0".repeat(64));
    let unknown = reader.get(&other).await;
    assert_eq!(redacted(&hidden.text()), redacted(&unknown.text()), "hidden is told from unknown");
    assert_eq!((have.held, have.missing), (vec![open.archive()], vec![secret.archive()]));
    assert_eq!(identified["unknown"], json!([secret.archive()]));
    assert_eq!((products.len(), builds.len()), (1, 1));
    let forbidden = reader.get(&secret.path()).await;
    assert!([403, 404].contains(&forbidden.problem().status));
}
