//! The host that environment markers (PEP 508) are read for.

use larder_schema::Platform;
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

use super::python::Python;

/// The markers' values on `platform` with the Python `python`, the usual one.
///
/// What a platform does not say (the kernel's release) is empty, as it is where nobody can tell.
pub fn host(platform: &Platform, python: Python) -> MarkerEnvironment {
    let (os, arch) = match platform {
        Platform::Any => ("linux", "x86_64"),
        Platform::On { os, arch, .. } => (os.as_str(), arch.as_str()),
    };
    let (sys_platform, os_name, platform_system) = match os {
        "macos" => ("darwin", "posix", "Darwin"),
        "windows" => ("win32", "nt", "Windows"),
        "linux" => ("linux", "posix", "Linux"),
        other => (other, "posix", other),
    };
    let machine = match (os, arch) {
        ("macos", "aarch64") => "arm64",
        ("windows", "aarch64") => "ARM64",
        ("windows", "x86_64") => "AMD64",
        _ => arch,
    };
    let full = format!("{}.{}.{}", python.major, python.minor, python.patch);
    let builder = MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name,
        platform_machine: machine,
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system,
        platform_version: "",
        python_full_version: &full,
        python_version: &format!("{}.{}", python.major, python.minor),
        sys_platform,
    };
    MarkerEnvironment::try_from(builder).expect("three numbers are a version of Python")
}

#[cfg(test)]
mod tests {
    use pep508_rs::MarkerTree;

    use super::*;

    #[test]
    fn markers_see_the_platform_and_the_python() {
        let table = [
            ("sys_platform == 'linux' and platform_machine == 'x86_64'", "linux-x86_64", true),
            ("platform_system == 'Windows'", "linux-x86_64", false),
            ("platform_machine == 'AMD64' and os_name == 'nt'", "windows-x86_64-cp311", true),
            ("sys_platform == 'darwin' and platform_machine == 'arm64'", "macos-aarch64", true),
            ("python_version < '3.11'", "linux-x86_64", false),
            ("python_version >= '3.9'", "linux-x86_64", true),
            ("python_full_version == '3.11.7'", "linux-x86_64", true),
            ("implementation_name == 'pypy'", "linux-x86_64", false),
        ];
        for (marker, platform, expected) in table {
            let tree = MarkerTree::parse_str::<pep508_rs::VerbatimUrl>(marker).unwrap();
            let host = host(&platform.parse().unwrap(), "3.11.7".parse().unwrap());
            assert_eq!(tree.evaluate(&host, &[]), expected, "{marker}");
        }
    }
}
