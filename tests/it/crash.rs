//! Killed at any moment: never a part visible, nothing acknowledged lost, ready at once again.
//!
//! The moment is when so many bytes went up, or a little after the call that publishes: what a
//! random sleep would hit seldom is hit often.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use larder_schema::api::CheckReport;
use larder_schema::archive::ArchiveFormat;
use larder_tests::data::is_campaign;
use larder_tests::noise::Noise;
use larder_tests::wait::until_blocking;
use larder_tests::{Http, Larder, Parcel, Proxy, ServerProcess, build};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How soon a killed server must be ready again.
const READY: Duration = Duration::from_secs(2);
/// The most that a client may send again after it was killed: one part.
const PART: u64 = 64 << 20;

/// How often the moment is chosen.
fn rounds() -> u64 {
    if is_campaign() { 100 } else { 10 }
}

/// A closure of builds of different sizes, as files of their own with records beside them.
struct Closure {
    parcels: Vec<Parcel>,
    bytes: u64,
}

impl Closure {
    /// Another one for each round: nothing of it is there already.
    fn of(round: u64, noise: &mut Noise) -> Self {
        let sizes = [300, 5_000, 70_000, 200_000, 1_000_000, 3_000_000, 12, 40_000];
        let parcels: Vec<Parcel> = sizes
            .iter()
            .enumerate()
            .map(|(at, size)| {
                let made = build(&format!("p{at}"), &format!("1.0.{round}-b1"));
                let made = made.format(ArchiveFormat::Tar).file("data", &noise.bytes(*size));
                let made = made.file("empty", b"");
                let below = format!("p{}", at.saturating_sub(1));
                let made = if at == 0 { made } else { made.needs(&below, "^1.0") };
                made.pack()
            })
            .collect();
        let bytes = parcels.iter().map(|parcel| parcel.bytes().len() as u64).sum();
        Self { parcels, bytes }
    }

    /// Writes the files for `larder publish`, in a folder of the client's.
    fn write(&self, larder: &Larder, folder: &str) {
        for parcel in &self.parcels {
            larder.write(&format!("{folder}/{}", parcel.name()), parcel.bytes());
            let record = serde_json::to_vec(parcel.record()).unwrap();
            larder.write(&format!("{folder}/{}.json", parcel.name()), &record);
        }
    }

    /// All or nothing is there; answers whether it is all.
    async fn is_whole(&self, http: &Http, version: &str) -> bool {
        let listed = format!("/api/v1/builds?version={version}");
        let path = format!("/api/v1/distributions/closure/{version}");
        loop {
            let before = http.get(&path).await.status == 200;
            let builds: Value = http.read(&listed).await;
            let count = builds["items"].as_array().unwrap().len();
            let is_there = http.get(&path).await.status == 200;
            // A publish whose client is gone may be done between two questions.
            if before == is_there {
                let whole = if is_there { self.parcels.len() } else { 0 };
                assert_eq!(count, whole, "a part of {version} is visible");
                return is_there;
            }
            assert!([0, self.parcels.len()].contains(&count), "{count} builds of {version}");
        }
    }
}

/// A server that is killed, on one data folder.
struct Victim {
    folder: TempDir,
    server: Option<ServerProcess>,
    proxy: Proxy,
}

impl Victim {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = ServerProcess::start(&folder.path().join("data"));
        server.ready().await;
        let proxy = Proxy::start(server.address()).await;
        Self { folder, server: Some(server), proxy }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn server(&self) -> &ServerProcess {
        self.server.as_ref().unwrap()
    }

    /// Kills the server and starts it again; answers how long it took to be ready.
    async fn kill(&mut self) -> Duration {
        self.server.take().unwrap().kill();
        self.proxy.cut();
        let began = Instant::now();
        let server = ServerProcess::start(&self.data());
        server.ready().await;
        let took = began.elapsed();
        self.proxy.lead_to(server.address());
        self.server = Some(server);
        took
    }

    fn larder(&self) -> Larder {
        Larder::new(self.proxy.origin(), Some(&self.server().admin_token()))
    }

    async fn check(&self) -> CheckReport {
        self.server().admin().post("/api/v1/check", &json!({})).await.expect(200).json()
    }
}

fn publish(larder: &Larder, folder: &str, version: &str) -> Child {
    let distribution = format!("closure@{version}");
    let mut command = larder.command(["publish", folder, "--tag", "current"]);
    command.args(["--distribution", &distribution]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// When to kill.
#[derive(Debug)]
enum Moment {
    /// When so many more bytes went by.
    Bytes(u64),
    /// So long after the call that publishes.
    Publishing(Duration),
}

impl Moment {
    fn choose(noise: &mut Noise, bytes: u64) -> Self {
        if noise.below(3) == 0 {
            Self::Publishing(Duration::from_micros(noise.below(60_000)))
        } else {
            Self::Bytes(noise.below(bytes + bytes / 20))
        }
    }

    /// Waits for it, or for the end of the client.
    fn wait(&self, proxy: &Proxy, client: &mut Child, calls_before: usize, up_before: u64) {
        until_blocking("the moment has come", || {
            let ended = client.try_wait().unwrap().is_some();
            let come = match self {
                Self::Bytes(bytes) => proxy.up() >= up_before + bytes,
                Self::Publishing(_) => proxy.requests("POST /api/v1/builds ") > calls_before,
            };
            (ended || come).then_some(())
        });
        if let Self::Publishing(after) = self {
            // A random moment is what is looked for: there is no condition to wait for.
            std::thread::sleep(*after);
        }
    }
}

#[tokio::test]
async fn a_server_killed_at_any_moment_shows_no_part_and_loses_nothing() {
    let mut noise = Noise::new();
    let mut victim = Victim::start().await;
    let larder = victim.larder();
    let (mut whole_before, mut slowest, mut acknowledged) = (0, Duration::ZERO, Vec::new());
    for round in 0..rounds() {
        let version = format!("1.0.{round}");
        let closure = Closure::of(round, &mut noise);
        closure.write(&larder, &version);
        let moment = Moment::choose(&mut noise, closure.bytes);
        let (calls, up) = (victim.proxy.requests("POST /api/v1/builds "), victim.proxy.up());
        let mut client = publish(&larder, &version, &version);
        moment.wait(&victim.proxy, &mut client, calls, up);

        let took = victim.kill().await;

        let http = victim.server().admin();
        let was_told = client.try_wait().unwrap().is_some_and(|status| status.success());
        let is_whole = closure.is_whole(&http, &version).await;
        assert!(is_whole || !was_told, "{moment:?}: {version} was acknowledged and is gone");
        // The client tries again by itself, and the server is there again.
        let ended = client.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{moment:?}: {said}");
        assert!(closure.is_whole(&http, &version).await, "{moment:?}: {version} is not there");
        assert!(took < READY, "{moment:?}: the server was ready after {took:?}");
        (whole_before, slowest) = (whole_before + u32::from(is_whole), slowest.max(took));
        acknowledged.push((version, closure));
    }
    let http = victim.server().admin();
    for (version, closure) in &acknowledged {
        assert!(closure.is_whole(&http, version).await, "{version} was lost later");
    }
    let report = victim.check().await;
    assert!(report.ok, "{:#?}", report.faults);
    let builds: u64 = acknowledged.iter().map(|(_, closure)| closure.parcels.len() as u64).sum();
    assert_eq!(report.archives, builds, "an archive is there that nobody published, or twice");
    eprintln!(
        "{} kills: {whole_before} after the publish was done; ready again after {slowest:?} at most",
        rounds()
    );
}

#[tokio::test]
async fn a_client_killed_at_any_moment_is_completed_by_the_next_run() {
    let mut noise = Noise::new();
    let victim = Victim::start().await;
    let http = victim.server().admin();
    let mut most_again = 0;
    for round in 0..rounds() {
        let larder = victim.larder();
        let version = format!("1.0.{round}");
        let closure = Closure::of(round, &mut noise);
        closure.write(&larder, &version);
        let moment = Moment::choose(&mut noise, closure.bytes);
        let (calls, up) = (victim.proxy.requests("POST /api/v1/builds "), victim.proxy.up());
        let mut client = publish(&larder, &version, &version);
        moment.wait(&victim.proxy, &mut client, calls, up);
        drop(client.kill());
        client.wait().unwrap();
        closure.is_whole(&http, &version).await;

        let ended = publish(&larder, &version, &version).wait_with_output().unwrap();

        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{moment:?}: {said}");
        assert!(closure.is_whole(&http, &version).await, "{moment:?}");
        let sent = victim.proxy.up() - up;
        let again = sent.saturating_sub(closure.bytes);
        assert!(again < PART, "{moment:?}: {again} bytes were sent again");
        most_again = most_again.max(again);
    }
    let report = victim.check().await;
    assert!(report.ok, "{:#?}", report.faults);
    // Four archives are under way at once, with their heads and documents around them: what was
    // acknowledged is never sent again, however small the parts are.
    assert!(most_again < 4_500_000, "{most_again} bytes were sent again");
    eprintln!("{} kills: at most {most_again} bytes were sent again", rounds());
}

#[tokio::test]
async fn a_client_whose_connection_is_cut_ten_times_publishes_all_the_same() {
    let mut noise = Noise::new();
    let victim = Victim::start().await;
    let larder = victim.larder();
    let closure = Closure::of(0, &mut noise);
    closure.write(&larder, "1.0.0");
    victim.proxy.cut_going_up(closure.bytes / 11, 10);

    let ended = publish(&larder, "1.0.0", "1.0.0").wait_with_output().unwrap();

    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(victim.proxy.cuts(), 10);
    assert!(closure.is_whole(&victim.server().admin(), "1.0.0").await);
}

#[tokio::test]
async fn a_download_that_is_cut_goes_on_and_installs() {
    let mut noise = Noise::new();
    let victim = Victim::start().await;
    let larder = victim.larder();
    let closure = Closure::of(0, &mut noise);
    closure.write(&larder, "1.0.0");
    let ended = publish(&larder, "1.0.0", "1.0.0").wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    victim.proxy.cut_coming_down(closure.bytes / 6, 5);
    let before = victim.proxy.down();

    let install = ["install", "closure", "--prefix", "env", "--json"];
    let installed: Value = larder.ok(install).json();

    let came = victim.proxy.down() - before;
    assert_eq!(victim.proxy.cuts(), 5);
    assert!(came < 2 * closure.bytes, "{came} bytes came for {}", closure.bytes);
    assert_eq!(installed["fetched_bytes"], closure.bytes);
    larder.ok(["verify", "--prefix", "env"]);
}

#[tokio::test]
async fn an_install_killed_at_any_moment_leaves_the_old_environment_or_the_new_one() {
    let mut noise = Noise::new();
    let victim = Victim::start().await;
    let publisher = victim.larder();
    let closures: Vec<Closure> = (0..2).map(|round| Closure::of(round, &mut noise)).collect();
    for (round, closure) in closures.iter().enumerate() {
        let version = format!("1.0.{round}");
        closure.write(&publisher, &version);
        let ended = publish(&publisher, &version, &version).wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let mut switched = 0;
    let kills = rounds() / 2;
    for _ in 0..kills {
        let larder = victim.larder();
        larder.ok(["install", "closure@1.0.0", "--prefix", "env"]);
        let current = || std::fs::read_link(larder.path("env/current")).unwrap();
        let (old, down) = (current(), victim.proxy.down());
        let entries = || std::fs::read_dir(larder.path("env/generations")).unwrap().count();
        let (before, after) = (entries(), down + noise.below(closures[1].bytes));
        // Bytes come down for long, and the switch is done in a moment: half of the kills are there.
        let at_switch = noise.below(2) == 0;
        let mut client = larder
            .command(["install", "closure@1.0.1", "--prefix", "env"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until_blocking("the moment has come", || {
            let come = if at_switch { entries() > before } else { victim.proxy.down() >= after };
            (come || client.try_wait().unwrap().is_some()).then_some(())
        });
        if at_switch {
            std::thread::sleep(Duration::from_micros(noise.below(30_000)));
        }
        drop(client.kill());
        client.wait().unwrap();

        switched += u32::from(current() != old);
        larder.ok(["verify", "--prefix", "env"]);
        larder.ok(["install", "closure@1.0.1", "--prefix", "env"]);
        let listed: Value = larder.ok(["list", "--prefix", "env", "--json"]).json();
        assert!(listed.to_string().contains("1.0.1-b1"), "{listed:#}");
        larder.ok(["verify", "--prefix", "env"]);
        larder.ok(["store", "check"]);
    }
    eprintln!("{kills} kills: {switched} after the switch");
}
