//! Decisions that are kept: by what they were made from, whole, within a bound of bytes.
//!
//! A key is the route of one published state, how many of its overrides have ended, and the value of
//! every attribute that the route's flags read. Nothing kept is ever wrong, so nothing is ever taken
//! back: what belongs to an older state is not asked for any more, and goes when there is no room.

use std::sync::Arc;

use arrayvec::ArrayVec;
use burgee_eval::{AttributeId, Context, Value};
use moka::policy::EvictionPolicy;
use moka::sync;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge, Registry};

use super::{Decisions, Lasts};
use crate::decide::{At, Deciding};
use crate::store::State;
use crate::wire::RouteFlags;

/// A route with fewer flags, those that read the time aside, is decided each time: what is missed costs more
/// than the decision itself, so keeping pays from here on if every other request is found. Measured; see
/// docs/performance.md.
pub(in crate::edge) const LEAST_FLAGS: usize = 30;

/// A key, at most, in bytes. It is made on the stack. What has a longer one is decided each time.
const MAX_KEY_BYTES: usize = 1024;

/// What an entry takes beside its key and its value's own parts, in bytes: both of them, and what the cache
/// keeps for finding and evicting it. Measured, rounded up.
const ENTRY_BYTES: usize = 400;

type Key = ArrayVec<u8, MAX_KEY_BYTES>;
type Kept = sync::Cache<Box<[u8]>, Arc<Decisions>>;

/// Decisions that may be wanted again; one for the process. Keys hold what clients say, so they are
/// hashed with a random key (`SipHash`), and compared whole.
#[derive(Debug)]
pub(in crate::edge) struct Cache {
    kept: Kept,
    least_flags: usize,
    pub(super) hits: IntCounter,
    pub(super) misses: IntCounter,
}

impl Cache {
    /// A cache of so many bytes, for routes that have at least so many flags. It may hold a little
    /// more for a moment. The least recently used goes first: no other order lets a new state in as
    /// soon as it is asked for.
    pub(in crate::edge) fn new(
        bytes: u64,
        least_flags: usize,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let kept = Kept::builder()
            .max_capacity(bytes)
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|key, decisions| weight(key, decisions))
            .build();
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        registry.register(Box::new(Size::new(kept.clone())?))?;
        Ok(Self {
            kept,
            least_flags,
            hits: counter(
                "burgee_decision_cache_hits_total",
                "Requests whose decisions were found in the cache.",
            )?,
            misses: counter(
                "burgee_decision_cache_misses_total",
                "Requests whose decisions might have been in the cache and were not.",
            )?,
        })
    }

    /// Whether decisions of this route are kept. Not while one of its flags is stale: the next sync ends
    /// that, and publishes nothing.
    pub(super) fn serves(&self, route: &RouteFlags, at: At) -> bool {
        route.flags.len() >= self.least_flags + route.read_time.len()
            && !route.reads_tree
            && at.is_within(route.stale_after)
    }

    /// Finds the decisions, or makes and keeps them.
    pub(super) fn decide(
        &self,
        state: &State,
        route: &RouteFlags,
        context: &Context<'_>,
        now_ms: u64,
        deciding: &Deciding<'_, '_>,
    ) -> Arc<Decisions> {
        let mut key = Key::new();
        if write_key(&mut key, state, route, context, now_ms).is_none() {
            return Arc::new(Decisions::new(route, deciding, Lasts::OneRequest));
        }
        let decisions = if let Some(kept) = self.kept.get(key.as_slice()) {
            self.hits.inc();
            let Some(renewed) = kept.renewed(route, deciding) else {
                return kept;
            };
            renewed
        } else {
            self.misses.inc();
            Decisions::new(route, deciding, Lasts::Long)
        };
        let decisions = Arc::new(decisions);
        self.kept
            .insert(key.as_slice().into(), Arc::clone(&decisions));
        decisions
    }
}

/// Two keys are the same only where all parts are: numbers have a fixed length, strings theirs before
/// them, and which attributes follow in which order is the route's. `None`: it would be too long, or a
/// value is not one of a request's.
fn write_key(
    key: &mut Key,
    state: &State,
    route: &RouteFlags,
    context: &Context<'_>,
    now_ms: u64,
) -> Option<()> {
    let ended = u32::try_from(state.overrides.ended(now_ms)).ok()?;
    write(key, &route.id.to_le_bytes())?;
    write(key, &ended.to_le_bytes())?;
    for id in &route.reads {
        write_value(key, context.get(*id))?;
    }
    if state.overrides.read_keys() {
        write_value(key, context.get(AttributeId::TARGETING_KEY))?;
    }
    Some(())
}

fn write_value(key: &mut Key, value: Value<'_>) -> Option<()> {
    match value {
        Value::Null => write(key, b"0"),
        Value::Bool(false) => write(key, b"f"),
        Value::Bool(true) => write(key, b"t"),
        Value::Number(number) => {
            write(key, b"n")?;
            write(key, &number.to_le_bytes())
        }
        Value::Str(text) => {
            write(key, b"s")?;
            write(key, &u32::try_from(text.len()).ok()?.to_le_bytes())?;
            write(key, text.as_bytes())
        }
        Value::Json(_) => None,
    }
}

fn write(key: &mut Key, bytes: &[u8]) -> Option<()> {
    key.try_extend_from_slice(bytes).ok()
}

fn weight(key: &[u8], decisions: &Decisions) -> u32 {
    u32::try_from(key.len() + decisions.bytes() + ENTRY_BYTES).unwrap_or(u32::MAX)
}

/// How full it is, worked out at the scrape.
struct Size {
    kept: Kept,
    entries: IntGauge,
    bytes: IntGauge,
}

impl Size {
    fn new(kept: Kept) -> prometheus::Result<Self> {
        Ok(Self {
            kept,
            entries: IntGauge::new(
                "burgee_decision_cache_entries",
                "Contexts whose decisions are in the cache.",
            )?,
            bytes: IntGauge::new(
                "burgee_decision_cache_bytes",
                "Memory that the decision cache takes, about.",
            )?,
        })
    }
}

impl Collector for Size {
    fn desc(&self) -> Vec<&Desc> {
        [self.entries.desc(), self.bytes.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.kept.run_pending_tasks();
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.entries.set(number(self.kept.entry_count()));
        self.bytes.set(number(self.kept.weighted_size()));
        [self.entries.collect(), self.bytes.collect()].concat()
    }
}
