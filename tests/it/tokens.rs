//! Tokens: who may do what, for how long, and that their text is nowhere.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use larder_schema::archive::ArchiveFormat;
use larder_schema::{Checksum, Sha256};
use larder_server::config::Readers;
use larder_tests::process::{bare, program};
use larder_tests::redact::redacted;
use larder_tests::{Ran, TestRegistry, build, distribution};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_dead_token_is_refused_even_where_none_is_needed() {
    let registry = TestRegistry::start().await;
    let made = json!({"name": "short", "scopes": ["admin"], "expires_in": 60});
    let made: Value = registry.make_token(made).await.expect(201).json();
    let expired = registry.admin().with_token(made["token"].as_str().unwrap());
    let revoked = registry.holder("revoked", &["admin"]).await;
    expired.get("/api/v1/products").await.expect(200);
    revoked.get("/api/v1/products").await.expect(200);

    registry.put_clock_forward(61);
    registry.admin().delete("/api/v1/tokens/revoked").await.expect(200);

    let unknown = registry.admin().with_token("larder_unknown");
    for dead in [&expired, &revoked, &unknown] {
        let answer = dead.get("/api/v1/products").await;
        assert_eq!(answer.problem().status, 401);
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        dead.ask_to_upload("a.tar", 1, None).await.expect(401);
    }
    let none = registry.anybody().post("/api/v1/builds", &json!({"builds": []})).await.problem();
    let dead = revoked.get("/api/v1/products").await.problem();
    insta::assert_snapshot!(format!("{}\n{}", none.detail, dead.detail));
}

#[tokio::test]
async fn another_way_to_say_who_one_is_is_no_way() {
    let registry = TestRegistry::start().await;
    let http = registry.anybody();
    for header in ["Basic YTpi", "Bearer", "larder_x", "Token abc"] {
        let request = http.request(Method::GET, "/api/v1/products").header("authorization", header);

        let answer = http.send(request).await;

        assert_eq!(answer.status, 401, "{header}");
    }
}

#[tokio::test]
async fn a_narrow_token_may_what_its_scopes_say_and_no_more() {
    let registry = TestRegistry::start().await;
    let http = registry.holder("ci", &["publish:afw*", "distribute:apps"]).await;
    let afw = build("afw_data", "1.0.0-b1").file("a", b"a").pack();
    let log = build("log", "1.0.0-b1").file("l", b"l").pack();
    http.upload(afw.name(), afw.bytes()).await.expect(204);
    http.upload(log.name(), log.bytes()).await.expect(204);
    let publish = async |document: Value| http.post("/api/v1/builds", &document).await;
    let listed = distribution("apps", "1.0.0").of([&afw]).document();
    let other = distribution("others", "1.0.0").of([&afw]).document();
    let tag = json!([{"name": "apps", "tag": "current", "version": "1.0.0"}]);

    let refusals = [
        publish(json!({"builds": [log.record()]})).await,
        publish(json!({"builds": [afw.record(), log.record()]})).await,
        publish(json!({"builds": [afw.record()], "distribution": other})).await,
        publish(json!({"builds": [afw.record()], "distribution": listed, "tags": tag})).await,
        http.put("/api/v1/tags/apps/current", &json!({"version": "1.0.0"})).await,
        http.post("/api/v1/tokens", &json!({"name": "x", "scopes": ["admin"]})).await,
    ];

    let mut sentences = Vec::new();
    for refusal in refusals {
        let problem = refusal.problem();
        assert_eq!(problem.status, 403, "{}", problem.detail);
        sentences.push(format!("{} ({})", problem.detail, problem.fields["scope"]));
    }
    insta::assert_snapshot!(sentences.join("\n"));
    assert!(registry.anybody().all("/api/v1/builds", 100).await.is_empty());
    publish(json!({"builds": [afw.record()], "distribution": listed})).await.expect(200);
}

#[tokio::test]
async fn every_part_of_a_batch_is_authorised_before_anything_is_looked_up() {
    let registry = TestRegistry::start().await;
    let ci = registry.holder("ci", &["publish:afw"]).await;
    let never_sent = build("afw", "1.0.0-b1").file("a", b"a").pack();
    let not_mine = build("log", "1.0.0-b1").file("l", b"l").pack();

    let refusal = registry.publish_records(&ci, &[&never_sent, &not_mine]).await;

    assert_eq!(refusal.problem().status, 403, "{}", refusal.text());
}

#[tokio::test]
async fn all_that_a_test_token_publishes_is_a_test_build() {
    let registry = TestRegistry::start().await;
    let made = json!({"name": "branch", "scopes": ["publish:*"], "test": true});
    let made: Value = registry.make_token(made).await.expect(201).json();
    let branch = registry.admin().with_token(made["token"].as_str().unwrap());
    let parcel = build("afw", "1.0.0-b1").file("a", b"a").field("test", json!(false)).pack();
    branch.upload(parcel.name(), parcel.bytes()).await.expect(204);

    registry.publish_records(&branch, &[&parcel]).await.expect(200);

    let read: Value = registry.anybody().read(&parcel.path()).await;
    assert_eq!((&read["test"], &read["published"]["by"]), (&json!(true), &json!("branch")));
}

#[tokio::test]
async fn a_token_is_told_once_and_kept_nowhere() {
    let mut registry = TestRegistry::start().await;
    let holder = registry.holder("ci", &["publish:*"]).await;
    let text = holder.token().unwrap().to_owned();
    holder.ask_to_upload("a.tar", 1, None).await.expect(201);

    let listed = registry.admin().get("/api/v1/tokens").await.expect(200);

    let tokens: Value = listed.json();
    let ci = tokens["items"].as_array().unwrap().iter().find(|token| token["name"] == "ci");
    assert!(ci.unwrap()["last_used"].is_string());
    assert!(!listed.text().contains(&text));
    registry
        .restart_after(|data| {
            for file in all_files(data) {
                let bytes = std::fs::read(&file).unwrap();
                let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
                assert!(!found, "the token stands in {}", file.display());
            }
        })
        .await;
    holder.with_origin(registry.origin()).ask_to_upload("b.tar", 1, None).await.expect(201);
}

fn all_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_revoked_name_is_never_free_again() {
    let registry = TestRegistry::start().await;
    registry.holder("ci", &["publish:*"]).await;
    registry.admin().delete("/api/v1/tokens/ci").await.expect(200);

    let again = registry.make_token(json!({"name": "ci", "scopes": ["admin"]})).await.problem();
    let nobody = registry.admin().delete("/api/v1/tokens/nobody").await.problem();
    let scope = registry.make_token(json!({"name": "x", "scopes": ["write:*"]})).await.problem();
    let none = registry.make_token(json!({"name": "x", "scopes": []})).await.problem();
    let dead = json!({"name": "x", "scopes": ["admin"], "expires_in": 0});
    let dead = registry.make_token(dead).await.problem();

    let all = [again, nobody, scope, none, dead];
    assert_eq!(all.each_ref().map(|problem| problem.status), [409, 404, 400, 400, 400]);
    insta::assert_snapshot!(all.map(|problem| problem.detail).join("\n"));
}

fn server(data: &Path, arguments: &[&str]) -> Ran {
    let mut command = bare(program("larder-server"));
    command.args(arguments).arg("--data").arg(data);
    Ran::of(command.output().unwrap())
}

#[tokio::test]
async fn a_token_is_made_and_revoked_through_the_server_that_runs() {
    let registry = TestRegistry::start().await;
    let create = ["token", "create", "--name", "ci", "--scope", "publish:*", "--expires", "90d"];

    let made = server(&registry.data(), &create).expect(0);

    let token = made.stdout.trim();
    assert!(token.starts_with("larder_") && made.stdout == format!("{token}\n"), "{}", made.all());
    let ci = registry.anybody().with_token(token);
    ci.ask_to_upload("a.tar", 1, None).await.expect(201);
    let listed = server(&registry.data(), &["token", "list"]).expect(0);
    assert!(listed.stdout.contains("ci") && !listed.stdout.contains(token), "{}", listed.all());
    server(&registry.data(), &["token", "revoke", "ci"]).expect(0);
    ci.ask_to_upload("a.tar", 1, None).await.expect(401);
}

#[tokio::test]
async fn a_token_is_made_while_no_server_runs() {
    let mut registry = TestRegistry::start().await;
    let create = ["token", "create", "--name", "ci", "--scope", "publish:*"];
    let mut token = String::new();

    registry.restart_after(|data| token = server(data, &create).expect(0).stdout).await;

    let ci = registry.anybody().with_token(token.trim());
    let parcel = build("afw", "1.0.0-b1").format(ArchiveFormat::Tar).file("a", b"a").pack();
    ci.upload(parcel.name(), parcel.bytes()).await.expect(204);
}

#[tokio::test]
async fn what_cannot_be_a_token_is_wrong_usage() {
    let registry = TestRegistry::start().await;
    let data = registry.data();

    let ran = [
        server(&data, &["token", "create", "--name", "ci", "--scope", "write:*"]).expect(2),
        server(&data, &["token", "create", "--name", "../ci", "--scope", "admin"]).expect(2),
        server(&data, &["token", "create", "--name", "c", "--scope", "admin", "--expires", "soon"])
            .expect(2),
        server(&data, &["token", "revoke", "nobody"]).expect(1),
    ];

    insta::assert_snapshot!(ran.map(|ran| redacted(&ran.all())).join("\n"));
}

#[tokio::test]
async fn the_first_token_is_for_its_owners_eyes() {
    let registry = TestRegistry::start().await;

    let data = registry.data();
    let mode =
        |name: &str| std::fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;

    assert_eq!((mode("admin-token"), mode("control.json")), (0o600, 0o600));
}

/// Where reading needs a token, nobody gets at another product's bytes by naming them.
#[tokio::test]
async fn knowing_a_checksum_or_a_name_grants_nothing() {
    let registry = TestRegistry::start_with(|config| config.access.read = Readers::Token).await;
    let secret = registry.publish(build("secret", "1.0.0-b1").file("key", b"hidden")).await;
    let mine = registry.holder("mine", &["publish:mine", "distribute:*", "tag:*"]).await;
    let have = json!({"checksums": [secret.archive()]});
    let record = json!({"product": "mine", "version": "1.0.0", "build": "b1",
        "platform": "linux-x86_64", "archive": secret.record()["archive"]});
    let listed = distribution("mine", "1.0.0").of([&secret]).document();

    let held: Value = mine.post("/api/v1/have", &have).await.expect(200).json();
    let named = mine.post("/api/v1/builds", &json!({"builds": [record]})).await.problem();
    let listing = mine.post("/api/v1/distributions", &listed).await.problem();

    assert_eq!(held["held"], json!([]));
    assert_eq!((named.status, &named.fields["missing"]), (409, &have["checksums"]));
    assert_eq!(listing.status, 422, "{}", listing.detail);
    mine.get(&format!("/api/v1/blobs/{}", secret.archive())).await.expect(404);
    mine.get(&secret.path()).await.expect(403);

    // Who has the bytes may publish them.
    mine.upload(secret.name(), secret.bytes()).await.expect(204);
    mine.post("/api/v1/builds", &json!({"builds": [record]})).await.expect(200);
    mine.get(&format!("/api/v1/blobs/{}", secret.archive())).await.expect(200);
}

#[tokio::test]
async fn what_one_may_read_is_identified_behind_all_that_one_may_not() {
    let registry = TestRegistry::start_with(|config| config.access.read = Readers::Token).await;
    let mut hidden = build("hidden", "1.0.0-b1");
    for number in 0..150 {
        hidden = hidden.file(&format!("d{number}/LICENSE"), b"the licence");
    }
    registry.publish(hidden).await;
    let open = registry.publish(build("open", "1.0.0-b1").file("LICENSE", b"the licence")).await;
    let reader = registry.holder("reader", &["read:open"]).await;
    let licence = Checksum::Sha256(Sha256::of(b"the licence"));

    let answer = reader.post("/api/v1/identify", &json!({"checksums": [licence]})).await;

    let answer: Value = answer.expect(200).json();
    assert_eq!(answer["found"][0]["product"], open.product());
    assert_eq!((&answer["unknown"], answer.get("more")), (&json!([]), None));
}

#[tokio::test]
async fn a_list_is_no_document() {
    let registry = TestRegistry::start().await;
    for (path, list) in [
        ("/api/v1/builds", json!([[], null, []])),
        ("/api/v1/resolve", json!([[], "any"])),
        ("/api/v1/have", json!([[]])),
    ] {
        registry.admin().post(path, &list).await.expect(400);
    }
}
