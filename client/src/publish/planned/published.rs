//! What a run has published already.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::api::{BuildAnswer, paths};
use larder_schema::platform::fitting;
use larder_schema::{Build, BuildId, ProblemKind, ProductName};

use super::{Error, Planned, There};
use crate::remote::{self, Remote};

/// How many builds are asked for at once.
const AT_ONCE: usize = 8;

impl Planned {
    /// Which of these products `run` has published.
    pub async fn published(
        &self,
        remote: &Remote,
        run: &BuildId,
        products: &[ProductName],
    ) -> Result<Vec<There>, Error> {
        let found: Vec<Option<There>> = stream::iter(products)
            .map(|product| self.one(remote, run, product))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn one(
        &self,
        remote: &Remote,
        run: &BuildId,
        product: &ProductName,
    ) -> Result<Option<There>, Error> {
        let step = self.step(product)?;
        let path = paths::build(product, &Self::name(step, run));
        let Some(build) = self.fitting(remote, &path).await? else { return Ok(None) };
        let found = build.source.as_ref().and_then(|source| source.revision.clone());
        if found.as_ref() != Some(&step.source.revision) {
            let (key, planned) = (Box::new(build.key()), step.source.revision.clone());
            return Err(Error::OtherRevision { key, found, planned });
        }
        Ok(Some(There::of(&build)))
    }

    /// The build for the plan's platform, else the one that fits otherwise.
    async fn fitting(&self, remote: &Remote, path: &str) -> Result<Option<Build>, remote::Error> {
        let wanted = &self.plan.platform;
        let own = [("platform", &*wanted.to_string())];
        if let Some(answer) = known(remote.get::<BuildAnswer>(path, &own).await)? {
            return Ok(Some(answer.build));
        }
        let several = match remote.get::<BuildAnswer>(path, &[]).await {
            Err(error) if error.kind() == Some(ProblemKind::SeveralPlatforms) => error.platforms(),
            answer => {
                let build = known(answer)?.map(|answer| answer.build);
                return Ok(build.filter(|build| build.platform.fits(wanted)));
            }
        };
        let several = several.unwrap_or_default();
        let Some(platform) = fitting(&several, wanted) else { return Ok(None) };
        let query = [("platform", &*platform.to_string())];
        Ok(known(remote.get::<BuildAnswer>(path, &query).await)?.map(|answer| answer.build))
    }
}

/// What is not known is no error.
fn known<T>(answer: Result<T, remote::Error>) -> Result<Option<T>, remote::Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_unknown() => Ok(None),
        Err(error) => Err(error),
    }
}
