//! What a log or a directory holds, for the environment that was asked for and for others.
//!
//! Proxies take the records of one environment, so a command that was given another one would write
//! where nobody reads, or over what somebody does. What was deleted and overrides that are over are no
//! such harm: under a wrong environment, deleting or clearing mends what was written there by mistake.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use jiff::Timestamp;

use crate::envelope::{Change, Document, Rejection, Verified};
use crate::registry::{Log, Registry, RegistryError};

/// See the module's documentation.
#[derive(Debug, Default)]
pub(in crate::cli) struct Contents {
    /// The newest record of every subject, of the environment that was asked for.
    pub(in crate::cli) records: Vec<Verified>,
    /// What counts in another environment, and is the last of its subject.
    foreign: Vec<Verified>,
    /// Who asked.
    environment: String,
    /// The log's name or the directory's, for people.
    place: String,
}

impl Contents {
    pub(in crate::cli) fn new(
        place: String,
        environment: String,
        records: Vec<Verified>,
        mut foreign: Vec<Verified>,
    ) -> Self {
        let now = Timestamp::now();
        foreign.retain(|record| counts(record, now));
        Self {
            records,
            foreign,
            environment,
            place,
        }
    }

    /// What a log holds.
    pub(in crate::cli) async fn of_log(
        registry: &Registry,
        log: &Log,
    ) -> Result<Self, RegistryError> {
        let (records, junk) = registry.newest(log).await?;
        let others: BTreeSet<&str> = junk
            .iter()
            .filter_map(|message| match &message.rejection {
                Rejection::Environment(other) => Some(other.as_str()),
                _ => None,
            })
            .collect();
        let mut foreign = Vec::new();
        for other in others {
            let (found, _) = registry.in_environment(other).newest(log).await?;
            let is_last = |record: &Verified| {
                let rejection = Rejection::Environment(other.to_owned());
                junk.iter().any(|message| {
                    message.subject == record.record().subject && message.rejection == rejection
                })
            };
            foreign.extend(found.into_iter().filter(is_last));
        }
        let environment = registry.environment().to_owned();
        Ok(Self::new(log.to_string(), environment, records, foreign))
    }

    /// Refuses to write where everything is another environment's.
    pub(in crate::cli) fn same_environment(&self) -> anyhow::Result<()> {
        if self.records.is_empty()
            && let Some(told) = self.told()
        {
            bail!("{told}; nothing was written. {ADVICE}");
        }
        Ok(())
    }

    /// Refuses to write over a record of another environment.
    pub(in crate::cli) fn not_over_another(&self, subject: &str) -> anyhow::Result<()> {
        let there = self.foreign.iter().map(Verified::record);
        if let Some(there) = there.into_iter().find(|there| there.subject == subject) {
            bail!(
                "{} holds a record of environment {:?} under {subject}, which one of {:?} would replace; nothing was written. {ADVICE}",
                self.place,
                there.environment,
                self.environment
            );
        }
        Ok(())
    }

    /// For the end of a message that something is not there; empty where nothing was passed by.
    pub(in crate::cli) fn note(&self) -> String {
        self.told()
            .map(|told| format!(": {told} ({ADVICE})"))
            .unwrap_or_default()
    }

    fn told(&self) -> Option<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for record in &self.foreign {
            *counts.entry(&record.record().environment).or_default() += 1;
        }
        let counts: Vec<String> = counts
            .into_iter()
            .map(|(other, count)| {
                let s = if count == 1 { "" } else { "s" };
                format!("{count} record{s} of environment {other:?}")
            })
            .collect();
        (!counts.is_empty()).then(|| {
            format!(
                "{} holds {}; you asked as {:?}",
                self.place,
                counts.join(" and "),
                self.environment
            )
        })
    }
}

const ADVICE: &str = "--environment or BURGEE_ENVIRONMENT names another";

/// Whether a proxy of its environment would heed it.
fn counts(record: &Verified, now: Timestamp) -> bool {
    match &record.record().change {
        Change::Put(Document::FlagSet(_)) => true,
        Change::Put(Document::Override(document)) => document.ends > now,
        Change::Delete => false,
    }
}
