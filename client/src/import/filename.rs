//! The file name of a wheel, which says what it is and what it runs on.
//!
//! `{name}-{version}(-{build})?-{python}-{abi}-{platform}.whl`, each tag a set joined by dots
//! (the binary distribution format of Python packages). What the tags mean is in
//! [`super::tags`].

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The parts of a wheel's file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName {
    /// The project, as the name spells it.
    pub project: String,
    /// The version, as the name spells it.
    pub version: String,
    /// Which Pythons: `cp311`, `py3`.
    pub pythons: Vec<String>,
    /// Which binary interfaces: `cp311`, `abi3`, `none`.
    pub abis: Vec<String>,
    /// Which platforms: `manylinux_2_28_x86_64`, `any`.
    pub platforms: Vec<String>,
}

/// A file name is no wheel's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no wheel's file name: it should read NAME-VERSION-PYTHON-ABI-PLATFORM.whl; give \
     the file the name that it was published with"
)]
pub struct ParseWheelNameError {
    text: String,
}

impl FromStr for WheelName {
    type Err = ParseWheelNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseWheelNameError { text: super::shown(text) };
        let stem = text.strip_suffix(".whl").ok_or_else(refused)?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (project, version, [python, abi, platform]) = match parts[..] {
            [project, version, python, abi, platform] => {
                (project, version, [python, abi, platform])
            }
            [project, version, build, python, abi, platform]
                if build.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                (project, version, [python, abi, platform])
            }
            _ => return Err(refused()),
        };
        let good = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.+!".contains(&b))
        };
        if ![project, version, python, abi, platform].into_iter().all(good) {
            return Err(refused());
        }
        let set = |part: &str| part.split('.').map(str::to_owned).collect();
        Ok(Self {
            project: project.to_owned(),
            version: version.to_owned(),
            pythons: set(python),
            abis: set(abi),
            platforms: set(platform),
        })
    }
}

impl WheelName {
    /// The name of the file at `path`.
    pub fn of_path(path: &Path) -> Result<Self, ParseWheelNameError> {
        path.file_name().unwrap_or_default().to_string_lossy().parse()
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pythons, abis) = (self.pythons.join("."), self.abis.join("."));
        let platforms = self.platforms.join(".");
        write!(f, "{}-{}-{pythons}-{abis}-{platforms}.whl", self.project, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_sets() {
        let text = "wrapt-2.5.2-cp311-cp311-manylinux1_x86_64.manylinux_2_5_x86_64.whl";

        let name: WheelName = text.parse().unwrap();

        assert_eq!((name.project.as_str(), name.version.as_str()), ("wrapt", "2.5.2"));
        assert_eq!(name.platforms, ["manylinux1_x86_64", "manylinux_2_5_x86_64"]);
        assert_eq!(name.to_string(), text);
    }

    #[test]
    fn a_build_tag_begins_with_a_digit() {
        let name: WheelName = "a-1.0-1b-py3-none-any.whl".parse().unwrap();
        assert_eq!(name.pythons, ["py3"]);
        assert!("a-1.0-x-py3-none-any.whl".parse::<WheelName>().is_err());
    }

    #[test]
    fn what_is_no_wheel_is_named() {
        for text in ["", "a.whl", "a-1.0.whl", "a-1.0-py3-none-any.zip", "a-1.0-py3-none-.whl"] {
            let refusal = text.parse::<WheelName>().unwrap_err().to_string();
            assert!(refusal.contains(&format!("`{text}`")), "{refusal}");
        }
    }
}
