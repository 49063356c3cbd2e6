//! The one writer: from updates to the state that requests read.
//!
//! Verified records come in, are compared with what is held (never an older revision), compiled aside,
//! and published whole; then what was published is kept on disk. A set that fails keeps its last good
//! version, is counted, and is visible in its [`SetStatus`](crate::store::SetStatus).
//!
//! Compiling and writing to disk happen on threads of their own, one job of each at a time, so that an
//! override is in force as soon as it is read, whatever else is going on. What arrives meanwhile is
//! coalesced: of each set, only the newest is compiled next.
//!
//! Publish first, then keep: a disk that hangs must not hold up an override. What a crash between the
//! two can lose is described in `docs/decisions/0002-log-records.md`.

mod compiling;
mod disk;
mod ledger;
mod metrics;
mod problems;
mod refusals;
mod revision;
mod sets;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use burgee_eval::{Compiler, Snapshot};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::{Config, Route};
use crate::overrides::{Census, Known, Place};
use crate::registry::Kind;
use crate::source::{self, FlagSetUpdate, LANE, OverrideUpdate, Receiver, Refused, Update};
use crate::store::{State, Store};
use crate::wire::RouteFlags;
use compiling::{Batch, Compiled};
use disk::{Disk, Kept, Slot};
use ledger::Ledger;
pub use metrics::IngestMetrics;
use refusals::Refusals;
use sets::Sets;

/// Builds and publishes every state. Made by [`Ingest::open`], driven by [`Ingest::run`].
#[derive(Debug)]
pub struct Ingest {
    region: String,
    cluster: String,
    routes: Vec<Route>,
    reserved: Vec<String>,
    metrics: IngestMetrics,
    store: Arc<Store>,
    sets: Sets,
    ledger: Ledger,
    refusals: Refusals,
    /// Refusals since the log was last told.
    logged: usize,
    snapshot: Arc<Snapshot>,
    next_end_ms: Option<u64>,
    /// Away while a batch is compiled.
    compiler: Option<Compiler>,
    compiling: Option<JoinHandle<Compiled>>,
    flags_synced: bool,
    overrides_synced: bool,
    disk: Option<Disk>,
    unsaved: BTreeMap<Slot, Kept>,
    saving: Option<JoinHandle<disk::Saved>>,
}

/// Looks at the clock, at least: an override's end is never further from the next look than this, even
/// if the wall clock is set. (What a request gets follows the clock exactly; only the revision waits.)
const LOOK_AT_CLOCK: Duration = Duration::from_secs(1);

/// Between two attempts to write what could not be written.
const SAVE_AGAIN: Duration = Duration::from_secs(5);

/// Refusals that get a line each in the log when many come at once; the others are summed up in one.
const LOGGED_AT_ONCE: usize = 5;

impl Ingest {
    /// Loads what the disk holds and publishes it, so that the store can serve at once. Blocks.
    ///
    /// A state directory that cannot be used is reported and counted; the proxy then serves without one.
    pub fn open(config: &Config, metrics: IngestMetrics) -> (Self, Arc<Store>) {
        let mut compiler = Compiler::new();
        let snapshot = Arc::new(Snapshot::new(&compiler, []));
        let mut sets = Sets::default();
        let mut refusals = Refusals::new(metrics.clone());
        let mut ledger = Ledger::default();
        let (disk, loaded) = disk::open(config, &metrics);
        for kept in loaded.records {
            match kept.log.kind() {
                Kind::FlagSets => sets.restore(kept.record),
                Kind::Overrides => ledger.restore(&kept.record, kept.ends_ms, now_ms()),
            }
        }
        for (name, message) in &loaded.corrupt_sets {
            sets.corrupt(name, message, &mut refusals);
        }
        // Read before the disk makes the proxy ready: a restart must not revive, not even for the
        // moment until the source has looked, a flag that only the directory kills.
        for (file, record) in source::local_overrides(config) {
            let record = Some(record);
            ledger.take(
                OverrideUpdate::File { file, record },
                now_ms(),
                &mut refusals,
            );
        }
        let restored = compiling::run(Batch {
            compiler,
            jobs: sets.take_jobs(),
            served: sets.served(),
        });
        compiler = restored.compiler;
        sets.apply(restored.results, &mut refusals);
        let store = Arc::new(Store::new(empty_state(
            &snapshot,
            &config.routes,
            &config.reserved,
        )));
        let mut ingest = Self {
            region: config.region.clone(),
            cluster: config.cluster.clone(),
            routes: config.routes.clone(),
            reserved: config.reserved.clone(),
            metrics,
            store: store.clone(),
            sets,
            ledger,
            refusals,
            logged: 0,
            snapshot: Arc::new(restored.snapshot),
            next_end_ms: None,
            compiler: Some(compiler),
            compiling: None,
            flags_synced: false,
            overrides_synced: false,
            disk,
            unsaved: BTreeMap::new(),
            saving: None,
        };
        problems::tell(&[], ingest.snapshot.problems());
        ingest.publish();
        for (kind, current_at_ms) in loaded.whole {
            // A clock that was set back must not make old news look fresh for long.
            store.loaded_from_disk(kind, current_at_ms.min(now_ms()));
        }
        for (kind, why) in loaded.incomplete {
            store.not_loaded_from_disk(kind, why);
        }
        (ingest, store)
    }

    /// Takes updates until every sender is gone or `shutdown` resolves, then writes what is not yet on
    /// disk. To be driven to its end: dropped earlier, the last changes may be missing on disk.
    pub async fn run(mut self, mut updates: Receiver, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let (mut overrides_open, mut flag_sets_open) = (true, true);
        while overrides_open || flag_sets_open {
            self.start_jobs();
            let unlogged = std::mem::take(&mut self.logged).saturating_sub(LOGGED_AT_ONCE);
            if unlogged > 0 {
                tracing::warn!(unlogged, "refused more; the newest are in /snapshot");
            }
            let pause = self.pause();
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                update = updates.overrides.recv(), if overrides_open => match update {
                    None => overrides_open = false,
                    Some(update) => {
                        let mut changed = self.take(update);
                        for update in queued(&mut updates.overrides) {
                            changed |= self.take(update);
                        }
                        if self.refusals.take_changed() | changed {
                            self.publish();
                        }
                        self.overrides_are_current();
                    }
                },
                compiled = finished(&mut self.compiling) => self.compiled(compiled),
                saved = finished(&mut self.saving) => self.saved(saved),
                () = tokio::time::sleep(pause) => {
                    if self.next_end_ms.is_some_and(|end| end <= now_ms()) {
                        self.publish();
                    }
                }
                update = updates.flag_sets.recv(), if flag_sets_open => match update {
                    None => flag_sets_open = false,
                    Some(update) => {
                        self.take(update);
                        for update in queued(&mut updates.flag_sets) {
                            self.take(update);
                        }
                        if self.refusals.take_changed() | self.sets.take_restated() {
                            self.publish();
                        }
                    }
                },
            }
        }
        self.finish().await;
    }

    /// Whether a state must be published at once. What has to be compiled first waits in `sets`.
    fn take(&mut self, update: Update) -> bool {
        match update {
            Update::Override(update) => {
                if !matches!(update, OverrideUpdate::Listed { .. }) {
                    self.metrics.updates.with_label_values(&["override"]).inc();
                }
                let taken = self.ledger.take(update, now_ms(), &mut self.refusals);
                self.unsaved
                    .extend(taken.keep.map(|kept| (kept.slot(), kept)));
                return taken.changed;
            }
            Update::FlagSet(update) => {
                self.metrics.updates.with_label_values(&["flag_set"]).inc();
                // What was synced before is not synced any more until this, too, is in force.
                self.flags_synced = false;
                match update {
                    FlagSetUpdate::File { file, document } => {
                        self.sets.file(file, document, &mut self.refusals);
                    }
                    FlagSetUpdate::Log(record) => self.sets.record(record, &mut self.refusals),
                }
            }
            Update::Refused(refused) => self.refused(refused),
            Update::Synced(Kind::FlagSets) => {
                self.flags_synced = true;
                self.refusals.synced(Kind::FlagSets);
                self.flags_are_current();
            }
            Update::Synced(Kind::Overrides) => {
                self.overrides_synced = true;
                self.refusals.synced(Kind::Overrides);
            }
            Update::Connected(connected) => self.metrics.connected.set(i64::from(connected)),
        }
        false
    }

    fn refused(&mut self, refused: Refused) {
        self.logged += 1;
        if self.logged <= LOGGED_AT_ONCE {
            tracing::warn!(
                kind = ?refused.kind,
                name = refused.name,
                reason = refused.reason,
                problem = refused.message,
                "refused what the source holds; what was in force stays"
            );
        }
        match refused.kind {
            Kind::FlagSets => self.sets.refused(refused, &mut self.refusals),
            Kind::Overrides => {
                self.refusals.count(Kind::Overrides, refused.reason);
                self.refusals.show(refused);
            }
        }
    }

    /// Starts what can run aside: at most one compilation and one write.
    fn start_jobs(&mut self) {
        if self.sets.has_jobs()
            && let Some(compiler) = self.compiler.take()
        {
            let batch = Batch {
                compiler,
                jobs: self.sets.take_jobs(),
                served: self.sets.served(),
            };
            self.compiling = Some(tokio::task::spawn_blocking(move || compiling::run(batch)));
        }
        if self.saving.is_none()
            && let Some(disk) = &self.disk
            && disk.may_try()
            && !self.unsaved.is_empty()
        {
            let (disk, unsaved) = (disk.clone(), std::mem::take(&mut self.unsaved));
            self.saving = Some(tokio::task::spawn_blocking(move || disk.save(unsaved)));
        }
    }

    fn compiled(&mut self, compiled: Compiled) {
        self.compiler = Some(compiled.compiler);
        let before = std::mem::replace(&mut self.snapshot, Arc::new(compiled.snapshot));
        problems::tell(before.problems(), self.snapshot.problems());
        let keep = self.sets.apply(compiled.results, &mut self.refusals);
        self.unsaved
            .extend(keep.into_iter().map(|kept| (kept.slot(), kept)));
        self.publish();
        self.flags_are_current();
    }

    /// The source has said so, and all that came before it is in force.
    fn flags_are_current(&mut self) {
        if self.flags_synced && !self.sets.has_jobs() && self.compiling.is_none() {
            self.synced(Kind::FlagSets);
        }
    }

    /// The source has said so, and all that came before it is in force.
    fn overrides_are_current(&mut self) {
        if std::mem::take(&mut self.overrides_synced) {
            self.synced(Kind::Overrides);
        }
    }

    /// Marks the disk as holding all of one kind as of now, once what is unsaved has been saved.
    fn synced(&mut self, kind: Kind) {
        let current_at_ms = now_ms();
        self.store.synced(kind, current_at_ms);
        if let Some(disk) = &self.disk
            && disk.wants_mark(kind, current_at_ms)
        {
            let mark = Kept::Whole {
                kind,
                current_at_ms,
            };
            self.unsaved.insert(Slot::Whole(kind), mark);
        }
    }

    fn saved(&mut self, saved: disk::Saved) {
        if let Some(disk) = &mut self.disk {
            disk.saved(&saved, SAVE_AGAIN);
        }
        if let Some(error) = saved.error {
            self.metrics.disk_errors.inc();
            tracing::error!(
                error,
                "cannot write the last good state to disk; trying again"
            );
        }
        // What came in the meantime is newer than what failed.
        for (slot, kept) in saved.failed {
            self.unsaved.entry(slot).or_insert(kept);
        }
    }

    fn publish(&mut self) {
        let now = now_ms();
        self.ledger.forget(now);
        let place = Place {
            region: &self.region,
            cluster: &self.cluster,
        };
        let known: Box<[Arc<Known>]> = self.ledger.current(now).cloned().collect();
        let census = Census::take(known.iter().map(AsRef::as_ref), &self.snapshot, place, now);
        self.next_end_ms = census.next_end_ms;
        let sets = self.sets.status();
        let revision = revision::header(self.sets.digests(), &census.digests);
        let routes = self
            .routes
            .iter()
            .map(|route| RouteFlags::compile(route, &self.snapshot, &self.reserved))
            .collect();
        self.metrics.published(&census, &self.snapshot);
        self.store.publish(State {
            snapshot: self.snapshot.clone(),
            overrides: census.in_force,
            routes,
            revision,
            sets,
            override_list: census.list,
            known,
            refused: self.refusals.list(),
            conflicts: self.snapshot.conflicts().to_vec(),
        });
    }

    fn pause(&self) -> Duration {
        let until_end = self
            .next_end_ms
            .map_or(u64::MAX, |end| end.saturating_sub(now_ms()));
        LOOK_AT_CLOCK.min(Duration::from_millis(until_end))
    }

    /// What is already here is put in force on disk; nothing new is begun.
    async fn finish(&mut self) {
        if let Some(saving) = self.saving.take()
            && let Ok(saved) = saving.await
        {
            self.saved(saved);
        }
        let unsaved = std::mem::take(&mut self.unsaved);
        if let Some(disk) = self.disk.clone()
            && !unsaved.is_empty()
        {
            match tokio::task::spawn_blocking(move || disk.save(unsaved)).await {
                Ok(disk::Saved { error: None, .. }) => {}
                Ok(disk::Saved {
                    error: Some(error), ..
                }) => tracing::error!(error, "the disk lacks the last changes"),
                Err(error) => tracing::error!(%error, "the disk lacks the last changes"),
            }
        }
    }
}

/// What is queued now, and no more than fits the lane: a source that never stops must not stop the rest.
fn queued(lane: &mut mpsc::Receiver<Update>) -> impl Iterator<Item = Update> {
    std::iter::from_fn(|| lane.try_recv().ok()).take(LANE)
}

/// The job's result; never, where there is no job. A panic in a job is a panic here.
async fn finished<T>(job: &mut Option<JoinHandle<T>>) -> T {
    let Some(handle) = job.as_mut() else {
        return std::future::pending().await;
    };
    let result = handle.await;
    *job = None;
    match result {
        Ok(value) => value,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // Cancelled: the runtime is going away, and this task with it.
        Err(_) => std::future::pending().await,
    }
}

fn empty_state(snapshot: &Arc<Snapshot>, routes: &[Route], reserved: &[String]) -> State {
    let routes = routes
        .iter()
        .map(|route| RouteFlags::compile(route, snapshot, reserved));
    State::bare(
        snapshot.clone(),
        routes.collect(),
        revision::header([], &[]),
    )
}

/// This machine's wall clock.
fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
