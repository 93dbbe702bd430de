//! What a folder is taken to do to variables where nobody says anything of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::record::Part;

/// `PATH` gets `bin`, if something to execute lies right in it.
pub fn usual_variables(root: &Path) -> Option<Part> {
    let bin = root.join("bin");
    if !fs::symlink_metadata(&bin).ok()?.is_dir() {
        return None;
    }
    let mut entries = fs::read_dir(&bin).ok()?.filter_map(Result::ok);
    entries.any(|entry| is_command(&entry.path())).then(path_of_bin)
}

fn is_command(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o100 != 0)
}

fn path_of_bin() -> Part {
    let variables = serde_json::json!({"PATH": ["bin"]});
    let fields = serde_json::Map::from_iter([("variables".to_owned(), variables)]);
    Part { said_by: "the folder `bin`".to_owned(), fields }
}
