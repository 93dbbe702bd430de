//! Records that go with a plan, and such that do not.

use larder_schema::DependencyKind;
use serde_json::json;

use super::*;
use crate::planning::tests::plan;

fn planned(given: Option<&str>) -> Result<Planned, Error> {
    let given = given.map(|id| id.parse().unwrap());
    Planned::new(plan(|_| {}), Path::new("p.json"), given.as_ref())
}

/// The record of `afw`, which the plan builds, with other fields.
fn afw(fields: Value) -> Build {
    let mut record = json!({
        "product": "afw", "version": "2.0.0", "build": "b2", "platform": "linux-x86_64",
        "archive": null, "source": {"revision": "a".repeat(40)}
    });
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(record).unwrap()
}

fn bound(fields: Value) -> Result<Build, Error> {
    let planned = planned(None)?;
    let mut build = afw(fields);
    planned.complete(planned.step(&build.product)?, &mut build)?;
    planned.bind(&mut build, &planned.at_hand(&[]))?;
    Ok(build)
}

fn told(fields: Value) -> String {
    bound(fields).unwrap_err().to_string()
}

#[test]
fn what_a_record_leaves_open_is_filled_in_from_the_plan() {
    let archive = format!("sha256:{}", "0".repeat(64));
    let against = json!({"build": "1.0.0-b1", "archive": archive});
    let table = [
        (json!([]), json!([{"product": "log", "requirement": "*", "built_against": against}])),
        (
            json!([{"product": "log", "requirement": "^1.0", "kind": "build"},
                   {"product": "check", "requirement": "*", "kind": "test"}]),
            json!([{"product": "log", "requirement": "^1.0", "kind": "build", "built_against": against},
                   {"product": "check", "requirement": "*", "kind": "test"}]),
        ),
        (
            json!([{"product": "log", "requirement": "*", "built_against": {"build": "1.0.0-b1"}}]),
            json!([{"product": "log", "requirement": "*", "built_against": against}]),
        ),
    ];
    for (given, expected) in table {
        let build = bound(json!({"dependencies": given})).unwrap();

        assert_eq!(serde_json::to_value(&build.dependencies).unwrap(), expected);
    }
    let part = planned(None).unwrap();
    let part = part.part(part.step(&"afw".parse().unwrap()).unwrap());
    assert_eq!(part.fields["version"], "2.0.0");
    assert_eq!(part.fields["build"], "b2");
    assert_eq!(part.fields["source"]["revision"], "a".repeat(40));
}

#[test]
fn what_is_needed_to_build_and_to_run_is_recorded_as_both() {
    let plan = plan(|plan| {
        plan["steps"][1]["dependencies"] = json!([
            {"product": "log", "kind": "run"}, {"product": "log", "kind": "build"}, {"product": "log"}
        ]);
    });
    let planned = Planned::new(plan, Path::new("p.json"), None).unwrap();
    let mut build = afw(json!({}));

    planned.bind(&mut build, &planned.at_hand(&[])).unwrap();

    let kinds: Vec<DependencyKind> = build.dependencies.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [DependencyKind::Run, DependencyKind::Build]);
    assert!(build.dependencies.iter().all(|entry| entry.built_against.is_some()));
}

#[test]
fn the_environment_and_the_source_come_from_the_plan() {
    let plan = plan(|plan| {
        plan["built_in"] = json!({"name": "env", "version": "1"});
        plan["steps"][1]["repository"] = json!("https://example.org/afw");
        plan["steps"][1]["upstream_version"] = json!("2.0-1-gabc1234");
    });
    let planned = Planned::new(plan, Path::new("p.json"), None).unwrap();
    let complete = |fields: Value| {
        let mut build = afw(fields);
        planned.complete(planned.step(&build.product).unwrap(), &mut build).map(|()| build)
    };

    let filled = complete(json!({})).unwrap();
    let said = json!({"built_in": {"name": "env", "version": "1", "lock": format!("sha256:{}", "1".repeat(64))}});
    let kept = complete(said).unwrap();
    let other = complete(json!({"built_in": {"name": "env", "version": "2"}})).unwrap_err();

    assert_eq!(EnvironmentName::of(&filled.built_in.unwrap()).to_string(), "env@1");
    assert_eq!(filled.source.unwrap().repository.unwrap().as_str(), "https://example.org/afw");
    assert_eq!(filled.upstream_version.unwrap().as_str(), "2.0-1-gabc1234");
    assert!(kept.built_in.unwrap().lock.is_some());
    assert_eq!(
        other.to_string(),
        "`built_in` is \"env@2\" in the record of afw@2.0.0-b2 for linux-x86_64 and \"env@1\" in the \
         plan `p.json`; make them agree"
    );
}

#[test]
fn what_contradicts_the_plan_is_told_with_both_values() {
    let dependency = |more: Value| {
        let mut entry = json!({"product": "log", "requirement": "*"});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"dependencies": [entry]})
    };

    let against = told(dependency(json!({"built_against": {"build": "1.0.0-b0"}})));
    assert!(against.contains("\"1.0.0-b0\"") && against.contains("\"1.0.0-b1\""), "{against}");
    let sum = format!("sha256:{}", "1".repeat(64));
    let other = json!({"built_against": {"build": "1.0.0-b1", "archive": sum}});
    assert!(told(dependency(other)).contains("`dependencies.log.built_against.archive`"));
    let requirement = told(dependency(json!({"requirement": "^2"})));
    assert!(
        requirement.contains("\"^2\"") && requirement.contains("\"1.0.0-b1\""),
        "{requirement}"
    );
    let extra = told(dependency(json!({"product": "utils"})));
    assert!(extra.contains("lists `utils`, which the plan `p.json` does not have"), "{extra}");
    assert!(told(json!({"platform": "macos-aarch64"})).contains("does not fit `linux-x86_64`"));
    let run = planned(Some("b3")).unwrap_err().to_string();
    assert!(run.contains("\"b2\"") && run.contains("\"b3\""), "{run}");
    assert!(planned(Some("b2")).is_ok());
    let unknown = planned(None).unwrap().step(&"utils".parse().unwrap()).unwrap_err().to_string();
    assert!(unknown.starts_with("the plan `p.json` has no `utils`"), "{unknown}");
}

#[test]
fn a_run_has_one_build_id() {
    let offer = |id: &str| Offer { build: afw(json!({"build": id})), file: None };
    let nameless = plan(|plan| plan["build"] = Value::Null);
    let nameless = Planned::new(nameless, Path::new("p.json"), None).unwrap();

    assert_eq!(planned(None).unwrap().run(&[]).unwrap().unwrap().as_str(), "b2");
    assert!(planned(None).unwrap().run(&[offer("b3")]).is_err());
    assert_eq!(nameless.run(&[offer("b3")]).unwrap().unwrap().as_str(), "b3");
    assert!(nameless.run(&[offer("b3"), offer("b4")]).is_err());
    assert_eq!(nameless.run(&[]).unwrap(), None);
}

#[test]
fn a_build_of_what_is_reused_is_that_build_or_refused() {
    let planned = planned(None).unwrap();
    let step = planned.step(&"log".parse().unwrap()).unwrap();
    let log = |id: &str, sum: &str| -> Build {
        serde_json::from_value(json!({
            "product": "log", "version": "1.0.0", "build": id, "platform": "any",
            "archive": {"sha256": sum.repeat(64), "name": "log-1.0.0-b1-any.tar"}
        }))
        .unwrap()
    };

    assert!(planned.is_reused(step, &log("b1", "0")).unwrap());
    for other in [log("b2", "0"), log("b1", "1")] {
        let told = planned.is_reused(step, &other).unwrap_err().to_string();
        assert!(told.contains("reuses log@1.0.0-b1 for any"), "{told}");
    }
}

#[test]
fn what_lacks_is_told_in_build_order() {
    let planned = planned(None).unwrap();
    let offers = [Offer { build: afw(json!({})), file: None }];

    assert_eq!(planned.lacking(&planned.at_hand(&[])), ["afw".parse().unwrap()]);
    assert!(planned.lacking(&planned.at_hand(&offers)).is_empty());
    assert!(planned.needed(&offers, &AllThere::new()).unwrap() == ["log".parse().unwrap()]);
    let told = planned.bind(&mut afw(json!({})), &AllThere::new()).unwrap_err().to_string();
    assert!(told.contains("was built against `log`, which this run has not published"), "{told}");
}
