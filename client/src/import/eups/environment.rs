//! The conda environment of a tag, `env/T.env`, as a build that goes with its distribution.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use larder_schema::api::{BuildAnswer, paths};
use larder_schema::eups::name_of_version;
use larder_schema::record::{Archive, BuiltBy, Extra};
use larder_schema::{Build, BuildKey, Platform, ProductName, Sha256, Text};

use crate::durable::{DiskError, disk};
use crate::progress::Progress;
use crate::publish::{self, Offer, Order};
use crate::remote::{self, Remote};
use crate::upload::{FileError, LocalFile, Memory};

/// The product; EUPS cannot hold its name, so that no list has it.
const PRODUCT: &str = "conda-environment";
/// The file that it is.
const FILE: &str = "conda.env";
/// The most bytes of an environment.
pub const MAX_ENVIRONMENT_BYTES: u64 = 4 << 20;

/// A conda environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    bytes: Vec<u8>,
}

/// A conda environment did not come in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its archive cannot be made.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Its archive cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The server.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// It is not published.
    #[error(transparent)]
    Publish(#[from] publish::Error),
}

impl Environment {
    /// The environment that these bytes are, if they are one: a list of packages by their addresses, as
    /// `conda list --explicit` writes it.
    pub fn read(bytes: Vec<u8>) -> Option<Self> {
        let is_entry = |line: &str| {
            let line = line.trim();
            line.is_empty()
                || line.starts_with('#')
                || line == "@EXPLICIT"
                || ["https://", "http://", "file://"].iter().any(|scheme| line.starts_with(scheme))
        };
        let is_list = std::str::from_utf8(&bytes)
            .is_ok_and(|text| text.contains("@EXPLICIT") && text.lines().all(is_entry));
        is_list.then(|| Self::of(bytes))
    }

    /// The environment that these bytes are.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The sum of its bytes.
    pub fn sum(&self) -> Sha256 {
        Sha256::of(&self.bytes)
    }

    /// The build that it is on a platform: the same bytes are the same build.
    pub fn key(&self, platform: &Platform) -> BuildKey {
        let told = format!("env+{}", self.sum());
        let version = told.parse().expect("a word, a plus and a sum are a version");
        let product: ProductName = PRODUCT.parse().expect("it is a name");
        BuildKey {
            product,
            build: name_of_version(&version, |_| false),
            platform: platform.clone(),
        }
    }

    /// Publishes it, unless it is there.
    pub async fn publish(
        &self,
        remote: &Remote,
        memory: &Memory,
        platform: &Platform,
    ) -> Result<BuildKey, Error> {
        let key = self.key(platform);
        let query = [("platform", &*platform.to_string())];
        let there =
            remote.get::<BuildAnswer>(&paths::build(&key.product, &key.build), &query).await;
        match there {
            Ok(answer) if answer.build.platform == *platform => return Ok(key),
            Err(error) if error.status().is_none_or(|status| status >= 500) => {
                return Err(error.into());
            }
            Ok(_) | Err(_) => {}
        }
        let folder = std::env::temp_dir();
        let mut file = tempfile::Builder::new()
            .prefix("larder-import-")
            .tempfile()
            .map_err(disk::<Error>("make a file in", &folder))?;
        let written = self.archive().and_then(|bytes| file.write_all(&bytes));
        written.map_err(disk::<Error>("write", file.path()))?;
        let local = LocalFile::sum(file.path(), |_| {})?;
        let build = record(&key, local.sha256);
        let order = Order { offers: vec![Offer { build, file: Some(local) }], ..Order::default() };
        publish::publish(remote, memory, &order, Progress::Quiet).await?;
        Ok(key)
    }

    /// A tar of the one file, the same at any time.
    fn archive(&self) -> io::Result<Vec<u8>> {
        let mut header = tar::Header::new_ustar();
        header.set_size(self.bytes.len() as u64);
        header.set_mode(0o644);
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header, FILE, self.bytes.as_slice())?;
        builder.into_inner()
    }
}

fn record(key: &BuildKey, sha256: Sha256) -> Build {
    let text = |text: &str| text.parse::<Text>().expect("it is printable");
    let name = format!("{PRODUCT}-{}-{}.tar", key.build, key.platform);
    let archive = Archive {
        sha256,
        name: name.parse().expect("a name and .tar are an archive's name"),
        size: None,
        blake3: None,
        extra: Extra::new(),
    };
    let built_by = BuiltBy {
        tool: text("eups"),
        url: None,
        at: None,
        parameters: BTreeMap::new(),
        extra: Extra::new(),
    };
    Build {
        summary: Some(text("the conda environment of a release")),
        built_by: Some(built_by),
        ..Build::bare(key.clone(), Some(archive))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_the_same_build() {
        let key =
            |bytes: &str| Environment::of(bytes.into()).key(&"linux-x86_64".parse().unwrap()).build;
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
        let environment = Environment::of(b"a".to_vec());
        assert_eq!(environment.archive().unwrap(), environment.archive().unwrap());
    }

    #[test]
    fn only_a_list_of_packages_is_an_environment() {
        let good = "# made by conda\n@EXPLICIT\nhttps://conda.example.org/a.conda#0123\n\n";
        assert!(Environment::read(good.into()).is_some());
        for other in ["root:x:0:0::/root:/bin/sh\n", "<html></html>", "", "@EXPLICIT\nsecret\n"] {
            assert_eq!(Environment::read(other.into()), None, "{other}");
        }
    }
}
