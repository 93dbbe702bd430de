//! Builds, contents, checksums.

use actix_web::HttpResponse;
use larder_schema::api::{
    AboutBuild, BuildAnswer, CheckReport, ContentsPage, Dependant, HaveAnswer, HaveRequest,
    IdentifyAnswer, IdentifyRequest, Page, PublishAnswer, PublishRequest,
};
use larder_schema::{BuildName, Checksum, Platform, ProductName, Version};
use serde::Deserialize;

use super::{PAGE, PLATFORM, PageQuery};
use crate::access::Caller;
use crate::catalog::{BuildFilter, StoredBuild};
use crate::http::body::{self, Json, Path, Query, Shared};
use crate::http::{ApiError, Needs, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/have", "Which archives need not be uploaded?")
            .needs(Needs::Reader)
            .takes::<HaveRequest>()
            .gives::<HaveAnswer>(200, "Which are there and which are not")
            .to(have),
        Route::post(
            "/api/v1/builds",
            "Publishes builds, with a distribution and tags: all or none",
        )
        .needs(Needs::Scope("publish"))
        .takes::<PublishRequest>()
        .gives::<PublishAnswer>(200, "What is new and what was there")
        .to(publish),
        Route::get("/api/v1/builds", "Builds, the last published first")
            .needs(Needs::Reader)
            .query(&[
                ("product", "of this product"),
                ("version", "with this version"),
                (
                    "revision",
                    "built from a revision that begins with these, at least 7, hex digits",
                ),
                ("upstream_version", "with this upstream version"),
                ("platform", "for this very platform"),
                PAGE[0],
                PAGE[1],
            ])
            .gives::<Page<BuildAnswer>>(200, "One page of them")
            .to(builds),
        Route::get("/api/v1/builds/{product}/{build}", "One build")
            .needs(Needs::Reader)
            .query(&[PLATFORM])
            .gives::<BuildAnswer>(200, "Its record")
            .to(build),
        Route::get("/api/v1/builds/{product}/{build}/contents", "What its archive unpacks to")
            .needs(Needs::Reader)
            .query(&[PLATFORM, PAGE[0], PAGE[1]])
            .gives::<ContentsPage>(200, "One page of the entries, by path")
            .to(contents),
        Route::get(
            "/api/v1/builds/{product}/{build}/dependants",
            "Which builds need it to run, and may run with it",
        )
        .needs(Needs::Reader)
        .query(&[PLATFORM, PAGE[0], PAGE[1]])
        .gives::<Page<Dependant>>(200, "One page of them, the last published first")
        .to(dependants),
        Route::post("/api/v1/identify", "What has these checksums?")
            .needs(Needs::Reader)
            .takes::<IdentifyRequest>()
            .gives::<IdentifyAnswer>(200, "Who has them, and which are unknown")
            .to(identify),
        Route::get("/api/v1/identify/{checksum}", "What has this checksum?")
            .needs(Needs::Reader)
            .query(&PAGE)
            .gives::<IdentifyAnswer>(200, "One page of those who have it")
            .to(identify_one),
        Route::post("/api/v1/check", "Computes everything again from bytes")
            .needs(Needs::Admin)
            .gives::<CheckReport>(200, "What is wrong, if anything")
            .long()
            .to(check),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildsQuery {
    product: Option<ProductName>,
    version: Option<Version>,
    revision: Option<String>,
    upstream_version: Option<String>,
    platform: Option<Platform>,
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildQuery {
    platform: Option<Platform>,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn have(
    registry: Shared,
    caller: Caller,
    Json(request): Json<HaveRequest>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.have(&caller, &request).await?))
}

async fn publish(
    registry: Shared,
    caller: Caller,
    Json(request): Json<PublishRequest>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.publish(&caller, request).await?))
}

async fn builds(
    registry: Shared,
    caller: Caller,
    Query(query): Query<BuildsQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    let filter = BuildFilter {
        product: query.product,
        version: query.version,
        revision: query.revision,
        upstream_version: query.upstream_version,
        platform: query.platform,
    };
    let page = registry.builds(&caller, &filter, query.cursor.as_deref(), limit).await?;
    let items: Vec<BuildAnswer> = page.items.into_iter().map(answered).collect();
    Ok(body::answer(&Page { items, next: page.next }))
}

fn answered(stored: StoredBuild) -> BuildAnswer {
    let about = AboutBuild { withdrawn: stored.withdrawn };
    BuildAnswer { build: stored.build, digest: stored.digest, about }
}

async fn build(
    registry: Shared,
    caller: Caller,
    Path((product, build)): Path<(ProductName, BuildName)>,
    Query(query): Query<BuildQuery>,
) -> Result<HttpResponse, ApiError> {
    let stored = registry.build(&caller, &product, &build, query.platform.as_ref()).await?;
    Ok(body::answer(&answered(stored)))
}

async fn contents(
    registry: Shared,
    caller: Caller,
    Path((product, build)): Path<(ProductName, BuildName)>,
    Query(query): Query<BuildQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    let key = (&product, &build, query.platform.as_ref());
    let page = registry.contents(&caller, key, query.cursor.as_deref(), limit).await?;
    Ok(body::answer(&page))
}

async fn dependants(
    registry: Shared,
    caller: Caller,
    Path((product, build)): Path<(ProductName, BuildName)>,
    Query(query): Query<BuildQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    let key = (&product, &build, query.platform.as_ref());
    Ok(body::answer(&registry.dependants(&caller, key, query.cursor.as_deref(), limit).await?))
}

async fn identify(
    registry: Shared,
    caller: Caller,
    Json(request): Json<IdentifyRequest>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.identify(&caller, &request).await?))
}

async fn identify_one(
    registry: Shared,
    caller: Caller,
    Path(checksum): Path<Checksum>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    let answer = registry.identify_page(&caller, &checksum, query.cursor.as_deref(), limit).await?;
    Ok(body::answer(&answer))
}

async fn check(registry: Shared) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.check().await?))
}
