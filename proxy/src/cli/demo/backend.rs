//! The demo's example backends: real HTTP servers that echo the request headers they received.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};

/// A backend that listens; dropped with the process.
#[derive(Debug)]
pub(super) struct Backend {
    /// Where it listens.
    pub(super) address: SocketAddr,
}

/// Starts a backend on a thread of its own. Fails where the address is taken.
pub(super) fn start(name: &'static str, address: &str) -> anyhow::Result<Backend> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("the {name} backend cannot listen on {address} (try --free-ports)")
    })?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name(format!("backend-{name}"))
        .spawn(move || {
            if let Err(error) = runtime.block_on(serve(name, listener)) {
                tracing::error!(backend = name, %error, "the example backend ended");
            }
        })?;
    Ok(Backend { address })
}

async fn serve(name: &'static str, listener: TcpListener) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let echo =
                service_fn(move |request| async move { Ok::<_, Infallible>(echo(name, &request)) });
            // A client that goes away ends its own connection only.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), echo)
                .await;
        });
    }
}

/// `GET /shop` and every header line, as a person reads them.
fn echo(name: &str, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut body = format!("backend: {name}\n{} {}\n", request.method(), request.uri());
    for (key, value) in request.headers() {
        body.push_str(key.as_str());
        body.push_str(": ");
        body.push_str(&String::from_utf8_lossy(value.as_bytes()));
        body.push('\n');
    }
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response.headers_mut().insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
