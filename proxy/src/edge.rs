//! The edge: pingora's `ProxyHttp`, and nothing but glue. Reads as a request's life.
//!
//! `request_filter` refuses what is malformed, strips what is forged, finds the client and the
//! route, builds the context, loads the state once and decides. What follows only reads the plan:
//! `upstream_peer` and `upstream_request_filter` run again on a retry and do the same again.
//! `logging` counts and logs, once. No phase waits for anything but the client and the upstream.

mod answer;
mod attempts;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod client;
mod connection;
mod context;
mod decisions;
mod device;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod geo;
mod head;
mod identity;
mod in_flight;
mod log_line;
mod plan;
mod request;
mod rewrite;
mod routes;
mod sanitize;
mod series;
mod service;
mod shutdown;
mod storing;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use async_trait::async_trait;
use http::header::{HOST, SET_COOKIE, VARY};
use http::{HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

use crate::config::{Config, Limits};
use crate::decide::At;
use crate::store::Store;
use crate::telemetry::{AccessLogHandle, AccessLogWriter, Metrics};
use crate::upstream::{Pool, Pools};

use answer::{Answer, error_status};
use attempts::Attempts;
use client::{Client, write_forwarded};
use context::Sources;
use decisions::{Cache, LEAST_FLAGS};
use in_flight::{InFlight, OnItsWay};
use plan::Plan;
use request::Request;
use rewrite::{REQUEST_ID, edit, request_id};
use routes::Routes;
use sanitize::Sanitizer;
use series::Series;

pub(crate) use context::provided;
pub use geo::{GeoError, GeoFile, GeoWatch};
pub use service::{BoundListener, EdgeService, Vital, server_settings};
pub use shutdown::{DrainSignal, Stop};

/// Everything that requests share.
#[derive(Debug)]
pub struct Edge {
    store: Arc<Store>,
    routes: Routes,
    targets: Box<[Target]>,
    /// What requests without a route are counted under.
    nowhere: Series,
    pools: Pools,
    sources: Sources,
    /// `None`: every request is decided anew.
    cache: Option<Cache>,
    sanitizer: Sanitizer,
    trusted: Box<[IpNet]>,
    limits: Limits,
    metrics: Metrics,
    access_log: AccessLogWriter,
    in_flight: InFlight,
}

/// One route, ready for use.
#[derive(Debug)]
struct Target {
    baseline: Arc<Pool>,
    decides: bool,
    series: Series,
}

/// One request on its way. Dropped at its end, also when a phase panics.
#[derive(Debug)]
pub struct Passage {
    started: Instant,
    client: Client,
    request_id: Option<HeaderValue>,
    route: Option<usize>,
    plan: Option<Plan>,
    identity: identity::Origin,
    set_cookie: Option<HeaderValue>,
    attempts: Option<Attempts>,
    _in_flight: OnItsWay,
}

impl Edge {
    /// Compiles the device expressions where the configuration asks for devices, which takes a
    /// second. Fails where they do not compile, or a route names an upstream that is not in `pools`.
    pub fn new(
        config: &Config,
        store: Arc<Store>,
        pools: Pools,
        geo: Option<Arc<GeoFile>>,
        metrics: Metrics,
        access_log: AccessLogWriter,
    ) -> anyhow::Result<Self> {
        let targets = config.routes.iter().map(|route| {
            let baseline = pools.get(&route.upstream).cloned();
            let baseline = baseline.with_context(|| format!("no upstream `{}`", route.upstream))?;
            let decides = !route.flags.is_empty() || route.canary.is_some();
            let series = Series::new(&route.name, &metrics);
            if let Some(canary) = &route.canary {
                series.expect_fallbacks(&canary.flag);
            }
            Ok(Target {
                baseline,
                decides,
                series,
            })
        });
        for pool in pools.iter() {
            // A counter that begins with its first failure hides it from `rate` and `increase`.
            metrics.connect_failures.with_label_values(&[&*pool.name]);
        }
        let cache_bytes = config.decisions.cache_bytes;
        let cache = (cache_bytes > 0)
            .then(|| Cache::new(cache_bytes, LEAST_FLAGS, &metrics.registry))
            .transpose()?;
        Ok(Self {
            routes: Routes::new(&config.routes),
            targets: targets.collect::<anyhow::Result<_>>()?,
            nowhere: Series::new("none", &metrics),
            sources: Sources::new(config, geo)?,
            cache,
            sanitizer: Sanitizer::new(&config.reserved),
            trusted: config.trusted_proxies.as_slice().into(),
            limits: config.limits,
            in_flight: InFlight::new(metrics.in_flight.clone()),
            store,
            pools,
            metrics,
            access_log,
        })
    }

    /// For asking the access log to open its file anew.
    pub fn access_log(&self) -> AccessLogHandle {
        self.access_log.handle()
    }

    /// Everything before a request goes anywhere. `Err` is an answer, not a failure.
    fn prepare(
        &self,
        peer: Option<IpAddr>,
        session: &mut Session,
        passage: &mut Passage,
    ) -> Result<(), Answer> {
        let head = session.req_header();
        let raw = session.to_h1_raw();
        sanitize::check(&head.method, head.version, &head.headers, &raw).map_err(|malformed| {
            tracing::debug!(%malformed, "request refused");
            Answer {
                status: StatusCode::BAD_REQUEST,
                text: "malformed request\n",
                close: true,
            }
        })?;
        let client = Client::find(peer, &head.headers, &self.trusted);
        passage.client = client;
        self.strip(session, client);

        let head = session.req_header();
        let request = Request {
            method: &head.method,
            uri: &head.uri,
            headers: &head.headers,
            client: &client,
            limit: self.limits.attribute_bytes,
        };
        passage.request_id = Some(request_id(&request));
        let host = request
            .host()
            .map(str::to_ascii_lowercase)
            .unwrap_or_default();
        let route = self.routes.find(&host, request.uri.path());
        let route = route.ok_or(Answer {
            status: StatusCode::NOT_FOUND,
            text: "no route\n",
            close: false,
        })?;
        passage.route = Some(route);
        let target = &self.targets[route];
        if target.decides {
            self.decide(route, &request, passage)?;
        }
        let canary = passage
            .plan
            .as_ref()
            .and_then(Plan::canary_upstream)
            .and_then(|name| self.pools.get(name));
        passage.attempts = Some(match canary.cloned() {
            Some(canary) => Attempts::new(
                canary,
                Some(Arc::clone(&target.baseline)),
                self.limits.retries,
            ),
            None => Attempts::new(Arc::clone(&target.baseline), None, self.limits.retries),
        });
        Ok(())
    }

    /// Removes what only this proxy, or only a trusted one, may say.
    fn strip(&self, session: &mut Session, client: Client) {
        let headers = &session.req_header().headers;
        let forged: Vec<HeaderName> = self
            .sanitizer
            .forged(headers)
            .into_iter()
            .cloned()
            .collect();
        let unbelieved: Vec<HeaderName> = self
            .sanitizer
            .unbelieved(headers, client.trusted)
            .into_iter()
            .cloned()
            .collect();
        if !forged.is_empty() {
            self.metrics.forged_headers.inc_by(forged.len() as u64);
        }
        for name in forged.iter().chain(&unbelieved) {
            // One call removes one name with all its values.
            session.req_header_mut().remove_header(name);
        }
    }

    /// Loads the state, once, and decides every flag of the route.
    fn decide(
        &self,
        route: usize,
        request: &Request<'_>,
        passage: &mut Passage,
    ) -> Result<(), Answer> {
        let at = At {
            now_ms: unix_ms(),
            synced_at_ms: self.store.current_at_ms(),
        };
        let state = Arc::clone(&self.store.load());
        let Some(flags) = state.routes.get(route).filter(|_| self.store.loaded()) else {
            return if self.store.serves_baseline() {
                Ok(())
            } else {
                Err(Answer {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    text: "no flag set yet\n",
                    close: false,
                })
            };
        };
        let attributes = state.snapshot.attributes();
        let bindings = flags.bindings.get_or_init(|| {
            self.sources
                .bind(flags, attributes, state.overrides.read_keys())
        });
        let (plan, identity, set_cookie) =
            self.sources
                .with_context(bindings, attributes, request, |context| {
                    Plan::make(Arc::clone(&state), route, context, at, self.cache.as_ref())
                });
        passage.plan = Some(plan);
        passage.identity = identity;
        passage.set_cookie = set_cookie;
        Ok(())
    }

    fn series(&self, passage: &Passage) -> &Series {
        passage
            .route
            .map_or(&self.nowhere, |route| &self.targets[route].series)
    }

    /// Connections are told to close while the proxy drains: a client that is not told sends its
    /// next request into a closed connection. Who did not ask to keep it (HTTP/1.0) waits for its
    /// end, so that only what pingora would keep is kept.
    fn keep_alive(&self, session: &mut Session) {
        let seconds = self.limits.keepalive.as_secs().max(1);
        let keep = session.get_keepalive().is_some() && !self.store.draining();
        session.set_keepalive(keep.then_some(seconds));
    }
}

#[async_trait]
impl ProxyHttp for Edge {
    type CTX = Passage;

    fn new_ctx(&self) -> Passage {
        Passage {
            started: Instant::now(),
            client: Client::default(),
            request_id: None,
            route: None,
            plan: None,
            identity: identity::Origin::None,
            set_cookie: None,
            attempts: None,
            _in_flight: self.in_flight.enter(),
        }
    }

    async fn request_filter(&self, session: &mut Session, passage: &mut Passage) -> Result<bool> {
        head::is_read();
        session.set_read_timeout(Some(self.limits.read_timeout));
        session.set_write_timeout(Some(self.limits.write_timeout));
        session.set_total_drain_timeout(Some(self.limits.read_timeout));
        self.keep_alive(session);
        match self.prepare(peer_address(session), session, passage) {
            Ok(()) => Ok(false),
            Err(answer) => answer.send(session).await.map(|()| true),
        }
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        passage: &mut Passage,
    ) -> Result<Box<HttpPeer>> {
        let attempts = passage
            .attempts
            .as_mut()
            .expect("request_filter lets no request pass without");
        let fell_back_before = attempts.fell_back();
        let endpoint = attempts.next();
        let none_left = if attempts.failures() > 0 { 502 } else { 503 };
        if attempts.fell_back() && !fell_back_before {
            self.series(passage).count_fallback(passage);
        }
        match endpoint {
            Some(endpoint) => Ok(endpoint.peer()),
            None => Error::e_explain(ErrorType::HTTPStatus(none_left), log_line::NO_ENDPOINT),
        }
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        let host = request.headers.get(HOST).cloned();
        let attempts = passage.attempts.as_ref();
        let fell_back = attempts.is_some_and(Attempts::fell_back);
        let endpoint = attempts.and_then(Attempts::endpoint);
        edit(request, |headers| {
            if let Some(endpoint) = endpoint.filter(|_| host.is_none()) {
                // A client of HTTP/1.0 need not say one, and pingora speaks HTTP/1.1 to the endpoint.
                headers.insert(HOST, endpoint.host().clone());
            }
            write_forwarded(headers, &passage.client, host);
            if let Some(id) = &passage.request_id {
                headers.insert(REQUEST_ID, id.clone());
            }
            if let Some(plan) = &passage.plan {
                plan.write(headers, fell_back);
            }
        })
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        _peer: &HttpPeer,
        _fd: std::os::unix::io::RawFd,
        _digest: Option<&Digest>,
        passage: &mut Passage,
    ) -> Result<()> {
        if let Some(endpoint) = passage
            .attempts
            .as_ref()
            .and_then(Attempts::endpoint)
            .filter(|_| !reused)
        {
            endpoint.passed();
        }
        Ok(())
    }

    /// Nothing has been sent, so another try is safe for any method.
    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        passage: &mut Passage,
        mut error: Box<Error>,
    ) -> Box<Error> {
        if let Some(attempts) = &mut passage.attempts {
            self.metrics
                .connect_failures
                .with_label_values(&[&*attempts.pool().name])
                .inc();
            error.set_retry(attempts.connect_failed());
        }
        error
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        if response.status.is_informational() && response.status != StatusCode::SWITCHING_PROTOCOLS
        {
            return Ok(());
        }
        if self.store.draining() {
            session.set_keepalive(None);
        }
        if let Some(cookie) = passage.set_cookie.take() {
            response.append_header(SET_COOKIE, cookie)?;
            // `Vary` cannot tell strangers apart: none of them has sent a cookie yet.
            storing::forbid(response)?;
        }
        if let Some(vary) = passage.plan.as_ref().and_then(Plan::vary) {
            response.append_header(VARY, vary.clone())?;
        }
        Ok(())
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        _passage: &mut Passage,
    ) -> FailToProxy {
        let code = error_status(error);
        // A response that has begun cannot be taken back; its connection ends within it.
        let begun = session.response_written().is_some_and(|response| {
            !response.status.is_informational()
                || response.status == StatusCode::SWITCHING_PROTOCOLS
        });
        session.set_keepalive(None);
        if code > 0 && !begun && Answer::failed(code).send(session).await.is_err() {
            tracing::debug!(code, "the client left before it could be told");
        }
        FailToProxy {
            error_code: code,
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, passage: &mut Passage) {
        let status = session
            .response_written()
            .map(|response| response.status.as_u16());
        let series = self.series(passage);
        series.count(passage, status, error.is_some());
        if let Some(plan) = &passage.plan {
            plan.count(&self.metrics.decisions);
        }
        if self.access_log.is_on() {
            self.access_log.write(log_line::render(
                session,
                passage,
                series.route(),
                status,
                error,
            ));
        }
    }

    /// The access log says it, with the request's id.
    fn suppress_error_log(&self, _session: &Session, _passage: &Passage, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _passage: &Passage,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

fn peer_address(session: &Session) -> Option<IpAddr> {
    Some(session.client_addr()?.as_inet()?.ip())
}

fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
