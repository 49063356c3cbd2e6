//! What happened to the measured requests, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use http::StatusCode;

use crate::client::Failure;

/// Counts and distributions of the measured requests. Times are in microseconds.
#[derive(Clone, Debug)]
pub struct Tally {
    /// From the intended start to the end of the answer, or to giving up.
    pub(crate) latency: Histogram<u64>,
    /// How late the generator itself was.
    pub(crate) lateness: Histogram<u64>,
    /// How long requests waited because every connection was busy.
    pub(crate) wait: Histogram<u64>,
    /// Answers by class of status, 1 to 5.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub(crate) failures: BTreeMap<Failure, u64>,
    /// The end of the last answer, from the beginning of the measured time.
    pub(crate) last_answer: Duration,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latency: histogram(),
            lateness: histogram(),
            wait: histogram(),
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            last_answer: Duration::ZERO,
        }
    }
}

impl Tally {
    /// Counts an answer or a failure that took `latency`, and ended `at` after measuring began.
    ///
    /// A request that timed out had at least that latency, and leaving it out would flatter the tail. Other
    /// failures are often quick, and counting them would flatter the rest.
    pub fn record(
        &mut self,
        outcome: Result<StatusCode, Failure>,
        latency: Duration,
        at: Duration,
    ) {
        match outcome {
            Ok(status) => {
                *self.statuses.entry(status.as_u16() / 100).or_default() += 1;
                self.last_answer = self.last_answer.max(at);
            }
            Err(failure) => *self.failures.entry(failure).or_default() += 1,
        }
        if matches!(outcome, Ok(_) | Err(Failure::Timeout)) {
            self.latency.saturating_record(micros(latency));
        }
    }

    /// Counts a request that started `late` although a connection was free.
    pub(crate) fn record_lateness(&mut self, late: Duration) {
        self.lateness.saturating_record(micros(late));
    }

    /// Counts a request that waited for a connection.
    pub(crate) fn record_wait(&mut self, wait: Duration) {
        self.wait.saturating_record(micros(wait));
    }

    /// Counts a request that was never sent.
    pub(crate) fn record_dropped(&mut self) {
        *self.failures.entry(Failure::Dropped).or_default() += 1;
    }
}

/// From 1 µs to 2 minutes (a timeout is at most one), within 0.1 percent.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).expect("the bounds are constant and valid")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
