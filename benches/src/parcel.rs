//! A binary as it is published: a small real archive of its own, and its record.

use std::collections::BTreeMap;

use anyhow::Result;
use larder_schema::record::{
    Abi, Archive, BuiltAgainst, Dependency, DependencyKind, Extra, Role, Source,
};
use larder_schema::{
    Build, Digest, Distribution, Listed, Platform, ProductName, Requirement, Sha256, Stage,
};

use crate::history::{History, Run};

/// An archive, ready to be sent.
pub struct Parcel {
    pub filename: String,
    pub bytes: Vec<u8>,
    pub sha256: Sha256,
}

impl Parcel {
    /// An archive with one file of so many bytes, which do not compress and are the same in each run.
    pub fn of_size(product: &ProductName, bytes: usize, platform: &Platform) -> Result<Self> {
        let mut content = Vec::with_capacity(bytes + 32);
        while content.len() < bytes {
            content.extend(Sha256::of(format!("{product} {}", content.len()).as_bytes()).0);
        }
        content.truncate(bytes);
        let mut tar = tar::Builder::new(Vec::with_capacity(bytes + 4096));
        append(&mut tar, &format!("lib/lib{product}.so"), 0o755, &content)?;
        let bytes = tar.into_inner()?;
        let sha256 = Sha256::of(&bytes);
        Ok(Self { filename: format!("{product}-1.0.0-b1-{platform}.tar"), bytes, sha256 })
    }

    /// The archive of a binary: two files that no other binary has.
    pub fn pack(history: &History, binary: usize, platform: &Platform) -> Result<Self> {
        let (product, name) = (history.product(binary), &history.binaries[binary].name);
        let mut tar = tar::Builder::new(Vec::with_capacity(4096));
        let library = format!("the library of {product} {name}, binary {binary}\n");
        append(&mut tar, &format!("lib/lib{product}.so"), 0o755, library.as_bytes())?;
        let table = format!("setupRequired({product} {name})\nenvPrepend(PATH, bin)\n");
        append(&mut tar, &format!("ups/{product}.table"), 0o644, table.as_bytes())?;
        let bytes = tar.into_inner()?;
        let sha256 = Sha256::of(&bytes);
        Ok(Self { filename: format!("{product}-{name}-{platform}.tar"), bytes, sha256 })
    }
}

fn append(tar: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    Ok(tar.append(&header, bytes)?)
}

/// All products of a build as a distribution, called what the build is called.
pub fn distribution(history: &History, run: &Run, platform: &Platform) -> Result<Distribution> {
    let listed = run.binaries.iter().map(|binary| Listed {
        product: history.product(*binary).clone(),
        build: history.binaries[*binary].name.clone(),
        platform: platform.clone(),
        role: Role::Runtime,
        record: None,
        archive: None,
        tree: None,
        size: None,
        extra: Extra::new(),
    });
    Ok(Distribution {
        name: "lsst_distrib".parse()?,
        version: run.id.as_str().parse()?,
        platform: platform.clone(),
        stage: Stage::Test,
        contexts: Vec::new(),
        roots: Vec::new(),
        includes: Vec::new(),
        builds: listed.collect(),
        externals: Vec::new(),
        parameters: BTreeMap::new(),
        promoted_from: None,
        extra: Extra::new(),
    })
}

/// The record of a binary, whose own archive and those of its dependencies are known.
pub fn record(
    history: &History,
    binary: usize,
    platform: &Platform,
    parcel: &Parcel,
    archives: &[Option<Sha256>],
) -> Result<Build> {
    let known = &history.binaries[binary];
    let line = &history.lines[known.line];
    let dependencies = known.dependencies.iter().map(|against| {
        let archive = archives[*against].map(Digest);
        let build = history.binaries[*against].name.clone();
        Dependency {
            product: history.product(*against).clone(),
            requirement: Requirement::any(),
            kind: DependencyKind::Run,
            built_against: Some(BuiltAgainst { build, archive, extra: Extra::new() }),
            extra: Extra::new(),
        }
    });
    Ok(Build {
        product: line.product.clone(),
        version: known.name.version,
        build: known.name.build.clone(),
        platform: platform.clone(),
        archive: Some(Archive {
            sha256: parcel.sha256,
            name: parcel.filename.parse()?,
            size: None,
            blake3: None,
            extra: Extra::new(),
        }),
        role: Role::Runtime,
        license: "GPL-3.0-or-later".parse()?,
        summary: None,
        upstream_version: Some(line.upstream_version.clone()),
        source: Some(Source { revision: Some(line.revision.clone()), ..Source::default() }),
        dependencies: dependencies.collect(),
        built_in: None,
        needs: std::collections::BTreeMap::new(),
        abi: Abi::Semver,
        variables: std::collections::BTreeMap::new(),
        scripts: std::collections::BTreeMap::new(),
        test: false,
        built_by: None,
        tree: None,
        product_dir: None,
        published: None,
        extra: Extra::new(),
    })
}
