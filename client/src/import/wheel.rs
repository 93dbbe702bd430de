//! A wheel on disk: its name and the three files in it that tell what it is.
//!
//! Whether the archive is sound is not looked at here: the one reader does that, on the server.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use larder_schema::ArchiveName;
use larder_schema::record::ParseArchiveNameError;
use pep508_rs::PackageName;
use zip::{CompressionMethod, ZipArchive};

use super::entry_points::{self, EntryPoint};
use super::filename::WheelName;
use super::metadata::Metadata;

/// A wheel, as far as a build record is made from it.
#[derive(Clone, Debug)]
pub struct Wheel {
    /// Where it lies.
    pub path: PathBuf,
    /// Its file name.
    pub archive: ArchiveName,
    /// Its file name's parts.
    pub name: WheelName,
    /// What `METADATA` says.
    pub metadata: Metadata,
    /// The project's normalised name.
    pub project: PackageName,
    /// The commands that it brings.
    pub commands: Vec<EntryPoint>,
    /// Whether it brings programs that are to lie in `bin/`.
    pub has_scripts: bool,
}

/// A file is no wheel that can be read.
#[derive(Debug, thiserror::Error)]
pub enum WheelFault {
    /// Its name is no archive's.
    #[error(transparent)]
    ArchiveName(#[from] ParseArchiveNameError),
    /// It cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
    /// It is no zip file, or a damaged one.
    #[error("the file is no zip archive, or damaged")]
    Zip(#[from] zip::result::ZipError),
    /// A file that every wheel has is not there.
    #[error("the wheel has no `{member}`")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// There are two of what a wheel has once.
    #[error("the wheel has more than one folder `*.dist-info`")]
    Several,
    /// A file in it cannot be made sense of.
    #[error("`{member}` in the wheel {fault}")]
    Member {
        /// Its name.
        member: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Its name and its metadata disagree.
    #[error("its file name says {what} `{name}` and its METADATA says `{metadata}`")]
    Contradiction {
        /// What they disagree about.
        what: &'static str,
        /// In the file name.
        name: String,
        /// In `METADATA`.
        metadata: String,
    },
}

/// The most bytes of a file that is read from a wheel; descriptions of a megabyte exist.
const MAX_MEMBER_BYTES: u64 = 16 << 20;

impl Wheel {
    /// Reads what the wheel at `path`, which is called `name`, says of itself.
    pub fn read(path: &Path, name: WheelName) -> Result<Self, WheelFault> {
        let archive = path.file_name().unwrap_or_default().to_string_lossy().parse()?;
        let mut zip = ZipArchive::new(BufReader::new(File::open(path)?))?;
        let names: Vec<String> = zip
            .file_names()
            .map(|n| Ok(n?.into_owned()))
            .collect::<Result<_, zip::result::ZipError>>()?;
        let info = info_folder(&names)?;
        let metadata = Metadata::read(&required(&mut zip, &info, "METADATA")?);
        check_wheel_version(&required(&mut zip, &info, "WHEEL")?)?;
        let entry_points = member(&mut zip, &format!("{info}/entry_points.txt"))?;
        let project = check_identity(&name, &metadata)?;
        Ok(Self {
            path: path.to_owned(),
            archive,
            name,
            metadata,
            project,
            commands: entry_points::commands(&entry_points.unwrap_or_default()),
            has_scripts: names.iter().any(|name| is_script(name)),
        })
    }
}

/// `NAME-VERSION.dist-info`.
fn info_folder(names: &[String]) -> Result<String, WheelFault> {
    let mut folders = names.iter().filter_map(|name| {
        let folder = name.strip_suffix("/METADATA")?;
        (folder.ends_with(".dist-info") && !folder.contains('/')).then_some(folder)
    });
    let folder = folders.next().ok_or(WheelFault::Missing { member: "*.dist-info/METADATA" })?;
    if folders.next().is_some() { Err(WheelFault::Several) } else { Ok(folder.to_owned()) }
}

fn is_script(name: &str) -> bool {
    let mut parts = name.splitn(3, '/');
    let data = parts.next().is_some_and(|folder| folder.ends_with(".data"));
    data && parts.next() == Some("scripts")
        && parts.next().is_some_and(|file| !file.is_empty() && !file.ends_with('/'))
}

type Zip = ZipArchive<BufReader<File>>;

fn required(zip: &mut Zip, info: &str, name: &'static str) -> Result<String, WheelFault> {
    member(zip, &format!("{info}/{name}"))?.ok_or(WheelFault::Missing { member: name })
}

/// The text of a file in the wheel, if it is there.
fn member(zip: &mut Zip, name: &str) -> Result<Option<String>, WheelFault> {
    let Some(index) = zip.index_for_name(name) else { return Ok(None) };
    let fault = |fault| WheelFault::Member { member: super::shown(name), fault };
    let file = zip.by_index_raw(index)?;
    let method = file.compression();
    let mut bytes = Vec::new();
    // zip is built without decompressors; wheels use these two methods only.
    if method == CompressionMethod::STORE {
        file.take(MAX_MEMBER_BYTES + 1).read_to_end(&mut bytes)?;
    } else if method == CompressionMethod::DEFLATE {
        DeflateDecoder::new(file).take(MAX_MEMBER_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        return Err(fault("is compressed in a way that wheels do not use"));
    }
    if bytes.len() as u64 > MAX_MEMBER_BYTES {
        return Err(fault("is larger than 16 MiB"));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| fault("is not UTF-8"))
}

fn check_wheel_version(text: &str) -> Result<(), WheelFault> {
    let version = text.lines().find_map(|line| line.trim().strip_prefix("Wheel-Version:"));
    match version {
        Some(version) if version.trim().starts_with("1.") => Ok(()),
        _ => Err(WheelFault::Member {
            member: "WHEEL".to_owned(),
            fault: "names no version of the format that larder knows (1.x)",
        }),
    }
}

/// The project, about which the file name and the metadata must agree, as about the version.
fn check_identity(name: &WheelName, metadata: &Metadata) -> Result<PackageName, WheelFault> {
    let contradiction = |what, name: &str, metadata: &str| WheelFault::Contradiction {
        what,
        name: super::shown(name),
        metadata: super::shown(metadata),
    };
    let said = PackageName::new(metadata.name.clone()).ok();
    let project = said.filter(|said| PackageName::new(name.project.clone()).as_ref() == Ok(said));
    let version = |text: &str| text.parse::<pep440_rs::Version>().ok();
    if version(&name.version) != version(&metadata.version) {
        return Err(contradiction("version", &name.version, &metadata.version));
    }
    project.ok_or_else(|| contradiction("project", &name.project, &metadata.name))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const METADATA: &str = "Name: A.b\nVersion: 1.0\n";
    const WHEEL: &str = "Wheel-Version: 1.0\n";

    fn read(name: &str, members: &[(&str, &str)]) -> Result<Wheel, WheelFault> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::STORE);
        for (name, text) in members {
            zip.start_file(*name, stored).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        Wheel::read(&path, WheelName::of_path(&path).unwrap())
    }

    #[test]
    fn a_wheel_says_what_it_is() {
        let wheel = read(
            "a_b-1.0-py3-none-any.whl",
            &[
                ("a_b-1.0.data/scripts/tool", "#!python\n"),
                ("a_b-1.0.dist-info/METADATA", METADATA),
                ("a_b-1.0.dist-info/WHEEL", WHEEL),
                ("a_b-1.0.dist-info/entry_points.txt", "[console_scripts]\nx = y:z\n"),
                ("vendored/c.dist-info/METADATA", "Name: c\n"),
            ],
        )
        .unwrap();
        assert_eq!(wheel.project.to_string(), "a-b");
        assert!(wheel.has_scripts);
        assert_eq!(wheel.commands[0].target, "y:z");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let info = [("a_b-1.0.dist-info/METADATA", METADATA), ("a_b-1.0.dist-info/WHEEL", WHEEL)];
        let refusal = read("a_b-1.1-py3-none-any.whl", &info).unwrap_err().to_string();
        assert!(refusal.contains("`1.1`") && refusal.contains("`1.0`"), "{refusal}");
        let refusal = read("b-1.0-py3-none-any.whl", &info).unwrap_err().to_string();
        assert!(refusal.contains("`b`") && refusal.contains("`A.b`"), "{refusal}");
        assert!(read("a_b-1.0.00-py3-none-any.whl", &info).is_ok());
    }

    #[test]
    fn what_is_missing_or_double_is_named() {
        let name = "a_b-1.0-py3-none-any.whl";
        let refusal = read(name, &[("x", "")]).unwrap_err().to_string();
        assert!(refusal.contains("METADATA"), "{refusal}");
        let one = ("a_b-1.0.dist-info/METADATA", METADATA);
        assert!(matches!(read(name, &[one]), Err(WheelFault::Missing { member: "WHEEL" })));
        let two = [one, ("c-1.0.dist-info/METADATA", METADATA)];
        assert!(matches!(read(name, &two), Err(WheelFault::Several)));
        let new = [one, ("a_b-1.0.dist-info/WHEEL", "Wheel-Version: 2.0")];
        assert!(matches!(read(name, &new), Err(WheelFault::Member { .. })));
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a-1.0-py3-none-any.whl");
        std::fs::write(&path, "no zip").unwrap();
        assert!(matches!(
            Wheel::read(&path, WheelName::of_path(&path).unwrap()),
            Err(WheelFault::Zip(_))
        ));
    }
}
