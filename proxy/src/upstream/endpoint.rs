//! One address of an upstream, and whether it is marked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use http::HeaderValue;
use pingora::upstreams::peer::HttpPeer;

use crate::config::{Health, Upstream};

/// One address of an upstream. Its counts are approximate under races, which only shifts the
/// moment of marking by a failure or two.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    upstream: Box<str>,
    /// Prepared once; a request clones it.
    peer: HttpPeer,
    host: HeaderValue,
    health: Health,
    marked: AtomicBool,
    failures: AtomicU32,
    passes: AtomicU32,
}

impl Endpoint {
    pub(super) fn new(address: SocketAddr, name: &str, upstream: &Upstream) -> Self {
        let mut peer = HttpPeer::new(address, false, String::new());
        peer.options.connection_timeout = Some(upstream.connect_timeout);
        peer.options.total_connection_timeout = Some(upstream.connect_timeout);
        peer.options.read_timeout = Some(upstream.read_timeout);
        peer.options.write_timeout = Some(upstream.write_timeout);
        peer.options.idle_timeout = Some(upstream.idle_timeout);
        Self {
            address,
            upstream: name.into(),
            peer,
            host: HeaderValue::from_str(&address.to_string()).expect("an address is visible ASCII"),
            health: upstream.health,
            marked: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            passes: AtomicU32::new(0),
        }
    }

    /// What pingora connects to, with every timeout of the configuration.
    pub fn peer(&self) -> Box<HttpPeer> {
        Box::new(self.peer.clone())
    }

    /// Its address as a Host, for requests that bring none.
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Whether it is not marked.
    pub fn is_healthy(&self) -> bool {
        !self.marked.load(Ordering::Relaxed)
    }

    /// A check or a connect failed.
    pub fn failed(&self) {
        self.passes.store(0, Ordering::Relaxed);
        let failures = self
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if failures >= self.health.unhealthy_after && !self.marked.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                upstream = &*self.upstream,
                endpoint = %self.address,
                failures,
                "endpoint marked unhealthy"
            );
        }
    }

    /// A check or a connect succeeded.
    pub fn passed(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if self.is_healthy() {
            return;
        }
        let passes = self
            .passes
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if passes >= self.health.healthy_after && self.marked.swap(false, Ordering::Relaxed) {
            self.passes.store(0, Ordering::Relaxed);
            tracing::info!(
                upstream = &*self.upstream,
                endpoint = %self.address,
                "endpoint healthy again"
            );
        }
    }

    /// One TCP check: connect, and close.
    pub(super) async fn check(&self) {
        let connect = tokio::net::TcpStream::connect(self.address);
        match tokio::time::timeout(self.health.timeout, connect).await {
            Ok(Ok(_)) => self.passed(),
            Ok(Err(_)) | Err(_) => self.failed(),
        }
    }
}
