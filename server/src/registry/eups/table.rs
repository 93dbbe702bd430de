//! Table files: what EUPS sets up with a product, said from a build's record.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use larder_schema::eups::{EupsVersion, expression};
use larder_schema::record::Variable;
use larder_schema::{Build, DependencyKind, ProductName};

/// The table of a build. `against`: under which versions EUPS knows what it was built against.
///
/// A product that is needed is set up as the version that this was built against, where that is installed;
/// else as the newest that its requirement admits.
pub(super) fn table(build: &Build, against: &BTreeMap<ProductName, EupsVersion>) -> String {
    let mut text = format!("# Made by larder for {}@{}.\n", build.product, build.name());
    for needed in build.dependencies.iter().filter(|needed| needed.kind == DependencyKind::Run) {
        let version = against.get(&needed.product).map(|version| format!(" {version}"));
        let version = version.unwrap_or_default();
        // Nothing will do where the requirement contradicts itself: it is found out at setup.
        let bounds = expression(&needed.requirement).unwrap_or_else(|| "< 0.0.0".to_owned());
        line(&mut text, format_args!("setupRequired({}{version} [{bounds}])", needed.product));
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
                say(&mut text, name, is_plain(folder), &put);
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

/// Whether EUPS and a shell leave the text as it is, without quotes.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./+:=@%-".contains(&byte))
}

/// Whether they do within quotes.
fn is_quotable(text: &str) -> bool {
    let is_good = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"'$`\\#!".contains(&byte);
    !text.trim().is_empty() && text.trim() == text && text.bytes().all(is_good)
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
        let against = [("log".parse().unwrap(), "1.2.0+b7".parse().unwrap())];
        table(&build, &against.into())
    }

    #[test]
    fn a_table_sets_up_what_is_needed_and_puts_paths_in_front() {
        let text = told(
            json!({"PATH": ["bin", "sbin"], "PYTHONPATH": ["."], "X": {"set": "a b, c"}}),
            json!([{"product": "log", "requirement": "^1.2"}, {"product": "utils", "requirement": "*"},
                   {"product": "scons", "requirement": "*", "kind": "build"}]),
        );

        assert_eq!(
            text,
            "# Made by larder for afw@1.0.0-b1.\n\
             setupRequired(log 1.2.0+b7 [>= 1.2.0 && < 2.0.0])\n\
             setupRequired(utils [>= 0.0.0])\n\
             envPrepend(PATH, ${PRODUCT_DIR}/sbin)\n\
             envPrepend(PATH, ${PRODUCT_DIR}/bin)\n\
             envPrepend(PYTHONPATH, ${PRODUCT_DIR})\n\
             envSet(X, \"a b, c\")\n"
        );
    }

    #[test]
    fn what_would_become_code_is_left_out() {
        for set in ["$(rm -rf ~)", "`x`", "\"); print(x", "a # b", "${HOME}", "é", "a\\b"] {
            let text = told(json!({"X": {"set": set}}), json!([]));
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(
                text.ends_with("# X is left out: EUPS cannot hold what it is set to\n"),
                "{text}"
            );
        }
        let text = told(json!({"PATH": ["a b", "$(x)", "bin"]}), json!([]));
        assert_eq!(text.matches("left out").count(), 2, "{text}");
    }
}
