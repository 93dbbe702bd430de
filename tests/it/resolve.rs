//! Which builds meet some requirements, through the front door.

use larder_schema::Problem;
use larder_tests::{Http, TestRegistry, build};
use serde_json::{Value, json};

/// Asks for products by requirement (`afw ^1.0`), by build (`afw@1.0.0-b1`) or by name alone.
fn question(wanted: &[&str]) -> Value {
    let wanted: Vec<Value> = wanted
        .iter()
        .map(|text| match (text.split_once('@'), text.split_once(' ')) {
            (Some((product, build)), _) => json!({"product": product, "build": build}),
            (None, Some((product, requirement))) => {
                json!({"product": product, "requirement": requirement})
            }
            (None, None) => json!({"product": text}),
        })
        .collect();
    json!({"requirements": wanted, "platform": "linux-x86_64"})
}

/// The same question with more said.
fn with(mut question: Value, more: Value) -> Value {
    for (field, value) in more.as_object().unwrap() {
        question[field] = value.clone();
    }
    question
}

/// The builds of the answer: `afw@1.0.0-b1`.
async fn resolved(http: &Http, question: &Value) -> Vec<String> {
    let answer: Value = http.post("/api/v1/resolve", question).await.expect(200).json();
    let text = |listed: &Value, field: &str| listed[field].as_str().unwrap().to_owned();
    let builds = answer["builds"].as_array().unwrap().iter();
    builds.map(|listed| format!("{}@{}", text(listed, "product"), text(listed, "build"))).collect()
}

async fn refused(http: &Http, question: &Value) -> Problem {
    http.post("/api/v1/resolve", question).await.expect(409).problem()
}

#[tokio::test]
async fn the_newest_builds_come_with_what_they_need_and_each_after_that() {
    let registry = TestRegistry::start().await;
    for name in ["1.0.0-b1", "1.1.0-b1", "2.0.0-b1"] {
        registry.publish(build("log", name).file("a", name.as_bytes())).await;
    }
    registry.publish(build("afw", "1.0.0-b9").needs("log", "^1").file("a", b"9")).await;
    registry.publish(build("afw", "1.0.0-b10").needs("log", "^1").file("a", b"10")).await;
    let http = registry.anybody();

    let answer: Value = http
        .post("/api/v1/resolve", &with(question(&["afw"]), json!({"records": true})))
        .await
        .expect(200)
        .json();

    let names: Vec<&Value> =
        answer["builds"].as_array().unwrap().iter().map(|listed| &listed["build"]).collect();
    assert_eq!(names, ["1.1.0-b1", "1.0.0-b10"]);
    let afw: Value = http.read("/api/v1/builds/afw/1.0.0-b10").await;
    assert_eq!(answer["builds"][1]["record"], afw["digest"]);
    assert_eq!(
        answer["builds"][1]["archive"],
        json!(format!("sha256:{}", afw["archive"]["sha256"].as_str().unwrap()))
    );
    assert_eq!(answer["builds"][1]["tree"], afw["tree"]);
    assert_eq!(answer["records"][1]["dependencies"], afw["dependencies"]);
    assert_eq!(resolved(&http, &question(&["log ^1.0, <1.1 || ^3"])).await, ["log@1.0.0-b1"]);
}

#[tokio::test]
async fn there_is_no_answer_and_it_says_why() {
    let registry = TestRegistry::start().await;
    registry.publish(build("log", "1.0.0-b1").file("a", b"1")).await;
    registry.publish(build("afw", "1.0.0-b1").needs("log", "^1").file("a", b"9")).await;
    registry.publish(build("meas", "1.0.0-b1").needs("log", "^2").file("a", b"m")).await;
    let http = registry.anybody();

    let unknown = refused(&http, &question(&["nothing"])).await;
    let unmet = refused(&http, &question(&["meas"])).await;
    let apart = refused(&http, &question(&["afw", "log ^2"])).await;

    insta::assert_snapshot!([unknown.detail, unmet.detail, apart.detail].join("\n\n"));
}
