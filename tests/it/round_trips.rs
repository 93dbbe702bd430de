//! Properties: whatever is packed and published comes back as it was.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use larder_schema::Entry;
use larder_schema::archive::ArchiveFormat;
use larder_schema::contents::tree_checksum;
use larder_tests::{Larder, Packed, TestRegistry, build, runtime};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

/// Files by path, each with its bytes and whether its owner may execute it.
type Files = BTreeMap<String, (Vec<u8>, bool)>;

/// Any tree of files; folders begin with `d`, so that no file is in the way of one.
fn files() -> impl Strategy<Value = Files> {
    let path = ("(d[a-c]/){0,3}", "[A-Za-z0-9_ .+@é-]{0,12}")
        .prop_map(|(folder, name)| format!("{folder}f{name}"));
    btree_map(path, (vec(any::<u8>(), 0..200), any::<bool>()), 0..12)
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn whatever_is_published_is_told_and_fetched_as_it_was() {
    let registry = runtime().block_on(TestRegistry::start());
    let formats = proptest::sample::select(
        ArchiveFormat::ALL
            .into_iter()
            .filter(|one| *one != ArchiveFormat::Wheel)
            .collect::<Vec<_>>(),
    );
    let count = Cell::new(0);
    let outcome = runner(48).run(&(files(), formats), |(files, format)| {
        count.set(count.get() + 1);
        let number = count.get();
        runtime().block_on(async {
            let made = files.iter().fold(
                build("any", &format!("1.0.{number}-b1")).format(format),
                |build, (path, (bytes, executable))| {
                    build.entry(Packed::File(path.clone(), bytes.clone(), *executable))
                },
            );

            let parcel = registry.publish(made).await;

            assert_eq!(registry.fetch(parcel.archive()).await, parcel.bytes());
            let contents = registry.anybody().all(&format!("{}/contents", parcel.path()), 5).await;
            let entries: Vec<Entry> =
                contents.into_iter().map(|entry| serde_json::from_value(entry).unwrap()).collect();
            let paths: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
            assert_eq!(paths, files.keys().map(String::as_str).collect::<Vec<_>>());
            let read: Value = registry.anybody().read(&parcel.path()).await;
            assert_eq!(read["tree"], tree_checksum(&entries).to_string());
        });
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn whatever_is_packed_is_installed_as_it_was() {
    let registry = runtime().block_on(TestRegistry::start());
    let admin = registry.admin();
    let larder = Larder::new(registry.origin(), admin.token());
    let count = Cell::new(0);
    let outcome = runner(6).run(&files(), |files| {
        count.set(count.get() + 1);
        let number = count.get();
        let folder = format!("folder{number}");
        std::fs::create_dir(larder.path(&folder)).unwrap();
        for (path, (bytes, executable)) in &files {
            let written = larder.write(&format!("{folder}/{path}"), bytes);
            let mode = if *executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(written, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let metadata =
            format!("product = 'any'\nversion = '1.0.{number}'\nbuild = 'b1'\nplatform = 'any'\n");
        larder.write("larder.toml", metadata.as_bytes());
        let (file, name) = (format!("{folder}.tar.gz"), format!("any@1.0.{number}"));

        larder.ok(["pack", &folder, "--metadata", "larder.toml", "-o", &file]);
        larder.ok(["publish", &file, "--distribution", &name]);
        larder.ok(["install", &name, "--prefix", "env"]);

        let installed = larder.path("env/current/packages/any").canonicalize().unwrap();
        assert_eq!(read_back(&installed), files);
        Ok(())
    });
    outcome.unwrap();
    runtime().block_on(async { drop(registry) });
}

/// All files below `folder`.
fn read_back(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![folder.to_owned()];
    while let Some(inner) = open.pop() {
        for entry in std::fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let executable = path.metadata().unwrap().permissions().mode() & 0o100 != 0;
            files.insert(name, (std::fs::read(&path).unwrap(), executable));
        }
    }
    files
}
