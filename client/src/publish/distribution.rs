//! The distribution that goes with a publish, made of what was asked and of the builds at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use larder_schema::closure::{Closure, Unmet};
use larder_schema::distribution::{DistributionFault, Listed};
use larder_schema::product::ParseProductNameError;
use larder_schema::record::{Extra, Role};
use larder_schema::version::ParseDistributionVersionError;
use larder_schema::{
    Build, BuildKey, Distribution, DistributionVersion, Platform, ProductName, Stage,
};

/// `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAndVersion {
    /// The distribution's name.
    pub name: ProductName,
    /// Its version.
    pub version: DistributionVersion,
}

impl std::fmt::Display for NameAndVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A text names no version of a distribution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseNameError {
    /// There is no `@`.
    #[error("write NAME@VERSION, such as `lsst_distrib@17.0.1`")]
    NoVersion,
    /// The part before it is no name.
    #[error(transparent)]
    Name(#[from] ParseProductNameError),
    /// The part after it is no version.
    #[error(transparent)]
    Version(#[from] ParseDistributionVersionError),
}

impl FromStr for NameAndVersion {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = text.split_once('@').ok_or(ParseNameError::NoVersion)?;
        Ok(Self { name: name.parse()?, version: version.parse()? })
    }
}

/// What is asked of a distribution.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its name and version.
    pub key: NameAndVersion,
    /// What it was made for; none leaves it to the server.
    pub roots: Vec<ProductName>,
    /// How far it has come.
    pub stage: Stage,
    /// What it runs on; none: what its builds share.
    pub platform: Option<Platform>,
}

/// A distribution cannot be what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No platform holds all builds.
    #[error(
        "the builds are for {}, and a distribution is for one of them; give the files for one, \
         and `--platform`", listed(.0)
    )]
    SeveralPlatforms(Vec<Platform>),
    /// It contradicts itself.
    #[error(transparent)]
    Fault(Box<DistributionFault>),
    /// A build needs what is not in it.
    #[error("the distribution is not complete")]
    Unmet(#[source] AllUnmet),
}

fn listed(platforms: &[Platform]) -> String {
    platforms.iter().map(|platform| format!("`{platform}`")).collect::<Vec<_>>().join(", ")
}

/// All run dependencies that are not met, the first of them told.
#[derive(Debug)]
pub struct AllUnmet(pub Vec<Unmet>);

impl std::fmt::Display for AllUnmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MOST: usize = 10;
        for (index, unmet) in self.0.iter().take(MOST).enumerate() {
            if index > 0 {
                f.write_str("\n  ")?;
            }
            unmet.fmt(f)?;
        }
        match self.0.len().checked_sub(MOST) {
            Some(more) if more > 0 => write!(f, "\n  and {more} more"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for AllUnmet {}

/// The distribution of `builds`, each with its role, that was wished for.
pub fn make(wish: &Wish, builds: &[(BuildKey, Role)]) -> Result<Distribution, Error> {
    let platform = match &wish.platform {
        Some(platform) => platform.clone(),
        None => shared_platform(builds)?,
    };
    let listed = |(key, role): &(BuildKey, Role)| Listed {
        product: key.product.clone(),
        build: key.build.clone(),
        platform: key.platform.clone(),
        role: *role,
        record: None,
        archive: None,
        tree: None,
        size: None,
        extra: Extra::new(),
    };
    let distribution = Distribution {
        name: wish.key.name.clone(),
        version: wish.key.version.clone(),
        platform,
        stage: wish.stage,
        contexts: Vec::new(),
        roots: wish.roots.clone(),
        includes: Vec::new(),
        builds: builds.iter().map(listed).collect(),
        externals: Vec::new(),
        parameters: BTreeMap::new(),
        promoted_from: None,
        extra: Extra::new(),
    };
    match distribution.fault() {
        Some(fault) => Err(Error::Fault(Box::new(fault))),
        None => Ok(distribution),
    }
}

/// The operating system and processor that the builds share, else `any`.
fn shared_platform(builds: &[(BuildKey, Role)]) -> Result<Platform, Error> {
    let named: BTreeSet<Platform> = builds
        .iter()
        .map(|(key, _)| key.platform.without_variant())
        .filter(|platform| *platform != Platform::Any)
        .collect();
    let mut named = named.into_iter();
    match (named.next(), named.next()) {
        (None, _) => Ok(Platform::Any),
        (Some(platform), None) => Ok(platform),
        (Some(one), Some(two)) => {
            Err(Error::SeveralPlatforms([one, two].into_iter().chain(named).collect()))
        }
    }
}

/// What is wrong with `distribution`; whether it is closed is seen where all `builds` are at hand.
pub fn check<'a>(
    distribution: &Distribution,
    builds: Option<impl Iterator<Item = &'a Build>>,
) -> Result<(), Error> {
    if let Some(fault) = distribution.fault() {
        return Err(Error::Fault(Box::new(fault)));
    }
    let unmet = builds.map(|builds| Closure::of(builds).unmet()).unwrap_or_default();
    if unmet.is_empty() { Ok(()) } else { Err(Error::Unmet(AllUnmet(unmet))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(platform: Option<&str>) -> Wish {
        Wish {
            key: "d@1.0.0".parse().unwrap(),
            roots: Vec::new(),
            stage: Stage::Test,
            platform: platform.map(|text| text.parse().unwrap()),
        }
    }

    fn keys(platforms: &[&str]) -> Vec<(BuildKey, Role)> {
        let key = |(index, platform): (usize, &&str)| BuildKey {
            product: format!("p{index}").parse().unwrap(),
            build: "1.0.0-b1".parse().unwrap(),
            platform: platform.parse().unwrap(),
        };
        platforms.iter().enumerate().map(key).map(|key| (key, Role::Runtime)).collect()
    }

    #[test]
    fn the_platform_is_what_the_builds_share() {
        let platform = |platforms: &[&str]| {
            make(&wish(None), &keys(platforms)).map(|made| made.platform.to_string())
        };
        let shared = platform(&["any", "linux-x86_64-cp311", "linux-x86_64"]);
        assert_eq!(shared.unwrap(), "linux-x86_64");
        assert_eq!(platform(&["any", "any"]).unwrap(), "any");
        let refusal = platform(&["linux-x86_64", "macos-aarch64"]).unwrap_err().to_string();
        assert!(refusal.contains("`linux-x86_64`, `macos-aarch64`"), "{refusal}");
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_is_sent() {
        let keys = keys(&["linux-x86_64"]);
        assert!(matches!(make(&wish(Some("linux-aarch64")), &keys), Err(Error::Fault(_))));
        let rooted = Wish { roots: vec!["gone".parse().unwrap()], ..wish(None) };
        assert!(matches!(make(&rooted, &keys), Err(Error::Fault(_))));
    }

    #[test]
    fn what_is_not_met_is_told() {
        let build: Build = serde_json::from_value(serde_json::json!({
            "product": "p0", "version": "1.0.0", "build": "b1", "platform": "any",
            "archive": null, "dependencies": [{"product": "log", "requirement": "^17"}]
        }))
        .unwrap();
        let distribution = make(&wish(None), &keys(&["any"])).unwrap();

        let error = check(&distribution, Some([&build].into_iter())).unwrap_err();

        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "`p0` at 1.0.0-b1 needs `log ^17`, which is not there");
        assert!(check(&distribution, None::<std::iter::Empty<&Build>>).is_ok());
    }

    #[test]
    fn names_have_a_version() {
        assert!("lsst_distrib@w_2026_47".parse::<NameAndVersion>().is_ok());
        for text in ["lsst_distrib", "@1.0.0", "a@01.0.0", "a@1.0"] {
            assert!(text.parse::<NameAndVersion>().is_err(), "{text}");
        }
    }
}
