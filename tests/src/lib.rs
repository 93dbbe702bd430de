//! What the tests through the front doors are made with.
//!
//! [`TestRegistry`] is a real server in the test's process, [`ServerProcess`] and [`Larder`] are
//! the real programs. [`build`] and [`distribution`] make what is published; a test names what
//! matters to it and lets them fill in the rest. Nothing here stands in for a part of larder.
//!
//! ```no_run
//! use larder_tests::{TestRegistry, build};
//!
//! # async fn shown() {
//! let registry = TestRegistry::start().await;
//! let afw = registry.publish(build("afw", "17.0.1-b8466").file("lib/libafw.so", b"one")).await;
//!
//! assert_eq!(registry.fetch(afw.archive()).await, afw.bytes());
//! # }
//! ```
#![allow(clippy::unwrap_used, reason = "what fails here fails the test that called it")]
#![allow(clippy::print_stderr, reason = "what a failing test printed is shown with it")]

pub mod archives;
pub mod builders;
pub mod client;
pub mod data;
pub mod eups_root;
pub mod folder_server;
pub mod http;
pub mod liar;
pub mod noise;
pub mod package_root;
pub mod process;
pub mod proxy;
pub mod redact;
pub mod registry;
pub mod source;
pub mod tus;
pub mod wait;
pub mod walls;

pub use archives::Packed;
pub use builders::{BuildBuilder, DistributionBuilder, Parcel, build, distribution};
pub use client::{Larder, Ran};
pub use http::{Answer, Http};
pub use package_root::PackageRoot;
pub use process::ServerProcess;
pub use proxy::Proxy;
pub use registry::TestRegistry;
pub use wait::until;

use std::sync::LazyLock;

/// The threads that servers in this process, connections and checks run on.
///
/// They are not a test's own, so that a connection is looked after while a test waits for
/// something else, and when it ends.
pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        // It fails only where one was chosen already.
        drop(rustls::crypto::ring::default_provider().install_default());
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
    });
    &RUNTIME
}
