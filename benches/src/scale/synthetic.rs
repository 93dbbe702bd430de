//! A registry as large as one likes: the graph of a real build, many times over, rebuilt again and
//! again as its sources change.

use std::collections::BTreeMap;

use anyhow::Result;
use larder_schema::plan::{Needed, Source};
use larder_schema::record::{Archive, BuiltAgainst, Dependency, DependencyKind, Extra};
use larder_schema::{
    Build, BuildId, BuildName, Digest, Platform, ProductName, Requirement, Version,
};

use larder_benches::parcel::Parcel;

/// A product of a graph: its name, and the places of what it needs, all before it.
pub(crate) struct Node {
    pub(crate) product: ProductName,
    pub(crate) needs: Vec<usize>,
}

/// One of several graphs of the same shape, and how it stands.
struct Stack {
    products: Vec<ProductName>,
    archives: Vec<Parcel>,
    changes: Vec<u64>,
    versions: Vec<Version>,
    binaries: Vec<Option<BuildName>>,
}

/// All that is published, by and by.
pub(crate) struct Synthetic {
    graph: Vec<Node>,
    stacks: Vec<Stack>,
    platform: Platform,
    runs: u64,
    random: u64,
}

impl Synthetic {
    /// `stacks` graphs; each product's archive has one file of `bytes`.
    pub(crate) fn new(
        graph: Vec<Node>,
        stacks: usize,
        bytes: usize,
        platform: Platform,
    ) -> Result<Self> {
        let stack = |number: usize| -> Result<Stack> {
            let named = |node: &Node| Ok(format!("{}_{number}", node.product).parse()?);
            let products: Vec<ProductName> = graph.iter().map(named).collect::<Result<_>>()?;
            let packed = products.iter().map(|product| Parcel::of_size(product, bytes, &platform));
            Ok(Stack {
                archives: packed.collect::<Result<_>>()?,
                changes: vec![0; products.len()],
                versions: vec![Version { major: 1, minor: 0, patch: 0 }; products.len()],
                binaries: vec![None; products.len()],
                products,
            })
        };
        let stacks = (0..stacks).map(stack).collect::<Result<_>>()?;
        Ok(Self { graph, stacks, platform, runs: 0, random: 0x9e37_79b9_7f4a_7c15 })
    }

    /// All archives: one of each product, which all of its builds have.
    pub(crate) fn archives(&self) -> impl Iterator<Item = &Parcel> {
        self.stacks.iter().flat_map(|stack| &stack.archives)
    }

    /// How many graphs there are.
    pub(crate) fn stacks(&self) -> usize {
        self.stacks.len()
    }

    /// The product that needs most others, of one graph.
    pub(crate) fn top(&self, stack: usize) -> &ProductName {
        let reach = self.reach();
        let top = (0..reach.len()).max_by_key(|at| reach[*at]).unwrap_or_default();
        &self.stacks[stack].products[top]
    }

    /// How many products each needs, directly or not.
    fn reach(&self) -> Vec<usize> {
        let mut below: Vec<std::collections::BTreeSet<usize>> = Vec::new();
        for node in &self.graph {
            let mut own: std::collections::BTreeSet<usize> = node.needs.iter().copied().collect();
            for needed in &node.needs {
                own.extend(&below[*needed]);
            }
            below.push(own);
        }
        below.into_iter().map(|below| below.len()).collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        // xorshift64*: numbers that are the same in every run.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let mixed = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        usize::try_from(mixed >> 33).unwrap_or_default() % bound
    }

    /// The sources of one graph, as they stand.
    pub(crate) fn sources(&self, stack: usize) -> Result<Vec<Source>> {
        let stack = &self.stacks[stack];
        let sources = self.graph.iter().enumerate().map(|(at, node)| {
            Ok(Source {
                product: stack.products[at].clone(),
                version: Some(stack.versions[at]),
                upstream_version: None,
                revision: stack.revision(at).parse()?,
                repository: None,
                dependencies: node
                    .needs
                    .iter()
                    .map(|needed| Needed::any(stack.products[*needed].clone()))
                    .collect(),
            })
        });
        sources.collect()
    }

    /// Two sources of one graph change; answers which graph.
    pub(crate) fn change(&mut self) -> Result<usize> {
        self.runs += 1;
        let stack = usize::try_from(self.runs)? % self.stacks.len();
        for _ in 0..2 {
            let (at, kind) = (self.below(self.graph.len()), self.below(20));
            let stack = &mut self.stacks[stack];
            stack.changes[at] += 1;
            let Version { major, minor, patch } = stack.versions[at];
            stack.versions[at] = match kind {
                0 => Version { major: major + 1, minor: 0, patch: 0 },
                1..4 => Version { major, minor: minor + 1, patch: 0 },
                _ => Version { major, minor, patch: patch + 1 },
            };
            stack.binaries[at] = None;
        }
        Ok(stack)
    }

    /// The builds that are new since one graph's sources changed: what changed, and all above it.
    pub(crate) fn build(&mut self, stack: usize) -> Result<Vec<Build>> {
        let id: BuildId = format!("b{}", self.runs).parse()?;
        let (graph, platform, stack) = (&self.graph, &self.platform, &mut self.stacks[stack]);
        let mut is_new = vec![false; graph.len()];
        let mut builds = Vec::new();
        for (at, node) in graph.iter().enumerate() {
            is_new[at] = stack.binaries[at].is_none() || node.needs.iter().any(|on| is_new[*on]);
            if is_new[at] {
                let name = BuildName { version: stack.versions[at], build: id.clone() };
                stack.binaries[at] = Some(name);
                builds.push(stack.record(at, node, &id, platform)?);
            }
        }
        Ok(builds)
    }
}

impl Stack {
    fn revision(&self, at: usize) -> String {
        let text = format!("{} {}", self.products[at], self.changes[at]);
        larder_schema::Sha256::of(text.as_bytes()).to_hex()[..40].to_owned()
    }

    fn record(&self, at: usize, node: &Node, id: &BuildId, platform: &Platform) -> Result<Build> {
        let needed = |at: &usize| Dependency {
            product: self.products[*at].clone(),
            requirement: Requirement::any(),
            kind: DependencyKind::Run,
            built_against: self.binaries[*at].clone().map(|build| BuiltAgainst {
                build,
                archive: Some(Digest(self.archives[*at].sha256)),
                extra: Extra::new(),
            }),
            extra: Extra::new(),
        };
        let archive = &self.archives[at];
        Ok(Build {
            version: self.versions[at],
            build: id.clone(),
            archive: Some(Archive {
                sha256: archive.sha256,
                name: archive.filename.parse()?,
                size: None,
                blake3: None,
                extra: Extra::new(),
            }),
            source: Some(larder_schema::record::Source {
                revision: Some(self.revision(at).parse()?),
                ..Default::default()
            }),
            dependencies: node.needs.iter().map(needed).collect(),
            ..bare(&self.products[at], platform)?
        })
    }
}

/// A record that says nothing but what it is of.
fn bare(product: &ProductName, platform: &Platform) -> Result<Build> {
    let fields = serde_json::json!({
        "product": product, "version": "1.0.0", "build": "b1", "platform": platform,
        "archive": null, "license": "GPL-3.0-or-later",
    });
    Ok(serde_json::from_value(fields)?)
}

/// The graph of sources: each after those that it needs.
pub(crate) fn graph(sources: &[Source]) -> Vec<Node> {
    let places: BTreeMap<&ProductName, usize> =
        sources.iter().enumerate().map(|(at, source)| (&source.product, at)).collect();
    let node = |(at, source): (usize, &Source)| {
        let mut needs: Vec<usize> = source
            .dependencies
            .iter()
            .filter_map(|needed| places.get(&needed.product).copied())
            .filter(|needed| *needed < at)
            .collect();
        needs.sort_unstable();
        needs.dedup();
        Node { product: source.product.clone(), needs }
    };
    sources.iter().enumerate().map(node).collect()
}
