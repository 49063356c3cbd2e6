//! `/metrics`. Readiness and the health of endpoints are worked out at the scrape, so that a series
//! ends with what it described.

use http::StatusCode;
use prometheus::{Gauge, IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use super::explain::unix_ms;
use super::{Admin, Answer, respond, text};
use crate::store::SetStatus;

pub(super) fn answer(admin: &Admin) -> Answer {
    let rendered = of_this_moment(admin).and_then(|registry| {
        let mut families = admin.metrics.registry.gather();
        families.extend(registry.gather());
        TextEncoder::new().encode_to_string(&families)
    });
    match rendered {
        Ok(body) => respond(StatusCode::OK, TEXT_FORMAT, body),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be rendered");
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "metrics cannot be rendered\n",
            )
        }
    }
}

/// Sets that have a series of their own; the others are in `/snapshot` only.
const MAX_SET_SERIES: usize = 1_000;

fn served(sets: &[SetStatus]) -> impl Iterator<Item = &SetStatus> {
    let served = sets.iter().filter(|set| !set.digest.is_empty());
    served.take(MAX_SET_SERIES)
}

fn of_this_moment(admin: &Admin) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    let gauges = |name: &str, help: &str, labels: &[&str]| {
        let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
        registry.register(Box::new(gauge.clone()))?;
        prometheus::Result::Ok(gauge)
    };

    let ready = gauges("burgee_ready", "1 where /readyz answers 200.", &[])?;
    ready
        .with_label_values::<&str>(&[])
        .set(admin.store.ready().into());

    let state = admin.store.load();
    gauges(
        "burgee_snapshot_info",
        "Always 1; the revision that is served is a label.",
        &["revision"],
    )?
    .with_label_values(&[state.revision.to_str().unwrap_or_default()])
    .set(1);
    let revisions = gauges(
        "burgee_flagset_revision",
        "The revision of each flag set that is served.",
        &["set"],
    )?;
    for set in served(&state.sets) {
        revisions
            .with_label_values(&[&*set.name])
            .set(i64::try_from(set.revision).unwrap_or(i64::MAX));
    }
    let age = Gauge::new(
        "burgee_snapshot_age_seconds",
        "Since this proxy last knew that it had seen all that its source holds, before a restart included; absent if it never did. What it refuses makes it no older: see burgee_flagset_rejected_total and burgee_override_rejected_total.",
    )?;
    if let Some(known) = admin.store.age(unix_ms()) {
        age.set(known.as_secs_f64());
        registry.register(Box::new(age))?;
    }

    let healthy = gauges(
        "burgee_upstream_endpoint_healthy",
        "1 where an endpoint is not marked unhealthy.",
        &["upstream", "endpoint"],
    )?;
    for pool in admin.pools.iter() {
        for endpoint in pool.endpoints().iter() {
            healthy
                .with_label_values(&[&*pool.name, &endpoint.address.to_string()])
                .set(endpoint.is_healthy().into());
        }
    }
    Ok(registry)
}
