//! The generator: a pacer that keeps the schedule, a bounded queue, and connections that take from it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use http::{HeaderMap, HeaderValue};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::Client;
use crate::options::Options;
use crate::report::Report;
use crate::schedule::{Schedule, Users};
use crate::tally::Tally;
use crate::target::Target;

/// The longest sleep of the pacer, and so the longest that [`Stop`] is not noticed.
const NAP: Duration = Duration::from_millis(20);

/// Ends a run early; what was measured until then is reported.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Starts no further request.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One request, due.
#[derive(Debug)]
struct Ticket {
    number: u64,
    intended: Instant,
    /// Whether a connection was free when it was queued: then any delay is the generator's own.
    unhindered: bool,
}

/// What the pacer and the connections share.
#[derive(Debug)]
struct Shared {
    schedule: Schedule,
    users: Users,
    timeout: Duration,
    user_header: http::HeaderName,
    /// Request 0.
    started: Instant,
    /// Connections that wait for a ticket.
    idle: AtomicUsize,
    /// One histogram per connection would take 300 KB each; this lock is held for some 50 ns per request.
    tally: Mutex<Tally>,
}

/// Drives the target through the whole schedule.
///
/// Ends at the latest one timeout after the last intended start. Dropping the future stops sending.
pub async fn run(options: &Options, target: &Target, stop: &Stop) -> Report {
    let shared = Arc::new(Shared {
        schedule: options.schedule(),
        users: options.users(),
        timeout: options.timeout,
        user_header: options.user_header.clone(),
        started: Instant::now(),
        idle: AtomicUsize::new(0),
        tally: Mutex::default(),
    });
    let (sender, receiver) = async_channel::bounded(options.queue as usize);
    let headers: HeaderMap = options.headers.iter().cloned().collect();
    let mut connections = JoinSet::new();
    for _ in 0..options.connections {
        let client = Client::new(target.clone(), headers.clone());
        connections.spawn(serve(client, receiver.clone(), Arc::clone(&shared)));
    }
    // The connections hold the only receivers, so that the pacer ends when they are gone.
    drop(receiver);

    let (pacing, until) = (Arc::clone(&shared), stop.clone());
    // Tokio's timers are a millisecond coarse; a thread sleeps to some 60 µs.
    let pacer = tokio::task::spawn_blocking(move || pace(&pacing, &sender, &until));
    let queued = pacer
        .await
        .expect("the pacer does not panic and is not aborted");
    while let Some(ended) = connections.join_next().await {
        ended.expect("a connection's task does not panic and is not aborted");
    }
    Report::new(&shared.schedule, queued, &shared.tally())
}

/// Queues each request when it is due; drops it when the queue is full. Returns how many measured ones
/// came up.
fn pace(shared: &Shared, queue: &Sender<Ticket>, stop: &Stop) -> u64 {
    let mut measured = 0;
    for number in 0..shared.schedule.total() {
        let intended = shared.started + shared.schedule.offset(number);
        if !sleep_until(intended, stop) || queue.is_closed() {
            break;
        }
        let counts = shared.schedule.is_measured(number);
        measured += u64::from(counts);
        let unhindered = shared.idle.load(Ordering::Relaxed) > queue.len();
        if !unhindered && counts {
            shared.tally().record_lateness(intended.elapsed());
        }
        let dropped = queue
            .try_send(Ticket {
                number,
                intended,
                unhindered,
            })
            .is_err();
        if dropped && counts {
            shared.tally().record_dropped();
        }
    }
    measured
}

/// Sleeps in naps; false when the run was stopped.
fn sleep_until(due: Instant, stop: &Stop) -> bool {
    loop {
        if stop.is_set() {
            return false;
        }
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(NAP));
    }
}

/// One connection: takes the oldest ticket, sends it, counts its outcome, until the queue is closed and empty.
async fn serve(mut client: Client, queue: Receiver<Ticket>, shared: Arc<Shared>) {
    loop {
        shared.idle.fetch_add(1, Ordering::Relaxed);
        let ticket = queue.recv().await;
        shared.idle.fetch_sub(1, Ordering::Relaxed);
        let Ok(ticket) = ticket else { return };
        let delay = ticket.intended.elapsed();
        let user = (
            shared.user_header.clone(),
            user_name(shared.users.of(ticket.number)),
        );
        let outcome = client.send(user, ticket.intended + shared.timeout).await;
        if !shared.schedule.is_measured(ticket.number) {
            continue;
        }
        let ended = Instant::now();
        let at = ended.saturating_duration_since(shared.started + shared.schedule.warmup());
        let mut tally = shared.tally();
        if ticket.unhindered {
            tally.record_lateness(delay);
        } else {
            tally.record_wait(delay);
        }
        tally.record(outcome, ended - ticket.intended, at);
    }
}

fn user_name(user: u32) -> HeaderValue {
    HeaderValue::try_from(format!("user-{user}")).expect("letters, a hyphen and digits")
}

impl Shared {
    /// A panic elsewhere leaves whole counts behind, so a poisoned lock is still good.
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
