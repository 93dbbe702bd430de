//! How often a request is tried, and how long to wait in between.

use std::time::Duration;

/// How often a request is tried, and how long to wait in between.
#[derive(Clone, Debug)]
pub struct Retries {
    /// The most attempts, the first among them.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles each time.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

/// Long enough for a server to be started anew, short enough for a person to wait.
impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 7, first: Duration::from_millis(150), longest: Duration::from_secs(5) }
    }
}

/// The longest that a server may make us wait.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

impl Retries {
    /// The wait after `attempt` attempts, of which half is chance; what the server asked goes first.
    pub fn pause(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(LONGEST_ASKED) + self.first.mul_f64(chance());
        }
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        doubled.min(self.longest).mul_f64(0.5 + chance() / 2.0)
    }
}

/// Between 0 and 1; a system without randomness waits the whole time.
fn chance() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let retries = Retries::default();
        for attempt in 1..40 {
            let whole =
                retries.first.saturating_mul(1 << (attempt - 1).min(16)).min(retries.longest);
            let pause = retries.pause(attempt, None);
            assert!(pause >= whole / 2 && pause <= whole, "{attempt}: {pause:?}");
        }
    }

    #[test]
    fn what_the_server_asks_is_kept_within_reason() {
        let asked = |seconds| Retries::default().pause(1, Some(Duration::from_secs(seconds)));
        assert!(asked(3) >= Duration::from_secs(3));
        assert!(asked(1_000_000) <= Duration::from_secs(31));
    }
}
