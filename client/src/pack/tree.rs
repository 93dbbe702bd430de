//! What a folder holds, in the order in which it is packed.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use larder_schema::EntryPath;
use larder_schema::contents::{ParsePathError, link_stays_inside};

/// Something in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its path in the archive.
    pub(super) path: EntryPath,
    /// Where it lies.
    pub(super) at: PathBuf,
    /// What it is.
    pub(super) kind: Kind,
}

/// What something in a folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder.
    Folder,
    /// A file; one with several names is several files.
    File {
        /// Bytes.
        size: u64,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// What it points to.
        target: String,
    },
}

/// A folder cannot be packed as it is.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// It is no folder, or not there.
    #[error("`{}` is no folder", .path.display())]
    NotAFolder {
        /// What is no folder.
        path: PathBuf,
    },
    /// Something in it cannot be read.
    #[error("could not read `{}`", .path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A name that no archive may hold.
    #[error(transparent)]
    Path(#[from] ParsePathError),
    /// A device, a pipe or a socket.
    #[error("`{path}` is neither a file nor a folder nor a link; an archive holds nothing else")]
    Special {
        /// It.
        path: EntryPath,
    },
    /// A link that points out of the folder.
    #[error(
        "the link `{path}` points out of the folder, to `{target}`; make it relative and inside"
    )]
    LinkLeaves {
        /// The link.
        path: EntryPath,
        /// What it points to.
        target: String,
    },
}

/// The folder `dir`, with no links on the way to it.
pub(super) fn root(dir: &Path) -> Result<PathBuf, TreeError> {
    let not_a_folder = || TreeError::NotAFolder { path: dir.to_owned() };
    dir.canonicalize().ok().filter(|path| path.is_dir()).ok_or_else(not_a_folder)
}

/// All that `root` holds but `left_out`, sorted by the bytes of the paths.
pub(super) fn walk(root: &Path, left_out: Option<&Path>) -> Result<Vec<Found>, TreeError> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let unreadable = |source| TreeError::Unreadable { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let at = entry.map_err(unreadable)?.path();
            if left_out == Some(at.as_path()) {
                continue;
            }
            let one = look(root, at)?;
            if one.kind == Kind::Folder {
                open.push(one.at.clone());
            }
            found.push(one);
        }
    }
    // A folder comes before what lies in it, since its path is the beginning of theirs.
    found.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(found)
}

fn look(root: &Path, at: PathBuf) -> Result<Found, TreeError> {
    let below = at.strip_prefix(root).unwrap_or(&at);
    let path = EntryPath::from_bytes(below.as_os_str().as_encoded_bytes())?;
    let unreadable = |source| TreeError::Unreadable { path: at.clone(), source };
    let metadata = fs::symlink_metadata(&at).map_err(unreadable)?;
    let kind = if metadata.is_dir() {
        Kind::Folder
    } else if metadata.is_file() {
        let executable = metadata.permissions().mode() & 0o100 != 0;
        Kind::File { size: metadata.len(), executable }
    } else if metadata.is_symlink() {
        let target = fs::read_link(&at).map_err(unreadable)?;
        link(&path, &target.to_string_lossy())?
    } else {
        return Err(TreeError::Special { path });
    };
    Ok(Found { path, at, kind })
}

/// Whether it leaves the folder through other links is seen by the archive reader.
fn link(path: &EntryPath, target: &str) -> Result<Kind, TreeError> {
    let good = link_stays_inside(path, target) && !target.contains('\u{fffd}');
    if good {
        Ok(Kind::Link { target: target.to_owned() })
    } else {
        let target = target.escape_debug().to_string();
        Err(TreeError::LinkLeaves { path: path.clone(), target })
    }
}
