//! Load in the background, bounded, and an account of how it went.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::{Call, Connection};

/// Between two requests of one connection: enough load to catch what fails for a moment, and
/// little enough that the other tests of a small machine go on.
const PAUSE: Duration = Duration::from_millis(2);

/// Requests that run until they are stopped, on several kept-alive connections.
///
/// Each is a well-behaved client: it honours `Connection: close` and opens no new connection while the
/// gate's `/readyz` does not answer 200, as behind a load balancer. Nothing is sent twice: whatever
/// goes wrong, an idle connection closed under a request included, is a failure.
#[derive(Debug)]
pub struct Traffic {
    shared: Arc<Shared>,
    workers: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    gate: SocketAddr,
    stop: AtomicBool,
    answered: AtomicU64,
    report: Mutex<Report>,
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// The first hundred requests that got no answer, or none that is 200.
    pub failures: Vec<String>,
    /// Connections that the other side announced to close.
    pub announced_closes: u64,
}

impl Traffic {
    /// Starts `connections` clients of `target`, each sending what `call` makes for the number of its request.
    pub(crate) fn start(
        target: SocketAddr,
        gate: SocketAddr,
        connections: u64,
        call: impl Fn(u64) -> Call + Send + Sync + 'static,
    ) -> Traffic {
        let shared = Arc::new(Shared {
            target,
            gate,
            stop: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            report: Mutex::default(),
        });
        let call = Arc::new(call);
        let mut workers = JoinSet::new();
        for worker in 0..connections {
            let (shared, call) = (Arc::clone(&shared), Arc::clone(&call));
            workers.spawn(async move {
                let mut numbers = (worker..).step_by(usize::try_from(connections).unwrap_or(1));
                while shared.open().await {
                    let next = || call(numbers.next().unwrap_or_default());
                    shared.use_connection(next).await;
                }
            });
        }
        Traffic { shared, workers }
    }

    /// How many requests have been answered so far.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Whether every client has gone because the gate closed.
    pub fn gone(&mut self) -> bool {
        while self.workers.try_join_next().is_some() {}
        self.workers.is_empty()
    }

    /// Lets requests in flight end, and reports.
    pub async fn stop(mut self) -> Report {
        self.shared.stop.store(true, Ordering::Relaxed);
        while self.workers.join_next().await.is_some() {}
        self.shared.report().clone()
    }
}

impl Report {
    /// Panics unless there were answers, and nothing but status 200.
    pub fn assert_no_failure(&self) {
        assert!(self.failures.is_empty(), "{self:#?}");
        assert!(
            self.statuses.contains_key(&200),
            "no request was made: {self:#?}"
        );
    }
}

impl Shared {
    /// Whether a client may open a connection.
    async fn open(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
            && Call::get(self.gate, "/readyz")
                .try_send()
                .await
                .is_ok_and(|answer| answer.status.is_success())
    }

    /// Opens a connection and uses it until it is to be closed, by either side, or fails.
    async fn use_connection(&self, mut next: impl FnMut() -> Call) {
        let mut connection = match Connection::open(self.target).await {
            Ok(connection) => connection,
            Err(error) => {
                self.failure(error);
                return tokio::time::sleep(PAUSE).await;
            }
        };
        while !self.stop.load(Ordering::Relaxed) {
            match connection.send(next().request()).await {
                Err(error) => return self.failure(error),
                Ok(answer) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    *self
                        .report()
                        .statuses
                        .entry(answer.status.as_u16())
                        .or_default() += 1;
                    if answer.status != 200 {
                        self.failure(format!("{}: {}", answer.status, answer.text()));
                    }
                }
            }
            if connection.closing() {
                self.report().announced_closes += 1;
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn failure(&self, what: String) {
        let mut report = self.report();
        if report.failures.len() < 100 {
            report.failures.push(what);
        }
    }

    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
