//! Conflicts between LSST's own packages, and how they are told to whoever meets them at night.

use larder_tests::data::wheels;
use larder_tests::{Larder, Ran, TestRegistry, build};
use serde_json::{Value, json};

/// A server with two weeklies, and with what an observatory has on top of them.
async fn observatory() -> Option<TestRegistry> {
    let (old, new) = (wheels("4200")?, wheels("4300")?);
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    for (week, wheels) in [("4200", old), ("4300", new)] {
        let distribution = format!("lsst_butler@30.2026.{week}");
        let mut command = larder.command(["import", "wheel", "--build", "b1", "--json"]);
        command.args(["--distribution", &distribution]).args(wheels);
        Ran::of(command.output().unwrap()).expect(0);
    }
    let own = [
        build("alert_stream", "3.1.0-b7").needs("lsst_daf_butler", "=30.2026.4200"),
        build("prompt_processing", "2.4.0-b12").needs("lsst_daf_butler", ">=30.2026.4300"),
        build("observing", "1.2.0-b3").needs("lsst_daf_butler", "*").needs("focal_plane", "^5"),
        build("focal_plane", "5.0.1-b3").needs("cxx_toolchain", "*"),
        build("cxx_toolchain", "13.2.0-b1").field("role", json!("build")),
    ];
    for one in own {
        registry.publish(one.without_archive()).await;
    }
    Some(registry)
}

async fn told(registry: &TestRegistry, question: Value) -> String {
    let answer = registry.anybody().post("/api/v1/resolve", &question).await;
    answer.expect(409).problem().detail
}

/// For the machines of the observatory.
fn asked(products: Value, more: Value) -> Value {
    let mut question = json!({
        "requirements": products, "platform": "linux-x86_64",
        "host": {"glibc": "2.34", "python": "3.11.9"},
    });
    for (field, value) in more.as_object().unwrap() {
        question[field] = value.clone();
    }
    question
}

#[tokio::test]
async fn five_conflicts_of_real_packages_are_told_so_that_a_person_understands_them() {
    let Some(registry) = observatory().await else { return };
    let butler = json!([{"product": "lsst_daf_butler"}]);
    let http = registry.anybody();
    let fine = http.post("/api/v1/resolve", &asked(butler.clone(), json!({}))).await.expect(200);
    let fine: Value = fine.json();
    assert_eq!(fine["builds"].as_array().unwrap().len(), 24);
    assert_eq!(fine["builds"][23]["build"], "30.2026.4300-b1");

    let both = json!([{"product": "alert_stream"}, {"product": "prompt_processing"}]);
    insta::assert_snapshot!("two_demands_meet", told(&registry, asked(both, json!({}))).await);

    let host = json!({"host": {"glibc": "2.34", "python": "3.13.1"}});
    let other_python = told(&registry, asked(butler.clone(), host)).await;
    insta::assert_snapshot!("a_python_that_the_host_has_not", other_python);

    let observing = json!([{"product": "observing", "requirement": "^1.2"}]);
    let operations = told(&registry, asked(observing, json!({"context": "operations"}))).await;
    insta::assert_snapshot!("operations_refuses_a_chain", operations);

    let weekly = json!({"distribution": {"name": "lsst_butler", "version": "30.2026.4200"}});
    let newer = json!([{"product": "lsst_daf_butler", "requirement": ">=30.2026.4300"}]);
    let outside = told(&registry, asked(newer, weekly)).await;
    let arm = told(&registry, asked(butler.clone(), json!({"platform": "linux-aarch64"}))).await;
    insta::assert_snapshot!(
        "outside_a_weekly_and_on_another_platform",
        format!("{outside}\n\n{arm}")
    );

    let numpy: Value = http.read("/api/v1/builds/numpy/2.4.6-b1").await;
    let said = json!({"subject": numpy["digest"], "kind": "withdrawn",
                      "reason": "sums of float32 are wrong on some processors"});
    registry.admin().post("/api/v1/statements", &said).await.expect(201);
    insta::assert_snapshot!("a_withdrawn_build", told(&registry, asked(butler, json!({}))).await);
}
