//! The way of a flag as one service: the source and `ingest`, in a runtime of their own.

use std::sync::Mutex;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;

use crate::config::Config;
use crate::ingest::Ingest;
use crate::source;

/// Follows the configured source until shutdown. The NATS client is made in here, because a client
/// belongs to the runtime that made it.
pub(super) struct FlagService {
    ingest: Mutex<Option<Ingest>>,
    config: Config,
}

impl FlagService {
    pub(super) fn new(ingest: Ingest, config: Config) -> Self {
        Self {
            ingest: Mutex::new(Some(ingest)),
            config,
        }
    }
}

#[async_trait]
impl BackgroundService for FlagService {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let taken = self.ingest.lock().ok().and_then(|mut ingest| ingest.take());
        let ingest = taken.expect("a service is started once");
        let (sender, receiver) = source::channel();
        let leaving = async move {
            // An error means that the server is gone, which is a shutdown as well.
            let _ = shutdown.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            () = source::run(&self.config, sender) => unreachable!("a source runs until it is dropped"),
            () = ingest.run(receiver, leaving) => {}
        }
    }
}
