//! Which builds meet some requirements.

use actix_web::HttpResponse;
use larder_schema::{ResolveAnswer, ResolveRequest};

use crate::access::Caller;
use crate::http::body::{self, Json, Shared};
use crate::http::{ApiError, Needs, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/resolve", "Which builds meet these requirements together?")
            .needs(Needs::Reader)
            .takes::<ResolveRequest>()
            .gives::<ResolveAnswer>(200, "One build of each product, in install order")
            .to(resolve),
    ]
}

async fn resolve(
    registry: Shared,
    caller: Caller,
    Json(request): Json<ResolveRequest>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.resolve(&caller, request).await?))
}
