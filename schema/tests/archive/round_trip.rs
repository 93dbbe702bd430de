//! Any tree that is packed is read back, whatever it is packed with.

use std::collections::BTreeMap;
use std::io::Cursor;

use larder_schema::archive::{ArchiveFormat, Index, Limits, NoSink, read};
use larder_schema::contents::tree_checksum;
use larder_schema::{Entry, EntryKind, Sums};
use proptest::prelude::*;

use crate::build_archives::{Item, bz2, gz, xz, zip, zst};

#[derive(Clone, Debug)]
enum Thing {
    File(Vec<u8>, bool),
    Folder,
    Link,
}

/// Trees without clashes: an even name is a folder wherever it stands, an odd one is a leaf.
fn trees() -> impl Strategy<Value = BTreeMap<String, Thing>> {
    let thing = prop_oneof![
        3 => (prop::collection::vec(any::<u8>(), 0..2000), any::<bool>())
            .prop_map(|(bytes, executable)| Thing::File(bytes, executable)),
        1 => Just(Thing::Folder),
        1 => Just(Thing::Link),
    ];
    let folder = prop::sample::select(vec!["d", "größe", "a b", "lib.d", "d-"]);
    let leaf = "[a-cA.$'-]{1,12}x|naïve|[a-z]{120}x|\\PC{1,4}x";
    let path = (prop::collection::vec(folder, 0..6), leaf).prop_filter_map(
        "paths that a tree can hold",
        |(folders, leaf)| {
            let path = folders.into_iter().chain([leaf.as_str()]).collect::<Vec<_>>().join("/");
            path.parse::<larder_schema::EntryPath>().ok().map(|path| path.to_string())
        },
    );
    prop::collection::btree_map(path, thing, 0..20)
}

fn link_of(path: &str) -> String {
    format!("{}x", "../".repeat(path.matches('/').count()))
}

fn expected(tree: &BTreeMap<String, Thing>) -> Vec<Entry> {
    let entry = |(path, thing): (&String, &Thing)| Entry {
        path: path.parse().unwrap(),
        kind: match thing {
            Thing::Folder => EntryKind::Folder,
            Thing::Link => EntryKind::Link { target: link_of(path) },
            Thing::File(bytes, executable) => {
                let Sums { sha256, blake3, size } = Sums::of(bytes);
                EntryKind::File { size, sha256, blake3, executable: *executable, offset: None }
            }
        },
    };
    tree.iter().map(entry).collect()
}

fn tar_of(tree: &BTreeMap<String, Thing>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, thing) in tree {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        match thing {
            Thing::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                builder.append_data(&mut header, path, &b""[..]).unwrap();
            }
            Thing::Link => {
                header.set_entry_type(tar::EntryType::Symlink);
                builder.append_link(&mut header, path, link_of(path)).unwrap();
            }
            Thing::File(bytes, executable) => {
                header.set_size(bytes.len() as u64);
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                builder.append_data(&mut header, path, &bytes[..]).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

fn zip_of(tree: &BTreeMap<String, Thing>) -> Vec<u8> {
    let item = |(number, (path, thing)): (usize, (&String, &Thing))| match thing {
        Thing::Folder => Item::stored(&format!("{path}/"), b""),
        Thing::Link => Item::link(path, &link_of(path)),
        Thing::File(bytes, executable) => {
            let item = match number % 3 {
                0 => Item::stored(path, bytes),
                1 => Item::deflated(path, bytes),
                _ => Item::deflated(path, bytes).streamed(),
            };
            item.mode(if *executable { 0o100_755 } else { 0o100_644 })
        }
    };
    zip(&tree.iter().enumerate().map(item).collect::<Vec<_>>())
}

fn without_offsets(index: &Index) -> Vec<Entry> {
    let mut entries = index.entries.clone();
    for entry in &mut entries {
        if let EntryKind::File { offset, .. } = &mut entry.kind {
            *offset = None;
        }
    }
    entries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_packed_tree_is_read_back(tree in trees()) {
        let expected = expected(&tree);
        let tar = tar_of(&tree);
        let archives = [
            (ArchiveFormat::TarGz, gz(&tar)),
            (ArchiveFormat::TarXz, xz(&tar, 0)),
            (ArchiveFormat::TarBz2, bz2(&tar)),
            (ArchiveFormat::TarZst, zst(&tar)),
            (ArchiveFormat::Tar, tar),
            (ArchiveFormat::Zip, zip_of(&tree)),
        ];

        for (format, bytes) in archives {
            let index = read(Cursor::new(bytes), format, &Limits::default(), &mut NoSink).unwrap();

            prop_assert_eq!(without_offsets(&index), expected.clone(), "{:?}", format);
            prop_assert_eq!(index.tree, tree_checksum(&expected));
        }
    }
}
