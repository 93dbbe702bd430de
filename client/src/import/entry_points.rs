//! `entry_points.txt`: which functions of a package are commands.
//!
//! The grammar is that of the entry points specification: sections in brackets, `name = value`
//! lines, comments on lines of their own. Sections that name no commands are not looked at.

use std::collections::BTreeMap;

use larder_schema::{ProductName, Text};

/// One command: its name, and what it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// What one types.
    pub name: String,
    /// `module:function`, without the extras that may follow it.
    pub target: String,
}

const COMMANDS: [&str; 2] = ["console_scripts", "gui_scripts"];

/// The commands that `text` names, in its order.
pub fn commands(text: &str) -> Vec<EntryPoint> {
    let mut section = "";
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
        } else if COMMANDS.contains(&section)
            && let Some((name, value)) = line.split_once('=')
        {
            found.push(EntryPoint { name: name.trim().to_owned(), target: target(value) });
        }
    }
    found
}

/// `module : function [extra]` without its blanks and extras.
fn target(value: &str) -> String {
    let before_extras = value.split('[').next().unwrap_or(value);
    before_extras.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The launchers for `commands`; one that no launcher can be made of is left out, with a note.
pub fn launchers(
    product: &ProductName,
    commands: &[EntryPoint],
    notes: &mut Vec<String>,
) -> BTreeMap<String, Text> {
    let mut scripts = BTreeMap::new();
    for command in commands {
        match command.target.parse::<Text>() {
            Ok(target) if is_launchable(&command.name, &command.target) => {
                scripts.insert(command.name.clone(), target);
            }
            _ => notes.push(format!(
                "`{product}` has the command `{}` for `{}`, which no launcher can be made of; it \
                 is left out",
                super::shown(&command.name),
                super::shown(&command.target)
            )),
        }
    }
    scripts
}

/// What a record takes: a plain name, and `module:function`.
fn is_launchable(name: &str, target: &str) -> bool {
    let plain = (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte));
    let dotted = |text: &str| {
        text.split('.').all(|part| {
            part.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_alphanumeric() || c == '_')
        })
    };
    plain
        && target
            .split_once(':')
            .is_some_and(|(module, function)| dotted(module) && dotted(function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_of_two_sections_and_lose_their_extras() {
        let text = "\n[pkg_config]\nnumpy = numpy\n[console_scripts]\r\n# a comment\nf2py = \
                    numpy.f2py.f2py2e:main\nx-y=a.b : c.d [http, cli]\n\n[gui_scripts]\nwin = w:m\n";

        let found = commands(text);

        let pairs: Vec<_> = found.iter().map(|e| (e.name.as_str(), e.target.as_str())).collect();
        assert_eq!(pairs, [("f2py", "numpy.f2py.f2py2e:main"), ("x-y", "a.b:c.d"), ("win", "w:m")]);
    }

    #[test]
    fn nonsense_names_no_commands() {
        for text in ["", "x = y", "[console_scripts", "[console_scripts]\nno value", "=\n[]\n="] {
            assert_eq!(commands(text), [], "{text}");
        }
    }
}
