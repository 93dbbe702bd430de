//! Who needs whom in a lock: why something is there, and all of it as a tree. Works offline.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet, VecDeque};

use larder_schema::closure::Closure;
use larder_schema::{Build, BuildName, ProductName, Requirement};
use serde::Serialize;

use crate::lock::{Lock, LockedDistribution};
use crate::target::Asked;

/// The most chains that are told.
const MOST_CHAINS: usize = 10;
/// The most parts of chains that are looked at: some graphs have more chains than anybody can count.
const MOST_PARTS: usize = 10_000;

/// Who needs whom in a lock.
#[derive(Debug)]
pub struct Graph<'a> {
    lock: &'a Lock,
    builds: BTreeMap<&'a ProductName, &'a Build>,
}

/// Something that was asked for, and the products that are there for it alone.
#[derive(Debug)]
pub struct Root<'a> {
    /// What was asked for, with what it became.
    pub asked: String,
    /// The products that it was made for.
    pub products: Vec<&'a ProductName>,
}

/// How one comes from something that was asked for to a product.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chain {
    /// What was asked for.
    pub asked: String,
    /// Build after build, each needed by the one before it.
    pub links: Vec<Link>,
}

/// One build of a chain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// The product.
    pub product: ProductName,
    /// Its build.
    pub build: BuildName,
    /// What the one before it needs; none for the first.
    pub requirement: Option<Requirement>,
}

/// Why something is there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// The chains to it, the shortest first.
    pub chains: Vec<Chain>,
    /// Whether there are more than are told.
    pub more: bool,
}

/// One line of a tree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// How deep it stands; what was asked for at 0.
    pub depth: usize,
    /// What it is.
    pub name: String,
    /// What the one above it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<Requirement>,
    /// Whether what it needs stands under the same name further up.
    pub repeated: bool,
    /// Whether it is the last at its place.
    pub last: bool,
}

impl<'a> Graph<'a> {
    /// Of all builds in `lock`.
    pub fn of(lock: &'a Lock) -> Self {
        let builds = lock.records.iter().map(|record| (&record.product, record)).collect();
        Self { lock, builds }
    }

    /// What was asked for.
    pub fn roots(&self) -> Vec<Root<'a>> {
        let lock = self.lock;
        let roots = lock.targets.iter().map(|asked| match asked {
            Asked::Product(wanted) => {
                Root { asked: asked.to_string(), products: vec![&wanted.product] }
            }
            Asked::Distribution(target) => {
                let same = |one: &&LockedDistribution| one.document.name == target.name;
                match lock.distributions.iter().find(same) {
                    Some(one) => Root { asked: one.name(), products: self.made_for(one) },
                    None => Root { asked: asked.to_string(), products: Vec::new() },
                }
            }
        });
        roots.collect()
    }

    /// The products that a distribution was made for, or those that nothing in it needs.
    fn made_for(&self, one: &'a LockedDistribution) -> Vec<&'a ProductName> {
        let known = |product: &ProductName| self.builds.get_key_value(product).map(|(key, _)| *key);
        if !one.document.roots.is_empty() {
            return one.document.roots.iter().filter_map(known).collect();
        }
        let listed = one.document.builds.iter();
        let records = listed.filter_map(|build| self.builds.get(&build.product).copied());
        Closure::of(records).roots().iter().filter_map(known).collect()
    }

    /// Why `product` is there; `None` when it is not.
    pub fn why(&self, product: &ProductName) -> Option<Why> {
        let (product, _) = self.builds.get_key_value(product)?;
        let roots = self.roots();
        let (mut chains, more) = self.chains(product, &roots);
        if chains.is_empty() {
            // A distribution may list what nothing in it needs.
            let lists =
                self.lock.distributions.iter().filter(|one| {
                    one.document.builds.iter().any(|build| build.product == **product)
                });
            chains.extend(lists.map(|one| self.chain(&one.name(), &[(*product, None)])));
        }
        Some(Why { chains, more })
    }

    /// The chains to `product`, the shortest first, and whether there are more.
    ///
    /// A part leads to the product and grows at its front. The one that can become the shortest
    /// chain grows first, so that few parts are looked at however many chains there are.
    fn chains(&self, product: &'a ProductName, roots: &[Root<'a>]) -> (Vec<Chain>, bool) {
        let (needed_by, depths) = (self.needed_by(), self.depths(roots));
        let (mut chains, mut parts) = (Vec::new(), vec![vec![(product, None)]]);
        // What no root leads to is in no chain.
        let place = |at: usize, part: &Part<'a>| {
            let depth = part.last().and_then(|(front, _)| depths.get(front));
            depth.map(|depth| Reverse((depth + part.len(), Reverse(part.len()), at)))
        };
        let mut open = BinaryHeap::new();
        open.extend(place(0, &parts[0]));
        while let Some(Reverse((.., at))) = open.pop() {
            let part = std::mem::take(&mut parts[at]);
            let Some((front, _)) = part.last().copied() else { continue };
            let asked = roots.iter().filter(|root| root.products.contains(&front));
            chains.extend(asked.map(|root| self.chain(&root.asked, &part)));
            if chains.len() > MOST_CHAINS || parts.len() > MOST_PARTS {
                chains.truncate(MOST_CHAINS);
                return (chains, true);
            }
            for (by, requirement) in needed_by.get(front).into_iter().flatten() {
                if part.iter().all(|(product, _)| product != by) {
                    let mut longer = part.clone();
                    if let Some(front) = longer.last_mut() {
                        front.1 = Some(*requirement);
                    }
                    longer.push((*by, None));
                    open.extend(place(parts.len(), &longer));
                    parts.push(longer);
                }
            }
        }
        (chains, false)
    }

    /// How many steps each product is away from the nearest of the roots.
    fn depths(&self, roots: &[Root<'a>]) -> BTreeMap<&'a ProductName, usize> {
        let products = roots.iter().flat_map(|root| &root.products);
        let mut open: VecDeque<_> = products.map(|product| (*product, 0)).collect();
        let mut depths = BTreeMap::new();
        while let Some((product, depth)) = open.pop_front() {
            if depths.contains_key(product) {
                continue;
            }
            depths.insert(product, depth);
            let needs = self.builds.get(product).into_iter().flat_map(|it| it.run_dependencies());
            open.extend(needs.map(|needed| (&needed.product, depth + 1)));
        }
        depths
    }

    /// Who needs a product, by name, and which versions of it.
    fn needed_by(&self) -> BTreeMap<&'a ProductName, Vec<(&'a ProductName, &'a Requirement)>> {
        let mut needed_by: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (by, build) in &self.builds {
            for needed in build.run_dependencies() {
                needed_by.entry(&needed.product).or_default().push((*by, &needed.requirement));
            }
        }
        needed_by
    }

    fn chain(&self, asked: &str, part: &[(&ProductName, Option<&Requirement>)]) -> Chain {
        let links = part.iter().rev().filter_map(|(product, requirement)| {
            let build = self.builds.get(product)?.name();
            Some(Link { product: (*product).clone(), build, requirement: requirement.cloned() })
        });
        Chain { asked: asked.to_owned(), links: links.collect() }
    }

    /// All that was asked for with all that it needs, as deep as `most`.
    pub fn tree(&self, most: usize) -> Vec<Node> {
        let (mut nodes, mut seen) = (Vec::new(), HashSet::new());
        for root in self.roots() {
            let (name, requirement) = (root.asked.clone(), None);
            nodes.push(Node { depth: 0, name, requirement, repeated: false, last: true });
            let mut open: Vec<Open<'_>> = Vec::new();
            push(&mut open, 1, root.products.iter().map(|product| (*product, None)));
            while let Some((depth, product, requirement, last)) = open.pop() {
                let Some(build) = self.builds.get(product).filter(|_| depth <= most) else {
                    continue;
                };
                let needs: BTreeMap<_, _> = build
                    .run_dependencies()
                    .filter(|needed| self.builds.contains_key(&needed.product))
                    .map(|needed| (&needed.product, Some(&needed.requirement)))
                    .collect();
                let is_new = !seen.contains(product);
                nodes.push(Node {
                    depth,
                    name: format!("{product}@{}", build.name()),
                    requirement: requirement.cloned(),
                    repeated: !is_new && !needs.is_empty(),
                    last,
                });
                // What stands at the cut is told in full where it stands higher up.
                if is_new && depth < most {
                    seen.insert(product);
                    push(&mut open, depth + 1, needs.into_iter());
                }
            }
        }
        nodes
    }
}

/// Products with what is needed of each by the one behind it, the last product first.
type Part<'a> = Vec<(&'a ProductName, Option<&'a Requirement>)>;
type Open<'a> = (usize, &'a ProductName, Option<&'a Requirement>, bool);

/// Puts what stands at one place onto a stack, so that the first comes off first.
fn push<'a>(
    open: &mut Vec<Open<'a>>,
    depth: usize,
    products: impl DoubleEndedIterator<Item = (&'a ProductName, Option<&'a Requirement>)>,
) {
    let reversed = products.rev().enumerate();
    open.extend(reversed.map(|(at, (product, needed))| (depth, product, needed, at == 0)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::{build, lock};

    fn name(text: &str) -> ProductName {
        text.parse().unwrap()
    }

    fn diamond() -> Lock {
        lock(&[
            build("apps", "1.0.0-b1", &["left", "right"]),
            build("left", "1.0.0-b1", &["base"]),
            build("right", "1.0.0-b1", &["base"]),
            build("base", "1.0.0-b1", &["log", "apps"]),
            build("log", "1.0.0-b1", &[]),
        ])
    }

    #[test]
    fn chains_are_told_the_shortest_first() {
        let lock = diamond();
        let graph = Graph::of(&lock);

        let why = graph.why(&name("log")).unwrap();

        let chains: Vec<Vec<&str>> = why
            .chains
            .iter()
            .map(|chain| chain.links.iter().map(|link| link.product.as_str()).collect())
            .collect();
        let expected = [["apps", "left", "base", "log"], ["apps", "right", "base", "log"]];
        assert_eq!(chains, expected);
        assert_eq!(why.chains[0].links[3].requirement, Some("*".parse().unwrap()));
        assert_eq!(why.chains[0].links[0].requirement, None);
        assert!(!why.more);
        assert_eq!(graph.why(&name("none")), None);
        assert_eq!(graph.why(&name("apps")).unwrap().chains[0].links.len(), 1);
    }

    #[test]
    fn a_graph_with_countless_chains_is_told_in_part() {
        let names: Vec<[String; 2]> = (0..40).map(|n| [format!("a{n}"), format!("b{n}")]).collect();
        let mut builds = vec![build("root", "1.0.0-b1", &["a0", "b0"])];
        for (at, pair) in names.iter().enumerate() {
            let needs: Vec<&str> =
                names.get(at + 1).into_iter().flatten().map(String::as_str).collect();
            builds.extend(pair.iter().map(|product| build(product, "1.0.0-b1", &needs)));
        }
        let lock = lock(&builds);

        let why = Graph::of(&lock).why(&name("a39")).unwrap();

        assert_eq!((why.chains.len(), why.more), (MOST_CHAINS, true));
        assert_eq!(Graph::of(&lock).tree(100).iter().filter(|node| node.repeated).count(), 76);
    }

    #[test]
    fn a_tree_tells_each_subtree_once() {
        let lock = diamond();

        let nodes = Graph::of(&lock).tree(100);

        let told: Vec<String> = nodes
            .iter()
            .map(|node| {
                let mark = if node.repeated { "*" } else { "" };
                format!("{}{}{mark}", " ".repeat(node.depth), node.name)
            })
            .collect();
        let expected = [
            "stack@1.0.0",
            " apps@1.0.0-b1",
            "  left@1.0.0-b1",
            "   base@1.0.0-b1",
            "    apps@1.0.0-b1*",
            "    log@1.0.0-b1",
            "  right@1.0.0-b1",
            "   base@1.0.0-b1*",
        ];
        assert_eq!(told, expected);
        assert_eq!(Graph::of(&lock).tree(1).len(), 2);
    }

    #[test]
    fn what_was_cut_off_is_told_where_it_stands_higher_up() {
        let lock = lock(&[
            build("apps", "1.0.0-b1", &["left", "right"]),
            build("left", "1.0.0-b1", &["right"]),
            build("right", "1.0.0-b1", &["base"]),
            build("base", "1.0.0-b1", &[]),
        ]);

        let nodes = Graph::of(&lock).tree(3);

        let told: Vec<_> = nodes.iter().map(|node| (node.depth, &node.name[..4])).collect();
        let expected =
            [(0, "stac"), (1, "apps"), (2, "left"), (3, "righ"), (2, "righ"), (3, "base")];
        assert_eq!(told, expected);
        assert!(nodes.iter().all(|node| !node.repeated));
    }
}
