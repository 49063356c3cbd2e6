//! The edge as a pingora service: listeners that are bound before anything starts, and a service
//! whose death is the process's.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use pingora::server::configuration::ServerConf;
use pingora::server::{Fds, ListenFds, ShutdownWatch};
use pingora::services::listening::Service;
use pingora::services::{Service as Listening, ServiceReadyNotifier, ServiceWithDependents};

use super::Edge;
use super::connection::Connections;
use super::shutdown::Stop;
use crate::config::Config;

/// Tries that pingora makes on top of those for failed connects, when a pooled connection turns out
/// to be dead under an idempotent request.
const DEAD_CONNECTION_TRIES: usize = 2;

/// A socket that listens. pingora alone would try a port that is taken for 30 s, and then live on
/// without it; so sockets are bound here, where failing is an error.
#[derive(Debug)]
pub struct BoundListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl BoundListener {
    /// Binds with `SO_REUSEADDR`. Port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket, for a service that is not pingora's. It does not block.
    pub fn into_std(self) -> TcpListener {
        self.listener
    }
}

/// pingora's settings for this configuration: no daemon, no upgrades, and no grace of its own,
/// because [`super::DrainSignal`] waits for what is in flight and no longer.
pub fn server_settings(config: &Config) -> ServerConf {
    ServerConf {
        threads: config.threads.max(1),
        max_retries: config.limits.retries + 1 + DEAD_CONNECTION_TRIES,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    }
}

/// The edge on its listeners. Stops accepting when [`Stop`] says so, not when pingora does.
pub struct EdgeService {
    inner: Service<Connections>,
    sockets: ListenFds,
    stop: ShutdownWatch,
}

impl EdgeService {
    /// Puts an edge on its listeners.
    pub fn new(
        edge: Edge,
        listeners: Vec<BoundListener>,
        settings: &Arc<ServerConf>,
        stop: &Stop,
    ) -> Self {
        let (limits, ended) = (edge.limits, edge.metrics.connections_ended.clone());
        let proxy = pingora::proxy::http_proxy(settings, edge);
        let connections = Connections::new(proxy, limits, ended);
        let mut inner = Service::new("edge".to_owned(), connections);
        inner.threads = Some(settings.threads);
        let mut sockets = Fds::new();
        for listener in listeners {
            let name = listener.address.to_string();
            inner.add_tcp(&name);
            // pingora takes sockets over by name, as after an upgrade, instead of binding its own.
            sockets.add(name, listener.listener.into_raw_fd());
        }
        Self {
            inner,
            sockets: Arc::new(sockets.into()),
            stop: stop.watch(),
        }
    }
}

#[async_trait]
impl ServiceWithDependents for EdgeService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        listeners_per_fd: usize,
        ready: ServiceReadyNotifier,
    ) {
        ready.notify_ready();
        let sockets = Some(Arc::clone(&self.sockets));
        Listening::start_service(
            &mut self.inner,
            sockets,
            self.stop.clone(),
            listeners_per_fd,
        )
        .await;
    }

    fn name(&self) -> &'static str {
        "edge"
    }

    fn threads(&self) -> Option<usize> {
        self.inner.threads
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        Some(Vec::new())
    }
}

/// A service without which the process makes no sense: when it panics, the process ends with exit
/// code 1 (pingora would live on without it).
#[derive(Debug)]
pub struct Vital<S>(pub S);

#[async_trait]
impl<S: ServiceWithDependents> ServiceWithDependents for Vital<S> {
    async fn start_service(
        &mut self,
        fds: Option<ListenFds>,
        shutdown: ShutdownWatch,
        listeners_per_fd: usize,
        ready: ServiceReadyNotifier,
    ) {
        let name = self.0.name().to_owned();
        let running = self.0.start_service(fds, shutdown, listeners_per_fd, ready);
        if AssertUnwindSafe(running).catch_unwind().await.is_err() {
            tracing::error!(service = name, "a service panicked; the process ends");
            std::process::exit(1);
        }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn threads(&self) -> Option<usize> {
        self.0.threads()
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        self.0.listen_addresses()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use pingora::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};
    use pingora::services::background::{BackgroundService, background_service};

    use super::*;

    #[test]
    fn an_address_that_is_taken_is_an_error_at_once() {
        let taken = BoundListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let started = Instant::now();
        assert!(BoundListener::bind(taken.address()).is_err());
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    struct Panics;

    #[async_trait]
    impl BackgroundService for Panics {
        async fn start(&self, _shutdown: ShutdownWatch) {
            panic!("as a test wants it");
        }
    }

    struct Never;

    #[async_trait]
    impl ShutdownSignalWatch for Never {
        async fn recv(&self) -> ShutdownSignal {
            std::future::pending().await
        }
    }

    /// Set for the process that the next test starts.
    const PANICS: &str = "BURGEE_TEST_SERVICE_PANICS";

    /// Not a test by itself: what the next one runs, in a process that this ends.
    #[test]
    fn a_process_with_a_service_that_panics() {
        if std::env::var_os(PANICS).is_none() {
            return;
        }
        let mut server = Server::new_with_opt_and_conf(None, ServerConf::default());
        server.add_service(Vital(background_service("panics", Panics)));
        server.run(RunArgs {
            shutdown_signal: Box::new(Never),
        });
    }

    #[test]
    fn a_service_that_panics_ends_the_process() {
        let test = "edge::service::tests::a_process_with_a_service_that_panics";
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(PANICS, "1")
            .output()
            .unwrap()
            .status;
        assert_eq!(
            status.code(),
            Some(1),
            "a test that fails by itself ends with 101"
        );
    }
}
