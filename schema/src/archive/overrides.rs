//! What a tar says about an entry in front of its header: GNU long names, PAX records.
//!
//! The `tar` crate's own reading of PAX records splits them at line ends, which binary extended
//! attributes contain; readers that go by a record's length see other records. So the length is
//! followed here, and must agree with the line end.

use super::ArchiveError;
use super::tar_header::TarHeader;
use crate::shown;

/// What is known about the next entry besides its own header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    gnu_name: Option<Vec<u8>>,
    gnu_link: Option<Vec<u8>>,
    pax: Option<Pax>,
}

/// The PAX records that say what an entry is; all others (times, owners, attributes) do not count.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pax {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// An entry's name, link target and size, with all overrides applied.
pub(super) struct Applied {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
}

/// From this size on an octal field cannot hold it.
const OCTAL_END: u64 = 8 << 30;

impl Overrides {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes a GNU long name (`L`) of the entry that follows `header`.
    pub(super) fn gnu_name(
        &mut self,
        header: &TarHeader,
        data: Vec<u8>,
    ) -> Result<(), ArchiveError> {
        self.check_gnu(header, self.gnu_name.is_some())?;
        self.gnu_name = Some(without_nul(data));
        Ok(())
    }

    /// Takes a GNU long link target (`K`).
    pub(super) fn gnu_link(
        &mut self,
        header: &TarHeader,
        data: Vec<u8>,
    ) -> Result<(), ArchiveError> {
        self.check_gnu(header, self.gnu_link.is_some())?;
        self.gnu_link = Some(without_nul(data));
        Ok(())
    }

    /// Takes a PAX extended header (`x`).
    pub(super) fn pax(&mut self, header: &TarHeader, data: &[u8]) -> Result<(), ArchiveError> {
        let offset = header.offset;
        if self.pax.is_some() {
            return Err(ArchiveError::RepeatedOverride { offset });
        }
        if self.gnu_name.is_some() || self.gnu_link.is_some() {
            return Err(ArchiveError::MixedOverrides { offset });
        }
        self.pax = Some(Pax::read(data, offset)?);
        Ok(())
    }

    /// Reads a global PAX header (`g`), which must not say what entries are.
    ///
    /// `git archive` writes one with a comment.
    pub(super) fn global(&self, header: &TarHeader, data: &[u8]) -> Result<(), ArchiveError> {
        let offset = header.offset;
        if !self.is_empty() {
            return Err(ArchiveError::MixedOverrides { offset });
        }
        for record in Records::new(data, offset) {
            let (key, _) = record?;
            if matches!(key, "path" | "linkpath" | "size") || is_sparse(key) || is_gnu(key) {
                return Err(ArchiveError::PaxGlobal { offset, key: shown(key) });
            }
        }
        Ok(())
    }

    /// The entry of `header` with what was said before it.
    pub(super) fn apply(self, header: &TarHeader) -> Result<Applied, ArchiveError> {
        let pax = self.pax.unwrap_or_default();
        let name = self.gnu_name.or(pax.path).unwrap_or_else(|| header.name());
        let link = self.gnu_link.or(pax.link).unwrap_or_else(|| header.link_name());
        let size = match pax.size {
            None => header.size,
            Some(size) if size == header.size => size,
            // GNU tar, Python and Go write 0 where the field is too short for the size.
            Some(size) if size >= OCTAL_END && header.size == 0 => size,
            Some(size) => {
                let path = shown(&String::from_utf8_lossy(&name));
                return Err(ArchiveError::PaxSize { path, pax: size, header: header.size });
            }
        };
        Ok(Applied { name, link, size })
    }

    fn check_gnu(&self, header: &TarHeader, repeated: bool) -> Result<(), ArchiveError> {
        let offset = header.offset;
        if repeated {
            Err(ArchiveError::RepeatedOverride { offset })
        } else if self.pax.is_some() {
            Err(ArchiveError::MixedOverrides { offset })
        } else {
            Ok(())
        }
    }
}

/// A GNU long name ends with a NUL, which some writers leave out.
fn without_nul(mut data: Vec<u8>) -> Vec<u8> {
    if data.last() == Some(&0) {
        data.pop();
    }
    data
}

/// Keys by which several tars say that an entry has holes.
fn is_sparse(key: &str) -> bool {
    key.starts_with("GNU.sparse.") || matches!(key, "SCHILY.realsize" | "SUN.holesdata")
}

/// Keys of GNU tar's own kinds of entries: parts of volumes, listings of folders.
fn is_gnu(key: &str) -> bool {
    key.starts_with("GNU.")
}

impl Pax {
    fn read(data: &[u8], offset: u64) -> Result<Self, ArchiveError> {
        let mut pax = Self::default();
        let mut keys = std::collections::HashSet::new();
        for record in Records::new(data, offset) {
            let (key, value) = record?;
            if !keys.insert(key) {
                return Err(ArchiveError::PaxRepeated { offset, key: shown(key) });
            }
            match key {
                "path" => pax.path = Some(value.to_vec()),
                "linkpath" => pax.link = Some(value.to_vec()),
                "size" => pax.size = Some(read_size(value, offset)?),
                _ if is_sparse(key) => return Err(ArchiveError::Sparse { offset }),
                _ if is_gnu(key) => {
                    return Err(ArchiveError::PaxKey { offset, key: shown(key) });
                }
                _ => {}
            }
        }
        Ok(pax)
    }
}

fn read_size(value: &[u8], offset: u64) -> Result<u64, ArchiveError> {
    read_number(value).ok_or(ArchiveError::PaxMalformed { offset })
}

/// Decimal digits and nothing else; `parse` alone also takes `+7`.
fn read_number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The records of a PAX header: `<length> <key>=<value>\n`, the length that of all of it.
struct Records<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Records<'a> {
    fn new(data: &'a [u8], offset: u64) -> Self {
        Self { rest: data, offset }
    }

    fn record(&mut self) -> Option<(&'a str, &'a [u8])> {
        let space = self.rest.iter().position(|&byte| byte == b' ')?;
        let length = usize::try_from(read_number(&self.rest[..space])?).ok()?;
        let record = self.rest.get(space + 1..length)?.strip_suffix(b"\n")?;
        self.rest = &self.rest[length..];
        let equals = record.iter().position(|&byte| byte == b'=')?;
        let key = std::str::from_utf8(&record[..equals]).ok()?;
        let sane = !key.is_empty() && !key.contains(char::is_control);
        sane.then_some((key, &record[equals + 1..]))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(&'a str, &'a [u8]), ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.record().ok_or_else(|| {
            self.rest = &[];
            ArchiveError::PaxMalformed { offset: self.offset }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(data: &[u8]) -> Result<Vec<(&str, &[u8])>, ArchiveError> {
        Records::new(data, 0).collect()
    }

    #[test]
    fn records_go_by_their_length() {
        let data = b"12 path=a/b\n16 SCHILY.x=\n\0=\n20 comment=whatever\n";

        let read = records(data).unwrap();

        assert_eq!(read, [("path", &b"a/b"[..]), ("SCHILY.x", b"\n\0="), ("comment", b"whatever")]);
    }

    #[test]
    fn malformed_records_are_refused() {
        for data in [
            &b"13 path=a/b\n"[..],
            b"11 path=a/b\n",
            b"012 path=a/b",
            b"+12 path=a/b\n",
            b"12 path=a/b\n\n",
            b"12 path=a/b\n\0\0\0",
            b"8 patha\n",
            b"5 =a\n",
            b"path=a\n",
            b"0 \n",
            b"99999999999999999999 path=a\n",
            b"\n",
        ] {
            assert!(
                matches!(records(data), Err(ArchiveError::PaxMalformed { .. })),
                "{:?}",
                String::from_utf8_lossy(data)
            );
        }
    }

    #[test]
    fn a_size_has_one_spelling() {
        for (value, size) in
            [("0", Some(0)), ("77", Some(77)), ("", None), ("-1", None), ("1e3", None)]
        {
            assert_eq!(read_number(value.as_bytes()).filter(|_| !value.is_empty()), size);
        }
    }
}
