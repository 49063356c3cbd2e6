//! A proxy and its backends in one process, on free ports, and a client that sends raw bytes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use burgee_eval::{Compiler, Snapshot};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pingora::server::configuration::ServerConf;
use pingora::services::background::BackgroundService;
use pingora::services::{ServiceReadyNotifier, ServiceWithDependents};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::admin::AdminService;
use crate::config::{
    AccessLog, Admin, AnonymousCookie, AttributeSource, Canary, Config, Content, Context,
    Decisions, FileSource, Form, Geo, HeaderSource, Health, KeySource, Limits, Present, Route,
    Shutdown, Source, Startup, Upstream,
};
use crate::edge::{BoundListener, DrainSignal, Edge, EdgeService, Stop, server_settings};
use crate::registry::Kind;
use crate::store::{State, Store};
use crate::telemetry::{AccessLogWriter, Metrics};
use crate::upstream::Pools;
use crate::wire::RouteFlags;

pub(super) const REVISION: &str = "0123456789abcdef";

/// A backend that answers with what it received. `/slow` waits for a permit of `gate`.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    pub(super) gate: Arc<Semaphore>,
}

impl Backend {
    pub(super) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let gate = Arc::clone(&held);
                let service = service_fn(move |request| echo(name, Arc::clone(&gate), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, gate }
    }

    /// An address where nobody listens.
    pub(super) fn nobody() -> SocketAddr {
        std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    }
}

async fn echo(
    name: &'static str,
    gate: Arc<Semaphore>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/slow" {
        gate.acquire().await.unwrap().forget();
    }
    let (head, body) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(&str, String)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let seen = json!({
        "backend": name,
        "target": head.uri.to_string(),
        "headers": headers,
        "body": body,
    });
    Ok(Response::builder()
        .header("vary", "Accept")
        .body(Full::from(seen.to_string()))
        .unwrap())
}

/// What a client got.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    seen: Value,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self {
            status,
            headers,
            body: body.to_owned(),
            seen: serde_json::from_str(body).unwrap_or_default(),
        }
    }

    /// Values of one header of the response, joined.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Which backend answered.
    pub(super) fn backend(&self) -> &str {
        self.seen["backend"]
            .as_str()
            .unwrap_or_else(|| panic!("no backend answered: {self:?}"))
    }

    /// The one header of this name that the backend received.
    pub(super) fn told(&self, name: &str) -> Option<&str> {
        let headers = self.seen["headers"]
            .as_array()
            .unwrap_or_else(|| panic!("no backend answered: {self:?}"));
        let mut found = headers.iter().filter(|header| header[0] == name);
        let value = found.next()?[1].as_str();
        assert!(found.next().is_none(), "{name} came twice");
        value
    }

    /// Every name of a header that the backend received.
    pub(super) fn told_names(&self) -> Vec<&str> {
        let headers = self.seen["headers"].as_array().into_iter().flatten();
        headers.filter_map(|header| header[0].as_str()).collect()
    }

    /// Target and body, as the backend received them.
    pub(super) fn relayed(&self) -> (&str, &str) {
        (
            self.seen["target"].as_str().unwrap_or_default(),
            self.seen["body"].as_str().unwrap_or_default(),
        )
    }
}

/// A proxy that is not started yet.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) ready: bool,
    directory: tempfile::TempDir,
}

/// A proxy that serves.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) store: Arc<Store>,
    pub(super) metrics: Metrics,
    pub(super) pools: Pools,
    pub(super) signal: Arc<DrainSignal>,
    pub(super) access_log: PathBuf,
    _directory: tempfile::TempDir,
}

/// The parts of a server that is not running.
pub(super) struct Parts {
    pub(super) address: SocketAddr,
    pub(super) pools: Pools,
    pub(super) signal: Arc<DrainSignal>,
    pub(super) service: EdgeService,
    pub(super) admin_service: AdminService,
    admin: SocketAddr,
    store: Arc<Store>,
    metrics: Metrics,
    access_log: PathBuf,
    directory: tempfile::TempDir,
}

fn state(config: &Config) -> State {
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("test", &document())
        .expect("the document compiles");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let compile = |route| RouteFlags::compile(route, &snapshot, &config.reserved);
    let routes = config.routes.iter().map(compile).collect();
    let revision = HeaderValue::from_static(REVISION);
    State::bare(Arc::new(snapshot), routes, revision)
}

fn document() -> Value {
    json!({
        "metadata": { "bucketing": "v3" },
        "flags": {
            "new-checkout": {
                "state": "ENABLED",
                "variants": { "on": true, "off": false },
                "defaultVariant": "off",
                "targeting": { "if": [{ "==": [{ "var": "targetingKey" }, "tester"] }, "on", null] },
            },
            "banner": {
                "state": "ENABLED",
                "variants": { "winter": "winter sale", "plain": "" },
                "defaultVariant": "plain",
                "targeting": { "if": [{ "==": [{ "var": "campaign" }, "winter"] }, "winter", null] },
            },
            "country": {
                "state": "ENABLED",
                "variants": { "eu": 1, "other": 2 },
                "defaultVariant": "other",
                "targeting": { "if": [{ "in": [{ "var": "geo.country" }, ["DE", "FR"]] }, "eu", null] },
            },
            "layout": {
                "state": "ENABLED",
                "variants": { "compact": "c", "wide": "w" },
                "defaultVariant": "wide",
                "targeting": { "if": [{ "==": [{ "var": "device.class" }, "mobile"] }, "compact", null] },
            },
            "half": {
                "state": "ENABLED",
                "variants": { "a": "a", "b": "b" },
                "defaultVariant": "a",
                "targeting": { "fractional": [["a", 50], ["b", 50]] },
            },
            "backend": {
                "state": "ENABLED",
                "variants": { "stable": 1, "canary": 2 },
                "defaultVariant": "stable",
                "targeting": { "if": [{ "==": [{ "var": "targetingKey" }, "tester"] }, "canary", null] },
            },
            "none": { "state": "ENABLED", "variants": { "on": true }, "defaultVariant": null },
        },
    })
}

pub(super) fn upstream(endpoints: &[SocketAddr]) -> Upstream {
    let minute = Duration::from_mins(1);
    Upstream {
        endpoints: endpoints.iter().map(ToString::to_string).collect(),
        connect_timeout: Duration::from_secs(5),
        read_timeout: minute,
        write_timeout: minute,
        idle_timeout: minute,
        health: Health {
            interval: minute,
            timeout: minute,
            healthy_after: 1,
            unhealthy_after: 2,
        },
    }
}

impl World {
    /// A baseline `stable`; routes `/` (headers), `/dictionary`, `/values`, `/half`, and `/plain`
    /// (no flags). The client is trusted.
    pub(super) fn new(stable: &Backend) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let header = |name: &'static str, from_client| HeaderSource {
            name: HeaderName::from_static(name),
            from_client,
        };
        let route = |path: &str, flags: &[&str], form, content| Route {
            name: path.to_owned(),
            host: None,
            path: path.to_owned(),
            upstream: "stable".to_owned(),
            canary: None,
            flags: flags.iter().map(ToString::to_string).collect(),
            present: Present { form, content },
        };
        let told = [
            "new-checkout",
            "banner",
            "country",
            "layout",
            "none",
            "gone",
        ];
        let routes = vec![
            route("/", &told, Form::Headers, Content::Variant),
            route("/dictionary", &told, Form::Dictionary, Content::Variant),
            route("/values", &told, Form::Headers, Content::Value),
            route("/half", &["half"], Form::Headers, Content::Variant),
            route("/plain", &[], Form::Headers, Content::Variant),
        ];
        let second = Duration::from_secs(1);
        let config = Config {
            environment: "test".into(),
            region: "eu".into(),
            cluster: "eu-1".into(),
            threads: 1,
            listeners: Vec::new(),
            admin: Admin {
                address: "127.0.0.1:0".parse().unwrap(),
            },
            source: Source::Files(FileSource {
                flags: PathBuf::new(),
                overrides: None,
            }),
            state_dir: None,
            startup: Startup {
                defaults_after: None,
            },
            shutdown: Shutdown {
                drain: Duration::ZERO,
                timeout: 30 * second,
            },
            trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
            reserved: ["x-flag-", "x-flags-", "flags"].map(str::to_owned).into(),
            context: Context {
                targeting_key: vec![
                    KeySource::Header(header("x-user-id", false)),
                    KeySource::Anonymous(AnonymousCookie {
                        name: "burgee_id".into(),
                        max_age: second,
                        secure: false,
                        domain: None,
                    }),
                ],
                attributes: BTreeMap::from([(
                    "campaign".to_owned(),
                    AttributeSource::Query("utm_campaign".to_owned()),
                )]),
                geo: Some(Geo {
                    mmdb: None,
                    headers: BTreeMap::from([(
                        "country".to_owned(),
                        header("cf-ipcountry", false),
                    )]),
                }),
                device: true,
            },
            upstreams: BTreeMap::from([("stable".to_owned(), upstream(&[stable.address]))]),
            routes,
            decisions: Decisions {
                cache_bytes: 1 << 20,
            },
            limits: Limits {
                connections: 1000,
                head_timeout: Duration::from_secs(10),
                head_bytes: 64 * 1024,
                keepalive: 60 * second,
                read_timeout: 60 * second,
                write_timeout: 60 * second,
                attribute_bytes: 1024,
                retries: 3,
            },
            access_log: AccessLog::File(directory.path().join("access.log")),
        };
        Self {
            config,
            ready: true,
            directory,
        }
    }

    /// A route `/canary` that sends `tester` to these endpoints.
    pub(super) fn with_canary(mut self, endpoints: &[SocketAddr]) -> Self {
        self.config
            .upstreams
            .insert("canary".to_owned(), upstream(endpoints));
        let mut route = self.config.routes[0].clone();
        "/canary".clone_into(&mut route.path);
        "/canary".clone_into(&mut route.name);
        route.canary = Some(Canary {
            flag: "backend".to_owned(),
            upstreams: BTreeMap::from([("canary".to_owned(), "canary".to_owned())]),
        });
        self.config.routes.push(route);
        self
    }

    /// Everything that a server is made of, and its settings.
    pub(super) fn into_parts(self) -> (Parts, ServerConf) {
        let config = self.config;
        let store = Arc::new(Store::new(state(&config)));
        if self.ready {
            store.synced(Kind::FlagSets, 1);
            store.synced(Kind::Overrides, 1);
        }
        let metrics = Metrics::new().unwrap();
        let pools = Pools::new(&config.upstreams);
        let AccessLog::File(access_log) = config.access_log.clone() else {
            unreachable!("set above")
        };
        let log =
            AccessLogWriter::start(&config.access_log, metrics.access_log_dropped.clone()).unwrap();
        let edge = Edge::new(
            &config,
            Arc::clone(&store),
            pools.clone(),
            None,
            metrics.clone(),
            log,
        )
        .unwrap();
        let stop = Stop::new();
        let signal = Arc::new(DrainSignal::new(&edge, stop.clone(), config.shutdown));
        let bind = || BoundListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (listener, admin_listener) = (bind(), bind());
        let (address, admin) = (listener.address(), admin_listener.address());
        let settings = server_settings(&config);
        let parts = Parts {
            address,
            admin,
            service: EdgeService::new(
                edge,
                vec![listener],
                &Arc::new(server_settings(&config)),
                &stop,
            ),
            admin_service: AdminService::new(
                admin_listener,
                &config,
                store.clone(),
                metrics.clone(),
                pools.clone(),
            ),
            store,
            metrics,
            pools,
            signal,
            access_log,
            directory: self.directory,
        };
        (parts, settings)
    }

    pub(super) fn start(self) -> Running {
        let (parts, _) = self.into_parts();
        let Parts {
            mut service,
            admin_service,
            address,
            admin,
            store,
            metrics,
            pools,
            signal,
            access_log,
            directory,
        } = parts;
        let (never, shutdown) = watch::channel(false);
        let (ready, _) = watch::channel(false);
        let watch = shutdown.clone();
        tokio::spawn(async move {
            service
                .start_service(None, watch, 1, ServiceReadyNotifier::new(ready))
                .await;
        });
        tokio::spawn(async move {
            admin_service.start(shutdown).await;
            drop(never);
        });
        Running {
            address,
            admin,
            store,
            metrics,
            pools,
            signal,
            access_log,
            _directory: directory,
        }
    }
}

impl Running {
    /// Sends raw bytes and reads to the end of the connection.
    pub(super) async fn send(&self, raw: impl AsRef<[u8]>) -> Answer {
        send(self.address, raw).await
    }

    /// A GET for host `shop.example` with these header lines.
    pub(super) async fn get(&self, target: &str, headers: &[&str]) -> Answer {
        let lines: String = headers
            .iter()
            .flat_map(|line| {
                [
                    *line, "
",
                ]
            })
            .collect();
        self.send(&format!(
            "GET {target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n{lines}\r\n"
        ))
        .await
    }

    pub(super) async fn ask_admin(&self, request: &str) -> Answer {
        send(
            self.admin,
            &format!("{request} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"),
        )
        .await
    }

    /// The access log, once it has this many lines.
    pub(super) async fn log_lines(&self, count: usize) -> Vec<Value> {
        loop {
            let text = std::fs::read_to_string(&self.access_log).unwrap_or_default();
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(super) async fn send(address: SocketAddr, raw: impl AsRef<[u8]>) -> Answer {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(raw.as_ref()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let bytes = tokio::time::timeout(Duration::from_secs(20), exchange)
        .await
        .expect("an answer within 20 s");
    Answer::parse(&bytes)
}
