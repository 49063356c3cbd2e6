//! What was decided about a request, and what follows from it. Pure.
//!
//! A plan is made once per request and pinned: retries write the same headers, whatever is
//! published meanwhile. It owns its state, so names and values are shared, not copied.

use std::sync::Arc;

use burgee_eval::{Context, ErrorCode};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::decisions::{self, Cache, Decided, Decisions};
use crate::decide::At;
use crate::store::State;
use crate::telemetry::Bounded;
use crate::wire::{DICTIONARY, FALLBACK, REVISION, RouteFlag, RouteFlags, Told};

/// What was decided about a request.
#[derive(Debug)]
pub(super) struct Plan {
    state: Arc<State>,
    route: usize,
    decisions: Arc<Decisions>,
}

impl Plan {
    /// Decides every flag of a route, and renders what the backend is told; or finds both in the cache.
    pub(super) fn make(
        state: Arc<State>,
        route: usize,
        context: &Context<'_>,
        at: At,
        cache: Option<&Cache>,
    ) -> Self {
        let decisions = decisions::decide(&state, &state.routes[route], context, at, cache);
        Self {
            state,
            route,
            decisions,
        }
    }

    /// Counts every decision. Once, when the request is over: a hundred counters take as long as ten
    /// decisions, and nobody waits for them then.
    pub(super) fn count(&self, counters: &Bounded<3>) {
        for (flag, decided) in self.flags().flags.iter().zip(&self.decisions.decided) {
            count(&self.state, flag, *decided, counters);
        }
    }

    /// Writes what the backend is told. `fell_back` says that the baseline serves for the canary.
    pub(super) fn write(&self, headers: &mut HeaderMap, fell_back: bool) {
        let route = self.flags();
        headers.reserve(route.flags.len() + 2);
        for (flag, decided) in route.flags.iter().zip(&self.decisions.decided) {
            if let (Some(Told::Header { name, values }), Some(variant)) =
                (&flag.told, decided.variant)
            {
                headers.insert(name.clone(), values[usize::from(variant.0)].clone());
            }
        }
        if let Some(dictionary) = &self.decisions.dictionary {
            headers.insert(DICTIONARY, dictionary.clone());
        }
        headers.insert(REVISION, self.state.revision.clone());
        if let Some(canary) = route.canary.as_ref().filter(|_| fell_back) {
            headers.insert(FALLBACK, canary.name.clone());
        }
    }

    /// The upstream that the canary flag chose; `None`: the baseline.
    pub(super) fn canary_upstream(&self) -> Option<&str> {
        let canary = self.flags().canary.as_ref()?;
        let variant = self.decisions.decided[canary.flag].variant?;
        canary.upstreams[usize::from(variant.0)].as_deref()
    }

    /// The canary flag and its variant, for metrics.
    pub(super) fn canary(&self) -> Option<(&str, Option<&str>)> {
        let canary = self.flags().canary.as_ref()?;
        Some((
            &self.flags().flags[canary.flag].key,
            self.variant_name(canary.flag),
        ))
    }

    /// What a response depends on.
    pub(super) fn vary(&self) -> Option<&HeaderValue> {
        self.flags().bindings.get()?.vary.as_ref()
    }

    /// As in `x-flags-revision`.
    pub(super) fn revision(&self) -> &str {
        self.state.revision.to_str().unwrap_or_default()
    }

    fn flags(&self) -> &RouteFlags {
        &self.state.routes[self.route]
    }

    fn variant_name(&self, flag: usize) -> Option<&str> {
        let index = self.flags().flags[flag].index?;
        let variant = self.decisions.decided[flag].variant?;
        Some(&self.state.snapshot.flag(index).variants[usize::from(variant.0)].name)
    }
}

/// `{"new-checkout":{"variant":"on","reason":"TARGETING_MATCH"}}`
impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'p> {
            #[serde(skip_serializing_if = "Option::is_none")]
            variant: Option<&'p str>,
            reason: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<ErrorCode>,
        }
        let mut map = serializer.serialize_map(Some(self.decisions.decided.len()))?;
        for (number, decided) in self.decisions.decided.iter().enumerate() {
            let line = Line {
                variant: self.variant_name(number),
                reason: decided.reason.name(),
                error: decided.error,
            };
            map.serialize_entry(&*self.flags().flags[number].key, &line)?;
        }
        map.end()
    }
}

fn count(state: &State, flag: &RouteFlag, decided: Decided, counters: &Bounded<3>) {
    let resolve = || {
        let variants = flag.index.map(|index| &state.snapshot.flag(index).variants);
        let variant = variants
            .zip(decided.variant)
            .map_or("", |(variants, variant)| {
                &variants[usize::from(variant.0)].name
            });
        counters.series([&flag.key, variant, decided.reason.name()])
    };
    match flag.counter(decided.variant, decided.reason as usize) {
        Some(slot) => slot.get_or_init(resolve).inc(),
        None => resolve().inc(),
    }
}
