//! SIGHUP: the access log is opened anew, as tools that rotate logs expect.

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::signal::unix::{SignalKind, signal};

use crate::telemetry::AccessLogHandle;

/// Reopens the access log at every SIGHUP. Without it, the signal would end the process.
pub(super) struct Rotate(pub(super) AccessLogHandle);

#[async_trait]
impl BackgroundService for Rotate {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => {
                tracing::error!(%error, "SIGHUP cannot be received; it ends the process");
                return;
            }
        };
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    tracing::info!("SIGHUP: the access log is opened anew");
                    self.0.reopen();
                }
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }
}
