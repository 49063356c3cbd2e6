//! Appending one change, so that it is either in force with its record or absent, whoever dies when.
//!
//! 1. The caller reads the subject's [`Head`] and decides.
//! 2. [`Registry::append`] composes the record on top of that head,
//! 3. publishes it once, expecting the head's sequence to be the subject's last,
//! 4. and where no acknowledgement comes, or a conflict does, looks for its own digest before anything
//!    else: there, it is done. Only junk came: again from 3. Another record came: the race is lost.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use jiff::Timestamp;

use super::{Cause, Head, Log, Registry, RegistryError};
use crate::envelope::{Change, Digest, Record, Rejection, Verified, seal};

/// What someone wants to change.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who.
    pub who: String,
    /// For what reason.
    pub why: String,
    /// By the clock that is closest to the broker's.
    pub when: Timestamp,
    /// What.
    pub change: Change,
}

/// A change that is in the log.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Its record.
    pub record: Verified,
}

/// Why a change is not in the log, or may not be.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It would not verify.
    #[error("the change cannot be recorded")]
    Refused(#[from] Rejection),
    /// Someone else changed the subject in the meantime. Nothing was overwritten.
    #[error(
        "{} was changed by {} at {} (revision {}: {:?}) in the meantime; nothing was overwritten",
        .winner.record().subject, .winner.record().who, .winner.record().when, .winner.record().revision, .winner.record().why
    )]
    LostRace {
        /// The record that came first.
        winner: Box<Verified>,
    },
    /// Nothing was written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The registry went silent after the change was sent. Running the same command again finds out.
    #[error(
        "whether the change (digest {digest}) is in the log is unknown: the registry stopped answering"
    )]
    Unsettled {
        /// The change's.
        digest: Digest,
        /// The last thing that went wrong.
        source: Cause,
    },
}

/// How long to look for a change whose fate is unknown.
const SETTLE_WITHIN: Duration = Duration::from_secs(20);
const SETTLE_PAUSE: Duration = Duration::from_millis(250);

impl Registry {
    /// Appends a change on top of `head`. Once this future is dropped the change may or may not be in
    /// the log; it is never there in part.
    pub async fn append(
        &self,
        log: &Log,
        subject: &str,
        head: &Head,
        draft: Draft,
    ) -> Result<Appended, AppendError> {
        let newest = head.newest.as_ref();
        let record = seal(Record {
            environment: self.environment.clone(),
            log: log.name().into(),
            subject: subject.into(),
            revision: newest.map_or(0, |newest| newest.record().revision) + 1,
            previous: newest.map(Verified::digest),
            who: draft.who,
            why: draft.why,
            when: draft.when,
            change: draft.change,
        })?;
        let deadline = Instant::now() + SETTLE_WITHIN;
        let mut sequence = head.sequence;
        loop {
            let Err(trouble) = self.publish(log, subject, sequence, &record).await? else {
                return Ok(Appended { record });
            };
            match self
                .settle(log, subject, head, &record, deadline, trouble)
                .await?
            {
                Settled::InLog => return Ok(Appended { record }),
                Settled::Lost(winner) => return Err(AppendError::LostRace { winner }),
                Settled::Absent { sequence: last } => sequence = last,
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
    }

    /// The outer error: it is certain that nothing was written. The inner: it is not.
    async fn publish(
        &self,
        log: &Log,
        subject: &str,
        sequence: u64,
        record: &Verified,
    ) -> Result<Result<(), Cause>, RegistryError> {
        // Never `Nats-Expected-Stream`: see the design's account of mirrors and replies.
        let message = PublishMessage::build()
            .payload(record.envelope().clone())
            .expected_last_subject_sequence(sequence);
        let error = match self.context.send_publish(subject.to_owned(), message).await {
            Ok(acknowledgement) => match acknowledgement.await {
                Ok(_) => return Ok(Ok(())),
                Err(error) => error,
            },
            Err(error) => error,
        };
        match error.kind() {
            PublishErrorKind::StreamNotFound => Err(RegistryError::NoLog(log.name().into())),
            PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::MaxAckPending => {
                Err(RegistryError::request(format!("appending to {log}"), error))
            }
            _ => Ok(Err(error.into())),
        }
    }

    async fn settle(
        &self,
        log: &Log,
        subject: &str,
        head: &Head,
        own: &Verified,
        deadline: Instant,
        mut trouble: Cause,
    ) -> Result<Settled, AppendError> {
        while Instant::now() < deadline {
            match self.look(log, subject, head, own).await {
                Ok(settled) => return Ok(settled),
                Err(error) => trouble = error.into(),
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
        Err(AppendError::Unsettled {
            digest: own.digest(),
            source: trouble,
        })
    }

    /// Everything that came onto the subject since `head` was read.
    async fn look(
        &self,
        log: &Log,
        subject: &str,
        head: &Head,
        own: &Verified,
    ) -> Result<Settled, RegistryError> {
        let now = self.head(log, subject).await?;
        let stream = self.stream(log).await?;
        let mut ours = false;
        let mut winner = None;
        if now.sequence > head.sequence {
            let policy = DeliverPolicy::ByStartSequence {
                start_sequence: head.sequence + 1,
            };
            self.scan(&stream, subject, policy, |entry| {
                let record = self.verify(log, &entry);
                if let Ok(verified) = record {
                    ours |= verified.digest() == own.digest();
                    winner.get_or_insert(verified);
                }
                if ours {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .await?;
        }
        Ok(match winner {
            _ if ours => Settled::InLog,
            Some(winner) => Settled::Lost(Box::new(winner)),
            None => Settled::Absent {
                sequence: now.sequence,
            },
        })
    }
}

enum Settled {
    InLog,
    Lost(Box<Verified>),
    Absent { sequence: u64 },
}
