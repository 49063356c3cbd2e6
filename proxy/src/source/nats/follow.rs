//! Following one log: its current state, then every change, through whatever happens to the broker.
//!
//! The library's ordered consumer lives through lost messages, lost heartbeats and reconnects, and is
//! polled on through all of them. What it cannot see is a stream that was deleted and made again, or
//! restored to something shorter: it would wait in silence for a sequence that never comes. So the
//! stream's creation time and last sequence are compared, after every reconnect and every so often.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{DeliverPolicy, push};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Message, consumer::push::OrderedErrorKind};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::super::clock::BrokerClock;
use super::super::synced::Part;
use super::super::{FlagSetUpdate, OverrideUpdate, Refused, Sender, Update};
use super::Pace;
use crate::envelope::{Verified, verify_message};
use crate::registry::{Kind, Log, Registry, RegistryError, unix_ms};

/// A measurement of the broker's clock serves this long.
const CLOCK_FOR: Duration = Duration::from_mins(10);

/// One log and how far it was read.
pub(super) struct Follower<'a> {
    registry: &'a Registry,
    log: Log,
    updates: &'a Sender,
    part: Part,
    connected: watch::Receiver<bool>,
    pace: Pace,
    /// Creation time of the stream that was read last, in Unix nanoseconds.
    created_ns: Option<i128>,
    clock: Option<BrokerClock>,
    /// What was said last of why the log cannot be followed, so that it is said once.
    trouble: Option<String>,
}

/// How far the present consumer is.
struct Progress {
    created_ns: i128,
    /// Sequence of the last message, or of the stream's end where nothing was pending.
    seen: u64,
    /// Everything that was in the log when the consumer was made has been read up to here.
    target: u64,
    caught_up: bool,
    /// Where it stood at the last comparison, if it was behind then.
    behind_at: Option<u64>,
}

/// What the broker said of the stream.
struct Look {
    /// How far the follower was when it asked.
    seen: u64,
    stream: Result<Stream, RegistryError>,
    clock: Option<BrokerClock>,
}

/// Why a consumer is given up for a new one.
enum Restart {
    /// The stream is not the one that was followed, or ends earlier.
    Replaced,
    /// Nothing came although there was something to come.
    Stalled,
    /// The consumer ended.
    Ended,
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        registry: &'a Registry,
        log: Log,
        updates: &'a Sender,
        part: Part,
        connected: watch::Receiver<bool>,
        pace: Pace,
    ) -> Self {
        Self {
            registry,
            log,
            updates,
            part,
            connected,
            pace,
            created_ns: None,
            clock: None,
            trouble: None,
        }
    }

    /// Never returns.
    pub(super) async fn run(mut self) {
        let mut attempt = 0;
        loop {
            match self.follow(&mut attempt).await {
                Ok(Restart::Replaced) => {
                    tracing::warn!(log = %self.log, "the log was made again or is shorter than it was; reading it from the start, keeping what is newer here");
                }
                Ok(Restart::Stalled) => {
                    tracing::warn!(log = %self.log, "the consumer stalled; making another");
                }
                Ok(Restart::Ended) => {
                    tracing::info!(log = %self.log, "the consumer ended; making another");
                }
                Err(error) => self.report(&error),
            }
            tokio::time::sleep(self.pace.pause(attempt)).await;
            attempt = attempt.saturating_add(1);
        }
    }

    fn report(&mut self, error: &RegistryError) {
        let message = error.to_string();
        if self.trouble.as_ref() != Some(&message) {
            tracing::warn!(log = %self.log, error = chain(error), "cannot follow the log yet; trying on");
            self.trouble = Some(message);
        }
    }

    async fn follow(&mut self, attempt: &mut u32) -> Result<Restart, RegistryError> {
        let stream = self.registry.stream(&self.log).await?;
        let state = &stream.cached_info().state;
        let (messages, last_sequence) = (state.messages, state.last_sequence);
        let created_ns = stream.cached_info().created.unix_timestamp_nanos();
        if self
            .created_ns
            .replace(created_ns)
            .is_some_and(|before| before != created_ns)
        {
            tracing::warn!(log = %self.log, "this is not the stream that was followed before");
        }

        let asked = Instant::now();
        let consumer = stream
            .create_consumer(push::OrderedConfig {
                deliver_subject: self.registry.inbox(),
                deliver_policy: DeliverPolicy::LastPerSubject,
                filter_subject: self.log.pattern(),
                ..push::OrderedConfig::default()
            })
            .await
            .map_err(|error| self.failed(error))?;
        let info = consumer.cached_info();
        self.clock = Some(BrokerClock::measured(unix_ms(info), asked));
        // An empty log delivers nothing: that it was read to its end follows from its state alone.
        let nothing = info.num_pending == 0;
        let mut progress = Progress {
            created_ns,
            seen: if nothing { last_sequence } else { 0 },
            target: if messages == 0 { 0 } else { last_sequence },
            caught_up: nothing,
            behind_at: None,
        };
        let mut records = consumer
            .messages()
            .await
            .map_err(|error| self.failed(error))?;
        self.trouble = None;
        *attempt = 0;
        if progress.caught_up {
            self.part.synced(self.updates).await;
        }

        let mut next_look = Box::pin(tokio::time::sleep(self.pace.next_reconcile()));
        // Asked aside, so that a broker that is slow to answer holds up no record.
        let mut looking: Option<BoxFuture<'a, Look>> = None;
        loop {
            let look = tokio::select! {
                record = records.next() => match record {
                    Some(Ok(message)) => {
                        self.take(&stream, &message, &mut progress).await?;
                        false
                    }
                    // It recovers by itself, and it may be the sign of a stream that is gone.
                    Some(Err(error)) if error.kind() == OrderedErrorKind::MissingHeartbeat => true,
                    Some(Err(error)) => return Err(self.failed(error)),
                    None => return Ok(Restart::Ended),
                },
                look = answered(&mut looking) => {
                    if let Some(restart) = self.compare(look, &mut progress).await {
                        return Ok(restart);
                    }
                    false
                }
                changed = self.connected.changed() => changed.is_ok() && *self.connected.borrow_and_update(),
                () = &mut next_look => true,
            };
            if look {
                next_look
                    .as_mut()
                    .reset(tokio::time::Instant::now() + self.pace.next_reconcile());
                if looking.is_none() && *self.connected.borrow() {
                    looking = Some(self.look(progress.seen));
                }
            }
        }
    }

    /// One message: a record, or junk that hides an older one.
    async fn take(
        &self,
        stream: &Stream,
        message: &Message,
        progress: &mut Progress,
    ) -> Result<(), RegistryError> {
        let info = message.info().map_err(|error| self.failed(error))?;
        let (sequence, pending) = (info.stream_sequence, info.pending);
        let subject = message.subject.as_str();
        match verify_message(
            &message.payload,
            self.registry.environment(),
            &self.log,
            subject,
            sequence,
        ) {
            Ok(record) => self.updates.send(self.update(record)).await,
            Err(rejection) => {
                tracing::warn!(log = %self.log, subject, sequence, %rejection, "skipped a message that is no record");
                let refused = Refused {
                    kind: self.log.kind(),
                    name: Some(subject.to_owned()),
                    reason: rejection.reason(),
                    message: rejection.to_string(),
                };
                self.updates.send(Update::Refused(refused)).await;
                // While catching up only the last message of a subject is delivered; later, all are.
                if !progress.caught_up {
                    let older = self
                        .registry
                        .newest_before(stream, &self.log, subject, sequence)
                        .await?;
                    if let Some(record) = older {
                        self.updates.send(self.update(record)).await;
                    }
                }
            }
        }
        progress.seen = progress.seen.max(sequence);
        progress.caught_up |= sequence >= progress.target;
        if progress.caught_up && pending == 0 {
            self.part.synced(self.updates).await;
        }
        Ok(())
    }

    /// Asks for the stream's state, and for the time where the last answer is old.
    fn look(&self, seen: u64) -> BoxFuture<'a, Look> {
        let (registry, log) = (self.registry, self.log.clone());
        let clock_is_old = self.clock.is_none_or(|clock| clock.age() >= CLOCK_FOR);
        let wants_clock = self.part.kind() == Kind::Overrides && clock_is_old;
        Box::pin(async move {
            let stream = registry.stream(&log).await;
            let asked = Instant::now();
            let broker_ms = if wants_clock {
                registry.broker_clock_ms(&log).await.ok()
            } else {
                None
            };
            let clock = broker_ms.map(|broker_ms| BrokerClock::measured(broker_ms, asked));
            Look {
                seen,
                stream,
                clock,
            }
        })
    }

    /// Compares with the stream's state. Without an answer nothing is known, and nothing is done.
    async fn compare(&mut self, look: Look, progress: &mut Progress) -> Option<Restart> {
        self.clock = look.clock.or(self.clock);
        let stream = match look.stream {
            Ok(stream) => stream,
            Err(RegistryError::NoLog(_)) => return Some(Restart::Replaced),
            Err(error) => {
                tracing::debug!(log = %self.log, %error, "the log's state is unknown");
                return None;
            }
        };
        let info = stream.cached_info();
        let last_sequence = info.state.last_sequence;
        if info.created.unix_timestamp_nanos() != progress.created_ns || last_sequence < look.seen {
            return Some(Restart::Replaced);
        }
        if info.state.messages == 0 || last_sequence <= progress.seen {
            progress.caught_up = true;
            progress.behind_at = None;
            self.part.synced(self.updates).await;
            return None;
        }
        // Messages may be on their way. The same distance twice in a row is a stall.
        if progress.behind_at.replace(progress.seen) == Some(progress.seen) {
            return Some(Restart::Stalled);
        }
        None
    }

    fn update(&self, record: Verified) -> Update {
        match self.log.kind() {
            Kind::FlagSets => Update::FlagSet(FlagSetUpdate::Log(record)),
            Kind::Overrides => Update::Override(OverrideUpdate::Log {
                record,
                ahead_ms: self.clock.map(|clock| clock.ahead_ms()),
            }),
        }
    }

    fn failed(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RegistryError {
        RegistryError::request(format!("following the log {}", self.log), source)
    }
}

/// An error and everything that caused it, on one line.
fn chain(error: &RegistryError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
        error.source()
    });
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The answer to what was asked; never, where nothing was.
async fn answered(looking: &mut Option<BoxFuture<'_, Look>>) -> Look {
    let Some(look) = looking.as_mut() else {
        return std::future::pending().await;
    };
    let answer = look.await;
    *looking = None;
    answer
}
