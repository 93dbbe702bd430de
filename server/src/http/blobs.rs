//! Archives over HTTP, by checksum or by build: ranges, conditions, and headers that make a browser
//! store and never show what strangers have uploaded.

mod disposition;
mod range;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use larder_schema::{BuildName, Checksum, Platform, ProblemKind, ProductName};
use serde::Deserialize;

use super::body::{Path, Query, Shared};
use super::{ApiError, Needs, Route};
use crate::access::Caller;
use crate::registry::fetch::Found;
use range::Choice;

const BYTES: &str = "application/octet-stream";
/// Archives never change.
const YEAR: &str = "max-age=31536000, immutable";

pub(super) fn routes() -> Vec<Route> {
    let by_checksum = "/api/v1/blobs/{checksum}";
    let by_build = "/api/v1/builds/{product}/{build}/archive";
    let platform = &[("platform", "the exact platform, where there are several")];
    vec![
        Route::get(by_checksum, "The bytes of an archive; one range at a time")
            .needs(Needs::Reader)
            .gives_bytes(200, "All of them", BYTES)
            .gives_bytes(206, "The range", BYTES)
            .gives_nothing(304, "They are those that the client has")
            .long()
            .to(blob),
        Route::head(by_checksum, "Whether an archive is there, and its size")
            .needs(Needs::Reader)
            .gives_nothing(200, "It is")
            .long()
            .to(blob),
        Route::get(by_build, "The archive of a build, under its name")
            .needs(Needs::Reader)
            .query(platform)
            .gives_bytes(200, "All of it", BYTES)
            .gives_bytes(206, "The range", BYTES)
            .gives_nothing(304, "It is the one that the client has")
            .long()
            .to(archive),
        Route::head(by_build, "Whether a build has an archive, and its size")
            .needs(Needs::Reader)
            .query(platform)
            .gives_nothing(200, "It has")
            .long()
            .to(archive),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveQuery {
    platform: Option<Platform>,
}

async fn blob(
    registry: Shared,
    caller: Caller,
    request: HttpRequest,
    Path(checksum): Path<Checksum>,
) -> Result<HttpResponse, ApiError> {
    let found = registry.archive(&caller, &checksum).await?;
    served(&registry, &request, found, Terms::Any).await
}

async fn archive(
    registry: Shared,
    caller: Caller,
    request: HttpRequest,
    Path((product, build)): Path<(ProductName, BuildName)>,
    Query(query): Query<ArchiveQuery>,
) -> Result<HttpResponse, ApiError> {
    let platform = query.platform.as_ref();
    let found = registry.archive_of_build(&caller, &product, &build, platform).await?;
    served(&registry, &request, found, Terms::Any).await
}

/// How an archive is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Terms {
    /// In any range, and for ever the same at its address.
    Any,
    /// Whole, so that all of it is checked; what has this name may become another one.
    Whole,
}

pub(super) async fn served(
    registry: &Shared,
    request: &HttpRequest,
    found: Found,
    terms: Terms,
) -> Result<HttpResponse, ApiError> {
    let sums = found.sums;
    let etag = format!("\"sha256:{}\"", sums.sha256);
    let headers = request.headers();
    if text(headers, &header::IF_NONE_MATCH).is_some_and(|given| names(given, &etag)) {
        let mut answer = HttpResponse::NotModified();
        describe(&mut answer, registry, &found, &etag, terms);
        return Ok(answer.finish());
    }
    let is_head = request.method() == Method::HEAD;
    let asked = text(headers, &header::RANGE)
        .filter(|_| !is_head && terms == Terms::Any)
        .filter(|_| text(headers, &header::IF_RANGE).is_none_or(|given| given == etag));
    let (status, range) = match range::choose(asked, sums.size) {
        Choice::Whole => (StatusCode::OK, 0..sums.size),
        Choice::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Choice::Outside => return Ok(outside(sums.size)),
    };
    let mut answer = HttpResponse::build(status);
    describe(&mut answer, registry, &found, &etag, terms);
    answer.insert_header((header::CONTENT_TYPE, found.format.media_type()));
    if status == StatusCode::PARTIAL_CONTENT {
        let content = format!("bytes {}-{}/{}", range.start, range.end - 1, sums.size);
        answer.insert_header((header::CONTENT_RANGE, content));
    }
    let length = range.end - range.start;
    if is_head {
        return Ok(answer.body(SizedStream::new(length, stream::empty::<Part>())));
    }
    let metrics = registry.metrics().clone();
    let bytes = registry.read_archive(&found, range).await?;
    let bytes = bytes.inspect_ok(move |part| metrics.sent(part.len() as u64)).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "cut a download");
        actix_web::Error::from(std::io::Error::other(error))
    });
    Ok(answer.body(SizedStream::new(length, bytes.boxed_local())))
}

type Part = Result<web::Bytes, actix_web::Error>;

/// The headers that stand on every answer about an archive that is there.
fn describe(
    answer: &mut HttpResponseBuilder,
    registry: &Shared,
    found: &Found,
    etag: &str,
    terms: Terms,
) {
    let cache = match (terms, registry.config().reads_are_open()) {
        (Terms::Whole, _) => "no-cache".to_owned(),
        (Terms::Any, true) => format!("public, {YEAR}"),
        (Terms::Any, false) => format!("private, {YEAR}"),
    };
    let named = found
        .name
        .clone()
        .unwrap_or_else(|| format!("{}.{}", found.sums.sha256, found.format.extension()));
    answer
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, cache))
        .insert_header((header::ACCEPT_RANGES, if terms == Terms::Any { "bytes" } else { "none" }))
        .insert_header((header::CONTENT_DISPOSITION, disposition::attachment(&named)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
}

fn outside(size: u64) -> HttpResponse {
    let detail = format!("the range lies outside: the archive has {size} bytes");
    let refusal = ApiError::new(ProblemKind::Range, detail).with("size", size);
    let mut answer = HttpResponse::from_error(refusal);
    if let Ok(content) = format!("bytes */{size}").parse() {
        answer.headers_mut().insert(header::CONTENT_RANGE, content);
    }
    answer
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether `If-None-Match` names the tag; it compares weakly (RFC 9110 section 13.1.2).
fn names(given: &str, etag: &str) -> bool {
    given.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_is_a_list_or_a_star() {
        let etag = "\"sha256:ab\"";

        for given in ["\"sha256:ab\"", "\"x\", \"sha256:ab\"", "W/\"sha256:ab\"", "*"] {
            assert!(names(given, etag), "{given}");
        }
        for given in ["", "sha256:ab", "\"sha256:abc\""] {
            assert!(!names(given, etag), "{given}");
        }
    }
}
