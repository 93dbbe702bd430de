//! What the manifests of a root say: from where each package comes, and what belongs to it.

use std::collections::HashMap;

use larder_schema::eups::{EupsVersion, Manifest, ManifestFault};
use larder_schema::{ProductName, Sha256};

use super::root;
use super::shelf::{GENERIC, Misnamed, Package, Shelf, product};

/// The most bytes of a manifest: some thousand products.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// One product at a version, in the table of all that manifests name.
pub type Id = u32;

/// All products at their versions that manifests name, each once: closures are long and alike.
#[derive(Debug, Default)]
pub struct Names {
    all: Vec<(ProductName, EupsVersion)>,
    ids: HashMap<(ProductName, EupsVersion), Id>,
}

impl Names {
    fn id(&mut self, product: ProductName, version: EupsVersion) -> Id {
        let next = Id::try_from(self.all.len()).expect("a root has fewer names than memory holds");
        *self.ids.entry((product, version)).or_insert_with_key(|name| {
            self.all.push(name.clone());
            next
        })
    }

    /// The product and its version.
    pub fn get(&self, id: Id) -> &(ProductName, EupsVersion) {
        &self.all[id as usize]
    }
}

/// What one manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where its tarball is, below the root; none where it has none.
    pub tarball: Option<String>,
    /// The sum of that, where the manifest tells it: those of larder do.
    pub sha256: Option<Sha256>,
    /// Whether it may have no tarball, since it is installed nowhere.
    pub may_be_bare: bool,
    /// All that it needs, in the order of installing, itself left out.
    pub closure: Vec<Need>,
}

/// A product of a closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Which product at which version.
    pub id: Id,
    /// The package that it is, if the root has it.
    pub package: Option<u32>,
}

impl Need {
    /// The package's place on the shelf.
    pub fn index(self) -> Option<usize> {
        self.package.map(|index| index as usize)
    }
}

/// A manifest does not tell what it should.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error(transparent)]
    Root(#[from] root::Error),
    /// It is gone.
    #[error("its manifest is not there")]
    Gone,
    /// It is none.
    #[error("its manifest is none: {0}")]
    Manifest(#[from] ManifestFault),
    /// It is another's.
    #[error("its manifest is for `{subject}`")]
    OfAnother {
        /// For what.
        subject: String,
    },
    /// It does not list its own product.
    #[error("its manifest does not list the product itself")]
    WithoutItself,
    /// It lists two versions of a product.
    #[error("its manifest lists two versions of `{product}`")]
    TwoVersions {
        /// The product.
        product: ProductName,
    },
    /// It lists what cannot come in.
    #[error("its manifest lists `{name}`: {fault}")]
    Name {
        /// What it lists.
        name: String,
        /// What is wrong with it.
        fault: Misnamed,
    },
    /// Its tarball lies elsewhere.
    #[error("its tarball `{path}` is not named by a plain path that ends in .tar.gz")]
    Path {
        /// The path.
        path: String,
    },
}

/// Reads the manifest of `package`.
pub fn read(
    package: &Package,
    text: &str,
    shelf: &Shelf,
    names: &mut Names,
) -> Result<Listed, Fault> {
    let manifest = Manifest::read(text)?;
    if (manifest.product.as_str(), manifest.version.as_str())
        != (package.product.as_str(), package.version.as_str())
    {
        let subject = crate::import::shown(&format!("{} {}", manifest.product, manifest.version));
        return Err(Fault::OfAnother { subject });
    }
    let mut own = None;
    let mut closure: Vec<Need> = Vec::with_capacity(manifest.lines.len());
    let mut seen: HashMap<ProductName, Id> = HashMap::new();
    for line in &manifest.lines {
        if line.product == package.product.as_str() && line.version == package.version.as_str() {
            own = Some(line);
            continue;
        }
        let flavors = [line.flavor.as_str(), package.flavor.as_str(), GENERIC];
        let there = shelf.find(&line.product, &line.version, &flavors);
        if line.is_optional && there.is_none() {
            continue;
        }
        let named = |fault| Fault::Name { name: crate::import::shown(&line.product), fault };
        let needed = product(&line.product).map_err(named)?;
        let version = line.version.parse().map_err(|fault| named(Misnamed::Version(fault)))?;
        let id = names.id(needed.clone(), version);
        match seen.insert(needed.clone(), id) {
            None => {}
            Some(same) if same == id => continue,
            Some(_) => return Err(Fault::TwoVersions { product: needed }),
        }
        if needed == package.product {
            return Err(Fault::TwoVersions { product: needed });
        }
        closure.push(Need { id, package: there.and_then(|index| u32::try_from(index).ok()) });
    }
    let own = own.ok_or(Fault::WithoutItself)?;
    // EUPS looks for what has a folder and no ID under the name that it gives tarballs itself.
    let looked_for = own.folder.as_ref().map(|_| format!("{}.tar.gz", package.stem()));
    let tarball = own.distribution_id.clone().or(looked_for);
    if let Some(path) = tarball.as_ref().filter(|path| !is_tarball(path)) {
        return Err(Fault::Path { path: crate::import::shown(path) });
    }
    Ok(Listed { tarball, sha256: own.sha256, may_be_bare: own.folder.is_none(), closure })
}

fn is_tarball(path: &str) -> bool {
    root::is_plain(path) && path.ends_with(".tar.gz")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> Shelf {
        let names = ["a-1@Linux64", "b-2@Linux64", "c-3@generic"];
        Shelf::of(&names.map(|name| format!("{name}.manifest")), None)
    }

    fn listed(lines: &str) -> Result<Listed, String> {
        let shelf = shelf();
        let text = format!("EUPS distribution manifest for a (1). Version 1.0\n{lines}");
        read(&shelf.packages[0], &text, &shelf, &mut Names::default()).map_err(|it| it.to_string())
    }

    const OWN: &str = "a Linux64 1 a-1.table a/1 a-1@Linux64.tar.gz\n";

    #[test]
    fn a_closure_is_read_with_what_the_root_has_of_it() {
        let lines = format!(
            "b Linux64 2 none b/2 b-2@Linux64.tar.gz\nc generic 3 none c/3 c-3@generic.tar.gz\n\
             d Linux64 4 none d/4 search\ne Linux64 5 none e/5 search OPTIONAL\n{OWN}"
        );

        let listed = listed(&lines).unwrap();

        let there: Vec<_> = listed.closure.iter().map(|need| need.package).collect();
        assert_eq!(there, [Some(1), Some(2), None]);
        assert_eq!(listed.tarball.as_deref(), Some("a-1@Linux64.tar.gz"));
        assert!(!listed.may_be_bare);
    }

    #[test]
    fn a_metapackage_has_no_tarball() {
        let bare = listed("a Linux64 1 a-1.table none None\n").unwrap();
        assert_eq!((bare.tarball, bare.may_be_bare), (None, true));
    }

    #[test]
    fn a_tarball_that_is_looked_for_is_called_as_eups_calls_it() {
        let listed = listed("a Linux64 1 a-1.table a/1 search\n").unwrap();
        assert_eq!(listed.tarball.as_deref(), Some("a-1@Linux64.tar.gz"));
        assert!(!listed.may_be_bare);
    }

    #[test]
    fn what_leads_elsewhere_or_contradicts_itself_is_refused() {
        for (lines, told) in [
            ("", "itself"),
            ("b Linux64 2 none b/2 b.tar.gz\n", "itself"),
            ("a Linux64 1 none a/1 ../../a.tar.gz\n", "plain"),
            ("a Linux64 1 none a/1 http://x/a.tar.gz\n", "plain"),
            ("a Linux64 1 none a/1 eupspkg:a-1.eupspkg\n", "plain"),
            ("../b Linux64 1 none a/1 x\n", "../b"),
            ("b Linux64 2@3 none b/2 x\n", "2@3"),
            ("b Linux64 2 none b/2 x\nb Linux64 3 none b/3 x\n", "two versions of `b`"),
            ("a Linux64 2 none a/2 x\n", "two versions of `a`"),
        ] {
            let refusal = listed(lines).unwrap_err();
            assert!(refusal.contains(told), "{lines}: {refusal}");
        }
        let shelf = shelf();
        let other = "EUPS distribution manifest for b (2). Version 1.0\n";
        let refusal = read(&shelf.packages[0], other, &shelf, &mut Names::default());
        assert!(matches!(refusal, Err(Fault::OfAnother { .. })));
    }
}
