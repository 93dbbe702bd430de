//! Looking up builds, their contents, who needs them, and what is held.

use larder_schema::api::{ContentsPage, Dependant, HaveAnswer, HaveRequest, Page};
use larder_schema::{BuildName, Platform, ProductName};

use super::Registry;
use crate::access::{Caller, Denied, Permission};
use crate::catalog::{self, BuildFilter, StoredBuild};

/// The least of a revision that builds are looked up by.
const LEAST_REVISION: usize = 7;

/// Why something was not found.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The caller may not read it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such product.
    #[error("there is no product `{name}` here; `larder search TEXT` finds names")]
    NoProduct {
        /// The name.
        name: ProductName,
    },
    /// There is no such build.
    #[error("there is no build {product}@{build} here")]
    NoBuild {
        /// The product.
        product: ProductName,
        /// The build name.
        build: BuildName,
    },
    /// There is one, but not for the platform asked for.
    #[error(
        "{what} is not there for {asked}, only for {}", listed(.platforms)
    )]
    OtherPlatforms {
        /// What was asked for.
        what: String,
        /// For which platform.
        asked: Platform,
        /// Those that it is there for.
        platforms: Vec<Platform>,
    },
    /// There are several and none was asked for.
    #[error("{what} is there for {}; ask for one of them with `platform=`", listed(.platforms))]
    SeveralPlatforms {
        /// What was asked for.
        what: String,
        /// Those that it is there for.
        platforms: Vec<Platform>,
    },
    /// More than one request may ask for.
    #[error("{count} {what} are more than the {most} that one request may ask for")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many may be.
        most: usize,
    },
    /// A cursor that this server did not give.
    #[error("`{cursor}` is no cursor of this list; take `next` of the page before")]
    Cursor {
        /// The cursor.
        cursor: String,
    },
    /// No revision, and no part of one that is long enough.
    #[error("`{text}` is no revision: give {LEAST_REVISION} to 64 lower-case hex digits of it")]
    Revision {
        /// The text.
        text: String,
    },
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
}

pub(super) fn listed(platforms: &[Platform]) -> String {
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Chooses by platform: the one asked for, or the only one.
///
/// `Err` has the platforms when none was asked for and there are several, or when the one asked
/// for is not among them.
pub(super) fn for_platform<T>(
    what: impl FnOnce() -> String,
    found: Vec<T>,
    asked: Option<&Platform>,
    platform_of: impl Fn(&T) -> &Platform,
) -> Result<Option<T>, LookupError> {
    if found.is_empty() {
        return Ok(None);
    }
    let platforms: Vec<Platform> = found.iter().map(|one| platform_of(one).clone()).collect();
    match asked {
        None if found.len() > 1 => Err(LookupError::SeveralPlatforms { what: what(), platforms }),
        None => Ok(found.into_iter().next()),
        Some(asked) => match found.into_iter().find(|one| platform_of(one) == asked) {
            Some(one) => Ok(Some(one)),
            None => {
                Err(LookupError::OtherPlatforms { what: what(), asked: asked.clone(), platforms })
            }
        },
    }
}

impl Registry {
    /// Tells which archives need not be uploaded.
    pub async fn have(
        &self,
        caller: &Caller,
        request: &HaveRequest,
    ) -> Result<HaveAnswer, LookupError> {
        caller.demand_reader()?;
        self.demand_few("checksums", request.checksums.len())?;
        let mut answer = HaveAnswer { held: Vec::new(), missing: Vec::new() };
        for checksum in &request.checksums {
            let held = match self.inner.catalog.archive(checksum).await? {
                Some(archive) => self.may_use_archive(caller, &archive.sums.sha256).await?,
                None => false,
            };
            let list = if held { &mut answer.held } else { &mut answer.missing };
            list.push(*checksum);
        }
        Ok(answer)
    }

    pub(super) fn demand_few(&self, what: &'static str, count: usize) -> Result<(), LookupError> {
        let most = self.inner.config.limits.have_checksums;
        if count > most { Err(LookupError::TooMany { what, count, most }) } else { Ok(()) }
    }

    /// Builds that pass the filter, the last published first.
    pub async fn builds(
        &self,
        caller: &Caller,
        filter: &BuildFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<StoredBuild>, LookupError> {
        caller.demand_reader()?;
        if let Some(revision) = &filter.revision {
            demand_revision(revision)?;
        }
        let mut page = self.inner.catalog.builds(filter, number(cursor)?, limit).await?;
        page.items.retain(|stored| caller.may(Permission::Read(&stored.build.product)));
        Ok(page)
    }

    /// One build; the platform may be left out when there is only one.
    pub async fn build(
        &self,
        caller: &Caller,
        product: &ProductName,
        build: &BuildName,
        platform: Option<&Platform>,
    ) -> Result<StoredBuild, LookupError> {
        caller.demand(Permission::Read(product))?;
        let found = self.inner.catalog.build(product, build).await?;
        let what = || format!("{product}@{build}");
        let one = for_platform(what, found, platform, |stored| &stored.build.platform)?;
        one.ok_or_else(|| LookupError::NoBuild { product: product.clone(), build: build.clone() })
    }

    /// Which builds need this one's product to run, and may run with this very build.
    pub async fn dependants(
        &self,
        caller: &Caller,
        (product, build, platform): (&ProductName, &BuildName, Option<&Platform>),
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Dependant>, LookupError> {
        let stored = self.build(caller, product, build, platform).await?;
        let after = number(cursor)?;
        let mut page = self.inner.catalog.dependants(&stored.build, after, limit).await?;
        page.items.retain(|dependant| caller.may(Permission::Read(&dependant.product)));
        Ok(page)
    }

    /// What a build's archive unpacks to, by path; nothing for a metapackage.
    pub async fn contents(
        &self,
        caller: &Caller,
        (product, build, platform): (&ProductName, &BuildName, Option<&Platform>),
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ContentsPage, LookupError> {
        let stored = self.build(caller, product, build, platform).await?;
        let Some(archive) = stored.build.archive else {
            return Ok(ContentsPage { items: Vec::new(), next: None });
        };
        let read = self.inner.catalog.contents(&archive.sha256, cursor, limit + 1);
        let mut items = read.await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|entry| entry.path.to_string());
        Ok(ContentsPage { items, next })
    }
}

/// A revision, or enough of it that few others begin so.
fn demand_revision(text: &str) -> Result<(), LookupError> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if (LEAST_REVISION..=64).contains(&text.len()) && text.bytes().all(is_hex) {
        Ok(())
    } else {
        Err(LookupError::Revision { text: text.escape_debug().take(80).collect() })
    }
}

pub(super) fn number(cursor: Option<&str>) -> Result<Option<u64>, LookupError> {
    let refused = |cursor: &str| LookupError::Cursor { cursor: cursor.escape_debug().to_string() };
    cursor.map(|cursor| cursor.parse().map_err(|_| refused(cursor))).transpose()
}
