//! larder through its front doors: a file for each flow and for each kind of harm.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]
#![allow(clippy::print_stderr, reason = "figures, and why a test did nothing")]

mod architecture;
mod blobs;
mod canary;
mod ci;
mod client;
mod closures;
mod conflicts;
mod crash;
mod differences;
mod disk;
mod distributions;
mod eups;
mod eups_client;
mod fetching;
mod guides;
mod hostile;
mod identify;
mod importing_eups;
mod large;
mod lists;
mod living;
mod metadata;
mod planning;
mod plans;
mod products;
mod promotions;
mod publish;
mod real;
mod recovery;
mod remembering;
mod replacing;
mod resolve;
mod roles;
mod round_trips;
mod statements;
mod stopping;
mod switching;
mod tags;
mod tokens;
mod uploads;
mod weeklies;
mod whole;
