//! Table files: what EUPS sets up with a product, said from a build's record.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use larder_schema::eups::{EupsVersion, expression};
use larder_schema::record::Variable;
use larder_schema::{Build, ProductName};

/// What is known of a product that a build needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Under which version EUPS knows the build that it was built against.
    pub(super) against: Option<EupsVersion>,
    /// Whether EUPS can compare its builds with a requirement.
    pub(super) is_ordered: bool,
}

/// The table of a build.
///
/// A product that is needed is set up as the version that this was built against, where that is installed;
/// else as the newest that its requirement admits. EUPS reads what stands in brackets only behind a
/// version; without one the bare requirement counts.
pub(super) fn table(build: &Build, known: &BTreeMap<ProductName, Known>) -> String {
    let mut text = format!("# Made by larder for {}@{}.\n", build.product, build.name());
    let unknown = Known { against: None, is_ordered: true };
    for needed in build.run_dependencies() {
        let product = &needed.product;
        let Known { against, is_ordered } = known.get(product).unwrap_or(&unknown);
        // Nothing will do where the requirement contradicts itself: it is found out at setup.
        let bounds = expression(&needed.requirement).unwrap_or_else(|| "< 0.0.0".to_owned());
        match against {
            Some(version) if *is_ordered => {
                line(&mut text, format_args!("setupRequired({product} {version} [{bounds}])"));
            }
            Some(version) => line(&mut text, format_args!("setupRequired({product} {version})")),
            None if *is_ordered => {
                line(&mut text, format_args!("setupRequired({product} {bounds})"));
            }
            None => line(&mut text, format_args!("setupRequired({product})")),
        }
    }
    if !build.scripts.is_empty() {
        line(&mut text, format_args!("envPrepend(PATH, ${{PRODUCT_DIR}}/bin)"));
    }
    for (name, variable) in &build.variables {
        match variable {
            // The last one is at the very front.
            Variable::Prepend(paths) => paths.iter().rev().for_each(|path| {
                let folder = match path.below_root() {
                    None => String::new(),
                    Some(path) => format!("/{}", below(build, path.as_str())),
                };
                let folder = folder.trim_end_matches('/');
                let put = format!("envPrepend({name}, ${{PRODUCT_DIR}}{folder})");
                say(&mut text, name, is_path(folder), &put);
            }),
            Variable::Set { set } => {
                let set = set.as_str();
                let put = match is_plain(set) && !set.is_empty() {
                    true => format!("envSet({name}, {set})"),
                    false => format!("envSet({name}, \"{set}\")"),
                };
                say(&mut text, name, is_quotable(set), &put);
            }
        }
    }
    text
}

/// A path of the archive, seen from where the product lies in it.
fn below<'a>(build: &Build, path: &'a str) -> &'a str {
    let Some(folder) = &build.product_dir else { return path };
    path.strip_prefix(folder.as_str()).map_or(path, |rest| rest.trim_start_matches('/'))
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a text takes all that is written");
}

/// A text that EUPS would take for something else is not said.
fn say(text: &mut String, name: &str, can_be_said: bool, put: &str) {
    if can_be_said {
        line(text, format_args!("{put}"));
    } else {
        line(text, format_args!("# {name} is left out: EUPS cannot hold what it is set to"));
    }
}

/// Whether EUPS and a shell leave a path as it is; a colon would make two of it.
fn is_path(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./+=@%-".contains(&byte))
}

/// The same of any text, without quotes.
fn is_plain(text: &str) -> bool {
    is_path(&text.replace(':', ""))
}

/// Whether they do within quotes.
fn is_quotable(text: &str) -> bool {
    let is_good = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"'$`\\#!~{}*?[]".contains(&byte);
    !text.trim().is_empty()
        && text.trim() == text
        && !text.contains("  ")
        && text.bytes().all(is_good)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(variables: serde_json::Value, dependencies: serde_json::Value) -> String {
        let build: Build = serde_json::from_value(json!({
            "product": "afw", "version": "1.0.0", "build": "b1", "platform": "any", "archive": null,
            "variables": variables, "dependencies": dependencies,
        }))
        .unwrap();
        let known = |against: Option<&str>, is_ordered| Known {
            against: against.map(|version| version.parse().unwrap()),
            is_ordered,
        };
        let known = [
            ("log", known(Some("1.2.0+b7"), true)),
            ("base", known(Some("g1+2"), false)),
            ("old", known(None, false)),
        ];
        let known = known.map(|(product, known)| (product.parse().unwrap(), known));
        table(&build, &known.into())
    }

    #[test]
    fn a_table_sets_up_what_is_needed_and_puts_paths_in_front() {
        let text = told(
            json!({"PATH": ["bin", "sbin"], "PYTHONPATH": ["."], "X": {"set": "a b, c"}}),
            json!([{"product": "log", "requirement": "^1.2"}, {"product": "utils", "requirement": "*"},
                   {"product": "base", "requirement": "*"}, {"product": "old", "requirement": "^1"},
                   {"product": "scons", "requirement": "*", "kind": "build"}]),
        );

        assert_eq!(
            text,
            "# Made by larder for afw@1.0.0-b1.\n\
             setupRequired(log 1.2.0+b7 [>= 1.2.0 && < 2.0.0])\n\
             setupRequired(utils >= 0.0.0)\n\
             setupRequired(base g1+2)\n\
             setupRequired(old)\n\
             envPrepend(PATH, ${PRODUCT_DIR}/sbin)\n\
             envPrepend(PATH, ${PRODUCT_DIR}/bin)\n\
             envPrepend(PYTHONPATH, ${PRODUCT_DIR})\n\
             envSet(X, \"a b, c\")\n"
        );
    }

    #[test]
    fn what_would_become_code_is_left_out() {
        for set in [
            "$(rm -rf ~)",
            "`x`",
            "\"); print(x",
            "a # b",
            "${HOME}",
            "é",
            "a\\b",
            "~/x",
            "{a,b}",
            "a  b",
        ] {
            let text = told(json!({"X": {"set": set}}), json!([]));
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(
                text.ends_with("# X is left out: EUPS cannot hold what it is set to\n"),
                "{text}"
            );
        }
        let text = told(json!({"PATH": ["a b", "a;b", "bin"]}), json!([]));
        assert_eq!(text.matches("left out").count(), 2, "{text}");
    }
}
