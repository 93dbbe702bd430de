//! Tags: of git, of EUPS, and the versions of distributions that they stand for (SQR-016).

use crate::DistributionVersion;

/// The EUPS tag of a git tag or of a distribution's version.
///
/// A tag of EUPS has no dots and begins with a letter, as it is the name of a file and of a variable.
///
/// ```
/// use larder_schema::eups::tag_of;
///
/// assert_eq!(tag_of("w.2026.47"), "w_2026_47");
/// assert_eq!(tag_of("888.0.0"), "v888_0_0");
/// assert_eq!(tag_of("888.0.0.rc1"), "v888_0_0_rc1");
/// ```
pub fn tag_of(version: &str) -> String {
    let front = if version.starts_with(|c: char| c.is_ascii_digit()) { "v" } else { "" };
    let rest = version.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    front.chars().chain(rest).collect()
}

/// The version of a distribution that an EUPS tag stands for; none where it is no name for one.
///
/// ```
/// use larder_schema::eups::version_of_tag;
///
/// assert_eq!(version_of_tag("v888_0_0_rc1").unwrap().to_string(), "888.0.0.rc1");
/// assert_eq!(version_of_tag("w_2026_47").unwrap().to_string(), "w_2026_47");
/// ```
pub fn version_of_tag(tag: &str) -> Option<DistributionVersion> {
    let numbers = tag.strip_prefix('v').map(|numbers| numbers.replace('_', "."));
    numbers
        .filter(|numbers| numbers.starts_with(|c: char| c.is_ascii_digit()))
        .and_then(|numbers| numbers.parse().ok())
        .or_else(|| tag.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_read_back_as_what_they_were_made_of() {
        for text in ["888.0.0", "888.0.0.rc1", "w_2026_47", "d_2026_11_23", "current", "v888"] {
            let version: DistributionVersion = text.parse().unwrap();
            assert_eq!(version_of_tag(&tag_of(text)), Some(version), "{text}");
        }
    }

    #[test]
    fn what_is_no_release_stays_a_label() {
        assert_eq!(version_of_tag("v1_0").unwrap().to_string(), "v1_0");
        assert_eq!(version_of_tag("v01_0_0").unwrap().to_string(), "v01_0_0");
        assert_eq!(version_of_tag("b-103"), None);
        assert_eq!(tag_of("w.2026.47"), tag_of("w_2026_47"));
    }
}
