//! What the host offers: the versions of `python3` on the `PATH` and of the C library.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use larder_schema::{Build, Need, Text};

/// What the host has, as far as it can be known.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Name to version; a name without a version: known not to be there.
    has: BTreeMap<&'static str, Option<String>>,
}

/// A need of a build that the host does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// What is needed: `python`, `glibc`.
    pub name: String,
    /// Which versions of it.
    pub need: Need,
    /// What the host has instead, if anything.
    pub found: Option<String>,
    /// The builds that need it.
    pub needed_by: Vec<String>,
}

impl Host {
    /// Asks this host.
    pub fn look() -> Self {
        let mut has = BTreeMap::from([("python", python())]);
        // Where there is no such variable there is another C library, or none that can be asked.
        if let Some(version) = glibc() {
            has.insert("glibc", Some(version));
        }
        Self { has }
    }

    /// What it has, name to version; null: known not to be there.
    pub fn versions(&self) -> BTreeMap<String, Option<Text>> {
        let text = |version: &String| version.parse().ok();
        let known = self.has.iter().map(|(name, version)| match version {
            Some(version) => text(version).map(|text| ((*name).to_owned(), Some(text))),
            None => Some(((*name).to_owned(), None)),
        });
        known.flatten().collect()
    }

    /// A host that has these, for tests.
    #[cfg(test)]
    fn with(has: &[(&'static str, Option<&str>)]) -> Self {
        Self { has: has.iter().map(|(name, version)| (*name, version.map(Into::into))).collect() }
    }

    /// What of the needs of `builds` it does not meet; a need that cannot be known is met.
    pub fn unmet<'a>(&self, builds: impl IntoIterator<Item = &'a Build>) -> Vec<Unmet> {
        let mut unmet: Vec<Unmet> = Vec::new();
        for build in builds {
            for (name, need) in &build.needs {
                let Some(found) = self.has.get(name.as_str()) else { continue };
                if found.as_ref().is_some_and(|version| need.is_met_by(version)) {
                    continue;
                }
                let by = format!("{}@{}", build.product, build.name());
                match unmet.iter_mut().find(|one| one.name == *name && one.need == *need) {
                    Some(same) => same.needed_by.push(by),
                    None => unmet.push(Unmet {
                        name: name.clone(),
                        need: need.clone(),
                        found: found.clone(),
                        needed_by: vec![by],
                    }),
                }
            }
        }
        unmet
    }
}

impl Unmet {
    /// In one sentence.
    pub fn sentence(&self) -> String {
        let by = match &self.needed_by[..] {
            [] => "nothing".to_owned(),
            [only] => format!("`{only}` needs"),
            [first, .., last] if self.needed_by.len() == 2 => {
                format!("`{first}` and `{last}` need")
            }
            [first, rest @ ..] => format!("`{first}` and {} others need", rest.len()),
        };
        match (&self.found, self.name.as_str()) {
            (Some(found), name) => format!("{by} {name} {}, and this host has {found}", self.need),
            (None, "python") => {
                format!("{by} python {}, and there is no `python3` on the PATH", self.need)
            }
            (None, name) => format!("{by} {name} {}, which this host has not", self.need),
        }
    }
}

fn python() -> Option<String> {
    let version = answer("python3", &["--version"])?;
    Some(version.strip_prefix("Python ")?.to_owned())
}

fn glibc() -> Option<String> {
    let version = answer("getconf", &["GNU_LIBC_VERSION"])?;
    Some(version.strip_prefix("glibc ")?.to_owned())
}

/// The first line that a program prints.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.lines().next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::build;

    fn needing(product: &str, name: &str, need: &str) -> Build {
        let mut build = build(product, "1.0.0-b1", &[]);
        build.needs.insert(name.to_owned(), need.parse().unwrap());
        build
    }

    #[test]
    fn needs_that_the_host_does_not_meet_are_told_once() {
        let builds = [
            needing("numpy", "python", "3.11.*"),
            needing("pyarrow", "python", "3.11.*"),
            needing("afw", "glibc", ">=2.28"),
            needing("other", "cuda", ">=12"),
        ];
        let host = Host::with(&[("python", Some("3.13.1")), ("glibc", Some("2.36"))]);

        let unmet = host.unmet(&builds);

        assert_eq!(unmet.len(), 1);
        assert_eq!(
            unmet[0].sentence(),
            "`numpy@1.0.0-b1` and `pyarrow@1.0.0-b1` need python 3.11.*, and this host has 3.13.1"
        );
    }

    #[test]
    fn no_python_meets_no_need_of_python() {
        let host = Host::with(&[("python", None)]);
        let unmet = host.unmet(&[needing("numpy", "python", ">=3")]);
        assert!(unmet[0].sentence().contains("no `python3` on the PATH"));
    }
}
