//! What every call passes before its handler: who asks, whether they may, and the deadline.

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use larder_schema::{Problem, ProblemKind};

use super::ApiError;
use super::body::Shared;
use super::route::{Needs, Route};
use crate::access::{Caller, Denied, Permission};
use crate::registry::Registry;
use crate::registry::tokens::TokenError;

/// The route as it is served.
pub(super) fn guarded(route: &Route) -> actix_web::Route {
    let (needs, is_long) = (route.needs, route.is_long);
    let serve = route.serve();
    let serve = if is_long { serve } else { serve.wrap(Compress::default()) };
    serve.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
        guard(request, next, needs, is_long)
    }))
}

async fn guard(
    request: ServiceRequest,
    next: Next<BoxBody>,
    needs: Needs,
    is_long: bool,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let registry = request.app_data::<Shared>().cloned();
    let registry = registry.expect("every server has a registry");
    match admit(&registry, &request, needs).await {
        Ok(Some(caller)) => drop(request.extensions_mut().insert(caller)),
        Ok(None) => {}
        Err(denied) => return Ok(request.error_response(denied)),
    }
    if is_long {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    }
    in_time(registry.config().limits.document_time(), request, next).await
}

/// Who asks, if they bring what the route needs.
async fn admit(
    registry: &Registry,
    request: &ServiceRequest,
    needs: Needs,
) -> Result<Option<Caller>, ApiError> {
    if needs == Needs::Nothing {
        return Ok(None);
    }
    let caller = registry.caller(bearer(request)?).await?;
    match needs {
        Needs::Nothing => {}
        Needs::Reader => caller.demand_reader()?,
        Needs::Scope(_) => caller.demand_token()?,
        Needs::Admin => caller.demand(Permission::Admin)?,
    }
    Ok(Some(caller))
}

/// The token that a request brings. Another way to say who asks is a token that is not known.
fn bearer(request: &ServiceRequest) -> Result<Option<&str>, TokenError> {
    let Some(given) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let given = given.to_str().map_err(|_| Denied::DeadToken)?;
    match given.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Denied::DeadToken.into()),
    }
}

async fn in_time(
    most: Duration,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match tokio::time::timeout(most, next.call(request)).await {
        Ok(answered) => answered.map(ServiceResponse::map_into_boxed_body),
        Err(_) => {
            let detail = format!(
                "the answer took longer than {} seconds (`document_seconds`)",
                most.as_secs()
            );
            Err(ApiError(Problem::new(ProblemKind::Unavailable, detail)).into())
        }
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        std::future::ready(caller.ok_or_else(|| Denied::NoToken.into()))
    }
}
