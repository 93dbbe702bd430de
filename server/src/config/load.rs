//! Where settings come from, and the check of all of them at once.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Config;

/// One setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Its key, such as `limits.ratio`.
    pub key: String,
    /// What is wrong, with the value and the way out.
    pub fault: String,
}

/// All settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {}: {}", mistake.key, mistake.fault))
    }
}

/// What flags and the environment say over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The address to listen on.
    pub listen: Option<String>,
    /// The data folder.
    pub data: Option<PathBuf>,
    /// The catalog's engine.
    pub database: Option<String>,
    /// Where bytes are kept.
    pub blobs: Option<String>,
}

impl Overrides {
    /// `self`, and where it says nothing, `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            data: self.data.or(other.data),
            database: self.database.or(other.database),
            blobs: self.blobs.or(other.blobs),
        }
    }
}

impl Config {
    /// The settings of `file`, if there is one, with `overrides` over them; checked.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, Mistakes> {
        let (mut config, mut mistakes) = match file {
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Self::parse(&text),
                Err(error) => {
                    let fault = format!("`{}` cannot be read: {error}", path.display());
                    return Err(Mistakes(vec![mistake("--config", fault)]));
                }
            },
            None => (Self::default(), Vec::new()),
        };
        config.override_with(overrides);
        mistakes.extend(config.mistakes());
        if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) }
    }

    fn override_with(&mut self, overrides: Overrides) {
        let Overrides { listen, data, database, blobs } = overrides;
        self.listen = listen.unwrap_or_else(|| std::mem::take(&mut self.listen));
        self.data = data.unwrap_or_else(|| std::mem::take(&mut self.data));
        self.database = database.unwrap_or_else(|| std::mem::take(&mut self.database));
        self.blobs = blobs.unwrap_or_else(|| std::mem::take(&mut self.blobs));
    }

    /// The settings that a TOML text gives, and what is wrong with it.
    ///
    /// Each key is tried alone, so that one mistake hides no other.
    fn parse(text: &str) -> (Self, Vec<Mistake>) {
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => return (Self::default(), vec![mistake("--config", error.to_string())]),
        };
        let (mut good, mut mistakes) = (toml::Table::new(), Vec::new());
        for (section, key, value) in settings(table) {
            let name = section.iter().chain([&key]).cloned().collect::<Vec<_>>().join(".");
            let alone = placed(toml::Table::new(), section.clone(), key.clone(), value.clone());
            match Self::deserialize(toml::Value::Table(alone)) {
                Ok(_) => good = placed(good, section, key, value),
                Err(error) => mistakes.push(mistake(name, error.message())),
            }
        }
        (Self::deserialize(toml::Value::Table(good)).unwrap_or_default(), mistakes)
    }

    /// What is wrong with the settings, each being of its type.
    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut refuse = |key: &str, fault: String| mistakes.push(mistake(key, fault));
        if self.listen.parse::<std::net::SocketAddr>().is_err() {
            let fault = "is no address: write a number and a port, such as `127.0.0.1:8080`";
            refuse("listen", format!("`{}` {fault}", self.listen));
        }
        if self.data.as_os_str().is_empty() {
            refuse("data", "is empty: name a folder".to_owned());
        }
        if self.database != "sqlite" {
            refuse("database", later(&self.database, "sqlite"));
        }
        if self.blobs != "files" {
            refuse("blobs", later(&self.blobs, "files"));
        }
        if self.http.workers > 1024 {
            refuse("http.workers", format!("{} is more than 1024", self.http.workers));
        }
        for limit in self.limits.zeros() {
            refuse(&format!("limits.{limit}"), "must not be 0".to_owned());
        }
        if self.limits.page_items > self.limits.page_items_most {
            let most = self.limits.page_items_most;
            refuse("limits.page_items", format!("is more than `limits.page_items_most`, {most}"));
        }
        mistakes
    }
}

fn mistake(key: impl Into<String>, fault: impl Into<String>) -> Mistake {
    Mistake { key: key.into(), fault: fault.into() }
}

/// What is said of an engine that does not exist yet; its address may hold a password.
fn later(value: &str, only: &str) -> String {
    let kind = value.split_once("://").map_or(value, |(scheme, _)| scheme);
    format!("`{kind}` is not supported yet, only `{only}`")
}

/// Every setting of a file with the section that it stands in.
fn settings(table: toml::Table) -> Vec<(Option<String>, String, toml::Value)> {
    let mut all = Vec::new();
    for (key, value) in table {
        if let toml::Value::Table(section) = &value
            && !section.is_empty()
        {
            let inner = section.iter().map(|(inner, value)| (inner.clone(), value.clone()));
            all.extend(inner.map(|(inner, value)| (Some(key.clone()), inner, value)));
        } else {
            all.push((None, key, value));
        }
    }
    all
}

fn placed(
    mut table: toml::Table,
    section: Option<String>,
    key: String,
    value: toml::Value,
) -> toml::Table {
    match section {
        None => drop(table.insert(key, value)),
        Some(section) => {
            let inner =
                table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(inner) = inner.as_table_mut() {
                inner.insert(key, value);
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let (config, mut mistakes) = Config::parse(text);
        mistakes.extend(config.mistakes());
        mistakes.into_iter().map(|mistake| mistake.key).collect()
    }

    #[test]
    fn the_example_shows_every_key_with_its_default() {
        let text = include_str!("../../../deploy/larder-server.toml");

        let (config, mistakes) = Config::parse(text);

        assert_eq!(mistakes, []);
        assert_eq!(config, Config::default());
        let shown: toml::Table = text.parse().unwrap();
        let all = toml::Table::try_from(Config::default()).unwrap();
        let keys = |table: toml::Table| -> Vec<_> {
            settings(table).into_iter().map(|(section, key, _)| (section, key)).collect()
        };
        let shown = keys(shown);
        for key in keys(all) {
            assert!(shown.contains(&key), "{key:?} is not shown");
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = "
            listen = 'nowhere'
            colour = 'red'
            [publish]
            twins = 'maybe'
            [limits]
            ratio = 0
            entries = 'many'
            rations = 1
            [acess]
            read = 'token'
        ";

        let mut keys = faults(text);
        keys.sort();

        assert_eq!(
            keys,
            [
                "acess.read",
                "colour",
                "limits.entries",
                "limits.ratio",
                "limits.rations",
                "listen",
                "publish.twins"
            ]
        );
    }

    #[test]
    fn engines_that_come_later_are_refused_by_name() {
        let overrides = Overrides {
            database: Some("postgres://x".to_owned()),
            blobs: Some("s3://bucket".to_owned()),
            ..Overrides::default()
        };

        let mistakes = Config::load(None, overrides).unwrap_err();

        assert_eq!(mistakes.0.len(), 2);
        assert!(mistakes.to_string().contains("`s3` is not supported yet"));
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let flags = Overrides { listen: Some("127.0.0.1:1".to_owned()), ..Overrides::default() };
        let environment = Overrides {
            listen: Some("127.0.0.1:2".to_owned()),
            data: Some(PathBuf::from("there")),
            ..Overrides::default()
        };

        let config = Config::load(None, flags.or(environment)).unwrap();

        assert_eq!(config.listen, "127.0.0.1:1");
        assert_eq!(config.data, PathBuf::from("there"));
    }
}
