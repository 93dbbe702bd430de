//! What is asked, and which builds may be taken at all.

use larder_schema::api::Withdrawal;
use larder_schema::plan::{PlanFault, Source};
use larder_schema::{Need, PlanRequest, Platform, Policy, ProductName, Text};

use crate::catalog::stock::Stocked;
use crate::config;

/// A question without a fault, in build order.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) request: PlanRequest,
    /// The indices of the sources in build order.
    order: Vec<usize>,
    settings: config::Plan,
}

/// Why a build may not be taken, whatever it was built against.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Obstacle {
    Platform(Platform),
    Test,
    Dirty,
    /// The environment that it was built in is another, or is not told.
    Environment,
    Host {
        what: String,
        need: Need,
        host: Option<Text>,
    },
    Withdrawn(Withdrawal),
}

impl Terms {
    pub(super) fn of(request: PlanRequest, settings: &config::Plan) -> Result<Self, PlanFault> {
        let order = request.in_build_order()?;
        Ok(Self { request, order, settings: settings.clone() })
    }

    /// The sources, each after those that it needs.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.order.iter().map(|at| &self.request.sources[*at])
    }

    /// The policy for all products for which nothing else is said.
    pub(super) fn policy(&self) -> Policy {
        self.request.policy.unwrap_or(self.settings.policy)
    }

    /// The policy for one product: the request goes over the settings, and in each of them what is
    /// said of the product over what is said of all.
    pub(super) fn policy_for(&self, product: &ProductName) -> Policy {
        let request = self.request.policies.get(product).copied().or(self.request.policy);
        let settings = || self.settings.policies.get(product).copied();
        request.or_else(settings).unwrap_or(self.settings.policy)
    }

    /// All that stands in the way of a build; of one that does not fit the platform, that alone.
    pub(super) fn obstacles(&self, build: &Stocked) -> Vec<Obstacle> {
        if !build.platform.fits(&self.request.platform) {
            return vec![Obstacle::Platform(build.platform.clone())];
        }
        let asked = self.request.built_in.as_ref();
        let elsewhere = asked.is_some_and(|asked| build.facts.built_in.as_ref() != Some(asked));
        let found = [
            build.test.then_some(Obstacle::Test),
            build.facts.dirty.then_some(Obstacle::Dirty),
            elsewhere.then_some(Obstacle::Environment),
            self.lacks(build),
            build.withdrawn.clone().map(Obstacle::Withdrawn),
        ];
        found.into_iter().flatten().collect()
    }

    /// What a build needs and the host has not; of what nothing is said, it is thought to have it.
    fn lacks(&self, build: &Stocked) -> Option<Obstacle> {
        build.facts.needs.iter().find_map(|(what, need)| {
            let host = self.request.host.get(what)?;
            let is_met = host.as_ref().is_some_and(|host| need.is_met_by(host.as_str()));
            (!is_met).then(|| Obstacle::Host {
                what: what.clone(),
                need: need.clone(),
                host: host.clone(),
            })
        })
    }
}
