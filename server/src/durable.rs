//! Names that are still there after a power cut: a file's bytes are synced by whoever writes them,
//! its name by syncing the folder that it stands in.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::Path;

/// Makes a folder and those above it, which others may not look into; each new name is durable when
/// this returns.
pub(crate) fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new(""));
    make_folders(above)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o750);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => {
            Err(error)
        }
        _ => sync_folder(above),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(here)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_with_those_above_them_and_may_be_there() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("a/b/c");

        make_folders(&folder).unwrap();
        make_folders(&folder).unwrap();

        assert!(folder.is_dir());
        let file = outer.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        assert!(make_folders(&file).is_err());
    }
}
