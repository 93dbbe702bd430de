//! Package roots of EUPS, as `eups distrib create` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use larder_schema::archive::ArchiveFormat;
use larder_schema::eups::{CONFIG, Manifest};
use tempfile::TempDir;

use crate::archives::{Packed, pack};

/// A package root in a folder of its own: `root.package("lz_base", "1.4.2+b101", &[], "")`.
#[derive(Debug)]
pub struct EupsRoot {
    folder: TempDir,
    flavor: String,
    /// The manifest's lines of each package.
    closures: BTreeMap<(String, String), Vec<String>>,
}

impl EupsRoot {
    /// A root for `Linux64` with nothing in it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["manifests", "tables"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let root = Self { folder, flavor: "Linux64".to_owned(), closures: BTreeMap::new() };
        root.write("config.txt", CONFIG.as_bytes());
        root
    }

    /// From here on for another flavor.
    pub fn flavor(&mut self, flavor: &str) -> &mut Self {
        flavor.clone_into(&mut self.flavor);
        self.closures.clear();
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where it is, as an argument.
    pub fn argument(&self) -> String {
        self.path().to_string_lossy().into_owned()
    }

    /// Writes any file into it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).unwrap();
    }

    /// The name of a package's tarball.
    pub fn tarball(&self, product: &str, version: &str) -> String {
        format!("{product}-{version}@{}.tar.gz", self.flavor)
    }

    /// A package: a program that says its name, and a table with a path to it and these lines.
    pub fn package(
        &mut self,
        product: &str,
        version: &str,
        needs: &[(&str, &str)],
        table: &str,
    ) -> &mut Self {
        let table = format!("{table}envPrepend(PATH, ${{PRODUCT_DIR}}/bin)\n");
        self.package_with_table(product, version, needs, Some(&table))
    }

    /// The same with another table, or none.
    pub fn package_with_table(
        &mut self,
        product: &str,
        version: &str,
        needs: &[(&str, &str)],
        table: Option<&str>,
    ) -> &mut Self {
        let bytes = tarball(product, version, table);
        self.package_of(product, version, needs, &bytes)
    }

    /// The same with these bytes as its tarball.
    pub fn package_of(
        &mut self,
        product: &str,
        version: &str,
        needs: &[(&str, &str)],
        bytes: &[u8],
    ) -> &mut Self {
        let tarball = self.tarball(product, version);
        self.write(&tarball, bytes);
        let place = format!("{product}/{version} {tarball}");
        self.manifest(product, version, needs, &place)
    }

    /// A package without a folder, which has a table alone.
    pub fn metapackage(
        &mut self,
        product: &str,
        version: &str,
        needs: &[(&str, &str)],
        table: &str,
    ) -> &mut Self {
        self.write(&format!("tables/{product}-{version}.table"), table.as_bytes());
        self.manifest(product, version, needs, "none None")
    }

    /// The manifest of a package whose last two columns are `place`.
    pub fn manifest(
        &mut self,
        product: &str,
        version: &str,
        needs: &[(&str, &str)],
        place: &str,
    ) -> &mut Self {
        let mut lines: Vec<String> = Vec::new();
        for (needed, at) in needs {
            let below = self.closures.get(&((*needed).to_owned(), (*at).to_owned())).cloned();
            let alone = || vec![format!("{needed} {} {at} none {needed}/{at} search", self.flavor)];
            for line in below.unwrap_or_else(alone) {
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        lines
            .push(format!("{product} {} {version} {product}-{version}.table {place}", self.flavor));
        let mut text = Manifest::heading(product, version);
        for line in &lines {
            writeln!(text, "{line}").unwrap();
        }
        self.write(
            &format!("manifests/{product}-{version}@{}.manifest", self.flavor),
            text.as_bytes(),
        );
        self.closures.insert((product.to_owned(), version.to_owned()), lines);
        self
    }

    /// A tag of these lines, `product flavor version` each.
    pub fn tag(&self, tag: &str, lines: &[&str]) -> &Self {
        let mut text = format!("EUPS distribution {tag} version list. Version 1.0\n#BUILD=b103\n");
        for line in lines {
            writeln!(text, "{line}").unwrap();
        }
        self.write(&format!("{tag}.list"), text.as_bytes());
        self
    }
}

impl Default for EupsRoot {
    fn default() -> Self {
        Self::new()
    }
}

/// The tarball of a package with a program that says its name.
pub fn tarball(product: &str, version: &str, table: Option<&str>) -> Vec<u8> {
    let inside = |path: &str| format!("{product}/{version}/{path}");
    let program = format!("#!/bin/sh\necho {product} {version}\n").into_bytes();
    let mut entries = vec![Packed::File(inside(&format!("bin/{product}")), program, true)];
    if let Some(table) = table {
        let name = inside(&format!("ups/{product}.table"));
        entries.push(Packed::File(name, table.as_bytes().to_vec(), false));
    }
    pack(ArchiveFormat::TarGz, &entries)
}
