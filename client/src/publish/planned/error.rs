//! Why builds do not go with a plan.

use larder_schema::{BuildKey, Platform, ProductName, Revision};

use crate::{record, remote};

/// Builds do not go with a plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A record contradicts the plan, or is refused.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// A build of something else.
    #[error("{plan} has no `{product}`; publish it without `--plan`")]
    NoStep {
        /// The product.
        product: ProductName,
        /// The plan.
        plan: String,
    },
    /// A build of what is reused.
    #[error("{plan} reuses {reused}, so that {offered} was not to be built")]
    Reused {
        /// What is offered.
        offered: Box<BuildKey>,
        /// What is reused.
        reused: Box<BuildKey>,
        /// The plan.
        plan: String,
    },
    /// A build for another platform.
    #[error("{key} does not fit `{platform}`, which the plan is for")]
    Platform {
        /// The build.
        key: Box<BuildKey>,
        /// The plan's platform.
        platform: Platform,
    },
    /// A dependency that the plan does not know: the next plan would build the product anew.
    #[error(
        "the record of {key} lists `{dependency}`, which {plan} does not have it built against; \
         name it among the dependencies of its source, or take it out of the record"
    )]
    NotPlanned {
        /// The build.
        key: Box<BuildKey>,
        /// What it lists.
        dependency: ProductName,
        /// The plan.
        plan: String,
    },
    /// What it was built against is not there.
    #[error("{key} was built against `{dependency}`, which this run has not published")]
    NotPublished {
        /// The build.
        key: Box<BuildKey>,
        /// What it was built against.
        dependency: ProductName,
    },
    /// A build of this name was made from something else.
    #[error("{key} was published from {}, and the plan has it from {planned}", there(.found.as_ref()))]
    OtherRevision {
        /// The build.
        key: Box<BuildKey>,
        /// What it was made from.
        found: Option<Revision>,
        /// What the plan says.
        planned: Revision,
    },
    /// Nothing says what the run is called.
    #[error("nothing says which run this is: neither the plan nor a file has a build id")]
    NoRun,
    /// The server.
    #[error(transparent)]
    Remote(#[from] remote::Error),
}

fn there(found: Option<&Revision>) -> String {
    found.map_or_else(|| "no known revision".to_owned(), ToString::to_string)
}
