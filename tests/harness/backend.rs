//! A backend that says what it received.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::port::Port;

/// What a backend answers: the request as it arrived.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Echo {
    /// The backend's name.
    pub backend: String,
    /// The request's method.
    pub method: String,
    /// The request's path and query.
    pub target: String,
    /// The request's headers, names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: String,
}

impl Echo {
    /// The value of the only header of this name. Panics when there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let first = values.next();
        assert!(
            values.next().is_none(),
            "{name} arrived more than once: {:?}",
            self.headers
        );
        first.map(|(_, value)| value.as_str())
    }
}

/// A real HTTP/1.1 server. Dropping it stops it.
#[derive(Debug)]
pub struct Backend {
    port: Port,
    state: Arc<State>,
    server: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    name: String,
    requests: AtomicU64,
    delay_ms: AtomicU64,
    /// Beside the content's type.
    headers: Mutex<HeaderMap>,
}

impl Backend {
    /// Starts one.
    pub async fn start(name: &str) -> Backend {
        let state = State {
            name: name.to_owned(),
            requests: AtomicU64::new(0),
            delay_ms: AtomicU64::new(0),
            headers: Mutex::default(),
        };
        let mut backend = Backend {
            port: Port::free(),
            state: Arc::new(state),
            server: None,
        };
        backend.resume().await;
        backend
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// How many requests it has received.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// How long it waits before each answer from now on.
    pub fn set_delay(&self, delay: Duration) {
        let delay_ms = u64::try_from(delay.as_millis()).expect("a delay of sane length");
        self.state.delay_ms.store(delay_ms, Ordering::Relaxed);
    }

    /// The headers that its answers have from now on, beside the content's type.
    pub fn set_headers(&self, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::try_from(*name).expect("a header name");
            (name, HeaderValue::try_from(*value).expect("a header value"))
        });
        let headers = headers.collect();
        *self
            .state
            .headers
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = headers;
    }

    /// Closes the listener and every connection, and returns when connecting is refused.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
    }

    /// Listens again on the same port. Panics when it already does.
    pub async fn resume(&mut self) {
        assert!(
            self.server.is_none(),
            "backend {} already listens",
            self.state.name
        );
        let listener = TcpListener::bind(self.address())
            .await
            .expect("a port of our own");
        self.server = Some(tokio::spawn(serve(listener, Arc::clone(&self.state))));
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// Accepts until it is aborted; its connections end with it, because the set of them is dropped.
async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        while connections.try_join_next().is_some() {}
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, &state));
            // A connection that breaks is the other side's affair.
            let _ = hyper::server::conn::http1::Builder::new()
                .max_headers(256)
                .max_buf_size(1 << 20)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: &State,
) -> Result<Response<Full<Bytes>>, Infallible> {
    state.requests.fetch_add(1, Ordering::Relaxed);
    let delay_ms = state.delay_ms.load(Ordering::Relaxed);
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = parts.headers.iter();
    let echo = Echo {
        backend: state.name.clone(),
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
            .collect(),
        body: text(&body),
    };
    let echo = serde_json::to_vec(&echo).expect("plain strings are JSON");
    let mut response = Response::new(Full::new(Bytes::from(echo)));
    let json = HeaderValue::from_static("application/json");
    let headers = state.headers.lock().unwrap_or_else(PoisonError::into_inner);
    response.headers_mut().clone_from(&headers);
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::Backend;
    use crate::{Call, Relay, exchange};

    #[tokio::test(flavor = "multi_thread")]
    async fn every_client_gets_the_echo_and_a_stopped_backend_refuses() {
        let mut backend = Backend::start("b").await;
        let echo = Call::get(backend.address(), "/a?b")
            .header("x-c", "d")
            .post("e")
            .echo()
            .await;
        assert_eq!(
            (
                echo.method.as_str(),
                echo.target.as_str(),
                echo.body.as_str()
            ),
            ("POST", "/a?b", "e")
        );
        assert_eq!(echo.header("x-c"), Some("d"));
        let raw = "GET / HTTP/1.1\r\nHost: a\r\nX_Odd.Name: v\r\nConnection: close\r\n\r\n";
        let echo = exchange(backend.address(), raw).await.echo();
        assert_eq!(echo.header("x_odd.name"), Some("v"));
        assert_eq!(backend.requests(), 2);
        backend.stop().await;
        assert!(Call::get(backend.address(), "/").try_send().await.is_err());
        backend.resume().await;
        Call::get(backend.address(), "/").echo().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_relay_holds_a_request_until_it_is_released() {
        let backend = Backend::start("b").await;
        let relay = Relay::start(backend.address(), "x-hold").await;
        Call::get(relay.address(), "/").echo().await;
        let held = tokio::spawn(Call::get(relay.address(), "/").header("x-hold", "1").echo());
        relay.held().await;
        assert_eq!(backend.requests(), 1);
        relay.release();
        held.await.expect("an echo");
        assert_eq!(backend.requests(), 2);
    }
}
