//! Folders in place of products, as one develops them: all else of a generation stays as it is.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use larder_schema::record::{TreePath, Variable};
use larder_schema::{Build, ProductName};
use serde_json::{Map, Value, json};

use super::variables::{Package, Variables};
use super::{Generation, With, can_be_listed};
use crate::pack::{METADATA, usual_variables};
use crate::record::{self, Part};

/// The most products that are replaced at once; what is told of them goes into one variable.
const MOST_REPLACED: usize = 200;

/// A folder in place of a product's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement {
    /// The product.
    pub product: ProductName,
    /// The folder, absolute, with no links on the way.
    pub folder: String,
    /// What it does to variables.
    pub(super) variables: Variables,
}

/// A product cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplacementError {
    /// It is named twice.
    #[error("`{product}` is to be replaced by two folders")]
    Twice {
        /// The product.
        product: ProductName,
    },
    /// Too many are.
    #[error("{count} products are to be replaced; at most {MOST_REPLACED} can be")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// The environment has another product that is nearly called so.
    #[error("the environment has no `{product}`, but `{there}`")]
    Twin {
        /// The name that was given.
        product: ProductName,
        /// The name that it has.
        there: ProductName,
    },
    /// There is no such folder.
    #[error("there is no folder `{}`", .path.display())]
    Absent {
        /// Where it should be.
        path: PathBuf,
    },
    /// It is something else.
    #[error("`{}` is no folder", .path.display())]
    NotAFolder {
        /// What is none.
        path: PathBuf,
    },
    /// Its path cannot be part of a `PATH`.
    #[error("`{}` cannot be part of a PATH: it has a colon, a control character or no UTF-8 in it", .path.display())]
    Unlistable {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing says what the folder does to variables.
    #[error(
        "the environment has no `{product}`, and `{folder}` has neither a `{METADATA}` nor a `bin` \
         with something to execute"
    )]
    Unknown {
        /// The product.
        product: ProductName,
        /// The folder.
        folder: String,
    },
    /// Its metadata is refused.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// The disk.
    #[error("could not open `{}`", .path.display())]
    Disk {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ReplacementError {
    /// Whether other arguments would mend it.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Disk { .. })
    }

    /// A way out, when one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Twin { there, .. } => Some(format!("write it as it is there: {there}=FOLDER")),
            Self::Twice { product } => Some(format!("give one `--with {product}=FOLDER`")),
            Self::Unlistable { .. } => Some("move it, or give a folder called otherwise".into()),
            Self::Unknown { .. } => Some(format!(
                "write a `{METADATA}` there, with `variables = {{ PYTHONPATH = [\"python\"] }}` \
                 or what else it has; `larder list` tells what the environment has"
            )),
            Self::Record(error) => error.hint().map(str::to_owned),
            Self::TooMany { .. }
            | Self::Absent { .. }
            | Self::NotAFolder { .. }
            | Self::Disk { .. } => None,
        }
    }
}

impl Generation {
    /// Looks at the folders that shall stand in place of products.
    pub fn replacements(&self, asked: &[With]) -> Result<Vec<Replacement>, ReplacementError> {
        if asked.len() > MOST_REPLACED {
            return Err(ReplacementError::TooMany { count: asked.len() });
        }
        let mut seen = HashSet::new();
        let mut replacement = |with: &With| {
            if !seen.insert(with.product.skeleton()) {
                return Err(ReplacementError::Twice { product: with.product.clone() });
            }
            self.refuse_twin(&with.product)?;
            Replacement::look(with, self.packaged(&with.product))
        };
        asked.iter().map(&mut replacement).collect()
    }

    fn refuse_twin(&self, product: &ProductName) -> Result<(), ReplacementError> {
        let products = || self.lock.records.iter().map(|record| &record.product);
        if products().any(|there| there == product) {
            return Ok(());
        }
        let skeleton = product.skeleton();
        match products().find(|there| there.skeleton() == skeleton) {
            None => Ok(()),
            Some(there) => {
                let (product, there) = (product.clone(), there.clone());
                Err(ReplacementError::Twin { product, there })
            }
        }
    }
}

impl Replacement {
    fn look(with: &With, installed: Option<&Build>) -> Result<Self, ReplacementError> {
        let product = with.product.clone();
        let folder = opened(&with.folder)?;
        let variables = variables(&product, &folder, installed)?;
        Ok(Self { product, folder, variables })
    }

    /// Which folders it puts in front of something and does not have.
    pub fn absent(&self) -> BTreeSet<&TreePath> {
        let paths = self.variables.values().flat_map(|variable| match variable {
            Variable::Prepend(paths) => paths.as_slice(),
            Variable::Set { .. } => &[],
        });
        let folder = Path::new(&self.folder);
        paths.filter(|path| !folder.join(path.to_string()).is_dir()).collect()
    }

    pub(super) fn package(&self) -> Package<'_> {
        let Self { product, folder, variables } = self;
        Package { product, root: folder.clone(), home: folder.clone(), variables }
    }
}

/// The folder's own path, which can stand in a list.
fn opened(given: &Path) -> Result<String, ReplacementError> {
    let path = || given.to_owned();
    let found = match given.canonicalize() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ReplacementError::Absent { path: path() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(ReplacementError::NotAFolder { path: path() });
        }
        Err(source) => return Err(ReplacementError::Disk { path: path(), source }),
    };
    if !found.is_dir() {
        return Err(ReplacementError::NotAFolder { path: path() });
    }
    match found.to_str().filter(|_| can_be_listed(&found)) {
        Some(text) => Ok(text.to_owned()),
        None => Err(ReplacementError::Unlistable { path: found }),
    }
}

/// The folder's metadata says what it does; else the build whose place it takes; else the folder
/// itself, as far as that can be seen.
fn variables(
    product: &ProductName,
    folder: &str,
    installed: Option<&Build>,
) -> Result<Variables, ReplacementError> {
    let path = Path::new(folder).join(METADATA);
    let metadata = Part::of_toml(&path)?;
    let says_variables =
        metadata.as_ref().is_some_and(|part| part.fields.contains_key("variables"));
    let usual = match (says_variables, installed) {
        (false, None) => usual_variables(Path::new(folder)),
        (true, _) | (false, Some(_)) => None,
    };
    if metadata.is_none() && usual.is_none() && installed.is_none() {
        return Err(ReplacementError::Unknown { product: product.clone(), folder: folder.into() });
    }
    let parts: Vec<Part> = metadata.into_iter().chain(usual).collect();
    let record = record_of(product, parts, &path.display().to_string())?;
    Ok(match installed.filter(|_| !says_variables) {
        Some(installed) => variables_at_home(installed),
        None => record.variables,
    })
}

/// What a build does, with paths as they are below its own folder: that may lie deep in its archive.
fn variables_at_home(build: &Build) -> Variables {
    let Some(home) = &build.product_dir else { return build.variables.clone() };
    let at_home = |path: &TreePath| {
        let below = Path::new(path.below_root()?.as_str()).strip_prefix(home.as_str()).ok()?;
        let below = below.to_str().filter(|below| !below.is_empty()).unwrap_or(".");
        below.parse().ok()
    };
    let moved = |variable: &Variable| match variable {
        Variable::Prepend(paths) => Variable::Prepend(
            paths.iter().map(|path| at_home(path).unwrap_or_else(|| path.clone())).collect(),
        ),
        Variable::Set { .. } => variable.clone(),
    };
    build.variables.iter().map(|(name, variable)| (name.clone(), moved(variable))).collect()
}

/// The record that the folder would get, so that all that a publish refuses is refused here.
fn record_of(
    product: &ProductName,
    mut parts: Vec<Part>,
    file: &str,
) -> Result<Build, record::Error> {
    for part in &mut parts {
        // It is about an archive that is not made yet.
        part.fields.remove("archive");
    }
    let asked = part("the arguments", json!({ "product": product }));
    let mut later = part(
        "nobody",
        json!({ "version": "0.0.0", "build": "b0", "platform": "any", "archive": null }),
    );
    later.fields.retain(|field, _| !parts.iter().any(|part| part.fields.contains_key(field)));
    parts.extend([asked, later]);
    record::put_together(&parts, file, None)
}

fn part(said_by: &str, fields: Value) -> Part {
    let fields = if let Value::Object(fields) = fields { fields } else { Map::new() };
    Part { said_by: said_by.to_owned(), fields }
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;
    use crate::environment::{Change, Setting};
    use crate::lock::tests::{build, lock};

    fn with(word: &str) -> With {
        OsString::from(word).try_into().unwrap()
    }

    /// A generation with `GalSim`, the metapackage `all`, `log` and, in front of it, `utils`.
    fn generation() -> Generation {
        let said = json!({"PATH": ["bin"], "PYTHONPATH": ["python"], "MODE": {"set": "old"}});
        let mut builds: Vec<Build> = ["GalSim", "all", "log", "utils"]
            .iter()
            .map(|name| build(name, "1.0.0-b1", &[]))
            .collect();
        builds[2].variables = serde_json::from_value(said).unwrap();
        builds[1].archive = None;
        builds[3].variables = serde_json::from_value(json!({"PYTHONPATH": ["."]})).unwrap();
        Generation { number: 1, folder: "/e/generations/1".into(), lock: lock(&builds) }
    }

    /// A folder, perhaps with metadata.
    fn folder(metadata: Option<&str>) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        if let Some(metadata) = metadata {
            fs::write(folder.path().join(METADATA), metadata).unwrap();
        }
        let path = folder.path().canonicalize().unwrap().to_str().unwrap().to_owned();
        (folder, path)
    }

    fn settings(asked: &[With]) -> Result<Vec<Setting>, ReplacementError> {
        let generation = generation();
        let replacements = generation.replacements(asked)?;
        Ok(generation.settings(&replacements).unwrap())
    }

    fn value(settings: &[Setting], name: &str) -> Option<String> {
        let setting = settings.iter().find(|setting| setting.name == name)?;
        Some(setting.value(None)?.into_string().unwrap())
    }

    #[test]
    fn a_folder_without_metadata_does_what_the_build_did_in_its_place() {
        let (_folder, path) = folder(None);

        let settings = settings(&[with(&format!("log={path}"))]).unwrap();

        assert_eq!(value(&settings, "LOG_DIR").unwrap(), path);
        let utils = "/e/generations/1/packages/utils";
        assert_eq!(value(&settings, "PYTHONPATH").unwrap(), format!("{utils}:{path}/python"));
        assert_eq!(value(&settings, "PATH").unwrap(), format!("/e/generations/1/bin:{path}/bin"));
        assert_eq!(value(&settings, "MODE").unwrap(), "old");
    }

    #[test]
    fn what_the_metadata_says_of_variables_is_all_that_counts() {
        let text = "license = 'MIT'\narchive = 'any'\n[variables]\nPYTHONPATH = ['lib']";
        let (_folder, path) = folder(Some(text));

        let settings = settings(&[with(&format!("log={path}"))]).unwrap();

        let utils = "/e/generations/1/packages/utils";
        assert_eq!(value(&settings, "PYTHONPATH").unwrap(), format!("{utils}:{path}/lib"));
        assert_eq!(value(&settings, "PATH").unwrap(), "/e/generations/1/bin");
        assert_eq!(value(&settings, "MODE"), None);
    }

    #[test]
    fn a_product_that_lies_deep_in_its_archive_is_replaced_with_what_lies_in_it() {
        let mut generation = generation();
        let place = generation.lock.records.iter().position(|one| one.product.as_str() == "log");
        let log = &mut generation.lock.records[place.unwrap()];
        log.product_dir = Some("log/g1+2".parse().unwrap());
        let said = json!({"PATH": ["log/g1+2/bin", "log/g1+23", "."], "LOG_TOP": ["log/g1+2"]});
        log.variables = serde_json::from_value(said).unwrap();
        let (_folder, path) = folder(None);

        let installed = generation.settings(&[]).unwrap();
        let replacements = generation.replacements(&[with(&format!("log={path}"))]).unwrap();
        let replaced = generation.settings(&replacements).unwrap();

        let home = "/e/generations/1/packages/log/log/g1+2";
        assert_eq!(value(&installed, "LOG_DIR").unwrap(), home);
        assert!(value(&installed, "PATH").unwrap().contains(&format!(":{home}/bin:")));
        assert_eq!(value(&replaced, "LOG_DIR").unwrap(), path);
        assert_eq!(value(&replaced, "LOG_TOP").unwrap(), path);
        let expected = format!("/e/generations/1/bin:{path}/bin:{path}/log/g1+23:{path}");
        assert_eq!(value(&replaced, "PATH").unwrap(), expected);
    }

    #[test]
    fn folders_that_are_not_there_are_known() {
        let (files, path) = folder(None);
        fs::create_dir(files.path().join("python")).unwrap();

        let replacements = generation().replacements(&[with(&format!("log={path}"))]).unwrap();

        let absent: Vec<String> =
            replacements[0].absent().iter().map(ToString::to_string).collect();
        assert_eq!(absent, ["bin"]);
    }

    #[test]
    fn metadata_that_says_nothing_of_variables_leaves_them_to_the_build() {
        let (_folder, path) = folder(Some("license = 'MIT'"));

        let settings = settings(&[with(&format!("log={path}"))]).unwrap();

        assert_eq!(value(&settings, "MODE").unwrap(), "old");
    }

    #[test]
    fn what_is_no_package_comes_in_front_the_last_one_first() {
        let (_one, new) = folder(Some("variables = { PYTHONPATH = ['python'] }"));
        let (_two, all) = folder(Some("product = 'all'\nvariables = { PYTHONPATH = ['.'] }"));

        let asked = [with(&format!("new={new}")), with(&format!("all={all}"))];
        let settings = settings(&asked).unwrap();

        let value = value(&settings, "PYTHONPATH").unwrap();
        assert!(value.starts_with(&format!("{all}:{new}/python:/e/")), "{value}");
    }

    #[test]
    fn a_folder_that_says_nothing_is_taken_for_what_it_has() {
        let (files, path) = folder(None);
        let asked = [with(&format!("new={path}"))];
        let refused = settings(&asked);
        fs::create_dir(files.path().join("bin")).unwrap();
        crate::environment::write_launcher(&files.path().join("bin/tool"), "#!/bin/sh").unwrap();

        let settings = settings(&asked).unwrap();

        assert!(matches!(refused, Err(ReplacementError::Unknown { .. })));
        let front = format!("/e/generations/1/bin:{path}/bin:");
        assert!(value(&settings, "PATH").unwrap().starts_with(&front));
        assert_eq!(value(&settings, "NEW_DIR").unwrap(), path);
    }

    #[test]
    fn metadata_that_no_publish_would_take_is_refused() {
        for (text, why) in [
            ("product = 'afw'", "make them agree"),
            ("variables = { LD_PRELOAD = { set = 'x' } }", "is refused"),
            ("variables = { LARDER_REPLACED = { set = 'x' } }", "is refused"),
            ("variables = { PATH = ['../bin'] }", "is refused"),
            ("variables = { PATH = { set = '' } }", "is refused"),
            ("colour = 'blue'", "is refused"),
            ("variables = ", "cannot be read as TOML"),
            ("variables = 1", "is refused"),
            ("version = 'x'", "is refused"),
        ] {
            let (_folder, path) = folder(Some(text));

            let refusal = settings(&[with(&format!("log={path}"))]).unwrap_err();

            assert!(refusal.to_string().contains(why), "{text}: {refusal}");
            assert!(refusal.is_usage());
        }
    }

    #[test]
    fn a_name_that_the_environment_spells_otherwise_is_refused_with_that_name() {
        let refusal = settings(&[with("galsim=/")]).unwrap_err();

        assert_eq!(refusal.to_string(), "the environment has no `galsim`, but `GalSim`");
        assert!(refusal.hint().unwrap().contains("GalSim=FOLDER"));
    }

    #[test]
    fn one_product_has_one_folder() {
        let (_folder, path) = folder(Some("variables = {}"));
        for (one, two) in [("log", "log"), ("new", "New")] {
            let asked = [one, two].map(|name| with(&format!("{name}={path}")));
            assert!(matches!(settings(&asked), Err(ReplacementError::Twice { .. })), "{two}");
        }
        let asked: Vec<With> =
            (0..=MOST_REPLACED).map(|number| with(&format!("p{number}={path}"))).collect();
        assert!(matches!(settings(&asked), Err(ReplacementError::TooMany { count: 201 })));
        assert_eq!(settings(&asked[1..]).unwrap().len(), 200 + 8);
    }

    #[test]
    fn what_is_no_folder_that_can_be_listed_is_refused() {
        let (files, path) = folder(None);
        fs::write(files.path().join("file"), "").unwrap();
        let names: [&[u8]; 3] = [b"a:b", b"a\nb", b"a\xff"];
        for name in names {
            let unlistable = files.path().join(OsStr::from_bytes(name));
            fs::create_dir(&unlistable).unwrap();
            let asked = With { product: "log".parse().unwrap(), folder: unlistable };
            assert!(matches!(settings(&[asked]), Err(ReplacementError::Unlistable { .. })));
        }
        for (name, why) in
            [("none", "there is no"), ("file", "is no folder"), ("file/x", "is no folder")]
        {
            let refusal = settings(&[with(&format!("log={path}/{name}"))]).unwrap_err();
            assert!(refusal.to_string().contains(why), "{refusal}");
        }
    }

    #[test]
    fn the_folder_is_told_with_no_links_on_the_way() {
        let (files, path) = folder(None);
        fs::create_dir(files.path().join("afw")).unwrap();
        std::os::unix::fs::symlink("afw", files.path().join("link")).unwrap();

        let replaced = settings(&[with(&format!("log={path}/link/../link"))]).unwrap();

        assert_eq!(value(&replaced, "LOG_DIR").unwrap(), format!("{path}/afw"));
        let told = replaced.last().unwrap();
        assert!(matches!(&told.change, Change::Set(text) if text.contains(&format!("{path}/afw"))));
    }
}
