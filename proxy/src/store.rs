//! What the proxy serves right now: one immutable [`State`] behind one `ArcSwap`.
//!
//! Only `ingest` publishes. A request loads the state once and keeps it to its end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use burgee_eval::{Conflict, Snapshot};
use http::HeaderValue;

use crate::overrides::{Census, InForce, Known, OverrideStatus, Place};
use crate::registry::Kind;
use crate::wire::RouteFlags;

/// Everything that a request needs, as of one moment.
#[derive(Debug)]
pub struct State {
    /// Every flag of every set.
    pub snapshot: Arc<Snapshot>,
    /// Overrides in force, by flag.
    pub overrides: InForce,
    /// What each route tells its backend, in the order of `Config::routes`.
    pub routes: Box<[RouteFlags]>,
    /// `x-flags-revision`: 16 hex digits.
    pub revision: HeaderValue,
    /// One for every flag set that is served or was refused, in order of name.
    pub sets: Vec<SetStatus>,
    /// One for every override that is known, for `/snapshot`, and for `/explain` to tell which decided: the
    /// list of the census that `overrides` is of.
    pub override_list: Vec<OverrideStatus>,
    /// Those of them that have not ended, wherever they count: what [`State::overrides_in`] goes by.
    pub known: Box<[Arc<Known>]>,
    /// What was refused and has no row elsewhere, newest first.
    pub refused: Vec<Refusal>,
    /// Flags that two sets define.
    pub conflicts: Vec<Conflict>,
}

impl State {
    /// These flags on these routes, and nothing besides: no override, no set that is told of, nothing refused.
    pub(crate) fn bare(
        snapshot: Arc<Snapshot>,
        routes: Box<[RouteFlags]>,
        revision: HeaderValue,
    ) -> Self {
        Self {
            snapshot,
            overrides: InForce::default(),
            routes,
            revision,
            sets: Vec::new(),
            override_list: Vec::new(),
            known: Box::default(),
            refused: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// The overrides of another region or cluster and what they do there, as far as this proxy reads the logs in which
    /// they stand. Takes time in proportion to all that are known; never for a request.
    pub fn overrides_in(&self, place: Place<'_>, now_ms: u64) -> Census {
        let known = self.known.iter().map(AsRef::as_ref);
        Census::take(known, &self.snapshot, place, now_ms)
    }
}

/// What is known of one flag set.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SetStatus {
    /// Its name.
    pub name: String,
    /// The revision that is served; 0 where nothing of it is.
    pub revision: u64,
    /// SHA-256 of the document that is served, in hex.
    pub digest: String,
    /// How many flags it defines.
    pub flags: usize,
    /// Where the served version came from.
    pub origin: Origin,
    /// Why a newer version is not served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
    /// Flags of it that are spoiled, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spoiled: Vec<String>,
}

/// A record or a file that does not count.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// What it would have been.
    pub kind: Kind,
    /// Its subject or file; absent for all of a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A word, as in the metrics.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

/// Where something that is served came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A watched directory.
    File,
    /// A log in NATS.
    Log,
    /// The last good state on disk, not confirmed since the start.
    Disk,
}

/// The one place where the current state lives, and how fresh it is.
#[derive(Debug)]
pub struct Store {
    current: ArcSwap<State>,
    flags: Freshness,
    overrides: Freshness,
    baseline: AtomicBool,
    draining: AtomicBool,
}

/// What is known about one kind of record as a whole.
#[derive(Debug, Default)]
struct Freshness {
    /// Synced once, or loaded from disk whole.
    ready: AtomicBool,
    /// Why what the disk holds of it does not make it ready.
    unusable: OnceLock<String>,
    /// Unix milliseconds at which the source last said that nothing is pending, before a restart
    /// included; 0: never.
    current_at_ms: AtomicU64,
}

impl Store {
    /// A store that serves `first` and is ready for nothing yet.
    pub fn new(first: State) -> Self {
        Self {
            current: ArcSwap::from_pointee(first),
            flags: Freshness::default(),
            overrides: Freshness::default(),
            baseline: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        }
    }

    /// The state of this moment. Hold the guard for one unit of work, not longer.
    pub fn load(&self) -> Guard<Arc<State>> {
        self.current.load()
    }

    /// The state of this moment, to keep.
    pub fn load_full(&self) -> Arc<State> {
        self.current.load_full()
    }

    /// Whether flag sets and overrides are each synced or loaded from disk (or the baseline may be
    /// served without them), and the proxy is not draining.
    ///
    /// An empty log that was read to its end is synced: serving no flag is then what its owner wants.
    pub fn ready(&self) -> bool {
        (self.loaded() || self.baseline.load(Ordering::Acquire)) && !self.draining()
    }

    /// Whether flag sets and overrides are each synced or loaded from disk.
    pub fn loaded(&self) -> bool {
        self.flags.ready.load(Ordering::Acquire) && self.overrides.ready.load(Ordering::Acquire)
    }

    /// From now on the baseline is served, without decisions, for as long as nothing is loaded.
    pub fn allow_baseline(&self) {
        self.baseline.store(true, Ordering::Release);
    }

    /// Whether the baseline is served because nothing is loaded.
    pub fn serves_baseline(&self) -> bool {
        self.baseline.load(Ordering::Acquire) && !self.loaded()
    }

    /// Whether one kind is synced or loaded from disk.
    pub fn kind_ready(&self, kind: Kind) -> bool {
        self.freshness(kind).ready.load(Ordering::Acquire)
    }

    /// Why what the disk holds of one kind is not all of it, for people; where there is something to say.
    pub fn unusable_on_disk(&self, kind: Kind) -> Option<&str> {
        self.freshness(kind).unusable.get().map(String::as_str)
    }

    /// Unix milliseconds at which the whole state was last known to be current: the older of flag
    /// sets and overrides. After a restart, what the disk remembers. `None`: never.
    pub fn current_at_ms(&self) -> Option<u64> {
        let at = |freshness: &Freshness| freshness.current_at_ms.load(Ordering::Acquire);
        Some(at(&self.flags).min(at(&self.overrides))).filter(|&at| at > 0)
    }

    /// The time since [`Store::current_at_ms`].
    pub fn age(&self, now_ms: u64) -> Option<Duration> {
        self.current_at_ms()
            .map(|at| Duration::from_millis(now_ms.saturating_sub(at)))
    }

    /// From now on the proxy is not ready, for good: it is about to leave.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether [`Store::drain`] was called.
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Replaces the state. For `ingest` alone.
    pub(crate) fn publish(&self, state: State) {
        self.current.store(Arc::new(state));
    }

    /// Says that all of one kind was loaded from disk, as it was at `current_at_ms` (0: not known). For
    /// `ingest` alone.
    pub(crate) fn loaded_from_disk(&self, kind: Kind, current_at_ms: u64) {
        let freshness = self.freshness(kind);
        freshness
            .current_at_ms
            .store(current_at_ms, Ordering::Release);
        freshness.ready.store(true, Ordering::Release);
    }

    /// Says why the disk was no ground for readiness; the first reason stays. For `ingest` alone.
    pub(crate) fn not_loaded_from_disk(&self, kind: Kind, why: String) {
        self.freshness(kind).unusable.get_or_init(|| why);
    }

    /// Says that the source had nothing pending of one kind at `now_ms`. For `ingest` alone.
    pub(crate) fn synced(&self, kind: Kind, now_ms: u64) {
        let freshness = self.freshness(kind);
        freshness.current_at_ms.store(now_ms, Ordering::Release);
        freshness.ready.store(true, Ordering::Release);
    }

    fn freshness(&self, kind: Kind) -> &Freshness {
        match kind {
            Kind::FlagSets => &self.flags,
            Kind::Overrides => &self.overrides,
        }
    }
}
