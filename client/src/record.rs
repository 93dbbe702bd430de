//! A build record put together from what a publisher has: a file, arguments, the archive's name.
//!
//! Each may say a part; what two of them say must be the same. The archive's own bytes are asked
//! last, and nothing goes against them.

pub mod name;
mod whole;

use std::path::{Path, PathBuf};

use larder_schema::record::RecordFault;
use larder_schema::{ArchiveName, Build, Sha256};
use serde_json::{Map, Value, json};

use whole::Whole;

/// A part of a record, and who said it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Who said it, for people: "`x.json`", "the arguments", "the file name".
    pub said_by: String,
    /// What was said.
    pub fields: Map<String, Value>,
}

/// The archive that a record is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Bytes {
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its file name.
    pub name: ArchiveName,
    /// How many bytes it has.
    pub size: u64,
}

/// No record can be put together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file with the record cannot be read.
    #[error("the record `{}` cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no JSON object.
    #[error("the record `{}` is no JSON object", .path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The file holds no TOML.
    #[error("the metadata `{}` cannot be read as TOML", .path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Two say different things.
    #[error("`{field}` is {one_value} in {one} and {two_value} in {two}; make them agree")]
    Contradiction {
        /// About what.
        field: String,
        /// Who.
        one: String,
        /// What.
        one_value: String,
        /// And who else.
        two: String,
        /// What.
        two_value: String,
    },
    /// Nobody says what every record has.
    #[error("nothing says {} of `{file}`{}", listed(.fields), because(.name.as_deref()))]
    Missing {
        /// The archive.
        file: String,
        /// The fields.
        fields: Vec<&'static str>,
        /// Why its name does not, though it looks like one that does.
        name: Option<String>,
    },
    /// A field is not what it should be.
    #[error("the record of `{file}` is refused")]
    Malformed {
        /// The archive.
        file: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The record says what no record may.
    #[error("the record of `{file}` is refused")]
    Fault {
        /// The archive.
        file: String,
        /// Why.
        #[source]
        source: RecordFault,
    },
}

fn listed(fields: &[&str]) -> String {
    fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// A way out, when one is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => Some(
                "put a record beside it (`FILE.json`), give `--product --version --build \
                 --platform`, or call the file PRODUCT-VERSION-bID-PLATFORM.tar.zst",
            ),
            Self::Malformed { source, .. } if source.to_string().contains("struct Dependency") => {
                Some("a dependency is written `{ product = \"log\", requirement = \"^17.0\" }`")
            }
            Self::Unreadable { .. }
            | Self::NotJson { .. }
            | Self::NotToml { .. }
            | Self::Contradiction { .. }
            | Self::Malformed { .. }
            | Self::Fault { .. } => None,
        }
    }
}

impl Part {
    /// The record in the JSON file at `path`; none when there is no such file.
    pub fn of_json(path: &Path) -> Result<Option<Self>, Error> {
        let Some(text) = read_if_there(path)? else { return Ok(None) };
        let fields = serde_json::from_str(&text)
            .map_err(|source| Error::NotJson { path: path.to_owned(), source })?;
        Ok(Some(Self { said_by: quoted(path), fields }))
    }

    /// The record in the TOML file at `path`; none when there is no such file.
    pub fn of_toml(path: &Path) -> Result<Option<Self>, Error> {
        let Some(text) = read_if_there(path)? else { return Ok(None) };
        let fields = toml::from_str::<toml::Table>(&text)
            .map_err(|source| Error::NotToml { path: path.to_owned(), source: Box::new(source) })?;
        let fields = fields.into_iter().map(|(name, value)| (name, to_json(value))).collect();
        Ok(Some(Self { said_by: quoted(path), fields }))
    }

    /// What the file name `name` says, if it is PRODUCT-VERSION-bID-PLATFORM.EXT.
    pub fn of_name(name: &ArchiveName) -> Option<Self> {
        let key = name::key(name)?;
        let Value::Object(fields) = json!({
            "product": key.product,
            "version": key.build.version,
            "build": key.build.build,
            "platform": key.platform,
        }) else {
            return None;
        };
        Some(Self { said_by: format!("the file name `{name}`"), fields })
    }
}

fn quoted(path: &Path) -> String {
    format!("`{}`", path.display())
}

fn read_if_there(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Unreadable { path: path.to_owned(), source }),
    }
}

/// The record's `at` may be written as a TOML time.
fn to_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(to_json).collect(),
        toml::Value::Table(table) => {
            table.into_iter().map(|(name, value)| (name, to_json(value))).collect()
        }
    }
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!("; its name would, but {why}")).unwrap_or_default()
}

/// The record that `parts` make together; of the archive with `bytes`, or of none.
pub fn put_together(parts: &[Part], file: &str, bytes: Option<&Bytes>) -> Result<Build, Error> {
    let mut whole = Whole::default();
    for part in parts {
        whole.join("", &part.said_by, &part.fields)?;
    }
    if let Some(bytes) = bytes {
        whole.join_bytes(bytes)?;
    }
    let missing: Vec<&str> = ["product", "version", "build", "platform"]
        .into_iter()
        .filter(|field| !whole.has(field))
        .collect();
    if !missing.is_empty() {
        let base = Path::new(file).file_name().and_then(std::ffi::OsStr::to_str);
        let name = base.and_then(name::fault);
        return Err(Error::Missing { file: file.to_owned(), fields: missing, name });
    }
    let build: Build = serde_json::from_value(Value::Object(whole.to_fields()))
        .map_err(|source| Error::Malformed { file: file.to_owned(), source })?;
    match build.fault() {
        Some(source) => Err(Error::Fault { file: file.to_owned(), source }),
        None => Ok(build),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(said_by: &str, fields: Value) -> Part {
        let Value::Object(fields) = fields else { panic!("an object") };
        Part { said_by: said_by.to_owned(), fields }
    }

    fn bytes() -> Bytes {
        Bytes {
            sha256: Sha256::of(b"x"),
            name: "afw-17.0.1-b8466-any.tar.zst".parse().unwrap(),
            size: 1,
        }
    }

    fn join(parts: &[Part]) -> Result<Build, Error> {
        put_together(parts, "afw.tar.zst", Some(&bytes()))
    }

    fn named() -> Part {
        Part::of_name(&bytes().name).unwrap()
    }

    #[test]
    fn parts_make_a_whole() {
        let file = part("`x.json`", json!({"product": "afw", "source": {"tag": "17.0.1"}}));
        let arguments = part("the arguments", json!({"source": {"revision": "a".repeat(40)}}));

        let build = join(&[file, arguments, named()]).unwrap();

        assert_eq!(build.key().to_string(), "afw@17.0.1-b8466 for any");
        assert_eq!(build.source.unwrap().tag.unwrap().as_str(), "17.0.1");
        assert_eq!(build.archive.unwrap().sha256, Sha256::of(b"x"));
    }

    #[test]
    fn what_two_say_must_be_the_same() {
        let refusal = join(&[part("the arguments", json!({"version": "17.0.2"})), named()]);
        let refusal = refusal.unwrap_err().to_string();
        assert_eq!(
            refusal,
            "`version` is \"17.0.2\" in the arguments and \"17.0.1\" in the file name \
             `afw-17.0.1-b8466-any.tar.zst`; make them agree"
        );
    }

    #[test]
    fn nothing_goes_against_the_bytes() {
        for archive in [json!({"sha256": Sha256::of(b"y")}), json!({"size": 7}), Value::Null] {
            let file = part("`x.json`", json!({"archive": archive}));
            let refusal = join(&[file, named()]).unwrap_err();
            assert!(matches!(refusal, Error::Contradiction { .. }), "{refusal}");
        }
        let other_name = part("`x.json`", json!({"archive": {"name": "other.tar.zst"}}));
        let build = join(&[other_name, named()]).unwrap();
        assert_eq!(build.archive.unwrap().name.as_str(), "other.tar.zst");
    }

    #[test]
    fn what_nobody_says_is_named() {
        let refusal = join(&[part("`x.json`", json!({"product": "afw", "build": "b1"}))]);
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.to_string(), "nothing says `version`, `platform` of `afw.tar.zst`");
        assert!(refusal.hint().is_some());
    }

    #[test]
    fn a_metapackage_says_that_it_has_no_archive() {
        let file = json!({"product": "a", "version": "1.0.0", "build": "b1", "platform": "any"});
        let mut with_null = file.clone();
        with_null["archive"] = Value::Null;
        assert!(put_together(&[part("`x`", with_null)], "x", None).unwrap().archive.is_none());
        assert!(put_together(&[part("`x`", file)], "x", None).is_err());
    }

    #[test]
    fn toml_has_the_keys_of_a_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("larder.toml");
        let text = "product = 'a'\nversion = '1.0.0'\nbuild = 'b1'\nplatform = 'any'\n\
                    [variables]\nPATH = ['bin']\n[[dependencies]]\nproduct = 'log'\n\
                    requirement = '^17'\n[built_by]\ntool = 'make'\nat = 2026-11-23T06:00:00Z\n";
        std::fs::write(&path, text).unwrap();

        let build = join(&[Part::of_toml(&path).unwrap().unwrap()]).unwrap();

        assert_eq!(build.built_by.unwrap().at.unwrap().as_str(), "2026-11-23T06:00:00Z");
        assert_eq!(build.dependencies.len(), 1);
        assert!(Part::of_toml(&folder.path().join("none")).unwrap().is_none());
    }
}
