//! The client of larder: publishes, installs, verifies, runs and identifies.
//!
//! `commands/` turns arguments into calls of the library and prints what comes of them; nothing
//! else here prints. `plan` decides without touching anything, `install` carries out.

pub mod bounded;
pub mod cli;
pub mod combine;
pub mod commands;
pub mod config;
pub mod download;
pub mod durable;
pub mod environment;
pub mod error;
pub mod examples;
pub mod fetch;
pub mod find;
pub mod graph;
pub mod host;
pub mod identify;
pub mod import;
pub mod install;
pub mod kernel_lock;
pub mod lock;
pub mod lookup;
pub mod memory;
pub mod pack;
pub mod plan;
pub mod planning;
pub mod policies;
pub mod printable;
pub mod progress;
pub mod promote;
pub mod publish;
pub mod record;
pub mod remote;
pub mod resolve;
pub mod sources;
pub mod state;
pub mod store;
pub mod tag;
pub mod target;
pub mod unpack;
pub mod upload;
pub mod verify;
pub mod wish;
