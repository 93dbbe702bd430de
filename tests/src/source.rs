//! Rust source as the walls see it: without comments, texts and tests.

use std::path::{Path, PathBuf};

/// A source file, its code line by line.
#[derive(Debug)]
pub struct Source {
    /// Where it is, relative to the checkout.
    pub path: PathBuf,
    /// Its lines, in which comments, texts and tests are blank.
    pub lines: Vec<String>,
}

/// All source files below `folder` of the checkout but those that are tests, by path.
pub fn sources(checkout: &Path, folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut tests = Vec::new();
    let mut open = vec![checkout.join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = code_of(&text);
                tests.extend(test_modules(&code).iter().map(|name| folder_of(&path).join(name)));
                let path = path.strip_prefix(checkout).unwrap().to_owned();
                sources.push(Source { path, lines: without_tests(&code) });
            }
        }
    }
    sources.retain(|source| {
        let stem = checkout.join(source.path.with_extension(""));
        !tests.iter().any(|test| stem.starts_with(test))
    });
    sources.sort_by(|one, two| one.path.cmp(&two.path));
    sources
}

/// Where the modules of the file at `path` lie.
fn folder_of(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default();
    let is_root = ["lib", "main", "mod"].iter().any(|name| stem == *name);
    if is_root { path.parent().unwrap().to_owned() } else { path.with_extension("") }
}

/// The source with the inside of comments and texts made blank, line for line.
pub fn code_of(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let skipped = comment(rest).or_else(|| raw_text(rest)).or_else(|| quoted(rest));
        match skipped {
            Some(length) => {
                let lines = rest[..length].iter().filter(|c| **c == '\n').count();
                code.push(' ');
                code.extend(std::iter::repeat_n('\n', lines));
                at += length;
            }
            None => {
                code.push(rest[0]);
                at += 1;
            }
        }
    }
    code.lines().map(str::to_owned).collect()
}

fn comment(rest: &[char]) -> Option<usize> {
    match rest {
        ['/', '/', ..] => Some(rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())),
        ['/', '*', ..] => {
            let (mut depth, mut at) = (0, 0);
            while at < rest.len() {
                match &rest[at..] {
                    ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
                    ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
                    _ => at += 1,
                }
                if depth == 0 {
                    break;
                }
            }
            Some(at)
        }
        _ => None,
    }
}

/// `r"…"`, `r#"…"#`, and the same with a `b` or `c` in front, which is left where it is.
fn raw_text(rest: &[char]) -> Option<usize> {
    let ['r', after @ ..] = rest else { return None };
    let marks = after.iter().take_while(|c| **c == '#').count();
    if after.get(marks) != Some(&'"') {
        return None;
    }
    let body = marks + 2;
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', marks)).collect();
    let length = rest[body..].windows(end.len()).position(|window| window == end)?;
    Some(body + length + end.len())
}

/// `"…"` and `'c'`; a lifetime is neither.
fn quoted(rest: &[char]) -> Option<usize> {
    match rest {
        ['"', ..] => {
            let mut at = 1;
            while at < rest.len() {
                match rest[at] {
                    '\\' => at += 2,
                    '"' => return Some(at + 1),
                    _ => at += 1,
                }
            }
            Some(rest.len())
        }
        ['\'', '\\', ..] => rest.iter().skip(3).position(|c| *c == '\'').map(|length| length + 4),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

const TEST: &str = "#[cfg(test)]";

/// Names of modules that are files of their own and only there for tests.
fn test_modules(code: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.iter().enumerate().filter(|(_, line)| line.trim() == TEST) {
        let item = code[at + 1..].iter().find(|line| !line.trim().starts_with("#["));
        let name = item.and_then(|line| line.trim().strip_suffix(';'));
        let name = name.and_then(|line| line.rsplit_once("mod ")).map(|(_, name)| name.trim());
        names.extend(name.map(str::to_owned));
    }
    names
}

/// The lines with every item behind `#[cfg(test)]` blank.
fn without_tests(code: &[String]) -> Vec<String> {
    let mut lines = Vec::with_capacity(code.len());
    let mut skipping: Option<i64> = None;
    for line in code {
        if skipping.is_none() && line.trim() == TEST {
            skipping = Some(0);
        }
        let Some(depth) = &mut skipping else {
            lines.push(line.clone());
            continue;
        };
        lines.push(String::new());
        let opened = line.matches('{').count() as i64;
        *depth += opened - line.matches('}').count() as i64;
        let closes = line.contains('}') || line.trim_end().ends_with(';');
        if *depth == 0 && closes {
            skipping = None;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blank_and_lines_stay() {
        let text = "a // b\n/* c\n /* d */ e */ f\n\"g\n\\\"h\" r#\"i\"j\"# 'k' '\\'' &'l m";

        let code = code_of(text);

        assert_eq!(code.len(), 5);
        let words: Vec<&str> = code.iter().flat_map(|line| line.split_whitespace()).collect();
        assert_eq!(words, ["a", "f", "&'l", "m"]);
    }

    #[test]
    fn tests_are_blank_and_what_follows_is_not() {
        let text = "use a;\n#[cfg(test)]\nmod tests {\n use b;\n fn c() { d() }\n}\nuse e;\n\
                    #[cfg(test)]\nmod f;\nuse g;\n#[cfg(test)]\nuse h;\nuse i;";
        let code = code_of(text);

        let kept = without_tests(&code).join(" ");

        let words: Vec<&str> = kept.split_whitespace().collect();
        assert_eq!(words, ["use", "a;", "use", "e;", "use", "g;", "use", "i;"]);
        assert_eq!(test_modules(&code), ["f"]);
    }
}
