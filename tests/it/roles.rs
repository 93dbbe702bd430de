//! Every address in every role, from the table that the server itself serves from.

use larder_server::config::Readers;
use larder_server::http::{Needs, Route, routes};
use larder_tests::process::{bare, program};
use larder_tests::tus::metadata;
use larder_tests::{Answer, Http, Parcel, Ran, TestRegistry, build, distribution};
use reqwest::Method;
use serde_json::{Value, json};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Nobody,
    Dead,
    /// A live token that has no scope for anything that is there.
    Narrow,
    Admin,
}

/// What every address is asked about.
struct Subject {
    afw: Parcel,
    digest: Value,
    upload: String,
}

/// The same request for all roles; the admin's succeeds, or fails for another reason than its role.
fn request(http: &Http, route: &Route, subject: &Subject) -> reqwest::RequestBuilder {
    let path = route
        .path()
        .replace("{product}", "afw")
        .replace("{build}", &subject.afw.build())
        .replace("{checksum}", &subject.afw.archive().to_string())
        .replace("{version}", "1.0.0")
        .replace("{other}", "1.0.0")
        .replace("{platform}", "linux-x86_64")
        .replace("{path}", "index.json")
        .replace("{tag}", "current")
        .replace("{id}", subject.upload.rsplit('/').next().unwrap())
        .replace("/tokens/{name}", "/tokens/somebody")
        .replace("{name}", "apps");
    assert!(!path.contains('{'), "a name in `{}` that this test does not know", route.path());
    let method: Method = route.method().parse().unwrap();
    let query = if route.path() == "/api/v1/statements" && route.method() == "GET" {
        format!("?subject={}", subject.afw.archive())
    } else {
        String::new()
    };
    let request = http.request(method, &format!("{path}{query}"));
    match (route.method(), route.path()) {
        ("POST", "/api/v1/uploads") => request
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Length", 1)
            .header("Upload-Metadata", metadata("a.tar", None)),
        (_, path) if path.starts_with("/api/v1/uploads/") => request
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Offset", 0)
            .header("Content-Type", "application/offset+octet-stream"),
        ("POST" | "PUT", path) => request.json(&document(path, subject)),
        _ => request,
    }
}

fn document(path: &str, subject: &Subject) -> Value {
    match path {
        "/api/v1/have" | "/api/v1/identify" => json!({"checksums": [subject.afw.archive()]}),
        "/api/v1/builds" => json!({"builds": [subject.afw.record()]}),
        "/api/v1/distributions" => distribution("apps", "1.0.0").of([&subject.afw]).document(),
        "/api/v1/tags/{name}/{tag}" => json!({"version": "1.0.0"}),
        "/api/v1/tokens" => json!({"name": "another", "scopes": ["admin"]}),
        "/api/v1/statements" => {
            json!({"subject": subject.digest, "kind": "note", "reason": "x"})
        }
        "/api/v1/resolve" => {
            json!({"requirements": [{"product": "afw"}], "platform": "linux-x86_64"})
        }
        "/api/v1/plan" => json!({
            "sources": [{"product": "afw", "revision": "a".repeat(40)}], "platform": "any"
        }),
        "/api/v1/products/{product}" => json!({"name": "afw"}),
        "/api/v1/check" | "/api/v1/build-ids" => json!({}),
        other => panic!("`{other}` takes a document that this test does not know"),
    }
}

/// Which statuses a role may get; none: any but 401 and 403.
fn expected(route: &Route, role: Role, reads_are_open: bool) -> Option<u16> {
    let is_upload = route.path().starts_with("/api/v1/uploads/");
    let is_named = route.path().contains("{product}") || route.path().contains("{name}");
    match (route.what_it_needs(), role) {
        (Needs::Nothing, _) => None,
        (_, Role::Dead) => Some(401),
        (Needs::Reader, Role::Nobody) if reads_are_open => None,
        (_, Role::Nobody) => Some(401),
        // Whether it is there is not looked up; lists just do not show it.
        (Needs::Reader, Role::Narrow) if is_named && !reads_are_open => Some(403),
        (Needs::Reader, Role::Narrow) | (_, Role::Admin) => None,
        // Another token's upload is not there at all.
        (Needs::Scope(_), Role::Narrow) if is_upload => Some(404),
        (Needs::Scope(_) | Needs::Admin, Role::Narrow) => Some(403),
    }
}

async fn ask_everything(registry: &TestRegistry, reads_are_open: bool) {
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&afw])).await;
    registry.holder("somebody", &["admin"]).await;
    let upload = registry.admin().begin_upload("a.tar", 1_000, None).await;
    let read: Value = registry.admin().read(&afw.path()).await;
    let subject = Subject { afw, digest: read["digest"].clone(), upload };
    let narrow = registry.holder("narrow", &["read:nothing", "tag:nothing"]).await;
    // The admin comes last: what it deletes is gone then.
    let roles = [
        (Role::Nobody, registry.anybody()),
        (Role::Dead, registry.admin().with_token("larder_dead")),
        (Role::Narrow, narrow),
        (Role::Admin, registry.admin()),
    ];
    let openapi: Value = registry.admin().read("/openapi.json").await;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for (role, http) in &roles {
        for route in routes() {
            let answer = http.send(request(http, &route, &subject)).await;

            asked += 1;
            let is_told = answer.status >= 400 || is_described(&openapi, &route, answer.status);
            if !is_told || !is_as_expected(&answer, expected(&route, *role, reads_are_open)) {
                let (method, path) = (route.method(), route.path());
                wrong.push(format!(
                    "{role:?} {method} {path}: {} {}",
                    answer.status,
                    answer.text()
                ));
            }
        }
    }
    assert!(asked >= 4 * 25, "only {asked} questions were asked");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Whether the description tells that the address may answer so.
fn is_described(openapi: &Value, route: &Route, status: u16) -> bool {
    let operation = &openapi["paths"][route.path()][route.method().to_ascii_lowercase()];
    operation["responses"].get(status.to_string()).is_some()
}

fn is_as_expected(answer: &Answer, expected: Option<u16>) -> bool {
    match expected {
        Some(status) => answer.status == status,
        None => ![401, 403].contains(&answer.status) && answer.status < 500,
    }
}

#[tokio::test]
async fn every_address_knows_its_roles_where_reading_is_open() {
    ask_everything(&TestRegistry::start().await, true).await;
}

#[tokio::test]
async fn every_address_knows_its_roles_where_reading_needs_a_token() {
    let registry = TestRegistry::start_with(|config| config.access.read = Readers::Token).await;
    ask_everything(&registry, false).await;
}

#[tokio::test]
async fn the_description_holds_every_address_and_is_valid() {
    let registry = TestRegistry::start().await;

    let openapi: Value = registry.anybody().read("/openapi.json").await;

    assert_eq!(openapi["openapi"], "3.1.0");
    let mut command = bare(program("larder-server"));
    let printed = Ran::of(command.arg("openapi").output().unwrap()).expect(0);
    assert_eq!(printed.json::<Value>(), openapi, "the program prints another description");
    for route in routes() {
        let (method, path) = (route.method().to_ascii_lowercase(), route.path());
        let operation = &openapi["paths"][path][&method];
        assert!(operation["responses"].is_object(), "{method} {path} is not described");
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = operation["parameters"].as_array().unwrap();
            let told = parameters.iter().any(|told| {
                told["name"] == name && told["in"] == "path" && told["required"] == true
            });
            assert!(told, "{method} {path} does not tell of `{name}`");
        }
    }
    let mut references = Vec::new();
    add_references(&openapi, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("it refers to itself alone");
        assert!(openapi.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn add_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| add_references(field, references));
        }
        Value::Array(items) => items.iter().for_each(|item| add_references(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn another_method_or_address_is_told_what_there_is() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();

    let method = http.send(http.request(Method::DELETE, "/api/v1/products")).await;
    let address = http.get("/api/v2/products").await;
    let media = http.request(Method::POST, "/api/v1/have").header("content-type", "text/plain");
    let media = http.send(media.body("x")).await;

    assert_eq!((method.status, address.status, media.status), (405, 404, 415));
    assert_eq!(method.header("allow"), "GET");
    let sentences = [method, address, media].map(|answer| answer.problem().detail);
    insta::assert_snapshot!(sentences.join("\n"));
}

#[tokio::test]
async fn who_watches_needs_no_token_and_learns_no_names() {
    let registry = TestRegistry::start_with(|config| config.access.read = Readers::Token).await;
    let secret = registry.publish(build("secret_name", "1.0.0-b1").file("s", b"secret")).await;
    registry.admin().get(&secret.path()).await.expect(200);

    for path in ["/healthz", "/readyz"] {
        registry.anybody().get(path).await.expect(200);
    }
    let metrics = registry.anybody().get("/metrics").await.expect(200).text();

    assert!(metrics.contains("larder_upload_bytes_total"));
    assert!(!metrics.contains("secret_name") && !metrics.contains(&secret.sha256().to_string()));
}
