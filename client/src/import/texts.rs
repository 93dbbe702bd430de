//! Texts of a wheel's metadata as a record takes them: licence and summary.

use larder_schema::Text;
use larder_schema::record::UNKNOWN_LICENSE;

use super::metadata::Metadata;

/// The licence, if it is given as an SPDX expression; `License` may hold anything, and often does.
pub fn license(metadata: &Metadata) -> Text {
    [&metadata.license_expression, &metadata.license]
        .into_iter()
        .flatten()
        .filter(|text| spdx::Expression::parse(text).is_ok())
        .find_map(|text| text.parse().ok())
        .unwrap_or_else(|| UNKNOWN_LICENSE.parse().expect("it is a line of text"))
}

/// `text` as one line of at most 512 characters, without what no text may hold.
pub fn one_line(text: &str) -> Option<Text> {
    let spaced: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let printable = words
        .join(" ")
        .chars()
        .filter(|c| c.to_string().parse::<Text>().is_ok())
        .take(512)
        .collect::<String>();
    printable.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_an_spdx_expression_or_unknown() {
        let of = |lines: &str| license(&Metadata::read(lines)).to_string();
        assert_eq!(of("License-Expression: MIT OR Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(of("License: GPL-3.0-or-later"), "GPL-3.0-or-later");
        assert_eq!(of("License: BSD"), UNKNOWN_LICENSE);
        assert_eq!(of("License-Expression: whatever you like"), UNKNOWN_LICENSE);
        assert_eq!(of(""), UNKNOWN_LICENSE);
    }

    #[test]
    fn a_summary_is_one_printable_line() {
        let line = one_line("  two\nlines, \u{1b}[31mred\u{202e} ").unwrap();
        assert_eq!(line.as_str(), "two lines, [31mred");
        assert_eq!(one_line(&"x".repeat(9999)).unwrap().as_str().len(), 512);
        assert_eq!(one_line("\n"), None);
    }
}
