//! The walls of the house, as rules over sources: which word may stand where.

use crate::source::Source;

/// A word that may stand in some places only.
#[derive(Clone, Copy, Debug)]
pub struct Wall {
    /// What the wall says.
    pub says: &'static str,
    /// Sources behind it: what their paths begin with.
    pub around: &'static [&'static str],
    /// The words.
    pub words: &'static [&'static str],
    /// Where they may stand: what paths begin with.
    pub except: &'static [&'static str],
}

/// Every place where `sources` go through the wall: `file:line: what it says`.
pub fn breaches(wall: &Wall, sources: &[Source]) -> Vec<String> {
    let under = |source: &Source, places: &[&str]| {
        places.iter().any(|place| source.path.to_string_lossy().starts_with(place))
    };
    sources
        .iter()
        .filter(|source| under(source, wall.around) && !under(source, wall.except))
        .flat_map(|source| source.lines.iter().enumerate().map(move |line| (source, line)))
        .filter(|(_, (_, line))| wall.words.iter().any(|word| has_word(line, word)))
        .map(|(source, (at, line))| {
            format!("{}:{}: {}: `{}`", source.path.display(), at + 1, wall.says, line.trim())
        })
        .collect()
}

/// Whether `word` stands in `line` and is not a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let goes_on = word.chars().next_back().is_some_and(is_name) && after.is_some_and(is_name);
        !before.is_some_and(is_name) && !goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::code_of;

    const WALL: Wall = Wall {
        says: "only http/ names actix-web",
        around: &["server/src"],
        words: &["actix_web"],
        except: &["server/src/http/"],
    };

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), lines: code_of(text) }
    }

    #[test]
    fn a_breach_is_named_with_file_and_line() {
        let sources = [source("server/src/registry/x.rs", "// actix_web\nuse actix_web::web;")];

        let breaches = breaches(&WALL, &sources);

        let named = "server/src/registry/x.rs:2: only http/ names actix-web: `use actix_web::web;`";
        assert_eq!(breaches, [named]);
    }

    #[test]
    fn what_is_allowed_elsewhere_or_longer_is_no_breach() {
        let sources = [
            source("server/src/http/serve.rs", "use actix_web::web;"),
            source("client/src/x.rs", "use actix_web::web;"),
            source("server/src/x.rs", "let my_actix_web_thing = 1;"),
        ];

        assert!(breaches(&WALL, &sources).is_empty());
    }
}
