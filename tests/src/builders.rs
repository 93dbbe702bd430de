//! Builds and distributions to publish: a test says what matters, the rest is filled in.

use larder_schema::archive::ArchiveFormat;
use larder_schema::{Blake3, Checksum, Sha256};
use serde_json::{Map, Value, json};

use crate::archives::{self, Packed};

/// A build to publish: `build("afw", "17.0.1-b8466").file("lib/libafw.so", b"one")`.
///
/// It is for `linux-x86_64` and lies in a `.tar.zst` unless something else is said. Nothing is
/// checked here, so that wrong records can be made as well.
#[derive(Clone, Debug)]
pub struct BuildBuilder {
    product: String,
    version: String,
    id: String,
    platform: String,
    format: ArchiveFormat,
    entries: Vec<Packed>,
    bytes: Option<Vec<u8>>,
    has_archive: bool,
    dependencies: Vec<Value>,
    fields: Map<String, Value>,
}

/// Begins a build of `product` named `name`, such as `17.0.1-b8466`.
pub fn build(product: &str, name: &str) -> BuildBuilder {
    let (version, id) = name.split_once('-').expect("a build name is VERSION-bID");
    BuildBuilder {
        product: product.to_owned(),
        version: version.to_owned(),
        id: id.to_owned(),
        platform: "linux-x86_64".to_owned(),
        format: ArchiveFormat::TarZst,
        entries: Vec::new(),
        bytes: None,
        has_archive: true,
        dependencies: Vec::new(),
        fields: Map::from_iter([("license".to_owned(), json!("GPL-3.0-or-later"))]),
    }
}

impl BuildBuilder {
    /// For another platform.
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        self.platform = platform.to_owned();
        self
    }

    /// In another kind of archive.
    #[must_use]
    pub fn format(mut self, format: ArchiveFormat) -> Self {
        self.format = format;
        self
    }

    /// With a file.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        self.entries.push(Packed::File(path.to_owned(), bytes.to_owned(), false));
        self
    }

    /// With a file that its owner may execute.
    #[must_use]
    pub fn executable(mut self, path: &str, bytes: &[u8]) -> Self {
        self.entries.push(Packed::File(path.to_owned(), bytes.to_owned(), true));
        self
    }

    /// With any entry.
    #[must_use]
    pub fn entry(mut self, entry: Packed) -> Self {
        self.entries.push(entry);
        self
    }

    /// With these bytes as its archive, whatever they are.
    #[must_use]
    pub fn archive(mut self, bytes: Vec<u8>) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// A metapackage: without an archive.
    #[must_use]
    pub fn without_archive(mut self) -> Self {
        self.has_archive = false;
        self
    }

    /// Needs another product to run.
    #[must_use]
    pub fn needs(mut self, product: &str, requirement: &str) -> Self {
        self.dependencies.push(json!({"product": product, "requirement": requirement}));
        self
    }

    /// With a field of its record, which may also be one that the archive contradicts.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// The archive and its record.
    pub fn pack(&self) -> Parcel {
        let Self { product, version, id, platform, .. } = self;
        let name = format!("{product}-{version}-{id}-{platform}.{}", self.format.extension());
        let bytes = match &self.bytes {
            Some(bytes) => bytes.clone(),
            None => archives::pack(self.format, &self.entries),
        };
        let archive = json!({"sha256": Sha256::of(&bytes), "name": name});
        let mut record = json!({
            "product": product, "version": version, "build": id, "platform": platform,
            "archive": self.has_archive.then_some(archive),
        });
        if !self.dependencies.is_empty() {
            record["dependencies"] = json!(self.dependencies);
        }
        for (field, value) in &self.fields {
            set(&mut record, field, value.clone());
        }
        Parcel { name, bytes: self.has_archive.then_some(bytes), record }
    }
}

/// Sets `field`, in which dots go into what is inside: `archive.size`.
fn set(record: &mut Value, field: &str, value: Value) {
    let place = field.split('.').fold(record, |place, part| &mut place[part]);
    *place = value;
}

/// An archive and its record, ready to be published.
#[derive(Clone, Debug)]
pub struct Parcel {
    name: String,
    bytes: Option<Vec<u8>>,
    record: Value,
}

impl Parcel {
    /// The archive's file name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The archive's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().expect("a build with an archive")
    }

    /// The record, as a publisher writes it.
    pub fn record(&self) -> &Value {
        &self.record
    }

    /// The SHA-256 of the archive.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.bytes())
    }

    /// The same as a checksum.
    pub fn archive(&self) -> Checksum {
        Checksum::Sha256(self.sha256())
    }

    /// The BLAKE3 of the archive as a checksum.
    pub fn blake3(&self) -> Checksum {
        Checksum::Blake3(Blake3::of(self.bytes()))
    }

    /// Whether there are bytes to send.
    pub fn has_archive(&self) -> bool {
        self.bytes.is_some()
    }

    /// `afw`.
    pub fn product(&self) -> &str {
        self.record["product"].as_str().unwrap()
    }

    /// `17.0.1-b8466`.
    pub fn build(&self) -> String {
        let text = |field: &str| self.record[field].as_str().unwrap();
        format!("{}-{}", text("version"), text("build"))
    }

    /// Where its record is read: `/api/v1/builds/afw/17.0.1-b8466`.
    pub fn path(&self) -> String {
        format!("/api/v1/builds/{}/{}", self.product(), self.build())
    }

    /// How a distribution lists it.
    pub fn listed(&self) -> Value {
        json!({
            "product": self.product(), "build": self.build(), "platform": self.record["platform"],
        })
    }
}

/// A distribution to publish: `distribution("lsst_distrib", "17.0.1").of([&afw, &log])`.
#[derive(Clone, Debug)]
pub struct DistributionBuilder(Value);

/// Begins a distribution for `linux-x86_64`.
pub fn distribution(name: &str, version: &str) -> DistributionBuilder {
    DistributionBuilder(
        json!({"name": name, "version": version, "platform": "linux-x86_64", "builds": []}),
    )
}

impl DistributionBuilder {
    /// Lists these builds.
    #[must_use]
    pub fn of<'a>(mut self, parcels: impl IntoIterator<Item = &'a Parcel>) -> Self {
        self.0["builds"] = parcels.into_iter().map(Parcel::listed).collect();
        self
    }

    /// For another platform.
    #[must_use]
    pub fn platform(self, platform: &str) -> Self {
        self.field("platform", json!(platform))
    }

    /// With a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        set(&mut self.0, name, value);
        self
    }

    /// The document.
    pub fn document(&self) -> Value {
        self.0.clone()
    }
}
