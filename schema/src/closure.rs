//! Closures: sets of builds in which every run dependency is met.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::build::BuildName;
use crate::product::ProductName;
use crate::record::{Build, Dependency};
use crate::requirement::Requirement;

/// How many unmet dependencies are told; who mends these will see the others.
pub const MOST_UNMET: usize = 20;
/// How many products of a long chain are told at each of its ends.
const ENDS: usize = 6;

/// A run dependency that a set of builds does not meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Unmet {
    /// How one comes to it: products from a root to the one that needs it.
    pub chain: Vec<ProductName>,
    /// How many products are left out in the middle of a long chain.
    pub omitted: usize,
    /// The build that needs it.
    pub needed_by: BuildName,
    /// What is needed.
    pub product: ProductName,
    /// Which versions will do.
    pub requirement: Requirement,
    /// What is there instead, if anything.
    pub found: Option<BuildName>,
}

impl Unmet {
    fn sentence(&self) -> String {
        let mut chain: Vec<String> =
            self.chain.iter().map(|product| format!("`{product}`")).collect();
        if self.omitted > 0 {
            chain.insert(ENDS, format!("… ({} more)", self.omitted));
        }
        let found = match &self.found {
            Some(found) => format!("but `{}@{found}` is there", self.product),
            None => "which is not there".to_owned(),
        };
        format!(
            "{} at {} needs `{} {}`, {found}",
            chain.join(" → "),
            self.needed_by,
            self.product,
            self.requirement
        )
    }
}

/// The builds of one closure, found by product.
#[derive(Debug)]
pub struct Closure<'a> {
    builds: BTreeMap<&'a ProductName, &'a Build>,
}

impl<'a> Closure<'a> {
    /// Looks at `builds`, of which no two are of one product.
    pub fn of(builds: impl IntoIterator<Item = &'a Build>) -> Self {
        Self { builds: builds.into_iter().map(|build| (&build.product, build)).collect() }
    }

    /// The products that no other build of the closure needs, by name.
    ///
    /// Of builds that need each other in a circle with nothing above it, the first by name counts.
    pub fn roots(&self) -> Vec<ProductName> {
        let needed: HashSet<&ProductName> = self
            .builds
            .values()
            .flat_map(|build| build.run_dependencies().map(|needed| &needed.product))
            .collect();
        let mut roots: Vec<&ProductName> =
            self.builds.keys().copied().filter(|product| !needed.contains(product)).collect();
        let mut reached = HashSet::new();
        roots.iter().for_each(|root| self.reach(root, &mut reached));
        for product in self.builds.keys() {
            if !reached.contains(product) {
                self.reach(product, &mut reached);
                roots.push(product);
            }
        }
        roots.sort();
        roots.into_iter().cloned().collect()
    }

    fn reach(&self, from: &'a ProductName, reached: &mut HashSet<&'a ProductName>) {
        let mut open = vec![from];
        while let Some(product) = open.pop() {
            if reached.insert(product)
                && let Some(build) = self.builds.get(product)
            {
                open.extend(build.run_dependencies().map(|needed| &needed.product));
            }
        }
    }

    /// The run dependencies that are not met, by the product that needs them; the first
    /// [`MOST_UNMET`] of them.
    pub fn unmet(&self) -> Vec<Unmet> {
        let faults = self.builds.values().flat_map(|build| {
            let needs = build.run_dependencies().filter(|needed| !self.meets(needed));
            needs.map(move |needed| (*build, needed))
        });
        let faults: Vec<(&Build, &Dependency)> = faults.take(MOST_UNMET).collect();
        if faults.is_empty() {
            return Vec::new();
        }
        let chains = self.chains();
        faults
            .into_iter()
            .map(|(build, needed)| {
                let (chain, omitted) = shortened(chain_to(&chains, &build.product));
                Unmet {
                    chain,
                    omitted,
                    needed_by: build.name(),
                    product: needed.product.clone(),
                    requirement: needed.requirement.clone(),
                    found: self.builds.get(&needed.product).map(|found| found.name()),
                }
            })
            .collect()
    }

    fn meets(&self, needed: &Dependency) -> bool {
        let found = self.builds.get(&needed.product);
        found.is_some_and(|found| needed.is_met_by(&found.name(), found.abi))
    }

    /// For each product the one through which it was reached first from a root, breadth first.
    fn chains(&self) -> HashMap<ProductName, Option<ProductName>> {
        let mut through: HashMap<ProductName, Option<ProductName>> = HashMap::new();
        let mut layer: Vec<(ProductName, Option<ProductName>)> =
            self.roots().into_iter().map(|root| (root, None)).collect();
        while !layer.is_empty() {
            let mut next = Vec::new();
            for (product, from) in layer {
                if through.contains_key(&product) {
                    continue;
                }
                if let Some(build) = self.builds.get(&product) {
                    let needs = build.run_dependencies().map(|needed| &needed.product);
                    next.extend(needs.map(|needed| (needed.clone(), Some(product.clone()))));
                }
                through.insert(product, from);
            }
            layer = next;
        }
        through
    }

    /// The builds in [`install_order`].
    pub fn in_install_order(&self) -> Vec<&'a Build> {
        let needs = self.builds.iter().map(|(product, build)| {
            (*product, build.run_dependencies().map(|needed| &needed.product).collect())
        });
        let order = install_order(needs.collect());
        order.into_iter().filter_map(|product| self.builds.get(product).copied()).collect()
    }
}

/// Products, given with what each needs, so that each comes after those that it needs; ties go by
/// name, circles are cut. What is needed and not given itself is left out.
pub fn install_order<'a>(
    mut needs: BTreeMap<&'a ProductName, Vec<&'a ProductName>>,
) -> Vec<&'a ProductName> {
    let mut order = Vec::with_capacity(needs.len());
    // Depth first without recursion: a closure may be deeper than a stack. The last is next.
    let mut open: Vec<(&ProductName, bool)> =
        needs.keys().rev().map(|product| (*product, false)).collect();
    while let Some((product, is_done)) = open.pop() {
        if is_done {
            order.push(product);
        } else if let Some(mut needed) = needs.remove(product) {
            open.push((product, true));
            needed.sort_unstable_by(|one, two| two.cmp(one));
            open.extend(needed.into_iter().map(|needed| (needed, false)));
        }
    }
    order
}

/// A chain of which a person sees both ends, and how many products were left out between them.
fn shortened(mut chain: Vec<ProductName>) -> (Vec<ProductName>, usize) {
    let omitted = chain.len().saturating_sub(2 * ENDS);
    chain.drain(ENDS.min(chain.len())..ENDS.min(chain.len()) + omitted);
    (chain, omitted)
}

fn chain_to(
    through: &HashMap<ProductName, Option<ProductName>>,
    product: &ProductName,
) -> Vec<ProductName> {
    let mut chain = vec![product.clone()];
    while let Some(Some(from)) = chain.last().and_then(|last| through.get(last)) {
        chain.push(from.clone());
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Abi;

    fn build(product: &str, version: &str, needs: &[(&str, &str)]) -> Build {
        let needs: Vec<_> = needs
            .iter()
            .map(|(product, requirement)| {
                serde_json::json!({"product": product, "requirement": requirement})
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "product": product, "version": version, "build": "b1", "platform": "any",
            "archive": null, "dependencies": needs
        }))
        .unwrap()
    }

    #[test]
    fn an_unmet_dependency_is_named_with_its_chain() {
        let builds = [
            build("apps", "1.0.0", &[("afw", "^1.0")]),
            build("afw", "1.0.0", &[("log", "^2.0")]),
            build("log", "1.0.0", &[("base", "*")]),
        ];

        let unmet = Closure::of(&builds).unmet();

        let sentences: Vec<String> = unmet.iter().map(ToString::to_string).collect();
        assert_eq!(
            sentences,
            [
                "`apps` → `afw` at 1.0.0-b1 needs `log ^2.0`, but `log@1.0.0-b1` is there",
                "`apps` → `afw` → `log` at 1.0.0-b1 needs `base *`, which is not there",
            ]
        );
    }

    #[test]
    fn what_is_told_of_a_long_chain_is_bounded() {
        let name = |number: usize| format!("p{number:04}");
        let builds: Vec<Build> = (0..2_000)
            .map(|n| build(&name(n), "1.0.0", &[(&name(n + 1), "*"), ("gone", "*")]))
            .collect();

        let unmet = Closure::of(&builds).unmet();

        assert_eq!(unmet.len(), MOST_UNMET);
        assert_eq!((unmet[19].chain.len(), unmet[19].omitted), (12, 8));
        assert!(unmet[19].to_string().contains("`p0005` → … (8 more) → `p0014`"), "{}", unmet[19]);
    }

    #[test]
    fn install_order_puts_what_is_needed_first() {
        let builds = [
            build("a", "1.0.0", &[("b", "*"), ("c", "*")]),
            build("b", "1.0.0", &[("c", "*")]),
            build("c", "1.0.0", &[("a", "*")]),
        ];
        let order: Vec<_> = Closure::of(&builds)
            .in_install_order()
            .iter()
            .map(|build| build.product.to_string())
            .collect();
        assert_eq!(order, ["c", "b", "a"]);
    }

    #[test]
    fn roots_are_what_nothing_needs_and_one_of_each_circle() {
        let builds = [
            build("apps", "1.0.0", &[("afw", "*")]),
            build("afw", "1.0.0", &[]),
            build("x", "1.0.0", &[("y", "*")]),
            build("y", "1.0.0", &[("x", "*")]),
        ];
        let roots: Vec<String> =
            Closure::of(&builds).roots().iter().map(ToString::to_string).collect();
        assert_eq!(roots, ["apps", "x"]);
        assert_eq!(Closure::of(&builds).unmet(), []);
    }

    #[test]
    fn an_exact_abi_serves_only_what_was_built_against_it() {
        let mut log = build("log", "1.0.0", &[]);
        log.abi = Abi::Exact;
        let mut afw = build("afw", "1.0.0", &[("log", "*")]);
        let against = |name: &str| {
            Some(serde_json::from_value(serde_json::json!({ "build": name })).unwrap())
        };
        afw.dependencies[0].built_against = against("1.0.0-b1");
        assert_eq!(Closure::of([&log, &afw]).unmet(), []);
        afw.dependencies[0].built_against = against("1.0.0-b2");
        assert_eq!(Closure::of([&log, &afw]).unmet().len(), 1);
    }
}
