//! A build tool's day: what must be built, what is published of it, and when that is complete.

use std::process::Stdio;

use larder_schema::{PlanAnswer, Sha256};
use larder_tests::process::program;
use larder_tests::redact::redacted;
use larder_tests::{Larder, Proxy, Ran, TestRegistry, build};
use serde_json::{Value, json};

/// Five products: product, version, revision by two digits, dependencies.
type Product = (&'static str, &'static str, &'static str, &'static str);

const FIVE: [Product; 5] = [
    ("base", "3.0.0", "ba", ""),
    ("log", "16.0-1-gabc1234+2", "10", "base"),
    ("geom", "gabc1234567+1a2b3c4d5e", "9e", "base"),
    ("afw", "17.0.1", "af", "log,geom"),
    ("app", "1.0.0", "a9", "afw"),
];

/// The five with others in place of some.
fn five(others: &[Product]) -> Vec<Product> {
    let other = |one: &Product| others.iter().find(|other| other.0 == one.0).copied();
    FIVE.iter().map(|one| other(one).unwrap_or(*one)).collect()
}

/// A manifest as the build tool writes it.
fn manifest(id: &str, products: &[Product]) -> String {
    let mut text = format!("# {:<23} {:<41} {:<30}\nBUILD={id}\n", "product", "SHA1", "Version");
    for (product, version, revision, needed) in products {
        text += &format!("{product:<25} {:<41} {version:<40} {needed}\n", revision.repeat(20));
    }
    text
}

/// A build tool with a server.
struct Tool {
    registry: TestRegistry,
    larder: Larder,
}

impl Tool {
    async fn new() -> Self {
        let registry = TestRegistry::start().await;
        let larder = Larder::new(registry.origin(), registry.admin().token());
        Self { registry, larder }
    }

    /// Plans a run of these products, and answers the plan, which is in `plan.json`.
    fn plan(&self, id: &str, products: &[Product]) -> PlanAnswer {
        self.larder.write("manifest.txt", manifest(id, products).as_bytes());
        self.larder.ok(["plan", "manifest.txt", "-o", "plan.json", "--json"]).json()
    }

    /// Builds what a plan says of these products, for a platform; answers the files.
    fn build_for(&self, plan: &PlanAnswer, products: &[&str], platform: &str) -> Vec<String> {
        let steps = plan.steps.iter().filter(|step| step.reused().is_none());
        let wanted = steps.filter(|step| products.contains(&step.source.product.as_str()));
        let file = |step: &larder_schema::plan::Step| {
            let (product, id) = (step.source.product.as_str(), plan.build.as_ref().unwrap());
            let name = format!("{}-{id}", step.version());
            let made = build(product, &name).platform(platform);
            let text = format!("{product} {name} {platform}");
            let parcel = made.file(&format!("lib/{product}.txt"), text.as_bytes()).pack();
            let file = format!("out/{}", parcel.name());
            self.larder.write(&file, parcel.bytes());
            file
        };
        wanted.map(file).collect()
    }

    fn build(&self, plan: &PlanAnswer, products: &[&str]) -> Vec<String> {
        self.build_for(plan, products, "linux-x86_64")
    }

    /// Publishes files by `plan.json`, with more arguments.
    fn publish(&self, files: &[String], more: &[&str]) -> Ran {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let arguments = [&["publish", "--plan", "plan.json"], &files[..], more].concat();
        self.larder.run(arguments)
    }

    async fn record(&self, product: &str, name: &str) -> Value {
        self.registry.anybody().read(&format!("/api/v1/builds/{product}/{name}")).await
    }
}

/// For each step `log 16.0.0-b1`, or `log build`.
fn told(plan: &PlanAnswer) -> Vec<String> {
    let step = |step: &larder_schema::plan::Step| match step.reused() {
        Some(reused) => format!("{} {}", step.source.product, reused.build),
        None => format!("{} build", step.source.product),
    };
    plan.steps.iter().map(step).collect()
}

const ALL: [&str; 5] = ["base", "log", "geom", "afw", "app"];
const DISTRIBUTION: [&str; 4] = ["--distribution", "stack@1.0.0", "--tag", "current"];

#[tokio::test]
async fn a_plan_is_carried_out_and_the_next_one_reuses_it() {
    let tool = Tool::new().await;
    let first = tool.plan("b1", &FIVE);
    let files = tool.build(&first, &ALL);

    let published: Value =
        tool.publish(&files, &[&DISTRIBUTION[..], &["--json"]].concat()).expect(0).json();
    let again: Value =
        tool.publish(&files, &[&DISTRIBUTION[..], &["--json"]].concat()).expect(0).json();
    let second = tool.plan("b2", &FIVE);
    let reused: Value = tool.publish(&files, &["--json"]).expect(0).json();
    let third = tool.plan("b2", &five(&[("log", "17.0.0", "11", "base")]));

    assert_eq!(told(&first), ["base build", "log build", "geom build", "afw build", "app build"]);
    assert_eq!(published["published"].as_array().unwrap().len(), 5);
    assert_eq!(again["published"], json!([]));
    assert_eq!(again["existing"].as_array().unwrap().len(), 5);
    assert_eq!(again["sent_bytes"], 0);
    assert_eq!((&reused["published"], &reused["existing"]), (&json!([]), &again["existing"]));
    let all = ["base 3.0.0-b1", "log 16.0.0-b1", "geom 0.0.0-b1", "afw 17.0.1-b1", "app 1.0.0-b1"];
    assert_eq!(told(&second), all);
    assert_eq!(told(&third), [all[0], "log build", all[2], "afw build", "app build"]);
    let afw = tool.record("afw", "17.0.1-b1").await;
    assert_eq!(afw["source"]["revision"], "af".repeat(20));
    let log = Sha256::of(&std::fs::read(tool.larder.path(&files[1])).unwrap());
    let against = json!({"build": "16.0.0-b1", "archive": format!("sha256:{log}")});
    let needed = afw["dependencies"].as_array().unwrap();
    let to_log = needed.iter().find(|needed| needed["product"] == "log").unwrap();
    assert_eq!((&to_log["built_against"], &to_log["requirement"]), (&against, &json!("*")));
    assert_eq!(tool.record("log", "16.0.0-b1").await["upstream_version"], "16.0-1-gabc1234+2");
    tool.larder.ok(["install", "stack", "--prefix", "env"]);
}

#[tokio::test]
async fn a_plan_is_told_as_a_table_and_as_data() {
    let tool = Tool::new().await;
    let first = tool.plan("b1", &FIVE);
    tool.publish(&tool.build(&first, &ALL), &[]).expect(0);
    let changed = five(&[("log", "17.0.0", "11", "base")]);

    let data = tool.plan("b2", &changed);
    let table =
        tool.larder.ok(["plan", "manifest.txt", "--policy", "app=direct", "-o", "other.json"]);
    let text = tool.larder.ok(["plan", "manifest.txt", "-o", "-"]);
    let written = std::fs::read(tool.larder.path("plan.json")).unwrap();

    insta::assert_snapshot!(redacted(&table.all()));
    assert_eq!(serde_json::from_slice::<PlanAnswer>(&written).unwrap(), data);
    assert_eq!(text.json::<PlanAnswer>(), data);
}

#[tokio::test]
async fn a_run_that_fails_leaves_what_it_published_to_the_next() {
    let tool = Tool::new().await;
    let first = tool.plan("b1", &FIVE);
    for product in ["base", "log", "geom"] {
        let file = tool.build(&first, &[product]);
        let told = tool.publish(&file, &DISTRIBUTION).expect(0).stdout;
        assert!(told.contains("stack@1.0.0 waits: "), "{told}");
    }
    let too_early = tool.publish(&[], &DISTRIBUTION).expect(3);
    let nothing = tool.larder.run(["dist", "show", "stack@1.0.0"]).expect(3);

    let second = tool.plan("b2", &FIVE);
    let files = tool.build(&second, &ALL);
    let part: Value =
        tool.publish(&files[..1], &[&DISTRIBUTION[..], &["--json"]].concat()).expect(0).json();
    tool.publish(&files[1..], &[]).expect(0);
    let complete = tool.publish(&[], &DISTRIBUTION).expect(0);

    let expected = ["base 3.0.0-b1", "log 16.0.0-b1", "geom 0.0.0-b1", "afw build", "app build"];
    assert_eq!(told(&second), expected);
    assert_eq!(part["still_to_build"], json!(["app"]));
    assert_eq!(part["distribution"], Value::Null);
    insta::assert_snapshot!(redacted(
        &[too_early, nothing, complete].map(|ran| ran.all()).join("\n")
    ));
    let listed: Value = tool.larder.ok(["dist", "show", "stack@current", "--json"]).json();
    let names: Vec<&str> = listed["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["build"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["17.0.1-b2", "1.0.0-b2", "3.0.0-b1", "0.0.0-b1", "16.0.0-b1"]);
}

#[tokio::test]
async fn of_two_that_publish_at_once_one_completes_the_distribution() {
    let tool = Tool::new().await;
    for round in 1..=4 {
        let (id, named) = (format!("b{round}"), format!("stack@1.0.{round}"));
        let revision = format!("{round}0");
        let both = [FIVE[0], ("log", "16.0.0", "10", "")];
        let sources = manifest(&id, &both).replace(&"ba".repeat(20), &revision.repeat(20));
        let sources = sources.replace(&"10".repeat(20), &format!("{round}1").repeat(20));
        tool.larder.write("manifest.txt", sources.as_bytes());
        let plan: PlanAnswer =
            tool.larder.ok(["plan", "manifest.txt", "-o", "plan.json", "--json"]).json();
        let publish = |product: &str| {
            let file = tool.build(&plan, &[product]).remove(0);
            let words = ["publish", "--plan", "plan.json", &file, "--distribution", &named];
            let mut command = tool.larder.command([&words[..], &["--tag", "current"]].concat());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };

        let publishers = ["base", "log"].map(publish);

        let told = publishers.map(|publisher| Ran::of(publisher.wait_with_output().unwrap()));
        let told = told.map(|ran| ran.expect(0).stdout).join("\n");
        assert!(told.contains(&format!("distribution {named}")), "{told}");
        tool.larder.ok(["dist", "show", &named]);
    }
}

#[tokio::test]
async fn builds_that_are_published_are_told_where_their_distribution_is_refused() {
    let tool = Tool::new().await;
    let plan = tool.plan("b1", &FIVE);
    let files = tool.build(&plan, &ALL);
    let typo = [&DISTRIBUTION[..], &["--root", "ap"]].concat();
    let refused = tool.publish(&files[..1], &typo).expect(2);
    let nothing: Value = tool.registry.anybody().read("/api/v1/products").await;
    tool.publish(&files[..4], &[]).expect(0);
    // Somebody has taken the name for something else.
    let base = json!({"product": "base", "build": "3.0.0-b1", "platform": "linux-x86_64"});
    let taken = json!({
        "name": "stack", "version": "1.0.0", "platform": "linux-x86_64", "builds": [base]
    });
    tool.registry.admin().post("/api/v1/distributions", &taken).await.expect(200);

    let last = tool.publish(&files[4..], &[&DISTRIBUTION[..], &["--json"]].concat()).expect(1);

    assert!(refused.stderr.contains("--root ap"), "{}", refused.all());
    assert_eq!(nothing["items"], json!([]));
    let told: Value = last.json();
    assert_eq!(told["published"][0]["product"], "app", "{}", last.all());
    assert!(last.stderr.contains("stack"), "{}", last.all());
}

#[tokio::test]
async fn a_test_build_under_the_run_s_id_gets_into_no_release() {
    let tool = Tool::new().await;
    let plan = tool.plan("b1", &FIVE);
    let (base, rest) = (tool.build(&plan, &["base"]), tool.build(&plan, &ALL[1..]));
    let made = json!({"name": "branch", "scopes": ["publish:*"], "test": true});
    let branch: Value = tool.registry.make_token(made).await.expect(201).json();
    let other = Larder::new(tool.registry.origin(), branch["token"].as_str());
    for file in ["plan.json", &base[0]] {
        other.write(file, &std::fs::read(tool.larder.path(file)).unwrap());
    }
    other.ok(["publish", "--plan", "plan.json", &base[0]]);

    let release = [&DISTRIBUTION[..], &["--stage", "release"]].concat();
    let refused = tool.publish(&rest, &release).expect(3);
    let nothing = tool.larder.run(["dist", "show", "stack@1.0.0"]);
    let warned = tool.publish(&rest, &DISTRIBUTION).expect(0);

    assert!(refused.stderr.contains("base@3.0.0-b1"), "{}", refused.all());
    assert!(refused.stderr.contains("is a test build"), "{}", refused.all());
    assert_eq!(nothing.code, Some(3), "{}", nothing.all());
    assert!(warned.stderr.contains("is a test build"), "{}", warned.all());
}

#[tokio::test]
async fn while_a_run_goes_on_each_publish_asks_once_for_what_is_lacking() {
    let tool = Tool::new().await;
    let proxy = Proxy::start(tool.registry.origin()).await;
    let larder = Larder::new(proxy.origin(), tool.registry.admin().token());
    let products: Vec<String> = (0..20).map(|number| format!("p{number:02}")).collect();
    let source = |product: &String| json!({"product": product, "revision": "ab".repeat(20)});
    let sources: Vec<Value> = products.iter().map(source).collect();
    let sources = json!({"sources": sources, "build": "b1"});
    larder.write("sources.json", sources.to_string().as_bytes());
    larder.ok(["plan", "sources.json", "-o", "plan.json"]);
    let publish = |product: &String| {
        let parcel = build(product, "0.0.0-b1").file("name", product.as_bytes()).pack();
        larder.write(parcel.name(), parcel.bytes());
        let words = ["publish", "--plan", "plan.json", parcel.name(), "--json"];
        larder.ok([&words[..], &["--distribution", "all@1.0.0"]].concat()).json::<Value>()
    };
    let asked = || proxy.requests("GET /api/v1/builds/");

    for (number, product) in products[..19].iter().enumerate() {
        let told = publish(product);
        assert_eq!((asked(), &told["still_to_build"]), (number + 1, &json!(["p19"])));
    }
    let last = publish(&products[19]);

    assert_eq!(asked(), 19 + 19, "each of the others once");
    assert_eq!(last["published"].as_array().unwrap().len(), 1);
    assert_eq!(last["existing"].as_array().unwrap().len(), 19);
    assert_eq!(last["distribution"]["version"], "1.0.0", "{last}");
}

#[tokio::test]
async fn a_dry_run_prints_one_document_and_publishes_nothing() {
    let tool = Tool::new().await;
    let plan = tool.plan("b1", &FIVE);
    let base = tool.build(&plan, &["base"]);
    let rest = tool.build(&plan, &ALL[1..]);

    let part = tool.publish(&base, &[&DISTRIBUTION[..], &["--dry-run"]].concat()).expect(0);
    let nothing: Value = tool.registry.anybody().read("/api/v1/products").await;
    tool.publish(&base, &[]).expect(0);
    let whole: Value =
        tool.publish(&rest, &[&DISTRIBUTION[..], &["--dry-run"]].concat()).expect(0).json();

    assert_eq!(part.json::<Value>()["still_to_build"], json!(["app"]), "{}", part.all());
    assert!(part.stderr.contains("waits"), "{}", part.all());
    assert_eq!(nothing["items"], json!([]));
    assert_eq!(whole["distribution"]["builds"].as_array().unwrap().len(), 5, "{whole}");
}

#[tokio::test]
async fn platforms_finish_in_any_order_and_none_takes_the_other_s_builds() {
    let tool = Tool::new().await;
    tool.larder.write("manifest.txt", manifest("b1", &FIVE[..2]).as_bytes());
    let plan = |platform: &str| -> PlanAnswer {
        let arguments =
            ["plan", "manifest.txt", "--platform", platform, "-o", "plan.json", "--json"];
        tool.larder.ok(arguments).json()
    };
    let (linux, mac) = ("linux-x86_64", "macos-aarch64");
    let publish = |plan: &PlanAnswer, products: &[&str], platform: &str| {
        let files = tool.build_for(plan, products, platform);
        let tagged =
            ["--distribution", "s@1.0.0", "--tag", "current", "--require", linux, "--require", mac];
        tool.publish(&files, &tagged).expect(0)
    };

    let for_linux = plan(linux);
    publish(&for_linux, &["base"], linux);
    let for_mac = plan(mac);
    let first = publish(&for_mac, &["base", "log"], mac);
    std::fs::write(tool.larder.path("plan.json"), serde_json::to_vec(&for_linux).unwrap()).unwrap();
    let last = publish(&for_linux, &["log"], linux);

    assert_eq!(told(&for_mac), ["base build", "log build"]);
    assert!(first.stderr.contains("has not moved"), "{}", first.all());
    assert!(last.stdout.contains("tag current → s@1.0.0"), "{}", last.all());
    let archive = async |product: &str, name: &str, platform: &str| {
        let path = format!("/api/v1/builds/{product}/{name}?platform={platform}");
        tool.registry.anybody().read(&path).await
    };
    for platform in [linux, mac] {
        let base: Value = archive("base", "3.0.0-b1", platform).await;
        let log: Value = archive("log", "16.0.0-b1", platform).await;
        let sum = format!("sha256:{}", base["archive"]["sha256"].as_str().unwrap());
        assert_eq!(log["dependencies"][0]["built_against"]["archive"], sum);
    }
}

#[tokio::test]
async fn what_contradicts_the_plan_is_refused_and_nothing_is_published() {
    let tool = Tool::new().await;
    let plan = tool.plan("b1", &FIVE);
    let base = tool.build(&plan, &["base"]);
    let log = tool.build(&plan, &["log"]);
    let with = |file: &str, record: Value| {
        tool.larder.write(&format!("{file}.json"), record.to_string().as_bytes());
        let refused = tool.publish(&[file.to_owned()], &[]).expect(2);
        std::fs::remove_file(tool.larder.path(&format!("{file}.json"))).unwrap();
        refused
    };
    let other = build("other", "1.0.0-b1").pack();
    tool.larder.write("other.tar.zst", other.bytes());
    tool.larder.write("other.tar.zst.json", other.record().to_string().as_bytes());

    let refused = [
        with(&base[0], json!({"source": {"revision": "bb".repeat(20)}})),
        with(&base[0], json!({"version": "3.0.1"})),
        with(&base[0], json!({"dependencies": [{"product": "log", "requirement": "*"}]})),
        tool.publish(&base, &["--build", "b2"]).expect(2),
        tool.publish(&["other.tar.zst".to_owned()], &[]).expect(2),
        tool.publish(&log, &[]).expect(1),
        tool.publish(&[], &[]).expect(2),
        tool.larder.run(["publish", "--plan", "none.json", &base[0]]).expect(1),
        tool.larder.run(["publish", "--plan", "manifest.txt", &base[0]]).expect(2),
    ];

    insta::assert_snapshot!(refused.map(|ran| redacted(&ran.all())).join("\n"));
    let builds: Value = tool.registry.anybody().read("/api/v1/products").await;
    assert_eq!(builds["items"], json!([]));
    tool.publish(&[base, log].concat(), &[]).expect(0);
}

#[tokio::test]
async fn a_build_of_another_run_under_the_same_id_is_not_taken_for_this_one_s() {
    let tool = Tool::new().await;
    let before = tool.plan("b1", &five(&[("base", "3.0.0", "bb", "")]));
    tool.publish(&tool.build(&before, &["base"]), &[]).expect(0);

    let now = tool.plan("b1", &FIVE);
    let refused = tool.publish(&tool.build(&now, &["log"]), &[]).expect(1);

    assert!(now.warnings[0].contains("base@3.0.0-b1"), "{:?}", now.warnings);
    let told = refused.stderr;
    assert!(told.contains(&"bb".repeat(20)) && told.contains(&"ba".repeat(20)), "{told}");
}

#[tokio::test]
async fn bad_sources_are_refused_with_their_lines() {
    let tool = Tool::new().await;
    let text = |products: &[Product]| manifest("b1", products);
    let whole = text(&FIVE);
    let afw = "af".repeat(20);
    let table = [
        text(&five(&[("base", "3.0.0", "ba", "app")])),
        text(&FIVE[1..]),
        text(&[FIVE[0], FIVE[0]]),
        text(&[FIVE[0], ("base", "3.0.0", "bb", "")]),
        whole.replace(&afw, &afw[..10]),
        whole[..whole.len() - 30].to_owned(),
        whole.replace("BUILD=b1\n", ""),
        "{\"sources\": []}".to_owned(),
        "[\n  {\"product\": \"afw\"}\n]".to_owned(),
    ];
    let mut refused = Vec::new();
    for text in table {
        tool.larder.write("manifest.txt", text.as_bytes());
        refused.push(tool.larder.run(["plan", "manifest.txt"]).expect(2));
    }
    tool.larder.write("manifest.txt", whole.as_bytes());
    for wrong in [["--platform", "linux"], ["--policy", "some"], ["--policy", "none=exact"]] {
        refused.push(tool.larder.run([&["plan", "manifest.txt"], &wrong[..]].concat()).expect(2));
    }
    refused.push(tool.larder.run(["plan", "none.txt"]).expect(1));

    insta::assert_snapshot!(
        refused.iter().map(|ran| redacted(&ran.all())).collect::<Vec<_>>().join("\n")
    );
}

#[tokio::test]
async fn a_hundred_thousand_sources_are_refused_at_once_and_in_little_memory() {
    let tool = Tool::new().await;
    let head = manifest("b1", &[]);
    let lines = (0..100_000).map(|number| format!("p{number} {} 1.0.0\n", "a".repeat(40)));
    tool.larder.write("manifest.txt", lines.fold(head, |text, line| text + &line).as_bytes());
    let entry = json!({"product": "p", "revision": "a".repeat(40)}).to_string();
    tool.larder.write("sources.json", format!("[{}]", vec![entry; 100_000].join(",")).as_bytes());

    for file in ["manifest.txt", "sources.json"] {
        let command = tool.larder.command([""; 0]);
        let mut limited = larder_tests::process::bare("bash");
        limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.current_dir(tool.larder.path("."));
        let script = "ulimit -v 400000; exec \"$0\" plan \"$1\"";
        let larder = program("larder");
        let refused =
            Ran::of(limited.arg("-c").arg(script).arg(larder).arg(file).output().unwrap());

        let told = refused.expect(2).stderr;
        assert!(told.contains("10000"), "{told}");
    }
}

#[tokio::test]
async fn policies_come_from_the_arguments_then_the_sources_then_the_settings() {
    let tool = Tool::new().await;
    let sources: Vec<Value> = [("log", "10"), ("afw", "af")]
        .map(|(product, short)| json!({"product": product, "revision": short.repeat(20)}))
        .to_vec();
    tool.larder.write("plain.json", json!(sources).to_string().as_bytes());
    let choosy = json!({"sources": sources, "policies": {"afw": "content"}, "build": "b7"});
    tool.larder.write("choosy.json", choosy.to_string().as_bytes());
    let settings =
        "[plan]\npolicy = \"direct\"\n[plan.policies]\nlog = \"semver\"\nother = \"semver\"\n";
    std::fs::write(tool.larder.path("../config.toml"), settings).unwrap();
    let policies = |arguments: &[&str]| {
        let plan: PlanAnswer = tool.larder.ok([&["plan"], arguments, &["--json"]].concat()).json();
        let steps = plan.steps.iter().map(|step| step.policy.to_string());
        let steps: Vec<String> = steps.collect();
        (plan.policy.to_string(), steps.join(" "))
    };
    let is = |policy: &str, steps: &str| (policy.to_owned(), steps.to_owned());

    assert_eq!(policies(&["plain.json"]), is("direct", "semver direct"));
    assert_eq!(policies(&["choosy.json"]), is("direct", "semver content"));
    assert_eq!(policies(&["choosy.json", "--policy", "exact"]), is("exact", "exact exact"));
    assert_eq!(policies(&["choosy.json", "--policy", "log=exact"]), is("direct", "exact content"));
}

#[tokio::test]
async fn build_ids_are_distinct_and_a_plan_may_take_a_new_one() {
    let tool = Tool::new().await;
    tool.larder.write("manifest.txt", manifest("b1", &FIVE).as_bytes());

    let ids = tool.larder.ok(["build-id", "--count", "3"]).stdout;
    let one: Value = tool.larder.ok(["build-id", "--json"]).json();
    let plan: PlanAnswer =
        tool.larder.ok(["plan", "manifest.txt", "--build", "new", "--json"]).json();
    let piped: PlanAnswer =
        tool.larder.run_with(["plan", "-", "--json"], &manifest("b9", &FIVE)).expect(0).json();
    tool.larder.run(["build-id", "--count", "0"]).expect(2);

    let mut all: Vec<String> = ids.lines().map(str::to_owned).collect();
    all.push(one["ids"][0].as_str().unwrap().to_owned());
    all.push(plan.build.unwrap().to_string());
    let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (5, 5), "{all:?}");
    assert_eq!(piped.build.unwrap().as_str(), "b9");
}

#[tokio::test]
async fn a_plan_is_one_request() {
    let tool = Tool::new().await;
    let proxy = Proxy::start(tool.registry.origin()).await;
    let larder = Larder::new(proxy.origin(), tool.registry.admin().token());
    larder.write("manifest.txt", manifest("b1", &FIVE).as_bytes());

    larder.ok(["plan", "manifest.txt"]);

    assert_eq!((proxy.requests("POST /api/v1/plan "), proxy.requests("")), (1, 1));
}

#[tokio::test]
async fn what_was_built_in_another_environment_is_built_anew() {
    let tool = Tool::new().await;
    tool.larder.write("manifest.txt", manifest("b1", &FIVE[..1]).as_bytes());
    let plan = |environment: &str| -> PlanAnswer {
        let arguments =
            ["plan", "manifest.txt", "--built-in", environment, "-o", "plan.json", "--json"];
        tool.larder.ok(arguments).json()
    };
    let files = tool.build(&plan("env@1"), &ALL);
    tool.publish(&files, &[]).expect(0);

    let (same, other) = (plan("env@1"), plan("env@2"));
    tool.larder
        .write(&format!("{}.json", files[0]), br#"{"built_in": {"name": "env", "version": "3"}}"#);
    let refused = tool.publish(&files, &[]).expect(2);

    assert_eq!(told(&same), ["base 3.0.0-b1"]);
    assert_eq!(told(&other), ["base build"]);
    assert!(
        refused.stderr.contains("\"env@3\"") && refused.stderr.contains("\"env@2\""),
        "{}",
        refused.all()
    );
}
