//! A small history for tests: four products, three builds, with all that the policies differ in.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test that called it")]

use std::fmt::Write as _;
use std::path::Path;

/// One source: product, the letter of its revision, version, dependencies.
type Source = (&'static str, char, &'static str, &'static str);

/// `base` needs `log`, `geom` needs `base`, `app` needs both.
pub const EXAMPLE: [(&str, [Source; 4]); 3] = [
    ("b1", of(('1', "1.2.0"), ('7', "2.0.0"))),
    ("b2", of(('2', "1.3.0"), ('7', "2.0.0"))),
    ("b3", of(('1', "1.2.0"), ('8', "2.1.0"))),
];

const fn of(log: (char, &'static str), geom: (char, &'static str)) -> [Source; 4] {
    [
        ("log", log.0, log.1, ""),
        ("base", 'c', "3.0.0", "log"),
        ("geom", geom.0, geom.1, "base"),
        ("app", 'a', "5.0.0", "base,geom,base"),
    ]
}

/// Builds as a folder of a history.
pub struct Written(tempfile::TempDir);

impl Written {
    pub fn new(builds: &[(&str, [Source; 4])]) -> Self {
        let written = Self(tempfile::tempdir().unwrap());
        let mut lines = "line\tproduct\tgit_sha1\teups_version\tdeps\tmnp\n".to_owned();
        let mut runs = "build\ttime\tlines\n".to_owned();
        for (at, (build, sources)) in builds.iter().enumerate() {
            for (line, (product, revision, version, dependencies)) in sources.iter().enumerate() {
                let (line, revision) = (4 * at + line, revision.to_string().repeat(40));
                let row =
                    [*product, revision.as_str(), *version, *dependencies, *version].join("\t");
                writeln!(lines, "{line}\t{row}").unwrap();
            }
            let numbers: Vec<String> = (4 * at..4 * at + 4).map(|line| line.to_string()).collect();
            writeln!(runs, "{build}\t2026-11-26T06:00:00Z\t{}", numbers.join(",")).unwrap();
        }
        written.add("lines.tsv", &lines);
        written.add("builds.tsv", &runs);
        written
    }

    /// Writes a file of the folder, in place of one that is there.
    pub fn add(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
