//! What a run says: for people as text, for programs as JSON, and for scripts as a verdict.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::client::Failure;
use crate::schedule::Schedule;
use crate::tally::Tally;

/// A generator this late at its 99th percentile measures itself as much as the target.
const TOO_LATE_US: u64 = 5_000;

/// The outcome of a run. The warm-up is not in it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Requests that came up to be sent.
    pub requests: u64,
    /// Requests that were answered, with any status.
    pub answered: u64,
    /// Requests without an answer, or with status 4xx or 5xx.
    pub errors: u64,
    /// Errors as a share of the requests, from 0 to 1.
    pub error_rate: f64,
    /// Answers by class of status: `2xx`, …
    pub statuses: BTreeMap<String, u64>,
    /// Requests without an answer, by reason.
    pub failures: BTreeMap<Failure, u64>,
    /// Requests per second that were intended.
    pub intended_rate: f64,
    /// Answers per second, from the beginning of the measured time to the last answer.
    pub achieved_rate: f64,
    /// From the intended start to the end of the answer; a request that timed out counts with its timeout.
    pub latency: Latency,
    /// How late the generator itself was. It is part of the latencies.
    pub lateness: Lateness,
    /// How long requests waited because all connections were busy. It is part of the latencies.
    pub wait: Lateness,
}

/// Percentiles in microseconds; all 0 when nothing was measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Half of the requests were this fast.
    pub p50_us: u64,
    /// 90 of 100.
    pub p90_us: u64,
    /// 99 of 100.
    pub p99_us: u64,
    /// 999 of 1,000.
    pub p999_us: u64,
    /// The slowest.
    pub max_us: u64,
    /// The mean.
    pub mean_us: f64,
}

/// How late requests started for one reason, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Lateness {
    /// How many requests this is about.
    pub requests: u64,
    /// Half of them were this late at most.
    pub p50_us: u64,
    /// 99 of 100.
    pub p99_us: u64,
    /// The latest.
    pub max_us: u64,
}

/// What the target has to hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A share from 0 to 1.
    pub max_errors: f64,
    /// `None`: any.
    pub max_p99: Option<Duration>,
}

impl Report {
    /// `requests` measured ones came up.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn new(schedule: &Schedule, requests: u64, tally: &Tally) -> Self {
        let answered = tally.statuses.values().sum();
        let refused: u64 = tally.statuses.range(4..).map(|(_, count)| count).sum();
        let errors = refused + tally.failures.values().sum::<u64>();
        let seconds = schedule.duration().max(tally.last_answer).as_secs_f64();
        let share = |part: u64, whole: f64| {
            if whole > 0.0 {
                part as f64 / whole
            } else {
                0.0
            }
        };
        Self {
            requests,
            answered,
            errors,
            error_rate: share(errors, requests as f64),
            statuses: tally
                .statuses
                .iter()
                .map(|(c, n)| (format!("{c}xx"), *n))
                .collect(),
            failures: tally.failures.clone(),
            intended_rate: f64::from(schedule.rate()),
            achieved_rate: share(answered, seconds),
            latency: Latency::of(&tally.latency),
            lateness: Lateness::of(&tally.lateness),
            wait: Lateness::of(&tally.wait),
        }
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
            mean_us: histogram.mean(),
        }
    }
}

impl Lateness {
    fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            requests: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            max_us: histogram.max(),
        }
    }
}

impl Limits {
    /// Every limit that the run went past, as a sentence. A run that measured nothing passes nothing.
    pub fn broken_by(&self, report: &Report) -> Vec<String> {
        let mut broken = Vec::new();
        if report.requests == 0 {
            broken.push("no request was measured".to_owned());
        }
        if report.error_rate > self.max_errors {
            broken.push(format!(
                "{} of {} requests failed, {:.3} % where {:.3} % are allowed",
                report.errors,
                report.requests,
                report.error_rate * 100.0,
                self.max_errors * 100.0
            ));
        }
        let p99 = Duration::from_micros(report.latency.p99_us);
        if let Some(max) = self.max_p99.filter(|max| p99 > *max) {
            let (p99, max) = (
                humantime::format_duration(p99),
                humantime::format_duration(max),
            );
            broken.push(format!("p99 is {p99} where {max} is allowed"));
        }
        broken
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "requests   {} intended at {:.0}/s, {} answered at {:.1}/s, {} errors ({:.3} %)",
            self.requests,
            self.intended_rate,
            self.answered,
            self.achieved_rate,
            self.errors,
            self.error_rate * 100.0
        )?;
        let statuses = self
            .statuses
            .iter()
            .map(|(class, count)| format!("{class} {count}"));
        let failures = self
            .failures
            .iter()
            .map(|(failure, count)| format!("{failure} {count}"));
        let outcomes: Vec<_> = statuses.chain(failures).collect();
        writeln!(f, "outcomes   {}", outcomes.join(", "))?;
        let latency = self.latency;
        writeln!(
            f,
            "latency    p50 {}  p90 {}  p99 {}  p99.9 {}  max {}   (from the intended start)",
            millis(latency.p50_us),
            millis(latency.p90_us),
            millis(latency.p99_us),
            millis(latency.p999_us),
            millis(latency.max_us)
        )?;
        writeln!(f, "generator  late by {}", self.lateness)?;
        if self.wait.requests > 0 {
            writeln!(f, "waiting    for a connection: {}", self.wait)?;
        }
        if self.lateness.p99_us > TOO_LATE_US {
            writeln!(
                f,
                "warning    the generator is saturated: lower --rate, or give it a core of its own"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99, max) = (
            millis(self.p50_us),
            millis(self.p99_us),
            millis(self.max_us),
        );
        write!(
            f,
            "p50 {p50}  p99 {p99}  max {max}   ({} requests)",
            self.requests
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::Dropped => "dropped",
        })
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    const ANY: Limits = Limits {
        max_errors: 1.0,
        max_p99: None,
    };

    fn report(outcomes: &[(Result<StatusCode, Failure>, u64)]) -> Report {
        let mut tally = Tally::default();
        for &(outcome, millis) in outcomes {
            tally.record(
                outcome,
                Duration::from_millis(millis),
                Duration::from_secs(1),
            );
        }
        let schedule = Schedule::new(10, Duration::ZERO, Duration::from_secs(1));
        Report::new(&schedule, outcomes.len() as u64, &tally)
    }

    #[test]
    fn refusals_and_failures_are_errors() {
        let report = report(&[
            (Ok(StatusCode::OK), 1),
            (Ok(StatusCode::FOUND), 1),
            (Ok(StatusCode::NOT_FOUND), 1),
            (Ok(StatusCode::SERVICE_UNAVAILABLE), 1),
            (Err(Failure::Reset), 1),
        ]);
        assert_eq!((report.requests, report.answered, report.errors), (5, 4, 3));
        assert_eq!(report.statuses["5xx"], 1);
        assert_eq!(report.failures[&Failure::Reset], 1);
        assert!((report.error_rate - 0.6).abs() < 1e-9);
    }

    #[test]
    fn a_timeout_is_in_the_tail_and_a_refused_connection_is_not() {
        let timed_out = report(&[(Ok(StatusCode::OK), 1), (Err(Failure::Timeout), 5000)]);
        assert!(
            timed_out.latency.max_us >= 4_990_000,
            "{:?}",
            timed_out.latency
        );
        let refused = report(&[(Ok(StatusCode::OK), 1), (Err(Failure::Connect), 0)]);
        assert!(refused.latency.p50_us >= 990, "{:?}", refused.latency);
    }

    #[test]
    fn limits_are_judged_one_by_one() {
        let report = report(&[(Ok(StatusCode::OK), 30), (Err(Failure::Closed), 1)]);
        assert!(ANY.broken_by(&report).is_empty());
        let strict = Limits {
            max_errors: 0.0,
            max_p99: Some(Duration::from_millis(20)),
        };
        assert_eq!(
            strict.broken_by(&report).len(),
            2,
            "{:?}",
            strict.broken_by(&report)
        );
    }

    #[test]
    fn a_run_that_measured_nothing_does_not_pass() {
        assert_eq!(ANY.broken_by(&report(&[])), ["no request was measured"]);
    }
}
