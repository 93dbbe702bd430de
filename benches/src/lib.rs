//! What the programs here share: a history of real builds, a server, and what is sent to it.

#![expect(missing_docs, reason = "only the programs here use it, and names say what things are")]

pub mod api;
pub mod figures;
pub mod history;
pub mod parcel;
pub mod server;
