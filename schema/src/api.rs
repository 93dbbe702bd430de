//! The HTTP interface: its addresses as functions and its bodies, shared by server and client.

use serde::{Deserialize, Serialize};

use crate::build::{BuildKey, BuildName};
use crate::checksum::{Checksum, Digest, Sha256};
use crate::contents::{Entry, EntryPath};
use crate::distribution::Distribution;
use crate::platform::Platform;
use crate::product::{Label, ProductName};
use crate::record::{Build, Extra, Published};
use crate::text::{Text, Timestamp};
use crate::version::DistributionVersion;

/// The addresses, all below [`paths::ROOT`] unless said otherwise.
pub mod paths {
    use super::{BuildName, Checksum, DistributionVersion, Label, ProductName};

    /// What all addresses of this interface begin with.
    pub const ROOT: &str = "/api/v1";

    /// `POST`: begin an upload (tus, creation).
    pub fn uploads() -> String {
        format!("{ROOT}/uploads")
    }

    /// `HEAD`/`GET`: the bytes of an archive.
    pub fn blob(checksum: &Checksum) -> String {
        format!("{ROOT}/blobs/{checksum}")
    }

    /// `POST`: which archives does the server hold?
    pub fn have() -> String {
        format!("{ROOT}/have")
    }

    /// `POST`: publish; `GET`: list.
    pub fn builds() -> String {
        format!("{ROOT}/builds")
    }

    /// `GET`: one build.
    pub fn build(product: &ProductName, build: &BuildName) -> String {
        format!("{ROOT}/builds/{}/{build}", escaped(product))
    }

    /// `GET`: what a build's archive unpacks to.
    pub fn contents(product: &ProductName, build: &BuildName) -> String {
        format!("{}/contents", self::build(product, build))
    }

    /// `GET`: which builds depend on a build.
    pub fn dependants(product: &ProductName, build: &BuildName) -> String {
        format!("{}/dependants", self::build(product, build))
    }

    /// `POST`: which builds meet these requirements?
    pub fn resolve() -> String {
        format!("{ROOT}/resolve")
    }

    /// `POST`: say something about a digest; `GET`: what was said.
    pub fn statements() -> String {
        format!("{ROOT}/statements")
    }

    /// `GET`: list of products.
    pub fn products() -> String {
        format!("{ROOT}/products")
    }

    /// `GET`: one product.
    pub fn product(product: &ProductName) -> String {
        format!("{ROOT}/products/{}", escaped(product))
    }

    /// `POST`: what are these?
    pub fn identify() -> String {
        format!("{ROOT}/identify")
    }

    /// `GET`: what is this?
    pub fn identify_one(checksum: &Checksum) -> String {
        format!("{ROOT}/identify/{checksum}")
    }

    /// `POST`: publish; `GET`: list.
    pub fn distributions() -> String {
        format!("{ROOT}/distributions")
    }

    /// `GET`: all versions of one distribution.
    pub fn distribution_versions(name: &ProductName) -> String {
        format!("{ROOT}/distributions/{}", escaped(name))
    }

    /// `GET`: one distribution, by version or tag.
    pub fn distribution(name: &ProductName, version: &DistributionVersion) -> String {
        format!("{ROOT}/distributions/{}/{version}", escaped(name))
    }

    /// `GET`: one distribution, by digest.
    pub fn distribution_by_digest(name: &ProductName, digest: &super::Digest) -> String {
        format!("{ROOT}/distributions/{}/{digest}", escaped(name))
    }

    /// `GET`: all tags of a distribution.
    pub fn tags(name: &ProductName) -> String {
        format!("{ROOT}/tags/{}", escaped(name))
    }

    /// `PUT`: move one tag.
    pub fn tag(name: &ProductName, tag: &Label) -> String {
        format!("{ROOT}/tags/{}/{tag}", escaped(name))
    }

    /// `POST`: create; `GET`: list.
    pub fn tokens() -> String {
        format!("{ROOT}/tokens")
    }

    /// `DELETE`: revoke.
    pub fn token(name: &str) -> String {
        format!("{ROOT}/tokens/{name}")
    }

    /// `POST`: compute everything again from bytes.
    pub fn check() -> String {
        format!("{ROOT}/check")
    }

    /// A `+` is read as a space by some, so it is the one character of names that is escaped.
    fn escaped(name: &ProductName) -> String {
        name.as_str().replace('+', "%2B")
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page, or null at the end.
    pub next: Option<String>,
}

/// Which archives does the server hold?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HaveRequest {
    /// Of archives, SHA-256 or BLAKE3.
    pub checksums: Vec<Checksum>,
}

/// Which of the archives asked for are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct HaveAnswer {
    /// There.
    pub held: Vec<Checksum>,
    /// Not there: to be uploaded.
    pub missing: Vec<Checksum>,
}

/// Publish builds, and with them a distribution and tags: all or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// The records; their archives must have been uploaded.
    pub builds: Vec<Build>,
    /// A distribution of these and of builds that are published already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// Tags to move.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagMove>,
}

/// A tag to move with a publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TagMove {
    /// The distribution's name.
    pub name: ProductName,
    /// The tag.
    pub tag: Label,
    /// Where it shall point.
    pub version: DistributionVersion,
    /// Where it must stand now.
    #[serde(default, skip_serializing_if = "Expected::is_unconditional")]
    pub expected: Expected,
    /// Platforms that the version must be there for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Platform>,
}

/// Move one tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TagRequest {
    /// Where it shall point.
    pub version: DistributionVersion,
    /// Where it must stand now.
    #[serde(default, skip_serializing_if = "Expected::is_unconditional")]
    pub expected: Expected,
    /// Platforms that the version must be there for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Platform>,
}

/// Where a tag must stand for a move to happen: absent: anywhere; null: nowhere; else its serial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Wherever it stands.
    #[default]
    Anywhere,
    /// There must be no such tag yet.
    Nowhere,
    /// It must have this serial.
    Serial(u64),
}

impl Expected {
    /// Whether the move happens wherever the tag stands.
    pub fn is_unconditional(&self) -> bool {
        *self == Self::Anywhere
    }

    /// Whether a tag with `serial` (none: no such tag) stands where it must.
    pub fn admits(&self, serial: Option<u64>) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Nowhere => serial.is_none(),
            Self::Serial(expected) => serial == Some(*expected),
        }
    }
}

impl Serialize for Expected {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Anywhere | Self::Nowhere => serializer.serialize_none(),
            Self::Serial(serial) => serializer.serialize_u64(*serial),
        }
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<u64>::deserialize(deserializer)? {
            Some(serial) => Self::Serial(serial),
            None => Self::Nowhere,
        })
    }
}

#[cfg(feature = "json-schema")]
impl schemars::JsonSchema for Expected {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expected".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["integer", "null"], "minimum": 1 })
    }
}

/// What a publish did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PublishAnswer {
    /// Builds that are new.
    pub published: Vec<BuildKey>,
    /// Builds that were there already, with the same record.
    pub existing: Vec<BuildKey>,
    /// The distribution, new or there already.
    pub distribution: Option<DistributionSummary>,
    /// Where the tags stand now.
    #[serde(default)]
    pub tags: Vec<TagState>,
    /// What a person should know, such as a licence that nobody gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One build, as `GET` answers it: the record, its digest, and what is known beside it.
///
/// Beside the record's own fields there are `digest` and `about` and will never be others, so that
/// an older client can tell a new field of the record from one of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct BuildAnswer {
    /// The record.
    #[serde(flatten)]
    pub build: Build,
    /// Its digest.
    pub digest: Digest,
    /// What is known beside it.
    #[serde(default)]
    pub about: AboutBuild,
}

/// What is known of a build beside its record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AboutBuild {
    /// Why it was withdrawn, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Text>,
}

/// One distribution, as `GET` answers it: the document, its digest, and what is known beside it.
///
/// Beside the document's own fields there are `digest` and `about` and will never be others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DistributionAnswer {
    /// The document.
    #[serde(flatten)]
    pub distribution: Distribution,
    /// Its digest.
    pub digest: Digest,
    /// What is known beside it.
    pub about: AboutDistribution,
}

/// What is known of a distribution beside its document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AboutDistribution {
    /// When it became visible.
    pub published: Published,
    /// The tag that was asked for, when it was found by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagState>,
    /// The records of all its builds, with `?records=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Build>>,
    /// Builds of it that were withdrawn since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Withdrawn>,
}

/// A build that was withdrawn, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Withdrawn {
    /// The build.
    #[serde(flatten)]
    pub key: BuildKey,
    /// Why.
    pub reason: Text,
}

/// A distribution in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DistributionSummary {
    /// Its name.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// What it runs on.
    pub platform: Platform,
    /// How far it has come.
    #[serde(default)]
    pub stage: crate::distribution::Stage,
    /// The digest of its document.
    pub digest: Digest,
    /// When it became visible.
    pub published: Published,
}

/// A product in one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ProductSummary {
    /// Its name.
    pub name: ProductName,
    /// How many builds of it there are.
    pub builds: u64,
    /// The newest build's name.
    pub newest: Option<BuildName>,
    /// The newest build's summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Text>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What an archive unpacks to, one page of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ContentsPage {
    /// Entries by path.
    pub items: Vec<Entry>,
    /// The cursor of the next page, or null at the end.
    pub next: Option<String>,
}

/// What are these?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentifyRequest {
    /// Of archives, trees or files; at most [`MAX_IDENTIFY`].
    pub checksums: Vec<Checksum>,
}

/// The most checksums that one request may ask for.
pub const MAX_IDENTIFY: usize = 10_000;
/// The most holders that one answer names for a checksum.
pub const MAX_HOLDERS: usize = 100;

/// What the checksums are of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct IdentifyAnswer {
    /// Who holds what; at most [`MAX_HOLDERS`] for a checksum.
    pub found: Vec<Holder>,
    /// Checksums of nothing that is known here.
    pub unknown: Vec<Checksum>,
    /// Checksums that have more holders than are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<MoreHolders>,
}

/// One build that has something with a checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Holder {
    /// The checksum, as it was asked for.
    pub checksum: Checksum,
    /// Of what it is.
    pub kind: HolderKind,
    /// The product.
    pub product: ProductName,
    /// The build name.
    pub build: BuildName,
    /// The build's platform.
    pub platform: Platform,
    /// Where the file lies in the build, for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<EntryPath>,
    /// The distributions that list the build; at most [`MAX_HOLDERS`].
    pub distributions: Vec<DistributionName>,
    /// Whether the build was withdrawn.
    #[serde(default)]
    pub withdrawn: bool,
}

/// What a checksum is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum HolderKind {
    /// An archive, as published.
    Archive,
    /// What an archive unpacks to.
    Tree,
    /// A file in it.
    File,
}

/// A checksum that has more holders than are named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct MoreHolders {
    /// The checksum.
    pub checksum: Checksum,
    /// How many holders there are.
    pub total: u64,
    /// The cursor for `GET /identify/{checksum}?cursor=`.
    pub next: String,
}

/// A distribution's name and version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DistributionName {
    /// Its name.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
    /// What it runs on.
    pub platform: Platform,
}

/// Where a tag stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TagState {
    /// The distribution's name.
    pub name: ProductName,
    /// The tag.
    pub tag: Label,
    /// Where it points.
    pub version: DistributionVersion,
    /// How often it moved; never goes back.
    pub serial: u64,
    /// When it moved last.
    pub at: Timestamp,
    /// Through which token.
    pub by: Text,
}

/// All tags of a distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TagsAnswer {
    /// Where each stands now, by name.
    pub items: Vec<TagState>,
    /// All moves, the last first.
    pub history: Vec<TagState>,
    /// Always null: tags are few.
    pub next: Option<String>,
}

/// Something said later about a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatementRequest {
    /// The digest of a build record or a distribution.
    pub subject: Digest,
    /// What is said.
    pub kind: StatementKind,
    /// Why, for people.
    pub reason: Text,
    /// What to take instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<BuildName>,
}

/// What is said of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum StatementKind {
    /// It must not be used for anything new.
    Withdrawn,
    /// Something that people should know.
    Note,
}

/// Make a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it is called; unique, and what stands as `by` on what it publishes.
    pub name: ProductName,
    /// What it may do: `publish:<glob>`, `admin`, …
    pub scopes: Vec<String>,
    /// After how many seconds it dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// Whether all that it publishes is a test build.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

/// A new token; its text is shown this once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TokenAnswer {
    /// The text to send as `Authorization: Bearer`.
    pub token: String,
    /// What is known of it.
    #[serde(flatten)]
    pub state: TokenState,
}

/// What is known of a token; never its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TokenState {
    /// What it is called.
    pub name: ProductName,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// When it was used last, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// Whether all that it publishes is a test build.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

/// What a check of everything found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CheckReport {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// How many archives were read again.
    pub archives: u64,
    /// How many bytes that were.
    pub bytes: u64,
    /// How many builds, distributions and journal entries were looked at.
    pub documents: u64,
    /// What is wrong.
    pub faults: Vec<CheckFault>,
}

impl CheckReport {
    /// Adds what is wrong with a document.
    pub fn add(&mut self, subject: String, fault: String) {
        self.faults.push(CheckFault { subject, fault, archive: None });
    }
}

/// One thing that a check found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CheckFault {
    /// What it is about: an archive's checksum, a build, a distribution, a journal entry.
    pub subject: String,
    /// What is wrong, in a sentence.
    pub fault: String,
    /// The archive concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Sha256>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_tells_absent_from_null() {
        let read = |text: &str| serde_json::from_str::<TagRequest>(text).unwrap().expected;
        assert_eq!(read(r#"{"version": "1.0.0"}"#), Expected::Anywhere);
        assert_eq!(read(r#"{"version": "1.0.0", "expected": null}"#), Expected::Nowhere);
        assert_eq!(read(r#"{"version": "1.0.0", "expected": 4}"#), Expected::Serial(4));
        for expected in [Expected::Anywhere, Expected::Nowhere, Expected::Serial(3)] {
            let request =
                TagRequest { version: "1.0.0".parse().unwrap(), expected, require: Vec::new() };
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(read(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_plus_in_a_name_is_escaped() {
        let name = "boost+x".parse().unwrap();
        assert_eq!(paths::product(&name), "/api/v1/products/boost%2Bx");
    }
}
