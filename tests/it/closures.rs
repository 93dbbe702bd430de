//! Products with their closures: installed by requirement, locked, updated, removed and explained.

use larder_tests::redact::redacted;
use larder_tests::{Larder, Parcel, Ran, TestRegistry, build, distribution};
use serde_json::{Value, json};

/// A server with a small world: `afw` needs `log`, `log` needs `base`; `plot` needs `base` alone.
struct World {
    registry: TestRegistry,
    larder: Larder,
    base: Parcel,
}

impl World {
    async fn new() -> Self {
        let registry = TestRegistry::start().await;
        let base = registry.publish(build("base", "1.0.0-b1").file("b", b"base")).await;
        let log = build("log", "1.0.0-b1").file("l", b"log").needs("base", "^1.0");
        registry.publish(log).await;
        registry.publish(build("plot", "1.0.0-b1").file("p", b"p").needs("base", "*")).await;
        let larder = Larder::new(registry.origin(), None);
        let world = Self { registry, larder, base };
        world.afw("1.0.0-b1").await;
        world
    }

    async fn afw(&self, name: &str) -> Parcel {
        let afw = build("afw", name).file("a", name.as_bytes()).needs("log", "^1.0");
        self.registry.publish(afw).await
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.larder.ok([arguments, &["--json"]].concat()).json()
    }

    /// What is in the environment, product and build.
    fn list(&self) -> Vec<String> {
        names(&self.json(&["list", "--prefix", "env"])["items"])
    }
}

fn names(builds: &Value) -> Vec<String> {
    let text = |build: &Value, field: &str| build[field].as_str().unwrap().to_owned();
    let builds = builds.as_array().unwrap().iter();
    builds.map(|build| format!("{}@{}", text(build, "product"), text(build, "build"))).collect()
}

#[tokio::test]
async fn a_product_comes_with_all_that_it_needs_and_follows_its_requirement() {
    let world = World::new().await;

    let first = world.json(&["install", "afw@^1.0", "--prefix", "env"]);
    let at_first = world.list();
    world.afw("1.1.0-b1").await;
    world.afw("2.0.0-b1").await;
    let again = world.json(&["install", "afw@^1.0", "--prefix", "env"]);
    let updated = world.json(&["update", "--prefix", "env"]);
    let at_last = world.list();
    let nothing = world.larder.ok(["update", "--prefix", "env"]);
    let replaced = world.json(&["install", "afw@2.0.0-b1", "--prefix", "env"]);
    let exact = world.larder.ok(["update", "--prefix", "env"]);

    assert_eq!(first["products"], json!(["afw@1.0.0-b1"]));
    assert_eq!(at_first, ["afw@1.0.0-b1", "base@1.0.0-b1", "log@1.0.0-b1"]);
    assert_eq!(again["unchanged"], true, "what is installed and will do stays: {again:#}");
    assert_eq!(updated["generation"], 2);
    assert_eq!(at_last, ["afw@1.1.0-b1", "base@1.0.0-b1", "log@1.0.0-b1"]);
    assert!(nothing.stdout.contains("up to date"), "{}", nothing.all());
    assert_eq!(
        (&replaced["generation"], &replaced["products"]),
        (&json!(3), &json!(["afw@2.0.0-b1"]))
    );
    assert!(exact.stderr.contains("names an exact version"), "{}", exact.all());
    assert!(exact.stdout.contains("up to date"), "{}", exact.all());
    let status = world.json(&["status", "--prefix", "env"]);
    assert_eq!((&status["generation"], &status["targets"]), (&json!(3), &json!(["afw@2.0.0-b1"])));
    world.larder.ok(["verify", "--full", "--prefix", "env"]);
}

#[tokio::test]
async fn one_product_is_updated_and_the_others_stay() {
    let world = World::new().await;
    world.larder.ok(["install", "afw", "plot", "--prefix", "env"]);
    for name in ["afw", "plot", "base"] {
        let made = build(name, "1.2.0-b1").file("x", name.as_bytes());
        let made = if name == "base" { made } else { made.needs("base", "^1.0") };
        world.registry.publish(made).await;
    }

    world.larder.ok(["update", "plot", "--prefix", "env"]);
    let after_plot = world.list();
    world.larder.ok(["update", "base", "--prefix", "env"]);
    let after_base = world.list();
    let unknown = world.larder.run(["update", "nothing", "--prefix", "env"]).expect(3);

    let expected = ["afw@1.0.0-b1", "base@1.0.0-b1", "log@1.0.0-b1", "plot@1.2.0-b1"];
    assert_eq!(after_plot, expected);
    assert_eq!(after_base[1], "base@1.2.0-b1");
    assert_eq!(after_base[0], "afw@1.0.0-b1");
    assert!(unknown.stderr.contains("`nothing` is not installed"), "{}", unknown.all());
}

#[tokio::test]
async fn what_is_removed_takes_along_what_only_it_needed_and_no_server_is_needed() {
    let world = World::new().await;
    world.registry.distribute(&distribution("basics", "1.0.0").of([&world.base])).await;
    world.larder.ok(["install", "afw", "plot", "basics", "--prefix", "env"]);
    let World { registry, larder, .. } = world;
    drop(registry);
    let list = || names(&larder.ok(["list", "--prefix", "env", "--json"]).json::<Value>()["items"]);

    let of_others = larder.run(["remove", "log", "--prefix", "env"]).expect(3);
    let listed = larder.run(["remove", "base", "--prefix", "env"]).expect(3);
    let unknown = larder.run(["remove", "nothing", "--prefix", "env"]).expect(3);
    larder.ok(["remove", "afw", "--prefix", "env"]);
    let without_afw = list();
    larder.ok(["remove", "basics", "--prefix", "env"]);
    let without_basics = list();
    larder.ok(["remove", "plot", "--prefix", "env"]);
    let empty = list();
    larder.ok(["verify", "--prefix", "env"]);
    larder.ok(["rollback", "--prefix", "env"]);

    let told = [of_others, listed, unknown].map(|ran| redacted(&ran.all())).join("\n");
    insta::assert_snapshot!(told);
    assert_eq!(without_afw, ["base@1.0.0-b1", "plot@1.0.0-b1"]);
    assert_eq!(without_basics, ["base@1.0.0-b1", "plot@1.0.0-b1"], "plot needs base all the same");
    assert_eq!(empty.len(), 0);
    assert_eq!(list(), ["base@1.0.0-b1", "plot@1.0.0-b1"]);
}

#[tokio::test]
async fn a_distribution_and_products_live_together_and_its_builds_stand_fast() {
    let world = World::new().await;
    world.registry.distribute(&distribution("basics", "1.0.0").of([&world.base])).await;
    let newer = world.registry.publish(build("base", "1.5.0-b1").file("b", b"newer")).await;
    world.registry.distribute(&distribution("basics", "1.1.0").of([&newer])).await;

    world.larder.ok(["install", "basics@1.0.0", "afw", "--prefix", "env"]);
    let first = world.list();
    let refused = world.larder.run(["install", "base@^1.5", "--prefix", "env"]).expect(3);
    world.larder.ok(["install", "basics@1.1.0", "--prefix", "env"]);
    let second = world.list();
    let tree = world.larder.ok(["tree", "--prefix", "env"]);

    assert_eq!(first, ["afw@1.0.0-b1", "base@1.0.0-b1", "log@1.0.0-b1"]);
    assert_eq!(second, ["afw@1.0.0-b1", "base@1.5.0-b1", "log@1.0.0-b1"]);
    insta::assert_snapshot!(redacted(&(refused.all() + &tree.all())));
    world.larder.ok(["verify", "--full", "--prefix", "env"]);
}

#[tokio::test]
async fn a_name_of_both_must_be_told_apart() {
    let world = World::new().await;
    world.registry.distribute(&distribution("base", "3.0.0").of([&world.base])).await;

    let both = world.larder.run(["install", "base", "--prefix", "env"]).expect(2);
    world.larder.ok(["install", "dist:base", "pkg:base", "--prefix", "env"]);
    let unclear = world.larder.run(["remove", "base", "--prefix", "env"]).expect(2);
    world.larder.ok(["remove", "pkg:base", "--prefix", "env"]);

    insta::assert_snapshot!(redacted(&(both.all() + &unclear.all())));
    let status = world.json(&["status", "--prefix", "env"]);
    assert_eq!(status["targets"], json!(["base"]));
}

#[tokio::test]
async fn what_is_locked_is_installed_elsewhere_and_explained_without_a_server() {
    let world = World::new().await;

    let locked = world.json(&["lock", "afw@^1.0", "plot", "-o", "lock.json"]);
    world.afw("1.1.0-b1").await;
    let installed = world.json(&["install", "--lock", "lock.json", "--prefix", "env"]);
    let World { registry, larder, .. } = world;
    drop(registry);
    let why = larder.ok(["why", "base", "--lock", "lock.json"]);
    let why_json: Value = larder.ok(["why", "base", "--prefix", "env", "--json"]).json();
    let tree = larder.ok(["tree", "--lock", "lock.json"]);
    let shallow: Value = larder.ok(["tree", "--prefix", "env", "--depth", "1", "--json"]).json();
    let absent = larder.run(["why", "nothing", "--prefix", "env"]).expect(3);

    assert_eq!(locked["digest"], installed["digest"]);
    assert_eq!(locked["packages"], 4);
    assert_eq!(why_json["chains"].as_array().unwrap().len(), 2);
    assert_eq!(shallow["items"].as_array().unwrap().len(), 4);
    insta::assert_snapshot!([why, tree, absent].map(|ran| redacted(&ran.all())).join("\n"));
}

#[tokio::test]
async fn a_question_is_answered_as_the_server_answers_it() {
    let world = World::new().await;

    let answer = world.json(&["resolve", "afw@^1.0"]);
    let told = world.larder.ok(["resolve", "afw@1.0.0-b1"]);
    let none = world.larder.run(["resolve", "afw@^7"]).expect(3);
    let wrong = world.larder.run(["resolve", "afw@17"]).expect(2);

    assert_eq!(names(&answer["builds"]), ["base@1.0.0-b1", "log@1.0.0-b1", "afw@1.0.0-b1"]);
    insta::assert_snapshot!([told, none, wrong].map(|ran| redacted(&ran.all())).join("\n"));
}

#[tokio::test]
async fn test_builds_and_contexts_are_kept_once_they_were_said() {
    let world = World::new().await;
    let branch = build("branch", "1.0.0-b1").file("x", b"x").field("test", json!(true));
    world.registry.publish(branch).await;
    let gdb = build("gdb", "1.0.0-b1").file("g", b"g").field("role", json!("debug"));
    world.registry.publish(gdb).await;

    world.larder.run(["install", "branch", "--prefix", "env"]).expect(3);
    world.larder.ok(["install", "branch", "--test", "--context", "operations", "--prefix", "env"]);
    let refused = world.larder.run(["install", "gdb", "--prefix", "env"]).expect(3);
    let lock = world.larder.ok(["lock", "gdb", "-o", "-"]).stdout;
    world.larder.write("gdb.json", lock.as_bytes());
    let by_lock = ["install", "--lock", "gdb.json", "--prefix", "env"];
    let refused_by_lock = world.larder.run(by_lock).expect(3);
    let socket = world.larder.path("socket");
    let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    world.larder.run(["lock", "gdb", "-o", "socket"]).expect(1);
    assert!(!socket.is_file(), "it was replaced");
    world.larder.ok(["install", "plot", "--prefix", "env"]);

    for refused in [refused, refused_by_lock] {
        assert!(refused.stderr.contains("operations"), "{}", refused.all());
    }
    let status = world.json(&["status", "--prefix", "env"]);
    assert_eq!((&status["context"], &status["test"]), (&json!("operations"), &json!(true)));
    let history = world.json(&["history", "--prefix", "env"]);
    assert_eq!(history["items"][1]["command"], "install branch --context operations --test");
    assert_eq!(world.list(), ["base@1.0.0-b1", "branch@1.0.0-b1", "plot@1.0.0-b1"]);
}

#[tokio::test]
async fn a_build_of_no_distribution_is_compared_with_what_the_server_has() {
    let world = World::new().await;
    world.larder.ok(["install", "base", "--prefix", "env"]);
    let other = TestRegistry::start().await;
    other.publish(build("base", "1.0.0-b1").file("b", b"another")).await;
    let there = |origin: &str| {
        let mut command = world.larder.command(["verify", "--full", "--prefix", "env"]);
        Ran::of(command.env("LARDER_SERVER", origin).output().unwrap())
    };

    let same = there(world.registry.origin());
    let differs = there(other.origin());

    same.expect(0);
    let told = differs.expect(3).stderr;
    assert!(told.contains("says otherwise about `base@1.0.0-b1"), "{told}");
}

#[tokio::test]
async fn a_withdrawn_build_in_an_exact_lock_installs_and_warns() {
    let world = World::new().await;
    world.larder.ok(["lock", "afw", "-o", "lock.json"]);
    let read: Value = world.registry.anybody().read(&world.base.path()).await;
    let said = json!({"subject": read["digest"], "kind": "withdrawn", "reason": "it crashes"});
    world.registry.admin().post("/api/v1/statements", &said).await.expect(201);

    let installed = world.larder.ok(["install", "--lock", "lock.json", "--prefix", "env"]);
    for more in [&["--test"][..], &["--platform", "macos-aarch64"]] {
        let both = [&["install", "--lock", "lock.json", "--prefix", "env"], more].concat();
        world.larder.run(both).expect(2);
    }
    let refused = world.larder.run(["lock", "afw", "-o", "other.json"]).expect(3);
    let updated = world.larder.run(["update", "--prefix", "env"]).expect(3);
    world.larder.ok(["verify", "--full", "--prefix", "env"]);

    assert!(installed.stderr.contains("was withdrawn: it crashes"), "{}", installed.all());
    assert_eq!(world.list().len(), 3);
    assert!(refused.stderr.contains("base"), "{}", refused.all());
    assert!(updated.stderr.contains("base"), "{}", updated.all());
    assert!(updated.stderr.contains("hint: what the environment has"), "{}", updated.all());
    assert!(!world.larder.path("other.json").exists());
}
