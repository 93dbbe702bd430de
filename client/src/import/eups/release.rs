//! Tags of EUPS as distributions.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use larder_schema::distribution::{MAX_PARAMETERS, is_parameter};
use larder_schema::eups::{TagList, version_of_tag};
use larder_schema::{
    BuildKey, DistributionVersion, Label, Platform, ProductName, Sha256, Stage, Text,
};

use super::environment::Environment;
use super::manifests::Listed;
use super::shelf::{GENERIC, Shelf};

/// How many missing packages are named.
const MOST_TOLD: usize = 5;

/// A tag as a distribution: its builds on each platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The tag.
    pub tag: String,
    /// What its list says in comments as `#KEY=value`, as far as a distribution can tell it.
    pub parameters: BTreeMap<String, Text>,
    /// Its conda environment.
    pub environment: Option<Environment>,
    /// The builds, for each platform; that of the environment is not among them.
    pub builds: BTreeMap<Platform, BTreeSet<BuildKey>>,
    /// What lacks on other platforms, which it is not for therefore.
    pub lacking: Vec<String>,
}

/// A tag does not become a distribution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// Packages lack.
    #[error("{}", lacking(.packages))]
    Packages {
        /// Which.
        packages: Vec<String>,
    },
    /// It lists nothing.
    #[error("it lists nothing for these platforms")]
    Empty,
    /// Its name is none for a distribution.
    #[error("its name is none that a distribution's version can have")]
    Name,
}

fn lacking(packages: &[String]) -> String {
    let told = packages.iter().take(MOST_TOLD).map(|package| format!("`{package}`"));
    let more = match packages.len().checked_sub(MOST_TOLD) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    let told = told.collect::<Vec<_>>().join(", ");
    format!("it lists {told}{more}, which did not come in or is not there")
}

/// Whether a tag is one that moves: it has no number in it.
pub fn is_moving(tag: &str) -> bool {
    !tag.bytes().any(|byte| byte.is_ascii_digit())
}

/// How far what a tag names has come, by its name.
pub fn stage(tag: &str) -> Stage {
    let is_version =
        tag.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match tag {
        _ if tag.starts_with("w_") => Stage::Weekly,
        _ if tag.starts_with("d_") => Stage::Nightly,
        _ if is_version && tag.contains("_rc") => Stage::Candidate,
        _ if is_version => Stage::Release,
        _ => Stage::Test,
    }
}

impl Release {
    /// The release that a tag's list stands for; `came` tells the build of a package that is on the
    /// server.
    ///
    /// What the list lacks of the closures of what it has is added, so that it is complete. It is for
    /// those platforms alone on which nothing lacks.
    pub fn of(
        list: &TagList,
        shelf: &Shelf,
        listed: &BTreeMap<usize, Listed>,
        came: impl Fn(usize) -> Option<BuildKey>,
    ) -> Result<Self, Incomplete> {
        let mut builds = BTreeMap::new();
        let mut lacking = Vec::new();
        // What runs everywhere lacks on each platform.
        let mut told = HashSet::new();
        let mut flavors = shelf.flavors();
        flavors.retain(|(flavor, _)| has_own(list, shelf, flavor));
        if flavors.is_empty() {
            flavors.push((GENERIC, &Platform::Any));
        }
        for (flavor, platform) in flavors {
            let mut here = Vec::new();
            let members = members(list, shelf, flavor, &mut here);
            let members = closed(members, shelf, listed);
            let mut keys = BTreeSet::new();
            for index in members {
                match came(index) {
                    Some(key) => drop(keys.insert(key)),
                    None => here.push(shelf.packages[index].shown()),
                }
            }
            if here.is_empty() {
                builds.insert(platform.clone(), keys);
            }
            lacking.extend(here.into_iter().filter(|it| told.insert(it.clone())));
        }
        if builds.is_empty() && !lacking.is_empty() {
            return Err(Incomplete::Packages { packages: lacking });
        }
        if builds.values().all(BTreeSet::is_empty) {
            return Err(Incomplete::Empty);
        }
        let (tag, parameters) = (list.tag.clone(), parameters(list));
        Ok(Self { tag, parameters, environment: None, builds, lacking })
    }

    /// That something lacks on one of the platforms.
    pub fn incomplete(&self) -> Option<Incomplete> {
        let packages = self.lacking.clone();
        (!packages.is_empty()).then_some(Incomplete::Packages { packages })
    }

    /// The version of the distribution; one that moves stands at the release among `others` that has
    /// come furthest of those with its builds.
    pub fn version(
        &self,
        others: &[(DistributionVersion, Self)],
    ) -> Result<DistributionVersion, Incomplete> {
        if !is_moving(&self.tag) {
            return version_of_tag(&self.tag).ok_or(Incomplete::Name);
        }
        let same = others.iter().filter(|(_, it)| !is_moving(&it.tag) && it.builds == self.builds);
        match same.max_by_key(|(_, other)| (stage(&other.tag), &other.tag)) {
            Some((version, _)) => Ok(version.clone()),
            None => self.of_its_builds(),
        }
    }

    /// A version that tells releases of one moving tag apart.
    fn of_its_builds(&self) -> Result<DistributionVersion, Incomplete> {
        const DIGITS: usize = 8;
        let told: String = self
            .builds
            .iter()
            .flat_map(|(platform, keys)| keys.iter().map(move |key| format!("{platform} {key}\n")))
            .chain(self.environment.iter().map(|environment| environment.sum().to_string()))
            .collect();
        let digits = &Sha256::of(told.as_bytes()).to_string()[..DIGITS];
        let label: Label =
            format!("{}_{digits}", self.tag).parse().map_err(|_| Incomplete::Name)?;
        Ok(DistributionVersion::Label(label))
    }
}

/// The first of each key, where it and its value are what a distribution has.
fn parameters(list: &TagList) -> BTreeMap<String, Text> {
    let mut parameters = BTreeMap::new();
    for (key, value) in list.parameters.iter().filter(|(key, _)| is_parameter(key)) {
        if let Ok(value) = value.parse()
            && parameters.len() < MAX_PARAMETERS
        {
            parameters.entry(key.clone()).or_insert(value);
        }
    }
    parameters
}

/// Whether a tag lists a package that is for this flavor and no other.
fn has_own(list: &TagList, shelf: &Shelf, flavor: &str) -> bool {
    list.lines.iter().any(|line| {
        [flavor, GENERIC].contains(&line.flavor.as_str())
            && shelf.find(&line.product, &line.version, &[flavor]).is_some()
    })
}

/// The packages of a list for one flavor, by product.
fn members(
    list: &TagList,
    shelf: &Shelf,
    flavor: &str,
    lacking: &mut Vec<String>,
) -> BTreeMap<ProductName, usize> {
    let (mut members, mut own) = (BTreeMap::new(), HashSet::new());
    for line in &list.lines {
        if line.flavor != GENERIC && line.flavor != flavor {
            continue;
        }
        match shelf.find(&line.product, &line.version, &[flavor, GENERIC]) {
            Some(index) => {
                let product = shelf.packages[index].product.clone();
                // A line of its own goes before one for whichever flavor; of two alike EUPS takes the last.
                if line.flavor != GENERIC {
                    own.insert(product.clone());
                    members.insert(product, index);
                } else if !own.contains(&product) {
                    members.insert(product, index);
                }
            }
            None => {
                let line = format!("{} {} ({flavor})", line.product, line.version);
                lacking.push(crate::import::shown(&line));
            }
        }
    }
    members
}

/// With what their manifests list and they do not, the first that is come to.
fn closed(
    mut members: BTreeMap<ProductName, usize>,
    shelf: &Shelf,
    listed: &BTreeMap<usize, Listed>,
) -> Vec<usize> {
    let own: Vec<usize> = members.values().copied().collect();
    let closures = own.iter().filter_map(|index| listed.get(index));
    let needed = closures.flat_map(|listed| &listed.closure).filter_map(|need| need.index());
    for index in needed.collect::<Vec<_>>() {
        members.entry(shelf.packages[index].product.clone()).or_insert(index);
    }
    members.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::eups::manifests::{self, Names};

    /// `app` needs `base`, on Linux64 and on Darwin; `data` runs everywhere.
    fn root() -> (Shelf, BTreeMap<usize, Listed>) {
        let names = [
            "app-2.0.0+b2@Linux64",
            "app-2.0.0+b2@Darwin",
            "base-1.0.0+b1@Linux64",
            "base-1.0.0+b1@Darwin",
            "data-1.0.0+b1@generic",
            "data-1.1.0+b2@generic",
        ];
        let shelf = Shelf::of(&names.map(|name| format!("{name}.manifest")), None);
        let mut listed = BTreeMap::new();
        for (index, package) in shelf.packages.iter().enumerate() {
            let line = |product: &str, version: &str| {
                format!("{product} {} {version} none x search\n", package.flavor)
            };
            let own = line(package.product.as_str(), package.version.as_str());
            let needs = if package.product.as_str() == "app" {
                line("base", "1.0.0+b1")
            } else {
                String::new()
            };
            let heading = larder_schema::eups::Manifest::heading(
                package.product.as_str(),
                package.version.as_str(),
            );
            let text = heading + &needs + &own;
            let read = manifests::read(package, &text, &shelf, &mut Names::default()).unwrap();
            listed.insert(index, read);
        }
        (shelf, listed)
    }

    fn release(lines: &str) -> Result<Release, Incomplete> {
        let (shelf, listed) = root();
        let text = format!("EUPS distribution t1 version list. Version 1.0\n{lines}");
        let list = TagList::read(&text).unwrap();
        Release::of(&list, &shelf, &listed, |index| Some(shelf.packages[index].key()))
    }

    fn told(release: &Release) -> Vec<String> {
        let told = |(platform, keys): (&Platform, &BTreeSet<BuildKey>)| {
            let products: Vec<_> = keys.iter().map(|key| key.product.as_str()).collect();
            format!("{platform}: {}", products.join(" "))
        };
        release.builds.iter().map(told).collect()
    }

    #[test]
    fn lines_for_any_flavor_count_for_each_and_what_lacks_is_added() {
        let release = release("app generic 2.0.0+b2\ndata generic 1.0.0+b1\n").unwrap();
        assert_eq!(told(&release), ["linux-x86_64: app base data", "macos-aarch64: app base data"]);
    }

    #[test]
    fn lines_for_one_flavor_count_for_that_one() {
        let release =
            release("app Linux64 2.0.0+b2\ndata generic 1.0.0+b1\napp SunOS 9\n").unwrap();
        assert_eq!(told(&release), ["linux-x86_64: app base data"]);
        let any = self::release("data generic 1.0.0+b1\n").unwrap();
        assert_eq!(told(&any), ["any: data"]);
    }

    #[test]
    fn of_two_lines_for_one_product_the_last_counts() {
        for (lines, last) in [
            ("data generic 1.0.0+b1\ndata generic 1.1.0+b2\n", "1.1.0-b2"),
            ("data generic 1.1.0+b2\ndata generic 1.0.0+b1\n", "1.0.0-b1"),
        ] {
            let release = release(lines).unwrap();
            let keys: Vec<&BuildKey> = release.builds.values().flatten().collect();
            assert_eq!(keys.len(), 1);
            assert_eq!(keys[0].build.to_string(), last);
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let refusal = release("app generic 2.0.0+b2\ngone generic 1\n").unwrap_err().to_string();
        assert!(refusal.contains("`gone 1 (Linux64)`"), "{refusal}");
        assert!(matches!(release("app generic 9\n"), Err(Incomplete::Packages { .. })));
        assert_eq!(release(""), Err(Incomplete::Empty));
    }

    #[test]
    fn a_tag_that_moves_names_a_release_that_stays_or_one_of_its_own() {
        let fixed = release("app generic 2.0.0+b2\n").unwrap();
        let version = fixed.version(&[]).unwrap();
        assert_eq!(version.to_string(), "t1");
        let moving = Release { tag: "current".to_owned(), ..fixed.clone() };

        let others = [(version.clone(), fixed)];
        assert_eq!(moving.version(&others), Ok(version));
        let own = moving.version(&[]).unwrap().to_string();
        assert!(own.starts_with("current_") && own.len() == "current_".len() + 8, "{own}");
    }

    #[test]
    fn a_tag_that_moves_stands_at_what_has_come_furthest() {
        let release = release("app generic 2.0.0+b2\n").unwrap();
        let tagged = |tag: &str| Release { tag: tag.to_owned(), ..release.clone() };
        let others = ["b103", "d_2026_11_23", "latest", "v30_0_0_rc1", "w_2026_46", "w_2026_47"];
        let others = others.map(|tag| {
            let release = tagged(tag);
            (release.version(&[]).unwrap(), release)
        });
        let stands = |others: &[_]| tagged("current").version(others).unwrap().to_string();

        assert_eq!(stands(&others), "30.0.0.rc1");
        let weekly: Vec<_> =
            others.iter().filter(|it| it.1.tag != "v30_0_0_rc1").cloned().collect();
        assert_eq!(stands(&weekly), "w_2026_47");
        assert!(stands(&others[2..3]).starts_with("current_"));
    }

    #[test]
    fn a_release_is_for_the_platforms_on_which_nothing_lacks() {
        let release = release("app generic 2.0.0+b2\nbase Darwin 9\n").unwrap();
        assert_eq!(told(&release), ["linux-x86_64: app base"]);
        let lacks = release.incomplete().unwrap().to_string();
        assert!(lacks.contains("`base 9 (Darwin)`"), "{lacks}");
    }

    #[test]
    fn names_tell_how_far_a_release_has_come() {
        let table = [
            ("w_2026_47", Stage::Weekly),
            ("d_2026_11_23", Stage::Nightly),
            ("v30_0_0_rc1", Stage::Candidate),
            ("v30_0_0", Stage::Release),
            ("very_new_1", Stage::Test),
            ("b103", Stage::Test),
        ];
        for (tag, expected) in table {
            assert_eq!(stage(tag), expected, "{tag}");
            assert!(!is_moving(tag), "{tag}");
        }
        assert!(is_moving("w_latest") && is_moving("current"));
    }
}
