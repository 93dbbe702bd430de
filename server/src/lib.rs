//! The storage server of larder.

pub mod access;
pub mod blobs;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod http;
pub mod registry;
pub mod telemetry;
