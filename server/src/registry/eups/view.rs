//! A package root in one state of the catalog.

use std::collections::{BTreeMap, BTreeSet};

use larder_schema::closure::install_order;
use larder_schema::eups::{EupsVersion, ListLine, TagList, build_name_of, tag_of};
use larder_schema::platform::fitting;
use larder_schema::{Build, Listed, Platform, ProductName};

use super::{Named, Root, RootError};
use crate::access::{Caller, Permission};
use crate::catalog::RootSource;
use crate::catalog::root::{Held, Members, Release};

/// What stands for every flavor in a list.
const GENERIC: &str = "generic";
/// Tags that EUPS keeps for itself: a stack that learns of one from a server cannot be used any more
/// (`Eups._internalTags`, `latest`).
const RESERVED: [&str; 8] =
    ["commandLine", "keep", "latest", "setup", "type", "version", "versionExpr", "warn"];
/// The environment whose version the lists of the LSST tell.
const CONDA_ENVIRONMENT: &str = "rubin-env";

/// A root, and who looks at it.
pub(super) struct View<'a> {
    pub(super) source: &'a dyn RootSource,
    pub(super) root: &'a Root,
    pub(super) caller: &'a Caller,
    /// Distributions whose tags go before those of others, the first before all.
    pub(super) names: &'a [ProductName],
}

/// What is installed with a build.
pub(super) enum Closure {
    /// A distribution tells it, in the order of installing.
    Listed(Vec<Held>),
    /// No distribution has the build.
    Unlisted(Held, Box<Build>),
}

impl View<'_> {
    /// The tags, by name.
    pub(super) fn tags(&self) -> Result<Vec<String>, RootError> {
        match &self.root.tag {
            None => Ok(self.distributions()?.into_keys().collect()),
            Some(tag) => {
                self.distribution(tag)?;
                Ok(vec![tag.clone()])
            }
        }
    }

    /// What can be installed, by product and version.
    pub(super) fn products(&self) -> Result<Vec<Named>, RootError> {
        let mut all: Vec<Named> = Vec::new();
        let mut add = |held: Held| {
            let is_new = all.last().is_none_or(|last| {
                (&last.product, &last.version) != (&held.product, &held.version)
            });
            if is_new && self.fits(&held) {
                all.push(Named { product: held.product, version: held.version });
            }
        };
        match &self.root.tag {
            Some(tag) => self.tagged(tag)?.builds.into_iter().for_each(add),
            None => self.source.held(&mut add)?,
        }
        Ok(all)
    }

    /// The list of a tag: of each product the version that this root has under it.
    pub(super) fn list(&self, tag: &str) -> Result<TagList, RootError> {
        if self.root.tag.as_deref().is_some_and(|only| only != tag) {
            return Err(self.no_tag(tag));
        }
        let members = self.tagged(tag)?;
        let parameters = self.parameters(&members)?;
        let mut list = TagList { tag: tag.to_owned(), parameters, lines: Vec::new() };
        for held in &members.builds {
            // Elsewhere another build may have the same name: who asks for it would get that one.
            if self.fits(held) && self.is_itself(held)? {
                list.lines.push(ListLine {
                    product: held.product.to_string(),
                    flavor: GENERIC.to_owned(),
                    version: held.version.to_string(),
                });
            }
        }
        Ok(list)
    }

    /// The build of a product, which EUPS need not hold, that goes with a tag.
    pub(super) fn beside(
        &self,
        tag: &str,
        product: &ProductName,
    ) -> Result<Option<u64>, RootError> {
        if !self.caller.may(Permission::Read(product)) {
            return Ok(None);
        }
        Ok(self.source.member(self.distribution(tag)?, product)?)
    }

    /// The build that a name stands for.
    pub(super) fn find(&self, named: &Named) -> Result<Held, RootError> {
        let not_there = || RootError::NotThere { named: Box::new(named.clone()) };
        let spelled = build_name_of(named.version.as_str());
        if let Some(tag) = &self.root.tag {
            let is_meant = |held: &Held| {
                held.product == named.product
                    && (held.version == named.version
                        || spelled.as_ref().map(EupsVersion::of_build).as_ref()
                            == Some(&held.version))
            };
            let found = self.tagged(tag)?.builds.into_iter().find(is_meant);
            return found.filter(|held| self.fits(held)).ok_or_else(not_there);
        }
        let mut found = self.source.named(&named.product, &named.version)?;
        if let (true, Some(name)) = (found.is_empty(), spelled) {
            found = self.source.of_name(&named.product, &name)?;
        }
        self.best(found).ok_or_else(not_there)
    }

    /// What is installed with the build that a name stands for.
    pub(super) fn closure(&self, named: &Named) -> Result<Closure, RootError> {
        let build = self.find(named)?;
        if let Some(tag) = &self.root.tag {
            let distribution = self.distribution(tag)?;
            return self.closure_in(named, &build, distribution).map(Closure::Listed);
        }
        let listed = self.source.listed_by(build.seq)?;
        let first = listed.into_iter().find(|release| {
            release.platform.fits(&self.root.platform)
                && self.caller.may(Permission::ReadDistribution(&release.name))
        });
        let Some(first) = first else {
            let record = self.source.record(build.seq)?;
            return Ok(Closure::Unlisted(build, Box::new(record)));
        };
        let builds = self.closure_in(named, &build, first.seq)?;
        self.demand_themselves(named, &builds)?;
        Ok(Closure::Listed(builds))
    }

    /// What a resolution took, the build that was asked for last.
    pub(super) fn resolved(
        &self,
        named: &Named,
        build: &Held,
        listed: &[Listed],
    ) -> Result<Vec<Held>, RootError> {
        let mut builds = Vec::with_capacity(listed.len());
        for one in listed.iter().filter(|one| one.product != build.product) {
            let found = self.source.of_name(&one.product, &one.build)?;
            let held = found.into_iter().find(|held| held.platform == one.platform);
            let lacks =
                || RootError::Lacks { named: Box::new(named.clone()), needed: one.product.clone() };
            builds.push(held.ok_or_else(lacks)?);
        }
        builds.push(build.clone());
        self.demand_themselves(named, &builds)?;
        Ok(builds)
    }

    /// What a build needs, of what a distribution lists.
    fn closure_in(
        &self,
        named: &Named,
        build: &Held,
        distribution: u64,
    ) -> Result<Vec<Held>, RootError> {
        let members = self.source.members(distribution)?.builds;
        let members: BTreeMap<&ProductName, &Held> =
            members.iter().map(|held| (&held.product, held)).collect();
        let mut needs: BTreeMap<ProductName, Vec<ProductName>> = BTreeMap::new();
        let mut open = vec![build.product.clone()];
        while let Some(product) = open.pop() {
            if needs.contains_key(&product) {
                continue;
            }
            let held = members.get(&product).copied().filter(|held| self.fits(held));
            let Some(held) = held else {
                return Err(RootError::Lacks { named: Box::new(named.clone()), needed: product });
            };
            let needed = self.source.needed(held.seq)?;
            open.extend(needed.iter().cloned());
            needs.insert(product, needed);
        }
        let order = install_order(
            needs.iter().map(|(product, needed)| (product, needed.iter().collect())).collect(),
        );
        // Itself last, also where what it needs goes round to it.
        let others = order.into_iter().filter(|product| **product != build.product);
        let mut builds: Vec<Held> = others.map(|product| members[product].clone()).collect();
        builds.push(build.clone());
        Ok(builds)
    }

    /// By tag, the distribution that has it for this platform.
    ///
    /// Where several names have one tag, it is that of the name which is set to go first, else of the one
    /// that was there first; the others' have their names in front. So nobody takes a tag from another.
    fn distributions(&self) -> Result<BTreeMap<String, u64>, RootError> {
        let releases = self.source.releases()?;
        let tags: BTreeSet<(ProductName, String)> = releases
            .iter()
            .filter(|release| release.tag.is_some())
            .map(|release| (release.name.clone(), release.eups.clone()))
            .collect();
        let mut of_tags: BTreeMap<String, Vec<Release>> = BTreeMap::new();
        // What is only there so that a tag can point to it needs no tag of its own.
        let is_told = |release: &Release| match state_of(release) {
            Some(tag) => !tags.contains(&(release.name.clone(), tag.to_owned())),
            None => true,
        };
        for release in releases.into_iter().filter(is_told) {
            of_tags.entry(release.eups.clone()).or_default().push(release);
        }
        let firsts = self.source.firsts()?;
        let (mut own, mut others) = (BTreeMap::new(), BTreeMap::new());
        for (tag, releases) in of_tags {
            let mut ranked = self.ranked(releases, &firsts).into_iter();
            own.extend(ranked.next().map(|(_, distribution)| (tag.clone(), distribution)));
            others.extend(ranked.map(|(name, distribution)| (behind(&name, &tag), distribution)));
        }
        others.append(&mut own);
        others.retain(|tag, _| !RESERVED.contains(&tag.as_str()));
        Ok(others)
    }

    /// The distribution that has a tag for this platform, as [`Self::distributions`] has it.
    fn distribution(&self, tag: &str) -> Result<u64, RootError> {
        if RESERVED.contains(&tag) {
            return Err(self.no_tag(tag));
        }
        let firsts = self.source.firsts()?;
        let own = self.ranked(self.source.releases_of(tag)?, &firsts);
        if let Some((_, distribution)) = own.into_iter().next() {
            return Ok(distribution);
        }
        for (at, _) in tag.match_indices('_') {
            let others = self.ranked(self.source.releases_of(&tag[at + 1..])?, &firsts);
            let mut others = others.into_iter().skip(1);
            if let Some((_, found)) = others.find(|(name, _)| behind(name, &tag[at + 1..]) == tag) {
                return Ok(found);
            }
        }
        Err(self.no_tag(tag))
    }

    /// Of releases with one tag the distribution of each name that this platform takes, in the order of
    /// who has a right to the tag.
    fn ranked(
        &self,
        releases: Vec<Release>,
        firsts: &BTreeMap<ProductName, u64>,
    ) -> Vec<(ProductName, u64)> {
        let mut of_names: BTreeMap<ProductName, Vec<Release>> = BTreeMap::new();
        for release in releases {
            if self.caller.may(Permission::ReadDistribution(&release.name)) {
                of_names.entry(release.name.clone()).or_default().push(release);
            }
        }
        let chosen = of_names.into_iter().filter_map(|(name, releases)| {
            // Two versions may be one tag, such as `w.2026.47` and `w_2026_47`: the first one has it.
            let first = (releases[0].version.clone(), releases[0].tag.clone());
            let same = |it: &&Release| (&it.version, &it.tag) == (&first.0, &first.1);
            let same: Vec<&Release> = releases.iter().filter(same).collect();
            let there: Vec<Platform> = same.iter().map(|it| it.platform.clone()).collect();
            let fits = fitting(&there, &self.root.platform)?;
            let release = same.iter().find(|release| release.platform == *fits)?;
            Some((name, release.seq))
        });
        let mut chosen: Vec<(ProductName, u64)> = chosen.collect();
        let set = |name: &ProductName| self.names.iter().position(|one| one == name);
        chosen.sort_by_key(|(name, _)| {
            (set(name).unwrap_or(usize::MAX), firsts.get(name).copied().unwrap_or(u64::MAX))
        });
        chosen
    }

    fn tagged(&self, tag: &str) -> Result<Members, RootError> {
        Ok(self.source.members(self.distribution(tag)?)?)
    }

    /// What a list tells in comments: what its distribution does, and else as `BUILD` the bID that was
    /// published last, and as `CONDA_ENV` the environment that this was built in.
    fn parameters(&self, members: &Members) -> Result<Vec<(String, String)>, RootError> {
        let told = members.parameters.iter().map(|(name, value)| (name.clone(), value.to_string()));
        let mut parameters: Vec<(String, String)> = told.collect();
        let lacks = |name: &str| !members.parameters.contains_key(name);
        let last = members.builds.iter().max_by_key(|held| held.seq);
        let Some(last) = last.filter(|_| lacks("BUILD") || lacks("CONDA_ENV")) else {
            return Ok(parameters);
        };
        let record = self.source.record(last.seq)?;
        let is_spelled = last.version == EupsVersion::of_build(&record.name());
        if lacks("BUILD") && is_spelled {
            parameters.push(("BUILD".to_owned(), record.build.to_string()));
        }
        let built_in = record.built_in.filter(|it| it.name.as_str() == CONDA_ENVIRONMENT);
        if let Some(built_in) = built_in.filter(|_| lacks("CONDA_ENV")) {
            parameters.push(("CONDA_ENV".to_owned(), built_in.version.to_string()));
        }
        Ok(parameters)
    }

    /// Refuses a closure of which this root has another build under the same name.
    fn demand_themselves(&self, named: &Named, builds: &[Held]) -> Result<(), RootError> {
        for needed in builds {
            if !self.is_itself(needed)? {
                let needed = needed.product.clone();
                return Err(RootError::Another { named: Box::new(named.clone()), needed });
            }
        }
        Ok(())
    }

    /// Whether who asks this root for the build's name gets it.
    fn is_itself(&self, held: &Held) -> Result<bool, RootError> {
        if self.root.tag.is_some() {
            return Ok(true);
        }
        let found = self.source.named(&held.product, &held.version)?;
        Ok(self.best(found).is_some_and(|best| best.seq == held.seq))
    }

    /// Whether a build may be in this root, and its asker may know of it.
    fn fits(&self, held: &Held) -> bool {
        held.platform.fits(&self.root.platform) && self.caller.may(Permission::Read(&held.product))
    }

    /// Of builds with one name that fit: one that is shown before one that is not, then the one for this
    /// very platform, what runs everywhere last, then the one that was published first.
    fn best(&self, found: Vec<Held>) -> Option<Held> {
        let rank = |held: &Held| match &held.platform {
            platform if *platform == self.root.platform => 0,
            Platform::Any => 2,
            Platform::On { .. } => 1,
        };
        let fit = found.into_iter().filter(|held| self.fits(held));
        fit.min_by_key(|held| (!held.is_shown, rank(held), held.seq))
    }

    fn no_tag(&self, tag: &str) -> RootError {
        RootError::NoTag { tag: tag.to_owned(), platform: self.root.platform.clone() }
    }
}

/// The tag that a distribution is a state of: an import calls what `current` once stood for
/// `current_1a2b3c4d`.
fn state_of(release: &Release) -> Option<&str> {
    let (tag, digits) = release.eups.rsplit_once('_')?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_state = release.tag.is_none() && digits.len() == 8 && digits.bytes().all(is_digit);
    is_state.then_some(tag)
}

/// The tag of a distribution that has no right to it alone.
fn behind(name: &ProductName, tag: &str) -> String {
    format!("{}_{tag}", tag_of(name.as_str()))
}
