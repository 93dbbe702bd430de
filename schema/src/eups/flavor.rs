//! Flavors: what EUPS calls a platform (`utils.determineFlavor`).

use crate::Platform;

/// What EUPS calls each os and arch.
const FLAVORS: [(&str, &str, &str); 5] = [
    ("linux", "x86_64", "Linux64"),
    ("linux", "aarch64", "Linux"),
    ("macos", "x86_64", "DarwinX86"),
    ("macos", "aarch64", "Darwin"),
    ("windows", "x86_64", "Cygwin"),
];
/// What runs everywhere.
const GENERIC: &str = "generic";

/// The flavor that an EUPS client on this platform asks for; none where EUPS knows no such machine.
///
/// ```
/// use larder_schema::eups::flavor_of;
///
/// assert_eq!(flavor_of(&"linux-x86_64-el8".parse().unwrap()), Some("Linux64"));
/// assert_eq!(flavor_of(&"any".parse().unwrap()), Some("generic"));
/// ```
pub fn flavor_of(platform: &Platform) -> Option<&'static str> {
    match platform {
        Platform::Any => Some(GENERIC),
        Platform::On { os, arch, .. } => {
            FLAVORS.iter().find(|known| (known.0, known.1) == (os, arch)).map(|known| known.2)
        }
    }
}

/// The platform that a flavor stands for, without a variant; none where it is not known.
pub fn platform_of(flavor: &str) -> Option<Platform> {
    if flavor == GENERIC {
        return Some(Platform::Any);
    }
    let (os, arch, _) = FLAVORS.iter().find(|known| known.2 == flavor)?;
    Some(Platform::On { os: (*os).to_owned(), arch: (*arch).to_owned(), variant: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavors_and_platforms_stand_for_each_other() {
        for (_, _, flavor) in FLAVORS {
            assert_eq!(flavor_of(&platform_of(flavor).unwrap()), Some(flavor));
        }
        assert_eq!(platform_of("generic"), Some(Platform::Any));
        assert_eq!(platform_of("SunOS"), None);
        assert_eq!(flavor_of(&"linux-riscv64".parse().unwrap()), None);
    }
}
