//! Other packagings read as builds: Python wheels here, EUPS package roots in [`eups`].
//!
//! The archive of a wheel is the wheel itself, byte for byte; here the record is made that goes with it, from
//! the file name and what the wheel says of itself. Nothing here sends anything.

pub mod dependencies;
pub mod entry_points;
mod error;
pub mod eups;
pub mod filename;
pub mod interpreter;
pub mod markers;
pub mod metadata;
mod options;
pub mod python;
pub mod record;
pub mod specifier;
pub mod tags;
pub mod texts;
pub mod version;
pub mod wheel;

use std::collections::BTreeMap;
use std::path::PathBuf;

use larder_schema::{BuildName, Platform, ProductName, Sha256, Version};
use pep508_rs::ExtraName;

pub use dependencies::Widened;
pub use error::Error;
pub use filename::{ParseWheelNameError, WheelName};
pub use options::{Options, ParseVersionChoiceError, VersionChoice};
pub use python::Python;
pub use record::{Choice, ImportFault, Imported};
pub use tags::{TagFault, Target};
pub use version::VersionFault;
pub use wheel::{Wheel, WheelFault};

/// Wheels that were read and whose tags are understood.
#[derive(Clone, Debug)]
pub struct Wheels {
    options: Options,
    wheels: Vec<(Wheel, Target)>,
}

impl Wheels {
    /// Reads the wheels at `paths`; goes to the disk.
    pub fn read(paths: &[PathBuf], options: Options) -> Result<Self, Error> {
        let mut wheels = Vec::with_capacity(paths.len());
        for path in paths {
            let file = || shown(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
            let wheel = Wheel::read(path, WheelName::of_path(path)?)
                .map_err(|source| Error::Wheel { file: file(), source })?;
            let target = Target::of(&wheel.name, options.platform.as_ref(), options.python)
                .map_err(|source| Error::Tags { file: file(), source })?;
            wheels.push((wheel, target));
        }
        let wheels = Self { options, wheels };
        wheels.check_choices()?;
        Ok(wheels)
    }

    /// The wheels.
    pub fn wheels(&self) -> impl Iterator<Item = &Wheel> {
        self.wheels.iter().map(|(wheel, _)| wheel)
    }

    fn check_choices(&self) -> Result<(), Error> {
        for choice in &self.options.versions {
            let version = choice.version;
            match &choice.product {
                None if self.wheels.len() > 1 => return Err(Error::VersionOfWhich(version)),
                Some(product) if !self.wheels().any(|wheel| wheel.project == *product) => {
                    return Err(Error::VersionOfNone { product: product.clone(), version });
                }
                _ => {}
            }
        }
        let provides = |extra: &ExtraName| {
            let provided = self.wheels().flat_map(|wheel| &wheel.metadata.provides_extra);
            provided.filter_map(|name| name.parse::<ExtraName>().ok()).any(|name| name == *extra)
        };
        match self.options.extras.iter().find(|extra| !provides(extra)) {
            Some(extra) => Err(Error::ExtraOfNone(extra.clone())),
            None => Ok(()),
        }
    }

    /// The Python that markers are read for: the one asked for, else the one that wheels among
    /// these are bound to.
    pub fn python(&self) -> Option<Python> {
        let bound = self.wheels.iter().filter_map(|(_, target)| match target.binding {
            python::Binding::To(python) => Some(python),
            python::Binding::Free | python::Binding::AtLeast(_) => None,
        });
        self.options.python.or_else(|| only(bound))
    }

    /// The platform that markers are read for where a wheel runs on any: the one asked for, else
    /// the one that the others are for, else this machine's.
    pub fn platform(&self) -> Platform {
        let named = self.wheels.iter().map(|(_, target)| target.platform.without_variant());
        let asked = self.options.platform.as_ref().map(Platform::without_variant);
        asked
            .filter(|platform| *platform != Platform::Any)
            .or_else(|| only(named.filter(|platform| *platform != Platform::Any)))
            .unwrap_or_else(Platform::of_this_host)
    }

    /// The builds that they are; `sums` has the SHA-256 of each, and `python` stands in where
    /// nothing says which one is meant.
    pub fn builds(&self, sums: &[Sha256], python: Python) -> Result<Vec<Imported>, Error> {
        let python = self.python().unwrap_or(python);
        let platform = self.platform();
        let mut imported = Vec::with_capacity(self.wheels.len());
        for ((wheel, target), sum) in self.wheels.iter().zip(sums) {
            let choice = Choice {
                build: self.options.build.clone(),
                version: self.version_of(wheel),
                extras: self.options.extras.clone(),
                platform: platform.clone(),
                python,
            };
            let build = record::imported(wheel, target, *sum, &choice).map_err(|source| {
                Error::Record { file: wheel.name.to_string(), source: Box::new(source) }
            })?;
            imported.push(build);
        }
        self.check_names(&imported)?;
        Ok(imported)
    }

    fn version_of(&self, wheel: &Wheel) -> Option<Version> {
        let choice =
            self.options.versions.iter().find(|choice| {
                choice.product.as_ref().is_none_or(|product| *product == wheel.project)
            });
        choice.map(|choice| choice.version)
    }

    /// Two upstream versions under one build name, or two files under one key.
    fn check_names(&self, imported: &[Imported]) -> Result<(), Error> {
        let mut seen: BTreeMap<(&ProductName, BuildName), Vec<(&Wheel, &Imported)>> =
            BTreeMap::new();
        for ((wheel, _), imported) in self.wheels.iter().zip(imported) {
            let build = &imported.build;
            let same_name = seen.entry((&build.product, build.name())).or_default();
            for (other, other_imported) in same_name.iter() {
                let clash = |one: &str, two: &str| Error::OneName {
                    product: build.product.clone(),
                    build: build.name(),
                    one: one.to_owned(),
                    two: two.to_owned(),
                };
                let (one, two) = (&other.metadata.version, &wheel.metadata.version);
                let read = |text: &str| text.parse::<pep440_rs::Version>().ok();
                if read(one) != read(two) {
                    return Err(clash(one, two));
                }
                if other_imported.build.platform == build.platform {
                    return Err(clash(other.archive.as_str(), wheel.archive.as_str()));
                }
            }
            same_name.push((wheel, imported));
        }
        Ok(())
    }
}

/// The one thing that all of `items` are, if there is one.
fn only<T: PartialEq>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.all(|item| item == first).then_some(first)
}

/// `text` as it may stand in a message: control characters escaped, at most 120 characters.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 120;
    let mut out: String = text
        .chars()
        .take(MOST)
        .flat_map(|c| {
            let escaped: Vec<char> =
                if c.is_control() { c.escape_default().collect() } else { vec![c] };
            escaped
        })
        .collect();
    if text.chars().nth(MOST).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests;
