//! Which of some sources must be built.

use actix_web::HttpResponse;
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
    ]
}

async fn plan(
    registry: Shared,
    caller: Caller,
    Json(request): Json<PlanRequest>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.plan(&caller, request).await?))
}
