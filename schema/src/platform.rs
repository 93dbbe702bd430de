//! Platforms: what a build runs on.

use std::fmt;
use std::str::FromStr;

/// What a build runs on: `<os>-<arch>[-<variant>]`, or `any`.
///
/// ```
/// use larder_schema::Platform;
///
/// let asked: Platform = "linux-x86_64".parse().unwrap();
/// assert!("linux-x86_64-cp311".parse::<Platform>().unwrap().fits(&asked));
/// assert!("any".parse::<Platform>().unwrap().fits(&asked));
/// assert!(!"linux-aarch64".parse::<Platform>().unwrap().fits(&asked));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// Runs everywhere.
    Any,
    /// Runs on one operating system and architecture.
    On {
        /// `linux`, `macos`, `windows`, …
        os: String,
        /// `x86_64`, `aarch64`, …
        arch: String,
        /// Tells several builds for one os and arch apart: `el8`, `cp311`.
        variant: Option<String>,
    },
}

/// A text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no platform: write `<os>-<arch>` or `<os>-<arch>-<variant>`, such as \
     `linux-x86_64` or `linux-x86_64-cp311`, or `any`"
)]
pub struct ParsePlatformError {
    text: String,
}

fn is_of(text: &str, more: &[u8], digits: bool) -> bool {
    let good = |byte: u8| {
        byte.is_ascii_lowercase() || more.contains(&byte) || digits && byte.is_ascii_digit()
    };
    (1..=64).contains(&text.len()) && text.bytes().all(good)
}

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "any" {
            return Ok(Self::Any);
        }
        let parts: Vec<&str> = text.split('-').collect();
        let (os, arch, variant) = match parts[..] {
            [os, arch] => (os, arch, None),
            [os, arch, variant] => (os, arch, Some(variant)),
            _ => ("", "", None),
        };
        let good = os != "any"
            && is_of(os, b"", false)
            && is_of(arch, b"_", true)
            && variant.is_none_or(|variant| is_of(variant, b"_.", true));
        if !good {
            return Err(ParsePlatformError { text: crate::shown(text) });
        }
        let variant = variant.map(str::to_owned);
        Ok(Self::On { os: os.to_owned(), arch: arch.to_owned(), variant })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.pad("any"),
            Self::On { os, arch, variant: None } => f.pad(&format!("{os}-{arch}")),
            Self::On { os, arch, variant: Some(variant) } => {
                f.pad(&format!("{os}-{arch}-{variant}"))
            }
        }
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

crate::text_serde!(Platform);

impl Platform {
    /// The platform of the machine that this program was built for, without a variant.
    pub fn of_this_host() -> Self {
        Self::On {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            variant: None,
        }
    }

    /// The same platform without its variant.
    pub fn without_variant(&self) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::On { os, arch, .. } => {
                Self::On { os: os.clone(), arch: arch.clone(), variant: None }
            }
        }
    }

    /// Whether a build for this platform may go into an environment for `asked`.
    ///
    /// Asked for `linux-x86_64`, builds for it, for its variants and for `any` fit; asked for a
    /// variant, only that variant, none, and `any`. Asked for `any`, only `any` fits.
    pub fn fits(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Any, _) => true,
            (Self::On { .. }, Self::Any) => false,
            (
                Self::On { os, arch, variant },
                Self::On { os: asked_os, arch: asked_arch, variant: asked_variant },
            ) => {
                let variant_fits = match (variant, asked_variant) {
                    (Some(variant), Some(asked)) => variant == asked,
                    _ => true,
                };
                os == asked_os && arch == asked_arch && variant_fits
            }
        }
    }
}

/// The platform among `there` that an environment for `asked` takes, if there is just one best; also the
/// one that is meant where a record for `asked` names a build without its platform.
///
/// The very platform goes first, then the only one that fits otherwise, then `any`.
pub fn fitting<'a>(there: &'a [Platform], asked: &Platform) -> Option<&'a Platform> {
    let mut others =
        there.iter().filter(|platform| **platform != Platform::Any && platform.fits(asked));
    if let Some(same) = there.iter().find(|platform| *platform == asked) {
        return Some(same);
    }
    match (others.next(), others.next()) {
        (Some(only), None) => Some(only),
        (Some(_), Some(_)) => None,
        (None, _) => there.iter().find(|platform| **platform == Platform::Any),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(build: &str, asked: &str) -> bool {
        build.parse::<Platform>().unwrap().fits(&asked.parse().unwrap())
    }

    #[test]
    fn a_variant_asked_for_excludes_the_others() {
        assert!(fits("linux-x86_64-cp311", "linux-x86_64-cp311"));
        assert!(fits("linux-x86_64", "linux-x86_64-cp311"));
        assert!(fits("any", "linux-x86_64-cp311"));
        assert!(!fits("linux-x86_64-cp312", "linux-x86_64-cp311"));
        assert!(!fits("linux-x86_64", "any"));
    }

    #[test]
    fn what_is_not_os_and_arch_is_refused() {
        for text in ["", "linux", "Linux-x86_64", "linux-x86-64-a", "linux-", "any-x", "li nux-x"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_platform_that_fits_is_found_or_must_be_named() {
        let fit = |there: &[&str]| {
            let there: Vec<Platform> = there.iter().map(|text| text.parse().unwrap()).collect();
            fitting(&there, &"linux-x86_64".parse().unwrap()).map(ToString::to_string)
        };
        assert_eq!(fit(&["any", "linux-x86_64-cp311", "linux-x86_64"]).unwrap(), "linux-x86_64");
        assert_eq!(fit(&["any", "linux-x86_64-cp311"]).unwrap(), "linux-x86_64-cp311");
        assert_eq!(fit(&["any", "macos-aarch64"]).unwrap(), "any");
        assert_eq!(fit(&["linux-x86_64-cp311", "linux-x86_64-cp312"]), None);
        assert_eq!(fit(&["macos-aarch64"]), None);
    }

    proptest::proptest! {
        #[test]
        fn platforms_read_back(text in "[a-z]{1,8}-[a-z0-9_]{1,8}(-[a-z0-9_.]{1,8})?") {
            proptest::prop_assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
    }
}
