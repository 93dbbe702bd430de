//! What is promised of builds as a plan reads them: found by what they were built against.

use std::ops::ControlFlow;

use larder_schema::ProductName;
use serde_json::{Value, json};

use super::*;
use crate::catalog::stock::{Alike, AlikeBuild, Look, Major, ProductNumber, SourceNumber, Stocked};

/// A build at the revision `letter`, over and over, built against builds that are named.
fn made(product: &str, name: &str, letter: &str, against: &[(&str, &str)]) -> Build {
    let dependencies: Vec<Value> = against
        .iter()
        .map(|(product, build)| {
            json!({"product": product, "requirement": "*", "built_against": {"build": build}})
        })
        .collect();
    let (build, _) = build(product, name, None);
    let mut build = serde_json::to_value(build).unwrap();
    build["source"] = json!({"repository": "https://example.org/x", "revision": letter.repeat(40)});
    build["dependencies"] = json!(dependencies);
    serde_json::from_value(build).unwrap()
}

async fn publish(catalog: &dyn Catalog, builds: &[&Build]) {
    let builds: Vec<_> =
        builds.iter().map(|build| ((*build).clone(), build.digest().unwrap())).collect();
    catalog.record(&publication(&builds), &act()).await.unwrap().unwrap();
}

/// What `work` finds in one state of the catalog.
async fn in_stock<T: Send + 'static>(
    catalog: &dyn Catalog,
    work: impl FnOnce(&dyn Stock) -> Result<T, Error> + Send + 'static,
) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    let work = move |stock: &dyn Stock| sender.send(work(stock)).unwrap();
    catalog.with_stock(Box::new(work)).await.unwrap();
    receiver.recv().unwrap().unwrap()
}

fn numbers(
    stock: &dyn Stock,
    product: &str,
    letter: &str,
) -> (ProductNumber, Option<SourceNumber>) {
    let revision = letter.repeat(40).parse().unwrap();
    stock.source(&product.parse().unwrap(), &revision).unwrap().unwrap()
}

fn source(stock: &dyn Stock, product: &str, letter: &str) -> SourceNumber {
    numbers(stock, product, letter).1.unwrap()
}

/// The names of builds that are handed over.
fn names(look: impl FnOnce(stock::Look<'_>) -> Result<(), Error>) -> Vec<String> {
    let mut names = Vec::new();
    look(&mut |stocked| {
        names.push(stocked.name.to_string());
        ControlFlow::Continue(())
    })
    .unwrap();
    names
}

/// All that a plan can read of these sources.
async fn read(catalog: &dyn Catalog, sources: &'static [(&str, &str)]) -> Vec<String> {
    in_stock(catalog, move |stock| {
        let mut told = Vec::new();
        for (product, letter) in sources {
            let source = source(stock, product, letter);
            stock.of_source(source, &mut |one| {
                told.push(format!("{one:?}"));
                ControlFlow::Continue(())
            })?;
            let mut sets = Vec::new();
            let likenesses = stock.likenesses(source, &mut |alike| {
                sets.push(format!("{alike:?}"));
                true
            })?;
            told.extend(sets);
            told.push(format!("{likenesses:?}"));
            for likeness in likenesses {
                told.extend(names(|look| stock.alike(likeness.number, look)));
            }
        }
        Ok(told)
    })
    .await
}

pub(super) async fn builds_are_found_by_what_they_were_built_against(catalog: &dyn Catalog) {
    let log1 = made("log", "1.2.0-b1", "a", &[]);
    let log2 = made("log", "1.3.0-b2", "b", &[]);
    let on1 = made("base", "3.0.0-b1", "c", &[("log", "1.2.0-b1")]);
    let on2 = made("base", "3.0.0-b2", "c", &[("log", "1.3.0-b2")]);
    let again = made("base", "3.0.0-b3", "c", &[("log", "1.2.0-b1")]);
    let test = Build { test: true, ..made("base", "3.0.0-pr1", "c", &[("log", "1.2.0-b1")]) };
    let untold = made("base", "3.0.0-b4", "c", &[]);
    publish(catalog, &[&log1, &log2]).await;
    for build in [&on1, &on2, &again, &test, &untold] {
        publish(catalog, &[build]).await;
    }

    in_stock(catalog, |stock| {
        let base = source(stock, "base", "c");
        assert_eq!(names(|look| stock.against(base, &[1], look)), ["3.0.0-b3", "3.0.0-b1"]);
        assert_eq!(names(|look| stock.against(base, &[2], look)), ["3.0.0-b2"]);
        assert_eq!(names(|look| stock.against(base, &[], look)), ["3.0.0-b4"]);
        assert!(names(|look| stock.against(base, &[1, 2], look)).is_empty());
        let all = ["3.0.0-b4", "3.0.0-pr1", "3.0.0-b3", "3.0.0-b2", "3.0.0-b1"];
        assert_eq!(names(|look| stock.of_source(base, look)), all);
        let (log, none) = numbers(stock, "log", "f");
        assert_eq!(none, None);
        let of_a = AlikeBuild::Of(Some(source(stock, "log", "a")), Some(Major::From1(1)));
        let wanted = [Alike { product: log, build: of_a }];
        let found = stock.likenesses(base, &mut |alike| alike == wanted)?;
        assert_eq!((found.len(), found[0].newest), (1, 5));
        assert_eq!(names(|look| stock.alike(found[0].number, look)), ["3.0.0-b3", "3.0.0-b1"]);
        Ok(())
    })
    .await;
}

pub(super) async fn a_build_that_unpacks_to_the_same_is_told_as_the_first_that_does(
    catalog: &dyn Catalog,
) {
    let unpacked: [(&str, &[u8]); 3] = [("one", b"x"), ("two", b"x"), ("three", b"y")];
    let mut logs = Vec::new();
    for (number, (bytes, file)) in (1..).zip(unpacked) {
        let (stored, index) = archive(bytes, &[("lib/log", file)]);
        catalog.record_archive(&stored, &index).await.unwrap();
        let (mut log, _) = build("log", &format!("1.0.{number}-b1"), Some(&stored));
        log.tree = Some(stored.tree);
        logs.push(log);
    }
    let base = made("base", "3.0.0-b1", "c", &[("log", "1.0.2-b1")]);
    let log = logs[0].clone();
    let exact = serde_json::to_value(logs[1].clone()).map(|mut exact| {
        exact["build"] = json!("b9");
        exact["abi"] = json!("exact");
        serde_json::from_value::<Build>(exact).unwrap()
    });
    let on_exact = made("base", "3.0.0-b2", "c", &[("log", "1.0.2-b9")]);
    publish(catalog, &[&logs[0], &logs[1], &logs[2], &base]).await;
    publish(catalog, &[&exact.unwrap(), &on_exact]).await;

    in_stock(catalog, move |stock| {
        let contents: Vec<u64> = (1..=5).map(|seq| stock.input(seq).unwrap().content).collect();
        assert_eq!(contents, [1, 1, 3, 4, 5]);
        assert_eq!(stock.input(1)?.name, log.name());
        let base = source(stock, "base", "c");
        assert_eq!(names(|look| stock.against_content(base, &[1], look)), ["3.0.0-b1"]);
        // What serves only who was built against it is the same as nothing else.
        assert_eq!(names(|look| stock.against_content(base, &[5], look)), ["3.0.0-b2"]);
        assert!(names(|look| stock.against_content(base, &[2], look)).is_empty());
        Ok(())
    })
    .await;
}

/// Builds that need each other, and the platforms and archives by which one of several is meant.
fn entangled() -> Vec<Build> {
    let mac =
        Build { platform: "macos-aarch64".parse().unwrap(), ..made("log", "1.2.0-b1", "a", &[]) };
    let any = Build { platform: "any".parse().unwrap(), ..made("sky", "1.0.0-b1", "d", &[]) };
    vec![
        made("log", "1.2.0-b1", "a", &[]),
        mac,
        any,
        made("base", "3.0.0-b1", "c", &[("log", "1.2.0-b1"), ("sky", "1.0.0-b1")]),
        made("base", "3.0.0-b2", "c", &[("log", "1.2.0-b1"), ("sky", "1.0.0-b7")]),
    ]
}

pub(super) async fn what_was_not_there_yet_is_noted_when_it_comes(catalog: &dyn Catalog) {
    let builds = entangled();
    for build in builds.iter().rev() {
        publish(catalog, &[build]).await;
    }
    let base = |stock: &dyn Stock| source(stock, "base", "c");

    let before = in_stock(catalog, move |stock| {
        Ok((names(|look| stock.against(base(stock), &[3, 5], look)), stock.recorded(1)?))
    })
    .await;
    publish(catalog, &[&made("sky", "1.0.0-b7", "d", &[])]).await;
    let after =
        in_stock(catalog, move |stock| Ok(names(|look| stock.against(base(stock), &[5, 6], look))))
            .await;

    // The log for the same platform, not the one for another; what is still missing is not found.
    let (found, recorded) = before;
    assert_eq!(found, ["3.0.0-b1"]);
    let told: Vec<Option<u64>> = recorded.iter().map(|one| one.build).collect();
    let products: Vec<&ProductName> = recorded.iter().map(|one| &one.product).collect();
    assert_eq!(
        products,
        ["log", "sky"].map(|name| name.parse().unwrap()).iter().collect::<Vec<_>>()
    );
    assert_eq!(told, [Some(5), None]);
    assert_eq!(recorded[1].told, Some("1.0.0-b7".parse().unwrap()));
    assert_eq!(after, ["3.0.0-b2"]);
}

fn orders<'a>(of: &[&'a str]) -> Vec<Vec<&'a str>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let first_and_rest = |at: usize| {
        let mut rest = of.to_vec();
        let first = rest.remove(at);
        orders(&rest).into_iter().map(move |rest| [vec![first], rest].concat())
    };
    (0..of.len()).flat_map(first_and_rest).collect()
}

/// For which platform the `log` is that an `afw` was built against, once they came in this order.
async fn meant(catalog: &dyn Catalog, number: usize, order: &[&str]) -> Option<String> {
    let (log, afw) = (format!("log{number}"), format!("afw{number}"));
    for one in order {
        let build = match *one {
            "afw" => made(&afw, "2.0.0-b1", "c", &[(&log, "1.2.0-b1")]),
            platform => {
                Build { platform: platform.parse().unwrap(), ..made(&log, "1.2.0-b1", "a", &[]) }
            }
        };
        publish(catalog, &[&build]).await;
    }
    in_stock(catalog, move |stock| {
        let mut all = Vec::new();
        for (product, letter) in [(&log, "a"), (&afw, "c")] {
            stock.of_source(source(stock, product, letter), &mut |one| {
                all.push(one);
                ControlFlow::Continue(())
            })?;
        }
        let Some(against) = all.last().unwrap().against.clone() else { return Ok(None) };
        let is_it = |one: &&Stocked| against == [one.seq];
        let found = stock.against(source(stock, &afw, "c"), &against, &mut |one| {
            assert_eq!(one.against, Some(against.clone()));
            ControlFlow::Break(())
        });
        found?;
        Ok(Some(all.iter().find(is_it).unwrap().platform.to_string()))
    })
    .await
}

pub(super) async fn which_of_several_builds_is_meant_does_not_depend_on_their_order(
    catalog: &dyn Catalog,
) {
    let cases: [(&[&str], Option<&str>); 5] = [
        (&["afw", "any", "linux-x86_64"], Some("linux-x86_64")),
        (&["afw", "any", "linux-x86_64-v2"], Some("linux-x86_64-v2")),
        (&["afw", "any", "macos-aarch64"], Some("any")),
        (&["afw", "any", "linux-x86_64-v2", "linux-x86_64-v3"], None),
        (&["afw", "linux-x86_64-v2", "linux-x86_64-v3", "linux-x86_64"], Some("linux-x86_64")),
    ];

    let mut number = 0;
    for (builds, expected) in cases {
        for order in orders(builds) {
            number += 1;
            assert_eq!(meant(catalog, number, &order).await.as_deref(), expected, "{order:?}");
        }
    }
    assert!(catalog.check().await.unwrap().is_empty());
}

pub(super) async fn however_many_wait_for_a_build_all_are_found_when_it_comes(
    catalog: &dyn Catalog,
) {
    const WAITING: usize = 1_100;
    let afw = |id: usize| {
        let against = [("log", "1.2.0-b1"), ("sky", "1.0.0-b1")];
        made("afw", &format!("2.0.0-b{id}"), "c", &against)
    };
    let waiting: Vec<Build> = (0..WAITING).map(afw).collect();
    publish(catalog, &waiting.iter().collect::<Vec<_>>()).await;
    publish(catalog, &[&made("log", "1.2.0-b1", "a", &[])]).await;
    let found = async || {
        in_stock(catalog, |stock| {
            let (log, sky) = (WAITING as u64 + 1, WAITING as u64 + 2);
            Ok(names(|look| stock.against(source(stock, "afw", "c"), &[log, sky], look)).len())
        })
        .await
    };

    let before = found().await;
    publish(catalog, &[&made("sky", "1.0.0-b1", "d", &[])]).await;

    assert_eq!((before, found().await), (0, WAITING));
}

/// The numbers of the `afw` that were built against the `log` with this number.
async fn afw_against(catalog: &dyn Catalog, log: u64) -> usize {
    in_stock(catalog, move |stock| {
        Ok(names(|look| stock.against(source(stock, "afw", "c"), &[log], look)).len())
    })
    .await
}

pub(super) async fn all_that_were_built_against_a_build_for_any_platform_turn_to_their_own(
    catalog: &dyn Catalog,
) {
    const USERS: usize = 600;
    let log = |platform: &str, letter: &str| Build {
        platform: platform.parse().unwrap(),
        ..made("log", "1.2.0-b1", letter, &[])
    };
    let afw = |id: usize| made("afw", &format!("2.0.0-b{id}"), "c", &[("log", "1.2.0-b1")]);
    let users: Vec<Build> = (0..USERS).map(afw).collect();
    publish(catalog, &[&log("any", "a")]).await;
    publish(catalog, &users.iter().collect::<Vec<_>>()).await;
    let before = afw_against(catalog, 1).await;

    // One of the same source, so that the set is the same, and one of another.
    publish(catalog, &[&log("linux-x86_64-v2", "a")]).await;
    let same = (afw_against(catalog, 1).await, afw_against(catalog, USERS as u64 + 2).await);
    publish(catalog, &[&log("linux-x86_64", "b")]).await;
    let other = (
        afw_against(catalog, USERS as u64 + 2).await,
        afw_against(catalog, USERS as u64 + 3).await,
    );

    assert_eq!((before, same, other), (USERS, (0, USERS), (0, USERS)));
    assert!(catalog.check().await.unwrap().is_empty());
}

/// What a replay must note again, in an order in which some has to wait.
pub(super) async fn publish_entangled(catalog: &dyn Catalog) {
    let builds = entangled();
    publish(catalog, &[&builds[3], &builds[4]]).await;
    publish(catalog, &[&builds[0], &builds[1]]).await;
    publish(catalog, &[&builds[2]]).await;
}

/// All that a plan can read of it.
pub(super) async fn read_entangled(catalog: &dyn Catalog) -> Vec<String> {
    read(catalog, &[("log", "a"), ("base", "c"), ("sky", "d")]).await
}
