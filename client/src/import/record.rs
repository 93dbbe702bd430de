//! A build record from what a wheel says of itself.

use std::collections::BTreeMap;

use larder_schema::product::ParseProductNameError;
use larder_schema::record::{Abi, Extra, RecordFault, Variable};
use larder_schema::{Archive, Build, BuildId, Platform, ProductName, Role, Sha256, Version};
use pep440_rs::VersionSpecifiers;
use pep508_rs::{ExtraName, MarkerEnvironment};

use super::dependencies::{self, Circumstances, DependencyFault, Widened};
use super::entry_points::launchers;
use super::markers;
use super::python::{self, Binding, Python};
use super::tags::Target;
use super::texts;
use super::version::{BuildVersion, VersionFault, build_version};
use super::wheel::Wheel;

/// What a wheel does not say of itself.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The bID.
    pub build: BuildId,
    /// The build's version, where the wheel's is no `M.n.p`.
    pub version: Option<Version>,
    /// The extras asked for.
    pub extras: Vec<ExtraName>,
    /// The platform that markers are read for where the wheel names none.
    pub platform: Platform,
    /// The Python that markers are read for where the wheel is not bound to one.
    pub python: Python,
}

/// A wheel as a build, and what a person should know of the translation.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The record.
    pub build: Build,
    /// The requirements that admit more than the wheel's makers said.
    pub widened: Vec<Widened>,
    /// What else could not be taken over.
    pub notes: Vec<String>,
}

/// A wheel that cannot be made a build of.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    /// No product may be called so.
    #[error(transparent)]
    Product(#[from] ParseProductNameError),
    /// Its version is no build's.
    #[error(transparent)]
    Version(#[from] VersionFault),
    /// What it needs cannot be read.
    #[error(transparent)]
    Dependency(#[from] DependencyFault),
    /// The record would be refused.
    #[error(transparent)]
    Record(#[from] RecordFault),
}

/// The build that `wheel` is, with the archive that has `sha256`.
pub fn imported(
    wheel: &Wheel,
    target: &Target,
    sha256: Sha256,
    choice: &Choice,
) -> Result<Imported, ImportFault> {
    let product = dependencies::product_of(&wheel.project)?;
    let BuildVersion { version, upstream } =
        build_version(product.as_str(), &wheel.metadata.version, choice.version)?;
    let requires_python = requires_python(wheel);
    let circumstances = circumstances(target, &requires_python, choice);
    let needed = dependencies::needed(&product, &wheel.metadata.requires_dist, &circumstances)?;
    let mut notes = notes(&product, wheel, target, &needed, choice);
    let scripts = launchers(&product, &wheel.commands, &mut notes);
    let build = Build {
        product,
        version,
        build: choice.build.clone(),
        platform: target.platform.clone(),
        archive: Some(archive(wheel, sha256)),
        role: Role::Runtime,
        license: texts::license(&wheel.metadata),
        summary: wheel.metadata.summary.as_deref().and_then(texts::one_line),
        upstream_version: upstream,
        source: None,
        dependencies: needed.dependencies,
        built_in: None,
        needs: needs(target, &requires_python),
        abi: Abi::Semver,
        variables: variables(wheel),
        scripts,
        test: false,
        built_by: None,
        tree: None,
        product_dir: None,
        published: None,
        extra: Extra::new(),
    };
    match build.fault() {
        Some(fault) => Err(fault.into()),
        None => Ok(Imported { build, widened: needed.widened, notes }),
    }
}

fn archive(wheel: &Wheel, sha256: Sha256) -> Archive {
    let name = wheel.archive.clone();
    Archive { sha256, name, size: None, blake3: None, extra: Extra::new() }
}

/// Which Pythons it is for; none are excluded when that cannot be read, as in old wheels.
fn requires_python(wheel: &Wheel) -> VersionSpecifiers {
    let text = wheel.metadata.requires_python.as_deref().unwrap_or_default();
    text.parse().unwrap_or_else(|_| VersionSpecifiers::empty())
}

/// The host that the build is for, and all that a build for any platform runs on as well.
fn circumstances(
    target: &Target,
    requires_python: &VersionSpecifiers,
    choice: &Choice,
) -> Circumstances {
    let python = match target.binding {
        Binding::To(python) if same_minor(python, choice.python) => choice.python,
        Binding::To(python) => python,
        Binding::Free | Binding::AtLeast(_) => choice.python,
    };
    let extras = choice.extras.clone();
    match &target.platform {
        Platform::Any => Circumstances {
            host: markers::host(&choice.platform, python),
            other_hosts: other_hosts(requires_python),
            extras,
        },
        on @ Platform::On { .. } => {
            Circumstances { host: markers::host(on, python), other_hosts: Vec::new(), extras }
        }
    }
}

fn same_minor(one: Python, two: Python) -> bool {
    (one.major, one.minor) == (two.major, two.minor)
}

/// The usual hosts of today that `requires_python` admits.
fn other_hosts(requires_python: &VersionSpecifiers) -> Vec<MarkerEnvironment> {
    const PLATFORMS: [&str; 3] = ["linux-x86_64", "macos-aarch64", "windows-x86_64"];
    (9..16)
        .map(|minor| Python { major: 3, minor, patch: 0 })
        .filter(|python| {
            let version = pep440_rs::Version::new([python.major, python.minor, 99]);
            requires_python.contains(&version)
        })
        .flat_map(|python| {
            PLATFORMS.map(|platform| {
                markers::host(&platform.parse().expect("these are platforms"), python)
            })
        })
        .collect()
}

fn notes(
    product: &ProductName,
    wheel: &Wheel,
    target: &Target,
    needed: &dependencies::Needed,
    choice: &Choice,
) -> Vec<String> {
    let mut notes = Vec::new();
    if target.any_glibc {
        notes.push(format!("`{product}` does not say which glibc it needs"));
    }
    if let Some(text) = &wheel.metadata.requires_python
        && text.parse::<VersionSpecifiers>().is_err()
    {
        let text = super::shown(text);
        notes.push(format!(
            "`{product}` says which Pythons it is for as `{text}`, which cannot be read"
        ));
    }
    for left_out in &needed.left_out {
        let (platform, python) = (&choice.platform, choice.python);
        notes.push(format!(
            "`{product}` needs `{left_out}` on other platforms or Pythons, not on {platform} with \
             Python {python}; it is left out"
        ));
    }
    for (other, extra) in &needed.extras {
        notes.push(format!(
            "`{product}` needs `{other}` with its extra `{extra}`; import `{other}` with `--extra \
             {extra}`"
        ));
    }
    notes
}

fn needs(
    target: &Target,
    requires_python: &VersionSpecifiers,
) -> BTreeMap<String, larder_schema::Need> {
    let mut needs = target.needs.clone();
    if let Some(need) = python::need(target.binding, requires_python) {
        needs.insert("python".to_owned(), need);
    }
    needs
}

fn variables(wheel: &Wheel) -> BTreeMap<String, Variable> {
    let prepend = |path: &str| Variable::Prepend(vec![path.parse().expect("it is a path inside")]);
    let mut variables = BTreeMap::from([("PYTHONPATH".to_owned(), prepend("."))]);
    if wheel.has_scripts {
        variables.insert("PATH".to_owned(), prepend("bin"));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::super::filename::WheelName;
    use super::super::metadata::Metadata;
    use super::super::{entry_points, python};
    use super::*;

    fn wheel(name: &str, metadata: &str, entry_points: &str) -> Wheel {
        let parts: WheelName = name.parse().unwrap();
        let metadata = Metadata::read(metadata);
        Wheel {
            path: name.into(),
            archive: name.parse().unwrap(),
            project: parts.project.parse().unwrap(),
            name: parts,
            metadata,
            commands: entry_points::commands(entry_points),
            has_scripts: false,
        }
    }

    fn record(wheel: &Wheel) -> Imported {
        let choice = Choice {
            build: "b1".parse().unwrap(),
            version: None,
            extras: Vec::new(),
            platform: "linux-x86_64".parse().unwrap(),
            python: python::DEFAULT,
        };
        let target = Target::of(&wheel.name, None, None).unwrap();
        imported(wheel, &target, Sha256::of(b"x"), &choice).unwrap()
    }

    #[test]
    fn a_wheel_becomes_a_record() {
        let wheel = wheel(
            "pyerfa-2.0.1.5-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "Name: pyerfa\nVersion: 2.0.1.5\nSummary: Python \u{1b}[31mbindings\n  for ERFA\n\
             License: BSD 3-Clause License\nRequires-Python: >=3.9\nRequires-Dist: numpy>=1.19.3\n",
            "[console_scripts]\nerfa = erfa.main:run\nno launcher = x\n",
        );

        let imported = record(&wheel);

        let json = serde_json::to_value(&imported.build).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "product": "pyerfa", "version": "2.0.1", "build": "b1", "platform": "linux-x86_64",
                "archive": {
                    "sha256": Sha256::of(b"x"),
                    "name": "pyerfa-2.0.1.5-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
                },
                "summary": "Python [31mbindings for ERFA", "upstream_version": "2.0.1.5",
                "dependencies": [{"product": "numpy", "requirement": ">=1.19.3"}],
                "needs": {"glibc": ">=2.17", "python": ">=3.9"},
                "variables": {"PYTHONPATH": ["."]}, "scripts": {"erfa": "erfa.main:run"}
            })
        );
        assert_eq!(imported.notes.len(), 1, "{:?}", imported.notes);
    }

    #[test]
    fn what_other_hosts_need_is_told_for_a_build_for_any_platform() {
        let metadata = "Name: a\nVersion: 1.0.0\nRequires-Python: >=3.10\n\
                        Requires-Dist: colorama; platform_system == 'Windows'\n\
                        Requires-Dist: six; python_version < '3'\n";
        let imported = record(&wheel("a-1.0.0-py3-none-any.whl", metadata, ""));
        assert_eq!(imported.build.dependencies, []);
        assert_eq!(imported.notes.len(), 1);
        assert!(imported.notes[0].contains("`colorama`"), "{:?}", imported.notes);
    }
}
