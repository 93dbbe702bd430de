//! Addresses inside package roots: `PLATFORM/FILE` and `PLATFORM/TAG/FILE`.

use larder_schema::Platform;
use larder_schema::eups::{EupsVersion, flavor_of};

use crate::registry::eups::{Named, Root};

/// Folders of a root; a tag of that name has no root of its own.
const FOLDERS: [&str; 3] = ["manifests", "tables", "env"];

/// One file of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) root: Root,
    /// What EUPS calls the root's platform.
    pub(super) flavor: &'static str,
    pub(super) file: File,
}

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// One that is written when it is asked for.
    Document(Document),
    /// A product.
    Tarball(Named),
}

/// What is written when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// How the root is laid out.
    Config,
    /// The names of tag lists, as JSON or as a page.
    Index(Form),
    /// The names of manifests.
    Manifests(Form),
    /// What a tag stands for.
    List(String),
    /// The conda environment of a tag.
    Environment(String),
    /// A product with all that it needs.
    Manifest(Named),
    /// What is set up with a product.
    Table(Named),
}

/// How a list of names is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An array.
    Json,
    /// Links, for clients before 2.2.12.
    Page,
}

impl Address {
    /// Reads what stands behind `/eups/`; none where no root has such a file.
    ///
    /// Clients that were given a root with a slash at its end ask with two, and some with `/./`.
    pub(super) fn read(platform: &str, rest: &str) -> Option<Self> {
        let platform: Platform = platform.parse().ok()?;
        let flavor = flavor_of(&platform)?;
        let is_folder = rest.is_empty() || rest.ends_with('/');
        let parts: Vec<&str> = rest.split('/').filter(|part| !["", "."].contains(part)).collect();
        let (tag, parts) = match parts[..] {
            [first, ref rest @ ..] if !FOLDERS.contains(&first) && is_tag(first) => {
                (Some(first.to_owned()), rest)
            }
            ref parts => (None, parts),
        };
        let document = match *parts {
            [] => Document::Index(Form::Page),
            ["manifests"] => Document::Manifests(Form::Page),
            _ if is_folder => return None,
            ["config.txt"] => Document::Config,
            ["index.json"] => Document::Index(Form::Json),
            ["manifests", "index.json"] => Document::Manifests(Form::Json),
            ["manifests", name] => Document::Manifest(named(name, ".manifest", flavor)?),
            ["env", name] => Document::Environment(name.strip_suffix(".env")?.to_owned()),
            ["tables", name] => Document::Table(named(name, ".table", flavor)?),
            [name] => match name.strip_suffix(".list") {
                Some(tag) => Document::List(tag.to_owned()),
                None => {
                    let tarball = named(name, ".tar.gz", flavor)?;
                    let file = File::Tarball(tarball);
                    return Some(Self { root: Root { platform, tag }, flavor, file });
                }
            },
            _ => return None,
        };
        let file = File::Document(document);
        Some(Self { root: Root { platform, tag }, flavor, file })
    }
}

/// Whether a part may be a tag; files have a dot in their names.
fn is_tag(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `P-V` or `P-V@F`, without its ending; none where the flavor is another.
fn named(name: &str, ending: &str, flavor: &str) -> Option<Named> {
    let name = name.strip_suffix(ending)?;
    let name = match name.rsplit_once('@') {
        Some((name, asked)) if asked == flavor => name,
        Some(_) => return None,
        None => name,
    };
    let (product, version) = name.split_once('-')?;
    let version: EupsVersion = version.parse().ok()?;
    Some(Named { product: product.parse().ok()?, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rest: &str) -> Option<(Option<String>, File)> {
        let read = Address::read("linux-x86_64", rest)?;
        Some((read.root.tag, read.file))
    }

    #[test]
    fn roots_of_platforms_and_of_tags_have_the_same_files() {
        let afw =
            || Named { product: "afw".parse().unwrap(), version: "1.0.0+b1".parse().unwrap() };
        let documents = [
            ("", Document::Index(Form::Page)),
            ("config.txt", Document::Config),
            ("index.json", Document::Index(Form::Json)),
            ("manifests", Document::Manifests(Form::Page)),
            ("manifests/", Document::Manifests(Form::Page)),
            ("manifests/index.json", Document::Manifests(Form::Json)),
            ("manifests/afw-1.0.0+b1@Linux64.manifest", Document::Manifest(afw())),
            ("tables/afw-1.0.0+b1.table", Document::Table(afw())),
            ("w_2026_47.list", Document::List("w_2026_47".into())),
            ("env/w_2026_47.env", Document::Environment("w_2026_47".into())),
        ];
        let documents = documents.map(|(rest, document)| (rest, File::Document(document)));
        let tarball = ("afw-1.0.0+b1@Linux64.tar.gz", File::Tarball(afw()));
        for (rest, file) in documents.into_iter().chain([tarball]) {
            assert_eq!(read(rest), Some((None, file.clone())), "{rest}");
            assert_eq!(read(&format!("/{rest}")), Some((None, file.clone())), "/{rest}");
            let of_tag = format!("w_2026_47/{rest}");
            assert_eq!(read(&of_tag), Some((Some("w_2026_47".into()), file)), "{of_tag}");
        }
        assert_eq!(read("./index.json"), Some((None, File::Document(Document::Index(Form::Json)))));
        assert_eq!(
            read("w_2026_47"),
            Some((Some("w_2026_47".into()), File::Document(Document::Index(Form::Page))))
        );
    }

    #[test]
    fn what_no_root_has_is_nothing() {
        for rest in [
            "distribInstallPostHook.py",
            "w_2026_47/distribInstallPostHook.py",
            "afw-1.0.0+b1@DarwinX86.tar.gz",
            "afw-1.0.0+b1@Linux64.tar.gz/",
            "manifests/afw.manifest",
            "manifests/../config.txt",
            "../config.txt",
            "w/x/config.txt",
            "manifests/a b-1@Linux64.manifest",
        ] {
            assert_eq!(read(rest), None, "{rest}");
        }
        assert_eq!(Address::read("plan9-x86_64", "config.txt"), None);
        assert_eq!(Address::read("", "config.txt"), None);
    }
}
