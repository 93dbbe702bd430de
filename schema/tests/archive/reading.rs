//! What good archives hold, down to the spellings that writers differ in.

use std::io::{self, Cursor, Read};

use larder_schema::archive::{ArchiveFormat, Index, Limits, NoSink, Sink, read};
use larder_schema::{Entry, EntryKind, EntryPath, Sha256, Sums};

use crate::build_archives::*;

fn index(bytes: Vec<u8>, format: ArchiveFormat) -> Index {
    read(Cursor::new(bytes), format, &Limits::default(), &mut NoSink).unwrap()
}

fn paths(index: &Index) -> Vec<&str> {
    index.entries.iter().map(|entry| entry.path.as_str()).collect()
}

fn is_executable(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::File { executable: true, .. })
}

#[test]
fn a_tar_is_indexed_with_sums_and_places() {
    let tar = Tar::new()
        .folder("./")
        .folder("./lib/")
        .put(Head::new(b'0', b"./lib/libafw.so", 4).mode(0o755), b"\x7fELF")
        .link("./lib/libafw.so.1", "libafw.so")
        .hard_link("./lib/copy", "./lib/libafw.so")
        .end();

    let index = index(tar.clone(), ArchiveFormat::Tar);

    assert_eq!(paths(&index), ["lib", "lib/copy", "lib/libafw.so", "lib/libafw.so.1"]);
    let Sums { sha256, blake3, size } = Sums::of(b"\x7fELF");
    let file = EntryKind::File { size, sha256, blake3, executable: true, offset: Some(1536) };
    assert_eq!(index.entries[0].kind, EntryKind::Folder);
    assert_eq!(index.entries[1].kind, file);
    assert_eq!(index.entries[2].kind, file);
    assert_eq!(index.entries[3].kind, EntryKind::Link { target: "libafw.so".into() });
    assert_eq!(tar[1536..1540], *b"\x7fELF");
    assert_eq!(index.tar_sha256, Some(Sha256::of(&tar)));
    assert_eq!(index.unpacked_bytes, 8);
}

#[test]
fn all_compressions_give_the_same_index() {
    let tar = Tar::new().file("a", &[b'x'; 100_000]).end();
    let plain = index(tar.clone(), ArchiveFormat::Tar);

    for (bytes, format) in [
        (gz(&tar), ArchiveFormat::TarGz),
        (xz(&tar, 9), ArchiveFormat::TarXz),
        (bz2(&tar), ArchiveFormat::TarBz2),
        (zst(&tar), ArchiveFormat::TarZst),
    ] {
        assert_eq!(index(bytes, format), plain, "{format:?}");
    }
}

#[test]
fn all_members_are_one_stream() {
    let tar = Tar::new().file("a", &[b'x'; 10_000]).file("b", b"y").end();
    let plain = index(tar.clone(), ArchiveFormat::Tar);
    let parts = [&tar[..700], b"", &tar[700..5000], &tar[5000..]];
    let members = |pack: &dyn Fn(&[u8]) -> Vec<u8>| parts.map(pack).concat();

    let padded = [xz(&tar[..700], 0), vec![0; 8], xz(&tar[700..], 0), vec![0; 4]].concat();
    let skipping = [
        b"\x50\x2a\x4d\x18\x03\0\0\0xyz".to_vec(),
        zst(&tar),
        b"\x5f\x2a\x4d\x18\0\0\0\0".to_vec(),
    ];
    for (bytes, format) in [
        (members(&gz), ArchiveFormat::TarGz),
        (members(&|part| xz(part, 1)), ArchiveFormat::TarXz),
        (members(&bz2), ArchiveFormat::TarBz2),
        (members(&zst), ArchiveFormat::TarZst),
        (padded, ArchiveFormat::TarXz),
        (skipping.concat(), ArchiveFormat::TarZst),
    ] {
        assert_eq!(index(bytes, format), plain, "{format:?}");
    }
}

#[test]
fn windows_that_real_tools_use_are_read() {
    let tar = Tar::new().file("a", b"x").end();

    // `zstd --long`, and `xz -9`.
    assert_eq!(paths(&index(zst_window(&tar, 27), ArchiveFormat::TarZst)), ["a"]);
    assert_eq!(paths(&index(xz(&tar, 9), ArchiveFormat::TarXz)), ["a"]);
}

#[test]
fn names_too_long_for_a_header_are_read() {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let with_nul = format!("{long}\0");
    let (path, link) = (("path", long.as_str()), ("linkpath", long.as_str()));
    for tar in [
        Tar::new().extended(b'L', with_nul.as_bytes()).file("x", b""),
        Tar::new().extended(b'L', long.as_bytes()).file("x", b""),
        Tar::new().pax(b'x', &[("mtime", "1.5"), path]).file("x", b""),
        Tar::new().pax(b'x', &[path, ("SCHILY.xattr.user.x", "\n\0\n")]).file("x", b""),
    ] {
        assert_eq!(paths(&index(tar.end(), ArchiveFormat::Tar)), [long.as_str()]);
    }
    for tar in [
        Tar::new().extended(b'K', with_nul.as_bytes()).link("x", "cut"),
        Tar::new().pax(b'x', &[link]).link("x", "cut"),
    ] {
        let index = index(tar.end(), ArchiveFormat::Tar);
        assert_eq!(index.entries[0].kind, EntryKind::Link { target: long.clone() });
    }
    let prefix = Head::new(b'0', b"file", 0).ustar().bytes(345, b"some/folder");
    let tar = Tar::new().put(prefix, b"").end();
    assert_eq!(paths(&index(tar, ArchiveFormat::Tar)), ["some/folder/file"]);
}

#[test]
fn an_override_is_for_one_entry() {
    let tar = Tar::new().extended(b'L', b"b\0").file("x", b"").file("a", b"").end();

    assert_eq!(paths(&index(tar, ArchiveFormat::Tar)), ["a", "b"]);
}

#[test]
fn the_comment_of_git_archive_is_no_override() {
    let tar = Tar::new().pax(b'g', &[("comment", "0123abcd")]).file("a", b"").end();

    assert_eq!(paths(&index(tar, ArchiveFormat::Tar)), ["a"]);
}

#[test]
fn a_size_may_stand_in_both_headers() {
    let tar = Tar::new().pax(b'x', &[("size", "3")]).file("a", b"abc").end();

    assert_eq!(index(tar, ArchiveFormat::Tar).unpacked_bytes, 3);
}

#[test]
fn tars_of_before_ustar_are_read() {
    let tar = Tar::new()
        .put(Head::new(0, b"d/", 0).v7(), b"")
        .put(Head::new(0, b"d/a", 1).v7(), b"x")
        .put(Head::new(b'2', b"l", 0).v7().to(b"d"), b"")
        .end();

    let index = index(tar, ArchiveFormat::Tar);

    assert_eq!(paths(&index), ["d", "d/a", "l"]);
    assert_eq!(index.entries[0].kind, EntryKind::Folder);
}

#[test]
fn an_empty_tar_and_an_empty_zip_file_are_an_empty_tree() {
    let tar = index(vec![0; 10_240], ArchiveFormat::Tar);
    let zip = index(zip(&[]), ArchiveFormat::Zip);

    assert!(tar.entries.is_empty() && zip.entries.is_empty());
    assert_eq!(tar.tree, zip.tree);
}

#[test]
fn a_folder_named_twice_comes_once() {
    let tar = Tar::new().folder("a/").file("a/b", b"").folder("./a/").end();

    assert_eq!(paths(&index(tar, ArchiveFormat::Tar)), ["a", "a/b"]);
}

#[test]
fn names_that_differ_in_case_are_two() {
    let tar = Tar::new().file("a", b"1").file("A", b"2").file("é", b"3").file("e\u{301}", b"4");

    assert_eq!(index(tar.end(), ArchiveFormat::Tar).entries.len(), 4);
}

#[test]
fn a_zip_file_is_indexed_with_sums_and_places() {
    let zip = zip(&[
        Item::stored("bin/", b""),
        Item::deflated("bin/butler", b"#!/bin/sh\n").mode(0o100_755),
        Item::deflated("größe", b"x").streamed(),
        Item::stored("plain", b"y").mode(0),
        Item::link("link", "bin/butler"),
    ]);

    let index = index(zip.clone(), ArchiveFormat::Zip);

    assert_eq!(paths(&index), ["bin", "bin/butler", "größe", "link", "plain"]);
    let EntryKind::File { executable: true, offset: Some(offset), sha256, .. } =
        index.entries[1].kind
    else {
        panic!("{:?}", index.entries[1]);
    };
    assert_eq!(zip[offset as usize..][..4], *b"PK\x03\x04");
    assert_eq!(sha256, Sha256::of(b"#!/bin/sh\n"));
    assert_eq!(index.entries[3].kind, EntryKind::Link { target: "bin/butler".into() });
    assert_eq!(index.tar_sha256, None);
}

#[test]
fn only_a_mode_of_unix_makes_a_zip_entry_executable() {
    let zip = zip(&[
        Item::stored("dos", b"").mode(0o100_755).but(|item| item.system = 0),
        Item::stored("mac", b"").mode(0o100_755).but(|item| item.system = 19),
    ]);

    let index = index(zip, ArchiveFormat::Zip);

    assert_eq!([false, true], [0, 1].map(|number| is_executable(&index.entries[number])));
}

#[test]
fn zip64_is_read_where_it_agrees() {
    let wide = [1, 0, 16, 0].into_iter().chain([3_u64, 3].into_iter().flat_map(u64::to_le_bytes));
    let item = Item::stored("a", b"abc").but(|item| {
        item.local.extra = wide.collect();
        (item.local.packed, item.local.unpacked) = (u32::MAX, u32::MAX);
    });
    let (body, _, size, start) = zip_body(&[item]);
    for end in [zip_end(u16::MAX, u32::MAX, u32::MAX), zip_end(1, size, start)] {
        let wide_end = zip64_end(1, size.into(), start.into());

        let index = index([&body[..], &wide_end, &end].concat(), ArchiveFormat::Zip);

        assert_eq!(index.unpacked_bytes, 3);
    }
}

#[test]
fn a_wheel_is_spread_over_its_tree() {
    let wheel = zip(&[
        Item::stored("afw/__init__.py", b""),
        Item::stored("afw/tool.sh", b"").mode(0o100_755),
        Item::stored("afw-17.0.data/", b""),
        Item::stored("afw-17.0.data/scripts/", b""),
        Item::stored("afw-17.0.data/scripts/afwdump", b"#!python\n"),
        Item::stored("afw-17.0.data/data/share/a", b""),
        Item::stored("afw-17.0.data/purelib/afw/pure.py", b""),
        Item::stored("afw-17.0.data/platlib/afw/plat.so", b""),
        Item::stored("afw-17.0.data/headers/afw.h", b""),
        Item::stored("afw-17.0.dist-info/METADATA", b"Name: afw\n"),
    ]);

    let as_wheel = index(wheel.clone(), ArchiveFormat::Wheel);

    assert_eq!(
        paths(&as_wheel),
        [
            "afw-17.0.dist-info/METADATA",
            "afw/__init__.py",
            "afw/plat.so",
            "afw/pure.py",
            "afw/tool.sh",
            "bin",
            "bin/afwdump",
            "include/afw.h",
            "share/a",
        ]
    );
    let executable: Vec<_> = as_wheel.entries.iter().filter(|entry| is_executable(entry)).collect();
    assert_eq!(
        executable.iter().map(|entry| entry.path.name()).collect::<Vec<_>>(),
        ["tool.sh", "afwdump"]
    );
    assert!(paths(&index(wheel, ArchiveFormat::Zip)).contains(&"afw-17.0.data/scripts/afwdump"));
}

/// Writes down what it is given, and reads only half of it.
#[derive(Default)]
struct Half(Vec<String>);

impl Sink for Half {
    fn folder(&mut self, path: &EntryPath) -> io::Result<()> {
        self.0.push(format!("folder {path}"));
        Ok(())
    }

    fn file(
        &mut self,
        path: &EntryPath,
        executable: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let mut half = vec![0; (size / 2) as usize];
        content.read_exact(&mut half)?;
        let mode = if executable { "executable" } else { "file" };
        self.0.push(format!("{mode} {path} {}", String::from_utf8_lossy(&half)));
        Ok(())
    }

    fn hard_link(&mut self, path: &EntryPath, existing: &EntryPath) -> io::Result<()> {
        self.0.push(format!("hard link {path} {existing}"));
        Ok(())
    }

    fn link(&mut self, path: &EntryPath, target: &str) -> io::Result<()> {
        self.0.push(format!("link {path} {target}"));
        Ok(())
    }
}

#[test]
fn a_sink_gets_the_entries_in_order_and_may_leave_some() {
    let tar = Tar::new()
        .file("z", b"abcdef")
        .folder("a")
        .folder("a")
        .hard_link("a/h", "z")
        .link("l", "a/h")
        .put(Head::new(b'0', b"x", 2).mode(0o700), b"12")
        .end();
    let mut sink = Half::default();

    let index =
        read(Cursor::new(tar.clone()), ArchiveFormat::Tar, &Limits::default(), &mut sink).unwrap();

    assert_eq!(
        sink.0,
        ["file z abc", "folder a", "hard link a/h z", "link l a/h", "executable x 1"]
    );
    assert_eq!(index, self::index(tar, ArchiveFormat::Tar));
}
