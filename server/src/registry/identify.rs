//! Identifying: what has this checksum, from which build, in which distribution?

use larder_schema::Checksum;
use larder_schema::api::{Holder, IdentifyAnswer, IdentifyRequest, MAX_HOLDERS, MoreHolders};

use super::Registry;
use super::lookup::LookupError;
use crate::access::{Caller, Permission};
use crate::catalog::Holders;

/// Of how many checksums an answer names all [`MAX_HOLDERS`] holders; of more it names fewer.
const FEW: usize = 100;
/// How many holders are named of each checksum when there are many.
const HOLDERS_OF_MANY: usize = 10;
/// How many pages of holders that the caller may not read one request looks through.
const HIDDEN_PAGES: usize = 1_000;

impl Registry {
    /// Tells who has something with these checksums; each asked for once.
    pub async fn identify(
        &self,
        caller: &Caller,
        request: &IdentifyRequest,
    ) -> Result<IdentifyAnswer, LookupError> {
        caller.demand_reader()?;
        self.demand_few("checksums", request.checksums.len())?;
        let mut checksums = request.checksums.clone();
        let mut seen = std::collections::HashSet::new();
        checksums.retain(|checksum| seen.insert(*checksum));
        let most = if checksums.len() > FEW { HOLDERS_OF_MANY } else { MAX_HOLDERS };
        let all = self.inner.catalog.holders(&checksums, most).await?;
        let mut answer =
            IdentifyAnswer { found: Vec::new(), unknown: Vec::new(), more: Vec::new() };
        let mut pages = HIDDEN_PAGES;
        for (checksum, mut holders) in checksums.into_iter().zip(all) {
            // What the caller may read can stand behind much that they may not.
            while pages > 0
                && !holders.holders.iter().any(|holder| visible(caller, holder))
                && let Some(next) = holders.next.take()
            {
                pages -= 1;
                let catalog = &self.inner.catalog;
                holders = catalog.holders_after(&checksum, Some(&next), MAX_HOLDERS).await?;
            }
            tell(&mut answer, caller, checksum, holders);
        }
        Ok(answer)
    }

    /// One page of those who have something with this checksum.
    pub async fn identify_page(
        &self,
        caller: &Caller,
        checksum: &Checksum,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<IdentifyAnswer, LookupError> {
        caller.demand_reader()?;
        let most = limit.min(MAX_HOLDERS);
        let holders = self.inner.catalog.holders_after(checksum, cursor, most).await?;
        let mut answer =
            IdentifyAnswer { found: Vec::new(), unknown: Vec::new(), more: Vec::new() };
        tell(&mut answer, caller, *checksum, holders);
        Ok(answer)
    }
}

fn visible(caller: &Caller, holder: &Holder) -> bool {
    caller.may(Permission::Read(&holder.product))
}

/// Adds what the caller may know of one checksum; what they may not read is not counted either.
fn tell(answer: &mut IdentifyAnswer, caller: &Caller, checksum: Checksum, holders: Holders) {
    let (before, looked_at) = (answer.found.len(), holders.holders.len());
    let told = holders.holders.into_iter().filter(|holder| visible(caller, holder));
    answer.found.extend(told.map(|mut holder| {
        holder.distributions.retain(|found| caller.may(Permission::ReadDistribution(&found.name)));
        holder
    }));
    let found = answer.found.len() - before;
    if found == 0 {
        answer.unknown.push(checksum);
    } else if let Some(next) = holders.next {
        let total = if found == looked_at { holders.total } else { found as u64 };
        answer.more.push(MoreHolders { checksum, total, next });
    }
}
