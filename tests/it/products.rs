//! Products: declared by admins, approved where the server asks for it, found by what is in them.

use larder_server::config::{NewProducts, Readers, Twins};
use larder_tests::redact::redacted;
use larder_tests::{Http, Larder, Parcel, TestRegistry, build, distribution};
use serde_json::{Value, json};

async fn put(http: &Http, name: &str, document: Value) -> larder_tests::Answer {
    http.put(&format!("/api/v1/products/{name}"), &document).await
}

#[tokio::test]
async fn a_product_is_declared_whole_and_told_with_what_is_published_of_it() {
    let registry = TestRegistry::start().await;
    registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    let document = json!({
        "name": "afw", "kind": "software", "owners": ["pipelines"], "scope": "images",
        "repositories": ["https://example.org/afw"], "support": "supported", "membership": "member"
    });

    let answer = put(&registry.admin(), "afw", document.clone()).await.expect(200);
    let again = put(&registry.admin(), "afw", document.clone()).await.expect(200);

    let read: Value = registry.anybody().read("/api/v1/products/afw").await;
    assert_eq!((&read["document"], &read["builds"]), (&document, &json!(1)));
    assert_eq!((answer.json::<Value>(), again.json::<Value>()), (read.clone(), read));
    put(&registry.admin(), "afw", json!({"name": "afw"})).await.expect(200);
    let read: Value = registry.anybody().read("/api/v1/products/afw").await;
    assert_eq!(read["document"], json!({"name": "afw", "kind": "software"}), "whole, not merged");
}

#[tokio::test]
async fn what_cannot_be_declared_is_refused_with_a_sentence() {
    let registry = TestRegistry::start().await;
    let admin = registry.admin();
    let own = json!({"name": "afw", "repositories": ["https://example.org/lsst/afw"]});
    put(&admin, "afw", own).await.expect(200);
    let cases = [
        ("log", json!({"name": "afw"}), 400),
        ("log", json!({"name": "log", "colour": "red"}), 400),
        ("log", json!({"name": "log", "kind": "hardware"}), 400),
        ("log", json!({"name": "log", "third_party_type": 1}), 400),
        ("log", json!({"name": "log", "kind": "third-party", "third_party_type": 4}), 400),
        ("log", json!({"name": "log", "repositories": ["git@example.org:afw"]}), 400),
        (
            "log",
            json!({"name": "log", "repositories": ["ssh://git@example.org/lsst/afw.git"]}),
            409,
        ),
        ("A-fw", json!({"name": "A-fw"}), 200),
        ("a.fw", json!({"name": "a.fw"}), 409),
    ];
    let mut sentences = Vec::new();
    for (name, document, status) in cases {
        let answer = put(&admin, name, document).await.expect(status);
        if status != 200 {
            sentences.push(redacted(&answer.problem().detail));
        }
    }
    insta::assert_snapshot!(sentences.join("\n"));
    let fork = json!({"name": "fork", "kind": "third-party",
                      "repositories": ["https://example.org/lsst/afw"]});
    put(&admin, "fork", fork).await.expect(200);
    registry.anybody().get("/api/v1/products/log").await.expect(404);
}

async fn with_approval() -> (TestRegistry, Http) {
    let registry = TestRegistry::start_with(|config| {
        config.publish.new_products = NewProducts::Pending;
    })
    .await;
    let ci = registry.holder("ci", &["publish:*", "distribute:*"]).await;
    (registry, ci)
}

#[tokio::test]
async fn a_new_product_waits_for_an_admin_and_its_bytes_wait_with_it() {
    let (registry, ci) = with_approval().await;
    let larder = Larder::new(registry.origin(), ci.token());
    let boss = Larder::new(registry.origin(), registry.admin().token());
    let afw = build("afw", "1.0.0-b1").file("a", b"a").pack();
    larder.write(afw.name(), afw.bytes());

    let refused = larder.run(["publish", "--quiet", afw.name()]).expect(1);
    let pending = boss.ok(["product", "pending"]).stdout;
    let denied = larder.run(["product", "approve", "afw"]).expect(1);
    boss.ok(["product", "approve", "afw"]);
    let sent_before = registry.counted("larder_upload_bytes_total").await;
    let published: Value = larder.ok(["publish", afw.name(), "--json"]).json();

    insta::assert_snapshot!(redacted(&format!("{}{pending}{}", refused.all(), denied.all())));
    assert_eq!(
        (&published["published"][0]["product"], &published["sent_bytes"]),
        (&json!("afw"), &json!(0))
    );
    assert_eq!(registry.counted("larder_upload_bytes_total").await, sent_before);
    let pending: Value = boss.ok(["product", "pending", "--json"]).json();
    assert_eq!(pending["items"], json!([]));
    // To approve it once more undoes nothing.
    put(&registry.admin(), "afw", json!({"name": "afw", "kind": "data"})).await.expect(200);
    let again: Value = boss.ok(["product", "approve", "afw", "--json"]).json();
    assert_eq!(again["document"]["kind"], "data");
}

#[tokio::test]
async fn a_publish_with_one_new_product_publishes_nothing() {
    let (registry, ci) = with_approval().await;
    put(&registry.admin(), "log", json!({"name": "log"})).await.expect(200);
    let (afw, log) = (
        build("afw", "1.0.0-b1").file("a", b"a").pack(),
        build("log", "1.0.0-b1").file("l", b"l").pack(),
    );
    for parcel in [&afw, &log] {
        ci.upload(parcel.name(), parcel.bytes()).await.expect(204);
    }

    let refusal = registry.publish_records(&ci, &[&afw, &log]).await.problem();

    assert_eq!((refusal.status, &refusal.fields["products"]), (409, &json!(["afw"])));
    assert!(registry.anybody().all("/api/v1/builds", 10).await.is_empty());
    registry.anybody().get("/api/v1/products?pending=true").await.expect(401);
    ci.get("/api/v1/products?pending=true").await.expect(403);
    let pending = registry.admin().all("/api/v1/products?pending=true", 10).await;
    assert_eq!((pending.len(), &pending[0]["pending"]), (1, &json!(true)));
    let names: Vec<Value> = registry.anybody().all("/api/v1/products", 10).await;
    assert_eq!((names.len(), &names[0]["name"]), (1, &json!("log")));
}

#[tokio::test]
async fn twins_wait_for_nobody() {
    let (registry, ci) = with_approval().await;
    put(&registry.admin(), "lsst.utils", json!({"name": "lsst.utils"})).await.expect(200);
    let twin = build("lsst-utils", "1.0.0-b1").file("a", b"a").pack();
    ci.upload(twin.name(), twin.bytes()).await.expect(204);

    let refusal = registry.publish_records(&ci, &[&twin]).await.problem();

    assert_eq!((refusal.status, &refusal.fields["conflict"]), (409, &json!("lsst.utils")));
    assert!(registry.admin().all("/api/v1/products?pending=true", 10).await.is_empty());
}

#[tokio::test]
async fn old_twins_may_be_declared_where_they_are_allowed() {
    let registry = TestRegistry::start_with(|config| config.publish.twins = Twins::Allow).await;
    for name in ["GalSim", "galsim"] {
        put(&registry.admin(), name, json!({"name": name})).await.expect(200);
    }
}

async fn with_files() -> (TestRegistry, Parcel) {
    let registry = TestRegistry::start().await;
    let arrow = build("pyarrow", "15.0.0-b1")
        .file("lib/libarrow.so.1500", b"so")
        .file("pyarrow/__init__.py", b"")
        .field("upstream_version", json!("15.0.0.post3"))
        .field("summary", json!("columns in memory"))
        .pack();
    registry.publish_all(&[&arrow]).await;
    registry.publish(build("numpy", "1.26.0-b1").file("numpy/__init__.py", b"x")).await;
    (registry, arrow)
}

#[tokio::test]
async fn a_search_finds_by_name_summary_upstream_version_and_file() {
    let (registry, _) = with_files().await;
    let larder = Larder::new(registry.origin(), None);
    let mut told = Vec::new();
    for text in ["ARROW", "memory", "15.0.0.post", "libarrow.so", "__init__.py", "py", "nothing"] {
        let ran = larder.run(["search", text]);

        assert_eq!(ran.code, Some(if text == "nothing" { 3 } else { 0 }), "{}", ran.all());
        told.push(format!("$ larder search {text}\n{}", ran.stdout));
    }
    insta::assert_snapshot!(told.join("\n"));
    let pages = registry.anybody().all("/api/v1/products?q=__init__.py", 1).await;
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[0]["matched"], json!({"by": "file", "text": "__init__.py"}));
}

#[tokio::test]
async fn a_search_tells_nothing_of_what_may_not_be_read() {
    let registry = TestRegistry::start_with(|config| config.access.read = Readers::Token).await;
    let secret = build("secret", "1.0.0-b1").file("lib/libsecret.so", b"s").pack();
    let open = build("open", "1.0.0-b1").file("lib/libopen.so", b"o").needs("secret", "^1").pack();
    let hidden = build("hidden", "1.0.0-b1").file("h", b"h").needs("open", "^1").pack();
    registry.publish_all(&[&secret, &open, &hidden]).await;
    let said = registry.admin().read::<Value>(&secret.path()).await;
    let said = json!({"subject": said["digest"], "kind": "note", "reason": "mind the gap"});
    registry.admin().post("/api/v1/statements", &said).await.expect(201);
    let reader = registry.holder("reader", &["read:open"]).await;

    let found = reader.all("/api/v1/products?q=lib", 10).await;
    let dependants = reader.all(&format!("{}/dependants", open.path()), 10).await;
    let subject = said["subject"].as_str().unwrap();
    let statements = reader.all(&format!("/api/v1/statements?subject={subject}"), 10).await;

    assert_eq!((found.len(), &found[0]["name"]), (1, &json!("open")));
    assert!(dependants.is_empty() && statements.is_empty());
    reader.get(&format!("{}/dependants", secret.path())).await.expect(403);
    let known = registry.admin().all(&format!("{}/dependants", open.path()), 10).await;
    assert_eq!((known.len(), &known[0]["product"]), (1, &json!("hidden")));
}

#[tokio::test]
async fn dependants_are_those_that_may_run_with_this_very_build() {
    let registry = TestRegistry::start().await;
    let log = registry.publish(build("log", "2.1.0-b1").file("l", b"log")).await;
    let against = |archive: String| {
        json!([{"product": "log", "requirement": "^2",
                "built_against": {"build": "2.1.0-b1", "archive": archive}}])
    };
    let this = against(log.archive().to_string());
    let other = against(format!("sha256:{}", "0".repeat(64)));
    let parcels = [
        build("afw", "1.0.0-b1").file("a", b"1").field("dependencies", this).pack(),
        build("afw", "1.0.0-b2").file("a", b"2").field("dependencies", other).pack(),
        build("old", "1.0.0-b1").file("a", b"3").needs("log", "<2").pack(),
        build("pure", "1.0.0-b1").platform("any").file("a", b"4").needs("log", "*").pack(),
    ];
    registry.publish_all(&parcels.each_ref()).await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    larder.ok(["withdraw", "afw@1.0.0-b2", "--reason", "it crashes"]);

    let items = registry.anybody().all(&format!("{}/dependants", log.path()), 1).await;

    let told: Vec<String> = items
        .iter()
        .map(|one| format!("{}@{} {}", one["product"], one["build"], one["built_against"]))
        .collect();
    assert_eq!(
        told,
        ["\"pure\"@\"1.0.0-b1\" false", "\"afw\"@\"1.0.0-b2\" false", "\"afw\"@\"1.0.0-b1\" true"]
    );
    let shown = larder.ok(["show", "log@2.1.0-b1", "--dependants"]).stdout;
    insta::assert_snapshot!(shown);
    larder.run(["show", "log", "--dependants"]).expect(2);
    larder.run(["show", "log@9.9.9-b1", "--dependants"]).expect(3);
}

#[tokio::test]
async fn builds_are_shown_by_version_and_by_revision() {
    let registry = TestRegistry::start().await;
    let revision = "0123456789abcdef0123456789abcdef01234567";
    let source = json!({"repository": "https://example.org/afw", "revision": revision});
    for name in ["17.0.1-b1", "17.0.1-b2", "17.1.0-b1"] {
        let made = build("afw", name).file("a", name.as_bytes());
        registry.publish(made.field("source", source.clone())).await;
    }
    let larder = Larder::new(registry.origin(), None);
    let count = |arguments: &[&str]| {
        let page: Value = larder.ok([arguments, &["--json"]].concat()).json();
        page["items"].as_array().unwrap().len()
    };

    assert_eq!(count(&["show", "afw@17.0.1"]), 2);
    assert_eq!(count(&["show", "--revision", revision]), 3);
    assert_eq!(count(&["show", "--revision", &revision[..7], "--platform", "linux-x86_64"]), 3);
    let ran = [
        larder.run(["show", "afw@17.0.2"]),
        larder.run(["show", "afw@16.01.0"]),
        larder.run(["show", "afw@17"]),
        larder.run(["show", "--revision", "fedcba9876"]),
        larder.run(["show", "--revision", "012345"]),
        larder.run(["show"]),
    ];
    assert_eq!(ran.each_ref().map(|ran| ran.code.unwrap()), [3, 2, 2, 3, 1, 2]);
    insta::assert_snapshot!(ran.map(|ran| redacted(&ran.stderr)).join("\n"));
}

#[tokio::test]
async fn a_product_is_shown_with_what_is_declared_of_it() {
    let registry = TestRegistry::start().await;
    let boost = registry.publish(build("boost", "1.84.0-b1").file("b", b"b")).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&boost])).await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    let document = json!({
        "name": "boost", "kind": "third-party", "owners": ["build team"], "scope": "C++ libraries",
        "repositories": ["https://example.org/boost"], "support": "as-is", "third_party_type": 2,
        "membership": "external"
    });
    larder.write("boost.json", &serde_json::to_vec(&document).unwrap());
    larder.write("bad.json", br#"{"name": "boost", "third_party_type": 2}"#);

    larder.ok(["product", "set", "boost.json"]);
    let bad = larder.run(["product", "set", "bad.json"]).expect(2);

    let shown = larder.ok(["show", "boost"]).stdout;
    let shown: Vec<&str> = shown.lines().filter(|line| !line.starts_with("1.84.0")).collect();
    insta::assert_snapshot!(redacted(&format!("{}\n{}", shown.join("\n"), bad.all())));
}

#[tokio::test]
async fn a_cursor_names_no_product_that_may_not_be_read() {
    let registry = TestRegistry::start_with(|config| config.access.read = Readers::Token).await;
    for product in ["aaa", "open1", "secret", "open2", "zzz"] {
        registry.publish(build(product, "1.0.0-b1").without_archive()).await;
    }
    let reader = registry.holder("reader", &["read:open*"]).await;

    let first: Value = reader.read("/api/v1/products?limit=1").await;
    let second: Value = reader.read("/api/v1/products?limit=1&cursor=open1").await;
    let hidden: Value = reader.read("/api/v1/products?limit=1&q=secret").await;

    assert_eq!((&first["items"][0]["name"], &first["next"]), (&json!("open1"), &json!("open1")));
    assert_eq!(second["items"][0]["name"], "open2");
    assert_eq!((&hidden["items"], &hidden["next"]), (&json!([]), &Value::Null));
}
