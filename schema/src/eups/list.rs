//! Tag lists: which version of each product a tag stands for.

use std::fmt;

use super::MAX_LINES;

/// A tag list.
///
/// ```
/// use larder_schema::eups::TagList;
///
/// let text = "EUPS distribution w_2026_47 version list. Version 1.0\n\
///             #BUILD=b103\n\
///             #product             flavor     version\n\
///             lz_app               generic    3.1.0+b103\n";
/// let list = TagList::read(text).unwrap();
/// assert_eq!((list.tag.as_str(), list.parameter("BUILD")), ("w_2026_47", Some("b103")));
/// assert_eq!(list.to_string(), text);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// The tag.
    pub tag: String,
    /// What stands in comments as `#KEY=value`, in order.
    pub parameters: Vec<(String, String)>,
    /// Its products.
    pub lines: Vec<ListLine>,
}

/// One product of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListLine {
    /// The product.
    pub product: String,
    /// For which flavor; `generic` for whichever is asked.
    pub flavor: String,
    /// Its version.
    pub version: String,
}

/// A text is no tag list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListFault {
    /// The first line is another.
    #[error(
        "it does not begin with `EUPS distribution TAG version list. Version 1.0`, but with `{line}`"
    )]
    Header {
        /// The first line.
        line: String,
    },
    /// A line has too little in it.
    #[error("line {number}, `{line}`, is not `product flavor version`")]
    Line {
        /// Which line, from 1.
        number: usize,
        /// The line.
        line: String,
    },
    /// It has too many lines.
    #[error("it has more than {MAX_LINES} lines")]
    TooLong,
}

impl TagList {
    /// Reads a tag list.
    pub fn read(text: &str) -> Result<Self, ListFault> {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let tag = first
            .trim()
            .strip_prefix("EUPS distribution ")
            .and_then(|rest| rest.split_once(" version list. Version "))
            .map(|(tag, _)| tag)
            .filter(|tag| !tag.contains(char::is_whitespace));
        let Some(tag) = tag else {
            return Err(ListFault::Header { line: crate::shown(first) });
        };
        let mut list = Self { tag: tag.to_owned(), ..Self::default() };
        for (index, line) in lines.enumerate() {
            if index >= MAX_LINES {
                return Err(ListFault::TooLong);
            }
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                list.parameters.extend(parameter(comment));
                continue;
            }
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (None, _, _) => {}
                (Some(product), Some(flavor), Some(version)) => list.lines.push(ListLine {
                    product: product.to_owned(),
                    flavor: flavor.to_owned(),
                    version: version.to_owned(),
                }),
                _ => {
                    let line = crate::shown(line);
                    return Err(ListFault::Line { number: index + 2, line });
                }
            }
        }
        Ok(list)
    }

    /// What a comment says of `name`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn parameter(comment: &str) -> Option<(String, String)> {
    let (key, value) = comment.trim().split_once('=')?;
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_key.then(|| (key.to_owned(), value.trim().to_owned()))
}

impl fmt::Display for TagList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "EUPS distribution {} version list. Version 1.0", self.tag)?;
        for (key, value) in &self.parameters {
            writeln!(f, "#{key}={value}")?;
        }
        writeln!(f, "{:<20} {:<10} version", "#product", "flavor")?;
        for line in &self.lines {
            writeln!(f, "{:<20} {:<10} {}", line.product, line.flavor, line.version)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_flavors_and_more_columns_are_read_as_they_stand() {
        let text = "EUPS distribution t version list. Version 1.0\r\n\r\n\
                    a Linux64 1.0 more columns\r\n a DarwinX86  2.0\r\n";

        let list = TagList::read(text).unwrap();

        let lines: Vec<_> = list.lines.iter().map(|l| (&*l.flavor, &*l.version)).collect();
        assert_eq!(lines, [("Linux64", "1.0"), ("DarwinX86", "2.0")]);
    }

    #[test]
    fn what_is_no_list_is_told_with_its_line() {
        let page = TagList::read("<html><body>Not here</body></html>").unwrap_err();
        assert!(page.to_string().contains("<html>"), "{page}");
        let short = "EUPS distribution t version list. Version 1.0\na Linux64\n";
        assert_eq!(
            TagList::read(short),
            Err(ListFault::Line { number: 2, line: "a Linux64".into() })
        );
        assert!(TagList::read("").is_err());
    }
}
