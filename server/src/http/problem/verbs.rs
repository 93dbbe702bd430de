//! From what the registry's verbs refuse to the problem documents that say so.

use larder_schema::ProblemKind;
use larder_schema::api::MAX_BUILD_IDS;
use larder_schema::plan::{MOST_NEEDED, MOST_SOURCES, PlanFault};

use crate::catalog::Refusal;
use crate::http::ApiError;
use crate::registry::check::CheckError;
use crate::registry::distribute::DistributionError;
use crate::registry::lookup::LookupError;
use crate::registry::plan::PlanError;
use crate::registry::promote::PromotionFault;
use crate::registry::publish::PublishError;
use crate::registry::resolve::ResolveError;
use crate::registry::statements::ReplacementFault;

impl From<LookupError> for ApiError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Denied(denied) => denied.into(),
            LookupError::Catalog(error) => error.into(),
            LookupError::NoProduct { .. } | LookupError::NoBuild { .. } => {
                Self::told(ProblemKind::Unknown, &error)
            }
            LookupError::OtherPlatforms { ref platforms, .. } => {
                let platforms = platforms.clone();
                Self::told(ProblemKind::Unknown, &error).with("platforms", platforms)
            }
            LookupError::SeveralPlatforms { ref platforms, .. } => {
                let platforms = platforms.clone();
                Self::told(ProblemKind::SeveralPlatforms, &error).with("platforms", platforms)
            }
            LookupError::TooMany { most, .. } => {
                Self::told(ProblemKind::TooLarge, &error).with("limit", most)
            }
            LookupError::Cursor { .. } | LookupError::Revision { .. } => {
                Self::told(ProblemKind::Malformed, &error)
            }
        }
    }
}

impl From<DistributionError> for ApiError {
    fn from(error: DistributionError) -> Self {
        match error {
            DistributionError::Lookup(error) => error.into(),
            DistributionError::NoName { .. } | DistributionError::NoVersion { .. } => {
                Self::told(ProblemKind::Unknown, &error)
            }
        }
    }
}

impl From<CheckError> for ApiError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Catalog(error) => error.into(),
            CheckError::Blobs(error) => error.into(),
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Denied(denied) => denied.into(),
            PublishError::Catalog(error) => error.into(),
            PublishError::Blobs(error) => error.into(),
            PublishError::Refused(refusal) => (*refusal).into(),
            PublishError::Record { ref key, .. } | PublishError::License { ref key, .. } => {
                let key = key.clone();
                Self::told(ProblemKind::Malformed, &error).with("build", key)
            }
            PublishError::Contradiction { ref key, field, .. } => {
                let key = key.clone();
                Self::told(ProblemKind::Contradiction, &error)
                    .with("build", key)
                    .with("field", field)
            }
            PublishError::Distribution { .. } => Self::told(ProblemKind::Contradiction, &error),
            PublishError::UnknownBuild { ref key } => {
                let key = key.clone();
                Self::told(ProblemKind::Unmet, &error).with("build", key)
            }
            PublishError::Unmet { ref unmet } => {
                let chains: Vec<_> = unmet
                    .iter()
                    .map(|unmet| {
                        serde_json::json!({
                            "chain": unmet.chain, "needed_by": unmet.needed_by,
                            "product": unmet.product, "requirement": unmet.requirement,
                            "found": unmet.found,
                        })
                    })
                    .collect();
                Self::told(ProblemKind::Unmet, &error).with("unmet", chains)
            }
            PublishError::BuildIds { .. } => {
                Self::told(ProblemKind::Malformed, &error).with("limit", MAX_BUILD_IDS)
            }
            PublishError::Product { .. } | PublishError::OtherName { .. } => {
                Self::told(ProblemKind::Malformed, &error)
            }
            PublishError::NoSubject { .. } => Self::told(ProblemKind::Unknown, &error),
            PublishError::Replacement(ref fault) => match fault {
                ReplacementFault::NotABuild | ReplacementFault::Itself(_) => {
                    Self::told(ProblemKind::Malformed, &error)
                }
                ReplacementFault::Unknown(key) | ReplacementFault::Withdrawn(key) => {
                    let key = key.clone();
                    Self::told(ProblemKind::Contradiction, &error).with("build", key)
                }
            },
            PublishError::Promotion(ref fault) => {
                let told = Self::told(ProblemKind::Contradiction, &error);
                match fault.as_ref() {
                    PromotionFault::Differs { product, .. } => told.with("product", product),
                    PromotionFault::Unknown { .. }
                    | PromotionFault::NoCandidate { .. }
                    | PromotionFault::Withdrawn { .. }
                    | PromotionFault::OfAnother { .. }
                    | PromotionFault::ForAnother { .. }
                    | PromotionFault::DiffersIn { .. }
                    | PromotionFault::Stage { .. } => told,
                }
            }
            PublishError::Canonical(_) => Self::told(ProblemKind::Malformed, &error),
        }
    }
}

impl From<ResolveError> for ApiError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Denied(denied) => denied.into(),
            ResolveError::Distribution(error) => error.into(),
            ResolveError::Catalog(error) => error.into(),
            ResolveError::NoVersion { .. } => Self::told(ProblemKind::Malformed, &error),
            ResolveError::TooMany { most, .. } => {
                Self::told(ProblemKind::TooLarge, &error).with("limit", most)
            }
            ResolveError::NoAnswer(ref none) => {
                let conflicts = none.conflicts.clone();
                Self::told(ProblemKind::NoAnswer, &error).with("conflicts", conflicts)
            }
            ResolveError::Limit(limit) => {
                Self::told(ProblemKind::Unavailable, &error).with("limit", limit.name())
            }
            ResolveError::Gone => Self::told(ProblemKind::Unavailable, &error),
        }
    }
}

impl From<PlanError> for ApiError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Denied(denied) => denied.into(),
            PlanError::Catalog(error) => error.into(),
            PlanError::Fault(fault) => (*fault).into(),
            PlanError::Limit(limit) => {
                Self::told(ProblemKind::Unavailable, &error).with("limit", limit.name())
            }
            PlanError::Gone => Self::told(ProblemKind::Unavailable, &error),
        }
    }
}

impl From<PlanFault> for ApiError {
    fn from(fault: PlanFault) -> Self {
        let is_too_large = matches!(fault, PlanFault::TooMany | PlanFault::TooManyNeeded);
        let kind = if is_too_large { ProblemKind::TooLarge } else { ProblemKind::Malformed };
        let told = Self::told(kind, &fault);
        let told = match fault.at() {
            Some(at) => told.with("at", at),
            None => told,
        };
        match &fault {
            PlanFault::Empty => told,
            PlanFault::TooMany => told.with("limit", MOST_SOURCES),
            PlanFault::TooManyNeeded => told.with("limit", MOST_NEEDED),
            PlanFault::Twice { product, at } => {
                told.with("product", product).with("first_at", at[0])
            }
            PlanFault::TwoRevisions { product, revisions, at } => {
                told.with("product", product).with("first_at", at[0]).with("revisions", revisions)
            }
            PlanFault::Missing { product, dependency, .. } => {
                told.with("product", product).with("dependency", dependency)
            }
            PlanFault::Unmet { product, dependency, requirement, version, .. } => told
                .with("product", product)
                .with("dependency", dependency)
                .with("requirement", requirement)
                .with("version", version),
            PlanFault::Cycle { products, .. } => told.with("cycle", products),
            PlanFault::PolicyOfNone { product } => told.with("product", product),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::BuildTaken { key, stored, stored_archive, .. } => {
                Self::told(ProblemKind::Conflict, &refusal)
                    .with("conflict", key)
                    .with("record", stored)
                    .with("archive", stored_archive)
            }
            Refusal::DistributionTaken { name, stored, .. } => {
                Self::told(ProblemKind::Conflict, &refusal)
                    .with("conflict", name)
                    .with("digest", stored)
            }
            Refusal::ArchivesMissing { missing } => {
                let sums: Vec<String> = missing.iter().map(|sum| format!("sha256:{sum}")).collect();
                let detail = format!("{refusal}; upload them first: {}", sums.join(", "));
                Self::new(ProblemKind::BytesMissing, detail).with("missing", sums)
            }
            Refusal::Twin { stored, .. } => {
                Self::told(ProblemKind::Conflict, &refusal).with("conflict", stored)
            }
            Refusal::NewProducts { products } => {
                Self::told(ProblemKind::Pending, &refusal).with("products", products)
            }
            Refusal::RepositoryTaken { product, .. } => {
                Self::told(ProblemKind::Conflict, &refusal).with("conflict", product)
            }
            Refusal::TagIsVersion { .. } => Self::told(ProblemKind::Conflict, &refusal),
            Refusal::NoSuchVersion { versions, .. } => {
                Self::told(ProblemKind::Unknown, &refusal).with("versions", versions)
            }
            Refusal::NotForPlatforms { missing, there, .. } => {
                Self::told(ProblemKind::Unknown, &refusal)
                    .with("missing", missing)
                    .with("platforms", there)
            }
            Refusal::TagMoved { stands, .. } => {
                Self::told(ProblemKind::Moved, &refusal).with("stands", stands)
            }
        }
    }
}
