//! Which bytes a `Range` means (RFC 9110 section 14).

use std::ops::Range;

/// Which bytes are to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// All.
    Whole,
    /// These; at least one.
    Part(Range<u64>),
    /// The range lies outside.
    Outside,
}

/// What a header means for `size` bytes. What is no single range of bytes is not obeyed: that is
/// allowed, and several ranges in one answer are a way to make a server work.
pub(super) fn choose(header: Option<&str>, size: u64) -> Choice {
    let Some(spec) = header.and_then(ranges) else { return Choice::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Choice::Whole };
    let (first, last) = (first.trim(), last.trim());
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => return Choice::Whole,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Choice::Whole,
    };
    if range.start < range.end { Choice::Part(range) } else { Choice::Outside }
}

fn ranges(header: &str) -> Option<&str> {
    let (unit, ranges) = header.split_once('=')?;
    (unit.trim().eq_ignore_ascii_case("bytes") && !ranges.contains(',')).then_some(ranges)
}

/// A number; one that is too large is as good as the largest.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_obeyed() {
        for (header, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("Bytes = 2-", 2..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("bytes=4-99999999999999999999999", 4..10),
        ] {
            assert_eq!(choose(Some(header), 10), Choice::Part(range), "{header}");
        }
    }

    #[test]
    fn outside_is_told() {
        for header in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(choose(Some(header), 10), Choice::Outside, "{header}");
        }
        assert_eq!(choose(Some("bytes=0-"), 0), Choice::Outside);
    }

    #[test]
    fn anything_else_means_all() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "lines=1-2",
            "bytes=0-1,4-5",
            "bytes=a-b",
            "bytes=+1-2",
        ] {
            assert_eq!(choose(Some(header), 10), Choice::Whole, "{header}");
        }
        assert_eq!(choose(None, 10), Choice::Whole);
    }
}
