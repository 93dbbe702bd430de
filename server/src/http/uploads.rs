//! Uploads over HTTP: tus 1.0 with creation, creation-with-upload, termination, expiration and
//! checksum, so that any tus client can send.

mod metadata;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use larder_schema::{ProblemKind, Timestamp, api};

use super::body::{self, Path, Shared};
use super::{ApiError, Needs, Route};
use crate::access::Caller;
use crate::registry::upload::{NewUpload, PartSum, Standing};
use metadata::Metadata;

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,termination,expiration,checksum";
const ALGORITHMS: &str = "sha1,sha256";
const BYTES: &str = "application/offset+octet-stream";

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");

pub(super) fn routes() -> Vec<Route> {
    let one = "/api/v1/uploads/{id}";
    vec![
        Route::options("/api/v1/uploads", "What of tus this server knows")
            .needs(Needs::Nothing)
            .gives_nothing(204, "Said in the headers")
            .to(options),
        Route::post("/api/v1/uploads", "Begins an upload (tus, creation)")
            .needs(Needs::Scope("publish"))
            .takes_bytes(BYTES)
            .gives_nothing(201, "Begun; `Location` is where the bytes go")
            .long()
            .to(create),
        Route::head(one, "Where an upload stands (tus)")
            .needs(Needs::Scope("publish"))
            .gives_nothing(200, "Said in `Upload-Offset`")
            .long()
            .to(standing),
        Route::patch(one, "Sends bytes (tus); the last is answered when the archive is kept")
            .needs(Needs::Scope("publish"))
            .takes_bytes(BYTES)
            .gives_nothing(204, "Taken; `Upload-Offset` is where the upload stands")
            .long()
            .to(append),
        Route::delete(one, "Throws an upload away (tus, termination)")
            .needs(Needs::Scope("publish"))
            .gives_nothing(204, "Gone")
            .to(terminate),
    ]
}

async fn options(registry: Shared) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((TUS_RESUMABLE, VERSION))
        .insert_header((TUS_VERSION, VERSION))
        .insert_header(("Tus-Extension", EXTENSIONS))
        .insert_header(("Tus-Checksum-Algorithm", ALGORITHMS))
        .insert_header(("Tus-Max-Size", registry.config().limits.archive_bytes))
        .finish()
}

async fn create(
    registry: Shared,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    tus(begin(&registry, &caller, &request, payload).await)
}

async fn begin(
    registry: &Shared,
    caller: &Caller,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let headers = request.headers();
    demand_version(headers)?;
    let new = new_upload(headers)?;
    let brings_bytes = headers.contains_key(header::CONTENT_TYPE);
    let sum = if brings_bytes { demand_bytes(headers).and(part_sum(headers))? } else { None };
    let standing = if brings_bytes {
        let body = incoming(registry, payload);
        registry.begin_upload_with(caller, new, sum, body).await?
    } else {
        registry.begin_upload(caller, new).await?
    };
    let location = format!("{}/{}", api::paths::uploads(), standing.id);
    let mut answer = HttpResponse::Created();
    answer.insert_header((header::LOCATION, location));
    tell(&mut answer, &standing);
    Ok(answer.finish())
}

async fn standing(
    registry: Shared,
    caller: Caller,
    request: HttpRequest,
    Path(id): Path<String>,
) -> HttpResponse {
    let told = async {
        demand_version(request.headers())?;
        let standing = registry.upload_standing(&caller, &id).await?;
        let mut answer = HttpResponse::Ok();
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
        answer.insert_header((UPLOAD_LENGTH, standing.length));
        tell(&mut answer, &standing);
        Ok(answer.finish())
    };
    tus(told.await)
}

async fn append(
    registry: Shared,
    caller: Caller,
    request: HttpRequest,
    Path(id): Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    let taken = async {
        let headers = request.headers();
        demand_version(headers)?;
        demand_bytes(headers)?;
        let (offset, sum) = (number(headers, &UPLOAD_OFFSET)?, part_sum(headers)?);
        let body = incoming(&registry, payload);
        let standing = registry.append_upload(&caller, &id, offset, sum, body).await?;
        let mut answer = HttpResponse::NoContent();
        tell(&mut answer, &standing);
        Ok(answer.finish())
    };
    tus(taken.await)
}

async fn terminate(
    registry: Shared,
    caller: Caller,
    request: HttpRequest,
    Path(id): Path<String>,
) -> HttpResponse {
    let gone = async {
        demand_version(request.headers())?;
        registry.drop_upload(&caller, &id).await?;
        Ok(HttpResponse::NoContent().finish())
    };
    tus(gone.await)
}

fn incoming(
    registry: &Shared,
    payload: web::Payload,
) -> impl futures_util::Stream<Item = Result<bytes::Bytes, crate::registry::upload::BodyFault>> {
    body::paced(body::web_payload(payload.into_inner()), &registry.config().limits)
}

/// What every answer has, also one that says no.
fn tus(answer: Result<HttpResponse, ApiError>) -> HttpResponse {
    let mut answer = answer.unwrap_or_else(HttpResponse::from_error);
    answer.headers_mut().insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    if answer.status() == 412 {
        answer.headers_mut().insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    }
    answer
}

fn tell(answer: &mut HttpResponseBuilder, standing: &Standing) {
    answer.insert_header((UPLOAD_OFFSET, standing.offset));
    if let Some(expires) = http_date(&standing.expires) {
        answer.insert_header((UPLOAD_EXPIRES, expires));
    }
}

/// RFC 9110 section 5.6.7.
fn http_date(timestamp: &Timestamp) -> Option<String> {
    let instant: jiff::Timestamp = timestamp.as_str().parse().ok()?;
    Some(instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

fn demand_version(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.get(&TUS_RESUMABLE).is_some_and(|version| version == VERSION) {
        return Ok(());
    }
    let detail = format!("this server speaks tus {VERSION}: send `Tus-Resumable: {VERSION}`");
    Err(ApiError::new(ProblemKind::PreconditionFailed, detail))
}

fn demand_bytes(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.get(header::CONTENT_TYPE).is_some_and(|given| given == BYTES) {
        return Ok(());
    }
    Err(ApiError::new(ProblemKind::MediaType, format!("the bytes must come as `{BYTES}`")))
}

fn new_upload(headers: &HeaderMap) -> Result<NewUpload, ApiError> {
    if headers.contains_key(UPLOAD_DEFER_LENGTH) {
        let detail = "the length must be known at the start: send `Upload-Length`";
        return Err(ApiError::new(ProblemKind::Malformed, detail));
    }
    let length = number(headers, &UPLOAD_LENGTH)?;
    let given = headers.get(UPLOAD_METADATA).map(HeaderValue::to_str);
    let given = given.transpose().map_err(|_| malformed(&UPLOAD_METADATA))?.unwrap_or_default();
    let Metadata { filename, sha256 } =
        given.parse().map_err(|error| ApiError::told(ProblemKind::Malformed, &error))?;
    Ok(NewUpload { filename, sha256, length })
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, ApiError> {
    let given = headers.get(name).and_then(|value| value.to_str().ok());
    given
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed(name))
}

fn part_sum(headers: &HeaderMap) -> Result<Option<PartSum>, ApiError> {
    let Some(given) = headers.get(UPLOAD_CHECKSUM) else { return Ok(None) };
    let given = given.to_str().map_err(|_| malformed(&UPLOAD_CHECKSUM))?;
    let sum = given.parse();
    sum.map(Some).map_err(|error| ApiError::told(ProblemKind::Malformed, &error))
}

fn malformed(name: &HeaderName) -> ApiError {
    let detail = format!("the header `{name}` is missing or cannot be read");
    ApiError::new(ProblemKind::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_told_as_http_tells_dates() {
        let date = http_date(&"2026-11-23T06:00:00Z".parse().unwrap()).unwrap();

        assert_eq!(date, "Mon, 23 Nov 2026 06:00:00 GMT");
    }

    #[test]
    fn numbers_are_digits_alone() {
        let mut headers = HeaderMap::new();
        for (text, number) in
            [("12", Some(12)), ("+12", None), ("-1", None), ("1e3", None), ("", None)]
        {
            headers.insert(UPLOAD_OFFSET, HeaderValue::from_static(text));
            assert_eq!(super::number(&headers, &UPLOAD_OFFSET).ok(), number, "{text}");
        }
    }
}
