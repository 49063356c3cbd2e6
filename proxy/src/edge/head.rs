//! A bound on reading a request's head: how long it may take and how long it may be.
//!
//! pingora bounds the time between two reads and takes heads of up to 1 MiB, so that a client which
//! sends a byte every few seconds holds its connection, and its memory, for as long as it likes. A
//! [`HeadStream`] counts what is read while a head is awaited, and [`Head::overdue`] ends the wait.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::sleep;

/// What is answered to a head that is too long (RFC 6585, 5).
const TOO_LONG: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
Content-Length: 0\r\nConnection: close\r\n\r\n";

/// How far the head of one request has been read. Shared by the stream, the wait, and the edge.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: AtomicUsize,
    begun: Notify,
    read: AtomicBool,
    too_long: AtomicBool,
}

tokio::task_local! {
    /// The head of the request that this task serves.
    static HEAD: Arc<Head>;
}

/// Says that the present request's head has been read: from here on its own limits count.
pub(super) fn is_read() {
    // A request that did not come through a guarded connection has no head to bound.
    let _ = HEAD.try_with(|head| head.read.store(true, Ordering::Release));
}

impl Head {
    /// Serves a request whose head this is.
    pub(super) async fn serve<T>(self: Arc<Self>, request: impl Future<Output = T>) -> T {
        HEAD.scope(self, request).await
    }

    /// Resolves when the head is overdue: no byte of it within `idle`, or not all of it within
    /// `limit` of its first byte. Never resolves once it has been read.
    pub(super) async fn overdue(&self, idle: Duration, limit: Duration) {
        tokio::select! {
            () = self.begun.notified() => sleep(limit).await,
            () = sleep(idle) => {}
        }
        if self.read.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the client had begun to send it.
    pub(super) fn has_begun(&self) -> bool {
        self.bytes.load(Ordering::Acquire) > 0
    }

    /// Whether it was refused for its length.
    pub(super) fn was_too_long(&self) -> bool {
        self.too_long.load(Ordering::Acquire)
    }
}

/// A connection on which heads are bounded.
#[derive(Debug)]
pub(super) struct HeadStream {
    inner: Stream,
    head: Arc<Head>,
    limit: usize,
}

impl HeadStream {
    /// Bounds the heads that are read from `inner` to `limit` bytes each.
    pub(super) fn new(inner: Stream, limit: usize) -> Self {
        Self {
            inner,
            head: Arc::default(),
            limit,
        }
    }

    /// Awaits the next head.
    pub(super) fn next_head(&mut self) -> Arc<Head> {
        self.head = Arc::default();
        Arc::clone(&self.head)
    }

    /// Refuses the head. The answer is not waited for: a client that does not read gets none.
    fn refuse(&mut self, context: &mut Context<'_>) -> io::Error {
        if !self.head.too_long.swap(true, Ordering::AcqRel) {
            let _ = Pin::new(&mut self.inner).poll_write(context, TOO_LONG);
            let _ = Pin::new(&mut self.inner).poll_flush(context);
        }
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the head of the request is too long",
        )
    }
}

impl AsyncRead for HeadStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.head.read.load(Ordering::Acquire) {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        let before = self.head.bytes.load(Ordering::Acquire);
        let left = self.limit.saturating_sub(before);
        if left == 0 {
            return Poll::Ready(Err(self.refuse(context)));
        }
        // Whatever follows the head in the same read counts with it, so no more is read than may be.
        let room = left.min(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let polled = Pin::new(&mut self.inner).poll_read(context, &mut part);
        let count = part.filled().len();
        buffer.advance(count);
        if count > 0 {
            self.head.bytes.store(before + count, Ordering::Release);
            if before == 0 {
                self.head.begun.notify_one();
            }
        }
        polled
    }
}

impl AsyncWrite for HeadStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

// Everything else is what the connection inside says of itself.

#[async_trait]
impl Shutdown for HeadStream {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}

impl UniqueID for HeadStream {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for HeadStream {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

#[async_trait]
impl Peek for HeadStream {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.inner.try_peek(buffer).await
    }
}

impl GetTimingDigest for HeadStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for HeadStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.inner.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for HeadStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.inner.set_socket_digest(digest);
    }
}
