//! The sums of many files, a few at a time, beside whatever else goes on.

use std::path::PathBuf;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::progress::Progress;
use crate::upload::{FileError, LocalFile};

/// How many files are read at once.
const AT_ONCE: usize = 4;

/// Sums the files at `paths`; the sums come in the order of the paths.
pub async fn of(paths: &[PathBuf], progress: Progress) -> Result<Vec<LocalFile>, FileError> {
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let transfer = progress.transfer("Reading", paths.iter().map(size).sum());
    let sums = stream::iter(paths.to_vec())
        .map(|path| {
            let transfer = transfer.clone();
            async move {
                let sum = move || LocalFile::sum(&path, |bytes| transfer.advance(bytes));
                tokio::task::spawn_blocking(sum).await.expect("summing a file does not panic")
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await;
    transfer.abandon();
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sums_come_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..9).map(|n| folder.path().join(format!("{n}"))).collect();
        for path in &paths {
            std::fs::write(path, path.to_string_lossy().as_bytes()).unwrap();
        }

        let files = of(&paths, Progress::Quiet).await.unwrap();

        assert!(files.iter().map(|file| &file.path).eq(paths.iter()));
        assert!(of(&[folder.path().join("gone")], Progress::Quiet).await.is_err());
    }
}
