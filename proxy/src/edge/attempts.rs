//! Which endpoint a request goes to, and where it goes when that one cannot be reached.
//!
//! A failed connect has sent nothing, so it is safe to try again for any method: another endpoint of
//! the same upstream first, then the baseline. The choice of upstream itself is never made anew.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::upstream::{Endpoint, Pool};

/// The endpoints that a request has tried and may try.
#[derive(Debug)]
pub(super) struct Attempts {
    first: Arc<Pool>,
    /// Where `first` is a canary: what serves when it cannot.
    baseline: Option<Arc<Pool>>,
    fell_back: bool,
    tried: Vec<SocketAddr>,
    left: usize,
    current: Option<Arc<Endpoint>>,
}

impl Attempts {
    /// `retries`: other endpoints that failed connects may try.
    pub(super) fn new(first: Arc<Pool>, baseline: Option<Arc<Pool>>, retries: usize) -> Self {
        Self {
            first,
            baseline,
            fell_back: false,
            tried: Vec::new(),
            left: retries,
            current: None,
        }
    }

    /// The endpoint to try next. A canary whose endpoints are all marked is not waited for: the
    /// baseline serves at once, and checks bring the canary back.
    pub(super) fn next(&mut self) -> Option<Arc<Endpoint>> {
        if !self.fell_back && self.baseline.is_some() {
            let last = self.left == 0 && !self.tried.is_empty();
            let endpoint = if last || !self.first.has_healthy() {
                None
            } else {
                self.first.choose(&self.tried)
            };
            if endpoint.is_some() {
                self.current.clone_from(&endpoint);
                return endpoint;
            }
            self.fell_back = true;
        }
        self.current = self.pool().choose(&self.tried);
        self.current.clone()
    }

    /// The connect that [`Attempts::next`] led to failed. Says whether there is another try.
    pub(super) fn connect_failed(&mut self) -> bool {
        if let Some(endpoint) = self.current.take() {
            endpoint.failed();
            self.tried.push(endpoint.address);
        }
        let another = self.left > 0;
        self.left = self.left.saturating_sub(1);
        another
    }

    /// The upstream that is being tried.
    pub(super) fn pool(&self) -> &Arc<Pool> {
        self.baseline
            .as_ref()
            .filter(|_| self.fell_back)
            .unwrap_or(&self.first)
    }

    /// The endpoint that is being tried.
    pub(super) fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.current.as_ref()
    }

    /// Whether the baseline serves for the canary.
    pub(super) fn fell_back(&self) -> bool {
        self.fell_back
    }

    /// How many connects failed.
    pub(super) fn failures(&self) -> usize {
        self.tried.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::config::{Health, Upstream};
    use crate::upstream::Pools;

    fn pools(upstreams: &[(&str, &[&str])]) -> Pools {
        let second = Duration::from_secs(1);
        let upstream = |endpoints: &[&str]| Upstream {
            endpoints: endpoints.iter().map(ToString::to_string).collect(),
            connect_timeout: second,
            read_timeout: second,
            write_timeout: second,
            idle_timeout: second,
            health: Health {
                interval: second,
                timeout: second,
                healthy_after: 1,
                unhealthy_after: 1,
            },
        };
        let upstreams: BTreeMap<String, Upstream> = upstreams
            .iter()
            .map(|(name, endpoints)| ((*name).to_owned(), upstream(endpoints)))
            .collect();
        Pools::new(&upstreams)
    }

    /// Ports tried, as long as every connect fails.
    fn all_fail(mut attempts: Attempts) -> (Vec<u16>, bool) {
        let mut ports = Vec::new();
        while let Some(endpoint) = attempts.next() {
            ports.push(endpoint.address.port());
            if !attempts.connect_failed() {
                break;
            }
        }
        (ports, attempts.fell_back())
    }

    #[test]
    fn other_endpoints_then_the_baseline() {
        let pools = pools(&[
            ("canary", &["127.0.0.1:1", "127.0.0.1:2"]),
            ("stable", &["127.0.0.1:3", "127.0.0.1:4"]),
        ]);
        let attempts = Attempts::new(
            pools.get("canary").unwrap().clone(),
            pools.get("stable").cloned(),
            3,
        );
        assert_eq!(all_fail(attempts), (vec![1, 2, 3, 4], true));
    }

    #[test]
    fn the_last_try_is_the_baselines() {
        let pools = pools(&[
            ("canary", &["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]),
            ("stable", &["127.0.0.1:4"]),
        ]);
        let attempts = Attempts::new(
            pools.get("canary").unwrap().clone(),
            pools.get("stable").cloned(),
            1,
        );
        assert_eq!(all_fail(attempts), (vec![1, 4], true));
    }

    #[test]
    fn a_canary_that_is_marked_as_a_whole_is_not_waited_for() {
        let pools = pools(&[("canary", &["127.0.0.1:1"]), ("stable", &["127.0.0.1:2"])]);
        pools.get("canary").unwrap().endpoints()[0].failed();
        let mut attempts = Attempts::new(
            pools.get("canary").unwrap().clone(),
            pools.get("stable").cloned(),
            3,
        );
        assert_eq!(attempts.next().unwrap().address.port(), 2);
        assert!(attempts.fell_back());
        assert_eq!(&*attempts.pool().name, "stable");
    }

    #[test]
    fn a_baseline_that_is_marked_as_a_whole_is_still_tried() {
        let pools = pools(&[("stable", &["127.0.0.1:1", "127.0.0.1:2"])]);
        for endpoint in pools.get("stable").unwrap().endpoints().iter() {
            endpoint.failed();
        }
        let attempts = Attempts::new(pools.get("stable").unwrap().clone(), None, 3);
        assert_eq!(all_fail(attempts), (vec![1, 2], false));
    }

    #[test]
    fn without_retries_there_is_one_try() {
        let pools = pools(&[("stable", &["127.0.0.1:1", "127.0.0.1:2"])]);
        let attempts = Attempts::new(pools.get("stable").unwrap().clone(), None, 0);
        assert_eq!(all_fail(attempts).0.len(), 1);
    }
}
