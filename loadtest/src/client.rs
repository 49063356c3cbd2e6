//! One keep-alive connection: sends one request at a time, opens anew when the last one ended.
//!
//! Nothing is retried. A server that closes a connection without announcing it (`Connection: close`)
//! while a request is on its way costs that request, and it is counted.

use std::error::Error as _;
use std::io::ErrorKind;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::target::Target;

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No connection could be opened.
    Connect,
    /// The answer was not complete in time.
    Timeout,
    /// The connection was reset.
    Reset,
    /// The connection was closed before the answer was complete.
    Closed,
    /// The answer is not HTTP/1.1.
    Protocol,
    /// Never sent: the queue was full.
    Dropped,
}

/// A client that holds at most one connection to its target.
#[derive(Debug)]
pub(crate) struct Client {
    target: Target,
    headers: HeaderMap,
    open: Option<Open>,
}

impl Client {
    /// Opens nothing yet. `headers` go with every request.
    pub(crate) fn new(target: Target, mut headers: HeaderMap) -> Self {
        // A `Host` given by the caller is what a route is chosen by, so it wins.
        if !headers.contains_key(HOST) {
            headers.insert(HOST, target.host.clone());
        }
        Self {
            target,
            headers,
            open: None,
        }
    }

    /// Sends one request and reads its answer to the end.
    ///
    /// After a failure, and on cancellation, the connection is gone and the next request opens another.
    pub(crate) async fn send(
        &mut self,
        extra: (http::HeaderName, http::HeaderValue),
        deadline: Instant,
    ) -> Result<StatusCode, Failure> {
        tokio::time::timeout_at(deadline, self.exchange(extra))
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    async fn exchange(
        &mut self,
        (name, value): (http::HeaderName, http::HeaderValue),
    ) -> Result<StatusCode, Failure> {
        let mut open = match self.take_usable().await {
            Some(open) => open,
            None => Open::connect(&self.target).await?,
        };
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = Uri::from(self.target.path.clone());
        request.headers_mut().clone_from(&self.headers);
        request.headers_mut().insert(name, value);

        let response = open
            .sender
            .send_request(request)
            .await
            .map_err(|error| classify(&error))?;
        let status = response.status();
        let reusable = !announces_close(&response);
        discard(response.into_body()).await?;
        if reusable {
            self.open = Some(open);
        }
        Ok(status)
    }

    /// The last request's connection, unless the peer has closed it.
    ///
    /// Taken out, so that whatever goes wrong with the next request also drops the connection.
    async fn take_usable(&mut self) -> Option<Open> {
        let mut open = self.open.take()?;
        open.sender.ready().await.ok()?;
        Some(open)
    }
}

/// An established connection and the task that moves its bytes.
#[derive(Debug)]
struct Open {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Open {
    async fn connect(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(target.address)
            .await
            .map_err(|_| Failure::Connect)?;
        // Without it, Nagle's algorithm adds delays of its own to what is measured.
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Failure::Connect)?;
        let driver = tokio::spawn(async move {
            // What goes wrong reaches the request that was on its way.
            drop(connection.await);
        });
        Ok(Self { sender, driver })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn announces_close(response: &Response<Incoming>) -> bool {
    response
        .headers()
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("close"))
}

async fn discard(mut body: Incoming) -> Result<(), Failure> {
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| classify(&error))?;
    }
    Ok(())
}

fn classify(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::Protocol;
    }
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe) => {
            Failure::Reset
        }
        // Everything else that hyper reports of a client connection is one that ended too early.
        _ => Failure::Closed,
    }
}
