//! How archives spell the names of entries.

use super::ArchiveError;
use crate::contents::{ParsePathError, PathFault};
use crate::{EntryPath, shown};

/// A name as it stands in an archive, read as a path and a hint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The path; `None` is the root itself.
    pub(super) path: Option<EntryPath>,
    /// Whether a `/` at the end says that it is a folder.
    pub(super) folder: bool,
}

impl Name {
    /// Reads a name without the `./` that `tar .` puts in front and the `/` behind a folder.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let mut rest = bytes;
        while let Some(shorter) = rest.strip_prefix(b"./") {
            rest = shorter;
        }
        let folder = rest.ends_with(b"/") || (rest.is_empty() && !bytes.is_empty());
        if rest == b"." || (rest.is_empty() && !bytes.is_empty()) {
            return Ok(Self { path: None, folder });
        }
        let bare = if rest.len() > 1 { rest.strip_suffix(b"/").unwrap_or(rest) } else { rest };
        Ok(Self { path: Some(EntryPath::from_bytes(bare)?), folder })
    }
}

/// The target of a link as text; where it leads is judged later.
pub(super) fn link_target(bytes: Vec<u8>) -> Result<String, ArchiveError> {
    String::from_utf8(bytes).map_err(|error| {
        let path = lossy(error.as_bytes());
        ArchiveError::Path(ParsePathError { path, fault: PathFault::NotUtf8 })
    })
}

/// A name as it may stand in a message.
pub(super) fn lossy(name: &[u8]) -> String {
    shown(&String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<(Option<String>, bool)> {
        let name = Name::read(name.as_bytes()).ok()?;
        Some((name.path.map(|path| path.to_string()), name.folder))
    }

    #[test]
    fn what_tools_put_around_a_name_is_taken_off() {
        assert_eq!(read("a/b"), Some((Some("a/b".into()), false)));
        assert_eq!(read("./a/b/"), Some((Some("a/b".into()), true)));
        assert_eq!(read("././a"), Some((Some("a".into()), false)));
        assert_eq!(read("./"), Some((None, true)));
        assert_eq!(read("."), Some((None, false)));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", "/", "//", "/a", ".//a", "a//", "a/./b", "..", "../a", "./../a", "a\0b"] {
            assert_eq!(read(name), None, "{name:?}");
        }
    }
}
