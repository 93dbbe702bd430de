//! HTTP: the front ends, and what they share.
//!
//! A front end translates words and calls the `Registry`; a decision in here is in the wrong
//! place. All addresses stand in one table ([`routes`]), from which they are served and described,
//! and by which tests ask each of them in each role.

pub mod body;
pub mod problem;
pub mod route;

mod blobs;
mod eups;
mod guard;
mod health;
mod native;
mod openapi;
mod request;
mod serve;
mod tokens;
mod uploads;

pub use problem::ApiError;
pub use route::{Needs, Route};
pub use serve::{HttpServer, start};

/// Every address of the server.
pub fn routes() -> Vec<Route> {
    let all = [
        uploads::routes(),
        blobs::routes(),
        native::routes(),
        eups::routes(),
        tokens::routes(),
        health::routes(),
        openapi::routes(),
    ];
    all.into_iter().flatten().collect()
}

/// The description of all addresses (OpenAPI 3.1).
pub fn openapi() -> serde_json::Value {
    openapi::describe(&routes())
}

#[cfg(test)]
mod tests;
