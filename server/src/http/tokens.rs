//! Tokens over HTTP, for admins.

use actix_web::HttpResponse;
use larder_schema::ProductName;
use larder_schema::api::{Page, TokenAnswer, TokenRequest, TokenState};

use super::body::{self, Json, Path, Shared};
use super::{ApiError, Needs, Route};
use crate::access::Caller;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/tokens", "Makes a token; its text is told this once")
            .needs(Needs::Admin)
            .takes::<TokenRequest>()
            .gives::<TokenAnswer>(201, "The token")
            .to(create),
        Route::get("/api/v1/tokens", "All tokens, dead ones too, by name")
            .needs(Needs::Admin)
            .gives::<Page<TokenState>>(200, "What is known of them")
            .to(list),
        Route::delete("/api/v1/tokens/{name}", "Kills a token, from the next request on")
            .needs(Needs::Admin)
            .gives::<TokenState>(200, "What is known of it")
            .to(revoke),
    ]
}

async fn create(
    registry: Shared,
    caller: Caller,
    Json(request): Json<TokenRequest>,
) -> Result<HttpResponse, ApiError> {
    let made = registry.create_token(&caller, &request).await?;
    let mut answer = body::answer_with(201, &made);
    // The one answer that holds a secret: no cache on the way may keep it.
    answer.headers_mut().insert(
        actix_web::http::header::CACHE_CONTROL,
        actix_web::http::header::HeaderValue::from_static("no-store"),
    );
    Ok(answer)
}

async fn list(registry: Shared, caller: Caller) -> Result<HttpResponse, ApiError> {
    let items = registry.tokens(&caller).await?;
    Ok(body::answer(&Page { items, next: None }))
}

async fn revoke(
    registry: Shared,
    caller: Caller,
    Path(name): Path<ProductName>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.revoke_token(&caller, &name).await?))
}
