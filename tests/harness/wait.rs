//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How long [`eventually`] waits. Far above what anything here takes, so that only what never happens
/// runs into it, on a slow and busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at a condition.
const INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `probe` yields a value. Panics after [`PATIENCE`].
pub async fn eventually<T>(what: &str, probe: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, probe).await
}

/// Waits until `probe` yields a value. Panics after `limit`.
pub async fn eventually_within<T>(
    limit: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(INTERVAL).await;
    }
}
