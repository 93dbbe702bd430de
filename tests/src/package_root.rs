//! What an EUPS client asks a package root, in its order, and what it does with the answers.
//!
//! Written from the protocol; the real client is asked beside it where there is one.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use larder_schema::Sha256;
use larder_schema::eups::{Manifest, TagList};

use crate::http::Http;

/// A package root under an address such as `http://127.0.0.1:8080/eups/linux-x86_64`.
#[derive(Clone, Debug)]
pub struct PackageRoot {
    http: Http,
    base: String,
    flavor: &'static str,
}

/// What was installed: versions by product, in the order of installing.
pub type Installed = Vec<(String, String)>;

impl PackageRoot {
    /// The root of a platform, or of one of its tags: `linux-x86_64/w_2026_47`.
    pub fn new(http: Http, platform: &str) -> Self {
        let flavor = if platform.starts_with("any") { "generic" } else { "Linux64" };
        let base = format!("{}/eups/{platform}", http.origin());
        Self { http, base, flavor }
    }

    /// A file that must be there.
    #[track_caller]
    pub fn text(&self, path: &str) -> impl Future<Output = String> {
        let (http, url) = (self.http.clone(), format!("{}/{path}", self.base));
        async move { http.get(&url).await.expect(200).text() }
    }

    /// The status of a file.
    pub async fn status(&self, path: &str) -> u16 {
        self.http.get(&format!("{}/{path}", self.base)).await.status
    }

    /// A list of names.
    pub async fn names(&self, path: &str) -> Vec<String> {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// The names of all tags.
    pub async fn tags(&self) -> Vec<String> {
        let names = self.names("index.json").await;
        names.iter().filter_map(|name| name.strip_suffix(".list")).map(str::to_owned).collect()
    }

    /// What a tag stands for, by product.
    pub async fn tagged(&self, tag: &str) -> BTreeMap<String, String> {
        let list = TagList::read(&self.text(&format!("{tag}.list")).await).unwrap();
        assert_eq!(list.tag, tag);
        list.lines.into_iter().map(|line| (line.product, line.version)).collect()
    }

    /// The manifest of a product.
    pub async fn manifest(&self, product: &str, version: &str) -> Manifest {
        let path = format!("manifests/{product}-{version}@{}.manifest", self.flavor);
        Manifest::read(&self.text(&path).await).unwrap()
    }

    /// The bytes of a tarball.
    pub async fn tarball(&self, product: &str, version: &str) -> Vec<u8> {
        let url = format!("{}/{product}-{version}@{}.tar.gz", self.base, self.flavor);
        self.http.get(&url).await.expect(200).body.to_vec()
    }

    /// `eups distrib install -t TAG PRODUCT` into `stack`: all that it needs, in order.
    pub async fn install(&self, product: &str, tag: &str, stack: &Path) -> Installed {
        assert!(self.text("config.txt").await.contains("MANIFEST_URL = %(base)s/manifests/"));
        assert!(self.tags().await.contains(&tag.to_owned()), "`{tag}` is not advertised");
        let version = self.tagged(tag).await.remove(product).expect("the list has the product");
        self.install_version(product, &version, stack).await
    }

    /// `eups distrib install PRODUCT VERSION`.
    pub async fn install_version(&self, product: &str, version: &str, stack: &Path) -> Installed {
        let manifest = self.manifest(product, version).await;
        assert_eq!((&*manifest.product, &*manifest.version), (product, version));
        let there = self.names("manifests/index.json").await;
        let mut installed = Vec::new();
        for line in manifest.lines {
            let (name, version) = (&line.product, &line.version);
            let listed = format!("{name}-{version}@{}.manifest", self.flavor);
            assert!(there.contains(&listed), "can't find a package for {name} {version}");
            // The client takes where it is from the product's own manifest.
            let own = self.manifest(name, version).await;
            let own = own.lines.last().expect("a product is in its own manifest");
            assert_eq!((&own.product, &own.version, own.sha256), (name, version, line.sha256));
            let url = format!("{}/{}", self.base, own.distribution_id.as_ref().unwrap());
            let tarball = self.http.get(&url).await.expect(200).body;
            assert_eq!(Some(Sha256::of(&tarball)), line.sha256, "{name}");
            unpack(&tarball, stack);
            let folder = stack.join(line.folder.as_ref().unwrap());
            assert!(folder.join(format!("ups/{name}.table")).is_file(), "{name} has no table");
            assert_eq!(self.status("distribInstallPostHook.py").await, 404);
            installed.push((line.product, line.version));
        }
        installed
    }
}

/// As the client does: `tar -zxmf`.
fn unpack(tarball: &[u8], stack: &Path) {
    let file = stack.join("tarball");
    std::fs::write(&file, tarball).unwrap();
    let mut tar = Command::new("tar");
    let done = tar.arg("-zxmf").arg(&file).current_dir(stack).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::remove_file(file).unwrap();
}
