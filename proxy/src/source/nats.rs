//! The logs in NATS JetStream, followed for as long as the process lives.
//!
//! One connection that lives through everything: a broker that is away at the start, that restarts,
//! that is wiped. Each log is followed on its own by a [`follow::Follower`]. A watched directory of
//! local overrides stands beside the logs, for the night when the broker is what is broken.

mod follow;

use std::time::Duration;

use async_nats::Event;
use futures::future::join_all;
use tokio::sync::watch;

use super::file::Directory;
use super::synced::parts;
use super::{Sender, Update, override_logs};
use crate::config::NatsSource;
use crate::registry::{Kind, Log, Registry, connect_options};
use follow::Follower;

/// How often things are tried and looked at. The default is right outside tests.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two comparisons with a log's state. Jittered by a quarter.
    pub reconcile: Duration,
    /// The first pause after a failure; each further one is up to twice as long, jittered.
    pub retry_first: Duration,
    /// The longest pause.
    pub retry_at_most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            reconcile: Duration::from_secs(10),
            retry_first: Duration::from_millis(100),
            retry_at_most: Duration::from_secs(5),
        }
    }
}

impl Pace {
    /// The pause before attempt `attempt` (from 0): anything up to an exponentially growing bound, but
    /// never less than half of the first, so that a thousand proxies do not come back at once.
    fn pause(&self, attempt: u32) -> Duration {
        let bound = self
            .retry_first
            .saturating_mul(1 << attempt.min(16))
            .min(self.retry_at_most);
        rand::random_range(self.retry_first / 2..=bound.max(self.retry_first))
    }

    fn next_reconcile(&self) -> Duration {
        rand::random_range(self.reconcile * 3 / 4..=self.reconcile * 5 / 4)
    }
}

/// Follows every configured log. Never returns; dropping the future closes the connection.
pub(super) async fn run(config: &NatsSource, environment: &str, updates: &Sender, pace: Pace) {
    let (connection, connected) = watch::channel(false);
    let client = connect(config, connection, pace).await;
    let registry = Registry::new(client, config.domain.as_deref(), environment);
    let logs = override_logs(config.override_regions.iter().map(String::as_str));
    let local = config.local_overrides.as_deref();
    let mut override_parts =
        parts(Kind::Overrides, logs.len() + usize::from(local.is_some())).into_iter();
    let flag_parts = parts(Kind::FlagSets, 1);

    let followed = std::iter::once(Log::flags()).chain(logs.iter().cloned());
    let followers = join_all(
        followed
            .zip(
                flag_parts
                    .into_iter()
                    .chain(override_parts.by_ref().take(logs.len())),
            )
            .map(|(log, part)| {
                Follower::new(&registry, log, updates, part, connected.clone(), pace).run()
            }),
    );
    let local = async {
        if let (Some(path), Some(part)) = (local, override_parts.next()) {
            Directory::overrides(path, environment, logs.clone())
                .watch(updates, part)
                .await;
        }
    };
    tokio::join!(
        followers,
        local,
        tell_connection(connected.clone(), updates)
    );
}

/// A client that keeps trying for ever, in the background.
async fn connect(
    config: &NatsSource,
    connection: watch::Sender<bool>,
    pace: Pace,
) -> async_nats::Client {
    let mut attempt = 0;
    loop {
        match try_connect(config, connection.clone(), pace).await {
            Ok(client) => return client,
            // With retries in the background, only what is read beforehand can fail: a credentials file.
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "cannot set up the connection to NATS; trying again"
                );
                tokio::time::sleep(pace.pause(attempt)).await;
                attempt += 1;
            }
        }
    }
}

async fn try_connect(
    config: &NatsSource,
    connection: watch::Sender<bool>,
    pace: Pace,
) -> anyhow::Result<async_nats::Client> {
    let options = connect_options(config.credentials.as_deref(), config.connect_timeout)
        .await?
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(move |attempt| match attempt {
            0 | 1 => Duration::ZERO,
            more => pace.pause(u32::try_from(more - 2).unwrap_or(u32::MAX)),
        })
        .event_callback(move |event| {
            match event {
                Event::Connected => drop(connection.send_replace(true)),
                Event::Disconnected | Event::Closed => drop(connection.send_replace(false)),
                other => tracing::debug!(event = %other, "the connection to NATS tells"),
            }
            std::future::ready(())
        });
    Ok(options.connect(config.servers.as_slice()).await?)
}

async fn tell_connection(mut connected: watch::Receiver<bool>, updates: &Sender) {
    let mut before = false;
    loop {
        let now = *connected.borrow_and_update();
        match (before, now) {
            (_, true) => tracing::info!("connected to NATS"),
            (true, false) => tracing::warn!("lost the connection to NATS; trying on"),
            (false, false) => tracing::info!("not connected to NATS yet"),
        }
        before = now;
        updates.send(Update::Connected(now)).await;
        if connected.changed().await.is_err() {
            return;
        }
    }
}
