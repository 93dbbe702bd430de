//! A package root in one state of the catalog.

use std::collections::{BTreeMap, BTreeSet};

use larder_schema::closure::install_order;
use larder_schema::eups::{EupsVersion, ListLine, TagList, build_name_of, tag_of};
use larder_schema::platform::fitting;
use larder_schema::{Build, Listed, Platform, ProductName, Text};

use super::{Named, Root, RootError};
use crate::access::{Caller, Permission};
use crate::catalog::RootSource;
use crate::catalog::root::{Held, Release};

/// What stands for every flavor in a list.
const GENERIC: &str = "generic";

/// A root, and who looks at it.
pub(super) struct View<'a> {
    pub(super) source: &'a dyn RootSource,
    pub(super) root: &'a Root,
    pub(super) caller: &'a Caller,
}

/// What is installed with a build.
pub(super) enum Closure {
    /// A distribution tells it, in the order of installing.
    Listed(Vec<Held>),
    /// No distribution has the build.
    Unlisted(Held, Box<Build>),
}

/// What has a tag: of each product one build, and the distribution that it is from.
struct Tagged {
    builds: BTreeMap<ProductName, (Held, u64)>,
    parameters: BTreeMap<String, Text>,
    distributions: BTreeSet<u64>,
}

impl View<'_> {
    /// The tags, by name.
    pub(super) fn tags(&self) -> Result<Vec<String>, RootError> {
        let tags = self.releases()?.into_keys();
        match &self.root.tag {
            None => Ok(tags.collect()),
            Some(tag) => match tags.into_iter().find(|one| one == tag) {
                Some(tag) => Ok(vec![tag]),
                None => Err(self.no_tag(tag)),
            },
        }
    }

    /// What can be installed, by product and version.
    pub(super) fn products(&self) -> Result<Vec<Named>, RootError> {
        if let Some(tag) = &self.root.tag {
            let builds = self.tagged(tag)?.builds.into_values();
            return Ok(builds.map(|(held, _)| named(&held)).collect());
        }
        let mut all: Vec<Named> = Vec::new();
        self.source.held(&mut |held| {
            let is_new = all.last().is_none_or(|last| {
                (&last.product, &last.version) != (&held.product, &held.version)
            });
            if is_new && self.shows(&held) {
                all.push(named(&held));
            }
        })?;
        Ok(all)
    }

    /// The list of a tag: of each product the version that this root has under it.
    pub(super) fn list(&self, tag: &str) -> Result<TagList, RootError> {
        if self.root.tag.as_deref().is_some_and(|only| only != tag) {
            return Err(self.no_tag(tag));
        }
        let tagged = self.tagged(tag)?;
        let parameters = self.parameters(&tagged)?;
        let mut list = TagList { tag: tag.to_owned(), parameters, lines: Vec::new() };
        for (held, _) in tagged.builds.into_values() {
            // Elsewhere another build may have the same name: who asks for it would get that one.
            if self.is_itself(&held)? {
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
        let distributions = self.tagged(tag)?.distributions;
        let mut found = None;
        for distribution in distributions {
            found = self.source.member(distribution, product)?.or(found);
        }
        Ok(found)
    }

    /// The build that a name stands for.
    pub(super) fn find(&self, named: &Named) -> Result<Held, RootError> {
        let not_there = || RootError::NotThere { named: Box::new(named.clone()) };
        if !self.caller.may(Permission::Read(&named.product)) {
            return Err(not_there());
        }
        let spelled = build_name_of(named.version.as_str());
        if let Some(tag) = &self.root.tag {
            let mut tagged = self.tagged(tag)?;
            let found = tagged.builds.remove(&named.product).map(|(held, _)| held);
            let is_meant = |held: &Held| {
                held.version == named.version
                    || spelled.as_ref().map(EupsVersion::of_build).as_ref() == Some(&held.version)
            };
            return found.filter(is_meant).ok_or_else(not_there);
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
            let from = self.tagged(tag)?.builds.get(&build.product).map(|(_, from)| *from);
            let from =
                from.ok_or_else(|| RootError::NotThere { named: Box::new(named.clone()) })?;
            return self.closure_in(named, &build, from).map(Closure::Listed);
        }
        let listed = self.source.listed_by(build.seq)?;
        let first = listed.iter().find(|(_, platform)| platform.fits(&self.root.platform));
        let Some((distribution, _)) = first else {
            let record = self.source.record(build.seq)?;
            return Ok(Closure::Unlisted(build, Box::new(record)));
        };
        let builds = self.closure_in(named, &build, *distribution)?;
        for needed in &builds {
            if !self.is_itself(needed)? {
                let needed = needed.product.clone();
                return Err(RootError::Another { named: Box::new(named.clone()), needed });
            }
        }
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
            let lacks =
                || RootError::Lacks { named: Box::new(named.clone()), needed: product.clone() };
            let held = members.get(&product).copied().ok_or_else(lacks)?;
            if !self.caller.may(Permission::Read(&product)) {
                return Err(lacks());
            }
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

    /// By EUPS tag, the distributions that have it for this platform, by number.
    fn releases(&self) -> Result<BTreeMap<String, BTreeSet<u64>>, RootError> {
        // One version or tag of one name may be there for several platforms.
        let mut of_one: BTreeMap<(String, ProductName, String), Vec<Release>> = BTreeMap::new();
        for release in self.source.releases()? {
            if !self.caller.may(Permission::ReadDistribution(&release.name)) {
                continue;
            }
            let spelled = match &release.tag {
                Some(tag) => tag.to_string(),
                None => release.version.to_string(),
            };
            let key = (tag_of(&spelled), release.name.clone(), spelled);
            of_one.entry(key).or_default().push(release);
        }
        let mut tags: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for ((tag, _, _), releases) in of_one {
            let there: Vec<Platform> =
                releases.iter().map(|release| release.platform.clone()).collect();
            let fits = fitting(&there, &self.root.platform);
            let chosen = releases.iter().find(|release| Some(&release.platform) == fits);
            if let Some(release) = chosen {
                tags.entry(tag).or_default().insert(release.seq);
            }
        }
        Ok(tags)
    }

    /// Of each product what the distributions of a tag list: of two, the one that was made for the
    /// product; else the one that was published last.
    fn tagged(&self, tag: &str) -> Result<Tagged, RootError> {
        let distributions = self.releases()?.remove(tag).ok_or_else(|| self.no_tag(tag))?;
        let mut builds: BTreeMap<ProductName, (Held, u64, bool)> = BTreeMap::new();
        let mut parameters = BTreeMap::new();
        for &distribution in &distributions {
            let members = self.source.members(distribution)?;
            parameters.extend(members.parameters);
            for held in members.builds {
                if !self.caller.may(Permission::Read(&held.product)) {
                    continue;
                }
                let is_root = members.roots.contains(&held.product);
                let known = builds.get(&held.product);
                if known.is_none_or(|(_, _, known_root)| is_root >= *known_root) {
                    builds.insert(held.product.clone(), (held, distribution, is_root));
                }
            }
        }
        let without = |(product, (held, from, _))| (product, (held, from));
        let builds = builds.into_iter().map(without).collect();
        Ok(Tagged { builds, parameters, distributions })
    }

    /// What a list tells in comments: what its distributions do, and else as `BUILD` the bID that was
    /// published last, and as `CONDA_ENV` where that was built.
    fn parameters(&self, tagged: &Tagged) -> Result<Vec<(String, String)>, RootError> {
        let told = tagged.parameters.iter().map(|(name, value)| (name.clone(), value.to_string()));
        let mut parameters: Vec<(String, String)> = told.collect();
        let lacks = |name: &str| !tagged.parameters.contains_key(name);
        let last = tagged.builds.values().map(|(held, _)| held).max_by_key(|held| held.seq);
        let Some(last) = last else { return Ok(parameters) };
        let record = self.source.record(last.seq)?;
        let is_spelled = last.version == EupsVersion::of_build(&record.name());
        if lacks("BUILD") && is_spelled {
            parameters.push(("BUILD".to_owned(), record.build.to_string()));
        }
        if let Some(built_in) = record.built_in.filter(|_| lacks("CONDA_ENV")) {
            parameters.push(("CONDA_ENV".to_owned(), built_in.version.to_string()));
        }
        Ok(parameters)
    }

    /// Whether who asks this root for the build's name gets it.
    fn is_itself(&self, held: &Held) -> Result<bool, RootError> {
        if self.root.tag.is_some() {
            return Ok(true);
        }
        let found = self.source.named(&held.product, &held.version)?;
        Ok(self.best(found).is_some_and(|best| best.seq == held.seq))
    }

    fn shows(&self, held: &Held) -> bool {
        held.platform.fits(&self.root.platform) && self.caller.may(Permission::Read(&held.product))
    }

    /// Of builds with one name that fit: the one for this very platform, then the one that was
    /// published first, and what runs everywhere last.
    fn best(&self, found: Vec<Held>) -> Option<Held> {
        let rank = |held: &Held| match &held.platform {
            platform if *platform == self.root.platform => 0,
            Platform::Any => 2,
            Platform::On { .. } => 1,
        };
        let fit = found.into_iter().filter(|held| self.shows(held));
        fit.min_by_key(|held| (rank(held), held.seq))
    }

    fn no_tag(&self, tag: &str) -> RootError {
        RootError::NoTag { tag: tag.to_owned(), platform: self.root.platform.clone() }
    }
}

fn named(held: &Held) -> Named {
    Named { product: held.product.clone(), version: held.version.clone() }
}
