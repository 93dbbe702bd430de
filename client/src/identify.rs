//! What is this? Files, folders, environments and checksums, answered by the server.
//!
//! A file is known by the SHA-256 of its bytes, a folder by the builds that explain what is in it.

mod folder;
mod sums;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use larder_schema::api::{
    Holder, HolderKind, IdentifyAnswer, IdentifyRequest, MAX_IDENTIFY, MoreHolders, paths,
};
use larder_schema::{Checksum, Sha256};
use serde::Serialize;

pub(crate) use folder::tree_of;
pub use folder::{Explained, Folder};
pub use sums::{Line, read_lines};

use crate::environment::{self, Environment, Generation};
use crate::remote::{self, Remote};

/// One thing that was asked about.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A checksum, and what it was called.
    Checksum(Checksum, Option<String>),
    /// A file.
    File(PathBuf),
    /// A folder.
    Folder(PathBuf),
    /// A generation of an environment.
    Environment(Box<Generation>),
}

/// What was found out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// Who holds the checksums that were asked for, those of files among them.
    pub found: Vec<Holder>,
    /// Checksums of nothing that is known.
    pub unknown: Vec<Checksum>,
    /// Checksums that have more holders than are named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<MoreHolders>,
    /// What was asked, by the names that were given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// Folders and environments, by the builds that explain them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<Folder>,
}

/// A name that was given, and its checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The path, or what stood beside the checksum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The checksum.
    pub checksum: Checksum,
}

/// It could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A line of a list of checksums has none.
    #[error("line {line} has no checksum: `{text}`")]
    Line {
        /// Which line, the first being 1.
        line: usize,
        /// The line, cut when it is long.
        text: String,
    },
    /// Neither a file nor a folder nor a checksum.
    #[error("`{}` is neither a file, nor a folder, nor a checksum", .path.display())]
    Special {
        /// The path.
        path: PathBuf,
    },
    /// An environment that cannot be read.
    #[error(transparent)]
    Environment(#[from] environment::Error),
    /// The server.
    #[error(transparent)]
    Remote(#[from] remote::Error),
}

impl Subject {
    /// What an argument names: a checksum, or else what lies at that path.
    pub fn of(argument: &Path) -> Result<Self, Error> {
        if let Some(checksum) = argument.to_str().and_then(|text| text.parse().ok()) {
            return Ok(Self::Checksum(checksum, None));
        }
        let metadata = match std::fs::metadata(argument) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Special { path: argument.to_owned() });
            }
            outcome => {
                outcome.map_err(|source| Error::Read { path: argument.to_owned(), source })?
            }
        };
        if metadata.is_file() {
            return Ok(Self::File(argument.to_owned()));
        }
        if !metadata.is_dir() {
            return Err(Error::Special { path: argument.to_owned() });
        }
        match generation_at(argument)? {
            Some(generation) => Ok(Self::Environment(Box::new(generation))),
            None => Ok(Self::Folder(argument.to_owned())),
        }
    }
}

/// The generation that a folder is, or is the environment of, or is the `packages` of.
fn generation_at(folder: &Path) -> Result<Option<Generation>, Error> {
    if let Ok(Some(environment)) = Environment::look(folder) {
        return Ok(Some(environment.current()?));
    }
    let Ok(folder) = std::fs::canonicalize(folder) else { return Ok(None) };
    let folder = if folder.ends_with("packages") { folder.parent() } else { Some(&*folder) };
    let above = folder.and_then(|folder| Some((folder, folder.parent()?.parent()?)));
    let Some((folder, root)) = above else { return Ok(None) };
    let Ok(Some(environment)) = Environment::look(root) else { return Ok(None) };
    let numbers = environment.generations()?;
    let number =
        numbers.into_iter().find(|number| folder.ends_with(format!("generations/{number}")));
    Ok(number.map(|number| environment.generation(number)).transpose()?)
}

/// Asks the server what the subjects are.
pub async fn identify(remote: &Remote, subjects: Vec<Subject>) -> Result<Answer, Error> {
    let mut answer = Answer::default();
    for subject in subjects {
        match subject {
            Subject::Checksum(checksum, name) => answer.asked.push(Asked { name, checksum }),
            Subject::File(path) => {
                let checksum = Checksum::Sha256(sum_of(&path)?);
                let name = Some(path.display().to_string());
                answer.asked.push(Asked { name, checksum });
            }
            Subject::Folder(path) => answer.folders.push(folder::of_folder(remote, &path).await?),
            Subject::Environment(generation) => {
                answer.folders.push(folder::of_generation(remote, &generation).await?);
            }
        }
    }
    let checksums: BTreeSet<Checksum> = answer.asked.iter().map(|asked| asked.checksum).collect();
    let known = ask(remote, checksums.into_iter().collect()).await?;
    answer.found = known.found;
    answer.unknown = known.unknown;
    answer.more = known.more;
    Ok(answer)
}

/// Asks about any number of checksums.
async fn ask(remote: &Remote, checksums: Vec<Checksum>) -> Result<IdentifyAnswer, remote::Error> {
    let mut all = IdentifyAnswer { found: Vec::new(), unknown: Vec::new(), more: Vec::new() };
    for some in checksums.chunks(MAX_IDENTIFY) {
        let request = IdentifyRequest { checksums: some.to_vec() };
        let answer: IdentifyAnswer = remote.post(&paths::identify(), &request).await?;
        all.found.extend(answer.found);
        all.unknown.extend(answer.unknown);
        all.more.extend(answer.more);
    }
    Ok(all)
}

fn sum_of(path: &Path) -> Result<Sha256, Error> {
    sums::hash_file(path)
        .map(|sums| sums.sha256)
        .map_err(|source| Error::Read { path: path.to_owned(), source })
}

impl Answer {
    /// Whether something that was named is not known, or a folder holds nothing that is.
    pub fn has_unknown(&self) -> bool {
        !self.unknown.is_empty() || self.folders.iter().any(|folder| folder.builds.is_empty())
    }

    /// Who holds each checksum.
    pub fn by_checksum(&self) -> BTreeMap<Checksum, Vec<&Holder>> {
        let mut holders: BTreeMap<Checksum, Vec<&Holder>> = BTreeMap::new();
        for holder in &self.found {
            holders.entry(holder.checksum).or_default().push(holder);
        }
        holders
    }
}

/// A holder's place in one line: `afw@17.0.1-b8466 (linux-x86_64): lib/libafw.so`.
pub fn place(holder: &Holder) -> String {
    let what = match (&holder.path, holder.kind) {
        (Some(path), HolderKind::File) => path.to_string(),
        (_, HolderKind::Archive) => "the archive".to_owned(),
        (_, HolderKind::Tree | HolderKind::File) => "the whole tree".to_owned(),
    };
    format!("{}@{} ({}): {what}", holder.product, holder.build, holder.platform)
}
