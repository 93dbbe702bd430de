//! The one writer of archives: a tar with nothing in it but what counts (POSIX ustar; PAX records only
//! where they are needed), so that the same entries make the same bytes.

use std::io::{self, Read, Write};

use ::tar::{EntryType, Header};

/// The time of all entries: 1980-01-01, the first that every archive format can hold.
const TIME: u64 = 315_532_800;
/// From this size on the header's field is too short.
const OCTAL_END: u64 = 8 << 30;
const BLOCK: u64 = 512;
const NAME: usize = 100;
const PREFIX: usize = 155;

/// Writes a tar.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
}

/// A file was not written.
#[derive(Debug)]
pub enum FileFault {
    /// It could not be read.
    Read(io::Error),
    /// It is shorter or longer than it was.
    Changed,
    /// The archive could not be written.
    Write(io::Error),
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl<W: Write> Writer<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes a folder.
    pub fn folder(&mut self, path: &str) -> io::Result<()> {
        self.header(&format!("{path}/"), EntryType::Directory, 0o755, 0, "")
    }

    /// Writes a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.header(path, EntryType::Symlink, 0o777, 0, target)
    }

    /// Writes a second name of a file that was written before.
    pub fn hard_link(&mut self, path: &str, existing: &str) -> io::Result<()> {
        self.header(path, EntryType::Link, 0o644, 0, existing)
    }

    /// Writes a file that has `size` bytes.
    pub fn file(
        &mut self,
        path: &str,
        executable: bool,
        size: u64,
        mut content: impl Read,
    ) -> Result<(), FileFault> {
        let mode = if executable { 0o755 } else { 0o644 };
        self.header(path, EntryType::Regular, mode, size, "")?;
        let mut chunk = vec![0; 256 << 10];
        let mut left = size;
        loop {
            let count = match content.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(FileFault::Read(error)),
            };
            left = left.checked_sub(count as u64).ok_or(FileFault::Changed)?;
            self.out.write_all(&chunk[..count])?;
        }
        if left > 0 {
            return Err(FileFault::Changed);
        }
        Ok(self.fill_up(size)?)
    }

    /// Writes the end, and gives `out` back.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        Ok(self.out)
    }

    fn header(
        &mut self,
        path: &str,
        kind: EntryType,
        mode: u32,
        size: u64,
        link: &str,
    ) -> io::Result<()> {
        let mut records = Vec::new();
        let split = split(path);
        if split.is_none() {
            record(&mut records, "path", path);
        }
        if link.len() > NAME || !link.is_ascii() {
            record(&mut records, "linkpath", link);
        }
        if size >= OCTAL_END {
            record(&mut records, "size", &size.to_string());
        }
        if !records.is_empty() {
            let length = records.len() as u64;
            self.plain_header(("", "././@PaxHeader"), EntryType::XHeader, 0o644, length, "")?;
            self.out.write_all(&records)?;
            self.fill_up(length)?;
        }
        // POSIX: what a record says stands in for the field, which then holds what it can.
        let size = if size >= OCTAL_END { 0 } else { size };
        self.plain_header(split.unwrap_or(("", path)), kind, mode, size, link)
    }

    fn plain_header(
        &mut self,
        (prefix, name): (&str, &str),
        kind: EntryType,
        mode: u32,
        size: u64,
        link: &str,
    ) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(TIME);
        header.set_size(size);
        if let Some(fields) = header.as_ustar_mut() {
            fill(&mut fields.name, name);
            fill(&mut fields.prefix, prefix);
            fill(&mut fields.linkname, link);
        }
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }

    fn fill_up(&mut self, size: u64) -> io::Result<()> {
        let past = (size % BLOCK) as usize;
        let zeros = [0; BLOCK as usize];
        if past > 0 { self.out.write_all(&zeros[past..]) } else { Ok(()) }
    }
}

/// `path` as the two fields of a header, if they can hold it.
fn split(path: &str) -> Option<(&str, &str)> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= NAME {
        return Some(("", path));
    }
    path.match_indices('/')
        .map(|(at, _)| (&path[..at], &path[at + 1..]))
        .find(|(prefix, name)| prefix.len() <= PREFIX && (1..=NAME).contains(&name.len()))
}

/// As much of `text` as the field holds, in ASCII: where that is not all, a record says the rest.
fn fill(field: &mut [u8], text: &str) {
    for (byte, character) in field.iter_mut().zip(text.chars()) {
        *byte = if character.is_ascii() { character as u8 } else { b'_' };
    }
}

/// A PAX record, which begins with its own length.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length.to_string().len() + rest.len() != length {
        length = length.to_string().len() + rest.len();
    }
    records.extend_from_slice(format!("{length}{rest}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_begin_with_their_own_length() {
        for length in [1, 88, 89, 90, 985, 986, 987] {
            let mut records = Vec::new();
            record(&mut records, "path", &"x".repeat(length));
            let text = String::from_utf8(records.clone()).unwrap();
            let said: usize = text.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(said, records.len());
        }
    }

    #[test]
    fn long_paths_are_split_where_they_can_be() {
        let (a, b) = ("a".repeat(155), "b".repeat(100));
        let path = format!("{a}/{b}");
        assert_eq!(split(&path), Some((a.as_str(), b.as_str())));
        assert_eq!(split(&format!("{a}x/{b}")), None);
        assert_eq!(split(&format!("{a}/{b}x")), None);
        assert_eq!(split(&format!("{}/", "c".repeat(100))), None);
        assert_eq!(split("é"), None);
    }

    #[test]
    fn a_huge_file_has_its_size_in_a_record() {
        let mut writer = Writer::new(Vec::new());
        writer.header("x", EntryType::Regular, 0o644, OCTAL_END, "").unwrap();
        let text = String::from_utf8_lossy(&writer.out).into_owned();
        assert!(text.contains("19 size=8589934592\n"), "{text}");
        let mut writer = Writer::new(Vec::new());
        writer.header("x", EntryType::Regular, 0o644, OCTAL_END - 1, "").unwrap();
        assert_eq!(writer.out.len(), 512);
    }

    #[test]
    fn a_file_that_changed_is_found() {
        for size in [2, 4] {
            let mut writer = Writer::new(io::sink());
            let fault = writer.file("x", false, size, &b"abc"[..]);
            assert!(matches!(fault, Err(FileFault::Changed)));
        }
    }
}
