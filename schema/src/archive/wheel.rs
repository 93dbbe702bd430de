//! Wheels: where an entry of the zip file lies in the tree.
//!
//! As installers do it (the specification "Binary distribution format"), except that a wheel about which they
//! disagree is refused. What is in the metadata is of no concern here.

use super::ArchiveError;
use super::names::Name;
use crate::{EntryPath, shown};

/// How the entries of one wheel are placed.
#[derive(Debug)]
pub(super) struct Layout {
    /// The distribution's own `.data` folder.
    data: String,
}

/// Where an entry goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// `None`: a folder that becomes the root, or that is taken apart.
    pub(super) path: Option<EntryPath>,
    /// It is a script, which may be executed whatever its mode says.
    pub(super) script: bool,
}

const INFO: &str = ".dist-info";
const DATA: &str = ".data";

impl Layout {
    /// The layout of a wheel with entries of these names, of which one says what it is a wheel of.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a [u8]>) -> Result<Self, ArchiveError> {
        let mut stem: Option<String> = None;
        for name in names {
            let Some(path) = Name::read(name)?.path else { continue };
            let Some(found) = top(&path).strip_suffix(INFO) else { continue };
            match &stem {
                None => stem = Some(found.to_owned()),
                Some(first) if first == found => {}
                Some(first) => {
                    let folder = |stem: &str| shown(&format!("{stem}{INFO}"));
                    let (first, second) = (folder(first), folder(found));
                    return Err(ArchiveError::WheelTwoInfos { first, second });
                }
            }
        }
        let stem = stem.ok_or(ArchiveError::WheelNoInfo)?;
        Ok(Self { data: format!("{stem}{DATA}") })
    }

    /// Where the entry at `path` goes.
    pub(super) fn place(&self, path: EntryPath, folder: bool) -> Result<Placed, ArchiveError> {
        if !top(&path).ends_with(DATA) {
            return Ok(Placed { path: Some(path), script: false });
        }
        let no_place = || ArchiveError::WheelData { path: shown(path.as_str()) };
        let (top, below) = path.as_str().split_once('/').unwrap_or((path.as_str(), ""));
        let (scheme, rest) = below.split_once('/').unwrap_or((below, ""));
        if top != self.data || (rest.is_empty() && !folder) {
            return Err(no_place());
        }
        let base = match scheme {
            "scripts" => "bin",
            "headers" => "include",
            "" | "data" | "purelib" | "platlib" => "",
            _ => return Err(no_place()),
        };
        let joined = match (base, rest) {
            ("", rest) => rest.to_owned(),
            (base, "") => base.to_owned(),
            (base, rest) => format!("{base}/{rest}"),
        };
        let path = if joined.is_empty() { None } else { Some(joined.parse()?) };
        Ok(Placed { path, script: scheme == "scripts" })
    }
}

fn top(path: &EntryPath) -> &str {
    path.as_str().split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(names: &[&str]) -> Result<Layout, ArchiveError> {
        Layout::of(names.iter().map(|name| name.as_bytes()))
    }

    fn place(path: &str, folder: bool) -> Result<(Option<String>, bool), ArchiveError> {
        let layout = layout(&["a/b.py", "afw-17.0.dist-info/METADATA"]).unwrap();
        let placed = layout.place(path.parse().unwrap(), folder)?;
        Ok((placed.path.map(|path| path.to_string()), placed.script))
    }

    #[test]
    fn the_data_folder_is_spread_over_the_tree() {
        for (path, to, script) in [
            ("afw-17.0.data/scripts/afwdump", "bin/afwdump", true),
            ("afw-17.0.data/data/share/a", "share/a", false),
            ("afw-17.0.data/purelib/afw/b.py", "afw/b.py", false),
            ("afw-17.0.data/platlib/afw/b.so", "afw/b.so", false),
            ("afw-17.0.data/headers/afw/b.h", "include/afw/b.h", false),
            ("afw-17.0.dist-info/RECORD", "afw-17.0.dist-info/RECORD", false),
            ("data/scripts/a", "data/scripts/a", false),
        ] {
            assert_eq!(place(path, false).unwrap(), (Some(to.to_owned()), script), "{path}");
        }
    }

    #[test]
    fn folders_of_the_data_folder_become_what_they_stand_for() {
        assert_eq!(place("afw-17.0.data", true).unwrap(), (None, false));
        assert_eq!(place("afw-17.0.data/purelib", true).unwrap(), (None, false));
        assert_eq!(place("afw-17.0.data/scripts", true).unwrap(), (Some("bin".into()), true));
    }

    #[test]
    fn what_installers_disagree_about_is_refused() {
        for path in [
            "afw-17.0.data/readme",
            "afw-17.0.data/lib/x",
            "log-17.0.data/scripts/x",
            "afw-17.0.data",
            "afw-17.0.data/scripts",
        ] {
            assert!(matches!(place(path, false), Err(ArchiveError::WheelData { .. })), "{path}");
        }
    }

    #[test]
    fn a_wheel_is_of_one_distribution() {
        assert!(matches!(layout(&["a.py"]), Err(ArchiveError::WheelNoInfo)));
        assert!(matches!(
            layout(&["a-1.dist-info/METADATA", "b-1.dist-info/METADATA"]),
            Err(ArchiveError::WheelTwoInfos { .. })
        ));
        // Deeper down they are just files.
        assert!(layout(&["a-1.dist-info/METADATA", "a/_vendor/b-1.dist-info/METADATA"]).is_ok());
    }
}
