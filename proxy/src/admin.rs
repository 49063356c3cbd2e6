//! The operator's own listener: liveness, readiness, metrics, the snapshot, and why a decision is
//! what it is. Reads, never writes; never to be exposed to clients.

mod explain;
mod scrape;
mod snapshot;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::Config;
use crate::edge::BoundListener;
use crate::registry::Kind;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::upstream::Pools;

/// A question to `/explain`, at most.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Connections at a time; more wait.
const MAX_CONNECTIONS: usize = 64;
/// After this long a connection is told to close, and a while later it is closed: clients that never
/// read must not keep `/livez` from others for longer.
const CONNECTION_TIME: Duration = Duration::from_secs(20);
const CLOSING_TIME: Duration = Duration::from_secs(10);
/// For a request's headers, and for its body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The admin listener as a background service. It serves to the very end, so that `/readyz` can say
/// that the proxy is draining.
#[derive(Debug)]
pub struct AdminService {
    listener: std::sync::Mutex<Option<std::net::TcpListener>>,
    admin: Arc<Admin>,
}

#[derive(Debug)]
struct Admin {
    store: Arc<Store>,
    metrics: Metrics,
    pools: Pools,
    route_names: Vec<String>,
    region: String,
    cluster: String,
}

type Answer = Response<Full<Bytes>>;

impl AdminService {
    /// Serves what it is given on `listener`.
    pub fn new(
        listener: BoundListener,
        config: &Config,
        store: Arc<Store>,
        metrics: Metrics,
        pools: Pools,
    ) -> Self {
        let route_names = config
            .routes
            .iter()
            .map(|route| route.name.clone())
            .collect();
        Self {
            listener: std::sync::Mutex::new(Some(listener.into_std())),
            admin: Arc::new(Admin {
                store,
                metrics,
                pools,
                route_names,
                region: config.region.clone(),
                cluster: config.cluster.clone(),
            }),
        }
    }

    async fn serve(&self) -> io::Result<()> {
        let taken = self
            .listener
            .lock()
            .ok()
            .and_then(|mut listener| listener.take());
        let listener = TcpListener::from_std(taken.expect("a service is started once"))?;
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let permit = Arc::clone(&connections)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: wait for some to be closed.
                    tracing::warn!(%error, "the admin listener cannot accept");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let admin = Arc::clone(&self.admin);
            tokio::spawn(async move {
                let _permit = permit;
                serve_connection(stream, admin).await;
            });
        }
    }
}

#[async_trait]
impl BackgroundService for AdminService {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            served = self.serve() => {
                if let Err(error) = served {
                    panic!("the admin listener cannot be served: {error}");
                }
            }
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    }
}

/// Serves one client, within [`CONNECTION_TIME`] and [`CLOSING_TIME`].
async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin, admin: Arc<Admin>) {
    let service = service_fn(move |request| answer(Arc::clone(&admin), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut ended = timeout(CONNECTION_TIME, connection.as_mut()).await;
    if ended.is_err() {
        connection.as_mut().graceful_shutdown();
        ended = timeout(CLOSING_TIME, connection).await;
    }
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an admin connection ended"),
        Err(_) => tracing::debug!("an admin connection was closed: its client does not read"),
    }
}

async fn answer(admin: Arc<Admin>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let asks_by_post = path == "/explain" && request.method() == Method::POST;
    if !(request.method() == Method::GET || request.method() == Method::HEAD || asks_by_post) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "this listener only reads\n");
        let allowed = if path == "/explain" {
            "GET, HEAD, POST"
        } else {
            "GET, HEAD"
        };
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(allowed));
        return Ok(refused);
    }
    Ok(match path.as_str() {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" => ready(&admin.store),
        "/metrics" => scrape::answer(&admin),
        "/snapshot" => respond_json(StatusCode::OK, &snapshot::describe(&admin)),
        "/explain" => match question(request).await {
            Ok(question) => explain::answer(&admin, &question),
            Err(refused) => refused,
        },
        _ => text(
            StatusCode::NOT_FOUND,
            "/livez /readyz /metrics /snapshot /explain\n",
        ),
    })
}

/// `200` or `503`, with everything that is worth knowing about it.
fn ready(store: &Store) -> Answer {
    let mut reasons = Vec::new();
    for (kind, name) in [
        (Kind::FlagSets, "flag sets"),
        (Kind::Overrides, "overrides"),
    ] {
        if store.kind_ready(kind) {
            continue;
        }
        reasons.push(match store.unusable_on_disk(kind) {
            Some(why) => format!("{name} are not synced, and the disk does not do: {why}"),
            None => format!("{name} are neither synced nor loaded from disk"),
        });
    }
    if store.serves_baseline() {
        reasons
            .push("serving the baseline without decisions, as startup.defaults_after says".into());
    }
    if store.draining() {
        reasons.push("draining".into());
    }
    let status = if store.ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    respond_json(
        status,
        &json!({ "ready": store.ready(), "reasons": reasons }),
    )
}

/// What `/explain` is asked, from the query of a GET or the body of a POST.
async fn question(request: Request<Incoming>) -> Result<explain::Question, Answer> {
    let bad = |message: &str| text(StatusCode::BAD_REQUEST, &format!("{message}\n"));
    if request.method() != Method::POST {
        return explain::Question::from_query(request.uri().query().unwrap_or_default())
            .map_err(|error| bad(&error.to_string()));
    }
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect();
    let body = tokio::time::timeout(READ_TIMEOUT, body)
        .await
        .map_err(|_| bad("the body takes too long"))?;
    let body = body
        .map_err(|error| bad(&format!("the body cannot be read: {error}")))?
        .to_bytes();
    serde_json::from_slice(&body).map_err(|error| bad(&format!("not a question: {error}")))
}

fn text(status: StatusCode, body: &str) -> Answer {
    respond(status, "text/plain; charset=utf-8", body.to_owned())
}

fn respond_json(status: StatusCode, body: &serde_json::Value) -> Answer {
    respond(status, "application/json", format!("{body:#}\n"))
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use burgee_eval::{Compiler, Snapshot};
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::store::State;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_reads_is_let_go() {
        let snapshot = Arc::new(Snapshot::new(&Compiler::new(), []));
        let revision = HeaderValue::from_static("0123456789abcdef");
        let state = State::bare(snapshot, Box::default(), revision);
        let admin = Admin {
            store: Arc::new(Store::new(state)),
            metrics: Metrics::new().unwrap(),
            pools: Pools::new(&std::collections::BTreeMap::new()),
            route_names: Vec::new(),
            region: "eu".into(),
            cluster: "eu-1".into(),
        };
        // It holds less than an answer, and nobody empties it.
        let (mut client, server) = tokio::io::duplex(64);
        let connection = serve_connection(server, Arc::new(admin));
        let asking = client.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        let started = tokio::time::Instant::now();
        let (asked, ()) = tokio::join!(asking, connection);
        asked.unwrap();
        let lasted = started.elapsed();
        assert!(
            (CONNECTION_TIME..=Duration::from_secs(31)).contains(&lasted),
            "{lasted:?}"
        );
    }
}
