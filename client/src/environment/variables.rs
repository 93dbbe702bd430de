//! What an environment does to environment variables.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use larder_schema::Build;
use larder_schema::record::Variable;

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
}

/// What the generation in `folder` does, for its builds in install order.
///
/// Each build is put in front of those that came before it. All paths are the generation's own, so
/// that a process keeps what it began with.
pub fn settings(folder: &str, records: &[Build]) -> Vec<Setting> {
    let mut settings = Settings(Vec::new());
    for record in records.iter().filter(|record| record.archive.is_some()) {
        let package = format!("{folder}/packages/{}", record.product);
        let place = match &record.product_dir {
            Some(folder) => format!("{package}/{folder}"),
            None => package.clone(),
        };
        settings.set(&record.product.dir_variable(), place);
        for (name, variable) in &record.variables {
            match variable {
                Variable::Set { set } => settings.set(name, set.to_string()),
                Variable::Prepend(paths) => {
                    let place = |path: &larder_schema::record::TreePath| match path.below_root() {
                        Some(path) => format!("{package}/{path}"),
                        None => package.clone(),
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
    /// The value that the variable gets where it has `inherited` so far.
    pub fn value(&self, inherited: Option<&OsStr>) -> OsString {
        match &self.change {
            Change::Set(text) => text.into(),
            Change::Prepend(folders) => {
                let mut value = OsString::from(folders.join(":"));
                if let Some(inherited) = inherited.filter(|value| !value.is_empty()) {
                    value.push(":");
                    value.push(inherited);
                }
                value
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
    use crate::lock::tests::build;
    use serde_json::json;

    fn with_variables(product: &str, variables: serde_json::Value) -> Build {
        let mut record = serde_json::to_value(build(product, "1.0.0-b1", &[])).unwrap();
        record["variables"] = variables;
        serde_json::from_value(record).unwrap()
    }

    fn value(settings: &[Setting], name: &str, inherited: Option<&str>) -> String {
        let setting = settings.iter().find(|setting| setting.name == name).unwrap();
        setting.value(inherited.map(OsStr::new)).into_string().unwrap()
    }

    #[test]
    fn later_builds_come_in_front_and_bin_before_all() {
        let records = [
            with_variables("log", json!({"PATH": ["bin"], "PYTHONPATH": ["python", "."]})),
            with_variables("lsst.afw", json!({"PATH": ["bin"], "X": {"set": "a b"}})),
        ];

        let settings = settings("/e/generations/1", &records);

        let value = |name, inherited| value(&settings, name, inherited);
        let package = "/e/generations/1/packages";
        assert_eq!(
            value("PATH", Some("/usr/bin")),
            format!("/e/generations/1/bin:{package}/lsst.afw/bin:{package}/log/bin:/usr/bin")
        );
        assert_eq!(value("PYTHONPATH", None), format!("{package}/log/python:{package}/log"));
        assert_eq!(value("PYTHONPATH", Some("")), format!("{package}/log/python:{package}/log"));
        assert_eq!(value("X", Some("old")), "a b");
        assert_eq!(value("LSST_AFW_DIR", None), format!("{package}/lsst.afw"));
        assert_eq!(value("PYTHONPYCACHEPREFIX", None), "/e/generations/1/pycache");
    }
}
