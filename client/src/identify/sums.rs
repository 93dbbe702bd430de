//! Checksums of files, and lists of them as `sha256sum` prints.

use std::fs::File;
use std::io::{self, BufRead, Read as _};
use std::path::Path;

use larder_schema::{Checksum, Hasher, Sums};

use super::Error;

/// One line of a list of checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The checksum.
    pub checksum: Checksum,
    /// The file that it is of, if the line says so.
    pub name: Option<String>,
}

/// The most bytes that a line may have: a path and its checksum.
const MAX_LINE: u64 = 64 << 10;

/// Reads lines as `sha256sum` prints them, also with `--tag`; a checksum alone is one too.
pub fn read_lines(mut input: impl BufRead) -> Result<Vec<Line>, Error> {
    let unreadable = |source| Error::Read { path: "-".into(), source };
    let mut lines = Vec::new();
    for number in 1.. {
        let mut bytes = Vec::new();
        let count =
            input.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        if text.trim().is_empty() {
            continue;
        }
        let refused = || Error::Line { line: number, text: text.chars().take(100).collect() };
        lines.push(read_line(text).ok_or_else(refused)?);
    }
    Ok(lines)
}

fn read_line(text: &str) -> Option<Line> {
    // A name with a newline in it is escaped, and the line begins with a backslash.
    let (escaped, text) = match text.strip_prefix('\\') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let unescaped = |name: &str| match escaped {
        true => name.replace("\\n", "\n").replace("\\\\", "\\"),
        false => name.to_owned(),
    };
    if let Some(rest) = text.strip_prefix("SHA256 (") {
        let (name, digits) = rest.rsplit_once(") = ")?;
        return Some(Line { checksum: digits.parse().ok()?, name: Some(unescaped(name)) });
    }
    let (checksum, name) = match text.split_once([' ', '\t']) {
        Some((checksum, name)) => (checksum, name.trim_start_matches([' ', '*'])),
        None => (text.trim(), ""),
    };
    let name = (!name.is_empty()).then(|| unescaped(name));
    Some(Line { checksum: checksum.parse().ok()?, name })
}

/// The sums of a file, which is read once.
pub(super) fn hash_file(path: &Path) -> io::Result<Sums> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_schema::Sha256;

    #[test]
    fn lines_of_sha256sum_are_read() {
        let sum = Sha256::of(b"x");
        let text = format!(
            "{sum}  lib/a b.so\n{sum} *binary\n\n{sum}\nblake3:{sum}  c\nSHA256 (a (1)) = {sum}\n\\{sum}  a\\nb\n"
        );

        let lines = read_lines(text.as_bytes()).unwrap();

        let names: Vec<Option<&str>> = lines.iter().map(|line| line.name.as_deref()).collect();
        let expected =
            [Some("lib/a b.so"), Some("binary"), None, Some("c"), Some("a (1)"), Some("a\nb")];
        assert_eq!(names, expected);
        assert!(matches!(lines[3].checksum, Checksum::Blake3(_)));
    }

    #[test]
    fn a_line_without_a_checksum_is_named() {
        let refusal = read_lines("\nhello world\n".as_bytes()).unwrap_err();
        assert_eq!(refusal.to_string(), "line 2 has no checksum: `hello world`");
    }
}
