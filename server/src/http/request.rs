//! Every request: its id, its span, its line in the log, its place in the metrics.

use std::time::Instant;

use actix_web::ResponseError as _;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing::{Instrument as _, info, info_span};

use super::ApiError;
use super::body::Shared;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What stands for the address of requests that meet no route: labels are few.
const NO_ROUTE: &str = "none";

/// Wraps all that happens to a request.
pub(super) async fn watched(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let id = new_id();
    let span = info_span!("request", request_id = %id);
    let method = request.method().clone();
    let path = request.path().to_owned();
    let registry = request.app_data::<Shared>().cloned();
    let answered = next.call(request).instrument(span.clone()).await?.map_into_boxed_body();
    let mut answered = with_id_inside(answered, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        answered.headers_mut().insert(REQUEST_ID, value);
    }
    let route = answered.request().match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned());
    let (status, duration) = (answered.status().as_u16(), began.elapsed());
    if let Some(registry) = registry {
        registry.metrics().request(&route, method.as_str(), status, duration);
    }
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        info!(%method, path, route, status, duration_ms, "{method} {path} {status} ({duration_ms} ms)");
    });
    Ok(answered)
}

/// Names the request in the problem that tells of a failure of ours: the log has the rest.
fn with_id_inside(answered: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let failure = answered.response().error().and_then(|error| error.as_error::<ApiError>());
    let Some(failure) = failure.filter(|failure| failure.0.status >= 500) else {
        return answered;
    };
    let told = ApiError(failure.0.clone().with("request_id", id)).error_response();
    let (request, _) = answered.into_parts();
    ServiceResponse::new(request, told)
}

/// Random, so that it tells nothing about other requests.
fn new_id() -> String {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => larder_schema::checksum::to_hex(&bytes),
        Err(_) => "unknown".to_owned(),
    }
}
