//! One server to a data folder, and none that lets go of it too early.

use std::path::{Path, PathBuf};

use larder_tests::process::{bare, program};
use larder_tests::redact::redacted;
use larder_tests::{Ran, ServerProcess, TestRegistry, build};

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
