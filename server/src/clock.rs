//! Time, passed in so that tests can stand still.

use std::time::Duration;

use jiff::Timestamp as Instant;
use larder_schema::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, in UTC.
    fn now(&self) -> Instant;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// A moment as documents have it: RFC 3339, UTC, to the second.
pub fn to_timestamp(instant: Instant) -> Timestamp {
    instant
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
        .parse()
        .expect("the format is that of a timestamp")
}

/// `after` later than `instant`; the end of time when there is no such moment.
pub fn later(instant: Instant, after: Duration) -> Instant {
    instant.checked_add(after).unwrap_or(Instant::MAX)
}
