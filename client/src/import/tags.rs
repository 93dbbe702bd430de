//! A wheel's tags as a platform and as needs of the host.

use std::collections::{BTreeMap, BTreeSet};

use larder_schema::{Need, Platform};

use super::filename::WheelName;
use super::python::{Binding, Python};

/// What a wheel runs on.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The platform.
    pub platform: Platform,
    /// How it is bound to Python.
    pub binding: Binding,
    /// What it needs beside Python: `glibc`, `macos`.
    pub needs: BTreeMap<String, Need>,
    /// Whether a tag names Linux and says nothing of its C library.
    pub any_glibc: bool,
}

/// Tags that no build can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagFault {
    /// Only for the musl C library.
    #[error(
        "it is built for the musl C library (`{tag}`), and larder's builds for Linux are for \
         glibc; take the manylinux wheel"
    )]
    Musl {
        /// One of the tags.
        tag: String,
    },
    /// Not for Python 3, or for another implementation than the usual one.
    #[error("it is built for `{tag}`; larder imports wheels for CPython 3")]
    Python {
        /// One of the tags.
        tag: String,
    },
    /// For several Pythons, each with an interface of its own.
    #[error("it is built for several Pythons (`{tags}`); choose one, such as `--python 3.11`")]
    SeveralPythons {
        /// The tags.
        tags: String,
    },
    /// For several systems or processors.
    #[error("it is built for {}; choose one with `--platform`", listed(.platforms))]
    SeveralPlatforms {
        /// Them.
        platforms: Vec<Platform>,
    },
    /// A platform that larder has no word for.
    #[error("larder does not know the platform tag `{tag}`")]
    UnknownPlatform {
        /// The tag.
        tag: String,
    },
}

fn listed(platforms: &[Platform]) -> String {
    platforms.iter().map(|platform| format!("`{platform}`")).collect::<Vec<_>>().join(" and ")
}

impl Target {
    /// What `name` says; `platform` and `python` choose where it says several things.
    pub fn of(
        name: &WheelName,
        platform: Option<&Platform>,
        python: Option<Python>,
    ) -> Result<Self, TagFault> {
        let (binding, variant) = binding(name, python)?;
        let system = System::choose(&name.platforms, platform)?;
        let platform = match system.os_and_arch {
            None => Platform::Any,
            Some((os, arch)) => Platform::On { os: os.to_owned(), arch, variant },
        };
        let mut needs = BTreeMap::new();
        if let Some((host, version)) = system.least {
            let need = format!(">={}.{}", version.0, version.1);
            needs.insert(host.to_owned(), need.parse().expect("two numbers are a need"));
        }
        Ok(Self { platform, binding, needs, any_glibc: system.any_glibc })
    }
}

/// How `name` is bound to Python, and the platform's variant that follows from it.
fn binding(
    name: &WheelName,
    python: Option<Python>,
) -> Result<(Binding, Option<String>), TagFault> {
    let pythons: Vec<(&str, Python)> = name
        .pythons
        .iter()
        .filter_map(|tag| Some((tag.as_str(), Python::of_tag(tag)?)))
        .filter(|(tag, python)| {
            (tag.starts_with("py") || tag.starts_with("cp")) && python.major == 3
        })
        .collect();
    let Some((_, least)) = pythons.iter().min_by_key(|(_, python)| *python) else {
        return Err(TagFault::Python { tag: name.pythons.join(".") });
    };
    if name.abis.iter().any(|abi| abi == "abi3") {
        return Ok((Binding::AtLeast(*least), None));
    }
    let to_one = |tag: &str, python| (Binding::To(python), Some(tag.to_owned()));
    let abis: Vec<&str> =
        name.abis.iter().map(String::as_str).filter(|abi| abi.starts_with("cp")).collect();
    match abis[..] {
        [abi] => match Python::of_tag(abi) {
            Some(python) => Ok(to_one(abi, python)),
            None => Err(TagFault::Python { tag: abi.to_owned() }),
        },
        [] if name.abis.iter().any(|abi| abi == "none") => Ok(without_abi(&pythons, *least)),
        [] => Err(TagFault::Python { tag: name.abis.join(".") }),
        [..] => abis
            .iter()
            .find_map(|abi| {
                let of_abi = Python::of_tag(abi)?;
                let asked = python?;
                let same = (of_abi.major, of_abi.minor) == (asked.major, asked.minor);
                same.then(|| to_one(abi, of_abi))
            })
            .ok_or_else(|| TagFault::SeveralPythons { tags: abis.join("`, `") }),
    }
}

/// `py3-none`, `py310-none` (and later ones), `cp311-none` (and no other).
fn without_abi(pythons: &[(&str, Python)], least: Python) -> (Binding, Option<String>) {
    match pythons {
        [(tag, python)] if tag.starts_with("cp") && python.minor > 0 => {
            (Binding::To(*python), Some((*tag).to_owned()))
        }
        _ if least.minor == 0 => (Binding::Free, None),
        _ => (Binding::AtLeast(least), None),
    }
}

/// An operating system, a processor, and the lowest version of what the host must have.
struct System {
    os_and_arch: Option<(&'static str, String)>,
    least: Option<(&'static str, (u64, u64))>,
    any_glibc: bool,
}

/// What one platform tag says.
struct PlatformTag<'a> {
    os: &'static str,
    arch: &'a str,
    least: Option<(&'static str, (u64, u64))>,
}

impl System {
    fn choose(tags: &[String], asked: Option<&Platform>) -> Result<Self, TagFault> {
        if tags.iter().any(|tag| tag == "any") {
            return Ok(Self { os_and_arch: None, least: None, any_glibc: false });
        }
        let of_glibc: Vec<&String> =
            tags.iter().filter(|tag| !tag.starts_with("musllinux")).collect();
        if of_glibc.is_empty() {
            return Err(TagFault::Musl { tag: tags.join(".") });
        }
        let mut read = Vec::new();
        for tag in of_glibc {
            let tags = read_tag(tag);
            if tags.is_empty() {
                return Err(TagFault::UnknownPlatform { tag: super::shown(tag) });
            }
            read.extend(tags);
        }
        let (os, arch) = one_of(&read, asked)?;
        let chosen = || read.iter().filter(|tag| (tag.os, tag.arch) == (os, arch));
        let any_glibc = os == "linux" && chosen().any(|tag| tag.least.is_none());
        let least = if any_glibc { None } else { chosen().filter_map(|tag| tag.least).min() };
        Ok(Self { os_and_arch: Some((os, arch.to_owned())), least, any_glibc })
    }
}

/// The system and the processor that are meant.
fn one_of<'a>(
    tags: &[PlatformTag<'a>],
    asked: Option<&Platform>,
) -> Result<(&'static str, &'a str), TagFault> {
    let there: BTreeSet<(&str, &str)> = tags.iter().map(|tag| (tag.os, tag.arch)).collect();
    let platform = |os: &str, arch: &str| Platform::On {
        os: os.to_owned(),
        arch: arch.to_owned(),
        variant: None,
    };
    let fits = |tag: &&PlatformTag<'a>| {
        there.len() == 1
            || asked.is_some_and(|asked| asked.without_variant() == platform(tag.os, tag.arch))
    };
    tags.iter().find(fits).map(|tag| (tag.os, tag.arch)).ok_or_else(|| TagFault::SeveralPlatforms {
        platforms: there.into_iter().map(|(os, arch)| platform(os, arch)).collect(),
    })
}

/// What `tag` says; nothing when it is not known, two things for a universal binary.
fn read_tag(tag: &str) -> Vec<PlatformTag<'_>> {
    if let Some(rest) = tag.strip_prefix("macosx_") {
        return read_macos(rest);
    }
    let one = match tag {
        "win_amd64" => Some(PlatformTag { os: "windows", arch: "x86_64", least: None }),
        "win_arm64" => Some(PlatformTag { os: "windows", arch: "aarch64", least: None }),
        "win32" => Some(PlatformTag { os: "windows", arch: "x86", least: None }),
        _ => read_linux(tag),
    };
    one.into_iter().collect()
}

fn read_linux(tag: &str) -> Option<PlatformTag<'_>> {
    /// PEP 513, 571 and 599.
    const BY_YEAR: [(&str, (u64, u64)); 3] =
        [("manylinux1_", (2, 5)), ("manylinux2010_", (2, 12)), ("manylinux2014_", (2, 17))];
    let linux = |arch, glibc: Option<(u64, u64)>| {
        let least = glibc.map(|version| ("glibc", version));
        is_arch(arch).then_some(PlatformTag { os: "linux", arch, least })
    };
    if let Some((prefix, version)) = BY_YEAR.iter().find(|(prefix, _)| tag.starts_with(prefix)) {
        return linux(&tag[prefix.len()..], Some(*version));
    }
    match tag.strip_prefix("manylinux_") {
        Some(rest) => {
            let (version, arch) = leading_version(rest)?;
            linux(arch, Some(version))
        }
        None => linux(tag.strip_prefix("linux_")?, None),
    }
}

fn read_macos(rest: &str) -> Vec<PlatformTag<'_>> {
    let Some((version, arch)) = leading_version(rest) else { return Vec::new() };
    let archs = match arch {
        "x86_64" => &["x86_64"][..],
        "arm64" => &["aarch64"],
        "universal2" => &["aarch64", "x86_64"],
        _ => &[],
    };
    let macos =
        |arch: &&'static str| PlatformTag { os: "macos", arch, least: Some(("macos", version)) };
    archs.iter().map(macos).collect()
}

/// `2_28_x86_64` as a version and the rest.
fn leading_version(text: &str) -> Option<((u64, u64), &str)> {
    let mut parts = text.splitn(3, '_');
    let mut number = || parts.next()?.parse().ok();
    let version = (number()?, number()?);
    Some((version, parts.next()?))
}

fn is_arch(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(tags: &str) -> Result<String, TagFault> {
        chosen(tags, None, None)
    }

    fn chosen(
        tags: &str,
        platform: Option<&str>,
        python: Option<&str>,
    ) -> Result<String, TagFault> {
        let name: WheelName = format!("a-1.0-{tags}.whl").parse().unwrap();
        let platform = platform.map(|text| text.parse().unwrap());
        let python = python.map(|text| text.parse().unwrap());
        let target = Target::of(&name, platform.as_ref(), python)?;
        let needs: Vec<String> =
            target.needs.iter().map(|(host, need)| format!(" {host} {need}")).collect();
        let binding = match target.binding {
            Binding::Free => String::new(),
            Binding::AtLeast(python) => format!(" python >={python}"),
            Binding::To(python) => format!(" python {python}.*"),
        };
        Ok(format!("{}{binding}{}", target.platform, needs.concat()))
    }

    #[test]
    fn tags_say_platform_and_needs() {
        let table = [
            ("py3-none-any", "any"),
            ("py2.py3-none-any", "any"),
            ("py310-none-any", "any python >=3.10"),
            ("cp311-cp311-manylinux_2_28_x86_64", "linux-x86_64-cp311 python 3.11.* glibc >=2.28"),
            (
                "cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64",
                "linux-x86_64-cp311 python 3.11.* glibc >=2.17",
            ),
            (
                "cp311-cp311-manylinux1_x86_64.manylinux_2_28_x86_64.manylinux_2_5_x86_64",
                "linux-x86_64-cp311 python 3.11.* glibc >=2.5",
            ),
            ("cp36-abi3-manylinux2010_x86_64", "linux-x86_64 python >=3.6 glibc >=2.12"),
            (
                "cp313-cp313t-manylinux_2_28_aarch64",
                "linux-aarch64-cp313t python 3.13.* glibc >=2.28",
            ),
            ("py3-none-manylinux2010_x86_64.musllinux_1_1_x86_64", "linux-x86_64 glibc >=2.12"),
            ("cp311-cp311-macosx_11_0_arm64", "macos-aarch64-cp311 python 3.11.* macos >=11.0"),
            ("cp311-cp311-win_amd64", "windows-x86_64-cp311 python 3.11.*"),
            ("py3-none-linux_x86_64", "linux-x86_64"),
            ("cp311-none-any", "any python 3.11.*"),
        ];
        for (tags, expected) in table {
            assert_eq!(target(tags).unwrap(), expected, "{tags}");
        }
    }

    #[test]
    fn what_larder_cannot_hold_is_refused_by_name() {
        let refused = |tags: &str| target(tags).unwrap_err();
        assert!(matches!(refused("py3-none-musllinux_1_2_x86_64"), TagFault::Musl { .. }));
        assert!(matches!(refused("pp310-pypy310_pp73-win_amd64"), TagFault::Python { .. }));
        assert!(matches!(refused("py2-none-any"), TagFault::Python { .. }));
        assert!(matches!(refused("py3-none-emscripten_4"), TagFault::UnknownPlatform { .. }));
        assert!(matches!(refused("py3-none-macosx_10_9_intel"), TagFault::UnknownPlatform { .. }));
    }

    #[test]
    fn several_are_chosen_from() {
        let universal = "cp311-cp311-macosx_10_9_universal2";
        let refusal = target(universal).unwrap_err().to_string();
        assert!(refusal.contains("`macos-aarch64` and `macos-x86_64`"), "{refusal}");
        assert_eq!(
            chosen(universal, Some("macos-x86_64-x"), None).unwrap(),
            "macos-x86_64-cp311 python 3.11.* macos >=10.9"
        );
        let both = "cp311.cp312-cp311.cp312-win_amd64";
        assert!(matches!(target(both), Err(TagFault::SeveralPythons { .. })));
        assert_eq!(chosen(both, None, Some("3.12")).unwrap(), "windows-x86_64-cp312 python 3.12.*");
    }
}
