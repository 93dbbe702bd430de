//! One server to a data folder, and none that lets go of it too early.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;
use larder_tests::process::{bare, program};
use larder_tests::redact::redacted;
use larder_tests::{Ran, ServerProcess, TestRegistry, build, until};

fn files_of_the_catalog(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("catalog")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_server_that_has_stopped_has_closed_its_catalog() {
    let mut registry = TestRegistry::start().await;
    for at in 0..20 {
        registry.publish(build("afw", &format!("1.0.{at}-b1")).file("a", b"a")).await;
        let mut files = Vec::new();
        registry.restart_after(|data| files = files_of_the_catalog(data)).await;

        // An open catalog has its log and the log's index beside it.
        assert_eq!(files.len(), 1, "{files:?}");
    }
}

#[tokio::test]
async fn a_second_server_on_a_data_folder_is_refused() {
    let registry = TestRegistry::start().await;
    let mut second = bare(program("larder-server"));
    second.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(registry.data());

    let ran = Ran::of(second.output().unwrap()).expect(1);

    insta::assert_snapshot!(redacted(&ran.all()));
    registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
}

#[tokio::test]
async fn a_request_in_flight_is_finished_when_the_server_is_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start(&folder.path().join("data"));
    server.ready().await;
    let http = server.admin();
    let parcel = build("afw", "1.0.0-b1").file("a", &[1; 1_000]).pack();
    let size = parcel.bytes().len() as u64;
    let location = http.begin_upload(parcel.name(), size, Some(&parcel.sha256())).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = stream::unfold(receiver, async |mut receiver| {
        let part = receiver.recv().await?;
        Some((part, receiver))
    });
    let request = http
        .request(reqwest::Method::PATCH, &location)
        .header("Tus-Resumable", "1.0.0")
        .header("Upload-Offset", 0)
        .header("Content-Type", "application/offset+octet-stream")
        .body(reqwest::Body::wrap_stream(body));
    let answer = tokio::spawn({
        let http = http.clone();
        async move { http.try_send(request).await }
    });
    sender.send(Ok(Bytes::copy_from_slice(&parcel.bytes()[..40]))).await.unwrap();
    let staged = folder.path().join("data/staging");
    until("the first bytes have come", async || {
        let mut files = std::fs::read_dir(&staged).unwrap().flatten();
        files.any(|file| file.metadata().is_ok_and(|found| found.len() == 40)).then_some(())
    })
    .await;

    server.ask_to_end();
    until("it takes no new requests", async || {
        let asked = http.try_send(http.request(reqwest::Method::GET, "/healthz")).await;
        asked.is_err().then_some(())
    })
    .await;
    sender.send(Ok(Bytes::copy_from_slice(&parcel.bytes()[40..]))).await.unwrap();
    drop(sender);

    let answer = answer.await.unwrap().expect("the answer comes");
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert!(server.terminate().success(), "{}", server.log());
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_finishes_what_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start(&folder.path().join("data"));
    server.ready().await;
    let parcel = build("afw", "1.0.0-b1").file("a", &[1; 500_000]).pack();
    let http = server.admin();
    http.upload(parcel.name(), parcel.bytes()).await.expect(204);

    let status = server.terminate();

    assert!(status.success(), "{status}: {}", server.log());
    assert_eq!(files_of_the_catalog(&folder.path().join("data")).len(), 1);
    assert!(!folder.path().join("data/control.json").exists());
    let again = ServerProcess::start(&folder.path().join("data"));
    again.ready().await;
}

#[tokio::test]
async fn all_mistakes_in_the_settings_are_told_at_once_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("larder.toml");
    let text = "listen = 'nowhere'\ncolour = 'red'\n[limits]\nratio = 0\nentries = 'many'\n";
    std::fs::write(&settings, text).unwrap();
    let mut server = bare(program("larder-server"));
    server.args(["serve", "--config"]).arg(&settings).current_dir(folder.path());

    let ran = Ran::of(server.output().unwrap()).expect(1);

    insta::assert_snapshot!(redacted(&ran.all()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "it left something");
}
