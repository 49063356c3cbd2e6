//! How the proxy leaves: readiness fails, clients are told to close, listeners close, what is in
//! flight ends, the process ends.
//!
//! pingora's own way closes listeners at the signal, while balancers still send, and then sleeps for
//! a time that nothing interrupts. So its signal is held back until all of it is done.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Edge;
use super::in_flight::InFlight;
use crate::config::Shutdown;
use crate::store::Store;

/// After listeners have closed, until the last requests that they accepted are counted.
const SETTLE: Duration = Duration::from_millis(100);

/// Tells listeners to close. Clones tell the same ones.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Nobody is told yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Closes listeners and idle connections.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn watch(&self) -> ShutdownWatch {
        self.0.subscribe()
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

/// Turns SIGTERM and SIGINT into an orderly end. A second signal ends the process at once.
#[derive(Debug)]
pub struct DrainSignal {
    store: Arc<Store>,
    stop: Stop,
    in_flight: InFlight,
    settings: Shutdown,
}

impl DrainSignal {
    /// Make it before the edge becomes a service.
    pub fn new(edge: &Edge, stop: Stop, settings: Shutdown) -> Self {
        Self {
            store: Arc::clone(&edge.store),
            stop,
            in_flight: edge.in_flight.clone(),
            settings,
        }
    }

    /// The orderly end itself. Returns when nothing is in flight, or when `Shutdown::timeout` is over.
    pub async fn drain(&self) {
        self.store.drain();
        tracing::info!(
            seconds = self.settings.drain.as_secs_f64(),
            "draining: not ready, connections are told to close"
        );
        sleep(self.settings.drain).await;
        self.stop.now();
        sleep(SETTLE).await;
        if timeout(self.settings.timeout, self.in_flight.none_left())
            .await
            .is_err()
        {
            tracing::warn!(
                requests = self.in_flight.count(),
                "requests were still in flight when time was up"
            );
        }
    }
}

#[async_trait]
impl ShutdownSignalWatch for DrainSignal {
    async fn recv(&self) -> ShutdownSignal {
        let (Ok(mut terminate), Ok(mut interrupt)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        ) else {
            tracing::error!("signals cannot be received; the process ends");
            return ShutdownSignal::FastShutdown;
        };
        either(&mut terminate, &mut interrupt).await;
        tokio::select! {
            () = self.drain() => ShutdownSignal::GracefulTerminate,
            () = either(&mut terminate, &mut interrupt) => ShutdownSignal::FastShutdown,
        }
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
