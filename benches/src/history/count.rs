//! What each policy reuses, counted, and compared with what it must be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The counts, in the shape of `expected.json.gz`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// By policy.
    pub policies: BTreeMap<String, Totals>,
    /// In the order of the builds.
    pub per_build: Vec<PerBuild>,
    /// How many builds were counted.
    pub builds: u64,
    pub from: String,
    pub to: String,
    /// Products of all builds that were counted.
    pub product_builds: u64,
    /// Binaries that are stored when the last build is published.
    pub binaries_stored: u64,
}

/// What one policy reuses in all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub reused: u64,
    pub rebuilt: u64,
    pub reused_percent: f64,
    /// Products that are reused, and whose exact binary is not there.
    #[serde(rename = "unsafe")]
    pub risky: u64,
}

/// What is reused in one build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PerBuild {
    pub build: String,
    pub time: String,
    pub products: u64,
    /// By policy.
    pub reused: BTreeMap<String, u64>,
}

impl Document {
    /// Counts one build; `risky` by policy.
    pub fn add(&mut self, counted: PerBuild, risky: &BTreeMap<String, u64>) {
        if self.per_build.is_empty() {
            self.from.clone_from(&counted.build);
        }
        self.to.clone_from(&counted.build);
        self.builds += 1;
        self.product_builds += counted.products;
        for (policy, reused) in &counted.reused {
            let totals = self.policies.entry(policy.clone()).or_default();
            totals.reused += reused;
            totals.risky += risky.get(policy).copied().unwrap_or_default();
        }
        self.per_build.push(counted);
        for totals in self.policies.values_mut() {
            totals.rebuilt = self.product_builds - totals.reused;
            let percent = 100.0 * totals.reused as f64 / self.product_builds.max(1) as f64;
            totals.reused_percent = (percent * 1000.0).round() / 1000.0;
        }
    }

    /// In what these counts are not as `expected`, each as a sentence. Only what both have counted is
    /// compared: builds by their names, policies by theirs, and totals where both are of the same builds.
    pub fn differences(&self, expected: &Self) -> Vec<String> {
        let mut differences = self.differences_by_build(expected);
        if (&self.from, &self.to, self.builds) != (&expected.from, &expected.to, expected.builds) {
            return differences;
        }
        let mut compare = |what: String, found: u64, expected: u64| {
            if found != expected {
                differences.push(format!("{what}: {found}, expected {expected}"));
            }
        };
        compare("products".to_owned(), self.product_builds, expected.product_builds);
        compare("binaries stored".to_owned(), self.binaries_stored, expected.binaries_stored);
        for (policy, totals) in &self.policies {
            let Some(expected) = expected.policies.get(policy) else { continue };
            compare(format!("all reused under {policy}"), totals.reused, expected.reused);
            compare(format!("all rebuilt under {policy}"), totals.rebuilt, expected.rebuilt);
            compare(format!("all unsafe under {policy}"), totals.risky, expected.risky);
        }
        differences
    }

    fn differences_by_build(&self, expected: &Self) -> Vec<String> {
        let by_name: BTreeMap<&str, &PerBuild> =
            expected.per_build.iter().map(|build| (build.build.as_str(), build)).collect();
        let mut differences = Vec::new();
        for counted in &self.per_build {
            let Some(expected) = by_name.get(counted.build.as_str()) else { continue };
            let build = &counted.build;
            if counted.products != expected.products {
                let (found, expected) = (counted.products, expected.products);
                differences.push(format!("{build}: {found} products, expected {expected}"));
            }
            for (policy, found) in &counted.reused {
                match expected.reused.get(policy) {
                    Some(expected) if expected != found => differences.push(format!(
                        "{build}: {found} reused under {policy}, expected {expected}"
                    )),
                    _ => {}
                }
            }
        }
        differences
    }

    /// How many of the builds that were counted `expected` tells of.
    pub fn compared(&self, expected: &Self) -> usize {
        let names: std::collections::HashSet<&str> =
            expected.per_build.iter().map(|build| build.build.as_str()).collect();
        self.per_build.iter().filter(|build| names.contains(build.build.as_str())).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(build: &str, reused: u64) -> PerBuild {
        PerBuild {
            build: build.to_owned(),
            time: String::new(),
            products: 4,
            reused: BTreeMap::from([("exact".to_owned(), reused)]),
        }
    }

    fn document(reused: &[u64]) -> Document {
        let mut document = Document::default();
        for (at, reused) in reused.iter().enumerate() {
            document.add(counted(&format!("b{}", at + 1), *reused), &BTreeMap::new());
        }
        document
    }

    #[test]
    fn totals_are_of_all_builds() {
        let document = document(&[0, 1, 2]);

        let totals = &document.policies["exact"];
        assert_eq!((totals.reused, totals.rebuilt, totals.reused_percent), (3, 9, 25.0));
        assert_eq!((document.from.as_str(), document.to.as_str()), ("b1", "b3"));
    }

    #[test]
    fn a_build_that_differs_is_told_and_so_are_the_totals() {
        let differences = document(&[0, 1, 2]).differences(&document(&[0, 1, 3]));

        assert_eq!(
            differences,
            [
                "b3: 2 reused under exact, expected 3",
                "all reused under exact: 3, expected 4",
                "all rebuilt under exact: 9, expected 8",
            ]
        );
    }

    #[test]
    fn totals_of_other_builds_are_not_compared() {
        let (some, all) = (document(&[0, 1]), document(&[0, 1, 3]));

        assert_eq!(some.differences(&all), Vec::<String>::new());
        assert_eq!(some.compared(&all), 2);
    }

    #[test]
    fn a_document_is_read_as_it_is_written() {
        let written = serde_json::to_string(&document(&[0, 1, 2])).unwrap();

        assert!(written.contains("\"unsafe\":0"), "{written}");
        assert_eq!(serde_json::from_str::<Document>(&written).unwrap(), document(&[0, 1, 2]));
    }
}
