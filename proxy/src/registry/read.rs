//! Reading a log: the newest record of one subject, of every subject, and what came since.
//!
//! Reads that decide what is written go to the stream's leader: a replica or a mirror may be behind.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, Info, pull};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use futures::StreamExt as _;

use super::{ANSWER_WITHIN, Log, Registry, RegistryError};
use crate::envelope::{Rejection, Verified, verify_message};

/// The end of one subject.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Sequence of its last message, junk or not; 0 where there is none. What an append expects.
    pub sequence: u64,
    /// Its newest record that verifies.
    pub newest: Option<Verified>,
}

/// A message that is no record.
#[derive(Clone, Debug)]
pub struct Junk {
    /// Where it stands.
    pub subject: String,
    /// Its sequence.
    pub sequence: u64,
    /// Why it does not count.
    pub rejection: Rejection,
}

/// One message of a log, as a reader sees it.
pub(crate) struct Entry<'m> {
    pub(crate) subject: &'m str,
    pub(crate) sequence: u64,
    pub(crate) payload: &'m Bytes,
}

/// When the broker made a consumer, by its clock.
pub(crate) fn unix_ms(consumer: &Info) -> i64 {
    i64::try_from(consumer.created.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}

/// Messages of the log that the first step of a walk back looks at; each step doubles it.
const FIRST_STEP: u64 = 256;

/// Walks back that run at the same time.
const WALKS_AT_ONCE: usize = 16;

impl Registry {
    /// The end of one subject, from the leader.
    pub async fn head(&self, log: &Log, subject: &str) -> Result<Head, RegistryError> {
        let stream = self.stream(log).await?;
        let last = match stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(Head::default());
            }
            Err(error) => return Err(RegistryError::request(format!("reading {subject}"), error)),
        };
        let newest = match verify_message(
            &last.payload,
            &self.environment,
            log,
            subject,
            last.sequence,
        ) {
            Ok(verified) => Some(verified),
            Err(_) => {
                self.newest_before(&stream, log, subject, last.sequence)
                    .await?
            }
        };
        Ok(Head {
            sequence: last.sequence,
            newest,
        })
    }

    /// The record that a message of `log` is, if it is one.
    pub(crate) fn verify(&self, log: &Log, entry: &Entry<'_>) -> Result<Verified, Rejection> {
        let (subject, sequence) = (entry.subject, entry.sequence);
        verify_message(entry.payload, &self.environment, log, subject, sequence)
    }

    /// The newest record of every subject, in order of subject, and the junk that stood before one.
    pub async fn newest(&self, log: &Log) -> Result<(Vec<Verified>, Vec<Junk>), RegistryError> {
        let stream = self.stream(log).await?;
        let mut found = BTreeMap::new();
        let mut junk = Vec::new();
        self.scan(
            &stream,
            &log.pattern(),
            DeliverPolicy::LastPerSubject,
            |entry| {
                match self.verify(log, &entry) {
                    Ok(verified) => {
                        found.insert(entry.subject.to_owned(), verified);
                    }
                    Err(rejection) => {
                        junk.push(Junk {
                            subject: entry.subject.to_owned(),
                            sequence: entry.sequence,
                            rejection,
                        });
                    }
                }
                ControlFlow::Continue(())
            },
        )
        .await?;
        let mut hidden = futures::stream::iter(&junk)
            .map(|message| self.newest_before(&stream, log, &message.subject, message.sequence))
            .buffer_unordered(WALKS_AT_ONCE);
        while let Some(older) = hidden.next().await {
            if let Some(verified) = older? {
                let subject = verified.record().subject.clone();
                found.entry(subject).or_insert(verified);
            }
        }
        drop(hidden);
        Ok((found.into_values().collect(), junk))
    }

    /// The newest record of `subject` that stands before `sequence` and verifies. Walks back in steps
    /// that double, so that a long history is not read for one message of junk; and not at all where the
    /// junk is the subject's only message, so that made-up subjects cost one question each.
    pub(crate) async fn newest_before(
        &self,
        stream: &Stream,
        log: &Log,
        subject: &str,
        sequence: u64,
    ) -> Result<Option<Verified>, RegistryError> {
        if self.stands_alone(stream, subject).await? {
            return Ok(None);
        }
        let (mut end, mut step) = (sequence, FIRST_STEP);
        while end > 1 {
            let start = end.saturating_sub(step).max(1);
            let mut newest = None;
            let policy = DeliverPolicy::ByStartSequence {
                start_sequence: start,
            };
            self.scan(stream, subject, policy, |entry| {
                if entry.sequence >= end {
                    return ControlFlow::Break(());
                }
                let record = self.verify(log, &entry);
                if let Ok(verified) = record {
                    newest = Some(verified);
                }
                ControlFlow::Continue(())
            })
            .await?;
            if newest.is_some() {
                return Ok(newest);
            }
            end = start;
            step = step.saturating_mul(2);
        }
        Ok(None)
    }

    /// Whether a subject holds one message only.
    async fn stands_alone(&self, stream: &Stream, subject: &str) -> Result<bool, RegistryError> {
        let failed = |error| RegistryError::request(format!("reading {subject}"), error);
        let mut counts = stream.info_with_subjects(subject).await.map_err(failed)?;
        let mut messages = 0;
        while let Some(count) = counts.next().await {
            messages += count.map_err(failed)?.1;
        }
        Ok(messages == 1)
    }

    /// Every log of ours on this server, in order of name.
    pub async fn logs(&self) -> Result<Vec<Log>, RegistryError> {
        let mut logs = Vec::new();
        let mut names = self.context.stream_names();
        while let Some(name) = names.next().await {
            let name = name.map_err(|error| RegistryError::request("listing the logs", error))?;
            logs.extend(Log::from_name(&name));
        }
        logs.sort();
        Ok(logs)
    }

    /// The broker's clock, in Unix milliseconds: what a server of any version writes into a consumer that
    /// it makes. The consumer is taken away again.
    pub async fn broker_clock_ms(&self, log: &Log) -> Result<i64, RegistryError> {
        let stream = self.stream(log).await?;
        let config = pull::Config {
            deliver_policy: DeliverPolicy::New,
            inactive_threshold: Duration::from_secs(1),
            memory_storage: true,
            ..Default::default()
        };
        let probe = stream
            .create_consumer(config)
            .await
            .map_err(|error| RegistryError::request(format!("asking {log} for the time"), error))?;
        let info = probe.cached_info();
        let _ = stream.delete_consumer(&info.name).await;
        Ok(unix_ms(info))
    }

    /// Visits what `policy` selects of the stream as it stands when the read begins, in order of
    /// sequence. Leaves no consumer behind.
    pub(crate) async fn scan(
        &self,
        stream: &Stream,
        filter: &str,
        policy: DeliverPolicy,
        mut visit: impl FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), RegistryError> {
        let what = || format!("reading {filter}");
        let config = pull::OrderedConfig {
            filter_subject: filter.to_owned(),
            deliver_policy: policy,
            ..Default::default()
        };
        let consumer = stream
            .create_consumer(config)
            .await
            .map_err(|error| RegistryError::request(what(), error))?;
        let name = consumer.cached_info().name.clone();
        let mut left = consumer.cached_info().num_pending;
        let mut messages = match consumer.messages().await {
            Ok(messages) => messages,
            Err(error) => return Err(RegistryError::request(what(), error)),
        };
        let mut outcome = Ok(());
        while left > 0 {
            let message = match tokio::time::timeout(ANSWER_WITHIN, messages.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) => {
                    outcome = Err(RegistryError::request(what(), error));
                    break;
                }
                Ok(None) | Err(_) => {
                    outcome = Err(RegistryError::Silent { what: what() });
                    break;
                }
            };
            let info = message
                .info()
                .map_err(|error| RegistryError::request(what(), error))?;
            left -= 1;
            let entry = Entry {
                subject: message.subject.as_str(),
                sequence: info.stream_sequence,
                payload: &message.payload,
            };
            if visit(entry).is_break() {
                break;
            }
        }
        drop(messages);
        // The server removes it by itself after a while, so a failure costs nothing.
        let _ = stream.delete_consumer(&name).await;
        outcome
    }
}
