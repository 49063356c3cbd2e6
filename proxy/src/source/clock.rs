//! How far this proxy's clock is ahead of the broker's.
//!
//! A server of any version writes its own time into a consumer that it makes (`created`). Between two
//! measurements the broker's time is carried on by this machine's monotonic clock, so that a step of
//! the own wall clock is noticed at once.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::overrides::BROKER_CLOCK_TOLERANCE;

/// The broker's clock, as of one measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrokerClock {
    broker_ms: i64,
    at: Instant,
}

impl BrokerClock {
    /// `broker_ms`: what the broker wrote between `asked` and now, taken to be the middle.
    pub(super) fn measured(broker_ms: i64, asked: Instant) -> Self {
        let clock = Self {
            broker_ms,
            at: asked + asked.elapsed() / 2,
        };
        let ahead_ms = clock.ahead_ms();
        if u128::from(ahead_ms.unsigned_abs()) > BROKER_CLOCK_TOLERANCE.as_millis() {
            tracing::warn!(
                own_clock_ahead_ms = ahead_ms,
                "the broker's clock is more than 15 minutes from this proxy's and is not believed; overrides end by this proxy's clock"
            );
        }
        clock
    }

    /// How old the measurement is.
    pub(super) fn age(&self) -> Duration {
        self.at.elapsed()
    }

    /// Own clock minus the broker's, in milliseconds.
    pub(super) fn ahead_ms(&self) -> i64 {
        let passed_ms = i64::try_from(self.at.elapsed().as_millis()).unwrap_or(i64::MAX);
        own_ms().saturating_sub(self.broker_ms.saturating_add(passed_ms))
    }
}

fn own_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_ten_minutes_behind() {
        let clock = BrokerClock::measured(own_ms() - 600_000, Instant::now());
        assert!((clock.ahead_ms() - 600_000).abs() < 1_000);
    }
}
