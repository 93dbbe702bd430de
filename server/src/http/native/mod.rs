//! larder's own front end: the JSON addresses of builds, distributions, tags and checksums.

mod builds;
mod distributions;
mod plan;
mod products;
mod resolve;
mod statements;
mod tags;

use serde::Deserialize;

use super::Route;

/// The addresses.
pub(super) fn routes() -> Vec<Route> {
    let all = [
        builds::routes(),
        products::routes(),
        distributions::routes(),
        plan::routes(),
        resolve::routes(),
        tags::routes(),
        statements::routes(),
    ];
    all.into_iter().flatten().collect()
}

/// What every list takes.
const PAGE: [(&str, &str); 2] =
    [("cursor", "`next` of the page before"), ("limit", "how many items at the most")];

/// What every look-up of one thing takes.
const PLATFORM: (&str, &str) = ("platform", "the exact platform; may be left out if there is one");

/// Which page of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}
