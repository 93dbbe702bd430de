//! A real server in the test's process, in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use larder_schema::api::CheckReport;
use larder_schema::{Checksum, Problem};
use larder_server::clock::{Clock, SystemClock};
use larder_server::config::Config;
use larder_server::{Running, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::builders::{BuildBuilder, DistributionBuilder, Parcel};
use crate::http::{Answer, Http};
use crate::process::admin_token;
use crate::runtime;

/// A server at a free port, gone when dropped.
///
/// When dropped it checks what must always hold: every row of the catalog has its bytes, and all
/// digests are those of what is there.
pub struct TestRegistry {
    folder: TempDir,
    config: Config,
    clock: Arc<MovableClock>,
    running: Option<Running>,
    http: Http,
    must_be_sound: bool,
}

/// The machine's clock, which can be put forward.
#[derive(Debug, Default)]
struct MovableClock {
    ahead_seconds: AtomicI64,
}

impl Clock for MovableClock {
    fn now(&self) -> jiff::Timestamp {
        let ahead = self.ahead_seconds.load(Ordering::SeqCst);
        SystemClock.now() + jiff::SignedDuration::from_secs(ahead)
    }
}

impl TestRegistry {
    /// A server with the settings that everybody has.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data: folder.path().join("data"), ..Config::default() };
        config.listen = "127.0.0.1:0".to_owned();
        config.http.workers = 2;
        config.limits.stop_seconds = 2;
        change(&mut config);
        let clock = Arc::new(MovableClock::default());
        let running = serve(&config, &clock).await;
        let http = speaker(&running, &config);
        Self { folder, config, clock, running: Some(running), http, must_be_sound: true }
    }

    /// Stops the server, lets `change` do something to its folder, and starts it again.
    pub async fn restart_after(&mut self, change: impl FnOnce(&Path)) {
        self.stop().await;
        change(&self.config.data);
        let running = serve(&self.config, &self.clock).await;
        self.http = speaker(&running, &self.config);
        self.running = Some(running);
    }

    /// Puts the server's clock forward.
    pub fn put_clock_forward(&self, seconds: i64) {
        self.clock.ahead_seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            runtime().spawn(running.stop()).await.unwrap().unwrap();
        }
    }

    /// Speaks as an admin.
    pub fn admin(&self) -> Http {
        self.http.clone()
    }

    /// Speaks without a token.
    pub fn anybody(&self) -> Http {
        self.http.without_token()
    }

    /// Speaks with a new token that has these scopes.
    pub async fn holder(&self, name: &str, scopes: &[&str]) -> Http {
        let answer = self.make_token(json!({"name": name, "scopes": scopes})).await.expect(201);
        let answer: Value = answer.json();
        self.http.with_token(answer["token"].as_str().unwrap())
    }

    /// Asks for a token.
    pub async fn make_token(&self, request: Value) -> Answer {
        self.http.post("/api/v1/tokens", &request).await
    }

    /// Where it is: `http://127.0.0.1:8080`.
    pub fn origin(&self) -> &str {
        self.http.origin()
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.config.data.clone()
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The files of uploads that are under way.
    pub fn staged(&self) -> Vec<PathBuf> {
        files_below(&self.data().join("staging"))
    }

    /// The files of archives that are kept.
    pub fn kept(&self) -> Vec<PathBuf> {
        self.kept_in("archives")
    }

    /// The files in a folder of the blob store.
    pub fn kept_in(&self, folder: &str) -> Vec<PathBuf> {
        files_below(&self.data().join("blobs").join(folder))
    }

    /// What a counter of `/metrics` stands at; 0 when it was never counted.
    pub async fn counted(&self, counter: &str) -> u64 {
        let text = self.anybody().get("/metrics").await.expect(200).text();
        let line = text.lines().find_map(|line| line.strip_prefix(counter)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse::<f64>().unwrap() as u64)
    }

    /// A folder beside the data folder, for what a test needs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Publishes one build, archive first.
    pub async fn publish(&self, build: BuildBuilder) -> Parcel {
        let parcel = build.pack();
        self.publish_all(&[&parcel]).await;
        parcel
    }

    /// Publishes builds together, their archives first.
    pub async fn publish_all(&self, parcels: &[&Parcel]) -> Value {
        self.upload_all(parcels).await;
        self.publish_records(&self.http, parcels).await.expect(200).json()
    }

    /// Publishes one build that is refused; answers why.
    pub async fn try_publish(&self, build: BuildBuilder) -> Problem {
        let parcel = build.pack();
        self.upload_all(&[&parcel]).await;
        self.publish_records(&self.http, &[&parcel]).await.problem()
    }

    /// Publishes a distribution of builds that are there.
    pub async fn distribute(&self, distribution: &DistributionBuilder) -> Value {
        self.offer(distribution).await.expect(200).json()
    }

    /// Offers a distribution.
    pub async fn offer(&self, distribution: &DistributionBuilder) -> Answer {
        self.http.post("/api/v1/distributions", &distribution.document()).await
    }

    /// Sends archives.
    pub async fn upload_all(&self, parcels: &[&Parcel]) {
        for parcel in parcels.iter().filter(|parcel| parcel.has_archive()) {
            self.http.upload(parcel.name(), parcel.bytes()).await.expect(204);
        }
    }

    /// Sends the records of builds.
    pub async fn publish_records(&self, http: &Http, parcels: &[&Parcel]) -> Answer {
        let records: Vec<&Value> = parcels.iter().map(|parcel| parcel.record()).collect();
        http.post("/api/v1/builds", &json!({"builds": records})).await
    }

    /// The bytes under a checksum.
    pub async fn fetch(&self, checksum: Checksum) -> Vec<u8> {
        self.anybody().get(&format!("/api/v1/blobs/{checksum}")).await.expect(200).body.to_vec()
    }

    /// Computes everything again from bytes.
    pub async fn check(&self) -> CheckReport {
        self.http.post("/api/v1/check", &json!({})).await.expect(200).json()
    }

    /// For a test that damages what the server has: dropping it looks for no damage.
    pub fn may_be_damaged(&mut self) {
        self.must_be_sound = false;
    }
}

async fn serve(config: &Config, clock: &Arc<MovableClock>) -> Running {
    let (config, clock) = (config.clone(), Arc::clone(clock) as Arc<dyn Clock>);
    let started = runtime().spawn(Server::start_at(config, clock)).await.unwrap();
    started.expect("the server starts")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn speaker(running: &Running, config: &Config) -> Http {
    Http::new(format!("http://{}", running.address())).with_token(admin_token(&config.data))
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let (http, looks) = (self.http.clone(), self.must_be_sound && !std::thread::panicking());
        let (sender, receiver) = mpsc::channel();
        runtime().spawn(async move {
            let report = if looks {
                Some(http.post("/api/v1/check", &json!({})).await.json::<CheckReport>())
            } else {
                None
            };
            drop(running.stop().await);
            drop(sender.send(report));
        });
        let ended = receiver.recv_timeout(Duration::from_secs(60));
        if !std::thread::panicking() {
            let report = ended.expect("the server can be checked and stopped");
            let faults = report.map(|report| report.faults).unwrap_or_default();
            assert!(faults.is_empty(), "the registry is not sound any more: {faults:#?}");
        }
    }
}
