//! Every hostile archive is refused by its name, and the machine's troubles are not called hostile.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use larder_schema::EntryPath;
use larder_schema::archive::{ArchiveError, ArchiveFormat, Limits, NoSink, Sink, read};

use crate::build_archives::*;
use crate::hostile;

fn variant(error: &ArchiveError) -> String {
    let debug = format!("{error:?}");
    debug.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()
}

#[test]
fn every_hostile_archive_is_refused_by_its_name() {
    let mut wrong = Vec::new();
    for hostile in hostile::all() {
        let result =
            read(Cursor::new(&hostile.bytes), hostile.format, &Limits::default(), &mut NoSink);

        let found = match &result {
            Ok(_) => "read".to_owned(),
            Err(error) => variant(error),
        };
        if found != hostile.refusal {
            let message = result.err().map(|error| error.to_string());
            wrong.push(format!("{}: {found}, not {} ({message:?})", hostile.name, hostile.refusal));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn refusals_are_one_line_of_plain_text() {
    for hostile in hostile::all() {
        let error =
            read(Cursor::new(&hostile.bytes), hostile.format, &Limits::default(), &mut NoSink)
                .unwrap_err();

        let message = error.to_string();
        assert!(!message.contains(char::is_control), "{}: {message:?}", hostile.name);
        assert!(!message.ends_with('.') && message.len() < 400, "{}: {message}", hostile.name);
        let limit = matches!(error, ArchiveError::Limit { .. });
        assert_eq!(error.is_hostile(), !limit, "{}", hostile.name);
    }
}

#[test]
fn hostile_archives_are_named_once() {
    let mut names: Vec<_> = hostile::all().into_iter().map(|hostile| hostile.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();

    assert_eq!(names.len(), count);
    assert!(count > 60);
}

/// Whatever one byte of a good archive becomes, reading it ends in an answer.
#[test]
fn a_changed_byte_never_makes_the_reader_panic() {
    let tar = Tar::new()
        .pax(b'x', &[("path", "long/name"), ("size", "3")])
        .file("a", b"abc")
        .extended(b'L', b"longer/name\0")
        .link("b", "a")
        .end();
    let zip = zip(&[
        Item::deflated("a/b", b"content"),
        Item::link("l", "a"),
        Item::stored("c", b"c").streamed(),
    ]);
    for (format, bytes) in [
        (ArchiveFormat::Tar, tar.clone()),
        (ArchiveFormat::TarGz, gz(&tar)),
        (ArchiveFormat::TarXz, xz(&tar, 0)),
        (ArchiveFormat::TarZst, zst(&tar)),
        (ArchiveFormat::Zip, zip),
    ] {
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                drop(read(Cursor::new(&bytes), format, &Limits::default(), &mut NoSink));
            }
            drop(read(Cursor::new(&bytes[..at]), format, &Limits::default(), &mut NoSink));
        }
    }
}

#[test]
fn a_cut_archive_is_refused_wherever_it_is_cut() {
    let tar = Tar::new().folder("d").file("d/a", b"abc").end();
    for (format, bytes) in [
        (ArchiveFormat::TarGz, gz(&tar)),
        (ArchiveFormat::TarXz, xz(&tar, 0)),
        (ArchiveFormat::TarBz2, bz2(&tar)),
        (ArchiveFormat::TarZst, zst(&tar)),
        (ArchiveFormat::Tar, tar),
        (ArchiveFormat::Zip, zip(&[Item::deflated("a", b"abc")])),
    ] {
        for length in 0..bytes.len() {
            let cut = Cursor::new(&bytes[..length]);

            let error = read(cut, format, &Limits::default(), &mut NoSink).unwrap_err();

            assert!(error.is_hostile(), "{format:?} at {length}: {error}");
        }
    }
}

/// A disk that fails after some bytes.
struct Failing(Cursor<Vec<u8>>, u64);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.position() >= self.1 {
            return Err(io::Error::other("the disk is gone"));
        }
        let most = buffer.len().min(100);
        self.0.read(&mut buffer[..most])
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_failing_disk_is_no_hostile_archive() {
    let noise: Vec<u8> =
        (0..20_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let tar = Tar::new().file("a", &noise).end();
    for (format, bytes) in [
        (ArchiveFormat::TarGz, gz(&tar)),
        (ArchiveFormat::TarXz, xz(&tar, 0)),
        (ArchiveFormat::TarBz2, bz2(&tar)),
        (ArchiveFormat::TarZst, zst(&tar)),
        (ArchiveFormat::Tar, tar),
        (ArchiveFormat::Zip, zip(&[Item::deflated("a", &noise)])),
    ] {
        for after in [0, 50, 30_000] {
            let source = Failing(Cursor::new(bytes.clone()), after);

            let error = read(source, format, &Limits::default(), &mut NoSink).unwrap_err();

            assert!(matches!(error, ArchiveError::Io(_)), "{format:?} after {after}: {error:?}");
            assert!(!error.is_hostile());
        }
    }
}

/// A sink that cannot keep files.
struct FullDisk;

impl Sink for FullDisk {
    fn folder(&mut self, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &EntryPath, _: bool, _: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut some = [0; 2];
        content.read_exact(&mut some)?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn hard_link(&mut self, _: &EntryPath, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn link(&mut self, _: &EntryPath, _: &str) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_as_one() {
    let tar = Tar::new().file("a", b"content").end();

    let error =
        read(Cursor::new(tar), ArchiveFormat::Tar, &Limits::default(), &mut FullDisk).unwrap_err();

    let ArchiveError::Sink(source) = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert!(!error.is_hostile());
}

#[test]
fn what_is_wrong_with_the_archive_is_told_before_what_the_sink_makes_of_it() {
    let cut = Tar::new().file("a", b"content").cut()[..513].to_vec();

    let error =
        read(Cursor::new(cut), ArchiveFormat::Tar, &Limits::default(), &mut FullDisk).unwrap_err();

    assert!(matches!(error, ArchiveError::Truncated), "{error:?}");
}

fn limit_of(bytes: Vec<u8>, format: ArchiveFormat, limits: &Limits) -> &'static str {
    match read(Cursor::new(bytes), format, limits, &mut NoSink) {
        Err(ArchiveError::Limit { name, .. }) => name,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_limit_is_reported_by_its_name() {
    use ArchiveFormat::{Tar as T, TarGz, TarXz, TarZst, Zip};
    let limits = Limits::default;
    let two = || Tar::new().file("a", b"x").hard_link("b", "a").end();
    let items = [Item::stored("a", b"x"), Item::stored("b", b"x")];

    assert_eq!(limit_of(two(), T, &Limits { entries: 1, ..limits() }), "entries");
    assert_eq!(limit_of(zip(&items), Zip, &Limits { entries: 1, ..limits() }), "entries");
    assert_eq!(limit_of(two(), T, &Limits { name_bytes: 1, ..limits() }), "name_bytes");
    assert_eq!(
        limit_of(Tar::new().link("a", "bcd").end(), T, &Limits { name_bytes: 3, ..limits() }),
        "name_bytes"
    );
    assert_eq!(
        limit_of(zip(&items), Zip, &Limits { directory_bytes: 50, ..limits() }),
        "directory_bytes"
    );
    let long = Tar::new().extended(b'L', &[b'n'; 200]).file("a", b"").end();
    assert_eq!(limit_of(long, T, &Limits { header_bytes: 100, ..limits() }), "header_bytes");
    assert_eq!(limit_of(two(), T, &Limits { unpacked_bytes: 1, ..limits() }), "unpacked_bytes");
    assert_eq!(
        limit_of(zip(&items), Zip, &Limits { unpacked_bytes: 1, ..limits() }),
        "unpacked_bytes"
    );
    let tight = Limits { ratio: 2, ratio_floor: 0, ..limits() };
    assert_eq!(limit_of(gz(&two()), TarGz, &tight), "ratio");
    let little = Limits { decoder_bytes: 4096, ..limits() };
    assert_eq!(limit_of(xz(&two(), 6), TarXz, &little), "decoder_bytes");
    assert_eq!(limit_of(zst_window(&two(), 20), TarZst, &little), "decoder_bytes");
    let members = [gz(&two()), gz(b""), gz(b"")].concat();
    assert_eq!(limit_of(members, TarGz, &Limits { members: 2, ..limits() }), "members");
    let links = Tar::new().link("a", "b/c/d").end();
    assert_eq!(limit_of(links, T, &Limits { link_steps: 2, ..limits() }), "link_steps");
}

#[test]
fn hard_links_count_like_files_against_the_bytes() {
    let mut tar = Tar::new().file("a", &[b'x'; 1000]);
    for number in 0..20 {
        tar = tar.hard_link(&format!("b{number}"), "a");
    }
    let limits = Limits { unpacked_bytes: 20_000, ..Limits::default() };

    assert_eq!(limit_of(tar.end(), ArchiveFormat::Tar, &limits), "unpacked_bytes");
}
