//! What ingest counts. What follows from the present state alone is read from it at the scrape, not here.

use burgee_eval::Snapshot;
use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::overrides::{Census, Ignored, OverrideState};

/// See the `help` of each. Every label has a fixed, small set of values.
#[derive(Clone, Debug)]
pub struct IngestMetrics {
    pub(super) updates: IntCounterVec,
    pub(super) flagset_rejected: IntCounterVec,
    pub(super) override_rejected: IntCounterVec,
    pub(super) connected: IntGauge,
    pub(super) disk_errors: IntCounter,
    pub(super) disk_corrupt: IntCounterVec,
    overrides_in_force: IntGauge,
    overrides_ignored: IntGaugeVec,
    conflicts: IntGauge,
    problems: IntGauge,
}

/// Why a record or a file is refused, whatever its kind.
const REFUSED: [&str; 14] = [
    "too_large",
    "malformed",
    "not_canonical",
    "payload_type",
    "signatures",
    "record",
    "environment",
    "log",
    "subject",
    "unreadable",
    "future",
    "older",
    "fork",
    "too_many",
];

/// Why a flag set is refused once it is read; beside that it may be `too_large`.
const NOT_COMPILED: [&str; 4] = ["syntax", "document", "misnamed", "internal"];

impl IngestMetrics {
    /// Registers all of them. What can be counted starts at 0, so that `rate()` sees the first event.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        fn add<C: Collector + Clone + 'static>(
            registry: &Registry,
            metric: prometheus::Result<C>,
        ) -> prometheus::Result<C> {
            let metric = metric?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        }
        let counter = |name: &str, help: &str| add(registry, IntCounter::new(name, help));
        let counters = |name: &str, label: &str, help: &str| {
            add(
                registry,
                IntCounterVec::new(Opts::new(name, help), &[label]),
            )
        };
        let gauge = |name: &str, help: &str| add(registry, IntGauge::new(name, help));
        let gauges = |name: &str, label: &str, help: &str| {
            add(registry, IntGaugeVec::new(Opts::new(name, help), &[label]))
        };
        let all = Self {
            updates: counters(
                "burgee_updates_total",
                "kind",
                "Changes that the source delivered.",
            )?,
            flagset_rejected: counters(
                "burgee_flagset_rejected_total",
                "reason",
                "Versions of flag sets that are not served. They do not make this proxy stale.",
            )?,
            override_rejected: counters(
                "burgee_override_rejected_total",
                "reason",
                "Records of overrides that do not count. They do not make this proxy stale.",
            )?,
            connected: gauge("burgee_source_connected", "1 while the source is reached.")?,
            disk_errors: counter(
                "burgee_disk_errors_total",
                "Failures to read or write the last good state.",
            )?,
            disk_corrupt: counters(
                "burgee_disk_corrupt_total",
                "kind",
                "Files of the last good state that could not be read back.",
            )?,
            overrides_in_force: gauge(
                "burgee_overrides_in_force",
                "Overrides in force in this proxy.",
            )?,
            overrides_ignored: gauges(
                "burgee_overrides_ignored",
                "reason",
                "Overrides that are in scope here and have no effect.",
            )?,
            conflicts: gauge(
                "burgee_flag_conflicts",
                "Flags that two flag sets define; the set whose name sorts first has them.",
            )?,
            problems: gauge(
                "burgee_flag_problems",
                "What is wrong between flags: prerequisites that can never hold, layers that overlap.",
            )?,
        };
        let begin = |counter: &IntCounterVec, labels: &[&str]| {
            for label in labels {
                counter.with_label_values(&[label]);
            }
        };
        begin(&all.updates, &["flag_set", "override"]);
        begin(&all.flagset_rejected, &REFUSED);
        begin(&all.flagset_rejected, &NOT_COMPILED);
        begin(&all.override_rejected, &REFUSED);
        begin(&all.disk_corrupt, &["flags", "overrides"]);
        Ok(all)
    }

    /// Shows a state that was published.
    pub(super) fn published(&self, census: &Census, snapshot: &Snapshot) {
        self.overrides_in_force.set(signed(census.in_force.len()));
        self.conflicts.set(signed(snapshot.conflicts().len()));
        self.problems.set(signed(snapshot.problems().len()));
        for reason in [
            Ignored::UnknownFlag,
            Ignored::UnknownVariant,
            Ignored::TooMany,
        ] {
            let ignored = census
                .list
                .iter()
                .filter(|status| status.state == OverrideState::Ignored(reason));
            self.overrides_ignored
                .with_label_values(&[reason.reason()])
                .set(signed(ignored.count()));
        }
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
