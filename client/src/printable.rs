//! What others wrote, made fit for a terminal: it may be read and must not act.
//!
//! A problem from a server, a file's name or a history can hold escape sequences that repaint the
//! screen, and marks that turn the order of letters. JSON is not our job: it escapes by itself.

use std::borrow::Cow;

/// One line: line ends are escaped too, so that nobody can add a line of his own.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, acts)
}

/// Several lines that are ours: line ends stay, all else that acts on a terminal is escaped.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && acts(c))
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// Whether a terminal does something at `c` instead of showing it.
fn acts(c: char) -> bool {
    let turns = matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(c, '\u{2028}' | '\u{2029}');
    // C0, DEL and C1.
    c.is_control() || turns || ends_line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        for (text, safe) in [
            ("\x1b[2J\x1b]0;title\x07", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("a\rb\x08\x7f", "a\\rb\\u{8}\\u{7f}"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("\u{202e}gpj.\u{2066}\u{200f}\u{61c}", "\\u{202e}gpj.\\u{2066}\\u{200f}\\u{61c}"),
            ("\0\t\u{2028}", "\\u{0}\\t\\u{2028}"),
        ] {
            assert_eq!(line(text), safe);
            assert_eq!(lines(text), safe);
        }
    }

    #[test]
    fn what_is_only_shown_stays_as_it_is() {
        for text in ["", "lib/libafw.so", "é → 日本語 ✓", r"C:\u{1b}"] {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn only_lines_of_ours_end() {
        assert_eq!(line("a\nerror: b"), "a\\nerror: b");
        assert_eq!(lines("a\n\x1bb\n"), "a\n\\u{1b}b\n");
    }
}
