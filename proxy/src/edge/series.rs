//! What is counted about the requests of one route, found once.
//!
//! Finding a series by its labels costs 50 ns and more, counting 3 ns; so each series is found at its
//! first use and kept. What depends on a canary's variant is found each time.

use std::sync::OnceLock;

use prometheus::{Histogram, IntCounter};

use super::Passage;
use super::plan::Plan;
use crate::telemetry::{Metrics, status_class};

/// Classes of status by their first digit; the last place is for no answer at all.
const CLASSES: usize = 7;

/// The series of one route.
#[derive(Debug)]
pub(super) struct Series {
    route: Box<str>,
    metrics: Metrics,
    requests: [OnceLock<IntCounter>; CLASSES],
    results: [OnceLock<IntCounter>; CLASSES],
    duration: Histogram,
}

impl Series {
    pub(super) fn new(route: &str, metrics: &Metrics) -> Self {
        Self {
            route: route.into(),
            metrics: metrics.clone(),
            requests: Default::default(),
            results: Default::default(),
            duration: metrics.duration.with_label_values(&[route]),
        }
    }

    /// Its route's name.
    pub(super) fn route(&self) -> &str {
        &self.route
    }

    /// Counts a request that is over.
    pub(super) fn count(&self, passage: &Passage, status: Option<u16>, failed: bool) {
        let class = status_class(status);
        let place = status.map_or(CLASSES - 1, |status| {
            usize::from(status / 100).min(CLASSES - 2)
        });
        self.requests[place]
            .get_or_init(|| {
                self.metrics
                    .requests
                    .with_label_values(&[&self.route, class])
            })
            .inc();
        self.duration
            .observe(passage.started.elapsed().as_secs_f64());

        let Some(attempts) = &passage.attempts else {
            return;
        };
        let upstream = &*attempts.pool().name;
        let results = &self.metrics.upstream_results;
        match passage.plan.as_ref().and_then(Plan::canary) {
            None if !failed => self.results[place]
                .get_or_init(|| results.series([upstream, "", class]))
                .inc(),
            canary => {
                let variant = canary.and_then(|(_, variant)| variant).unwrap_or("");
                results
                    .series([upstream, variant, if failed { "error" } else { class }])
                    .inc();
            }
        }
    }

    /// Begins the count of this canary flag's fallbacks at zero.
    pub(super) fn expect_fallbacks(&self, flag: &str) {
        self.metrics
            .fallbacks
            .with_label_values(&[&self.route, flag]);
    }

    /// Counts that the baseline serves for the canary.
    pub(super) fn count_fallback(&self, passage: &Passage) {
        if let Some((flag, _)) = passage.plan.as_ref().and_then(Plan::canary) {
            self.metrics
                .fallbacks
                .with_label_values(&[&self.route, flag])
                .inc();
        }
    }
}
