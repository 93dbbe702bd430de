//! What comes in, read once into types and bounded; and how a document goes out.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix_web::error::QueryPayloadError;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, dev, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use larder_schema::ProblemKind;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ApiError;
use crate::access::Caller;
use crate::config::Limits;
use crate::registry::Registry;
use crate::registry::upload::BodyFault;

/// The registry, as handlers take it.
pub type Shared = web::Data<Registry>;

type Read<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>>>>;

/// A JSON document; refused with the place where it cannot be read.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

/// What stands behind the `?`.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

/// What stands at the `{…}` of a path, in their order.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Read<Self>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            demand_json(&request)?;
            let limits = &registry(&request).config().limits;
            let known = request.extensions().get::<Caller>().is_some_and(|it| it.token().is_some());
            let (most, name) = if known {
                (limits.document_bytes, "document_bytes")
            } else {
                (limits.open_document_bytes, "open_document_bytes")
            };
            let bytes = document(web_payload(payload), limits, (most, name)).await?;
            // Read by position, a list would pass for a document.
            if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
                let detail = "the document is no JSON object: it must begin with `{`";
                return Err(ApiError::new(ProblemKind::Malformed, detail));
            }
            serde_json::from_slice(&bytes).map(Self).map_err(|error| {
                ApiError::new(
                    ProblemKind::Malformed,
                    format!("the document cannot be read: {error}"),
                )
                .with("line", error.line())
                .with("column", error.column())
            })
        })
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let read = web::Query::<T>::from_query(request.query_string());
        std::future::ready(read.map(|query| Self(query.into_inner())).map_err(|error| {
            let reason = match error {
                QueryPayloadError::Deserialize(reason) => reason.to_string(),
                other => other.to_string(),
            };
            let detail = format!("what stands behind the `?` cannot be read: {reason}");
            ApiError::new(ProblemKind::Malformed, detail)
        }))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let read = web::Path::<T>::from_request(request, payload).into_inner();
        std::future::ready(read.map(|path| Self(path.into_inner())).map_err(|error| {
            ApiError::new(ProblemKind::Malformed, format!("the address cannot be read: {error}"))
        }))
    }
}

/// An answer with a document, status 200.
pub fn answer(document: &impl Serialize) -> HttpResponse {
    answer_with(200, document)
}

/// An answer with a document and a status.
pub fn answer_with(status: u16, document: &impl Serialize) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status)
        .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(document)
}

/// The registry of the server that a request came to.
pub fn registry(request: &HttpRequest) -> &Registry {
    request.app_data::<Shared>().expect("every server has a registry")
}

fn demand_json(request: &HttpRequest) -> Result<(), ApiError> {
    let Some(given) = request.headers().get(header::CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or_default();
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = format!("the body is `{}`, not `application/json`", media_type.escape_debug());
    Err(ApiError::new(ProblemKind::MediaType, detail))
}

async fn document(
    body: impl Stream<Item = Result<Bytes, BodyFault>>,
    limits: &Limits,
    (most, name): (u64, &'static str),
) -> Result<Vec<u8>, ApiError> {
    let mut body = Box::pin(paced(body, limits));
    let mut bytes = Vec::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|fault| match fault {
            BodyFault::Slow => ApiError::new(ProblemKind::Slow, "the document came too slowly"),
            BodyFault::Broken => ApiError::new(ProblemKind::Malformed, "the document broke off"),
        })?;
        if (bytes.len() + part.len()) as u64 > most {
            let detail = format!("a document has at most {most} bytes here (`{name}`)");
            return Err(ApiError::new(ProblemKind::TooLarge, detail).with("limit", most));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// The body as a stream that knows our faults.
pub fn web_payload(payload: dev::Payload) -> impl Stream<Item = Result<Bytes, BodyFault>> {
    payload.map(|part| part.map_err(|_| BodyFault::Broken))
}

/// The same, given up when it is slower than it may be.
pub fn paced<S>(body: S, limits: &Limits) -> impl Stream<Item = Result<Bytes, BodyFault>> + use<S>
where
    S: Stream<Item = Result<Bytes, BodyFault>>,
{
    let window = Duration::from_secs(limits.body_grace_seconds);
    let least = limits.body_bytes_per_second.saturating_mul(limits.body_grace_seconds);
    paced_by(body, Pace { window, least, waited: Duration::ZERO, bytes: 0 })
}

fn paced_by<S>(body: S, pace: Pace) -> impl Stream<Item = Result<Bytes, BodyFault>> + use<S>
where
    S: Stream<Item = Result<Bytes, BodyFault>>,
{
    stream::unfold(Some((Box::pin(body), pace)), |state| async {
        let (mut body, mut pace) = state?;
        let began = Instant::now();
        let part = match tokio::time::timeout(pace.patience(), body.next()).await {
            Ok(part) => part?,
            Err(_) => return Some((Err(BodyFault::Slow), None)),
        };
        if !pace.goes_on(began.elapsed(), part.as_ref().map_or(0, Bytes::len)) {
            return Some((Err(BodyFault::Slow), None));
        }
        let next = part.is_ok().then_some((body, pace));
        Some((part, next))
    })
}

/// How fast a body comes: in each window of waiting at least some bytes.
///
/// Only the time spent waiting for the client counts: a slow disk of ours is not its fault.
struct Pace {
    window: Duration,
    least: u64,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// How long may be waited for the next bytes.
    fn patience(&self) -> Duration {
        self.window.saturating_sub(self.waited)
    }

    /// Takes in that `bytes` came after `waited`; whether that is fast enough.
    fn goes_on(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < self.window {
            return true;
        }
        let is_enough = self.bytes >= self.least;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(millis: u64, least: u64) -> Pace {
        Pace { window: Duration::from_millis(millis), least, waited: Duration::ZERO, bytes: 0 }
    }

    #[tokio::test]
    async fn a_body_that_stops_is_given_up() {
        let stuck = stream::iter([Ok(Bytes::from_static(b"x"))]).chain(stream::pending());

        let parts: Vec<_> = paced_by(stuck, pace(20, 1)).collect().await;

        assert_eq!(parts, [Ok(Bytes::from_static(b"x")), Err(BodyFault::Slow)]);
    }

    #[test]
    fn every_window_needs_its_bytes() {
        let mut pace = pace(10, 100);

        assert!(pace.goes_on(Duration::from_millis(9), 1));
        assert!(pace.goes_on(Duration::from_millis(1), 99));
        assert!(!pace.goes_on(Duration::from_millis(10), 99), "what came before earns nothing");
    }

    #[actix_web::test]
    async fn a_document_is_bounded() {
        let body = stream::iter([Ok(Bytes::from(vec![0; 60])), Ok(Bytes::from(vec![0; 60]))]);
        let limits = Limits { document_bytes: 100, ..Limits::default() };

        let ApiError(problem) =
            document(body, &limits, (limits.document_bytes, "document_bytes")).await.unwrap_err();

        assert_eq!((problem.status, &problem.fields["limit"]), (413, &100.into()));
    }
}
