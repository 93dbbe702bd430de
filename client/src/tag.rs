//! Moves tags: from where they stand, and from nowhere else.

use larder_schema::api::{Expected, TagRequest, TagState, TagsAnswer, paths};
use larder_schema::{DistributionVersion, Label, Platform, ProblemKind, ProductName};

use crate::remote::{self, Remote};

/// Where a tag shall stand.
#[derive(Clone, Debug)]
pub struct Move {
    /// The distribution.
    pub name: ProductName,
    /// The tag.
    pub tag: Label,
    /// The version that it shall name.
    pub version: DistributionVersion,
    /// Platforms that the version must be there for.
    pub require: Vec<Platform>,
}

impl Move {
    /// Reads where the tag stands and moves it from there.
    ///
    /// It may have been this very request that moved it, whose answer was lost on the way: to where
    /// it stands already is no failure.
    pub async fn carry_out(&self, remote: &Remote) -> Result<TagState, remote::Error> {
        let stands = self.stands(remote).await?;
        let expected = stands.map_or(Expected::Nowhere, |state| Expected::Serial(state.serial));
        let (version, require) = (self.version.clone(), self.require.clone());
        let request = TagRequest { version, expected, require };
        let moved = remote.put(&paths::tag(&self.name, &self.tag), &request).await;
        let lost = match moved {
            Err(error) if error.kind() == Some(ProblemKind::Moved) => error,
            outcome => return outcome,
        };
        match self.stands(remote).await? {
            Some(state) if state.version == self.version => Ok(state),
            _ => Err(lost),
        }
    }

    /// Where it stands, if there is such a tag.
    async fn stands(&self, remote: &Remote) -> Result<Option<TagState>, remote::Error> {
        match remote.get::<TagsAnswer>(&paths::tags(&self.name), &[]).await {
            Ok(tags) => Ok(tags.items.into_iter().find(|state| state.tag == self.tag)),
            Err(error) if error.is_unknown() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The platforms that the version lacks, where that is why a tag was not moved.
pub fn missing_platforms(error: &remote::Error) -> Vec<Platform> {
    let named = error.problem().and_then(|problem| problem.fields.get("missing").cloned());
    named.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}
