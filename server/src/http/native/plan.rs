//! Which of some sources must be built, and what that build is called.

use actix_web::HttpResponse;
use larder_schema::api::{BuildIdsAnswer, BuildIdsRequest};
use larder_schema::{PlanAnswer, PlanRequest};

use crate::access::Caller;
use crate::http::body::{self, Json, Shared};
use crate::http::{ApiError, Needs, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/plan", "Which of these sources must be built, and why?")
            .needs(Needs::Reader)
            .takes::<PlanRequest>()
            .gives::<PlanAnswer>(200, "What to do for each source, in build order")
            .to(plan),
        Route::post("/api/v1/build-ids", "Gives build ids that nobody had")
            .needs(Needs::Scope("publish"))
            .takes::<BuildIdsRequest>()
            .gives::<BuildIdsAnswer>(
                200,
                "The ids, each above all before it; they are never given again",
            )
            .to(build_ids),
    ]
}

async fn plan(
    registry: Shared,
    caller: Caller,
    Json(request): Json<PlanRequest>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.plan(&caller, request).await?))
}

async fn build_ids(
    registry: Shared,
    caller: Caller,
    Json(request): Json<BuildIdsRequest>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.build_ids(&caller, request).await?))
}
