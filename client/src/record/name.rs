//! File names that say which build an archive is: `PRODUCT-VERSION-bID-PLATFORM.EXT`.
//!
//! Read from the right, since a product's name may have dashes in it.

use larder_schema::record::ARCHIVE_ENDINGS;
use larder_schema::{ArchiveName, BuildId, BuildKey, BuildName, Platform, Version};

/// The build that `name` says, if it says one and only one.
pub fn key(name: &ArchiveName) -> Option<BuildKey> {
    let stem = ARCHIVE_ENDINGS
        .iter()
        .filter_map(|ending| name.as_str().strip_suffix(ending))
        .min_by_key(|stem| stem.len())?;
    let parts: Vec<&str> = stem.split('-').collect();
    // A platform has one to three parts.
    let mut keys = (1..=3).filter_map(|length| read(&parts, length));
    let key = keys.next()?;
    keys.next().is_none().then_some(key)
}

/// `parts` as a build whose platform has the last `length` of them.
fn read(parts: &[&str], length: usize) -> Option<BuildKey> {
    let (rest, platform) = parts.split_at(parts.len().checked_sub(length)?);
    let [product @ .., version, build] = rest else { return None };
    Some(BuildKey {
        product: product.join("-").parse().ok()?,
        build: BuildName { version: version.parse().ok()?, build: build.parse().ok()? },
        platform: platform.join("-").parse().ok()?,
    })
}

/// Why `name`, which looks like one that says a build, says none.
pub(super) fn fault(name: &str) -> Option<String> {
    let stem = ARCHIVE_ENDINGS
        .iter()
        .filter_map(|ending| name.strip_suffix(ending))
        .min_by_key(|stem| stem.len())?;
    let parts: Vec<&str> = stem.split('-').collect();
    (1..=3).find_map(|length| {
        let (rest, platform) = parts.split_at(parts.len().checked_sub(length)?);
        let [_, .., version, build] = rest else { return None };
        platform.join("-").parse::<Platform>().ok()?;
        let is_number = version.starts_with(|first: char| first.is_ascii_digit());
        let version = version.parse::<Version>().err().filter(|_| is_number);
        let build = build.parse::<BuildId>().err();
        version.map(|error| error.to_string()).or_else(|| build.map(|error| error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<String> {
        key(&name.parse().unwrap()).map(|key| key.to_string())
    }

    #[test]
    fn names_are_read_from_the_right() {
        let table = [
            ("afw-17.0.1-b8466-linux-x86_64.tar.zst", "afw@17.0.1-b8466 for linux-x86_64"),
            ("a-b-17.0.1-8466-linux-x86_64-el8.tar", "a-b@17.0.1-8466 for linux-x86_64-el8"),
            ("a-1.0.0-b1-2.0.0-b2-any.tgz", "a-1.0.0-b1@2.0.0-b2 for any"),
            ("a-1.0.0-nightly-linux-x86_64.zip", "a@1.0.0-nightly for linux-x86_64"),
        ];
        for (name, expected) in table {
            assert_eq!(read(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_name_that_nearly_says_a_build_is_told_what_is_wrong() {
        let version = fault("x-1.0-b1-any.tar.zst").unwrap();
        assert!(version.contains("`1.0`"), "{version}");
        let build = fault("x-1.0.0-007-linux-x86_64.tar").unwrap();
        assert!(build.contains("`007`"), "{build}");
        for name in ["afw.tar", "some-file-of-mine.zip", "afw-17.0.1-b8466-any.tar"] {
            assert_eq!(fault(name), None, "{name}");
        }
    }

    #[test]
    fn other_names_say_nothing() {
        for name in [
            "afw.tar",
            "afw-17.0.1-any.tar",
            "afw-17.0-b1-any.tar",
            "numpy-2.4.6-cp311-cp311-x.whl",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
