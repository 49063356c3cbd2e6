//! What `benches/route.rs` reaches of the edge; compiled with the feature `bench` only.

use std::sync::Arc;

use burgee_eval::{AttributeId, Compiler, Context, Snapshot, Value};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::decisions::Cache;
use super::plan::Plan;
use crate::config::{Content, Form, Present, Route};
use crate::decide::At;
use crate::store::State;
use crate::telemetry::Metrics;
use crate::wire::RouteFlags;

/// Any moment at which nothing is stale.
const AT: At = At {
    now_ms: 1_800_000_000_000,
    synced_at_ms: Some(1_800_000_000_000),
};

/// A route of flags, each "a country in a list of three, then 10/90 by targeting key".
#[derive(Debug)]
pub struct Bench {
    state: Arc<State>,
    country: AttributeId,
    metrics: Metrics,
    cache: Option<Cache>,
}

/// What was decided about one request.
#[derive(Debug)]
pub struct Decided(Plan);

impl Bench {
    /// A route of so many flags, whose decisions are kept in so many bytes, however few they are; 0: they
    /// are not.
    pub fn new(flags: usize, form: Form, cache_bytes: u64) -> Self {
        let keys: Vec<String> = (0..flags)
            .map(|number| format!("checkout-experiment-{number:03}"))
            .collect();
        let flag = json!({
            "state": "ENABLED",
            "variants": { "on": true, "off": false },
            "defaultVariant": "off",
            "targeting": { "if": [
                { "in": [{ "var": "geo.country" }, ["DE", "FR", "NL"]] },
                { "fractional": [["on", 10], ["off", 90]] },
                "off",
            ] },
        });
        let flags: serde_json::Map<_, _> =
            keys.iter().map(|key| (key.clone(), flag.clone())).collect();
        let mut compiler = Compiler::new();
        let set = compiler
            .compile("bench", &json!({ "flags": flags }))
            .expect("the document is valid");
        let snapshot = Arc::new(Snapshot::new(&compiler, [Arc::new(set)]));
        let route = Route {
            name: "bench".into(),
            host: None,
            path: "/".into(),
            upstream: "bench".into(),
            canary: None,
            flags: keys,
            present: Present {
                form,
                content: Content::Variant,
            },
        };
        let reserved = ["x-flag-", "x-flags-", "flags"].map(str::to_owned);
        let route = RouteFlags::compile(&route, &snapshot, &reserved);
        assert!(route.problems.is_empty(), "{:?}", route.problems);
        let country = snapshot
            .attributes()
            .find("geo.country")
            .expect("the rules read it");
        let revision = HeaderValue::from_static("0123456789abcdef");
        let state = State::bare(snapshot, [route].into(), revision);
        let metrics = Metrics::new().expect("nothing else is registered");
        let cache = (cache_bytes > 0).then(|| {
            Cache::new(cache_bytes, 1, &metrics.registry).expect("nobody else has its names")
        });
        Self {
            state: Arc::new(state),
            country,
            metrics,
            cache,
        }
    }

    /// The context of a request from `country`.
    pub fn context<'a>(&self, targeting_key: &'a str, country: &'a str) -> Context<'a> {
        let mut context = Context::new(self.state.snapshot.attributes());
        context.set(self.country, Value::Str(country));
        context.set_targeting_key(targeting_key);
        context
    }

    /// Decides every flag of the route, and renders what the backend is told; or finds both.
    pub fn decide(&self, context: &Context<'_>) -> Decided {
        let state = Arc::clone(&self.state);
        Decided(Plan::make(state, 0, context, AT, self.cache.as_ref()))
    }

    /// A metric without labels, as a scrape has it.
    pub fn metric(&self, name: &str) -> f64 {
        let families = self.metrics.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metric = &family.expect("it is registered").get_metric()[0];
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    }

    /// Counts the decisions, as at the end of a request.
    pub fn count(&self, decided: &Decided) {
        decided.0.count(&self.metrics.decisions);
    }
}

impl Decided {
    /// Puts what was rendered among the headers of a request.
    pub fn write(&self, headers: &mut HeaderMap) {
        self.0.write(headers, false);
    }
}
