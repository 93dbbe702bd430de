//! Names in a page that lists a folder.

/// What the page links to, as far as it lies in the folder itself; as EUPS reads it, three escapes
/// are decoded.
pub fn names(page: &str) -> Vec<String> {
    // The letters of tags have no case; what lies at one place lies there in both texts.
    let lower = page.to_ascii_lowercase();
    let mut names = Vec::new();
    for (at, attribute) in lower.match_indices("href=") {
        let value = &page[at + attribute.len()..];
        let Some(quote @ ('"' | '\'')) = value.chars().next() else { continue };
        let Some((name, _)) = value[1..].split_once(quote) else { break };
        let name = name.trim_start_matches("./");
        if !name.is_empty() && !name.contains(['/', '?', '#', ':']) {
            let name = name.replace("%2B", "+").replace("%2b", "+");
            names.push(name.replace("%3A", ":").replace("%3a", ":").replace("%40", "@"));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_into_the_folder_are_names() {
        let page = "<ul><li><a href=\"../\">up</a><li><A HREF='a-1%2Bb1%40Linux64.manifest'>x</a>\
                    <a href=\"b.list\">b</a><a href=\"/c.list\">c</a><a href=\"?N=D\">n</a><a href=x>";
        assert_eq!(names(page), ["a-1+b1@Linux64.manifest", "b.list"]);
        assert_eq!(names("<a href=\"open"), Vec::<String>::new());
        assert_eq!(names(""), Vec::<String>::new());
    }
}
