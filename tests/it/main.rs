//! larder through its front doors: a file for each flow and for each kind of harm.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod architecture;
mod blobs;
mod hostile;
mod publish;
mod stopping;
mod tokens;
mod uploads;
