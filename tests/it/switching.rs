//! Environments that are changed by several, or by one that is killed or has no room: afterwards
//! the old generation is live or the new one, and the history tells which.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use larder_schema::archive::ArchiveFormat;
use larder_tests::data::is_campaign;
use larder_tests::noise::Noise;
use larder_tests::wait::until_blocking;
use larder_tests::{Larder, Parcel, Proxy, Ran, TestRegistry, build, distribution};
use serde_json::{Value, json};

use crate::disk::{SmallDisk, of_size};

/// How often something is killed.
fn rounds() -> u64 {
    if is_campaign() { 100 } else { 10 }
}

/// A server on which a tag moves on, and somebody who follows it.
struct Weekly {
    registry: TestRegistry,
    proxy: Proxy,
    larder: Larder,
}

impl Weekly {
    async fn start() -> Self {
        let registry = TestRegistry::start().await;
        let proxy = Proxy::start(registry.origin()).await;
        let larder = Larder::new(proxy.origin(), None);
        Self { registry, proxy, larder }
    }

    /// Publishes the next version and lets the tag name it; answers the bytes of its archives.
    async fn publish(&self, number: u64, noise: &mut Noise) -> u64 {
        let mut parcels = Vec::new();
        for (at, size) in [400_000, 20, 3_000].into_iter().enumerate() {
            let made = build(&format!("p{at}"), &format!("1.0.{number}-b1"));
            let made = made.format(ArchiveFormat::Tar).file("data", &noise.bytes(size));
            parcels.push(made.pack());
        }
        let all: Vec<&Parcel> = parcels.iter().collect();
        self.registry.publish_all(&all).await;
        let version = format!("1.0.{number}");
        self.registry.distribute(&distribution("apps", &version).of(all)).await;
        let moved = json!({ "version": version });
        self.registry.admin().put("/api/v1/tags/apps/current", &moved).await.expect(200);
        parcels.iter().map(|parcel| parcel.bytes().len() as u64).sum()
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.larder.command([arguments, &["--prefix", "env"]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn current(&self) -> String {
        let link = std::fs::read_link(self.larder.path("env/current")).unwrap();
        link.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Sound, and the history leads step by step to what is current.
    fn check(&self) {
        self.larder.ok(["verify", "--prefix", "env"]);
        let history: Value = self.larder.ok(["history", "--prefix", "env", "--json"]).json();
        let mut at = Value::Null;
        for item in history["items"].as_array().unwrap().iter().rev() {
            assert_eq!(item["from"], at, "{history:#}");
            if item["done"] == true {
                at = item["to"].clone();
            }
        }
        assert_eq!(at.to_string(), self.current(), "{history:#}");
    }
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn an_update_killed_at_any_moment_leaves_the_old_generation_live_or_the_new_one() {
    let mut noise = Noise::new();
    let weekly = Weekly::start().await;
    weekly.publish(0, &mut noise).await;
    weekly.larder.ok(["install", "apps", "--prefix", "env"]);
    let (mut switched, generations) = (0, weekly.larder.path("env/generations"));
    for round in 1..=rounds() {
        let bytes = weekly.publish(round, &mut noise).await;
        let (old, before, down) = (weekly.current(), entries(&generations), weekly.proxy.down());
        let after = down + noise.below(bytes);
        // Bytes come down for long, and the switch is done in a moment: half of the kills are there.
        let at_switch = noise.below(2) == 0;
        let mut client = weekly.spawn(&["update"]);
        until_blocking("the moment has come", || {
            let come = match at_switch {
                true => entries(&generations) > before,
                false => weekly.proxy.down() >= after,
            };
            (come || client.try_wait().unwrap().is_some()).then_some(())
        });
        if at_switch {
            // A random moment is what is looked for: there is no condition to wait for.
            std::thread::sleep(Duration::from_micros(noise.below(150_000)));
        }
        drop(client.kill());
        client.wait().unwrap();

        switched += u32::from(weekly.current() != old);
        weekly.check();
        weekly.larder.ok(["update", "--prefix", "env"]);
        let listed = weekly.larder.ok(["list", "--prefix", "env"]).stdout;
        assert_eq!(listed.matches(&format!("1.0.{round}-b1")).count(), 3, "{listed}");
        weekly.check();
    }
    weekly.larder.ok(["store", "check"]);
    eprintln!("{} kills: {switched} after the switch", rounds());
}

#[tokio::test]
async fn a_rollback_killed_at_any_moment_has_happened_or_has_not() {
    let mut noise = Noise::new();
    let weekly = Weekly::start().await;
    for number in 1..=2 {
        weekly.publish(number, &mut noise).await;
        weekly.larder.ok(["install", "apps", "--prefix", "env"]);
    }
    let other = |current: &str| if current == "1" { "2" } else { "1" };
    let began = Instant::now();
    weekly.larder.ok(["rollback", "--to", "1", "--prefix", "env"]);
    let whole = began.elapsed().as_micros() as u64;
    let mut switched = 0;
    for _ in 0..rounds() {
        let old = weekly.current();
        let mut client = weekly.spawn(&["rollback", "--to", other(&old)]);
        // A random moment is what is looked for: there is no condition to wait for.
        std::thread::sleep(Duration::from_micros(noise.below(whole)));
        drop(client.kill());
        client.wait().unwrap();

        let now = weekly.current();
        assert!(now == old || now == other(&old), "{now}");
        switched += u32::from(now != old);
        weekly.check();
    }
    eprintln!("{} kills: {switched} after the switch", rounds());
}

#[tokio::test]
async fn several_who_change_one_environment_take_turns_and_lose_nothing() {
    let mut noise = Noise::new();
    let weekly = Weekly::start().await;
    weekly.publish(1, &mut noise).await;
    let lone = weekly.registry.publish(build("lone", "1.0.0-b1").file("l", b"l")).await;
    weekly.registry.distribute(&distribution("other", "1.0.0").of([&lone])).await;
    weekly.larder.ok(["install", "apps", "--prefix", "env"]);
    weekly.publish(2, &mut noise).await;

    let all =
        [&["update"][..], &["install", "other"], &["install", "lone@^1"], &["update", "apps"]];
    let children: Vec<Child> = all.iter().map(|arguments| weekly.spawn(arguments)).collect();

    for child in children {
        Ran::of(child.wait_with_output().unwrap()).expect(0);
    }
    let status: Value = weekly.larder.ok(["status", "--prefix", "env", "--json"]).json();
    assert_eq!(status["targets"], json!(["apps", "lone@^1", "other"]));
    let listed = weekly.larder.ok(["list", "--prefix", "env"]).stdout;
    assert_eq!(listed.matches("1.0.2-b1").count(), 3, "{listed}");
    weekly.check();
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_half_installed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("skipped: this user may not mount a small disk");
        return;
    };
    let weekly = Weekly::start().await;
    let small = weekly.registry.publish(build("small", "1.0.0-b1").file("a", b"a")).await;
    let large =
        [of_size("large", 3 << 20), of_size("larger", 12 << 20), of_size("largest", 15 << 20)];
    let large: Vec<&Parcel> = large.iter().collect();
    weekly.registry.publish_all(&large).await;
    weekly.registry.distribute(&distribution("apps", "1.0.0").of([&small])).await;
    let all = large.iter().copied().chain([&small]);
    weekly.registry.distribute(&distribution("apps", "2.0.0").of(all)).await;
    let run = |arguments: &[&str]| {
        let mut command = weekly.larder.command(arguments);
        command.arg("--prefix").arg(disk.0.join("env")).env("LARDER_STORE", disk.0.join("store"));
        Ran::of(command.output().unwrap())
    };
    run(&["install", "apps@1.0.0"]).expect(0);

    let full = run(&["install", "apps@2.0.0"]).expect(1);

    assert!(full.stderr.contains("No space left"), "{}", full.all());
    assert_eq!(run(&["status", "--json"]).json::<Value>()["generation"], 1);
    run(&["verify"]).expect(0);
    let mut clean = weekly.larder.command(["store", "clean"]);
    let clean = Ran::of(clean.env("LARDER_STORE", disk.0.join("store")).output().unwrap());
    clean.expect(0);
    let smaller = run(&["install", "large@^1"]).expect(0);
    assert!(smaller.stdout.contains("generation 2"), "{}", smaller.all());
    run(&["verify"]).expect(0);
    larder_tests::client::make_writable(&disk.0);
}

#[tokio::test]
async fn all_but_fetching_is_done_with_the_server_down() {
    let mut noise = Noise::new();
    let weekly = Weekly::start().await;
    for number in 1..=3 {
        weekly.publish(number, &mut noise).await;
        weekly.larder.ok(["install", "apps", "--prefix", "env"]);
    }
    std::fs::copy(weekly.larder.path("env/current/lock.json"), weekly.larder.path("l.json"))
        .unwrap();
    let Weekly { registry, proxy, larder } = weekly;
    drop((registry, proxy));
    let commands = [
        &["list", "--prefix", "env"][..],
        &["status", "--prefix", "env"],
        &["history", "--prefix", "env"],
        &["tree", "--prefix", "env"],
        &["tree", "--lock", "l.json"],
        &["why", "p0", "--prefix", "env"],
        &["verify", "--prefix", "env"],
        &["verify", "--repair", "--prefix", "env"],
        &["activate", "--prefix", "env"],
        &["run", "--prefix", "env", "--", "true"],
        &["rollback", "--prefix", "env", "--reason", "no network"],
        &["rollback", "--to", "3", "--repair", "--prefix", "env"],
        &["install", "--lock", "l.json", "--prefix", "other"],
        &["install", "--lock", "l.json", "--offline", "--prefix", "third"],
        &["remove", "apps", "--prefix", "other"],
        &["store", "path"],
        &["store", "list"],
        &["store", "size"],
        &["store", "check"],
        &["store", "clean", "--keep-generations", "1"],
        &["completions", "bash"],
    ];
    for command in commands {
        let began = Instant::now();
        larder.ok(command);
        assert!(began.elapsed() < Duration::from_secs(5), "{command:?} waited for the server");
    }

    let fetches = [&["update", "--prefix", "env"][..], &["resolve", "p0"], &["search", "p"]];
    for command in fetches {
        let ran = larder.run(command).expect(1);
        assert!(ran.stderr.contains("could not reach the server"), "{}", ran.all());
    }
}

#[tokio::test]
async fn a_clean_up_killed_at_any_moment_leaves_whole_trees_or_none() {
    let mut noise = Noise::new();
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), None);
    let many = (0..400).fold(build("many", "1.0.0-b1"), |many, number| {
        many.file(&format!("d{}/f{number}", number % 20), b"content")
    });
    registry.publish(many).await;
    let again = || {
        larder.ok(["install", "many@1.0.0-b1", "--prefix", "env"]);
        larder.ok(["verify", "--prefix", "env"]);
        std::fs::remove_dir_all(larder.path("env")).unwrap();
    };
    again();
    let began = Instant::now();
    larder.ok(["store", "clean"]);
    let whole = began.elapsed().as_micros() as u64;
    for _ in 0..rounds() {
        again();
        let mut client = larder.command(["store", "clean"]).stdout(Stdio::null()).spawn().unwrap();
        // A random moment is what is looked for: there is no condition to wait for.
        std::thread::sleep(Duration::from_micros(noise.below(whole)));
        drop(client.kill());
        client.wait().unwrap();
        larder.ok(["store", "check"]);
    }
    again();
}

#[tokio::test]
async fn a_current_that_was_taken_away_is_led_back_and_nothing_is_lost() {
    let mut noise = Noise::new();
    let weekly = Weekly::start().await;
    weekly.publish(1, &mut noise).await;
    weekly.registry.publish(build("tool", "1.0.0-b1").file("a", b"a")).await;
    let larder = &weekly.larder;
    larder.ok(["install", "apps", "--prefix", "env"]);
    weekly.publish(2, &mut noise).await;
    larder.ok(["update", "--prefix", "env"]);
    let link = larder.path("env/current");

    std::fs::remove_file(&link).unwrap();
    let listed = larder.run(["list", "--prefix", "env"]);
    let verified = larder.run(["verify", "--prefix", "env"]);
    larder.ok(["verify", "--repair", "--prefix", "env"]);
    assert_eq!((listed.code, verified.code), (Some(1), Some(3)), "{}", listed.all());
    larder.ok(["verify", "--prefix", "env"]);

    std::fs::remove_file(&link).unwrap();
    larder.ok(["install", "tool@^1", "--prefix", "env"]);
    let listed = larder.ok(["list", "--prefix", "env"]).stdout;
    for product in ["p0", "p1", "p2", "tool"] {
        assert!(listed.contains(product), "{listed}");
    }
    larder.ok(["verify", "--prefix", "env"]);
}
