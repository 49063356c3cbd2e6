//! A client that follows the rules of HTTP/1.1, one visible connection at a time.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::backend::Echo;

/// One connection, used for one request after the other.
#[derive(Debug)]
pub(crate) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    closing: bool,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Connection, String> {
        let connect = async {
            let stream = TcpStream::connect(address)
                .await
                .map_err(|error| error.to_string())?;
            handshake(TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())
        };
        let (requests, connection) = connect
            .await
            .map_err(|error| format!("connecting to {address}: {error}"))?;
        // Its end shows in the requests.
        tokio::spawn(connection);
        Ok(Connection {
            requests,
            closing: false,
        })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let exchange = async {
            self.requests.ready().await?;
            let (parts, body) = self.requests.send_request(request).await?.into_parts();
            Ok((parts, body.collect().await?.to_bytes()))
        };
        let (parts, body) = exchange
            .await
            .map_err(|error: hyper::Error| describe(&error))?;
        let connection = parts.headers.get(http::header::CONNECTION);
        self.closing =
            connection.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// Whether the other side announced that it closes this connection.
    pub(crate) fn closing(&self) -> bool {
        self.closing
    }
}

/// One request in the making.
#[derive(Clone, Debug)]
pub struct Call {
    address: SocketAddr,
    request: Request<Full<Bytes>>,
}

/// One whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// `GET` of a path and query. The Host header is the address until another is given.
    pub fn get(address: SocketAddr, target: &str) -> Call {
        let request = Request::get(target)
            .header(http::header::HOST, address.to_string())
            .body(Full::default())
            .expect("a path and query");
        Call { address, request }
    }

    /// Makes it a `POST` with this body.
    #[must_use]
    pub fn post(mut self, body: &str) -> Call {
        *self.request.method_mut() = Method::POST;
        *self.request.body_mut() = Full::new(Bytes::from(body.to_owned()));
        self
    }

    /// Replaces the header `host`, adds any other one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Call {
        let name = HeaderName::try_from(name).expect("a header name");
        let value = HeaderValue::try_from(value).expect("a header value");
        let headers = self.request.headers_mut();
        if name == http::header::HOST {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
        self
    }

    /// Sends it on a connection of its own. Panics when no answer comes.
    pub async fn send(self) -> Answer {
        self.try_send()
            .await
            .unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends it on a connection of its own.
    pub async fn try_send(self) -> Result<Answer, String> {
        Connection::open(self.address)
            .await?
            .send(self.request)
            .await
    }

    /// Sends it and reads what the backend received. Panics unless the status is 200.
    pub async fn echo(self) -> Echo {
        self.send().await.echo()
    }

    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        self.request.clone()
    }
}

impl Answer {
    /// What the backend received. Panics unless the status is 200.
    pub fn echo(&self) -> Echo {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).expect("a backend answers with an echo")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An error with its causes.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
