//! Archives that must be refused, each with the name of its refusal.

use larder_schema::archive::ArchiveFormat::{
    self, Tar as T, TarBz2, TarGz, TarXz, TarZst, Wheel, Zip,
};

use super::build_archives::*;

/// An archive, what is wrong with it, and the variant of `ArchiveError` that says so.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) format: ArchiveFormat,
    pub(crate) bytes: Vec<u8>,
    pub(crate) refusal: &'static str,
}

macro_rules! hostile {
    ($($format:expr, $refusal:ident, $name:literal: $bytes:expr;)*) => {
        vec![$(Hostile {
            name: $name, format: $format, bytes: $bytes, refusal: stringify!($refusal),
        }),*]
    };
}

pub(crate) fn all() -> Vec<Hostile> {
    let mut all = names();
    for more in [
        trees(),
        kinds(),
        headers(),
        overrides(),
        ends(),
        compression(),
        zips(),
        zip_ends(),
        wheels(),
    ] {
        all.extend(more);
    }
    all
}

fn file(name: &[u8]) -> Vec<u8> {
    Tar::new().put(Head::new(b'0', name, 1), b"x").end()
}

fn names() -> Vec<Hostile> {
    let long = "n".repeat(65_536);
    hostile! {
        T, Path, "a path through `..`": file(b"../a");
        T, Path, "a path through `..` further on": file(b"a/../../b");
        T, Path, "an absolute path": file(b"/etc/passwd");
        T, Path, "an absolute path behind `./`": file(b".//etc/passwd");
        T, Path, "a drive and backslashes": file(b"C:\\windows\\a");
        T, Path, "a name that is not UTF-8": file(b"caf\xe9");
        T, Path, "a newline in a name": file(b"a\nb");
        T, Path, "an escape sequence in a name": file(b"a\x1b[2Jb");
        T, Path, "an empty name": file(b"");
        T, Path, "an empty part": file(b"a//b");
        T, HeaderField, "a NUL in a name": file(b"a\0b");
        T, Path, "a NUL in a long name": Tar::new().extended(b'L', b"a\0b\0").file("x", b"").end();
        T, Path, "a NUL in a PAX name": Tar::new().pax(b'x', &[("path", "a\0b")]).file("x", b"").end();
        T, Path, "a name of 64 KiB": Tar::new().extended(b'L', long.as_bytes()).file("x", b"").end();
        T, Path, "a part of 256 bytes": Tar::new().extended(b'L', &long.as_bytes()[..256]).file("x", b"").end();
        T, Path, "a path of 200 folders": Tar::new().extended(b'L', "d/".repeat(200).as_bytes()).folder("x").end();
        T, FolderOrFile, "a file named like a folder": file(b"a/");
        T, FolderOrFile, "a file for a root": file(b"./");
        Zip, Path, "a zip path through `..`": zip(&[Item::stored("../a", b"")]);
        Zip, Path, "an absolute zip path": zip(&[Item::stored("/a", b"")]);
        Zip, Path, "a zip path with a backslash": zip(&[Item::stored("..\\a", b"")]);
        Zip, Path, "a NUL in a zip name": zip(&[Item::stored("a\0b", b"")]);
    }
}

fn trees() -> Vec<Hostile> {
    let tar = Tar::new;
    hostile! {
        T, Duplicate, "a file twice": tar().file("a", b"1").file("a", b"2").end();
        T, Duplicate, "a file twice, once with `./`": tar().file("a", b"1").file("./a", b"1").end();
        T, Duplicate, "a folder and a file": tar().folder("a/").file("a", b"").end();
        T, Duplicate, "a link and a folder": tar().link("a", "b").folder("a").end();
        T, Duplicate, "a file and a hard link to itself": tar().file("a", b"").hard_link("a", "a").end();
        T, InsideFile, "a file in a file": tar().file("a", b"").file("a/b", b"").end();
        T, InsideFile, "a file where a folder is needed": tar().file("a/b", b"").file("a", b"").end();
        T, ThroughLink, "a file through a link": tar().link("a", "b").file("a/c", b"").end();
        T, ThroughLink, "a file through a link to come": tar().file("a/c", b"").link("a", "b").end();
        T, ThroughLink, "a folder through a link": tar().folder("b").link("a", "b").folder("a/c").end();
        T, LinkLeaves, "an absolute link": tar().link("a", "/etc/passwd").end();
        T, LinkLeaves, "a link out of the root": tar().link("a/b", "../../c").end();
        T, LinkLeaves, "a link out and back in": tar().link("a", "../here/a").end();
        T, LinkLeaves, "a link to nothing": tar().link("a", "").end();
        T, LinkLeaves, "links out of the root together":
            tar().folder("d").link("x/y", "../d").link("o", "x/y/../../etc").end();
        T, LinkLeaves, "links out of the root together, the second first":
            tar().link("o", "x/y/../../etc").link("x/y", "../d").folder("d").end();
        T, LinkLeaves, "a link out through a missing folder":
            tar().folder("d").link("x/y", "../d").link("o", "x/y/none/../../../etc").end();
        T, LinkLeaves, "a link with a newline": tar().link("a", "b\nc").end();
        T, Path, "a link that is not UTF-8": tar().put(Head::new(b'2', b"a", 0).to(b"caf\xe9"), b"").end();
        T, HardLink, "a hard link out of nowhere": tar().hard_link("a", "b").end();
        T, HardLink, "a hard link to what comes later": tar().hard_link("a", "b").file("b", b"").end();
        T, HardLink, "a hard link to a folder": tar().folder("b").hard_link("a", "b").end();
        T, HardLink, "a hard link to a link": tar().link("b", "c").hard_link("a", "b").end();
        T, HardLink, "a hard link to the root": tar().hard_link("a", "./").end();
        T, Path, "a hard link out of the root": tar().hard_link("a", "../b").end();
        T, Path, "a hard link to an absolute path": tar().hard_link("a", "/etc/passwd").end();
        Zip, Duplicate, "a zip entry twice": zip(&[Item::stored("a", b"1"), Item::stored("a", b"2")]);
        Zip, Duplicate, "a zip entry twice, once with `./`": zip(&[Item::stored("a", b""), Item::stored("./a", b"")]);
        Zip, Duplicate, "a zip file and folder": zip(&[Item::stored("a", b""), Item::stored("a/", b"")]);
        Zip, ThroughLink, "a zip entry through a link": zip(&[Item::link("a", "b"), Item::stored("a/c", b"")]);
        Zip, LinkLeaves, "a zip link out of the root": zip(&[Item::link("a", "../b")]);
        Zip, LinkLeaves, "a zip link of 8 KiB": zip(&[Item::link("a", &"b/".repeat(4096))]);
    }
}

fn kinds() -> Vec<Hostile> {
    let put = |head: Head| Tar::new().file("f", b"x").put(head, b"").end();
    hostile! {
        T, Special, "a character device": put(Head::new(b'3', b"a", 0));
        T, Special, "a block device": put(Head::new(b'4', b"a", 0));
        T, Special, "a pipe": put(Head::new(b'6', b"a", 0));
        T, UnknownType, "a contiguous file": put(Head::new(b'7', b"a", 0));
        T, UnknownType, "a volume label": put(Head::new(b'V', b"a", 0));
        T, UnknownType, "a part of another volume": put(Head::new(b'M', b"a", 0));
        T, UnknownType, "a listing of a folder": put(Head::new(b'D', b"a", 0));
        T, UnknownType, "a type of no meaning": put(Head::new(0xff, b"a", 0));
        T, Sparse, "a sparse entry": put(Head::new(b'S', b"a", 0));
        T, SetId, "a set-user-id file": put(Head::new(b'0', b"a", 0).mode(0o4755));
        T, SetId, "a set-group-id file": put(Head::new(b'0', b"a", 0).mode(0o2755));
        T, SetId, "a set-group-id folder": put(Head::new(b'5', b"a", 0).mode(0o2755));
        T, SetId, "a set-user-id hard link": put(Head::new(b'1', b"a", 0).to(b"f").mode(0o4755));
        T, UnexpectedContent, "a folder with a size": put(Head::new(b'5', b"a", 512));
        T, UnexpectedContent, "a link with a size": put(Head::new(b'2', b"a", 512).to(b"f"));
        T, UnexpectedContent, "a hard link with a size": put(Head::new(b'1', b"a", 1).to(b"f"));
        Zip, Special, "a zip device": zip(&[Item::stored("a", b"").mode(0o020_644)]);
        Zip, Special, "a zip pipe": zip(&[Item::stored("a", b"").mode(0o010_644)]);
        Zip, Special, "a zip socket": zip(&[Item::stored("a", b"").mode(0o140_644)]);
        Zip, Special, "a zip link not made on Unix": zip(&[Item::link("a", "b").but(|item| item.system = 0)]);
        Zip, UnknownType, "a zip type of no meaning": zip(&[Item::stored("a", b"").mode(0o150_644)]);
        Zip, SetId, "a set-user-id zip entry": zip(&[Item::stored("a", b"").mode(0o104_755)]);
        Zip, FolderOrFile, "a zip file named like a folder": zip(&[Item::stored("a/", b"").mode(0o100_644)]);
        Zip, FolderOrFile, "a zip folder named like a file": zip(&[Item::stored("a", b"").mode(0o040_755)]);
        Zip, FolderOrFile, "a zip link named like a folder": zip(&[Item::link("a/", "b")]);
        Zip, UnexpectedContent, "a zip folder with content": zip(&[Item::stored("a/", b"x")]);
    }
}

fn headers() -> Vec<Hostile> {
    let put = |head: Head| Tar::new().put(head, b"abc").end();
    let head = || Head::new(b'0', b"a", 3);
    let mut wrong_sum = file(b"a");
    wrong_sum[0] = b'b';
    hostile! {
        T, HeaderChecksum, "a wrong header checksum": wrong_sum;
        T, HeaderChecksum, "something that is no tar": vec![b'#'; 2048];
        T, HeaderFormat, "a magic of no format": put(head().bytes(257, b"ustar\x0001"));
        T, HeaderFormat, "a GNU header with half a name": put(head().bytes(345, b"../.."));
        T, Path, "a ustar prefix out of the root": put(head().ustar().bytes(345, b"../.."));
        T, HeaderField, "bytes behind a ustar prefix": put(head().ustar().bytes(345, b"a\0b"));
        T, HeaderField, "a size with a sign": put(head().bytes(124, b"+0000000003\0"));
        T, HeaderField, "a size that is no number": put(head().bytes(124, b"0000000003x\0"));
        T, HeaderField, "a size of blanks": put(head().bytes(124, b"           \0"));
        T, HeaderField, "a negative size": put(head().bytes(124, &[0xff; 12]));
        T, HeaderField, "a size of more than 63 bits":
            put(head().bytes(124, &[0x80, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 3]));
        T, HeaderField, "a mode that is no number": put(head().bytes(100, b"rwxr-xr\0"));
    }
}

fn overrides() -> Vec<Hostile> {
    let tar = Tar::new;
    hostile! {
        T, MixedOverrides, "PAX, then a long name": tar().pax(b'x', &[("path", "b")]).extended(b'L', b"c\0").file("a", b"").end();
        T, MixedOverrides, "a long name, then PAX": tar().extended(b'L', b"c\0").pax(b'x', &[("path", "b")]).file("a", b"").end();
        T, MixedOverrides, "PAX of a size, then a long name":
            tar().pax(b'x', &[("size", "1024")]).extended(b'L', b"c\0").file("a", &[0; 1024]).end();
        T, MixedOverrides, "PAX, then a long link": tar().pax(b'x', &[("mtime", "1")]).extended(b'K', b"c\0").link("a", "b").end();
        T, MixedOverrides, "a global header in between": tar().pax(b'x', &[("path", "b")]).pax(b'g', &[("comment", "c")]).file("a", b"").end();
        T, RepeatedOverride, "two long names": tar().extended(b'L', b"b\0").extended(b'L', b"c\0").file("a", b"").end();
        T, RepeatedOverride, "two long links": tar().extended(b'K', b"b\0").extended(b'K', b"c\0").link("a", "d").end();
        T, RepeatedOverride, "two PAX headers": tar().pax(b'x', &[("path", "b")]).pax(b'x', &[("path", "c")]).file("a", b"").end();
        T, StrayOverride, "a long name for nothing": tar().extended(b'L', b"b\0").end();
        T, StrayOverride, "a PAX header for nothing": tar().file("a", b"").pax(b'x', &[("path", "b")]).end();
        T, PaxRepeated, "two paths in one PAX header": tar().pax(b'x', &[("path", "b"), ("path", "c")]).file("a", b"").end();
        T, PaxMalformed, "a PAX record that is too short": tar().extended(b'x', b"10 path=bcd\n").file("a", b"").end();
        T, PaxMalformed, "a PAX record that is too long": tar().extended(b'x', b"99 path=b\n").file("a", b"").end();
        T, PaxMalformed, "a PAX record behind an empty line": tar().extended(b'x', b"\n10 path=b\n").file("a", b"").end();
        T, PaxMalformed, "a PAX size that is no number": tar().pax(b'x', &[("size", "0x10")]).file("a", b"").end();
        T, PaxSize, "a PAX size unlike the header's": tar().pax(b'x', &[("size", "0")]).file("a", b"x").end();
        T, PaxSize, "a PAX size where the header has none":
            tar().pax(b'x', &[("size", "512")]).put(Head::new(b'0', b"a", 0), &[b'x'; 512]).end();
        T, Path, "a PAX path out of the root": tar().pax(b'x', &[("path", "../b")]).file("a", b"").end();
        T, Path, "an empty PAX path": tar().pax(b'x', &[("path", "")]).file("a", b"").end();
        T, LinkLeaves, "a PAX link out of the root": tar().pax(b'x', &[("linkpath", "../b")]).link("a", "c").end();
        T, LinkLeaves, "a long link out of the root": tar().extended(b'K', b"../b\0").link("a", "c").end();
        T, PaxGlobal, "a global path": tar().pax(b'g', &[("path", "b")]).file("a", b"").end();
        T, PaxGlobal, "a global link path": tar().pax(b'g', &[("linkpath", "b")]).file("a", b"").end();
        T, PaxGlobal, "a global size": tar().pax(b'g', &[("comment", "c"), ("size", "0")]).file("a", b"x").end();
        T, PaxGlobal, "a part of another volume by PAX": tar().pax(b'g', &[("GNU.volume.offset", "9")]).file("a", b"").end();
        T, Sparse, "a sparse entry by PAX": tar().pax(b'x', &[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")]).file("a", b"").end();
        T, Sparse, "a sparse entry by old PAX": tar().pax(b'x', &[("GNU.sparse.map", "0,1")]).file("a", b"").end();
        T, PaxKey, "a listing of a folder by PAX": tar().pax(b'x', &[("GNU.dumpdir", "Ya")]).folder("a").end();
        T, HeaderFormat, "a long name before ustar": tar().put(Head::new(b'L', b"x", 2).v7(), b"b\0").file("a", b"").end();
    }
}

fn ends() -> Vec<Hostile> {
    let tar = || Tar::new().file("a", b"x");
    let whole = tar().end();
    hostile! {
        T, NoEndMarker, "nothing at all": vec![];
        T, NoEndMarker, "a tar cut at an entry boundary": tar().cut();
        T, NoEndMarker, "a tar with half an end marker": tar().raw(&[0; 512]).cut();
        T, Truncated, "a tar cut in a header": whole[..700].to_vec();
        T, Truncated, "a tar cut in the first header": whole[..100].to_vec();
        T, Truncated, "a tar cut in a file": Tar::new().file("a", &[b'x'; 2000]).cut()[..1024].to_vec();
        T, Truncated, "a tar cut in the padding": whole[..600].to_vec();
        T, Truncated, "a tar cut in the end marker": whole[..1600].to_vec();
        T, Truncated, "a tar cut in a long name": Tar::new().extended(b'L', &[b'n'; 200]).cut()[..600].to_vec();
        T, AfterEndMarker, "an entry behind one block of zeros": tar().raw(&[0; 512]).file("b", b"").end();
        T, AfterEndMarker, "an entry behind the end marker": tar().raw(&[0; 1024]).file("b", b"").end();
        T, AfterEndMarker, "a second tar": [tar().end(), tar().end()].concat();
        T, AfterEndMarker, "a byte behind much padding": tar().raw(&[0; 200_000]).raw(b"x").cut();
    }
}

fn compression() -> Vec<Hostile> {
    let tar = Tar::new().file("a", b"x").end();
    let hidden = Tar::new().file("b", b"x").end();
    let with = |mut bytes: Vec<u8>, behind: &[u8]| {
        bytes.extend(behind);
        bytes
    };
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 5].to_vec();
    let mut wrong_crc = gz(&tar);
    let length = wrong_crc.len();
    wrong_crc[length - 6] ^= 1;
    hostile! {
        TarGz, WrongFormat, "a tar that says it is gzip": tar.clone();
        TarZst, WrongFormat, "gzip that says it is zstd": gz(&tar);
        TarZst, WrongFormat, "a zstd frame of before 0.8": b"\x27\xb5\x2f\xfd\0\0\0\0".to_vec();
        TarXz, WrongFormat, "lzma that says it is xz": b"\x5d\0\0\x80\0\xff\xff\xff\xff".to_vec();
        TarGz, Truncated, "an empty file that says it is gzip": vec![];
        TarXz, Truncated, "an empty file that says it is xz": vec![];
        TarGz, Truncated, "truncated gzip": cut(gz(&tar));
        TarXz, Truncated, "truncated xz": cut(xz(&tar, 0));
        TarBz2, Truncated, "truncated bzip2": cut(bz2(&tar));
        TarZst, Truncated, "truncated zstd": cut(zst(&tar));
        TarGz, Truncated, "a truncated second gzip member": with(gz(&tar), &cut(gz(&[0; 512])));
        TarGz, TrailingBytes, "bytes behind gzip": with(gz(&tar), b"hidden");
        TarXz, TrailingBytes, "bytes behind xz": with(xz(&tar, 0), b"hidden");
        TarBz2, TrailingBytes, "bytes behind bzip2": with(bz2(&tar), b"hidden");
        TarZst, TrailingBytes, "bytes behind zstd": with(zst(&tar), b"hidden");
        TarGz, TrailingBytes, "zeros behind gzip": with(gz(&tar), &[0; 512]);
        TarXz, TrailingBytes, "zeros behind xz, but not in fours": with(xz(&tar, 0), &[0; 6]);
        TarGz, AfterEndMarker, "a second gzip member with a tar": with(gz(&tar), &gz(&hidden));
        TarXz, AfterEndMarker, "a second xz stream with a tar": with(xz(&tar, 0), &xz(&hidden, 0));
        TarBz2, AfterEndMarker, "a second bzip2 stream with a tar": with(bz2(&tar), &bz2(&hidden));
        TarZst, AfterEndMarker, "a second zstd frame with a tar": with(zst(&tar), &zst(&hidden));
        TarGz, Corrupt, "gzip with a wrong sum": wrong_crc;
        TarGz, Limit, "a gzip bomb": gz(&Tar::new().file("a", &vec![0; 80 << 20]).end());
        TarZst, Limit, "a zstd bomb": zst(&Tar::new().file("a", &vec![0; 80 << 20]).end());
        TarXz, Limit, "xz that wants a gigabyte": xz_dictionary(&tar, 1 << 30);
        TarZst, Limit, "zstd that wants a gigabyte": zst_window(&tar, 30);
        TarZst, Limit, "a second zstd frame that wants a gigabyte": with(zst(&tar), &zst_window(&[0; 512], 30));
        T, Limit, "a header of 2 MiB": Tar::new().extended(b'x', &vec![b'x'; 2 << 20]).file("a", b"").end();
    }
}

/// An xz stream whose header asks for a dictionary of this size (a power of two).
fn xz_dictionary(bytes: &[u8], size: u64) -> Vec<u8> {
    // The block's header follows the stream's 12 bytes: its size, flags, the filter LZMA2 (0x21)
    // with one byte of properties, padding, and the CRC over it (the format, 3.1 and 5.3.1).
    let mut stream = xz(bytes, 0);
    let header = 12..12 + (usize::from(stream[12]) + 1) * 4;
    let block = &mut stream[header];
    let filter = block.iter().position(|&byte| byte == 0x21).unwrap();
    block[filter + 2] = ((size.ilog2() - 12) * 2) as u8;
    let end = block.len() - 4;
    let mut crc = flate2::Crc::new();
    crc.update(&block[..end]);
    block[end..].copy_from_slice(&crc.sum().to_le_bytes());
    stream
}

fn zips() -> Vec<Hostile> {
    let item = || Item::deflated("a", b"content of a");
    let stored = || Item::stored("a", b"content of a");
    let one = |item: Item| zip(&[Item::stored("0", b"0"), item, Item::stored("z", b"z")]);
    let local = |change: fn(&mut Fields)| one(item().but(|item| change(&mut item.local)));
    let both = |change: fn(&mut Fields)| one(item().both(change));
    let extra = |id: u16, data: &[u8]| {
        [&id.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
    };
    let unicode = |name: &[u8]| extra(0x7075, &[&[1, 0, 0, 0, 0][..], name].concat());
    hostile! {
        Zip, ZipDiffers, "a zip entry with another name": local(|fields| fields.name = b"b".to_vec());
        Zip, ZipDiffers, "a zip entry with another method": local(|fields| fields.method = 0);
        Zip, ZipDiffers, "a zip entry with another CRC": local(|fields| fields.crc ^= 1);
        Zip, ZipDiffers, "a zip entry with another packed size": local(|fields| fields.packed += 1);
        Zip, ZipDiffers, "a zip entry with another unpacked size": local(|fields| fields.unpacked += 1);
        Zip, ZipDiffers, "a zip entry with other flags": local(|fields| fields.flags |= 1 << 1);
        Zip, ZipDiffers, "a zip entry with a descriptor that the directory does not know": local(|fields| fields.flags |= 1 << 3);
        Zip, ZipDiffers, "a zip entry with sizes of zero and no descriptor": local(|fields| (fields.packed, fields.unpacked) = (0, 0));
        Zip, ZipDiffers, "a zip entry with another Unicode name": one(item().but(|item| item.local.extra = unicode(b"b")));
        Zip, ZipExtra, "a zip entry with an extra field that is too long": one(item().but(|item| item.local.extra = b"\x01\0\xff\0".to_vec()));
        Zip, ZipExtra, "a zip entry with other sizes by zip64": one(item().but(|item| item.local.extra = extra(1, &[7; 16])));
        Zip, ZipExtra, "a zip entry with two zip64 fields":
            one(item().but(|item| item.local.extra = [extra(1, &[]), extra(1, &[])].concat()));
        Zip, ZipExtra, "a zip entry with half a zip64 field":
            one(item().but(|item| { item.local.unpacked = u32::MAX; item.local.extra = extra(1, &[0; 4]); }));
        Zip, ZipExtra, "a zip entry with a zip64 field that can be read in two ways":
            one(item().but(|item| { item.local.packed = u32::MAX; item.local.extra = extra(1, &[0; 16]); }));
        Zip, ZipExtra, "a zip directory with two zip64 fields":
            one(item().but(|item| item.central.extra = [extra(1, &[]), extra(1, &[])].concat()));
        Zip, ZipExtra, "a zip directory with sizes and place by zip64, of which it asks for the last":
            one(item().but(|item| { item.offset = Some(u32::MAX); item.central.extra = extra(1, &[0; 24]); }));
        Zip, ZipExtra, "a zip directory with another Unicode name": one(item().but(|item| item.central.extra = unicode(b"b")));
        Zip, ZipNoEntry, "a zip entry without a header": [b"pk", &one(item())[2..]].concat();
        Zip, ZipNameEncoding, "a zip name of unknown encoding": one(Item::stored("é", b"").both(|fields| fields.flags = 0));
        Zip, ZipEncrypted, "an encrypted zip entry": both(|fields| fields.flags |= 1);
        Zip, ZipEncrypted, "a zip entry that only claims to be encrypted": local(|fields| fields.flags |= 1);
        Zip, ZipFlags, "a zip entry that patches another": both(|fields| fields.flags |= 1 << 5);
        Zip, ZipMethod, "a zip entry in bzip2": both(|fields| fields.method = 12);
        Zip, ZipMethod, "a zip entry in deflate64": both(|fields| fields.method = 9);
        Zip, ZipCrc, "a zip entry with a wrong CRC": both(|fields| fields.crc ^= 1);
        Zip, ZipSize, "a zip entry that unpacks to more": both(|fields| fields.unpacked -= 1);
        Zip, ZipSize, "a zip entry that unpacks to less": both(|fields| fields.unpacked += 1);
        Zip, ZipSize, "a stored zip entry of two sizes": one(stored().both(|fields| fields.unpacked -= 1));
        Zip, ZipSize, "a zip entry with bytes behind its deflate stream":
            one(item().both(|fields| fields.packed += 6).but(|item| item.data.extend(b"hidden")));
        Zip, ZipSize, "a zip entry with half a deflate stream":
            one(item().both(|fields| fields.packed -= 3).but(|item| { let length = item.data.len(); item.data.truncate(length - 3); }));
        Zip, Corrupt, "a zip entry that is no deflate stream": one(stored().both(|fields| fields.method = 8));
        Zip, ZipDescriptor, "a descriptor with another CRC": one(item().streamed().but(|item| item.behind[4] ^= 1));
        Zip, ZipDescriptor, "a descriptor with another size": one(item().streamed().but(|item| item.behind[8] ^= 1));
        Zip, ZipDescriptor, "no descriptor": one(item().streamed().but(|item| item.behind.clear()));
        Zip, ZipDescriptor, "bytes behind a descriptor": one(item().streamed().but(|item| item.behind.extend(b"hidden")));
        Zip, ZipGap, "bytes behind a zip entry": one(item().but(|item| item.behind = b"hidden".to_vec()));
        Zip, ZipGap, "a zip entry that the directory does not list": one(item().but(|item| item.hidden = true));
        Zip, ZipGap, "a last zip entry that the directory does not list": zip(&[stored(), Item::stored("b", b"").but(|item| item.hidden = true)]);
        Zip, ZipGap, "a first zip entry that the directory does not list": zip(&[stored().but(|item| item.hidden = true), Item::stored("b", b"")]);
        Zip, ZipOverlap, "two zip entries in one place": zip(&[stored(), Item::stored("a", b"").but(|item| item.central.name = b"b".to_vec()).but(|item| item.offset = Some(0))]);
        Zip, ZipOverlap, "a zip entry in another": zip(&[stored().both(|fields| { fields.packed += 31; fields.unpacked += 31; }), Item::stored("b", b"")]);
        Zip, Limit, "a zip bomb": zip(&[Item::deflated("a", &vec![0; 80 << 20])]);
        Zip, Limit, "a zip entry that claims to be huge": zip(&[item().both(|fields| fields.unpacked = u32::MAX - 1)]);
    }
}

fn zip_ends() -> Vec<Hostile> {
    let items = [Item::stored("a", b"a"), Item::stored("b", b"b")];
    let (body, entries, size, start) = zip_body(&items);
    let end = |bytes: &[u8]| [&body, bytes].concat();
    let whole = zip(&items);
    let mut comment = whole.clone();
    let length = comment.len();
    comment[length - 2] = 5;
    comment.extend(b"hello");
    let mut disk = whole.clone();
    disk[length - 18] = 1;
    let (wide_size, wide_start) = (u64::from(size), u64::from(start));
    let full = zip_end(u16::MAX, u32::MAX, u32::MAX);
    hostile! {
        Zip, ZipEnd, "an empty zip file": vec![];
        Zip, ZipEnd, "a zip file cut off": whole[..length - 1].to_vec();
        Zip, ZipEnd, "bytes behind a zip file": [&whole[..], b"hidden"].concat();
        Zip, ZipEnd, "a zip file with a comment": comment;
        Zip, ZipEnd, "a tar that says it is a zip file": file(b"a");
        Zip, ZipEndDiffers, "a part of a zip file": disk;
        Zip, ZipEndDiffers, "bytes in front of a zip file": [b"#!/bin/sh\n", &whole[..]].concat();
        Zip, ZipEndDiffers, "a zip file in a zip file": [&whole[..], &whole[..]].concat();
        Zip, ZipEndDiffers, "bytes behind a zip directory": [&body[..], b"hidden", &zip_end(entries, size, start)].concat();
        Zip, ZipEndDiffers, "a zip directory with fewer entries than it has": end(&zip_end(1, size, start));
        Zip, ZipDirectory, "a zip directory with more entries than it has": end(&zip_end(3, size, start));
        Zip, ZipEndDiffers, "a zip directory that begins too early": end(&zip_end(entries, size, start - 1));
        Zip, ZipDirectory, "a zip directory that begins elsewhere": end(&zip_end(entries, size + 1, start - 1));
        Zip, ZipEndDiffers, "a zip64 record that differs from the end record":
            end(&[zip64_end(2, wide_size, wide_start), zip_end(1, size, start)].concat());
        Zip, ZipEndDiffers, "a zip64 record of another place":
            end(&[zip64_end(2, wide_size, wide_start + 1), full.clone()].concat());
        Zip, ZipEndDiffers, "bytes between zip64 record and locator":
            end(&[&zip64_end(2, wide_size, wide_start)[..56], b"hid", &zip64_end(2, wide_size, wide_start)[56..], &full].concat());
        Zip, Limit, "a zip file that claims a million entries":
            end(&[zip64_end(1_000_000, wide_size, wide_start), full].concat());
    }
}

fn wheels() -> Vec<Hostile> {
    let info = || Item::stored("afw-17.0.dist-info/METADATA", b"Name: afw\n");
    let wheel = |name: &str| zip(&[info(), Item::stored(name, b"x")]);
    hostile! {
        Wheel, WheelNoInfo, "a wheel without metadata": zip(&[Item::stored("a.py", b"")]);
        Wheel, WheelNoInfo, "an empty wheel": zip(&[]);
        Wheel, WheelTwoInfos, "a wheel of two distributions": wheel("log-17.0.dist-info/METADATA");
        Wheel, WheelData, "a wheel with the data of another": wheel("log-17.0.data/scripts/a");
        Wheel, WheelData, "a wheel with data of no kind": wheel("afw-17.0.data/etc/a");
        Wheel, WheelData, "a wheel with a file for data": wheel("afw-17.0.data/scripts");
        Wheel, WheelLink, "a wheel with a link": zip(&[info(), Item::link("a", "b")]);
        Wheel, Path, "a wheel that leaves through its data": wheel("afw-17.0.data/scripts/../../a");
        Wheel, Duplicate, "a wheel whose script is there already": zip(&[
            info(), Item::stored("bin/a", b"1"), Item::stored("afw-17.0.data/scripts/a", b"2"),
        ]);
        Wheel, Duplicate, "a wheel whose purelib is its platlib": zip(&[
            info(), Item::stored("afw-17.0.data/purelib/a", b"1"), Item::stored("afw-17.0.data/platlib/a", b"1"),
        ]);
        Wheel, InsideFile, "a wheel whose file stands for bin": zip(&[
            info(), Item::stored("bin", b""), Item::stored("afw-17.0.data/scripts/a", b""),
        ]);
    }
}
