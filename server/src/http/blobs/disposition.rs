//! `Content-Disposition: attachment` with a name that strangers chose (RFC 6266).

use std::fmt::Write as _;

/// The header for a file of this name.
pub(super) fn attachment(name: &str) -> String {
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut header = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        header.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            if is_plain(char::from(byte)) && byte.is_ascii() {
                header.push(char::from(byte));
            } else {
                let _ = write!(header, "%{byte:02X}");
            }
        }
    }
    header
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._-+".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(
            attachment("afw-17.0.1-b8466+x.tar.zst"),
            "attachment; filename=\"afw-17.0.1-b8466+x.tar.zst\""
        );
    }

    #[test]
    fn no_name_gets_out_of_its_quotes() {
        assert_eq!(
            attachment("a\"; b=\r\né.zip"),
            "attachment; filename=\"a___b____.zip\"; filename*=UTF-8''a%22%3B%20b%3D%0D%0A%C3%A9.zip"
        );
    }
}
