//! What is wrong with a record, beyond the form of its fields.

use std::collections::HashSet;

use super::{Build, DependencyKind, Extra, Source, Variable};
use crate::product::ProductName;
use crate::text::Text;

/// Variables that make a shell, a loader or an interpreter run code of the build's choosing.
const REFUSED_VARIABLES: [&str; 72] = [
    "ALL_PROXY",
    "BASHOPTS",
    "BASH_ENV",
    "BASH_LOADABLES_PATH",
    "BROWSER",
    "CDPATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_INSERT_LIBRARIES",
    "EDITOR",
    "ENV",
    "EXECIGNORE",
    "FPATH",
    "GCONV_PATH",
    "GIT_ASKPASS",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GLOBIGNORE",
    "HISTFILE",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "INPUTRC",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LD_AUDIT",
    "LD_DEBUG",
    "LD_DEBUG_OUTPUT",
    "LD_PRELOAD",
    "LD_PROFILE",
    "LD_PROFILE_OUTPUT",
    "LESSCLOSE",
    "LESSOPEN",
    "LUA_INIT",
    "MAIL",
    "MAILPATH",
    "MANPAGER",
    "NODE_OPTIONS",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "PAGER",
    "PERL5DB",
    "PERL5OPT",
    "PROMPT",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PYTHONBREAKPOINT",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPLATLIBDIR",
    "PYTHONPYCACHEPREFIX",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONWARNINGS",
    "RPROMPT",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SUDO_ASKPASS",
    "VISUAL",
    "ZDOTDIR",
];

/// Those that begin so: functions of the shell, settings of git, and larder's own settings, which
/// would lead what runs inside an environment to another server.
const REFUSED_BEGINNINGS: [&str; 3] = ["BASH_FUNC_", "GIT_CONFIG", "LARDER_"];

/// Why a record is refused, beyond the form of its fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// Fields that this version does not know.
    #[error("unknown fields {}; remove them, or use a newer larder", listed(.fields))]
    UnknownFields {
        /// Their paths.
        fields: Vec<String>,
    },
    /// A variable's name is malformed.
    #[error("`{name}` is no name of a variable: `[A-Z_][A-Z0-9_]*`, at most 128 characters")]
    VariableName {
        /// The name.
        name: String,
    },
    /// A variable would run code.
    #[error("the variable `{name}` makes a shell, a loader or an interpreter run code")]
    VariableRefused {
        /// The name.
        name: String,
    },
    /// A search path would be replaced.
    #[error("the variable `{name}` is a search path: give a list of folders, which go in front")]
    PathReplaced {
        /// The name.
        name: String,
    },
    /// A name of a script, a need or a parameter is malformed.
    #[error("`{name}` is no name of a {what}")]
    Name {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The source names neither a revision nor a file.
    #[error("the source has neither a `revision` nor a `url` with its `sha256`")]
    Source,
    /// A script's target is no `module:function`.
    #[error("the script `{name}` points to `{target}`; it must be `module:function`")]
    Script {
        /// The script.
        name: String,
        /// Its target.
        target: String,
    },
    /// Two dependencies of one kind on one product.
    #[error(
        "`{product}` stands twice among the dependencies of kind `{}`; join them with `,`",
        .kind.as_str()
    )]
    TwiceNeeded {
        /// The product.
        product: ProductName,
        /// The kind.
        kind: DependencyKind,
    },
    /// More of something than a record may hold.
    #[error("a record holds at most {most} {what}, not {count}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// It needs itself.
    #[error("`{product}` depends on itself")]
    SelfDependency {
        /// The product.
        product: ProductName,
    },
}

fn listed(fields: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> =
        fields.iter().take(SHOWN).map(|field| format!("`{}`", crate::shown(field))).collect();
    if fields.len() > SHOWN {
        names.push(format!("and {} more", fields.len() - SHOWN));
    }
    names.join(", ")
}

/// The most entries that any list or map of a record may have.
pub const MAX_RECORD_ITEMS: usize = 2000;

impl Build {
    /// What is wrong with the record, beyond the form of its fields; for a publisher's record.
    pub fn fault(&self) -> Option<RecordFault> {
        let unknown = self.unknown_fields();
        if !unknown.is_empty() {
            return Some(RecordFault::UnknownFields { fields: unknown });
        }
        self.harm()
    }

    /// What is wrong with the fields that this version knows; for a record that one is to act on.
    ///
    /// A reader keeps fields that it does not know, but runs nothing that a publisher could not
    /// have published.
    pub fn harm(&self) -> Option<RecordFault> {
        self.size_fault()
            .or_else(|| self.dependency_fault())
            .or_else(|| self.source.as_ref().and_then(Source::fault))
            .or_else(|| self.variables.iter().find_map(|(name, value)| variable_fault(name, value)))
            .or_else(|| self.scripts.iter().find_map(|(name, target)| script_fault(name, target)))
            .or_else(|| self.needs.keys().find_map(|name| name_fault("need", name)))
            .or_else(|| self.parameter_fault())
    }

    fn parameter_fault(&self) -> Option<RecordFault> {
        let names = self.built_by.as_ref().map(|by| by.parameters.keys()).into_iter().flatten();
        let bad = names.into_iter().find(|name| name.parse::<Text>().is_err())?;
        Some(RecordFault::Name { what: "parameter", name: crate::shown(bad) })
    }

    fn size_fault(&self) -> Option<RecordFault> {
        let parameters = self.built_by.as_ref().map_or(0, |by| by.parameters.len());
        let counts = [
            ("dependencies", self.dependencies.len()),
            ("variables", self.variables.len()),
            ("scripts", self.scripts.len()),
            ("needs", self.needs.len()),
            ("parameters", parameters),
        ];
        counts
            .into_iter()
            .find(|(_, count)| *count > MAX_RECORD_ITEMS)
            .map(|(what, count)| RecordFault::TooMany { what, count, most: MAX_RECORD_ITEMS })
    }

    fn dependency_fault(&self) -> Option<RecordFault> {
        let mut seen = HashSet::new();
        self.dependencies.iter().find_map(|needed| {
            if needed.product == self.product && needed.kind == DependencyKind::Run {
                return Some(RecordFault::SelfDependency { product: self.product.clone() });
            }
            (!seen.insert((&needed.product, needed.kind))).then(|| RecordFault::TwiceNeeded {
                product: needed.product.clone(),
                kind: needed.kind,
            })
        })
    }

    fn unknown_fields(&self) -> Vec<String> {
        let mut fields: Vec<String> = self.extra.keys().cloned().collect();
        let mut add = |place: &str, extra: &Extra| {
            fields.extend(extra.keys().map(|name| format!("{place}.{name}")));
        };
        if let Some(archive) = &self.archive {
            add("archive", &archive.extra);
        }
        if let Some(source) = &self.source {
            add("source", &source.extra);
        }
        if let Some(built_in) = &self.built_in {
            add("built_in", &built_in.extra);
        }
        if let Some(built_by) = &self.built_by {
            add("built_by", &built_by.extra);
        }
        for needed in &self.dependencies {
            add("dependencies", &needed.extra);
            if let Some(against) = &needed.built_against {
                add("dependencies.built_against", &against.extra);
            }
        }
        fields
    }
}

impl Source {
    fn fault(&self) -> Option<RecordFault> {
        let file = self.url.is_some() && self.sha256.is_some();
        (self.revision.is_none() && !file).then_some(RecordFault::Source)
    }
}

fn variable_fault(name: &str, variable: &Variable) -> Option<RecordFault> {
    let good = (1..=128).contains(&name.len())
        && !name.as_bytes()[0].is_ascii_digit()
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if !good {
        return Some(RecordFault::VariableName { name: crate::shown(name) });
    }
    let refused = REFUSED_VARIABLES.contains(&name)
        || REFUSED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    if refused {
        return Some(RecordFault::VariableRefused { name: name.to_owned() });
    }
    let replaces = name.ends_with("PATH") && matches!(variable, Variable::Set { .. });
    replaces.then(|| RecordFault::PathReplaced { name: name.to_owned() })
}

fn name_fault(what: &'static str, name: &str) -> Option<RecordFault> {
    let good = (1..=128).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte));
    (!good).then(|| RecordFault::Name { what, name: crate::shown(name) })
}

fn script_fault(name: &str, target: &Text) -> Option<RecordFault> {
    let dotted = |text: &str| {
        text.split('.').all(|part| {
            part.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_alphanumeric() || c == '_')
        })
    };
    let good = target
        .as_str()
        .split_once(':')
        .is_some_and(|(module, function)| dotted(module) && dotted(function));
    name_fault("script", name).or_else(|| {
        (!good).then(|| RecordFault::Script {
            name: name.to_owned(),
            target: crate::shown(target.as_str()),
        })
    })
}
