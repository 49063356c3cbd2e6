//! The background of upstreams: resolving names, checking endpoints.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Pool, Pools};

/// Between two resolutions of a name. Resolvers do not tell for how long an answer holds.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(10);
/// One resolution; until it is over, the old addresses serve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Resolves and checks every upstream until shutdown. Run it as a service with a runtime of its own.
#[derive(Debug)]
pub struct Checks {
    pools: Pools,
}

impl Checks {
    /// For these upstreams.
    pub fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

#[async_trait]
impl BackgroundService for Checks {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let all = join_all(self.pools.iter().map(|pool| async {
            tokio::join!(resolve_forever(pool), check_forever(pool));
        }));
        tokio::select! {
            _ = all => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    }
}

async fn check_forever(pool: &Arc<Pool>) {
    let mut ticks = interval(pool.upstream.health.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let endpoints = pool.endpoints();
        join_all(endpoints.iter().map(|endpoint| endpoint.check())).await;
    }
}

/// Ends at once for an upstream without names.
async fn resolve_forever(pool: &Arc<Pool>) {
    let configured = &pool.upstream.endpoints;
    if configured
        .iter()
        .all(|endpoint| endpoint.parse::<SocketAddr>().is_ok())
    {
        return;
    }
    let mut known: Vec<Vec<SocketAddr>> = vec![Vec::new(); configured.len()];
    let mut ticks = interval(RESOLVE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let found = join_all(configured.iter().map(|endpoint| resolve(endpoint))).await;
        for (known, found) in known.iter_mut().zip(found) {
            if let Some(found) = found {
                *known = found;
            }
        }
        pool.replace(known.iter().flatten().copied());
    }
}

/// Sorted, so that the order of turns does not change with the resolver's mood. `None` where the
/// resolver failed: what was known stays.
async fn resolve(endpoint: &str) -> Option<Vec<SocketAddr>> {
    match timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host(endpoint)).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<SocketAddr> = found.collect();
            addresses.sort_unstable();
            Some(addresses)
        }
        Ok(Err(error)) => {
            tracing::warn!(endpoint, %error, "an upstream's name cannot be resolved");
            None
        }
        Err(_) => {
            tracing::warn!(endpoint, "resolving an upstream's name takes too long");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_resolves_and_an_unknown_one_keeps_what_was() {
        let found = resolve("localhost:80").await.unwrap();
        assert!(
            found
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 80)
        );
        assert!(resolve("no-such-host.invalid:80").await.is_none());
    }
}
