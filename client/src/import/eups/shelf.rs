//! The packages of a root, as the names of its manifests tell them.

use std::collections::{BTreeMap, HashMap, HashSet};

use larder_schema::eups::{
    EupsVersion, ParseEupsVersionError, holds_product, name_of_version, platform_of,
};
use larder_schema::product::ParseProductNameError;
use larder_schema::{BuildKey, BuildName, Platform, ProductName};

/// What a manifest's name ends with.
const ENDING: &str = ".manifest";
/// The flavor of what runs everywhere.
pub const GENERIC: &str = "generic";

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The product.
    pub product: ProductName,
    /// Its version as EUPS has it.
    pub version: EupsVersion,
    /// Its flavor.
    pub flavor: String,
    /// The platform that this stands for.
    pub platform: Platform,
    /// The build that it becomes.
    pub name: BuildName,
}

impl Package {
    /// `afw 1.0+1` and its flavor.
    pub fn shown(&self) -> String {
        format!("{} {} ({})", self.product, self.version, self.flavor)
    }

    /// What all its files are called, but for their endings: `afw-1.0+1@Linux64`.
    pub fn stem(&self) -> String {
        format!("{}-{}@{}", self.product, self.version, self.flavor)
    }

    /// Its manifest.
    pub fn manifest(&self) -> String {
        format!("manifests/{}{ENDING}", self.stem())
    }

    /// The key of the build that it becomes.
    pub fn key(&self) -> BuildKey {
        BuildKey {
            product: self.product.clone(),
            build: self.name.clone(),
            platform: self.platform.clone(),
        }
    }
}

/// A name is no package's that can come in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misnamed {
    /// It is not `P-V@F.manifest`.
    #[error("its name is not PRODUCT-VERSION@FLAVOR.manifest")]
    Form,
    /// Its product.
    #[error(transparent)]
    Product(#[from] ParseProductNameError),
    /// Its product, for EUPS.
    #[error("EUPS has only letters, digits and `_` in the name of a product")]
    NotHeld,
    /// Its version.
    #[error(transparent)]
    Version(#[from] ParseEupsVersionError),
    /// Its flavor.
    #[error("the flavor `{flavor}` stands for no platform that larder knows")]
    Flavor {
        /// The flavor.
        flavor: String,
    },
    /// Another version becomes the same build.
    #[error("`{other}` of the same product becomes `{name}` too")]
    NameTaken {
        /// The other version.
        other: EupsVersion,
        /// The build.
        name: BuildName,
    },
}

/// All packages that can come in, and which names are none.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The packages, by product, version and flavor.
    pub packages: Vec<Package>,
    /// Names that are none, and why.
    pub refused: Vec<(String, Misnamed)>,
    /// How many are for other platforms than the one that was asked for.
    pub elsewhere: usize,
    by_version: HashMap<String, Vec<usize>>,
}

impl Shelf {
    /// The packages whose manifests have these names; `asked` is the platform that they are for.
    pub fn of(names: &[String], asked: Option<&Platform>) -> Self {
        let mut shelf = Self::default();
        let mut read = Vec::new();
        for name in names {
            match parts(name) {
                Ok(parts) => read.push((name, parts)),
                Err(fault) => shelf.refused.push((crate::import::shown(name), fault)),
            }
        }
        let versions: HashSet<String> =
            read.iter().map(|(_, (product, version, _))| key(product, version.as_str())).collect();
        let mut taken: BTreeMap<(ProductName, BuildName), EupsVersion> = BTreeMap::new();
        for (file, (product, version, flavor)) in read {
            let platform = match platform(&flavor, asked) {
                Ok(Some(platform)) => platform,
                Ok(None) => {
                    shelf.elsewhere += 1;
                    continue;
                }
                Err(fault) => {
                    shelf.refused.push((file.clone(), fault));
                    continue;
                }
            };
            let name = name_of_version(&version, |other| versions.contains(&key(&product, other)));
            let other = taken.entry((product.clone(), name.clone())).or_insert(version.clone());
            if *other != version {
                let fault = Misnamed::NameTaken { other: other.clone(), name };
                shelf.refused.push((file.clone(), fault));
                continue;
            }
            shelf.packages.push(Package { product, version, flavor, platform, name });
        }
        shelf.packages.sort_by(|one, two| order(one).cmp(&order(two)));
        for (index, package) in shelf.packages.iter().enumerate() {
            let key = key(&package.product, package.version.as_str());
            shelf.by_version.entry(key).or_default().push(index);
        }
        shelf
    }

    /// The package of a product at a version for the first of these flavors that there is one for.
    pub fn find(&self, product: &str, version: &str, flavors: &[&str]) -> Option<usize> {
        let there = self.by_version.get(&format!("{product} {version}"))?;
        let of = |flavor: &&str| {
            there.iter().copied().find(|index| self.packages[*index].flavor == **flavor)
        };
        flavors.iter().find_map(of)
    }

    /// The build that a version becomes, or is, whether it is here or not.
    pub fn name_of(&self, product: &ProductName, version: &EupsVersion) -> BuildName {
        let here = self.by_version.get(&key(product, version.as_str()));
        if let Some(index) = here.and_then(|all| all.first()) {
            return self.packages[*index].name.clone();
        }
        name_of_version(version, |other| self.by_version.contains_key(&key(product, other)))
    }

    /// The flavors that are here, `generic` left out.
    pub fn flavors(&self) -> Vec<(&str, &Platform)> {
        let flavors: BTreeMap<&str, &Platform> = self
            .packages
            .iter()
            .filter(|package| package.flavor != GENERIC)
            .map(|package| (package.flavor.as_str(), &package.platform))
            .collect();
        flavors.into_iter().collect()
    }
}

fn order(package: &Package) -> (&ProductName, &EupsVersion, &str) {
    (&package.product, &package.version, &package.flavor)
}

fn key(product: &ProductName, version: &str) -> String {
    format!("{product} {version}")
}

/// The product up to the first `-`, the flavor behind the last `@`.
fn parts(name: &str) -> Result<(ProductName, EupsVersion, String), Misnamed> {
    let stem = name.strip_suffix(ENDING).ok_or(Misnamed::Form)?;
    let (product, rest) = stem.split_once('-').ok_or(Misnamed::Form)?;
    let (version, flavor) = rest.rsplit_once('@').ok_or(Misnamed::Form)?;
    Ok((self::product(product)?, version.parse()?, crate::import::shown(flavor)))
}

/// The name of a product that EUPS can hold.
pub fn product(text: &str) -> Result<ProductName, Misnamed> {
    let product = text.parse()?;
    if holds_product(&product) { Ok(product) } else { Err(Misnamed::NotHeld) }
}

/// The platform of a flavor; none where another was asked for.
fn platform(flavor: &str, asked: Option<&Platform>) -> Result<Option<Platform>, Misnamed> {
    let unknown = || Misnamed::Flavor { flavor: flavor.to_owned() };
    let known = platform_of(flavor).ok_or_else(unknown)?;
    Ok(match asked {
        None => Some(known),
        Some(_) if known == Platform::Any => Some(known),
        Some(asked) if asked.without_variant() == known => Some(asked.clone()),
        Some(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(names: &[&str], asked: Option<&str>) -> Shelf {
        let names: Vec<String> = names.iter().map(|name| format!("{name}{ENDING}")).collect();
        let asked: Option<Platform> = asked.map(|asked| asked.parse().unwrap());
        Shelf::of(&names, asked.as_ref())
    }

    #[test]
    fn names_are_packages() {
        let shelf = shelf(&["lz_app-g1+2@Linux64", "lz_base-1.4.2+b1@generic"], None);

        let app = &shelf.packages[0];
        assert_eq!((app.product.as_str(), app.version.as_str()), ("lz_app", "g1+2"));
        assert_eq!(app.platform.to_string(), "linux-x86_64");
        assert_eq!(shelf.packages[1].platform, Platform::Any);
        assert_eq!(shelf.packages[1].name.to_string(), "1.4.2-b1");
    }

    #[test]
    fn what_is_no_package_is_told_with_its_name() {
        let shelf = shelf(
            &["../x-1@Linux64", "a-1", "a-1@SunOS", "a-b@c@Linux64", "a.b-1@Linux64", "a-\u{1b}@x"],
            None,
        );

        assert_eq!(shelf.packages, []);
        assert_eq!(shelf.refused.len(), 6, "{:?}", shelf.refused);
        assert!(shelf.refused.iter().all(|(name, _)| !name.contains('\u{1b}')));
    }

    #[test]
    fn a_platform_that_is_asked_for_chooses_among_flavors() {
        let names = ["a-1@Linux64", "a-1@DarwinX86", "b-1@generic"];
        let asked = shelf(&names, Some("linux-x86_64-el8"));

        let platforms: Vec<String> =
            asked.packages.iter().map(|package| package.platform.to_string()).collect();
        assert_eq!(
            (platforms, asked.elsewhere),
            (vec!["linux-x86_64-el8".into(), "any".into()], 1)
        );
        assert_eq!(shelf(&names, None).packages.len(), 3);
    }

    #[test]
    fn the_flavor_that_is_asked_for_goes_first() {
        let shelf = shelf(&["a-1@Linux64", "a-1@generic", "b-1@generic"], None);
        let find = |product, flavors: &[&str]| {
            shelf.find(product, "1", flavors).map(|index| &*shelf.packages[index].flavor)
        };
        assert_eq!(find("a", &["Linux64", GENERIC]), Some("Linux64"));
        assert_eq!(find("b", &["Linux64", GENERIC]), Some(GENERIC));
        assert_eq!(find("b", &["Linux64"]), None);
    }

    #[test]
    fn both_spellings_of_one_build_become_two() {
        let shelf = shelf(&["a-1.4.2-b1@Linux64", "a-1.4.2+b1@Linux64"], None);
        let names: Vec<String> = shelf.packages.iter().map(|it| it.name.to_string()).collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"1.4.2-b1".to_owned()) && names[0] != names[1], "{names:?}");
    }
}
