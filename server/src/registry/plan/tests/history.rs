//! Random small histories of builds, and questions about them.

use larder_schema::archive::{ArchiveFormat, Index};
use larder_schema::{Build, Digest, PlanRequest, Platform, Sums, TreeChecksum};
use serde_json::{Value, json};

use crate::catalog::StoredArchive;
use crate::registry::random::Random;

const PRODUCTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const REVISIONS: [&str; 3] = ["1", "2", "3"];
const VERSIONS: [&str; 8] =
    ["0.0.0", "0.4.1", "0.4.7", "0.5.0", "1.0.0", "1.2.0", "2.0.0", "2.0.1"];
const PLATFORMS: [&str; 6] =
    ["linux-x86_64", "linux-x86_64", "linux-x86_64", "linux-x86_64-v2", "any", "macos-aarch64"];
const REQUIREMENTS: [&str; 6] = ["*", "*", "*", "^1.0", ">=0.4.1", "<2"];

/// What there is in a history that the policies are not defined by: platforms, test builds, what is not
/// told, what comes too late, …; each history has some of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Oddities(u32);

impl Oddities {
    pub(super) const NONE: Self = Self(0);

    pub(super) fn some(random: &mut Random) -> Self {
        Self((0..KINDS).filter(|_| random.once_in(4)).map(|kind| 1 << kind).sum())
    }

    /// The same, but each name is that of one build.
    pub(super) fn with_one_build_of_a_name(self) -> Self {
        Self(self.0 & !(1 << PLATFORMS_OF_ONE))
    }

    /// Whether there is a kind of them, and it happens now, once in so many times.
    fn strike(self, random: &mut Random, kind: u32, times: usize) -> bool {
        self.0 >> kind & 1 == 1 && random.once_in(times)
    }
}

const KINDS: u32 = 16;
const ORDER: u32 = 0;
const PLATFORM: u32 = 1;
const FEWER: u32 = 2;
const ENVIRONMENT: u32 = 3;
const TEST: u32 = 4;
const DIRTY: u32 = 5;
const NO_SOURCE: u32 = 6;
const ABI: u32 = 7;
const HOST: u32 = 8;
const WITHDRAWN: u32 = 9;
const REQUIREMENT: u32 = 10;
const UNTOLD: u32 = 11;
const OTHER_ARCHIVE: u32 = 12;
const TWO_KINDS: u32 = 13;
const ASKED_KIND: u32 = 14;
const PLATFORMS_OF_ONE: u32 = 15;

/// A build as it is published.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) build: Build,
    pub(super) digest: Digest,
    pub(super) withdrawn: bool,
}

impl Made {
    pub(super) fn of(record: Value, withdrawn: bool) -> Self {
        let build: Build = serde_json::from_value(record).unwrap();
        Self { digest: build.digest().unwrap(), build, withdrawn }
    }

    /// Makes it a build whose contents are those of no other.
    pub(super) fn drop_archive(&mut self) {
        (self.build.archive, self.build.tree) = (None, None);
        self.digest = self.build.digest().unwrap();
    }

    /// Whether it may stand among what a build for `platform` was built against.
    fn fits(&self, product: &str, platform: &Platform) -> bool {
        self.build.product.as_str() == product && self.build.platform.fits(platform)
    }
}

/// Archives of different bytes; the first two unpack to the same.
pub(super) fn archives() -> Vec<(StoredArchive, Index)> {
    let archive = |(name, tree): (&str, u8)| {
        let tree = TreeChecksum([tree; 32]);
        let stored = StoredArchive {
            sums: Sums::of(name.as_bytes()),
            format: ArchiveFormat::Tar,
            key: format!("archives/{name}"),
            tree,
            tar_sha256: None,
            shape: None,
            unpacked_bytes: 1,
        };
        (
            stored,
            Index { entries: Vec::new(), tree, tar_sha256: None, shape: None, unpacked_bytes: 1 },
        )
    };
    [("one", 1), ("again", 1), ("two", 2), ("three", 3)].map(archive).into()
}

/// What is the same for a product at a revision, mostly.
struct Habit {
    version: &'static str,
    needs: Vec<usize>,
}

fn habit(product: usize, revision: usize) -> Habit {
    let mut random = Random::new((product * 10 + revision) as u64);
    let mut needs: Vec<usize> = (0..product).collect();
    while needs.len() > 3 || (!needs.is_empty() && random.once_in(4)) {
        needs.remove(random.below(needs.len()));
    }
    // Revisions follow each other by versions that are sometimes alike.
    Habit { version: VERSIONS[(product + revision * 2) % VERSIONS.len()], needs }
}

/// A history in the order of its publication.
pub(super) fn history(random: &mut Random, oddities: Oddities) -> Vec<Made> {
    let mut history: Vec<Made> = Vec::new();
    let count = 10 + random.below(50);
    for number in 0..count {
        // In rounds, as builds are made: what needs others comes after them.
        let product = if random.once_in(6) { random.below(6) } else { number % 6 };
        let made = build(random, &history, product, &format!("b{number}"), oddities);
        let other = elsewhere(random, &made, oddities);
        history.push(made);
        history.extend(other);
    }
    let count = history.len();
    if oddities.strike(random, ORDER, 1) {
        for _ in 0..count {
            let (one, two) = (random.below(count), random.below(count));
            history.swap(one, two);
        }
    }
    history
}

fn build(
    random: &mut Random,
    before: &[Made],
    product: usize,
    id: &str,
    oddities: Oddities,
) -> Made {
    let odd = |random: &mut Random, kind, times| oddities.strike(random, kind, times);
    let revisions = if random.once_in(3) { 3 } else { 2 };
    let revision = random.below(revisions);
    let Habit { version, needs } = habit(product, revision);
    let version = if random.once_in(12) { random.one(&VERSIONS) } else { version };
    let platform = if odd(random, PLATFORM, 1) { random.one(&PLATFORMS) } else { "linux-x86_64" };
    let mut record = json!({
        "product": PRODUCTS[product], "version": version, "build": id, "platform": platform,
        "archive": null,
        "source": {"repository": "https://example.org/x", "revision": REVISIONS[revision].repeat(40)},
    });
    let mut dependencies = Vec::new();
    for needed in needs {
        if odd(random, FEWER, 10) {
            continue;
        }
        dependencies.extend(dependency(random, before, PRODUCTS[needed], platform, oddities));
    }
    record["dependencies"] = json!(dependencies);
    if random.once_in(2) {
        let archives = archives();
        let (stored, _) = random.one(&archives);
        record["archive"] = json!({"sha256": stored.sums.sha256, "name": "x.tar"});
        record["tree"] = json!(stored.tree);
    }
    if odd(random, ENVIRONMENT, 2) {
        record["built_in"] = json!({"name": "env", "version": random.one(&["1", "2"])});
    }
    if odd(random, TEST, 5) {
        record["test"] = json!(true);
    }
    if odd(random, DIRTY, 6) {
        record["source"]["dirty"] = json!(true);
    }
    if odd(random, NO_SOURCE, 8) {
        record["source"] = json!(null);
    }
    if odd(random, ABI, 4) {
        record["abi"] = json!("exact");
    }
    if odd(random, HOST, 3) {
        record["needs"] = json!({"glibc": random.one(&[">=2.17", ">=2.28"])});
    }
    Made::of(record, odd(random, WITHDRAWN, 5))
}

/// A build of the same name for another platform.
fn elsewhere(random: &mut Random, made: &Made, oddities: Oddities) -> Option<Made> {
    if !oddities.strike(random, PLATFORMS_OF_ONE, 2) {
        return None;
    }
    let platform: Platform = random.one(&PLATFORMS).parse().unwrap();
    if platform == made.build.platform {
        return None;
    }
    let mut record = serde_json::to_value(&made.build).unwrap();
    record["platform"] = json!(platform);
    Some(Made::of(record, made.withdrawn))
}

/// One dependency of a record, or two of different kinds.
fn dependency(
    random: &mut Random,
    before: &[Made],
    product: &str,
    platform: &str,
    oddities: Oddities,
) -> Vec<Value> {
    let odd = |random: &mut Random, kind, times| oddities.strike(random, kind, times);
    let platform: Platform = platform.parse().unwrap();
    let there: Vec<&Made> = before.iter().filter(|made| made.fits(product, &platform)).collect();
    let requirement = if odd(random, REQUIREMENT, 1) { random.one(&REQUIREMENTS) } else { "*" };
    let mut told = json!({"product": product, "requirement": requirement});
    if there.is_empty() || odd(random, UNTOLD, 10) {
        if random.once_in(2) {
            told["built_against"] = json!({"build": "1.0.0-nowhere"});
        }
        return vec![told];
    }
    // Mostly one of the last.
    let back = if random.once_in(3) { there.len() } else { there.len().min(3) };
    let against = there[there.len() - 1 - random.below(back)];
    told["built_against"] = json!({"build": against.build.name()});
    if let Some(archive) = &against.build.archive
        && random.once_in(2)
    {
        told["built_against"]["archive"] = json!(Digest(archive.sha256));
    }
    if odd(random, OTHER_ARCHIVE, 10) {
        told["built_against"]["archive"] = json!(Digest::of(b"other"));
    }
    let mut all = vec![told];
    if odd(random, TWO_KINDS, 4) {
        let mut other = all[0].clone();
        other["kind"] = json!(random.one(&["build", "test"]));
        if random.once_in(3) {
            other["built_against"] = json!({"build": random.one(&there).build.name()});
        }
        all.push(other);
    } else if random.once_in(8) {
        all[0]["kind"] = json!("build");
    }
    all
}

/// What is asked about a history.
pub(super) fn question(random: &mut Random, oddities: Oddities) -> PlanRequest {
    let mut sources = Vec::new();
    for (product, name) in PRODUCTS.into_iter().enumerate() {
        let revisions = if random.once_in(4) { 3 } else { 2 };
        let revision = random.below(revisions);
        let Habit { version, needs } = habit(product, revision);
        let mut needs: Vec<Value> = needs.into_iter().map(|at| json!(PRODUCTS[at])).collect();
        if oddities.strike(random, ASKED_KIND, 6) && !needs.is_empty() {
            let at = random.below(needs.len());
            needs[at] = json!({"product": needs[at], "kind": random.one(&["build", "test"])});
        }
        if random.once_in(6) {
            needs.extend(needs.first().cloned());
        }
        let version = if random.once_in(10) { random.one(&VERSIONS) } else { version };
        let mut source = json!({
            "product": name, "revision": REVISIONS[revision].repeat(40),
            "dependencies": needs,
        });
        if version != "0.0.0" || random.once_in(2) {
            source["version"] = json!(version);
        }
        let at = random.below(sources.len() + 1);
        sources.insert(at, source);
    }
    let mut request = json!({"sources": sources, "platform": "linux-x86_64"});
    if oddities.strike(random, PLATFORM, 1) {
        request["platform"] =
            json!(random.one(&["linux-x86_64", "linux-x86_64", "linux-x86_64-v2", "any"]));
    }
    if oddities.strike(random, ENVIRONMENT, 2) {
        request["built_in"] = json!({"name": "env", "version": "1"});
    }
    if oddities.strike(random, HOST, 2) {
        request["host"] = json!({"glibc": random.one(&["2.17", "2.36"])});
    }
    serde_json::from_value(request).unwrap()
}
