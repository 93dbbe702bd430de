//! What a run has published already.

use std::pin::pin;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use larder_schema::api::{BuildAnswer, paths};
use larder_schema::platform::fitting;
use larder_schema::{Build, BuildId, Platform, ProductName};

use super::{AllThere, Doubt, Error, Planned, There};
use crate::remote::{self, Remote};

/// How many builds are asked for at once.
const AT_ONCE: usize = 8;

impl Planned {
    /// Adds to `there` what `run` has published of these products.
    pub async fn add_published(
        &self,
        remote: &Remote,
        run: &BuildId,
        products: &[ProductName],
        there: &mut AllThere,
    ) -> Result<(), Error> {
        let mut answers = pin!(self.answers(remote, run, products));
        while let Some((product, found)) = answers.try_next().await? {
            there.extend(found.map(|found| (product.clone(), found)));
        }
        Ok(())
    }

    /// Adds to `there` what `run` has published; answers a product that is still to be built, if there
    /// is one.
    pub async fn add_all_published(
        &self,
        remote: &Remote,
        run: &BuildId,
        there: &mut AllThere,
    ) -> Result<Option<ProductName>, Error> {
        let lacking = self.lacking(there);
        let Some((last, others)) = lacking.split_last() else { return Ok(None) };
        // What is built last is hardly there before the rest: while a run goes on, that one request is
        // all.
        for products in [std::slice::from_ref(last), others] {
            let mut answers = pin!(self.answers(remote, run, products));
            while let Some((product, found)) = answers.try_next().await? {
                let Some(found) = found else { return Ok(Some(product.clone())) };
                there.insert(product.clone(), found);
            }
        }
        Ok(None)
    }

    /// What `run` has published of each of these products, as the server answers.
    fn answers<'a>(
        &'a self,
        remote: &'a Remote,
        run: &'a BuildId,
        products: &'a [ProductName],
    ) -> impl Stream<Item = Result<(&'a ProductName, Option<There>), Error>> {
        let one = async |product| Ok((product, self.one(remote, run, product).await?));
        stream::iter(products).map(one).buffered(AT_ONCE)
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
        Ok(Some(There { doubt: Doubt::of(&build), ..There::of(&build) }))
    }

    /// The build for the plan's platform, else the one that fits otherwise.
    async fn fitting(&self, remote: &Remote, path: &str) -> Result<Option<Build>, remote::Error> {
        let wanted = &self.plan.platform;
        let refusal = match for_platform(remote, path, wanted).await {
            Err(error) if error.is_unknown() => error,
            answer => return answer.map(Some),
        };
        // It names those that the build is there for.
        let others = refusal.platforms().unwrap_or_default();
        match fitting(&others, wanted) {
            Some(platform) => for_platform(remote, path, platform).await.map(Some),
            None => Ok(None),
        }
    }
}

async fn for_platform(
    remote: &Remote,
    path: &str,
    platform: &Platform,
) -> Result<Build, remote::Error> {
    let answer: BuildAnswer = remote.get(path, &[("platform", &*platform.to_string())]).await?;
    Ok(answer.build)
}
