//! Names: which builds EUPS can hold, and under which versions.

use std::fmt;
use std::str::FromStr;

use super::mapping::becomes;
use crate::{Build, BuildName, DependencyKind, Entry, EntryKind, EntryPath, ProductName};

/// The most characters of a version.
const MAX_VERSION: usize = 128;

/// A version as EUPS has it: `[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}`.
///
/// EUPS sorts `1.4.2-b101` before `1.4.2`, and takes `+` for its own mark of a rebuild, so that a build
/// is spelled `1.4.2+b101` there. The LSST's are `g<revision>+<hash>`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EupsVersion(String);

/// A text is no version that EUPS holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no version for EUPS: it begins with a letter, a digit or `_`, then at most 127 of \
     these, `.`, `+` and `-`"
)]
pub struct ParseEupsVersionError {
    text: String,
}

impl FromStr for EupsVersion {
    type Err = ParseEupsVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let good = text.bytes().next().is_some_and(is_word)
            && text.len() <= MAX_VERSION
            && text.bytes().all(|byte| is_word(byte) || b".+-".contains(&byte));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseEupsVersionError { text: crate::shown(text) })
        }
    }
}

impl fmt::Display for EupsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for EupsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

crate::text_serde!(EupsVersion);

impl EupsVersion {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How EUPS spells a build: `1.4.2+b101`.
    pub fn of_build(build: &BuildName) -> Self {
        Self(format!("{}+{}", build.version, build.build))
    }
}

/// Why EUPS cannot hold a build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotHeld {
    /// Its product's name.
    #[error("EUPS cannot hold `{product}`: names have only letters, digits and `_` there")]
    Product {
        /// The product.
        product: ProductName,
    },
    /// It needs a product that EUPS cannot hold, and would not work without.
    #[error(
        "it needs `{needed}`, which EUPS cannot hold: names have only letters, digits and `_` there"
    )]
    Needs {
        /// What it needs.
        needed: ProductName,
    },
}

/// Whether EUPS can hold a product of this name.
pub fn holds_product(product: &ProductName) -> bool {
    product.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The version under which EUPS sees a build.
///
/// What was packed for EUPS keeps the version that its archive is laid out for; all else is spelled
/// `M.n.p+bID`.
pub fn version_of(build: &Build) -> Result<EupsVersion, NotHeld> {
    let product = &build.product;
    if !holds_product(product) {
        return Err(NotHeld::Product { product: product.clone() });
    }
    let mut needed = build.dependencies.iter().filter(|needed| needed.kind == DependencyKind::Run);
    if let Some(needed) = needed.find(|needed| !holds_product(&needed.product)) {
        return Err(NotHeld::Needs { needed: needed.product.clone() });
    }
    let spelled = EupsVersion::of_build(&build.name());
    let Some(folder) = &build.product_dir else {
        return Ok(of_metapackage(build).unwrap_or(spelled));
    };
    let Ok(packed) = folder.name().parse::<EupsVersion>() else { return Ok(spelled) };
    let is_upstream = build.upstream_version.as_ref().is_some_and(|it| it.as_str() == packed.0);
    // What looks like the name of a build is kept where that build came from EUPS so; another's never.
    Ok(match build_name_of(&packed.0) {
        None => packed,
        Some(_) if is_upstream && becomes(&packed, &build.name()) => packed,
        Some(_) => spelled,
    })
}

/// The version of a metapackage that came from EUPS: it has no archive that could be laid out for it.
fn of_metapackage(build: &Build) -> Option<EupsVersion> {
    let version = build.upstream_version.as_ref()?.as_str().parse().ok()?;
    (build.archive.is_none() && becomes(&version, &build.name())).then_some(version)
}

/// The build that a version is the name of, in either spelling: `1.4.2+b101`, `1.4.2-b101`.
pub fn build_name_of(version: &str) -> Option<BuildName> {
    version.replacen('+', "-", 1).parse().ok()
}

/// The two folders that all of an archive lies in, as EUPS packs them: `afw/17.0.1+b8466`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Both.
    pub folder: EntryPath,
    /// Whether a table file is inside, `ups/afw.table`.
    pub has_table: bool,
}

impl Shape {
    /// What all of these lie in; none where they do not, or where nothing but folders is there.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        let two = |path: &str| {
            let (first, rest) = path.split_once('/')?;
            let (second, _) = rest.split_once('/')?;
            Some(path[..=first.len() + second.len()].to_owned())
        };
        let deep = entries.iter().find_map(|entry| two(entry.path.as_str()))?;
        let folder: EntryPath = deep.parse().ok()?;
        let is_inside = |entry: &Entry| {
            let path = entry.path.as_str();
            let is_above = entry.kind == EntryKind::Folder
                && (path == deep || folder.ancestors().any(|above| above == path));
            is_above || path.strip_prefix(&*deep).is_some_and(|rest| rest.starts_with('/'))
        };
        if !entries.iter().all(is_inside) {
            return None;
        }
        let table = format!("{deep}/ups/{}.table", folder.parent()?);
        let has_table = entries.iter().any(|entry| entry.path.as_str() == table);
        Some(Self { folder, has_table })
    }
}

/// Where in its archive, which has this shape, a build's product lies; none where it is the whole.
pub fn folder_of(build: &Build, shape: &Shape) -> Option<EntryPath> {
    let is_product = shape.folder.parent()?.as_str() == build.product.as_str();
    let second = shape.folder.name();
    let is_upstream = build.upstream_version.as_ref().is_some_and(|it| it.as_str() == second);
    let is_build = build_name_of(second).is_some_and(|name| name == build.name());
    (is_product && (shape.has_table || is_upstream || is_build)).then(|| shape.folder.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn build(product: &str, folder: Option<&str>, upstream: Option<&str>) -> Build {
        serde_json::from_value(json!({
            "product": product, "version": "1.4.2", "build": "b101", "platform": "any",
            "archive": null, "product_dir": folder, "upstream_version": upstream,
        }))
        .unwrap()
    }

    fn version(folder: &str, upstream: Option<&str>) -> String {
        version_of(&build("afw", Some(folder), upstream)).unwrap().to_string()
    }

    #[test]
    fn builds_are_spelled_with_a_plus_and_what_was_packed_for_eups_keeps_its_version() {
        assert_eq!(version_of(&build("afw", None, None)).unwrap().as_str(), "1.4.2+b101");
        assert_eq!(version("afw/g1a2b3c4+5d6e7f", Some("g1a2b3c4+5d6e7f")), "g1a2b3c4+5d6e7f");
        assert_eq!(version("afw/g1a2b3c4+5d6e7f", None), "g1a2b3c4+5d6e7f");
        assert_eq!(version("afw/1.4.2-b101", None), "1.4.2+b101");
        assert_eq!(version("afw/1.4.2-b101", Some("1.4.2-b101")), "1.4.2-b101");
    }

    #[test]
    fn a_metapackage_that_came_from_eups_keeps_its_version() {
        let named = |id: &str, upstream: &str| {
            let mut made = build("afw", None, Some(upstream));
            made.build = id.parse().unwrap();
            version_of(&made).unwrap().to_string()
        };
        assert_eq!(named("eups", "1.4.2"), "1.4.2");
        assert_eq!(named("b101", "1.4.2"), "1.4.2+b101");
        assert_eq!(named("b101", "1.4.2-b101"), "1.4.2-b101");
    }

    #[test]
    fn an_archive_cannot_take_the_name_of_another_build_or_a_bad_one() {
        assert_eq!(version("afw/9.0.0+b1", None), "1.4.2+b101");
        assert_eq!(version("afw/9.0.0+b1", Some("9.0.0+b1")), "1.4.2+b101");
        assert_eq!(version("afw/a b", Some("a b")), "1.4.2+b101");
        assert_eq!(version("afw/a@b", Some("a@b")), "1.4.2+b101");
    }

    #[test]
    fn names_that_eups_cannot_hold_and_what_needs_them_are_told() {
        let refused = version_of(&build("lsst.afw", None, None)).unwrap_err().to_string();
        assert!(refused.contains("`lsst.afw`"), "{refused}");
        let mut needs = build("afw", None, None);
        needs.dependencies = serde_json::from_value(json!([
            {"product": "x-y", "requirement": "*", "kind": "test"},
            {"product": "log-x", "requirement": "*"},
        ]))
        .unwrap();
        let refused = version_of(&needs).unwrap_err().to_string();
        assert!(refused.contains("`log-x`"), "{refused}");
    }

    #[test]
    fn both_spellings_are_read_back() {
        for text in ["1.4.2+b101", "1.4.2-b101"] {
            assert_eq!(build_name_of(text).unwrap().to_string(), "1.4.2-b101");
        }
        for text in ["g1a2b3c4+5d", "1.4.2", "1.4+b1", "1.4.2+b1+2"] {
            assert_eq!(build_name_of(text), None, "{text}");
        }
    }

    fn entries(paths: &[&str]) -> Vec<Entry> {
        let entry = |text: &&str| match text.strip_suffix('/') {
            Some(folder) => Entry { path: folder.parse().unwrap(), kind: EntryKind::Folder },
            None => {
                Entry { path: text.parse().unwrap(), kind: EntryKind::Link { target: "x".into() } }
            }
        };
        paths.iter().map(entry).collect()
    }

    #[test]
    fn the_shape_of_eups_is_two_folders_around_all() {
        let packed = entries(&["afw/", "afw/1.0/", "afw/1.0/bin/", "afw/1.0/ups/afw.table"]);
        let shape = Shape::of(&packed).unwrap();
        assert_eq!((shape.folder.as_str(), shape.has_table), ("afw/1.0", true));
        assert!(!Shape::of(&entries(&["afw/1.0/x"])).unwrap().has_table);

        let others: [&[&str]; 6] = [
            &[],
            &["afw/", "afw/1.0/"],
            &["afw/1.0/x", "afw/2.0/y"],
            &["afw/1.0/x", "afw/1.0b"],
            &["afw/1.0/x", "README"],
            &["afw/1.0"],
        ];
        for paths in others {
            assert_eq!(Shape::of(&entries(paths)), None, "{paths:?}");
        }
    }

    #[test]
    fn a_folder_is_the_products_when_something_says_so() {
        let shape = |folder: &str, has_table| Shape { folder: folder.parse().unwrap(), has_table };
        let folder = |build: &Build, shape: &Shape| folder_of(build, shape).is_some();
        let plain = build("afw", None, None);

        assert!(folder(&plain, &shape("afw/g1", true)));
        assert!(!folder(&plain, &shape("log/g1", true)));
        assert!(!folder(&plain, &shape("afw/g1", false)));
        assert!(folder(&plain, &shape("afw/1.4.2-b101", false)));
        assert!(folder(&build("afw", None, Some("g1")), &shape("afw/g1", false)));
    }
}
