//! What one question may cost, and what is said when it would cost more.

use std::time::Duration;

use larder_schema::BuildName;
use larder_schema::api::Withdrawal;

use super::catalog::{Memory, asked};
use super::{resolved, resolved_within};
use crate::registry::resolve::terms::Preferences;
use crate::registry::resolve::{Limit, Stop};

const MINUTE: Duration = Duration::from_secs(60);

fn name(text: &str) -> BuildName {
    text.parse().unwrap()
}

#[test]
fn of_a_version_with_many_builds_only_the_newest_few_are_read() {
    let mut memory = Memory::default();
    for number in 0..1_000 {
        memory.add("a", &name(&format!("1.0.0-b{number}")), "any", &[]);
    }

    let found = resolved_within(&memory, &asked(&[("a", "*")]), 100, MINUTE).unwrap().unwrap();

    assert_eq!(found[&"a".parse().unwrap()].name, name("1.0.0-b999"));
    assert!(memory.read.get() < 10, "{}", memory.read.get());
}

#[test]
fn no_more_of_one_version_is_read_than_the_limit() {
    let mut memory = Memory::default();
    for number in 0..1_000 {
        memory.add("a", &name(&format!("1.0.0-b{number}")), "any", &[]).test = true;
    }

    let stopped = resolved_within(&memory, &asked(&[("a", "*")]), 100, MINUTE);

    assert!(matches!(stopped, Err(Stop::Limit(Limit::Candidates(100)))), "{stopped:?}");
    assert_eq!(memory.read.get(), 101);
}

#[test]
fn time_counts_while_builds_are_read() {
    let mut memory = Memory::default();
    memory.add("a", &name("1.0.0-b1"), "any", &[]);

    let stopped = resolved_within(&memory, &asked(&[("a", "*")]), 100, Duration::ZERO);

    assert!(matches!(stopped, Err(Stop::Limit(Limit::Time))), "{stopped:?}");
}

/// `c` has two builds that are reached and a thousand that are not.
fn wide(memory: &mut Memory) {
    memory.add("c", &name("2.0.0-b1"), "any", &[]);
    memory.add("c", &name("1.9.0-b1"), "any", &[]);
    for number in 0..1_000 {
        memory.add("c", &name(&format!("0.{number}.0-b1")), "any", &[]);
    }
}

#[test]
fn an_answer_that_is_known_is_given_though_a_better_one_would_cost_too_many_builds() {
    let mut memory = Memory::default();
    wide(&mut memory);
    memory.add("a", &name("2.0.0-b1"), "any", &[("c", "^1")]);
    memory.add("a", &name("1.0.0-b1"), "any", &[]);
    memory.add("b", &name("1.0.0-b1"), "any", &[("c", "^2")]);
    let terms = asked(&[("b", "*"), ("a", "*")]);

    let found = resolved_within(&memory, &terms, 500, MINUTE).unwrap().unwrap();

    let names: Vec<String> = found.values().map(|one| one.name.to_string()).collect();
    assert_eq!(names, ["1.0.0-b1", "1.0.0-b1", "2.0.0-b1"]);
    assert!(memory.read.get() > 500, "the limit was not reached");
}

#[test]
fn a_withdrawn_build_is_told_however_many_newer_ones_no_demand_would_take() {
    let mut memory = Memory::default();
    for number in 0..500 {
        memory.add("a", &name(&format!("2.{number}.0-b1")), "any", &[]);
    }
    let reason = "it crashes".parse().unwrap();
    memory.add("a", &name("1.5.0-b1"), "any", &[]).withdrawn =
        Some(Withdrawal { reason, replaced_by: None });

    let none = resolved(&memory, &asked(&[("a", "^1")])).unwrap().unwrap_err();

    assert!(none.detail.contains("1.5.0-b1 was withdrawn: it crashes"), "{none}");
}

#[test]
fn of_many_builds_of_one_version_the_newest_are_told() {
    let mut memory = Memory::default();
    for number in 0..500 {
        memory.add("a", &name(&format!("1.0.0-b{number}")), "any", &[]).test = true;
    }

    let none = resolved(&memory, &asked(&[("a", "^1")])).unwrap().unwrap_err();

    assert_eq!(none.conflicts[0].unfit[0].build, name("1.0.0-b499"));
}

#[test]
fn a_build_of_another_platform_than_the_preferred_one_comes_after_newer_ones() {
    let mut memory = Memory::default();
    memory.add("p", &name("1.0.0-b1"), "any", &[]);
    let reason = "it crashes".parse().unwrap();
    memory.add("p", &name("1.0.0-b1"), "linux-x86_64", &[]).withdrawn =
        Some(Withdrawal { reason, replaced_by: None });
    memory.add("p", &name("1.9.0-b1"), "any", &[]);
    memory.add("p", &name("2.0.0-b1"), "any", &[]);
    memory.add("a", &name("1.0.0-b1"), "any", &[("p", "^1")]);
    let mut terms = asked(&[("a", "*")]);
    let preferred = "linux-x86_64".parse().unwrap();
    terms.prefer.add(&"p".parse().unwrap(), name("1.0.0-b1"), Some(preferred));

    let found = resolved(&memory, &terms).unwrap().unwrap();

    assert_eq!(found[&"p".parse().unwrap()].name, name("1.9.0-b1"));
}

#[test]
fn what_is_preferred_twice_has_its_first_place() {
    let mut memory = Memory::default();
    memory.add("a", &name("1.0.0-b1"), "any", &[]);
    memory.add("a", &name("1.0.0-b1"), "linux-x86_64", &[]);
    let mut terms = asked(&[("a", "*")]);
    let a = "a".parse().unwrap();
    let mut prefer = Preferences::default();
    prefer.add(&a, name("1.0.0-b1"), Some("any".parse().unwrap()));
    prefer.add(&a, name("1.0.0-b1"), None);
    prefer.add(&a, name("1.0.0-b1"), Some("linux-x86_64".parse().unwrap()));
    prefer.add(&a, name("1.0.0-b1"), None);
    terms.prefer = prefer;

    let places: Vec<Option<usize>> =
        memory.builds.iter().map(|(product, one)| terms.preferred(product, one)).collect();

    assert_eq!(places, [Some(0), Some(1)]);
}
