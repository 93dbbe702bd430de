//! Archive → checked files, hashed in the same pass that writes them.
//!
//! What may lie where is decided by the one reader in the schema. Here every file is made new, in a
//! folder of our own, by a name relative to the folder that it lies in, and never through a link.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use larder_schema::EntryPath;
use larder_schema::archive::{self, ArchiveError, ArchiveFormat, Index, Limits, Sink};
use rustix::fs::{AtFlags, Mode, OFlags, linkat, mkdirat, openat, symlinkat};

/// Unpacks `archive` into the empty folder `root`: files 0444 or 0555, folders 0555.
///
/// `root` itself stays writable, so that it can be moved.
pub fn unpack(archive: File, format: ArchiveFormat, root: &Path) -> Result<Index, ArchiveError> {
    let mut writer = Writer::new(root).map_err(ArchiveError::Sink)?;
    let index = archive::read(archive, format, &Limits::default(), &mut writer)?;
    writer.protect_folders(root).map_err(ArchiveError::Sink)?;
    Ok(index)
}

/// Writes entries into a tree.
struct Writer {
    root: OwnedFd,
    /// The folders on the way to the last entry, from the outermost in.
    open: Vec<(String, OwnedFd)>,
    /// All folders that were made.
    made: HashSet<String>,
    buffer: Box<[u8]>,
}

const BUFFER: usize = 128 << 10;
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Writer {
    fn new(root: &Path) -> io::Result<Self> {
        let root = rustix::fs::open(root, FOLDER, Mode::empty())?;
        let buffer = vec![0; BUFFER].into();
        Ok(Self { root, open: Vec::new(), made: HashSet::new(), buffer })
    }

    /// Makes `folder` the last of the open ones; `None` is the root.
    fn enter(&mut self, folder: Option<&str>) -> io::Result<()> {
        let Some(folder) = folder else {
            self.open.clear();
            return Ok(());
        };
        let is_above = |above: &str| {
            folder.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        while self.open.last().is_some_and(|(above, _)| !is_above(above)) {
            self.open.pop();
        }
        let mut end = self.open.last().map_or(0, |(above, _)| above.len());
        while end < folder.len() {
            let start = if end == 0 { 0 } else { end + 1 };
            end = folder[start..].find('/').map_or(folder.len(), |at| start + at);
            self.descend(&folder[..end], &folder[start..end])?;
        }
        Ok(())
    }

    /// Opens the folder `name` in the last open one, and makes it the first time.
    fn descend(&mut self, path: &str, name: &str) -> io::Result<()> {
        if !self.made.contains(path) {
            // One that is there already would be another name for the same folder here.
            mkdirat(self.last(), name, Mode::from_raw_mode(0o755))?;
            self.made.insert(path.to_owned());
        }
        let folder = openat(self.last(), name, FOLDER, Mode::empty())?;
        self.open.push((path.to_owned(), folder));
        Ok(())
    }

    fn last(&self) -> &OwnedFd {
        self.open.last().map_or(&self.root, |(_, folder)| folder)
    }

    fn enter_parent(&mut self, path: &EntryPath) -> io::Result<()> {
        self.enter(path.as_str().rsplit_once('/').map(|(parent, _)| parent))
    }

    fn create(&self, name: &str, executable: bool) -> io::Result<File> {
        let mode = if executable { 0o555 } else { 0o444 };
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(self.last(), name, flags, Mode::from_raw_mode(mode))?);
        // The umask may have taken something away.
        file.set_permissions(Permissions::from_mode(mode))?;
        Ok(file)
    }

    fn copy(&mut self, file: &mut File, content: &mut dyn Read) -> io::Result<()> {
        loop {
            match content.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => io::Write::write_all(file, &self.buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn protect_folders(&self, root: &Path) -> io::Result<()> {
        for folder in &self.made {
            let path = root.join(OsStr::from_bytes(folder.as_bytes()));
            std::fs::set_permissions(path, Permissions::from_mode(0o555))?;
        }
        Ok(())
    }
}

impl Sink for Writer {
    fn folder(&mut self, path: &EntryPath) -> io::Result<()> {
        self.enter(Some(path.as_str()))
    }

    fn file(
        &mut self,
        path: &EntryPath,
        executable: bool,
        _size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        self.enter_parent(path)?;
        let mut file = self.create(path.name(), executable)?;
        self.copy(&mut file, content)
    }

    fn hard_link(&mut self, path: &EntryPath, existing: &EntryPath) -> io::Result<()> {
        self.enter_parent(path)?;
        let flags = AtFlags::empty();
        Ok(linkat(&self.root, existing.as_str(), self.last(), path.name(), flags)?)
    }

    fn link(&mut self, path: &EntryPath, target: &str) -> io::Result<()> {
        self.enter_parent(path)?;
        Ok(symlinkat(target, self.last(), path.name())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Seek as _;

    fn tar(fill: impl FnOnce(&mut tar::Builder<File>)) -> File {
        let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
        fill(&mut builder);
        let mut file = builder.into_inner().unwrap();
        file.rewind().unwrap();
        file
    }

    fn add(builder: &mut tar::Builder<File>, path: &str, mode: u32, content: &str) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        builder.append_data(&mut header, path, content.as_bytes()).unwrap();
    }

    fn link(builder: &mut tar::Builder<File>, kind: tar::EntryType, path: &str, target: &str) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o644);
        builder.append_link(&mut header, path, target).unwrap();
    }

    #[test]
    fn files_folders_and_links_are_made_read_only() {
        let root = tempfile::tempdir().unwrap();
        let archive = tar(|builder| {
            add(builder, "a/b/c", 0o644, "one");
            add(builder, "a/run", 0o755, "two");
            add(builder, "top", 0o600, "three");
            add(builder, "a/b/d", 0o644, "four");
            link(builder, tar::EntryType::Symlink, "a/link", "b/c");
            link(builder, tar::EntryType::Link, "hard", "a/b/c");
        });

        let index = unpack(archive, ArchiveFormat::Tar, root.path()).unwrap();

        assert_eq!(index.entries.len(), 6);
        let mode =
            |path| fs::metadata(root.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(["a/b/c", "a/run", "top", "a/b"].map(mode), [0o444, 0o555, 0o444, 0o555]);
        assert_eq!(fs::read_to_string(root.path().join("a/link")).unwrap(), "one");
        assert_eq!(fs::read_to_string(root.path().join("hard")).unwrap(), "one");
        crate::store::remove_tree(root.path()).unwrap();
        fs::create_dir(root.path()).unwrap();
    }

    #[test]
    fn nothing_is_written_over() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("top"), "mine").unwrap();
        let archive = tar(|builder| add(builder, "top", 0o644, "theirs"));

        let refusal = unpack(archive, ArchiveFormat::Tar, root.path());

        assert!(matches!(refusal, Err(ArchiveError::Sink(_))));
        assert_eq!(fs::read_to_string(root.path().join("top")).unwrap(), "mine");
    }
}
