//! A token is told where it is made, and nowhere else ever again.

use std::path::{Path, PathBuf};

use larder_tests::process::{bare, program};
use larder_tests::{Larder, Ran, ServerProcess, build};

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let whole = |path: PathBuf| match path.is_dir() && !path.is_symlink() {
        true => all_files(&path),
        false => vec![path],
    };
    entries.flat_map(whole).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// What is looked for: the token, and the part of it that nobody could guess.
struct Canary(String);

impl Canary {
    fn is_in(&self, bytes: &[u8]) -> bool {
        let secret = self.0.trim_start_matches("larder_");
        holds(bytes, secret) || holds(bytes, &secret[..secret.len() / 2])
    }

    #[track_caller]
    fn is_not_told_by(&self, ran: &Ran) {
        assert!(!self.is_in(ran.stdout.as_bytes()), "{}", ran.all());
        assert!(!self.is_in(ran.stderr.as_bytes()), "{}", ran.all());
    }

    #[track_caller]
    fn is_in_no_file_of(&self, folder: &Path) {
        for path in all_files(folder) {
            let bytes = std::fs::read(&path).unwrap_or_default();
            assert!(!self.is_in(&bytes), "the token stands in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_token_stands_in_no_log_no_answer_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = folder.path().join("larder-server.toml");
    std::fs::write(&config, "[log]\nlevel = \"trace\"\n").unwrap();
    let mut server = ServerProcess::start_with(
        &data,
        &["--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()],
    );
    let create = ["token", "create", "--name", "ci", "--scope", "publish:*"];
    let scopes = ["--scope", "distribute:*", "--scope", "tag:*", "--scope", "withdraw:*"];
    let mut command = bare(program("larder-server"));
    let made = command.args(create).args(scopes).arg("--data").arg(&data).output().unwrap();
    let canary = Canary(Ran::of(made).expect(0).stdout.trim().to_owned());
    assert!(canary.0.len() > 20);

    let larder = Larder::new(server.origin(), Some(&canary.0));
    let parcel = build("afw", "1.0.0-b1").file("bin/a", b"a").pack();
    larder.write(parcel.name(), parcel.bytes());
    let publish = ["publish", parcel.name(), "--distribution", "stack@1.0.0", "--tag", "current"];
    let token = ["--token", canary.0.as_str()];
    let missing = build("log", "1.0.0-b1").needs("gone", "*").pack();
    larder.write(missing.name(), missing.bytes());
    for arguments in [
        &publish[..],
        &["publish", "gone-1.0.0-b1-any.tar"],
        &["publish", missing.name(), "--distribution", "half@1.0.0", "--depends", "gone@*"],
        &["install", "stack", "--prefix", "env", token[0], token[1]],
        &["install", "stack@9.9.9", "--prefix", "env", token[0], token[1]],
        &["install", "gone", "--prefix", "other", "--json"],
        &["tag", "set", "stack", "current", "9.9.9"],
        &["show", "gone"],
        &["status", "--prefix", "env", token[0], token[1]],
        &["status", "--prefix", "env", "--json"],
        &["run", "--prefix", "env", "--", "true"],
        &["--token", "larder_wrong", "tag", "set", "stack", "x", "1.0.0"],
        &["install", "--nonsense", token[0], token[1]],
    ] {
        canary.is_not_told_by(&larder.run(arguments));
    }
    let activated = larder.ok(["activate", "--prefix", "env"]);
    canary.is_not_told_by(&activated);
    // Sent where it does not belong, or in another shape, it is refused and not repeated.
    let http = larder_tests::Http::new(server.origin());
    let secret = &canary.0;
    for path in
        [format!("/api/v1/builds?product=x&token={secret}"), format!("/nowhere?token={secret}")]
    {
        http.get(&path).await;
    }
    for header in [format!("Basic {secret}"), format!("bearer  {secret} x"), secret.clone()] {
        let request = http.request(reqwest::Method::GET, "/api/v1/tokens");
        let answer = http.send(request.header("Authorization", header)).await;
        assert_eq!(answer.status, 401);
        assert!(!canary.is_in(&answer.body), "{}", answer.text());
    }
    server.terminate();
    assert!(server.log().contains("TRACE"), "the log tells all that it can");
    let unreachable = larder.run(["publish", parcel.name()]);
    canary.is_not_told_by(&unreachable);

    canary.is_in_no_file_of(folder.path());
    canary.is_in_no_file_of(larder.path(".").parent().unwrap());
    canary.is_in_no_file_of(&larder.store());
}
