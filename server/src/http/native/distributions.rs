//! Distributions.

use actix_web::HttpResponse;
use larder_schema::api::{
    DistributionAnswer, DistributionSummary, Page, PublishAnswer, PublishRequest,
};
use larder_schema::{Difference, Distribution, Platform, ProblemKind, ProductName};
use serde::Deserialize;

use super::{PAGE, PLATFORM, PageQuery};
use crate::access::Caller;
use crate::catalog::DistributionSelector;
use crate::http::body::{self, Json, Path, Query, Shared};
use crate::http::{ApiError, Needs, Route};
use crate::registry::distribute;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/distributions", "Publishes a distribution of builds that are there")
            .needs(Needs::Scope("distribute"))
            .takes::<Distribution>()
            .gives::<PublishAnswer>(200, "What is new and what was there")
            .to(publish),
        Route::get("/api/v1/distributions", "Distributions, the last published first")
            .needs(Needs::Reader)
            .query(&[("q", "text that the name has"), PAGE[0], PAGE[1]])
            .gives::<Page<DistributionSummary>>(200, "One page of them")
            .to(distributions),
        Route::get("/api/v1/distributions/{name}", "All versions, the last published first")
            .needs(Needs::Reader)
            .query(&PAGE)
            .gives::<Page<DistributionSummary>>(200, "One page of them")
            .to(versions),
        Route::get(
            "/api/v1/distributions/{name}/{version}",
            "One distribution, by version, tag or digest",
        )
        .needs(Needs::Reader)
        .query(&[PLATFORM, ("records", "`true`: with the records of all its builds")])
        .gives::<DistributionAnswer>(200, "Its document and the document's digest")
        .to(distribution),
        Route::get(
            "/api/v1/distributions/{name}/{version}/SHA256SUMS",
            "The archives of a distribution, as `sha256sum --check` reads them",
        )
        .needs(Needs::Reader)
        .query(&[PLATFORM])
        .gives_bytes(200, "A line for each archive", "text/plain")
        .to(sums),
        Route::get(
            "/api/v1/distributions/{name}/{version}/diff/{other}",
            "What differs between two of one name, and why; each by version, tag or digest",
        )
        .needs(Needs::Reader)
        .query(&[PLATFORM])
        .gives::<Difference>(200, "What the second has gained, lost and changed")
        .to(difference),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformQuery {
    platform: Option<Platform>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DistributionQuery {
    platform: Option<Platform>,
    #[serde(default)]
    records: bool,
}

async fn publish(
    registry: Shared,
    caller: Caller,
    Json(document): Json<Distribution>,
) -> Result<HttpResponse, ApiError> {
    let request =
        PublishRequest { builds: Vec::new(), distribution: Some(document), tags: Vec::new() };
    Ok(body::answer(&registry.publish(&caller, request).await?))
}

async fn distributions(
    registry: Shared,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    let (q, cursor) = (query.q.as_deref(), query.cursor.as_deref());
    Ok(body::answer(&registry.distributions(&caller, q, cursor, limit).await?))
}

async fn versions(
    registry: Shared,
    caller: Caller,
    Path(name): Path<ProductName>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    let cursor = query.cursor.as_deref();
    Ok(body::answer(&registry.distribution_versions(&caller, &name, cursor, limit).await?))
}

async fn found(
    registry: &Shared,
    caller: &Caller,
    (name, version): &(ProductName, String),
    platform: Option<&Platform>,
    records: bool,
) -> Result<DistributionAnswer, ApiError> {
    Ok(registry.distribution(caller, name, &selector(version)?, platform, records).await?)
}

fn selector(text: &str) -> Result<DistributionSelector, ApiError> {
    distribute::selector(text).ok_or_else(|| {
        let shown = text.escape_debug();
        let detail = format!(
            "`{shown}` is no version, tag or digest: write `17.0.1`, `current` or `sha256:…`"
        );
        ApiError::new(ProblemKind::Malformed, detail)
    })
}

async fn distribution(
    registry: Shared,
    caller: Caller,
    Path(key): Path<(ProductName, String)>,
    Query(query): Query<DistributionQuery>,
) -> Result<HttpResponse, ApiError> {
    let platform = query.platform.as_ref();
    Ok(body::answer(&found(&registry, &caller, &key, platform, query.records).await?))
}

async fn sums(
    registry: Shared,
    caller: Caller,
    Path(key): Path<(ProductName, String)>,
    Query(query): Query<PlatformQuery>,
) -> Result<HttpResponse, ApiError> {
    let answer = found(&registry, &caller, &key, query.platform.as_ref(), true).await?;
    let records = answer.about.records.unwrap_or_default();
    let archives = records.iter().filter_map(|build| build.archive.as_ref());
    let lines: String =
        archives.map(|archive| format!("{}  {}\n", archive.sha256, archive.name)).collect();
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(lines))
}

async fn difference(
    registry: Shared,
    caller: Caller,
    Path((name, old, new)): Path<(ProductName, String, String)>,
    Query(query): Query<PlatformQuery>,
) -> Result<HttpResponse, ApiError> {
    let (old, new) = (selector(&old)?, selector(&new)?);
    let platform = query.platform.as_ref();
    Ok(body::answer(&registry.difference(&caller, &name, (&old, &new), platform).await?))
}
