//! Build ids for build tools that have no counter of their own.

use larder_schema::api::{BuildIdsAnswer, BuildIdsRequest, MAX_BUILD_IDS};

use super::Registry;
use super::publish::{PublishError, to_the_end};
use crate::access::Caller;

impl Registry {
    /// Gives build ids that nobody had, each above all before it, also after the catalog was made again
    /// from its journal.
    pub async fn build_ids(
        &self,
        caller: &Caller,
        request: BuildIdsRequest,
    ) -> Result<BuildIdsAnswer, PublishError> {
        caller.demand_publisher()?;
        let BuildIdsRequest { count } = request;
        if !(1..=MAX_BUILD_IDS).contains(&count) {
            return Err(PublishError::BuildIds { count });
        }
        let (registry, act) = (self.clone(), self.act(caller));
        let first = to_the_end(async move {
            let first = registry.inner.catalog.allocate_build_ids(count, &act).await?;
            registry.flush_journal().await?;
            Ok(first)
        })
        .await?;
        let id = |number: u64| format!("b{number}").parse().expect("a letter and a number");
        Ok(BuildIdsAnswer { ids: (first..first + u64::from(count)).map(id).collect() })
    }
}
