//! What an environment does to environment variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use larder_schema::ProductName;
use larder_schema::record::{TreePath, Variable};

/// What is done to variables, by their names.
pub(super) type Variables = BTreeMap<String, Variable>;

/// A product's own folder, and what it does to variables.
#[derive(Clone, Debug)]
pub(super) struct Package<'a> {
    /// The product.
    pub product: &'a ProductName,
    /// Where its paths begin.
    pub root: String,
    /// Where its folder variable points: there, or to a folder below.
    pub home: String,
    /// What is done, with paths below the root.
    pub variables: &'a Variables,
}

/// What is done to one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What is done.
    pub change: Change,
}

/// How a variable changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It gets this text.
    Set(String),
    /// These folders are put in front, the first at the very front.
    Prepend(Vec<String>),
    /// It is taken away.
    Unset,
}

/// What the generation in `folder` does, for its packages in install order.
///
/// Each package is put in front of those that came before it. All paths are the generation's own,
/// so that a process keeps what it began with.
pub(super) fn settings(folder: &str, packages: &[Package<'_>]) -> Vec<Setting> {
    let mut settings = Settings(Vec::new());
    for Package { product, root, home, variables } in packages {
        settings.set(&product.dir_variable(), home.clone());
        for (name, variable) in *variables {
            match variable {
                Variable::Set { set } => settings.set(name, set.to_string()),
                Variable::Prepend(paths) => {
                    let place = |path: &TreePath| match path.below_root() {
                        Some(path) => format!("{root}/{path}"),
                        None => root.clone(),
                    };
                    settings.prepend(name, paths.iter().map(place).collect());
                }
            }
        }
    }
    settings.prepend("PATH", vec![format!("{folder}/bin")]);
    settings.set("PYTHONPYCACHEPREFIX", format!("{folder}/pycache"));
    settings.0.retain(|setting| setting.change != Change::Prepend(Vec::new()));
    settings.0
}

struct Settings(Vec<Setting>);

impl Settings {
    fn set(&mut self, name: &str, text: String) {
        *self.change(name) = Change::Set(text);
    }

    fn prepend(&mut self, name: &str, mut folders: Vec<String>) {
        match self.change(name) {
            Change::Prepend(others) => {
                folders.append(others);
                *others = folders;
            }
            Change::Set(text) => {
                if !text.is_empty() {
                    folders.push(std::mem::take(text));
                }
                *text = folders.join(":");
            }
            unset @ Change::Unset => *unset = Change::Prepend(folders),
        }
    }

    fn change(&mut self, name: &str) -> &mut Change {
        let at = self.0.iter().position(|setting| setting.name == name).unwrap_or(self.0.len());
        if at == self.0.len() {
            let change = Change::Prepend(Vec::new());
            self.0.push(Setting { name: name.to_owned(), change });
        }
        &mut self.0[at].change
    }
}

impl Setting {
    /// The value that the variable gets where it has `inherited` so far; none: it is taken away.
    pub fn value(&self, inherited: Option<&OsStr>) -> Option<OsString> {
        match &self.change {
            Change::Set(text) => Some(text.into()),
            Change::Unset => None,
            Change::Prepend(folders) => {
                let mut value = OsString::from(folders.join(":"));
                if let Some(inherited) = inherited.filter(|value| !value.is_empty()) {
                    value.push(":");
                    value.push(inherited);
                }
                Some(value)
            }
        }
    }
}

/// Whether a path can stand in a list such as `PATH`, and in a text.
pub fn can_be_listed(folder: &Path) -> bool {
    folder.to_str().is_some_and(|text| !text.contains(':') && !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(settings: &[Setting], name: &str, inherited: Option<&str>) -> String {
        let setting = settings.iter().find(|setting| setting.name == name).unwrap();
        setting.value(inherited.map(OsStr::new)).unwrap().into_string().unwrap()
    }

    #[test]
    fn later_builds_come_in_front_and_bin_before_all() {
        let said = [
            ("log", json!({"PATH": ["bin"], "PYTHONPATH": ["python", "."]})),
            ("lsst.afw", json!({"PATH": ["bin"], "X": {"set": "a b"}})),
        ];
        let said: Vec<(ProductName, Variables)> = said
            .into_iter()
            .map(|(name, json)| (name.parse().unwrap(), serde_json::from_value(json).unwrap()))
            .collect();
        let folder = |product| format!("/e/generations/1/packages/{product}");
        let packages: Vec<Package<'_>> = said
            .iter()
            .map(|(product, variables)| {
                let root = folder(product);
                Package { product, home: format!("{root}/home"), root, variables }
            })
            .collect();

        let settings = settings("/e/generations/1", &packages);

        let value = |name, inherited| value(&settings, name, inherited);
        let package = "/e/generations/1/packages";
        assert_eq!(
            value("PATH", Some("/usr/bin")),
            format!("/e/generations/1/bin:{package}/lsst.afw/bin:{package}/log/bin:/usr/bin")
        );
        assert_eq!(value("PYTHONPATH", None), format!("{package}/log/python:{package}/log"));
        assert_eq!(value("PYTHONPATH", Some("")), format!("{package}/log/python:{package}/log"));
        assert_eq!(value("X", Some("old")), "a b");
        assert_eq!(value("LSST_AFW_DIR", None), format!("{package}/lsst.afw/home"));
        assert_eq!(value("PYTHONPYCACHEPREFIX", None), "/e/generations/1/pycache");
    }
}
