//! Variables of a table as variables of a build, as far as they can be said so.

use std::collections::BTreeMap;

use larder_schema::eups::{Action, Verb};
use larder_schema::record::{MAX_RECORD_ITEMS, TreePath, Variable};
use larder_schema::{Build, Text};

use super::shelf::Package;

/// What separates the paths of a variable.
const SEPARATOR: &str = ":";
/// The most paths that a table may give a variable.
const MAX_PATHS: usize = 200;

/// The variables that `actions` change; `note` hears of what is said in another way, or left out.
pub fn variables(
    package: &Package,
    actions: &[&Action],
    note: &mut dyn FnMut(String),
) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    for action in actions {
        let (name, value) = match action.arguments.as_slice() {
            [name, rest @ ..] if !rest.is_empty() => (name, rest),
            _ => {
                if is_of_variables(action.verb) {
                    note(format!("a line for {} has no value", first(action)));
                }
                continue;
            }
        };
        let is_new = !variables.contains_key(name);
        if is_new && is_of_variables(action.verb) && variables.len() == MAX_RECORD_ITEMS {
            note(format!("`{name}` is left out: there are {MAX_RECORD_ITEMS} variables before it"));
            continue;
        }
        let changed = match action.verb {
            Verb::EnvPrepend => list(package, value, false, variables.remove(name), note, name),
            Verb::EnvAppend => list(package, value, true, variables.remove(name), note, name),
            Verb::EnvSet => set(package, name, &value.join(" "), note),
            Verb::Alias => {
                note(format!("the alias `{name}` is left out: larder has none"));
                None
            }
            Verb::Unset | Verb::Nothing | Verb::SetupRequired | Verb::SetupOptional => None,
        };
        if let Some(variable) = changed {
            variables.insert(name.clone(), variable);
        }
    }
    variables
}

fn is_of_variables(verb: Verb) -> bool {
    matches!(verb, Verb::EnvPrepend | Verb::EnvAppend | Verb::EnvSet)
}

fn first(action: &Action) -> &str {
    action.arguments.first().map_or("a variable", String::as_str)
}

/// `envPrepend`, or `envAppend`, which stands behind what is there.
fn list(
    package: &Package,
    value: &[String],
    is_behind: bool,
    before: Option<Variable>,
    note: &mut dyn FnMut(String),
    name: &str,
) -> Option<Variable> {
    if value.get(1).is_some_and(|separator| separator != SEPARATOR) {
        note(format!("`{name}` is left out: its parts are not separated by `{SEPARATOR}`"));
        return before;
    }
    let mut paths = match before {
        Some(Variable::Prepend(paths)) => paths,
        Some(Variable::Set { .. }) => {
            note(format!("`{name}` is set and put in front of: only what is set counts"));
            return before;
        }
        None => Vec::new(),
    };
    let value = expanded(package, &value[0]);
    for part in value.split(SEPARATOR).filter(|part| !part.is_empty()) {
        match inside(package, part) {
            Some(path) if paths.contains(&path) => {}
            Some(_) if paths.len() == MAX_PATHS => {
                note(format!("`{name}` gets no more than {MAX_PATHS} paths"));
                break;
            }
            Some(path) if is_behind => paths.push(path),
            Some(path) => paths.insert(0, path),
            None => note(format!("`{name}` does not get `{part}`, which is not in the product")),
        }
    }
    if is_behind && !paths.is_empty() {
        note(format!("`{name}` gets behind what it holds in EUPS, and in front of it here"));
    }
    (!paths.is_empty()).then_some(Variable::Prepend(paths))
}

fn set(
    package: &Package,
    name: &str,
    value: &str,
    note: &mut dyn FnMut(String),
) -> Option<Variable> {
    // larder sets it by itself.
    if name == package.product.dir_variable() {
        return None;
    }
    let value = expanded(package, value);
    if let Some(path) = inside(package, &value) {
        note(format!("`{name}` is set to a folder in EUPS; here the folder is put in front of it"));
        return Some(Variable::Prepend(vec![path]));
    }
    let plain = if value.contains('$') { None } else { value.parse::<Text>().ok() };
    match plain {
        Some(set) => Some(Variable::Set { set }),
        None => {
            note(format!("`{name}` is left out: `{value}` cannot be told before it is set up"));
            None
        }
    }
}

/// The product's folder.
const FOLDER: &str = "${PRODUCT_DIR}";

/// With what EUPS knows of the product put in.
fn expanded(package: &Package, value: &str) -> String {
    let own = format!("${{{}}}", package.product.dir_variable());
    ["$?{PRODUCT_DIR}", "${PROD_DIR}", "${UPS_PROD_DIR}", own.as_str()]
        .iter()
        .fold(value.to_owned(), |value, other| value.replace(other, FOLDER))
        .replace("${UPS_DIR}", "${PRODUCT_DIR}/ups")
        .replace("${PRODUCT_NAME}", package.product.as_str())
        .replace("${PRODUCT_VERSION}", package.version.as_str())
        .replace("${PRODUCT_FLAVOR}", &package.flavor)
}

/// Where in the archive a path is that begins with the product's folder; none where that hangs on
/// another variable, or where there are several paths.
fn inside(package: &Package, value: &str) -> Option<TreePath> {
    let below = value.trim().strip_prefix(FOLDER)?.trim_end_matches('/');
    if below.contains(['$', ':']) {
        return None;
    }
    let root = format!("{}/{}", package.product, package.version);
    if below.is_empty() {
        return root.parse().ok();
    }
    let parts: Vec<&str> = below.strip_prefix('/')?.split('/').filter(|p| !p.is_empty()).collect();
    format!("{root}/{}", parts.join("/")).parse().ok()
}

/// Takes out of `build` what larder refuses in variables.
pub fn without_refused(build: &mut Build, note: &mut dyn FnMut(String)) {
    let all = std::mem::take(&mut build.variables);
    let mut alone = Build { dependencies: Vec::new(), ..build.clone() };
    for (name, variable) in all {
        alone.variables = BTreeMap::from([(name.clone(), variable.clone())]);
        match alone.harm() {
            None => drop(build.variables.insert(name, variable)),
            Some(fault) => note(format!("`{name}` is left out: {fault}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use larder_schema::eups::{Setup, Table};

    use super::*;
    use crate::import::eups::shelf::Shelf;

    fn of(table: &str) -> (Vec<String>, Vec<String>) {
        let shelf = Shelf::of(&["lz_app-1.0@Linux64.manifest".to_owned()], None);
        let table = Table::read(table);
        let chosen = table.choose(Setup { flavor: "Linux64", is_exact: false });
        let mut notes = Vec::new();
        let mut note = |text| notes.push(text);
        let variables = variables(&shelf.packages[0], &chosen.actions, &mut note);
        let told = variables
            .iter()
            .map(|(name, value)| format!("{name}={}", serde_json::to_string(value).unwrap()));
        (told.collect(), notes)
    }

    #[test]
    fn paths_in_the_product_are_paths_in_the_archive() {
        let table = "envPrepend(PATH, ${PRODUCT_DIR}/bin)\nenvPrepend(PATH, ${LZ_APP_DIR}/sbin/)\n\
                     pathPrepend(X, ${PRODUCT_DIR}, :)\nenvPrepend(Y, \":${PRODUCT_DIR}/a:$?{PRODUCT_DIR}/b\")\n";

        let (variables, notes) = of(table);

        assert_eq!(
            variables,
            [
                r#"PATH=["lz_app/1.0/sbin","lz_app/1.0/bin"]"#,
                r#"X=["lz_app/1.0"]"#,
                r#"Y=["lz_app/1.0/b","lz_app/1.0/a"]"#
            ]
        );
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn texts_are_set() {
        let (variables, notes) = of(
            "envSet(MODE, \"fast, ${PRODUCT_NAME}\")\nsetEnv(N, a b)\nenvSet(LZ_APP_DIR, ${PRODUCT_DIR})\n",
        );
        assert_eq!(variables, [r#"MODE={"set":"fast, lz_app"}"#, r#"N={"set":"a b"}"#]);
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn what_hangs_on_other_variables_is_left_out() {
        let table = "envPrepend(A, $?{OTHER}/x)\nenvPrepend(B, ${PRODUCT_DIR}/${ARCH}/bin)\n\
                     envSet(C, ${PRODUCT_DIR}/a:${PRODUCT_DIR}/b)\nenvSet(D, $HOME/d)\n\
                     envSet(E, $?{OTHER}/x)\nenvSet(F, ${PRODUCT_DIR}/$ARCH)\n";

        let (variables, notes) = of(table);

        assert_eq!(variables, Vec::<String>::new());
        assert_eq!(notes.len(), 6, "{notes:#?}");
    }

    #[test]
    fn tables_of_many_lines_are_read_in_little_time_up_to_a_bound() {
        let line = |number: usize| format!("envPrepend(PATH, ${{PRODUCT_DIR}}/{number})\n");
        let name = |number: usize| format!("envSet(N{number}, x)\n");
        let lines: String = (0..MAX_PATHS + 1).map(line).collect();
        let names: String = (0..MAX_RECORD_ITEMS).map(name).collect();

        let (variables, notes) = of(&(lines + &names));

        assert_eq!(variables.len(), MAX_RECORD_ITEMS);
        let paths = variables.iter().find(|told| told.starts_with("PATH=")).unwrap();
        assert_eq!(paths.matches("lz_app/1.0/").count(), MAX_PATHS);
        assert_eq!(notes.len(), 2, "{notes:#?}");
    }

    #[test]
    fn what_is_said_in_another_way_or_not_at_all_is_noted() {
        let table = "envAppend(A, ${PRODUCT_DIR}/a)\nenvSet(B, ${PRODUCT_DIR}/b)\n\
                     envPrepend(C, /opt)\nenvSet(D, ${HOME}/d)\nenvPrepend(E, ${PRODUCT_DIR}/../x)\n\
                     envPrepend(F, x, ;)\naddAlias(ll, ls -l)\nenvSet(G)\n";

        let (variables, notes) = of(table);

        assert_eq!(variables, [r#"A=["lz_app/1.0/a"]"#, r#"B=["lz_app/1.0/b"]"#]);
        let about = |word: &str| notes.iter().any(|note| note.contains(word));
        assert!(
            ["`A`", "`B`", "`/opt`", "`D`", "..", "`F`", "`ll`", "G"].into_iter().all(about),
            "{notes:#?}"
        );
    }
}
