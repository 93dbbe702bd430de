//! The build record: what is known of one binary package (DMTN-106 §2.3).

mod fault;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use fault::{MAX_RECORD_ITEMS, RecordFault};

use crate::build::{BuildId, BuildKey, BuildName};
use crate::canonical::{self, CanonicalError};
use crate::checksum::{Blake3, Digest, Sha256, TreeChecksum};
use crate::contents::{EntryPath, ParsePathError, PathFault};
use crate::needs::Need;
use crate::platform::Platform;
use crate::product::ProductName;
use crate::requirement::Requirement;
use crate::text::{Revision, Text, Timestamp, Url};
use crate::version::Version;

/// Fields that this version of larder does not know: refused on publish, kept on read.
pub type Extra = BTreeMap<String, Value>;

/// One binary package: a product at a build name for a platform, with all that is known of it.
///
/// The same shape on the wire, in the catalog and on a user's disk. `tree`, `product_dir`, the archive's
/// size and BLAKE3 and `published` are the server's; they and `built_by` are outside [`Build::digest`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Build {
    /// The product.
    pub product: ProductName,
    /// `M.n.p`.
    pub version: Version,
    /// The bID.
    pub build: BuildId,
    /// What it runs on.
    pub platform: Platform,
    /// The bytes; `null` for a metapackage.
    #[serde(deserialize_with = "required")]
    pub archive: Option<Archive>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: Role,
    /// An SPDX expression, or `LicenseRef-…`.
    #[serde(default = "unknown_license", skip_serializing_if = "is_unknown_license")]
    pub license: Text,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Text>,
    /// The version as its makers spell it, where that is no `M.n.p`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_version: Option<Text>,
    /// What it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Which products it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// The environment that it was built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_in: Option<BuiltIn>,
    /// What it needs of the host: `glibc`, `python`.
    #[serde(
        default,
        deserialize_with = "crate::unique::map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub needs: BTreeMap<String, Need>,
    /// Which other builds of it a dependant may run with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub abi: Abi,
    /// Environment variables, by name.
    #[serde(
        default,
        deserialize_with = "crate::unique::map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub variables: BTreeMap<String, Variable>,
    /// Console entry points: name to `module:function` (Python).
    #[serde(
        default,
        deserialize_with = "crate::unique::map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub scripts: BTreeMap<String, Text>,
    /// A build of a branch or a pull request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// Who built it; outside the digest, so that a retried job makes the same record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_by: Option<BuiltBy>,
    /// What the archive unpacks to (the server's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<TreeChecksum>,
    /// Where in the archive the product lies, when that is not its root: `afw/17.0.1+b8466` in what EUPS
    /// packs (the server's). Its folder variable points there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_dir: Option<EntryPath>,
    /// When it became visible (the server's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The bytes of a build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Archive {
    /// SHA-256 of the archive as published.
    pub sha256: Sha256,
    /// Its file name, whose ending tells the format.
    pub name: ArchiveName,
    /// Bytes (the server's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// BLAKE3 of the archive (the server's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Blake3>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The file name of an archive: one part of a path, printable, with an ending that is known.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArchiveName(String);

/// The endings that archives have.
pub const ARCHIVE_ENDINGS: [&str; 8] =
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst", ".zip", ".whl"];

/// A text is no name of an archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no archive name: a file name without `/`, ending in .tar, .tar.gz, .tar.xz, \
     .tar.bz2, .tar.zst, .zip or .whl"
)]
pub struct ParseArchiveNameError {
    text: String,
}

impl std::str::FromStr for ArchiveName {
    type Err = ParseArchiveNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ending = ARCHIVE_ENDINGS
            .iter()
            .any(|ending| text.strip_suffix(ending).is_some_and(|stem| !stem.is_empty()));
        let one_part = text.parse::<EntryPath>().is_ok_and(|path| path.parent().is_none());
        if ending
            && one_part
            && !text.contains(['"', '\''])
            && !text.starts_with('-')
            && text.parse::<Text>().is_ok()
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseArchiveNameError { text: crate::shown(text) })
        }
    }
}

impl std::fmt::Display for ArchiveName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for ArchiveName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

crate::text_serde!(ArchiveName);

impl ArchiveName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a build is for (DMTN-106 §2.1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Needed to run.
    #[default]
    Runtime,
    /// Needed to build others; never in operations.
    Build,
    /// Needed to debug; never in operations.
    Debug,
    /// Needed to test.
    Test,
    /// Documentation.
    Doc,
    /// Data.
    Data,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Runtime => "runtime",
            Self::Build => "build",
            Self::Debug => "debug",
            Self::Test => "test",
            Self::Doc => "doc",
            Self::Data => "data",
        })
    }
}

/// Where the source of a build is: a revision of a repository, or a file with its checksum.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// The repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Url>,
    /// Its revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The tag that the revision had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Text>,
    /// Whether files differed from the revision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dirty: bool,
    /// A source file, for what has no revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// SHA-256 of that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One product that a build needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Dependency {
    /// The product needed.
    pub product: ProductName,
    /// Which versions of it will do.
    pub requirement: Requirement,
    /// When it is needed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: DependencyKind,
    /// The build of it that was there at build time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_against: Option<BuiltAgainst>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// When a dependency is needed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DependencyKind {
    /// At run time: part of every closure.
    #[default]
    Run,
    /// To build.
    Build,
    /// To test.
    Test,
}

impl Dependency {
    /// What it is sorted by where a record is digested: texts, by their bytes.
    fn place(&self) -> (&ProductName, &'static str, &Requirement) {
        (&self.product, self.kind.as_str(), &self.requirement)
    }
}

impl Dependency {
    /// Whether a build of its product will do: by its version, and by what its ABI serves.
    pub fn is_met_by(&self, build: &BuildName, abi: Abi) -> bool {
        let against = self.built_against.as_ref().map(|against| &against.build);
        self.requirement.matches(&build.version) && abi.serves(against, build)
    }
}

impl DependencyKind {
    /// Whether a build is made against it, so that another one of it makes another build: what only
    /// tests need does not count.
    pub fn is_built_against(self) -> bool {
        match self {
            Self::Run | Self::Build => true,
            Self::Test => false,
        }
    }

    /// The kind as documents have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Build => "build",
            Self::Test => "test",
        }
    }
}

/// The build of a dependency that was there at build time: a fact, no constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct BuiltAgainst {
    /// Its build name.
    pub build: BuildName,
    /// Its archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Digest>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The environment that something was built in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct BuiltIn {
    /// Its name, such as `rubin-env`.
    pub name: Text,
    /// Its version.
    pub version: Text,
    /// The digest of its lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Digest>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Which other builds of a product its dependants may run with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Abi {
    /// Any that their requirement admits.
    #[default]
    Semver,
    /// Only the very build that they were built against.
    Exact,
}

impl Abi {
    /// Whether `build`, whose ABI this is, serves what was built `against` that build of its product;
    /// whoever does not say against which is believed to fit.
    pub fn serves(self, against: Option<&BuildName>, build: &BuildName) -> bool {
        self == Self::Semver || against.is_none_or(|against| against == build)
    }
}

/// What a build does to an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Variable {
    /// Puts paths inside the build in front, in this order.
    Prepend(Vec<TreePath>),
    /// Sets it to a text.
    Set {
        /// The text.
        set: Text,
    },
}

impl<'de> Deserialize<'de> for Variable {
    /// By hand, so that what is wrong is told: an untagged enum only says that nothing fits.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        match Value::deserialize(deserializer)? {
            Value::Array(paths) => {
                let paths: Result<_, _> = paths.into_iter().map(serde_json::from_value).collect();
                Ok(Self::Prepend(paths.map_err(D::Error::custom)?))
            }
            Value::Object(mut fields) if fields.len() == 1 && fields.contains_key("set") => {
                let text = fields.remove("set").unwrap_or_default();
                Ok(Self::Set { set: serde_json::from_value(text).map_err(D::Error::custom)? })
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Err(D::Error::custom(
                "a variable is a list of paths inside the build, such as `[\"bin\"]`, or \
                 `{\"set\": \"text\"}`",
            )),
        }
    }
}

/// A folder inside a build: `.` for its root, or a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(Option<EntryPath>);

impl std::str::FromStr for TreePath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') {
            let fault = PathFault::Colon;
            return Err(ParsePathError { path: crate::shown(text), fault });
        }
        if text == "." { Ok(Self(None)) } else { Ok(Self(Some(text.parse()?))) }
    }
}

impl std::fmt::Display for TreePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_ref().map_or(".", EntryPath::as_str))
    }
}

impl std::fmt::Debug for TreePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{self}\"")
    }
}

crate::text_serde!(TreePath);

impl TreePath {
    /// The path below the root, or `None` for the root itself.
    pub fn below_root(&self) -> Option<&EntryPath> {
        self.0.as_ref()
    }
}

/// Who built something, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct BuiltBy {
    /// The tool, such as `jenkins`.
    pub tool: Text,
    /// Where the run can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Its parameters.
    #[serde(
        default,
        deserialize_with = "crate::unique::map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub parameters: BTreeMap<String, Text>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// When something became visible, and through whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// The name of the token.
    pub by: Text,
    /// The server's order of publication.
    pub seq: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What stands for a licence that nobody gave.
pub const UNKNOWN_LICENSE: &str = "LicenseRef-unknown";

fn unknown_license() -> Text {
    UNKNOWN_LICENSE.parse().expect("it is a line of text")
}

fn is_unknown_license(license: &Text) -> bool {
    license.as_str() == UNKNOWN_LICENSE
}

/// Reads a field that may be null but must be there.
fn required<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

impl Build {
    /// A build of which nothing else is told.
    pub fn bare(key: BuildKey, archive: Option<Archive>) -> Self {
        let BuildKey { product, build: BuildName { version, build }, platform } = key;
        Self {
            product,
            version,
            build,
            platform,
            archive,
            role: Role::default(),
            license: unknown_license(),
            summary: None,
            upstream_version: None,
            source: None,
            dependencies: Vec::new(),
            built_in: None,
            needs: BTreeMap::new(),
            abi: Abi::default(),
            variables: BTreeMap::new(),
            scripts: BTreeMap::new(),
            test: false,
            built_by: None,
            tree: None,
            product_dir: None,
            published: None,
            extra: Extra::new(),
        }
    }

    /// The build's name, `17.0.1-b8466`.
    pub fn name(&self) -> BuildName {
        BuildName { version: self.version, build: self.build.clone() }
    }

    /// The build's key.
    pub fn key(&self) -> BuildKey {
        BuildKey {
            product: self.product.clone(),
            build: self.name(),
            platform: self.platform.clone(),
        }
    }

    /// The dependencies that every closure must meet.
    pub fn run_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().filter(|needed| needed.kind == DependencyKind::Run)
    }

    /// The digest of the record: without what the server adds and without `built_by`.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(&self.digested())
    }

    /// The part of the record that is digested, its sets in order.
    pub fn digested(&self) -> Self {
        let mut record = self.clone();
        record.tree = None;
        record.product_dir = None;
        record.published = None;
        record.built_by = None;
        if let Some(archive) = &mut record.archive {
            archive.size = None;
            archive.blake3 = None;
        }
        record.dependencies.sort_by(|one, two| one.place().cmp(&two.place()));
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The record of the contract, section 2.
    fn afw() -> Value {
        json!({
            "product": "afw", "version": "17.0.1", "build": "b8466", "platform": "linux-x86_64",
            "archive": {"sha256": Sha256::of(b"afw"), "name": "afw-17.0.1-b8466-linux-x86_64.tar.zst"},
            "role": "runtime", "license": "GPL-3.0-or-later", "summary": "images",
            "source": {"repository": "https://example.org/afw", "revision": "a".repeat(40),
                       "tag": "17.0.1", "dirty": false},
            "dependencies": [{"product": "log", "requirement": "^17.0", "kind": "run",
                "built_against": {"build": "17.0.0-b8460", "archive": Digest::of(b"log")}},
                {"product": "base", "requirement": "*"}],
            "built_in": {"name": "rubin-env", "version": "12.1.0", "lock": Digest::of(b"lock")},
            "needs": {"glibc": ">=2.28", "python": "3.11.*"}, "abi": "semver",
            "variables": {"PATH": ["bin"], "PYTHONPATH": ["python", "."], "X": {"set": "text"}},
            "scripts": {"butler": "lsst.daf.butler.cli.butler:main"}, "test": false,
            "built_by": {"tool": "jenkins", "url": "https://example.org/42",
                         "at": "2026-11-23T06:00:00Z", "parameters": {"REFS": "w.2026.47"}}
        })
    }

    fn read(value: Value) -> Build {
        serde_json::from_value(value).unwrap()
    }

    fn with(change: impl FnOnce(&mut Value)) -> Build {
        let mut value = afw();
        change(&mut value);
        read(value)
    }

    #[test]
    fn a_record_reads_back_and_has_no_fault() {
        let build = read(afw());

        assert_eq!(build.fault(), None);
        assert_eq!(read(serde_json::to_value(&build).unwrap()), build);
        assert_eq!(build.key().to_string(), "afw@17.0.1-b8466 for linux-x86_64");
    }

    #[test]
    fn the_digest_does_not_see_what_the_server_adds_nor_the_order_of_sets() {
        let digest = read(afw()).digest().unwrap();
        let other = with(|record| {
            record["built_by"]["url"] = json!("https://example.org/43");
            record["tree"] = json!(TreeChecksum([7; 32]));
            record["archive"]["size"] = json!(12);
            record["archive"]["blake3"] = json!(Blake3::of(b"afw"));
            record["published"] = json!({"at": "2026-11-23T06:00:00Z", "by": "ci", "seq": 7});
            record["dependencies"].as_array_mut().unwrap().reverse();
            record.as_object_mut().unwrap().remove("role");
        });
        assert_eq!(other.digest().unwrap(), digest);
    }

    #[test]
    fn dependencies_are_digested_in_the_order_of_their_texts() {
        let needed = |kind: &str| json!({"product": "log", "requirement": "*", "kind": kind});
        let build = with(|record| {
            record["dependencies"] = json!([needed("test"), needed("run"), needed("build")]);
        });

        let order: Vec<&str> =
            build.digested().dependencies.iter().map(|needed| needed.kind.as_str()).collect();

        assert_eq!(order, ["build", "run", "test"]);
    }

    #[test]
    fn names_of_parameters_are_text() {
        let build = with(|record| record["built_by"]["parameters"]["a\nb"] = json!("x"));
        assert!(build.fault().is_some());
    }

    #[test]
    fn the_digest_sees_all_else() {
        let digest = read(afw()).digest().unwrap();
        let changes: [fn(&mut Value); 4] = [
            |record| record["summary"] = json!("pictures"),
            |record| record["variables"]["PYTHONPATH"] = json!([".", "python"]),
            |record| record["test"] = json!(true),
            |record| record["new_field"] = json!(1),
        ];
        for change in changes {
            assert_ne!(with(change).digest().unwrap(), digest);
        }
    }

    #[test]
    fn unknown_fields_are_kept_and_named() {
        let build = with(|record| {
            record["colour"] = json!("blue");
            record["source"]["branch"] = json!("main");
        });

        let fault = build.fault().unwrap().to_string();

        assert!(fault.contains("`colour`, `source.branch`"), "{fault}");
        assert_eq!(serde_json::to_value(&build).unwrap()["source"]["branch"], "main");
    }

    #[test]
    fn a_record_must_say_that_it_has_no_archive() {
        let mut value = afw();
        value["archive"] = Value::Null;
        assert_eq!(read(value.clone()).archive, None);
        value.as_object_mut().unwrap().remove("archive");
        assert!(serde_json::from_value::<Build>(value).is_err());
    }

    #[test]
    fn variables_that_run_code_are_refused() {
        let refused = ["LD_PRELOAD", "BASH_ENV", "PYTHONSTARTUP", "LARDER_SERVER", "ZDOTDIR"];
        for name in refused.into_iter().chain(["path", "A B", "", "1A"]) {
            let build = with(|record| record["variables"][name] = json!({"set": "x"}));
            assert!(build.fault().is_some(), "{name}");
        }
    }

    #[test]
    fn paths_in_variables_stay_inside() {
        for path in ["../bin", "bin:/tmp/other"] {
            let mut value = afw();
            value["variables"]["PATH"] = json!([path]);
            assert!(serde_json::from_value::<Build>(value).is_err(), "{path}");
        }
    }

    #[test]
    fn scripts_point_to_functions() {
        for target in ["os:system('x')", "os", ":main", "a b:c", "a:b;c"] {
            let build = with(|record| record["scripts"]["x"] = json!(target));
            assert!(build.fault().is_some(), "{target}");
        }
        let build = with(|record| record["scripts"]["../x"] = json!("a:b"));
        assert!(build.fault().is_some());
    }

    #[test]
    fn a_source_is_a_revision_or_a_file() {
        let build = with(|record| record["source"] = json!({"tag": "1.0"}));
        assert_eq!(build.fault(), Some(RecordFault::Source));
        let file = json!({"url": "https://example.org/x.tar.gz", "sha256": Sha256::of(b"x")});
        assert_eq!(with(|record| record["source"] = file).fault(), None);
    }

    #[test]
    fn a_product_is_needed_once_for_each_kind_and_never_by_itself() {
        let twice = with(|record| {
            record["dependencies"] = json!([{"product": "log", "requirement": "*"},
                                            {"product": "log", "requirement": "^1.0"}]);
        });
        assert!(twice.fault().is_some());
        let itself = with(|record| {
            record["dependencies"] = json!([{"product": "afw", "requirement": "*"}]);
        });
        assert!(itself.fault().is_some());
    }
}
