//! The published vectors of the tree checksum, which a program of others made (`tree.py`).

use larder_schema::contents::tree_checksum;
use larder_schema::{Entry, EntryKind, Sums};

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    entries: Vec<(char, String, Option<String>)>,
    tree: String,
}

#[test]
fn the_tree_checksum_is_the_published_one() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../vectors/tree.json")).unwrap();

    for vector in &vectors {
        let entries: Vec<Entry> = vector.entries.iter().map(entry).collect();

        assert_eq!(tree_checksum(&entries).to_string(), vector.tree, "{}", vector.name);
    }
    assert!(vectors.len() > 10);
}

fn entry((letter, path, content): &(char, String, Option<String>)) -> Entry {
    let content = content.as_deref().unwrap_or_default();
    let kind = match letter {
        'l' => EntryKind::Link { target: content.to_owned() },
        'd' => EntryKind::Folder,
        _ => {
            let Sums { sha256, blake3, size } = Sums::of(content.as_bytes());
            EntryKind::File { size, sha256, blake3, executable: *letter == 'x', offset: None }
        }
    };
    Entry { path: path.parse().unwrap(), kind }
}
