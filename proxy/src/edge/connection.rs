//! A connection's life: how many there may be, and one request after the other on each.
//!
//! pingora serves every connection that the descriptors allow and has no total deadline for a
//! request's head. So each connection is served here, through pingora's own per-request entry, within
//! [`Limits`]: one that finds no room is closed at once, and a head that is overdue or too long ends
//! its connection. Both are counted.

use std::sync::Arc;

use async_trait::async_trait;
use pingora::apps::{HttpPersistentSettings, HttpServerApp, ServerApp};
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use prometheus::IntCounterVec;
use tokio::sync::Semaphore;

use super::Edge;
use super::head::HeadStream;
use crate::config::Limits;

/// Serves connections, each within its bounds.
pub(super) struct Connections {
    proxy: Arc<HttpProxy<Edge>>,
    limits: Limits,
    room: Arc<Semaphore>,
    /// By reason: `limit`, `head_timeout`, `head_size`.
    ended: IntCounterVec,
}

impl Connections {
    pub(super) fn new(proxy: HttpProxy<Edge>, limits: Limits, ended: IntCounterVec) -> Self {
        Self {
            proxy: Arc::new(proxy),
            limits,
            room: Arc::new(Semaphore::new(limits.connections)),
            ended,
        }
    }

    fn count(&self, reason: &str) {
        self.ended.with_label_values(&[reason]).inc();
    }

    /// One request. Gives the connection back where it can carry another.
    async fn serve(
        &self,
        mut stream: HeadStream,
        settings: Option<HttpPersistentSettings>,
        shutdown: &ShutdownWatch,
    ) -> Option<(Stream, Option<HttpPersistentSettings>)> {
        let head = stream.next_head();
        let mut session = ServerSession::new_http1(Box::new(stream));
        match settings {
            Some(settings) => settings.apply_to_session(&mut session),
            None => session.set_keepalive(Some(self.limits.keepalive.as_secs())),
        }
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        let request = self.proxy.process_new_http(session, shutdown);
        let served = tokio::select! {
            served = Arc::clone(&head).serve(request) => served,
            () = head.overdue(self.limits.keepalive, self.limits.head_timeout) => {
                // Waiting in silence for a next request is what kept connections do.
                if head.has_begun() {
                    self.count("head_timeout");
                }
                None
            }
        };
        if head.was_too_long() {
            self.count("head_size");
        }
        served.map(pingora::apps::ReusedHttpStream::consume)
    }
}

#[async_trait]
impl ServerApp for Connections {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let Ok(_room) = self.room.try_acquire() else {
            self.count("limit");
            return None;
        };
        let mut next = HeadStream::new(stream, self.limits.head_bytes);
        let mut settings = None;
        while let Some((stream, persistent)) = self.serve(next, settings, shutdown).await {
            // What comes back is what was handed in.
            next = *stream.into_any().downcast::<HeadStream>().ok()?;
            settings = persistent;
        }
        None
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}
