//! Promotion: a candidate gets a new name, and stays the very same (DMTN-106 §4.9).

use larder_schema::api::{DistributionName, Withdrawal};
use larder_schema::{
    Digest, Distribution, DistributionVersion, Listed, Platform, ProductName, Stage,
};

use super::Registry;
use super::publish::PublishError;
use crate::catalog::{DistributionSelector, StoredDistribution};

/// Why a distribution cannot be promoted from what it says.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PromotionFault {
    /// There is no such document.
    #[error("there is no distribution {name} with the digest {from} to be promoted from")]
    Unknown {
        /// The distribution's name.
        name: ProductName,
        /// What it is said to come from.
        from: Digest,
    },
    /// It is no candidate.
    #[error(
        "{} {} for {} is no candidate, its stage is `{stage}`; a candidate has the stage \
         `candidate`, or a version such as `17.0.1.rc2`", .from.name, .from.version, .from.platform
    )]
    NoCandidate {
        /// What it is said to come from.
        from: Box<DistributionName>,
        /// How far that has come.
        stage: Stage,
    },
    /// It was withdrawn.
    #[error("{} {} for {} was withdrawn: {why}", .from.name, .from.version, .from.platform)]
    Withdrawn {
        /// What it is said to come from.
        from: Box<DistributionName>,
        /// Why that was withdrawn.
        why: Withdrawal,
    },
    /// It is a candidate for another version.
    #[error("{from} is a candidate of another version than {version}")]
    OfAnother {
        /// The candidate's version.
        from: DistributionVersion,
        /// The version that it should become.
        version: DistributionVersion,
    },
    /// It is for another platform.
    #[error("the candidate is for {from}, not for {platform}")]
    ForAnother {
        /// The candidate's platform.
        from: Platform,
        /// The one of what it should become.
        platform: Platform,
    },
    /// It differs in something else than its builds.
    #[error("what is promoted is the very same: its `{field}` are not the candidate's")]
    DiffersIn {
        /// In what.
        field: &'static str,
    },
    /// It would be less than a candidate.
    #[error("a candidate becomes a `release`, or another `candidate`, and not a `{stage}`")]
    Stage {
        /// What it would be.
        stage: Stage,
    },
    /// It lists another build.
    #[error(
        "what is promoted is the very same: of `{product}` the candidate lists {}, and this {}",
        shown(.candidate.as_deref()), shown(.offered.as_deref())
    )]
    Differs {
        /// Of which product.
        product: ProductName,
        /// What the candidate lists.
        candidate: Option<Box<Listed>>,
        /// What is listed instead.
        offered: Option<Box<Listed>>,
    },
}

fn shown(listed: Option<&Listed>) -> String {
    let Some(listed) = listed else { return "none".to_owned() };
    let record = listed.record.map_or(String::new(), |record| format!(" with the record {record}"));
    format!("{} for {}{record}", listed.build, listed.platform)
}

impl Registry {
    /// What is promoted must list the very builds of a candidate for the same version; what is there
    /// already, which its `digest` tells, did so when it was published.
    pub(super) async fn demand_candidate(
        &self,
        document: &Distribution,
        digest: Digest,
    ) -> Result<(), PublishError> {
        let Some(from) = document.promoted_from else { return Ok(()) };
        let catalog = &self.inner.catalog;
        let by_digest = DistributionSelector::Digest;
        let same = catalog.distribution(&document.name, &by_digest(digest)).await?;
        if !same.distributions.is_empty() {
            return Ok(());
        }
        let found = catalog.distribution(&document.name, &by_digest(from)).await?;
        let unknown = || PromotionFault::Unknown { name: document.name.clone(), from };
        let stored = found.distributions.into_iter().next().ok_or_else(unknown)?;
        match fault(document, stored) {
            Some(fault) => Err(fault.into()),
            None => Ok(()),
        }
    }
}

/// Why `document`, complete and in order, is not what is `stored` under another version.
fn fault(document: &Distribution, stored: StoredDistribution) -> Option<PromotionFault> {
    let StoredDistribution { distribution: candidate, withdrawn, .. } = stored;
    let from = || {
        let Distribution { name, version, platform, .. } = candidate.clone();
        Box::new(DistributionName { name, version, platform })
    };
    if !candidate.is_candidate() {
        return Some(PromotionFault::NoCandidate { from: from(), stage: candidate.stage });
    }
    if let Some(why) = withdrawn {
        return Some(PromotionFault::Withdrawn { from: from(), why });
    }
    if !candidate.version.may_become(&document.version) {
        let (from, version) = (candidate.version, document.version.clone());
        return Some(PromotionFault::OfAnother { from, version });
    }
    if candidate.platform != document.platform {
        let (from, platform) = (candidate.platform, document.platform.clone());
        return Some(PromotionFault::ForAnother { from, platform });
    }
    difference(&candidate.builds, &document.builds).or_else(|| {
        let same = [
            ("externals", candidate.externals == document.externals),
            ("parameters", candidate.parameters == document.parameters),
            ("roots", candidate.roots == document.roots),
            ("contexts", candidate.contexts == document.contexts),
            ("includes", candidate.includes == document.includes),
        ];
        if let Some((field, _)) = same.into_iter().find(|(_, same)| !same) {
            return Some(PromotionFault::DiffersIn { field });
        }
        let stage = document.stage;
        let is_further = matches!(stage, Stage::Candidate | Stage::Release);
        (!is_further).then_some(PromotionFault::Stage { stage })
    })
}

/// The first product of which the two list other builds.
fn difference(candidate: &[Listed], offered: &[Listed]) -> Option<PromotionFault> {
    let of = |list: &[Listed], product: &ProductName| {
        list.iter().find(|listed| listed.product == *product).cloned()
    };
    let mut products: Vec<&ProductName> =
        candidate.iter().chain(offered).map(|listed| &listed.product).collect();
    products.sort();
    products.dedup();
    products.into_iter().find_map(|product| {
        let (candidate, offered) = (of(candidate, product), of(offered, product));
        (candidate != offered).then(|| PromotionFault::Differs {
            product: product.clone(),
            candidate: candidate.map(Box::new),
            offered: offered.map(Box::new),
        })
    })
}
