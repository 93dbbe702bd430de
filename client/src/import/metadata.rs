//! `METADATA` of a wheel: the header lines that a build record is made from.
//!
//! The grammar is that of electronic mail headers (core metadata specifications): a folded value
//! goes on in lines that begin with a blank, and the description follows an empty line.

/// What `METADATA` says, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `Name`.
    pub name: String,
    /// `Version`.
    pub version: String,
    /// `Summary`.
    pub summary: Option<String>,
    /// `License-Expression`.
    pub license_expression: Option<String>,
    /// `License`, which may be anything.
    pub license: Option<String>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    /// `Requires-Dist`, each.
    pub requires_dist: Vec<String>,
    /// `Provides-Extra`, each.
    pub provides_extra: Vec<String>,
}

impl Metadata {
    /// Reads the header lines of `text`.
    pub fn read(text: &str) -> Self {
        let mut metadata = Self::default();
        for (field, value) in fields(text) {
            metadata.take(&field.to_ascii_lowercase(), value);
        }
        metadata
    }

    fn take(&mut self, field: &str, value: String) {
        let once = |place: &mut Option<String>, value: String| {
            if place.is_none() && !value.is_empty() && value != "UNKNOWN" {
                *place = Some(value);
            }
        };
        match field {
            "name" if self.name.is_empty() => self.name = value,
            "version" if self.version.is_empty() => self.version = value,
            "summary" => once(&mut self.summary, value),
            "license-expression" => once(&mut self.license_expression, value),
            "license" => once(&mut self.license, value),
            "requires-python" => once(&mut self.requires_python, value),
            "requires-dist" => self.requires_dist.push(value),
            "provides-extra" => self.provides_extra.push(value),
            _ => {}
        }
    }
}

/// The header lines, folded ones joined.
fn fields(text: &str) -> Vec<(&str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((field, value)) = line.split_once(':') {
            fields.push((field.trim(), value.trim().to_owned()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_lines_end_at_the_first_empty_line() {
        let text = "Metadata-Version: 2.4\r\nName: PyYAML\r\nVersion: 6.0.4\r\nSummary: YAML\r\n\
                    License: MIT\r\n  and more\r\nRequires-Dist: a>=1\r\nrequires-dist: b\r\n\
                    Provides-Extra: x\r\n\r\nName: not this\r\nRequires-Dist: nor this\r\n";

        let metadata = Metadata::read(text);

        assert_eq!(metadata.name, "PyYAML");
        assert_eq!(metadata.requires_dist, ["a>=1", "b"]);
        assert_eq!(metadata.license.as_deref(), Some("MIT\nand more"));
        assert_eq!(metadata.provides_extra, ["x"]);
    }

    #[test]
    fn what_stands_first_counts_and_unknown_is_nothing() {
        let metadata = Metadata::read("Name: a\nName: b\nSummary: UNKNOWN\n");
        assert_eq!(metadata.name, "a");
        assert_eq!(metadata.summary, None);
    }
}
