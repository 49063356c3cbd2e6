//! The only place where the parts of a proxy are wired together.
//!
//! Sockets are bound and the disk is read before anything starts, so that what cannot work ends the
//! process with exit code 1 instead of leaving half a proxy. Each part then runs as a service of
//! pingora's, in a runtime of its own; one that panics ends the process too.

mod flag_service;
mod rotate;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use pingora::server::{RunArgs, Server, ShutdownWatch};
use pingora::services::background::{BackgroundService, background_service};

use crate::admin::AdminService;
use crate::config::Config;
use crate::edge::{
    BoundListener, DrainSignal, Edge, EdgeService, GeoFile, GeoWatch, Stop, Vital, server_settings,
};
use crate::ingest::{Ingest, IngestMetrics};
use crate::store::Store;
use crate::telemetry::{self, AccessLogWriter, Metrics};
use crate::upstream::{Checks, Pools};
use flag_service::FlagService;
use rotate::Rotate;

/// Runs a proxy until it has left after SIGTERM or SIGINT.
///
/// Fails, before anything is served, where a listener cannot bind or a file that the configuration
/// names cannot be used.
pub fn run(config: Config) -> anyhow::Result<ExitCode> {
    run_then(config, |_| {})
}

/// As [`run`]; calls `ready` once, when the proxy is ready for the first time, with the address of
/// its first listener.
pub fn run_then(
    config: Config,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let metrics = Metrics::new().context("metrics cannot be registered")?;
    telemetry::init_logging(Some(metrics.panics.clone()));
    let geo = config.context.geo.as_ref();
    let geo = geo.and_then(|geo| geo.mmdb.as_ref()).map(GeoFile::open);
    let geo = geo.transpose()?.map(Arc::new);
    let sockets = Sockets::bind(&config)?;
    let (server, leave) = wire(config, sockets, geo, metrics, ready)?;
    server.run(RunArgs {
        shutdown_signal: Box::new(leave),
    });
    tracing::info!("the proxy has left");
    Ok(ExitCode::SUCCESS)
}

/// Every socket that the proxy listens on.
struct Sockets {
    proxy: Vec<BoundListener>,
    admin: BoundListener,
}

impl Sockets {
    fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = |listener: &str, address: SocketAddr| {
            let bound = BoundListener::bind(address)
                .with_context(|| format!("cannot listen on {address}"))?;
            tracing::info!(listener, address = %bound.address(), "listening");
            anyhow::Ok(bound)
        };
        let proxy = config.listeners.iter();
        Ok(Self {
            proxy: proxy
                .map(|listener| bind("proxy", listener.address))
                .collect::<anyhow::Result<_>>()?,
            admin: bind("admin", config.admin.address)?,
        })
    }
}

/// Opens what the configuration names and puts every part into a server that is not started yet.
fn wire(
    config: Config,
    sockets: Sockets,
    geo: Option<Arc<GeoFile>>,
    metrics: Metrics,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
) -> anyhow::Result<(Server, DrainSignal)> {
    let first = sockets.proxy.first().map(BoundListener::address);
    let first = first.context("a checked configuration has a listener")?;
    let dropped = metrics.access_log_dropped.clone();
    let access_log = AccessLogWriter::start(&config.access_log, dropped)
        .context("the access log cannot be opened")?;
    let ingest_metrics =
        IngestMetrics::register(&metrics.registry).context("metrics cannot be registered")?;
    let (ingest, store) = Ingest::open(&config, ingest_metrics);
    let pools = Pools::new(&config.upstreams);
    let edge = Edge::new(
        &config,
        store.clone(),
        pools.clone(),
        geo.clone(),
        metrics.clone(),
        access_log,
    )?;
    let stop = Stop::new();
    let leave = DrainSignal::new(&edge, stop.clone(), config.shutdown);

    let mut server = Server::new_with_opt_and_conf(None, server_settings(&config));
    server.bootstrap();
    let settings = server.configuration.clone();
    let rotate = Rotate(edge.access_log());
    let edge = EdgeService::new(edge, sockets.proxy, &settings, &stop);
    let admin = AdminService::new(
        sockets.admin,
        &config,
        store.clone(),
        metrics,
        pools.clone(),
    );
    server.add_service(Vital(background_service("admin", admin)));
    server.add_service(Vital(background_service("checks", Checks::new(pools))));
    if let Some(geo) = geo {
        server.add_service(Vital(background_service("geo", GeoWatch(geo))));
    }
    if let Some(after) = config.startup.defaults_after {
        let baseline = BaselineAfter(after, store.clone());
        server.add_service(Vital(background_service("baseline", baseline)));
    }
    server.add_service(Vital(background_service("rotate", rotate)));
    let flags = FlagService::new(ingest, config);
    server.add_service(Vital(background_service("flags", flags)));
    server.add_service(Vital(edge));
    let ready = WhenReady::new(store, move || ready(first));
    server.add_service(background_service("ready", ready));
    Ok((server, leave))
}

/// Lets the baseline be served without decisions after a while.
struct BaselineAfter(Duration, Arc<Store>);

#[async_trait]
impl BackgroundService for BaselineAfter {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let Self(after, store) = self;
        tokio::select! {
            () = tokio::time::sleep(*after) => {
                store.allow_baseline();
                if store.serves_baseline() {
                    tracing::warn!("nothing came: serving the baseline without decisions");
                }
            }
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    }
}

/// Calls a function when the store is ready for the first time.
struct WhenReady<F> {
    store: Arc<Store>,
    call: std::sync::Mutex<Option<F>>,
}

impl<F> WhenReady<F> {
    fn new(store: Arc<Store>, call: F) -> Self {
        Self {
            store,
            call: std::sync::Mutex::new(Some(call)),
        }
    }
}

#[async_trait]
impl<F: FnOnce() + Send + 'static> BackgroundService for WhenReady<F> {
    async fn start(&self, shutdown: ShutdownWatch) {
        while !self.store.ready() {
            if *shutdown.borrow() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tracing::info!("ready");
        if let Some(call) = self.call.lock().ok().and_then(|mut call| call.take()) {
            // It may take its time and talk to the network: not on the runtime's own threads.
            let _ = tokio::task::spawn_blocking(call).await;
        }
    }
}
