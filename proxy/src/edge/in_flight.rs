//! How many requests are on their way, and waiting until there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::IntGauge;
use tokio::sync::Notify;

/// Counts requests. Clones share the count.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    count: AtomicUsize,
    none_left: Notify,
    gauge: IntGauge,
}

/// One request; dropping it counts it out, so that a request that panics is counted out too.
#[derive(Debug)]
pub(super) struct OnItsWay {
    shared: Arc<Shared>,
}

impl InFlight {
    pub(super) fn new(gauge: IntGauge) -> Self {
        Self {
            shared: Arc::new(Shared {
                count: AtomicUsize::new(0),
                none_left: Notify::new(),
                gauge,
            }),
        }
    }

    pub(super) fn enter(&self) -> OnItsWay {
        self.shared.count.fetch_add(1, Ordering::AcqRel);
        self.shared.gauge.inc();
        OnItsWay {
            shared: Arc::clone(&self.shared),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.shared.count.load(Ordering::Acquire)
    }

    /// Returns once there is none. Dropping the future is harmless.
    pub(super) async fn none_left(&self) {
        loop {
            let notified = self.shared.none_left.notified();
            tokio::pin!(notified);
            // Registered before the count is read, so that no notification is missed.
            notified.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.shared.gauge.dec();
        if self.shared.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.none_left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_with_the_last_request() {
        let in_flight = InFlight::new(IntGauge::new("test", "Test.").unwrap());
        in_flight.none_left().await;
        let (first, second) = (in_flight.enter(), in_flight.enter());
        let waiting = tokio::spawn({
            let in_flight = in_flight.clone();
            async move { in_flight.none_left().await }
        });
        drop(first);
        assert_eq!(in_flight.count(), 1);
        drop(second);
        waiting.await.unwrap();
    }
}
