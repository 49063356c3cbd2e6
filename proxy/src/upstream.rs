//! Upstreams: named groups of endpoints, which of them to try next, and which are marked unhealthy.
//!
//! Choosing never waits: names are resolved and endpoints are checked in the background
//! ([`checks::Checks`]). An endpoint is marked after failures in a row, of checks or of connects, and
//! serves again after checks in a row that pass.

mod checks;
mod endpoint;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use crate::config;

pub use checks::Checks;
pub use endpoint::Endpoint;

/// Every upstream of the configuration. Clones share them.
#[derive(Clone, Debug)]
pub struct Pools {
    by_name: Arc<HashMap<Box<str>, Arc<Pool>>>,
}

impl Pools {
    /// Addresses are taken as they stand; host names have no endpoints until [`Checks`] has resolved them.
    pub fn new(upstreams: &BTreeMap<String, config::Upstream>) -> Self {
        let pools = upstreams
            .iter()
            .map(|(name, upstream)| (name.as_str().into(), Arc::new(Pool::new(name, upstream))));
        Self {
            by_name: Arc::new(pools.collect()),
        }
    }

    /// The upstream of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Pool>> {
        self.by_name.get(name)
    }

    /// Every upstream, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.by_name.values()
    }
}

/// One upstream.
#[derive(Debug)]
pub struct Pool {
    /// Its name.
    pub name: Box<str>,
    upstream: config::Upstream,
    endpoints: ArcSwap<Vec<Arc<Endpoint>>>,
    next: AtomicUsize,
}

impl Pool {
    fn new(name: &str, upstream: &config::Upstream) -> Self {
        let pool = Self {
            name: name.into(),
            upstream: upstream.clone(),
            endpoints: ArcSwap::default(),
            next: AtomicUsize::new(0),
        };
        pool.replace(
            upstream
                .endpoints
                .iter()
                .filter_map(|endpoint| endpoint.parse().ok()),
        );
        pool
    }

    /// The endpoints as they are now.
    pub fn endpoints(&self) -> Arc<Vec<Arc<Endpoint>>> {
        self.endpoints.load_full()
    }

    /// Whether some endpoint is not marked.
    pub fn has_healthy(&self) -> bool {
        self.endpoints
            .load()
            .iter()
            .any(|endpoint| endpoint.is_healthy())
    }

    /// The next endpoint in turn that is not marked and not among `tried`. Where all endpoints are
    /// marked, marks do not count: a check that is wrong must not take a whole upstream away.
    pub fn choose(&self, tried: &[SocketAddr]) -> Option<Arc<Endpoint>> {
        let endpoints = self.endpoints.load();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let fail_open = !endpoints.iter().any(|endpoint| endpoint.is_healthy());
        (0..endpoints.len())
            .map(|step| &endpoints[first.wrapping_add(step) % endpoints.len()])
            .find(|endpoint| {
                (fail_open || endpoint.is_healthy()) && !tried.contains(&endpoint.address)
            })
            .cloned()
    }

    /// Takes new addresses; an endpoint that stays keeps its state.
    fn replace(&self, addresses: impl Iterator<Item = SocketAddr>) {
        let old = self.endpoints.load();
        let mut endpoints: Vec<Arc<Endpoint>> = Vec::new();
        for address in addresses {
            if endpoints.iter().any(|endpoint| endpoint.address == address) {
                continue;
            }
            let kept = old
                .iter()
                .find(|endpoint| endpoint.address == address)
                .cloned();
            endpoints.push(
                kept.unwrap_or_else(|| {
                    Arc::new(Endpoint::new(address, &self.name, &self.upstream))
                }),
            );
        }
        self.endpoints.store(Arc::new(endpoints));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pool(endpoints: &[&str]) -> Pool {
        let second = Duration::from_secs(1);
        Pool::new(
            "stable",
            &config::Upstream {
                endpoints: endpoints.iter().map(ToString::to_string).collect(),
                connect_timeout: second,
                read_timeout: second,
                write_timeout: second,
                idle_timeout: second,
                health: config::Health {
                    interval: second,
                    timeout: second,
                    healthy_after: 2,
                    unhealthy_after: 2,
                },
            },
        )
    }

    fn ports(pool: &Pool, times: usize) -> Vec<u16> {
        (0..times)
            .filter_map(|_| pool.choose(&[]))
            .map(|endpoint| endpoint.address.port())
            .collect()
    }

    #[test]
    fn endpoints_take_turns() {
        let pool = pool(&["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
        assert_eq!(ports(&pool, 6), [1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn a_marked_endpoint_is_left_out_until_checks_pass() {
        let pool = pool(&["127.0.0.1:1", "127.0.0.1:2"]);
        let first = Arc::clone(&pool.endpoints()[0]);
        first.failed();
        assert!(first.is_healthy(), "one failure is not enough");
        first.failed();
        assert_eq!(ports(&pool, 4), [2, 2, 2, 2]);
        first.passed();
        assert!(!first.is_healthy(), "one check is not enough");
        first.passed();
        assert!(first.is_healthy());
    }

    #[test]
    fn a_success_between_two_failures_starts_the_count_again() {
        let pool = pool(&["127.0.0.1:1"]);
        let endpoint = Arc::clone(&pool.endpoints()[0]);
        endpoint.failed();
        endpoint.passed();
        endpoint.failed();
        assert!(endpoint.is_healthy());
    }

    #[test]
    fn where_all_are_marked_marks_do_not_count() {
        let pool = pool(&["127.0.0.1:1", "127.0.0.1:2"]);
        for endpoint in pool.endpoints().iter() {
            endpoint.failed();
            endpoint.failed();
        }
        assert!(!pool.has_healthy());
        assert_eq!(ports(&pool, 4).len(), 4);
    }

    #[test]
    fn what_was_tried_is_not_tried_again() {
        let pool = pool(&["127.0.0.1:1", "127.0.0.1:2"]);
        let first = pool.choose(&[]).unwrap().address;
        let second = pool.choose(&[first]).unwrap().address;
        assert_ne!(first, second);
        assert!(pool.choose(&[first, second]).is_none());
    }

    #[test]
    fn an_endpoint_that_stays_keeps_its_state() {
        let pool = pool(&["127.0.0.1:1"]);
        pool.endpoints()[0].failed();
        pool.endpoints()[0].failed();
        pool.replace(
            ["127.0.0.1:2", "127.0.0.1:1"]
                .iter()
                .map(|address| address.parse().unwrap()),
        );
        assert_eq!(ports(&pool, 2), [2, 2]);
    }
}
