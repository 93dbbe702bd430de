//! Text that is made to hurt: it is refused, or it stays text wherever it comes out.

use larder_tests::{Larder, Parcel, Ran, TestRegistry, build, distribution};
use serde_json::{Value, json};

const PAYLOADS: [&str; 14] = [
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    "\"; touch pwned; \"",
    "x\ntouch pwned\n",
    "x\\\ntouch pwned",
    "; touch pwned #",
    "${PATH}/$HOME",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "--help",
    "%s%n{}{0}",
    "\u{1b}]0;title\u{7}\u{1b}[2J",
    "\u{202e}txt.exe",
];

/// Where a payload can stand in the record of a build; `n` makes names differ.
fn fields(text: &'static str, n: usize) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("the license", "license", json!(text)),
        ("the summary", "summary", json!(text)),
        ("the upstream version", "upstream_version", json!(text)),
        ("a repository", "source", json!({"repository": text, "revision": "a".repeat(40)})),
        ("a revision", "source", json!({"repository": "https://x.example/y", "revision": text})),
        ("a source's tag", "source", json!({"revision": "a".repeat(40), "tag": text})),
        ("a source's URL", "source", json!({"url": text, "sha256": "a".repeat(64)})),
        ("a needed product", "dependencies", json!([{"product": text, "requirement": "*"}])),
        ("a requirement", "dependencies", json!([{"product": "x", "requirement": text}])),
        ("where it was built", "built_in", json!({"name": text, "version": text})),
        ("what is needed", "needs", json!({text: ">=1"})),
        ("a need", "needs", json!({"glibc": text})),
        ("a variable's name", "variables", json!({text: ["bin"]})),
        ("a variable's path", "variables", json!({format!("PATH_{n}"): [text]})),
        ("a variable's text", "variables", json!({format!("TEXT_{n}"): {"set": text}})),
        ("a script's name", "scripts", json!({text: "a:b"})),
        ("a script", "scripts", json!({format!("evil{n}"): text})),
        ("a tool", "built_by", json!({"tool": text})),
        ("a job's URL", "built_by", json!({"tool": "x", "url": text})),
        ("a parameter", "built_by", json!({"tool": "x", "parameters": {text: text}})),
        ("an archive's name", "archive.name", json!(format!("{text}.tar.zst"))),
        ("a product's name", "product", json!(text)),
        ("a version", "version", json!(text)),
        ("a bID", "build", json!(text)),
        ("a platform", "platform", json!(text)),
        ("a field that is none", text, json!(text)),
    ]
}

/// All builds that the server takes, each with its harm.
async fn accepted(registry: &TestRegistry) -> Vec<(Parcel, &'static str, &'static str)> {
    let mut accepted = Vec::new();
    for payload in PAYLOADS {
        for (what, field, value) in fields(payload, accepted.len()) {
            let parcel = build(&format!("evil{}", accepted.len()), "1.0.0-b1")
                .file("bin/tool", b"#!/bin/sh\n")
                .field(field, value)
                .pack();
            registry.upload_all(&[&parcel]).await;
            let answer = registry.publish_records(&registry.admin(), &[&parcel]).await;
            match answer.status {
                200 => accepted.push((parcel, what, payload)),
                400 | 422 => {
                    let detail = answer.problem().detail;
                    let plain = !detail.contains(|c: char| c.is_control() && c != '\n');
                    assert!(plain, "{what}, {payload:?}: {detail:?}");
                }
                other => panic!("{what}, {payload:?}: {other} {}", answer.text()),
            }
        }
    }
    accepted
}

#[track_caller]
fn harmless(ran: &Ran, what: &str) {
    let is_harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    for stream in [&ran.stdout, &ran.stderr] {
        assert!(!stream.contains(is_harmful), "{what}: {stream:?}");
    }
}

#[tokio::test]
async fn text_of_a_record_stays_text_on_a_terminal_in_a_shell_and_in_a_launcher() {
    let registry = TestRegistry::start().await;
    let accepted = accepted(&registry).await;
    let refused_everywhere = |what| accepted.iter().all(|(_, harm, _)| *harm != what);
    for what in ["a product's name", "a version", "a bID", "a platform", "a needed product"] {
        assert!(refused_everywhere(what), "{what}");
    }
    for what in ["a variable's name", "a field that is none", "a requirement", "a revision"] {
        assert!(refused_everywhere(what), "{what}");
    }
    assert!(accepted.iter().all(|(_, what, payload)| {
        !what.ends_with("URL") && *what != "a repository" || !payload.starts_with("javascript")
    }));
    let parcels = accepted.iter().map(|(parcel, ..)| parcel);
    registry.distribute(&distribution("stack", "1.0.0").of(parcels)).await;
    let larder = Larder::new(registry.origin(), None);

    harmless(&larder.ok(["install", "stack@1.0.0", "--prefix", "env"]), "install");
    for command in ["list", "status", "verify"] {
        harmless(&larder.ok([command, "--prefix", "env"]), command);
        larder.ok([command, "--prefix", "env", "--json"]).json::<Value>();
    }
    harmless(&larder.ok(["dist", "show", "stack@1.0.0"]), "dist show");
    harmless(&larder.ok(["search", "evil"]), "search");
    for (parcel, what, payload) in &accepted {
        let name = format!("{}@{}", parcel.product(), parcel.build());
        harmless(&larder.ok(["show", &name]), &format!("{what}, {payload:?}"));
        let shown: Value = larder.ok(["show", &name, "--json"]).json();
        assert_eq!(shown["product"], parcel.product());
    }
    // Each variable has just the text that was published: in `run` and in a shell.
    let ran = larder.ok(["run", "--prefix", "env", "--", "env", "-0"]);
    for shell in ["bash", "zsh", "fish"] {
        let found = std::process::Command::new(shell).args(["-c", "true"]).status();
        if !found.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no {shell} on this machine");
            continue;
        }
        let code = larder.ok(["activate", "--prefix", "env", "--shell", shell]).stdout;
        let script = larder.write("activate", format!("{code}\nenv -0\n").as_bytes());
        let output = std::process::Command::new(shell)
            .arg(script)
            .current_dir(larder.path("."))
            .output()
            .unwrap();
        let activated = String::from_utf8_lossy(&output.stdout).into_owned();
        for (parcel, what, payload) in &accepted {
            let Some(variables) = parcel.record()["variables"].as_object() else { continue };
            for (name, value) in variables {
                let says = |environment: &str| {
                    let prefix = format!("{name}=");
                    let value = environment.split('\0').find_map(|one| one.strip_prefix(&prefix));
                    value.map(str::to_owned)
                };
                let here = says(&ran.stdout).expect("it is set");
                assert_eq!(says(&activated).as_ref(), Some(&here), "{shell}: {what}, {payload:?}");
                match value.get("set") {
                    Some(set) => assert_eq!(here, set.as_str().unwrap()),
                    None => assert!(here.ends_with(&format!("/{payload}")), "{here:?}"),
                }
            }
        }
    }
    // The launchers run, and fail, and do nothing else.
    for entry in std::fs::read_dir(larder.path("env/current/bin")).unwrap() {
        std::process::Command::new(entry.unwrap().path())
            .current_dir(larder.path("."))
            .output()
            .ok();
    }
    for folder in [larder.path("."), larder.path("env"), larder.path("env/current/bin")] {
        assert!(!folder.join("pwned").exists(), "something ran in {}", folder.display());
    }
}

#[tokio::test]
async fn text_of_a_distribution_a_tag_and_a_statement_is_refused_or_stays_text() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    let http = registry.admin();
    let record: Value = http.read(&format!("{}?platform=linux-x86_64", afw.path())).await;
    for (n, payload) in PAYLOADS.into_iter().enumerate() {
        let url = json!([{"kind": "data", "name": "x", "url": payload}]);
        for (field, value) in [
            ("name", json!(payload)),
            ("version", json!(payload)),
            ("platform", json!(payload)),
            ("stage", json!(payload)),
            ("contexts", json!([payload])),
            ("roots", json!([payload])),
            ("externals", url),
        ] {
            let document = distribution("stack", "1.0.0").of([&afw]).field(field, value);
            let answer = registry.offer(&document).await;
            assert!([400, 422].contains(&answer.status), "{field}, {payload:?}: {}", answer.status);
        }
        let version = format!("1.0.{n}");
        let externals = json!([{"kind": payload, "name": payload, "url": "https://x.example/y"}]);
        let document = distribution("stack", &version).of([&afw]).field("externals", externals);
        if registry.offer(&document).await.status == 200 {
            harmless(&larder.ok(["dist", "show", &format!("stack@{version}")]), payload);
        }
        let ran = larder.run(["tag", "set", "--", "stack", payload, "1.0.0"]);
        assert!(matches!(ran.code, Some(1..=2)), "{}", ran.all());
        let said = json!({"subject": record["digest"], "kind": "note", "reason": payload});
        let answer = http.post("/api/v1/statements", &said).await;
        assert!([201, 400, 422].contains(&answer.status), "{payload:?}: {}", answer.text());
        harmless(&larder.ok(["show", "afw@1.0.0-b1"]), payload);
    }
}
