//! What operators see: metrics and logs.
//!
//! Metrics live in a registry of our own, made once and passed on; nothing is global. Every label
//! comes from configuration or from a bounded set ([`labels::Bounded`]).

mod access_log;
mod labels;
mod logging;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, Result,
};

pub use access_log::{AccessLogHandle, AccessLogWriter};
pub use labels::Bounded;
pub use logging::init as init_logging;

/// Distinct sets of labels in one metric that names flags and variants, at most. What comes after
/// that many is counted under `other`.
const MAX_LABEL_SETS: usize = 10_000;

/// Seconds; from a cached page on the same host to a slow report.
const DURATION_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Everything that the way of a request counts. Clones share the same counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where every metric is registered; others add theirs.
    pub registry: Registry,
    /// `burgee_requests_total{route,code}`: `code` is the class, `2xx`; `none` where nothing was answered.
    pub requests: IntCounterVec,
    /// `burgee_request_duration_seconds{route}`: from the request's headers to the last byte of the response.
    pub duration: HistogramVec,
    /// `burgee_requests_in_flight`.
    pub in_flight: IntGauge,
    /// `burgee_decisions_total{flag,variant,reason}`: `variant` is empty where there is none. Counted
    /// when the request is over, as all of these are.
    pub decisions: Bounded<3>,
    /// `burgee_upstream_results_total{upstream,variant,result}`: `variant` is that of the route's canary flag,
    /// `result` a class such as `2xx`, or `error` where no response came.
    pub upstream_results: Bounded<3>,
    /// `burgee_upstream_connect_failures_total{upstream}`.
    pub connect_failures: IntCounterVec,
    /// `burgee_upstream_fallbacks_total{route,flag}`: the baseline served for the canary.
    pub fallbacks: IntCounterVec,
    /// `burgee_forged_headers_total`: request headers stripped because they were under a reserved prefix.
    pub forged_headers: IntCounter,
    /// `burgee_connections_ended_total{reason}`: ended by a limit; see `edge::connection`.
    pub connections_ended: IntCounterVec,
    /// `burgee_access_log_dropped_total`: lines that found the queue full or could not be written.
    pub access_log_dropped: IntCounter,
    /// `burgee_panics_total`: panics that were caught; each is a bug worth reporting.
    pub panics: IntCounter,
}

impl Metrics {
    /// Registers all of it in a new registry.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new(
                    "burgee_requests_total",
                    "Requests by route and class of status.",
                ),
                &["route", "code"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "burgee_request_duration_seconds",
                    "From a request's headers to the last byte of its response.",
                )
                .buckets(DURATION_BUCKETS.to_vec()),
                &["route"],
            )?,
            in_flight: IntGauge::new(
                "burgee_requests_in_flight",
                "Requests that are being served.",
            )?,
            decisions: Bounded::new(
                Opts::new(
                    "burgee_decisions_total",
                    "Decisions by flag, variant and reason.",
                ),
                ["flag", "variant", "reason"],
                MAX_LABEL_SETS,
            )?,
            upstream_results: Bounded::new(
                Opts::new(
                    "burgee_upstream_results_total",
                    "Results of upstreams by variant of the route's canary flag.",
                ),
                ["upstream", "variant", "result"],
                MAX_LABEL_SETS,
            )?,
            connect_failures: IntCounterVec::new(
                Opts::new(
                    "burgee_upstream_connect_failures_total",
                    "Failed connects by upstream.",
                ),
                &["upstream"],
            )?,
            fallbacks: IntCounterVec::new(
                Opts::new(
                    "burgee_upstream_fallbacks_total",
                    "Requests that the baseline served for the canary.",
                ),
                &["route", "flag"],
            )?,
            forged_headers: IntCounter::new(
                "burgee_forged_headers_total",
                "Request headers under a reserved prefix that were stripped.",
            )?,
            connections_ended: IntCounterVec::new(
                Opts::new(
                    "burgee_connections_ended_total",
                    "Connections that were ended by a limit.",
                ),
                &["reason"],
            )?,
            access_log_dropped: IntCounter::new(
                "burgee_access_log_dropped_total",
                "Lines of the access log that found its queue full or could not be written.",
            )?,
            panics: IntCounter::new("burgee_panics_total", "Panics that were caught.")?,
            registry,
        };
        let collectors: [Box<dyn prometheus::core::Collector>; 12] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.duration.clone()),
            Box::new(metrics.in_flight.clone()),
            Box::new(metrics.decisions.vector()),
            Box::new(metrics.upstream_results.vector()),
            Box::new(metrics.connect_failures.clone()),
            Box::new(metrics.fallbacks.clone()),
            Box::new(metrics.forged_headers.clone()),
            Box::new(metrics.connections_ended.clone()),
            Box::new(metrics.access_log_dropped.clone()),
            Box::new(metrics.panics.clone()),
            Box::new(build_info()?),
        ];
        for collector in collectors {
            metrics.registry.register(collector)?;
        }
        Ok(metrics)
    }
}

fn build_info() -> Result<IntGauge> {
    let info = IntGauge::with_opts(
        Opts::new("burgee_build_info", "Always 1; the version is a label.")
            .const_label("version", env!("CARGO_PKG_VERSION")),
    )?;
    info.set(1);
    Ok(info)
}

/// The class of a status, `2xx`; `none` for none.
pub fn status_class(status: Option<u16>) -> &'static str {
    match status.map(|status| status / 100) {
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(5) => "5xx",
        Some(_) => "other",
        None => "none",
    }
}
