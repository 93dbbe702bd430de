//! What is packed, what is refused, and that the same files make the same bytes.

use std::os::unix::fs::symlink;

use larder_schema::archive::Index;

use super::*;

const TOML: &str = "product = 'afw'\nversion = '17.0.1'\nbuild = 'b1'\nplatform = 'any'\n";

/// A folder with a bit of everything, made in the order of `names`.
fn folder(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name.as_bytes()).unwrap();
    }
    fs::create_dir_all(folder.path().join("empty")).unwrap();
    let tool = folder.path().join("bin/tool");
    fs::create_dir_all(tool.parent().unwrap()).unwrap();
    fs::write(&tool, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o711)).unwrap();
    symlink("tool", folder.path().join("bin/link")).unwrap();
    fs::hard_link(&tool, folder.path().join("bin/hard")).unwrap();
    fs::write(folder.path().join(METADATA), TOML).unwrap();
    folder
}

fn pack_into(folder: &Path, name: &str) -> Result<(Packed, Vec<u8>), Error> {
    let out = tempfile::tempdir().unwrap();
    let packed = pack(folder, None, &out.path().join(name))?;
    let bytes = fs::read(out.path().join(name)).unwrap();
    assert_eq!(packed.record, out.path().join(format!("{name}.json")));
    let record: Build = serde_json::from_slice(&fs::read(&packed.record).unwrap()).unwrap();
    assert_eq!(record, packed.build);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 2);
    Ok((packed, bytes))
}

fn index(bytes: &[u8], name: &str) -> Index {
    let format = ArchiveFormat::of_name(name).unwrap();
    read(io::Cursor::new(bytes), format, &Limits::default(), &mut NoSink).unwrap()
}

fn long() -> String {
    format!("{}/{}/é", "d".repeat(150), "e".repeat(120))
}

#[test]
fn the_same_files_make_the_same_bytes() {
    let long = long();
    let one = folder(&["a/b", "a.b", "lib/x", &long]);
    let two = folder(&[&long, "lib/x", "a.b", "a/b"]);
    let old = File::open(two.path().join("a.b")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::set_permissions(two.path().join("a.b"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut trees = std::collections::HashSet::new();
    for ending in ["tar", "tar.gz", "tgz", "tar.xz", "tar.bz2", "tar.zst"] {
        let name = format!("afw.{ending}");
        let (packed, bytes) = pack_into(one.path(), &name).unwrap();
        let (_, again) = pack_into(two.path(), &name).unwrap();
        assert!(bytes == again, "{name}");
        assert_eq!(packed.build.archive.unwrap().sha256, Sha256::of(&bytes));
        assert_eq!(packed.files, 7);
        trees.insert(index(&bytes, &name).tree);
    }
    assert_eq!(trees.len(), 1);
}

#[test]
fn entries_are_what_the_folder_has_without_its_metadata() {
    let (_, bytes) = pack_into(folder(&["a/b", "a.b", &long()]).path(), "afw.tar").unwrap();
    let entries = index(&bytes, "afw.tar").entries;
    let listed: Vec<String> = entries
        .iter()
        .map(|entry| match &entry.kind {
            larder_schema::EntryKind::File { executable: true, .. } => format!("x {}", entry.path),
            larder_schema::EntryKind::File { .. } => format!("f {}", entry.path),
            larder_schema::EntryKind::Link { target } => format!("l {} {target}", entry.path),
            larder_schema::EntryKind::Folder => format!("d {}", entry.path),
        })
        .filter(|line| !line.contains("ddd"))
        .collect();
    assert_eq!(
        listed,
        [
            "d a",
            "f a.b",
            "f a/b",
            "d bin",
            "x bin/hard",
            "l bin/link tool",
            "x bin/tool",
            "d empty"
        ]
    );
    assert!(entries.iter().any(|entry| entry.path.as_str() == long()));
}

#[test]
fn what_is_in_bin_is_found_unless_the_metadata_says_otherwise() {
    let files = folder(&["lib/x"]);

    let (assumed, _) = pack_into(files.path(), "afw.tar").unwrap();
    fs::write(files.path().join(METADATA), format!("{TOML}variables = {{}}\n")).unwrap();
    let (none, _) = pack_into(files.path(), "afw.tar").unwrap();
    fs::write(files.path().join(METADATA), TOML).unwrap();
    fs::set_permissions(files.path().join("bin/tool"), fs::Permissions::from_mode(0o644)).unwrap();
    let (no_command, _) = pack_into(files.path(), "afw.tar").unwrap();

    let variables = serde_json::to_value(&assumed.build.variables).unwrap();
    assert_eq!(variables, serde_json::json!({"PATH": ["bin"]}));
    assert!(assumed.assumed_path && !none.assumed_path && !no_command.assumed_path);
    assert!(none.build.variables.is_empty() && no_command.build.variables.is_empty());
}

#[test]
fn the_record_is_made_of_metadata_and_name() {
    let files = folder(&[]);
    fs::write(files.path().join(METADATA), "license = 'MIT'\n").unwrap();
    let (packed, _) = pack_into(files.path(), "log-1.0.0-b2-linux-x86_64.tar").unwrap();
    assert_eq!(packed.build.key().to_string(), "log@1.0.0-b2 for linux-x86_64");
    assert_eq!(packed.build.license.as_str(), "MIT");
    let error = pack_into(files.path(), "log.tar").unwrap_err();
    assert!(error.is_usage(), "{error}");
    fs::write(files.path().join(METADATA), TOML).unwrap();
    let error = pack_into(files.path(), "log-1.0.0-b2-any.tar").unwrap_err();
    assert!(matches!(error, Error::Record(record::Error::Contradiction { .. })), "{error}");
    fs::write(files.path().join(METADATA), "product = ").unwrap();
    assert!(matches!(pack_into(files.path(), "log.tar"), Err(Error::Record(_))));
}

#[test]
fn what_no_archive_may_hold_is_refused_by_name() {
    let refused = |make: &dyn Fn(&Path)| {
        let files = folder(&[]);
        make(files.path());
        pack_into(files.path(), "afw.tar").unwrap_err().to_string()
    };
    let leaving = refused(&|path| symlink("../../etc", path.join("out")).unwrap());
    assert!(leaving.contains("`out`"), "{leaving}");
    let pipe = refused(&|path| {
        let name = path.join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, name, rustix::fs::Mode::RUSR).unwrap();
    });
    assert!(pipe.contains("`pipe`"), "{pipe}");
    let bytes = refused(&|path| {
        use std::os::unix::ffi::OsStrExt as _;
        fs::write(path.join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    });
    assert!(bytes.contains("UTF-8"), "{bytes}");
    let through = refused(&|path| {
        symlink("up/..", path.join("round")).unwrap();
        symlink("..", path.join("bin/up")).unwrap();
        symlink("bin/up/..", path.join("leaves")).unwrap();
    });
    assert!(through.contains("no server takes"), "{through}");
}

#[test]
fn places_and_kinds_that_make_no_sense_are_refused() {
    let files = folder(&[]);
    let inside = pack(files.path(), None, &files.path().join("bin/x.tar")).unwrap_err();
    assert!(matches!(inside, Error::OutputInside { .. }));
    for name in ["x.zip", "x.whl"] {
        assert!(matches!(pack_into(files.path(), name), Err(Error::Format { .. })), "{name}");
    }
    assert!(matches!(pack_into(files.path(), "x"), Err(Error::Name(_))));
    let gone = pack_into(&files.path().join("gone"), "x.tar").unwrap_err();
    assert!(gone.is_usage(), "{gone}");
    let out = tempfile::tempdir().unwrap();
    let metadata = out.path().join("none.toml");
    let error = pack(files.path(), Some(&metadata), &out.path().join("x.tar")).unwrap_err();
    assert!(matches!(error, Error::NoMetadata { .. }));
}
