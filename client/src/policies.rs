//! Which policy decides about which product: for all, and for single ones.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use larder_schema::plan::ParsePolicyError;
use larder_schema::product::ParseProductNameError;
use larder_schema::{Policy, ProductName};
use serde::{Deserialize, Serialize};

/// What one place says about policies: the arguments, the file of the sources, or the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    /// For all products that `policies` does not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// For single products.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<ProductName, Policy>,
}

/// `POLICY`, or `PRODUCT=POLICY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// For all products.
    All(Policy),
    /// For one.
    One(ProductName, Policy),
}

/// A text chooses no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseChoiceError {
    /// The part before the `=`.
    #[error(transparent)]
    Product(#[from] ParseProductNameError),
    /// The part after it, or all.
    #[error(transparent)]
    Policy(#[from] ParsePolicyError),
}

impl FromStr for Choice {
    type Err = ParseChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((product, policy)) => Ok(Self::One(product.parse()?, policy.parse()?)),
            None => Ok(Self::All(text.parse()?)),
        }
    }
}

impl FromIterator<Choice> for Policies {
    /// Of two choices for the same the later one counts.
    fn from_iter<I: IntoIterator<Item = Choice>>(choices: I) -> Self {
        let mut policies = Self::default();
        for choice in choices {
            match choice {
                Choice::All(policy) => policies.policy = Some(policy),
                Choice::One(product, policy) => drop(policies.policies.insert(product, policy)),
            }
        }
        policies
    }
}

impl Policies {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What holds where these count before `lower`: who names a policy for all speaks for every
    /// product, so that `--policy exact` is exact throughout.
    #[must_use]
    pub fn over(self, lower: &Self) -> Self {
        if self.policy.is_some() {
            return self;
        }
        let mut policies = lower.policies.clone();
        policies.extend(self.policies);
        Self { policy: lower.policy, policies }
    }

    /// What of it is about these products: settings are for many builds.
    #[must_use]
    pub fn about<'a>(&self, products: impl IntoIterator<Item = &'a ProductName>) -> Self {
        let products: HashSet<&ProductName> = products.into_iter().collect();
        let mut about = self.clone();
        about.policies.retain(|product, _| products.contains(product));
        about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(choices: &[&str]) -> Policies {
        choices.iter().map(|choice| choice.parse::<Choice>().unwrap()).collect()
    }

    #[test]
    fn the_nearer_place_counts_first() {
        let settings = policies(&["direct", "afw=exact", "log=semver"]);
        assert_eq!(policies(&[]).over(&settings), settings);
        assert_eq!(
            policies(&["afw=content"]).over(&settings),
            policies(&["direct", "afw=content", "log=semver"])
        );
        assert_eq!(policies(&["exact", "log=direct"]).over(&settings).policies.len(), 1);
    }

    #[test]
    fn settings_say_nothing_of_products_that_are_not_there() {
        let settings = policies(&["direct", "afw=exact", "log=semver"]);
        let log = "log".parse().unwrap();
        assert_eq!(settings.about([&log]), policies(&["direct", "log=semver"]));
    }

    #[test]
    fn what_chooses_nothing_is_refused() {
        for text in ["", "Exact", "afw=", "=exact", "_x=exact", "afw=exact=exact"] {
            assert!(text.parse::<Choice>().is_err(), "{text}");
        }
    }
}
