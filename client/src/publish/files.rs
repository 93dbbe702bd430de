//! Which files a publisher means: files as they are, and of a folder every archive in it.

use std::io;
use std::path::{Path, PathBuf};

use larder_schema::ArchiveName;
use larder_schema::record::ParseArchiveNameError;

use crate::pack::beside;

/// What was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The archives, each with its name.
    pub archives: Vec<(PathBuf, ArchiveName)>,
    /// Records of builds without an archive.
    pub records: Vec<PathBuf>,
    /// What lies in the folders and is neither an archive nor an archive's record.
    pub skipped: Vec<PathBuf>,
}

/// Something was named that cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file whose name is no archive's.
    #[error(transparent)]
    Name(#[from] ParseArchiveNameError),
    /// A folder without archives.
    #[error("there is no archive in `{}`", .path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing is there, or it cannot be read.
    #[error("could not read `{}`", .path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Looks what `paths` are.
pub fn choose(paths: &[PathBuf]) -> Result<Chosen, Error> {
    let mut chosen = Chosen::default();
    for path in paths {
        let unreadable = |source| Error::Unreadable { path: path.clone(), source };
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            chosen.take_folder(path)?;
        } else if path.extension().is_some_and(|ending| ending == "json") {
            chosen.records.push(path.clone());
        } else {
            chosen.archives.push((path.clone(), name(path)?));
        }
    }
    Ok(chosen)
}

fn name(path: &Path) -> Result<ArchiveName, ParseArchiveNameError> {
    path.file_name().unwrap_or_default().to_string_lossy().parse()
}

impl Chosen {
    fn take_folder(&mut self, folder: &Path) -> Result<(), Error> {
        let unreadable = |source| Error::Unreadable { path: folder.to_owned(), source };
        let mut paths = std::fs::read_dir(folder)
            .and_then(|entries| {
                entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()
            })
            .map_err(unreadable)?;
        paths.sort();
        let mut archives = Vec::new();
        let mut others = Vec::new();
        for path in paths {
            match name(&path) {
                Ok(name) if path.is_file() => archives.push((path, name)),
                _ => others.push(path),
            }
        }
        if archives.is_empty() {
            return Err(Error::Empty { path: folder.to_owned() });
        }
        others.retain(|path| !archives.iter().any(|(archive, _)| beside(archive) == *path));
        self.archives.extend(archives);
        self.skipped.extend(others);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_folder_every_archive_is_taken_and_the_rest_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.tar.zst", "b.tar.zst.json", "a.whl", "notes.txt", "other.json"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("sub.tar")).unwrap();

        let chosen = choose(&[folder.path().to_owned()]).unwrap();

        let names: Vec<&str> = chosen.archives.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["a.whl", "b.tar.zst"]);
        let skipped = ["notes.txt", "other.json", "sub.tar"].map(|name| folder.path().join(name));
        assert_eq!(chosen.skipped, skipped);
    }

    #[test]
    fn what_is_named_must_be_there_and_an_archive() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(choose(&[folder.path().to_owned()]), Err(Error::Empty { .. })));
        let text = folder.path().join("x.txt");
        assert!(matches!(choose(std::slice::from_ref(&text)), Err(Error::Unreadable { .. })));
        std::fs::write(&text, "").unwrap();
        assert!(matches!(choose(&[text]), Err(Error::Name(_))));
        let record = folder.path().join("x.json");
        std::fs::write(&record, "").unwrap();
        assert_eq!(choose(std::slice::from_ref(&record)).unwrap().records, [record]);
    }
}
