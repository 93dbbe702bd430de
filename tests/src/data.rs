//! What tests need from outside: real packages, other people's clients. `tests/run` gets it.

use std::path::{Path, PathBuf};

/// The folder that `tests/run` filled, or `None` where it did not run.
///
/// With `CI=true` a missing part is a failure: there nothing is skipped silently.
pub fn test_data(part: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("LARDER_TEST_DATA").map(PathBuf::from);
    let found = folder.map(|folder| folder.join(part)).filter(|path| path.exists());
    if found.is_none() {
        skip(&format!("there is no `{part}` in LARDER_TEST_DATA: `tests/run` makes it"));
    }
    found
}

/// Says in one line why a test does nothing; fails where `CI=true`.
pub fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    eprintln!("skipped: {why}");
}

/// Whether the long campaigns were asked for, with `LARDER_CAMPAIGN=1`.
pub fn is_campaign() -> bool {
    std::env::var("LARDER_CAMPAIGN").as_deref() == Ok("1")
}

/// The wheels of one weekly, by name.
pub fn wheels(week: &str) -> Option<Vec<PathBuf>> {
    let folder = test_data(&format!("wheels-{week}"))?;
    Some(files_of(&folder, "whl"))
}

/// The files of `folder` with this extension, by name.
pub fn files_of(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

/// The root of the checkout that these tests were built from.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
