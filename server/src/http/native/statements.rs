//! What is said later about a digest.

use actix_web::HttpResponse;
use larder_schema::Digest;
use larder_schema::api::{Page, Statement, StatementRequest};
use serde::Deserialize;

use super::PAGE;
use crate::access::Caller;
use crate::http::body::{self, Json, Query, Shared};
use crate::http::{ApiError, Needs, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/statements", "Says something about a digest, for good")
            .needs(Needs::Scope("withdraw"))
            .takes::<StatementRequest>()
            .gives::<Statement>(201, "What was said")
            .gives::<Statement>(200, "The same, which was the last that was said already")
            .to(state),
        Route::get("/api/v1/statements", "What was said about a digest")
            .needs(Needs::Reader)
            .query(&[("subject", "the digest of a record or a distribution"), PAGE[0], PAGE[1]])
            .gives::<Page<Statement>>(200, "One page, in the order of saying")
            .to(statements),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectQuery {
    subject: Digest,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn state(
    registry: Shared,
    caller: Caller,
    Json(request): Json<StatementRequest>,
) -> Result<HttpResponse, ApiError> {
    let (statement, is_new) = registry.state(&caller, request).await?;
    Ok(body::answer_with(if is_new { 201 } else { 200 }, &statement))
}

async fn statements(
    registry: Shared,
    caller: Caller,
    Query(query): Query<SubjectQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    let cursor = query.cursor.as_deref();
    Ok(body::answer(&registry.statements(&caller, &query.subject, cursor, limit).await?))
}
