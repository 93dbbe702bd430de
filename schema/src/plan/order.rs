//! What is wrong with a list of sources, and in which order they are built.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::PlanRequest;
use crate::product::ProductName;
use crate::record::DependencyKind;
use crate::requirement::Requirement;
use crate::text::Revision;
use crate::version::Version;

/// The most sources that one plan is asked about.
pub const MOST_SOURCES: usize = 10_000;
/// The most dependencies that these have together.
pub const MOST_NEEDED: usize = 200_000;
/// How many products of a circle a sentence names.
const SHOWN: usize = 40;

/// Something is wrong with a list of sources. Places are indices into the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// There is none.
    #[error("there are no sources; name at least one product")]
    Empty,
    /// There are more than a plan takes.
    #[error("there are more than the {MOST_SOURCES} sources that one plan takes")]
    TooMany,
    /// They have more dependencies than a plan takes.
    #[error("the sources have more than the {MOST_NEEDED} dependencies that one plan takes")]
    TooManyNeeded,
    /// A product stands there twice.
    #[error("`{product}` stands there twice; name each product once")]
    Twice {
        /// The product.
        product: ProductName,
        /// Where it stands first, and again.
        at: [usize; 2],
    },
    /// A product stands there twice, at two revisions.
    #[error("`{product}` stands there at two revisions, {} and {}; a build has one", .revisions[0], .revisions[1])]
    TwoRevisions {
        /// The product.
        product: ProductName,
        /// The revisions.
        revisions: [Revision; 2],
        /// Where it stands first, and again.
        at: [usize; 2],
    },
    /// A dependency is no source.
    #[error(
        "`{product}` needs `{dependency}`, which is not among the sources; add it, or take it out of the dependencies"
    )]
    Missing {
        /// Who needs it.
        product: ProductName,
        /// What it needs.
        dependency: ProductName,
        /// Where the product stands.
        at: usize,
    },
    /// Products need each other in a circle.
    #[error("the sources need each other in a circle: {}", circle(.products))]
    Cycle {
        /// All of the circle: each needs the next, and the last the first.
        products: Vec<ProductName>,
        /// Where the first stands.
        at: usize,
    },
    /// A dependency has a version that its user does not admit.
    #[error(
        "`{product}` needs `{dependency} {requirement}`, and is to be built against {version}; change the requirement or the source of `{dependency}`"
    )]
    Unmet {
        /// Who needs it.
        product: ProductName,
        /// What it needs.
        dependency: ProductName,
        /// Which versions of it would do.
        requirement: Box<Requirement>,
        /// The version that it has.
        version: Version,
        /// Where the product stands.
        at: usize,
    },
    /// A policy is named for a product that is no source.
    #[error("a policy is named for `{product}`, which is not among the sources")]
    PolicyOfNone {
        /// The product.
        product: ProductName,
    },
}

fn circle(products: &[ProductName]) -> String {
    let mut names: Vec<String> =
        products.iter().take(SHOWN).map(|product| format!("`{product}`")).collect();
    if products.len() > SHOWN {
        names.push(format!("… ({} more)", products.len() - SHOWN));
    }
    names.extend(products.first().map(|first| format!("`{first}`")));
    names.join(" → ")
}

impl PlanFault {
    /// Where in the list it is, the place to look at first.
    pub fn at(&self) -> Option<usize> {
        match self {
            Self::Empty | Self::TooMany | Self::TooManyNeeded | Self::PolicyOfNone { .. } => None,
            Self::Twice { at, .. } | Self::TwoRevisions { at, .. } => Some(at[1]),
            Self::Missing { at, .. } | Self::Unmet { at, .. } | Self::Cycle { at, .. } => Some(*at),
        }
    }
}

/// Each after what it needs; where that cannot be, how many each still waits for.
fn ordered(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut waits: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (user, needed) in needs.iter().enumerate() {
        needed.iter().for_each(|needed| users[*needed].push(user));
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..needs.len()).filter(|place| waits[*place] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(place)) = ready.pop() {
        order.push(place);
        for user in &users[place] {
            waits[*user] -= 1;
            if waits[*user] == 0 {
                ready.push(Reverse(*user));
            }
        }
    }
    if order.len() == needs.len() { Ok(order) } else { Err(waits) }
}

impl PlanRequest {
    /// The indices of the sources so that each comes after those that it is built against, and after
    /// what only its tests need, unless any tests make a circle; where there is a choice, as they
    /// stand.
    pub fn in_build_order(&self) -> Result<Vec<usize>, PlanFault> {
        let places = self.places()?;
        let all = self.needs(&places, |_| true)?;
        match ordered(&all) {
            Ok(order) => Ok(order),
            Err(_) => {
                let needs = self.needs(&places, DependencyKind::is_built_against)?;
                ordered(&needs).map_err(|waits| self.cycle(&needs, &waits))
            }
        }
    }

    fn places(&self) -> Result<HashMap<&ProductName, usize>, PlanFault> {
        match self.sources.len() {
            0 => return Err(PlanFault::Empty),
            count if count > MOST_SOURCES => return Err(PlanFault::TooMany),
            _ => {}
        }
        if self.sources.iter().map(|source| source.dependencies.len()).sum::<usize>() > MOST_NEEDED
        {
            return Err(PlanFault::TooManyNeeded);
        }
        let mut places: HashMap<&ProductName, usize> = HashMap::with_capacity(self.sources.len());
        for (place, source) in self.sources.iter().enumerate() {
            let Some(first) = places.insert(&source.product, place) else { continue };
            let (product, at) = (source.product.clone(), [first, place]);
            let revisions = [first, place].map(|place| self.sources[place].revision.clone());
            return Err(if revisions[0] == revisions[1] {
                PlanFault::Twice { product, at }
            } else {
                PlanFault::TwoRevisions { product, revisions, at }
            });
        }
        match self.policies.keys().find(|product| !places.contains_key(product)) {
            Some(product) => Err(PlanFault::PolicyOfNone { product: product.clone() }),
            None => Ok(places),
        }
    }

    /// The places of what each source needs for such a kind, each once; all must be there.
    fn needs(
        &self,
        places: &HashMap<&ProductName, usize>,
        counts: fn(DependencyKind) -> bool,
    ) -> Result<Vec<Vec<usize>>, PlanFault> {
        let needed = |(at, source): (usize, &super::Source)| {
            let mut needed = Vec::with_capacity(source.dependencies.len());
            for dependency in &source.dependencies {
                let place = places.get(&dependency.product).ok_or_else(|| PlanFault::Missing {
                    product: source.product.clone(),
                    dependency: dependency.product.clone(),
                    at,
                })?;
                if counts(dependency.kind) {
                    needed.push(*place);
                }
            }
            needed.sort_unstable();
            needed.dedup();
            Ok(needed)
        };
        self.sources.iter().enumerate().map(needed).collect()
    }

    /// A circle among what still waits: everything there waits for something there.
    fn cycle(&self, needs: &[Vec<usize>], waits: &[usize]) -> PlanFault {
        let waiting = |place: &usize| waits[*place] > 0;
        let mut path: Vec<usize> = Vec::new();
        let mut seen: HashMap<usize, usize> = HashMap::new();
        let mut place = (0..needs.len()).find(waiting).unwrap_or_default();
        let from = loop {
            if let Some(from) = seen.insert(place, path.len()) {
                break from;
            }
            path.push(place);
            place = needs[place].iter().copied().find(waiting).unwrap_or(place);
        };
        let mut circle = path.split_off(from);
        // The circle is the same wherever one comes into it: told from the first that stands there.
        let first = (0..circle.len()).min_by_key(|index| circle[*index]);
        circle.rotate_left(first.unwrap_or_default());
        let products = circle.iter().map(|place| self.sources[*place].product.clone()).collect();
        PlanFault::Cycle { products, at: circle.first().copied().unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(sources: &[(&str, &[&str])]) -> PlanRequest {
        let sources: Vec<_> = sources
            .iter()
            .map(|(product, needed)| {
                json!({"product": product, "revision": "a".repeat(40), "dependencies": needed})
            })
            .collect();
        serde_json::from_value(json!({"sources": sources, "platform": "any"})).unwrap()
    }

    #[test]
    fn sources_stay_in_their_order_where_they_can() {
        let order = |sources: &[(&str, &[&str])]| request(sources).in_build_order().unwrap();
        assert_eq!(order(&[("a", &[]), ("b", &["a"]), ("c", &["a", "a"])]), [0, 1, 2]);
        assert_eq!(
            order(&[("app", &["b", "log"]), ("b", &["log"]), ("x", &[]), ("log", &[])]),
            [2, 3, 1, 0]
        );
    }

    #[test]
    fn a_circle_is_named_whole() {
        let sources: &[(&str, &[&str])] =
            &[("log", &[]), ("top", &["c"]), ("a", &["log", "b"]), ("b", &["c"]), ("c", &["a"])];

        let fault = request(sources).in_build_order().unwrap_err();

        assert_eq!(fault.at(), Some(2));
        let told = "the sources need each other in a circle: `a` → `b` → `c` → `a`";
        assert_eq!(fault.to_string(), told);
        let itself = request(&[("a", &["a"])]).in_build_order().unwrap_err();
        assert!(itself.to_string().ends_with(": `a` → `a`"), "{itself}");
    }

    #[test]
    fn what_only_tests_need_comes_first_unless_that_makes_a_circle() {
        let order = |needed_by_log: &str| {
            let mut log = request(&[("log", &[needed_by_log])]).sources.remove(0);
            log.dependencies[0].kind = DependencyKind::Test;
            let mut all = request(&[("x", &[]), ("testing", &["y"]), ("y", &[])]);
            all.sources[0] = log;
            all.sources[1].dependencies[0] = super::super::Needed::any("log".parse().unwrap());
            all.in_build_order().unwrap()
        };

        assert_eq!(order("y"), [2, 0, 1]);
        assert_eq!(order("testing"), [0, 1, 2]);
        assert_eq!(order("log"), [0, 1, 2]);
    }

    #[test]
    fn what_is_wrong_with_a_list_is_told_with_its_place() {
        let fault = |sources: &[(&str, &[&str])]| request(sources).in_build_order().unwrap_err();
        assert_eq!(fault(&[]), PlanFault::Empty);
        assert_eq!(fault(&[("a", &[]), ("b", &["log"])]).at(), Some(1));
        assert_eq!(fault(&[("a", &[]), ("b", &[]), ("a", &[])]).at(), Some(2));
        let mut two = request(&[("a", &[]), ("a", &[])]);
        two.sources[1].revision = "b".repeat(40).parse().unwrap();
        assert!(matches!(two.in_build_order(), Err(PlanFault::TwoRevisions { .. })));
    }

    #[test]
    fn a_chain_as_long_as_a_plan_may_be_has_an_order() {
        let name = |number: usize| format!("p{number}").parse::<ProductName>().unwrap();
        let mut chain = request(&[("x", &[])]);
        let source = chain.sources.remove(0);
        chain.sources = (0..MOST_SOURCES)
            .map(|number| super::super::Source {
                product: name(number),
                dependencies: vec![super::super::Needed::any(name(number + 1))],
                ..source.clone()
            })
            .collect();
        chain.sources[MOST_SOURCES - 1].dependencies = vec![super::super::Needed::any(name(0))];

        let fault = chain.in_build_order().unwrap_err();

        assert!(
            matches!(&fault, PlanFault::Cycle { products, .. } if products.len() == MOST_SOURCES)
        );
        chain.sources[MOST_SOURCES - 1].dependencies.clear();
        assert_eq!(chain.in_build_order().unwrap()[0], MOST_SOURCES - 1);
    }
}
