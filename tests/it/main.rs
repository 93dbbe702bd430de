//! larder through its front doors: a file for each flow and for each kind of harm.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod architecture;
mod blobs;
mod crash;
mod distributions;
mod hostile;
mod identify;
mod lists;
mod publish;
mod real;
mod recovery;
mod roles;
mod stopping;
mod tags;
mod tokens;
mod uploads;
