//! Texts for snapshots: what differs from run to run is replaced.

/// `text` with ports, times, request ids, temporary folders and checksums replaced.
pub fn redacted(text: &str) -> String {
    let text = replaced_after(text, "127.0.0.1:", |c| c.is_ascii_digit(), "PORT");
    let text = replaced_after(&text, "localhost:", |c| c.is_ascii_digit(), "PORT");
    let folder = std::env::temp_dir().to_string_lossy().into_owned();
    let text = replaced_after(&text, &format!("{folder}/.tmp"), |c| c.is_ascii_alphanumeric(), "");
    let text = text.replace(&format!("{folder}/.tmp"), "TMP");
    let text = hex_replaced(&text);
    times_replaced(&text)
}

/// `text` in which what follows each `mark` and `fits` is replaced by `by`.
fn replaced_after(text: &str, mark: &str, fits: impl Fn(char) -> bool, by: &str) -> String {
    let mut parts = text.split(mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(mark);
        out.push_str(by);
        out.push_str(part.trim_start_matches(&fits));
    }
    out
}

/// Runs of 64 hex digits become `HEX`.
fn hex_replaced(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    let end = |run: &mut String, out: &mut String| {
        out.push_str(if run.len() == 64 { "HEX" } else { run });
        run.clear();
    };
    for character in text.chars() {
        if character.is_ascii_hexdigit() && !character.is_ascii_uppercase() {
            run.push(character);
        } else {
            end(&mut run, &mut out);
            out.push(character);
        }
    }
    end(&mut run, &mut out);
    out
}

/// Times as RFC 3339 has them become `TIME`.
fn times_replaced(text: &str) -> String {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:ddZ";
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let candidate = rest.as_bytes().get(..SHAPE.len());
        let is_time = candidate.is_some_and(|candidate| {
            candidate.iter().zip(SHAPE).all(|(byte, shape)| match shape {
                b'd' => byte.is_ascii_digit(),
                shape => byte == shape,
            })
        });
        if is_time {
            out.push_str("TIME");
            rest = &rest[SHAPE.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn what_differs_is_replaced() {
        let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let folder = std::env::temp_dir().join(".tmpAb3xYz/data");
        let text = format!(
            "http://127.0.0.1:41234/x {sum} deadbeef 2026-11-23T06:00:00Z {}",
            folder.display()
        );

        assert_eq!(redacted(&text), "http://127.0.0.1:PORT/x HEX deadbeef TIME TMP/data");
    }
}
