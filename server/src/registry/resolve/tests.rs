//! Random small catalogs: the resolver finds an answer exactly when trying everything finds one.
//!
//! The catalogs lie in memory; a seed makes each of them, and is told when something is wrong.

mod brute;
mod catalog;
mod costs;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use larder_schema::closure::Closure;
use larder_schema::{Build, BuildKey, BuildName, Listed, ProductName};

use self::brute::Best;
use self::catalog::{Memory, terms};
use super::pool::{Budget, Pool};
use super::solver::Outcome;
use super::terms::Terms;
use super::{NoAnswer, ResolveError, Stop, explain, search};
use crate::catalog::candidates::Candidate;
use crate::registry::random::Random;

/// How many catalogs are tried.
const CATALOGS: u64 = 10_000;
/// How many of them are put into SQLite as well.
const STORED_CATALOGS: u64 = 120;

type Found = Result<BTreeMap<ProductName, Candidate>, NoAnswer>;

/// What the resolver says.
fn resolved(memory: &Memory, terms: &Terms) -> Result<Found, Stop> {
    resolved_within(memory, terms, 10_000, Duration::from_secs(60))
}

/// The same where so many builds may be read in such a time.
fn resolved_within(
    memory: &Memory,
    terms: &Terms,
    candidates: usize,
    time: Duration,
) -> Result<Found, Stop> {
    let deadline = Instant::now() + time;
    found_by(search::search, memory, terms, candidates, deadline)
}

fn found_by(
    search: fn(&Pool<'_>) -> Result<Outcome, Stop>,
    memory: &Memory,
    terms: &Terms,
    candidates: usize,
    deadline: Instant,
) -> Result<Found, Stop> {
    let gone = AtomicBool::new(false);
    let budget = Budget { steps: 100_000, candidates, deadline, gone: &gone };
    let pool = Pool::new(memory, terms, budget);
    Ok(match search(&pool)? {
        Outcome::Answer(choice) => Ok(choice
            .into_iter()
            .map(|(product, at)| (pool.name(product), (*pool.candidate(at)).clone()))
            .collect()),
        Outcome::None(needs) => Err(explain::explain(&pool, &needs)?),
    })
}

fn key(product: &ProductName, candidate: &Candidate) -> BuildKey {
    BuildKey {
        product: product.clone(),
        build: candidate.name.clone(),
        platform: candidate.platform.clone(),
    }
}

fn keys(found: &Found) -> Result<BTreeSet<BuildKey>, &str> {
    match found {
        Ok(found) => Ok(found.iter().map(|(product, one)| key(product, one)).collect()),
        Err(none) => Err(&none.detail),
    }
}

/// Says what is wrong with an answer, if anything is.
fn wrong(
    memory: &Memory,
    terms: &Terms,
    found: &BTreeMap<ProductName, Candidate>,
) -> Option<String> {
    for (product, candidate) in found {
        if !brute::may_be_taken(memory, terms, product, candidate) {
            return Some(format!("{} may not be taken", key(product, candidate)));
        }
    }
    let unmet = brute::unmet(memory, terms, found);
    if let Some(unmet) = unmet {
        return Some(unmet);
    }
    let mut reached: BTreeSet<&ProductName> = BTreeSet::new();
    let mut open: Vec<&ProductName> = terms.wanted.iter().map(|wanted| &wanted.product).collect();
    while let Some(product) = open.pop() {
        if reached.insert(product) {
            open.extend(memory.run[&found[product].seq].iter().map(|needed| &needed.product));
        }
    }
    (reached.len() != found.len()).then(|| format!("only {reached:?} is asked for"))
}

#[test]
fn an_answer_is_found_exactly_when_trying_everything_finds_one() {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let (answers, refusals) = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || try_some((part..CATALOGS).step_by(threads as usize))))
            .collect();
        parts
            .into_iter()
            .map(|part| part.join().unwrap())
            .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    });
    assert!(answers > 2_000 && refusals > 2_000, "{answers} answers and {refusals} refusals");
}

/// Tries the catalogs of these seeds; how many questions had an answer, and how many had none.
fn try_some(seeds: impl Iterator<Item = u64>) -> (u64, u64) {
    let (mut answers, mut refusals) = (0, 0);
    for seed in seeds {
        let mut random = Random::new(seed);
        let memory = Memory::random(&mut random);
        let terms = terms(&mut random, &memory);
        let told = || format!("seed {seed}\n{memory:#?}\n{terms:#?}");

        let found = resolved(&memory, &terms).unwrap_or_else(|stop| panic!("{stop:?}\n{}", told()));

        match (&found, brute::best(&memory, &terms)) {
            (Ok(found), Some(best)) => {
                answers += 1;
                assert_eq!(wrong(&memory, &terms, found), None, "{}", told());
                let asked = Best::of(&memory, &terms, found);
                assert_eq!(asked, best, "what is asked for could be better\n{}", told());
            }
            (Err(none), None) => {
                refusals += 1;
                assert!(!none.detail.is_empty() && none.detail.len() < 8_000, "{}", told());
                assert!(!none.conflicts.is_empty(), "{}", told());
            }
            (Ok(found), None) => panic!("there is no answer, but {found:#?}\n{}", told()),
            (Err(none), Some(_)) => panic!("there is an answer, but {none}\n{}", told()),
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        let alone = found_by(search::by_solver, &memory, &terms, 10_000, deadline).unwrap();
        assert_eq!(keys(&found), keys(&alone), "the solver finds another answer\n{}", told());
        // Whatever hash maps and the order of rows do.
        if seed % 3 == 0 {
            let shuffled = memory.shuffled(&mut random);
            let again = resolved(&shuffled, &terms).unwrap();
            assert_eq!(keys(&found), keys(&again), "another answer\n{}", told());
        }
    }
    (answers, refusals)
}

#[tokio::test]
async fn the_catalog_on_disk_gives_the_same_answers() {
    let (mut answers, mut refusals) = (0, 0);
    for seed in 0..STORED_CATALOGS {
        let mut random = Random::new(seed);
        let memory = Memory::random(&mut random);
        let terms = terms(&mut random, &memory);
        let expected = resolved(&memory, &terms).unwrap();

        let found = stored::resolved(&memory, terms).await;

        match (expected, found) {
            (Ok(expected), Ok(answer)) => {
                answers += 1;
                let records = answer.records.unwrap();
                assert!(Closure::of(&records).unmet().is_empty(), "seed {seed}: {records:#?}");
                let listed: BTreeSet<BuildKey> = answer.builds.iter().map(Listed::key).collect();
                assert_eq!(keys(&Ok(expected)), Ok(listed), "seed {seed}");
                let in_order = answer.builds.iter().map(Listed::key);
                assert!(in_order.eq(records.iter().map(Build::key)), "seed {seed}");
            }
            (Err(expected), Err(ResolveError::NoAnswer(none))) => {
                refusals += 1;
                assert_eq!(expected.detail, none.detail, "seed {seed}");
            }
            (expected, found) => panic!("seed {seed}: {expected:?} in memory, {found:?} on disk"),
        }
    }
    assert!(answers > 20 && refusals > 20, "{answers} answers and {refusals} refusals");
}

#[test]
fn a_build_far_behind_the_newest_is_found() {
    let name = |number: u64| -> BuildName { format!("1.{number}.0-b1").parse().unwrap() };
    let mut memory = Memory::default();
    for number in 0..500 {
        memory.add("c", &name(number), "any", &[]);
        memory.add("b", &name(number), "any", &[("c", &format!("=1.{}.0", 499 - number))]);
    }
    memory.add("a", &name(0), "any", &[("b", "*"), ("c", ">1.490")]);

    let terms = catalog::asked(&[("a", "*")]);
    let found = resolved(&memory, &terms).unwrap().unwrap();

    let of = |product: &str| found[&product.parse::<ProductName>().unwrap()].name.to_string();
    assert_eq!((of("b"), of("c")), ("1.8.0-b1".to_owned(), "1.491.0-b1".to_owned()));
}
