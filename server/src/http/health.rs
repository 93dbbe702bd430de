//! For those who watch: is it alive, can it serve, what did it do?

use actix_web::HttpResponse;
use larder_schema::ProblemKind;

use super::body::Shared;
use super::{ApiError, Needs, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/healthz", "Whether the server is alive")
            .needs(Needs::Nothing)
            .gives_bytes(200, "It is", "text/plain")
            .to(alive),
        Route::get("/readyz", "Whether catalog and blob store answer")
            .needs(Needs::Nothing)
            .gives_bytes(200, "They do", "text/plain")
            .to(ready),
        Route::get("/metrics", "What was counted, in Prometheus' text format")
            .needs(Needs::Nothing)
            .gives_bytes(200, "The metrics", "text/plain")
            .to(metrics),
    ]
}

async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("alive\n")
}

async fn ready(registry: Shared) -> Result<HttpResponse, ApiError> {
    match registry.ready().await {
        Ok(()) => Ok(HttpResponse::Ok().content_type("text/plain").body("ready\n")),
        Err(error) => Err(ApiError::ours(ProblemKind::Unavailable, &error)),
    }
}

async fn metrics(registry: Shared) -> Result<HttpResponse, ApiError> {
    let text = registry.metrics().to_text();
    let text = text.map_err(|error| ApiError::ours(ProblemKind::Internal, &error))?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}
