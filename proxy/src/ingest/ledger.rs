//! Every override that is known, by subject, whether it counts or not.
//!
//! A log and the local directory can hold a record of the same subject: the later signed time counts,
//! so that an override can be set, replaced or cleared locally while the broker is away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::disk::Kept;
use super::refusals::Refusals;
use crate::envelope::{Change, Digest, Document, Verified};
use crate::overrides::{Known, MAX_DURATION, is_from_the_future, local_end_ms};
use crate::registry::{Kind, Log};
use crate::source::{OverrideUpdate, Refused};
use crate::store::Origin;

/// Subjects of overrides that a proxy remembers, those that are over included. More are ignored and counted.
const MAX_SUBJECTS: usize = 100_000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By log and subject.
    logged: BTreeMap<(String, String), Held>,
    /// By file.
    local: BTreeMap<String, ((String, String), Held)>,
}

#[derive(Debug)]
struct Held {
    revision: u64,
    digest: Digest,
    when_ms: i64,
    /// `None`: cleared.
    known: Option<Arc<Known>>,
}

/// What became of an update.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) changed: bool,
    pub(super) keep: Option<Kept>,
}

impl Ledger {
    /// Takes an update. `now_ms` is when this proxy saw it.
    pub(super) fn take(
        &mut self,
        update: OverrideUpdate,
        now_ms: u64,
        refusals: &mut Refusals,
    ) -> Taken {
        match update {
            OverrideUpdate::Listed { files } => {
                let before = self.local.len();
                self.local.retain(|file, _| files.contains(file));
                Taken {
                    changed: self.local.len() != before,
                    keep: None,
                }
            }
            OverrideUpdate::File { file, record: None } => {
                refusals.mended(Kind::Overrides, &file);
                Taken {
                    changed: self.local.remove(&file).is_some(),
                    keep: None,
                }
            }
            OverrideUpdate::File {
                file,
                record: Some(record),
            } => {
                if is_from_the_future(record.record().when, now_ms, None) {
                    return from_the_future(&file, &record, refusals);
                }
                if self.local.len() >= MAX_SUBJECTS && !self.local.contains_key(&file) {
                    return too_many(&file, refusals);
                }
                refusals.mended(Kind::Overrides, &file);
                let ends_ms = end(&record, now_ms, None);
                self.local
                    .insert(file, (key(&record), hold(&record, Origin::File, ends_ms)));
                Taken {
                    changed: true,
                    keep: None,
                }
            }
            OverrideUpdate::Log { record, ahead_ms } => {
                self.log(record, ahead_ms, now_ms, refusals)
            }
        }
    }

    fn log(
        &mut self,
        record: Verified,
        ahead_ms: Option<i64>,
        now_ms: u64,
        refusals: &mut Refusals,
    ) -> Taken {
        if is_past(record.record().when.as_millisecond(), now_ms) {
            return Taken::default();
        }
        let key = key(&record);
        if is_from_the_future(record.record().when, now_ms, ahead_ms) {
            return from_the_future(&key.1, &record, refusals);
        }
        let revision = record.record().revision;
        if let Some(held) = self.logged.get_mut(&key) {
            // The same document once more, in a log that was made again, is nothing to refuse. What
            // was remembered stays: a lower revision must not open the way for what came between.
            let same = held.revision == revision && held.digest == record.digest();
            if same || (held.revision >= revision && held.says(&record)) {
                refusals.agreed(Kind::Overrides, &key.1);
                // Its end was settled when it was first seen.
                let known = held
                    .known
                    .as_mut()
                    .filter(|known| known.origin == Origin::Disk);
                return Taken {
                    changed: known
                        .map(|known| Arc::make_mut(known).origin = Origin::Log)
                        .is_some(),
                    keep: None,
                };
            }
            if held.revision >= revision {
                let reason = if held.revision == revision {
                    "fork"
                } else {
                    "older"
                };
                let message = format!(
                    "the log holds revision {revision} ({}), but revision {} was seen already",
                    record.digest(),
                    held.revision
                );
                tracing::warn!(
                    subject = key.1,
                    reason,
                    message,
                    "an override's record is not newer than the one that was seen; kept that one"
                );
                return refuse(&key.1, reason, message, refusals);
            }
        } else if self.logged.len() >= MAX_SUBJECTS {
            return too_many(&key.1, refusals);
        }
        refusals.mended(Kind::Overrides, &key.1);
        let ends_ms = end(&record, now_ms, ahead_ms);
        self.logged.insert(key, hold(&record, Origin::Log, ends_ms));
        let log = Log::from_name(&record.record().log);
        Taken {
            changed: true,
            keep: log.map(|log| Kept::record(log, record, Some(ends_ms))),
        }
    }

    /// A record was on disk, with the end that was settled when it was first seen.
    pub(super) fn restore(&mut self, record: &Verified, ends_ms: Option<u64>, now_ms: u64) {
        // The signed duration bounds what a disk says, too.
        let ends_ms = ends_ms
            .unwrap_or(u64::MAX)
            .min(end_by_duration(record, now_ms));
        self.logged
            .insert(key(record), hold(record, Origin::Disk, ends_ms));
    }

    /// Drops what no replay could revive any more: an override that was signed longer ago than the
    /// longest duration is over, and so is every earlier one of its subject.
    pub(super) fn forget(&mut self, now_ms: u64) {
        self.logged.retain(|_, held| !is_past(held.when_ms, now_ms));
    }

    /// Of every subject, the record that counts, unless it was cleared or had ended by `now_ms`.
    pub(super) fn current(&self, now_ms: u64) -> impl Iterator<Item = &Arc<Known>> {
        let mut newest: BTreeMap<&(String, String), &Held> = self.logged.iter().collect();
        for (key, held) in self.local.values() {
            let logged = newest.entry(key).or_insert(held);
            if (held.when_ms, held.digest) > (logged.when_ms, logged.digest) {
                *logged = held;
            }
        }
        newest
            .into_values()
            .filter_map(|held| held.known.as_ref())
            .filter(move |known| now_ms < known.ends_ms)
    }
}

impl Held {
    /// Whether `record` puts the document that is held.
    fn says(&self, record: &Verified) -> bool {
        match (&record.record().change, &self.known) {
            (Change::Put(Document::Override(document)), Some(known)) => *document == known.document,
            _ => false,
        }
    }
}

/// Set later than now, by any clock that is believed.
fn from_the_future(name: &str, record: &Verified, refusals: &mut Refusals) -> Taken {
    let message = format!(
        "it says that it was set at {}, which is yet to come",
        record.record().when
    );
    tracing::warn!(
        name,
        problem = message,
        "an override's record does not count"
    );
    refuse(name, "future", message, refusals)
}

fn too_many(name: &str, refusals: &mut Refusals) -> Taken {
    let message = format!("more than {MAX_SUBJECTS} overrides are known");
    refuse(name, "too_many", message, refusals)
}

/// Counts and shows it. Nothing changes but what is shown.
fn refuse(name: &str, reason: &'static str, message: String, refusals: &mut Refusals) -> Taken {
    refusals.count(Kind::Overrides, reason);
    refusals.show(Refused {
        kind: Kind::Overrides,
        name: Some(name.to_owned()),
        reason,
        message,
    });
    Taken::default()
}

/// Whether a record that was signed at `when_ms` can be forgotten. A day is added for clocks that disagree.
pub(super) fn is_past(when_ms: i64, now_ms: u64) -> bool {
    let kept_ms = (MAX_DURATION + Duration::from_hours(24)).as_millis();
    i128::from(now_ms) - i128::from(when_ms) > i128::try_from(kept_ms).unwrap_or(i128::MAX)
}

fn key(record: &Verified) -> (String, String) {
    (record.record().log.clone(), record.record().subject.clone())
}

fn hold(verified: &Verified, origin: Origin, ends_ms: u64) -> Held {
    let record = verified.record();
    let known = match &record.change {
        Change::Put(Document::Override(document)) => Some(Arc::new(Known {
            document: document.clone(),
            log: record.log.clone(),
            origin,
            revision: record.revision,
            when: record.when,
            digest: verified.digest(),
            who: record.who.clone(),
            why: record.why.clone(),
            ends_ms,
        })),
        Change::Put(Document::FlagSet(_)) | Change::Delete => None,
    };
    Held {
        revision: record.revision,
        digest: verified.digest(),
        when_ms: record.when.as_millisecond(),
        known,
    }
}

fn end(verified: &Verified, now_ms: u64, ahead_ms: Option<i64>) -> u64 {
    match &verified.record().change {
        Change::Put(Document::Override(document)) => {
            local_end_ms(verified.record().when, document.ends, now_ms, ahead_ms)
        }
        _ => now_ms,
    }
}

fn end_by_duration(verified: &Verified, now_ms: u64) -> u64 {
    match &verified.record().change {
        Change::Put(Document::Override(document)) => {
            let signed = document
                .ends
                .duration_since(verified.record().when)
                .as_millis();
            now_ms.saturating_add(u64::try_from(signed).unwrap_or(0))
        }
        _ => now_ms,
    }
}
