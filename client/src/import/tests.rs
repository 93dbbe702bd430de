//! Whole imports: small wheels made here, and the real ones where they are at hand.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use larder_schema::Build;
use larder_schema::closure::Closure;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn options() -> Options {
    Options {
        build: "b1".parse().unwrap(),
        versions: Vec::new(),
        extras: Vec::new(),
        platform: None,
        python: None,
    }
}

fn wheel(folder: &Path, name: &str, more: &str) -> PathBuf {
    let parts: filename::WheelName = name.parse().unwrap();
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::STORE);
    let path = folder.join(name);
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    let info = format!("{}-{}.dist-info", parts.project, parts.version);
    let metadata = format!("Name: {}\nVersion: {}\n{more}", parts.project, parts.version);
    for (file, text) in [("METADATA", metadata.as_str()), ("WHEEL", "Wheel-Version: 1.0\n")] {
        zip.start_file(format!("{info}/{file}"), stored).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    path
}

fn import(wheels: &[(&str, &str)], options: Options) -> Result<Vec<Imported>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> =
        wheels.iter().map(|(name, more)| wheel(folder.path(), name, more)).collect();
    let sums: Vec<Sha256> =
        paths.iter().map(|path| Sha256::of(path.as_os_str().as_encoded_bytes())).collect();
    Wheels::read(&paths, options)?.builds(&sums, python::DEFAULT)
}

#[test]
fn two_upstream_versions_with_one_build_name_are_named() {
    let wheels = [("a-1.0-py3-none-any.whl", ""), ("a-1.0.0.post1-py3-none-any.whl", "")];

    let error = import(&wheels, options()).unwrap_err();

    assert!(error.is_usage());
    assert!(
        error.to_string().starts_with("`1.0` and `1.0.0.post1` would both be `a@1.0.0-b1`"),
        "{error}"
    );
}

#[test]
fn one_version_for_two_platforms_is_two_builds() {
    let names = ["a-1.0-cp311-cp311-win_amd64.whl", "a-1.0-cp312-cp312-win_amd64.whl"];
    assert_eq!(import(&names.map(|name| (name, "")), options()).unwrap().len(), 2);
    let twice = ["a-1.0-py3-none-any.whl", "a-1.0-1-py3-none-any.whl"];
    let error = import(&twice.map(|name| (name, "")), options()).unwrap_err().to_string();
    assert!(error.contains("`a-1.0-1-py3-none-any.whl`"), "{error}");
}

#[test]
fn markers_are_read_for_what_the_others_are_for() {
    let more = "Requires-Dist: x; sys_platform == 'win32' and python_version == '3.12'\n";
    let wheels = [("a-1.0-py3-none-any.whl", more), ("b-1.0-cp312-cp312-win_amd64.whl", "")];
    let builds = import(&wheels, options()).unwrap();
    assert_eq!(builds[0].build.dependencies.len(), 1);
    let asked = Options { platform: "linux-x86_64".parse().ok(), ..options() };
    assert_eq!(import(&wheels, asked).unwrap()[0].build.dependencies, []);
}

#[test]
fn choices_that_fit_no_file_are_refused() {
    let wheels = [("a-1.0rc1-py3-none-any.whl", ""), ("b-1.0-py3-none-any.whl", "")];
    let with = |version: &str| {
        import(&wheels, Options { versions: vec![version.parse().unwrap()], ..options() })
    };
    assert!(matches!(with("1.0.0"), Err(Error::VersionOfWhich(_))));
    assert!(matches!(with("c=1.0.0"), Err(Error::VersionOfNone { .. })));
    assert!(matches!(with("b=1.0.0"), Err(Error::Record { .. })));
    assert_eq!(with("A=0.9.9").unwrap()[0].build.version.to_string(), "0.9.9");
    let extras = Options { extras: vec!["x".parse().unwrap()], ..options() };
    assert!(matches!(import(&wheels[1..], extras), Err(Error::ExtraOfNone(_))));
}

/// The wheels of `lsst-daf-butler`, where `LARDER_TEST_DATA` names a folder that has them.
#[test]
fn the_real_closure_is_closed() {
    let Some(data) = crate::config::inherited("LARDER_TEST_DATA") else { return };
    for week in ["wheels-4200", "wheels-4300"] {
        let folder = Path::new(&data).join(week);
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();

        let wheels = Wheels::read(&paths, options()).unwrap();
        let sums = vec![Sha256::of(b"x"); paths.len()];
        let imported = wheels.builds(&sums, python::DEFAULT).unwrap();

        let builds: Vec<&Build> = imported.iter().map(|imported| &imported.build).collect();
        assert_eq!(builds.len(), paths.len());
        assert_eq!(Closure::of(builds.iter().copied()).unmet(), []);
        assert_eq!(
            Closure::of(builds.iter().copied()).roots(),
            ["lsst_daf_butler".parse().unwrap()]
        );
    }
}
