//! What a plan reuses, as it is fetched.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::api::{BuildAnswer, paths};
use larder_schema::plan::{Action, Step};
use larder_schema::{ArchiveName, Listed, PlanAnswer};

use super::Error;
use crate::install::Packed;
use crate::lock::check_record;
use crate::remote::Remote;

/// How many records are asked for at once.
const AT_ONCE: usize = 8;

/// The archives that a plan reuses, in its order. A server that does not name them is asked for their
/// records.
pub async fn of_plan(remote: &Remote, plan: &PlanAnswer) -> Result<Vec<Packed>, Error> {
    let found: Vec<Option<Packed>> = stream::iter(&plan.steps)
        .map(|step| of_step(remote, step))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

async fn of_step(remote: &Remote, step: &Step) -> Result<Option<Packed>, Error> {
    let Action::Reuse { reuse, archive_name, .. } = &step.action else { return Ok(None) };
    match (reuse.archive.is_some(), archive_name) {
        (false, _) => Ok(None),
        (true, Some(name)) => Ok(packed(reuse, name)),
        (true, None) => {
            let query = [("platform", &*reuse.platform.to_string())];
            let path = paths::build(&reuse.product, &reuse.build);
            let answer: BuildAnswer = remote.get(&path, &query).await.map_err(Box::new)?;
            check_record(&answer.build, Some(reuse))
                .map_err(|source| Error::Contradiction(Box::new(source)))?;
            Ok(answer.build.archive.as_ref().and_then(|archive| packed(reuse, &archive.name)))
        }
    }
}

fn packed(reuse: &Listed, name: &ArchiveName) -> Option<Packed> {
    let (archive, tree) = (reuse.archive?.0, reuse.tree?);
    Some(Packed { key: reuse.key(), archive, name: name.clone(), size: reuse.size, tree })
}
