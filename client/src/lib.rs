//! The client of larder: publishes, installs, verifies, runs and identifies.
//!
//! `commands/` turns arguments into calls of the library and prints what comes of them; nothing
//! else here prints. `plan` decides without touching anything, `install` carries out.

pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod import;
pub mod pack;
pub mod progress;
pub mod publish;
pub mod record;
pub mod remote;
pub mod upload;
