//! The build record of a package: a function of what the package root holds, and of nothing else.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use larder_schema::eups::{EupsVersion, Needed, Setup, Table, TableFault, requirement};
use larder_schema::record::{Archive, BuiltAgainst, BuiltBy, DependencyKind, Extra, Variable};
use larder_schema::{Build, BuildName, Dependency, ProductName, Requirement, Sha256, Text};

use super::manifests::{Listed, Names};
use super::shelf::{Package, Shelf, product};
use super::variables;

/// The most notes of one package.
const MAX_NOTES: usize = 200;
/// EUPS itself: tables ask for its version, and nothing is set up.
const EUPS: &str = "eups";

/// What is known of a root when records are made.
pub struct Known<'a> {
    /// Its packages.
    pub shelf: &'a Shelf,
    /// What manifests name.
    pub names: &'a Names,
    /// What each package's manifest says, by its place on the shelf.
    pub listed: &'a BTreeMap<usize, Listed>,
}

impl Known<'_> {
    /// The build that a product of a manifest is: that of its package, where the root has it.
    fn name_of(
        &self,
        product: &ProductName,
        version: &EupsVersion,
        package: Option<usize>,
    ) -> BuildName {
        match package {
            Some(index) => self.shelf.packages[index].name.clone(),
            None => self.shelf.name_of(product, version),
        }
    }
}

/// A record, and what of the package is said in it in another way than EUPS has it, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The record.
    pub build: Build,
    /// Sentences for a person.
    pub notes: Vec<String>,
}

/// The record of the package at `index`, whose table is `table` and whose archive has this sum.
pub fn record(
    known: &Known<'_>,
    index: usize,
    table: Option<&str>,
    archive: Option<Sha256>,
) -> Recorded {
    let package = &known.shelf.packages[index];
    let mut notes = Vec::new();
    let table = Table::read(table.unwrap_or_default());
    if let Some(fault) = table.faults.first() {
        notes.push(format!("its table is malformed, so it needs all of its manifest: {fault}"));
    }
    let (direct, variables) = said(known, index, &table, &mut notes);
    let dependencies = dependencies(known, index, direct, &mut notes);
    let mut build = bare(package, archive);
    build.dependencies = dependencies;
    build.variables = variables;
    variables::without_refused(&mut build, &mut |note| notes.push(note));
    if let Some(more @ 1..) = notes.len().checked_sub(MAX_NOTES) {
        notes.truncate(MAX_NOTES);
        notes.push(format!("and {more} more"));
    }
    Recorded { build, notes }
}

/// A record of nothing but names.
fn bare(package: &Package, archive: Option<Sha256>) -> Build {
    let text = |text: &str| text.parse::<Text>().expect("versions and flavors are printable");
    let archive = archive.map(|sha256| Archive {
        sha256,
        name: format!("{}.tar.gz", package.stem()).parse().expect("a stem is a file name"),
        size: None,
        blake3: None,
        extra: Extra::new(),
    });
    let built_by = BuiltBy {
        tool: text(EUPS),
        url: None,
        at: None,
        parameters: BTreeMap::from([("flavor".to_owned(), text(&package.flavor))]),
        extra: Extra::new(),
    };
    Build {
        upstream_version: Some(text(package.version.as_str())),
        built_by: Some(built_by),
        ..Build::bare(package.key(), archive)
    }
}

/// What a table says: products with what it demands of them, and variables.
///
/// Where versions are given exactly there are only products that were there; ranges stand in the
/// other half. A malformed table tells no products.
fn said(
    known: &Known<'_>,
    index: usize,
    table: &Table,
    notes: &mut Vec<String>,
) -> (BTreeMap<ProductName, Needed>, BTreeMap<String, Variable>) {
    let package = &known.shelf.packages[index];
    let flavor = package.flavor.as_str();
    let loose = table.choose(Setup { flavor, is_exact: false });
    let exact = table.choose(Setup { flavor, is_exact: true });
    for condition in &loose.unknown {
        let condition = crate::import::shown(condition);
        notes.push(format!("nobody can judge `{condition}` here: it is taken for false"));
    }
    let mut direct: BTreeMap<ProductName, Needed> = BTreeMap::new();
    if table.faults.is_empty() {
        let needed = loose.actions.iter().chain(&exact.actions).filter_map(|it| it.needed());
        for needed in needed.filter(|needed| needed.product != EUPS) {
            match product(&needed.product) {
                Ok(name) if name == package.product => {}
                Ok(name) => drop(direct.entry(name).or_insert(needed)),
                Err(fault) => notes.push(format!(
                    "its table sets up `{}`, which is left out: {fault}",
                    crate::import::shown(&needed.product)
                )),
            }
        }
    }
    if table.faults.contains(&TableFault::Old) {
        // Which of its groups are for this flavor is not read.
        notes.push("its table is written in groups, as tables once were: no variables".to_owned());
        return (direct, BTreeMap::new());
    }
    let variables = variables::variables(package, &loose.actions, &mut |note| notes.push(note));
    (direct, variables)
}

fn dependencies(
    known: &Known<'_>,
    index: usize,
    direct: BTreeMap<ProductName, Needed>,
    notes: &mut Vec<String>,
) -> Vec<Dependency> {
    let listed = &known.listed[&index];
    let closure: BTreeMap<&ProductName, (&EupsVersion, Option<usize>)> = listed
        .closure
        .iter()
        .map(|need| {
            let (product, version) = known.names.get(need.id);
            (product, (version, need.index()))
        })
        .collect();
    let mut covered: HashSet<&ProductName> = HashSet::new();
    let mut dependencies = Vec::new();
    for (product, needed) in &direct {
        let there = closure.get(product);
        if there.is_none() && needed.is_optional {
            continue;
        }
        let against = match there {
            Some((version, package)) => {
                let below = package.and_then(|index| known.listed.get(&index));
                let below = below.into_iter().flat_map(|listed| &listed.closure);
                covered.extend(below.map(|need| &known.names.get(need.id).0));
                Some(known.name_of(product, version, *package))
            }
            None => {
                notes.push(format!("its table sets up `{product}`, which its manifest lacks"));
                let version = needed.version.as_ref().and_then(|text| text.parse().ok());
                version.map(|version| known.shelf.name_of(product, &version))
            }
        };
        let requirement = demanded(product, needed, against.as_ref(), notes);
        dependencies.push(dependency(product, requirement, against));
    }
    let mut extra: BTreeSet<&ProductName> = closure.keys().copied().collect();
    extra.retain(|product| !direct.contains_key(*product) && !covered.contains(*product));
    for product in extra {
        let (version, package) = closure[product];
        let against = known.name_of(product, version, package);
        dependencies.push(dependency(product, Requirement::any(), Some(against)));
    }
    dependencies
}

fn dependency(
    product: &ProductName,
    requirement: Requirement,
    against: Option<BuildName>,
) -> Dependency {
    let built_against =
        against.map(|build| BuiltAgainst { build, archive: None, extra: Extra::new() });
    Dependency {
        product: product.clone(),
        requirement,
        kind: DependencyKind::Run,
        built_against,
        extra: Extra::new(),
    }
}

/// What a table demands, where it can be said and admits what was there.
fn demanded(
    product: &ProductName,
    needed: &Needed,
    against: Option<&BuildName>,
    notes: &mut Vec<String>,
) -> Requirement {
    let Some(expression) = &needed.expression else { return Requirement::any() };
    let said = requirement(expression);
    let admits = |said: &Requirement| against.is_none_or(|it| said.matches(&it.version));
    if let Some(said) = said.filter(admits) {
        if names_one(expression) {
            let expression = crate::import::shown(expression);
            notes.push(format!("its table demands `{product} {expression}`: every build will do"));
        }
        return said;
    }
    let expression = crate::import::shown(expression);
    let why = match against {
        Some(name) => format!("and `{name}` was there"),
        None => "which comparators cannot say".to_owned(),
    };
    notes.push(format!("its table demands `{product} {expression}`, {why}: any version will do"));
    Requirement::any()
}

/// Whether an expression admits one version by name, of which larder has builds: `== 1.4`.
fn names_one(expression: &str) -> bool {
    expression.split(['&', '|']).any(|part| !part.trim().is_empty() && !is_range(part))
}

fn is_range(comparator: &str) -> bool {
    comparator.trim_start().starts_with(['<', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::eups::manifests;

    const PACKAGES: [&str; 4] = ["app-3.0.0+b3", "base-1.4.2+b1", "math-g1+2", "more-2.0"];

    /// `app` needs all, `math` needs `base`.
    fn recorded(table: &str) -> Recorded {
        let files = PACKAGES.map(|name| format!("{name}@Linux64.manifest"));
        let shelf = Shelf::of(&files, None);
        let line = |index: usize| {
            let Package { product, version, .. } = &shelf.packages[index];
            format!("{product} Linux64 {version} none {product}/{version} {product}.tar.gz\n")
        };
        let mut names = Names::default();
        let mut listed = BTreeMap::new();
        for (index, closure) in [(0, vec![1, 2, 3, 0]), (1, vec![1]), (2, vec![1, 2]), (3, vec![3])]
        {
            let Package { product, version, .. } = &shelf.packages[index];
            let heading =
                larder_schema::eups::Manifest::heading(product.as_str(), version.as_str());
            let text = heading + &closure.into_iter().map(line).collect::<String>();
            let read = manifests::read(&shelf.packages[index], &text, &shelf, &mut names).unwrap();
            listed.insert(index, read);
        }
        let known = Known { shelf: &shelf, names: &names, listed: &listed };
        record(&known, 0, Some(table), Some(Sha256::of(b"x")))
    }

    fn needs(recorded: &Recorded) -> Vec<String> {
        let told = |needed: &Dependency| {
            let against = needed.built_against.as_ref().map(|it| it.build.to_string());
            format!("{} {} {}", needed.product, needed.requirement, against.unwrap_or_default())
        };
        recorded.build.dependencies.iter().map(told).collect()
    }

    fn math() -> String {
        let name = larder_schema::eups::name_of_version(&"g1+2".parse().unwrap(), |_| false);
        format!("math * {name}")
    }

    fn more() -> String {
        let name = larder_schema::eups::name_of_version(&"2.0".parse().unwrap(), |_| false);
        format!("more * {name}")
    }

    #[test]
    fn tables_tell_the_ranges_and_manifests_the_builds() {
        let table = "setupRequired(math)\nsetupRequired(base [>= 1.4])\nsetupRequired(more)\n\
                     setupOptional(gone)\nsetupRequired(eups)\n";
        let recorded = recorded(table);
        assert_eq!(needs(&recorded), ["base >=1.4.0 1.4.2-b1".to_owned(), math(), more()]);
        assert_eq!(recorded.notes, Vec::<String>::new());
        assert_eq!(recorded.build.fault(), None);
    }

    #[test]
    fn a_version_by_name_is_noted() {
        let recorded = recorded("setupRequired(base [== 1.4.2])\nsetupRequired(more)\n");
        assert_eq!(needs(&recorded)[0], "base =1.4.2 1.4.2-b1");
        assert!(recorded.notes[0].contains("`base == 1.4.2`"), "{:?}", recorded.notes);
    }

    #[test]
    fn what_a_table_lost_is_added_from_the_manifest_unless_another_brings_it() {
        let table = "if (type == exact) {\nsetupRequired(math -j g1+2)\n} else {\n\
                     setupRequired(math g1+2 [>= 1.0])\n}\n";
        let recorded = recorded(table);
        assert_eq!(needs(&recorded), [math(), more()]);
        assert!(recorded.notes[0].contains("`math >= 1.0`"), "{:?}", recorded.notes);
    }

    #[test]
    fn a_malformed_table_needs_all_of_the_manifest_and_keeps_its_variables() {
        let recorded = recorded("setupRequired(math)\n}\nenvPrepend(PATH, ${PRODUCT_DIR}/bin)\n");
        assert_eq!(needs(&recorded), ["base * 1.4.2-b1".to_owned(), math(), more()]);
        assert!(recorded.build.variables.contains_key("PATH"));
        assert!(recorded.notes[0].contains("malformed"), "{:?}", recorded.notes);
    }

    #[test]
    fn what_the_manifest_lacks_is_needed_nonetheless() {
        let recorded = recorded("setupRequired(gone 1.0.0 [>= 1.0])\nsetupRequired(x-y)\n");
        assert_eq!(needs(&recorded)[0], "gone >=1.0.0 1.0.0-eups".to_owned());
        assert!(recorded.notes.iter().any(|note| note.contains("`gone`")));
        assert!(recorded.notes.iter().any(|note| note.contains("`x-y`")));
    }

    #[test]
    fn a_table_in_groups_tells_no_variables() {
        let recorded =
            recorded("File = Table\nGroup:\nFlavor = Darwin\nCommon:\nenvSet(X, mac)\nEnd:\n");
        assert_eq!(recorded.build.variables.len(), 0);
        assert!(recorded.notes.iter().any(|it| it.contains("no variables")), "{recorded:?}");
    }

    #[test]
    fn notes_are_told_up_to_a_bound() {
        let recorded = recorded(&"envSet(X, $Y)\n".repeat(MAX_NOTES + 3));
        assert_eq!(recorded.notes.len(), MAX_NOTES + 1);
        assert_eq!(recorded.notes[MAX_NOTES], "and 3 more");
    }

    #[test]
    fn variables_that_larder_refuses_are_left_out() {
        let recorded =
            recorded("envPrepend(LD_PRELOAD, ${PRODUCT_DIR}/x)\nenvSet(lower, x)\nenvSet(OK, x)\n");
        assert_eq!(recorded.build.variables.keys().collect::<Vec<_>>(), ["OK"]);
        assert_eq!(recorded.notes.len(), 2, "{:?}", recorded.notes);
    }
}
