//! The archive reader from outside: what it reads, what it refuses.
#![cfg(feature = "archive")]

#[cfg(test)]
#[path = "archive/build.rs"]
mod build_archives;
#[cfg(test)]
#[path = "archive/hostile.rs"]
mod hostile;
#[cfg(test)]
#[path = "archive/reading.rs"]
mod reading;
#[cfg(test)]
#[path = "archive/refusals.rs"]
mod refusals;
#[cfg(test)]
#[path = "archive/round_trip.rs"]
mod round_trip;
#[cfg(test)]
#[path = "archive/vectors.rs"]
mod vectors;
