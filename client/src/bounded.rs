//! Reads files no further than a bound.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most so many bytes; of one that has more no more is read.
pub fn read(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most_bytes {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_too_large() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "four").unwrap();

        assert_eq!(read(file.path(), 4).unwrap(), b"four");
        for (path, most) in [(file.path(), 3), (Path::new("/dev/zero"), 1 << 20)] {
            assert_eq!(read(path, most).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
    }
}
