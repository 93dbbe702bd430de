//! The client remembers what servers said: one that goes back is found out.

use std::path::Path;

use larder_tests::redact::redacted;
use larder_tests::{Larder, Proxy, Ran, TestRegistry, build, distribution};
use serde_json::json;

/// A server behind an address that stays, and somebody who uses it.
struct Watched {
    registry: TestRegistry,
    proxy: Proxy,
    larder: Larder,
}

impl Watched {
    async fn start() -> Self {
        let registry = TestRegistry::start().await;
        let proxy = Proxy::start(registry.origin()).await;
        let larder = Larder::new(proxy.origin(), None);
        Self { registry, proxy, larder }
    }

    /// Publishes a version of `apps`, and lets the tag `current` name it.
    async fn publish(&self, version: &str, tag: bool) {
        let name = format!("{version}-b1");
        let afw = self.registry.publish(build("afw", &name).file("a", name.as_bytes())).await;
        self.registry.distribute(&distribution("apps", version).of([&afw])).await;
        if tag {
            let moved = json!({"version": version});
            self.registry.admin().put("/api/v1/tags/apps/current", &moved).await.expect(200);
        }
    }

    /// Stops the server, changes its folder, and starts it behind the same address.
    async fn restart_after(&mut self, change: impl FnOnce(&Path)) {
        self.registry.restart_after(change).await;
        self.proxy.lead_to(self.registry.origin());
    }

    /// An older copy of the server's folder is put in its place.
    async fn set_back_to(&mut self, copy: &Path) {
        self.restart_after(|data| {
            std::fs::remove_dir_all(data).unwrap();
            copy_folder(copy, data);
        })
        .await;
    }

    fn shows(&self, target: &str) -> Ran {
        self.larder.run(["dist", "show", target, "--json"])
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

#[tokio::test]
async fn a_server_that_was_set_back_is_refused_until_somebody_accepts_it() {
    let mut watched = Watched::start().await;
    watched.publish("1.0.1", true).await;
    let copy = watched.registry.folder().join("copy");
    let kept = copy.clone();
    watched.restart_after(|data| copy_folder(data, &kept)).await;
    watched.publish("1.0.2", true).await;
    watched.larder.ok(["install", "apps", "--prefix", "env"]);
    watched.set_back_to(&copy).await;

    let shown = watched.larder.run(["dist", "show", "apps@current"]).expect(3);
    let installed = watched.larder.run(["install", "apps", "--prefix", "env"]).expect(3);
    let differs = watched.larder.run(["dist", "diff", "apps@1.0.1", "apps@current"]).expect(3);
    let exact = watched.larder.run(["install", "apps@1.0.1", "--prefix", "other"]).expect(0);
    let stranger = Larder::new(watched.proxy.origin(), None);
    stranger.ok(["dist", "show", "apps@current"]);
    let accepted =
        watched.larder.ok(["--accept-rollback", "install", "apps", "--prefix", "env", "--json"]);
    watched.shows("apps@current").expect(0);

    insta::assert_snapshot!(redacted(&shown.all()));
    assert!(installed.stderr.contains("serial 2"), "{}", installed.all());
    assert!(differs.stderr.contains("serial 2"), "{}", differs.all());
    assert!(exact.stdout.contains("apps@1.0.1"), "{}", exact.all());
    assert!(accepted.stdout.contains("1.0.1-b1"), "{}", accepted.all());
}

#[tokio::test]
async fn a_server_that_says_something_else_under_a_name_is_refused() {
    let mut watched = Watched::start().await;
    watched.publish("1.0.1", true).await;
    watched.larder.ok(["install", "apps@1.0.1", "--prefix", "env"]);
    watched.restart_after(|data| std::fs::remove_dir_all(data).unwrap()).await;
    let other = watched.registry.publish(build("log", "1.0.0-b1").file("l", b"l")).await;
    watched.registry.distribute(&distribution("apps", "1.0.1").of([&other])).await;

    let refused = watched.larder.run(["install", "apps@1.0.1", "--prefix", "env"]).expect(3);
    let untagged = watched.larder.run(["dist", "show", "apps"]);
    let fully = watched.larder.run(["verify", "--full", "--prefix", "env"]).expect(3);

    insta::assert_snapshot!(redacted(&refused.all()));
    // Nobody asked for the tag before, so that its absence says nothing; its version does.
    assert_eq!(untagged.code, Some(3), "{}", untagged.all());
    assert!(fully.stderr.contains("there is no apps sha256:"), "{}", fully.all());
    watched.larder.ok(["verify", "--prefix", "env"]);
}

#[tokio::test]
async fn a_product_does_not_go_back_to_an_older_build_because_the_newer_one_is_gone() {
    let mut watched = Watched::start().await;
    watched.publish("1.0.1", false).await;
    let copy = watched.registry.folder().join("copy");
    let kept = copy.clone();
    watched.restart_after(|data| copy_folder(data, &kept)).await;
    watched.publish("1.0.2", false).await;
    watched.larder.ok(["install", "pkg:afw", "--prefix", "env"]);
    watched.set_back_to(&copy).await;
    let update = ["update", "--prefix", "env"];

    let refused = watched.larder.run(update).expect(3);
    let accepted = watched.larder.ok([&update[..], &["--accept-rollback"]].concat());

    assert!(refused.stderr.contains("does not know `afw@1.0.2-b1"), "{}", refused.all());
    assert!(accepted.stdout.contains("1.0.2-b1 → 1.0.1-b1"), "{}", accepted.all());
}

#[tokio::test]
async fn a_tag_and_a_release_that_are_gone_are_missed() {
    let mut watched = Watched::start().await;
    watched.publish("1.0.1", false).await;
    let copy = watched.registry.folder().join("copy");
    let kept = copy.clone();
    watched.restart_after(|data| copy_folder(data, &kept)).await;
    watched.publish("1.0.2", false).await;
    watched.shows("apps").expect(0);
    watched.set_back_to(&copy).await;
    let release = watched.shows("apps").expect(3);
    let accepted = watched.larder.run(["dist", "show", "apps", "--accept-rollback"]).expect(0);
    let accepted_for_good = watched.shows("apps").expect(0);
    watched.publish("1.0.3", true).await;
    watched.shows("apps").expect(0);
    watched.set_back_to(&copy).await;

    let tag = watched.shows("apps").expect(3);

    assert!(release.stderr.contains("does not know `apps@1.0.2"), "{}", release.all());
    for accepted in [accepted, accepted_for_good] {
        assert!(accepted.stdout.contains("1.0.1-b1"), "{}", accepted.all());
    }
    assert!(tag.stderr.contains("does not know `apps@current`"), "{}", tag.all());
}
