//! Every flag set that is known: what is served of it, what was seen of it, and what waits.
//!
//! A set's place is its name in the log, or its file's name in a directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burgee_eval::{FlagSet, Severity};

use super::compiling::{Outcome, holders};
use super::disk::Kept;
use super::refusals::{Refusals, bounded};
use crate::envelope::{Change, Digest, Document, FlagSetText, Verified};
use crate::registry::{Kind, Log};
use crate::source::Refused;
use crate::store::{Origin, SetStatus};

/// Flag sets that a proxy holds. More are refused and counted.
const MAX_SETS: usize = 10_000;

/// Refused sets that nothing else is known of, at most this many of which are shown.
const MAX_STRANGERS: usize = 100;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Sets {
    places: BTreeMap<String, Place>,
    waiting: BTreeMap<String, Job>,
    /// Something that is shown changed without a compilation.
    restated: bool,
}

#[derive(Debug, Default)]
struct Place {
    served: Option<Served>,
    /// The highest revision that the log has shown, served or not, and its digest. Nothing older counts.
    seen: Option<(u64, Digest)>,
    /// Why a newer version is not served.
    rejected: Option<String>,
}

#[derive(Debug)]
struct Served {
    set: Arc<FlagSet>,
    revision: u64,
    digest: Digest,
    origin: Origin,
}

/// One version of one set, to be compiled.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) place: String,
    /// The set's name where the document does not say it.
    pub(super) name: String,
    /// The name is the log's, and the document may not say another.
    pub(super) named: bool,
    /// `None`: deleted.
    pub(super) document: Option<FlagSetText>,
    origin: Origin,
    record: Option<Verified>,
}

impl Sets {
    /// A file was written or removed.
    pub(super) fn file(
        &mut self,
        file: String,
        document: Option<FlagSetText>,
        refusals: &mut Refusals,
    ) {
        refusals.mended(Kind::FlagSets, &file);
        let name = Path::new(&file)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or(&file)
            .to_owned();
        let job = Job {
            place: file.clone(),
            name,
            named: false,
            document,
            origin: Origin::File,
            record: None,
        };
        self.waiting.insert(file, job);
    }

    /// A record came from the log.
    pub(super) fn record(&mut self, record: Verified, refusals: &mut Refusals) {
        self.take(record, Origin::Log, refusals);
    }

    /// A record was on disk. Not compared with anything: it comes first.
    pub(super) fn restore(&mut self, record: Verified) {
        if let Some(job) = job(record, Origin::Disk) {
            self.waiting.insert(job.place.clone(), job);
        }
    }

    fn take(&mut self, record: Verified, origin: Origin, refusals: &mut Refusals) {
        let (revision, digest) = (record.record().revision, record.digest());
        let Some(job) = job(record, origin) else {
            return;
        };
        if !self.places.contains_key(&job.place)
            && self.places.len() + self.waiting.len() >= MAX_SETS + MAX_STRANGERS
        {
            tracing::error!(
                set = job.place,
                "more than {MAX_SETS} flag sets; this one is not served"
            );
            refusals.count(Kind::FlagSets, "too_many");
            refusals.show(Refused {
                kind: Kind::FlagSets,
                name: Some(job.place),
                reason: "too_many",
                message: format!("more than {MAX_SETS} flag sets"),
            });
            return;
        }
        let waiting = self
            .waiting
            .get(&job.place)
            .and_then(|job| job.record.as_ref());
        let seen = waiting
            .map(|waiting| (waiting.record().revision, waiting.digest()))
            .or_else(|| self.places.get(&job.place).and_then(|place| place.seen));
        match seen {
            Some((seen, same)) if seen == revision && same == digest => self.confirm(&job.place),
            Some((seen, _)) if seen >= revision && self.says(&job) => self.agree(&job.place),
            Some((seen, _)) if seen >= revision => {
                let reason = if seen == revision { "fork" } else { "older" };
                let message = format!(
                    "the log holds revision {revision} ({digest}), but revision {seen} was seen already"
                );
                tracing::warn!(
                    set = job.place,
                    reason,
                    problem = message,
                    "kept what is served"
                );
                let refused = Refused {
                    kind: Kind::FlagSets,
                    name: Some(job.place),
                    reason,
                    message,
                };
                self.refused(refused, refusals);
            }
            _ => {
                refusals.mended(Kind::FlagSets, &job.place);
                self.waiting.insert(job.place.clone(), job);
            }
        }
    }

    /// Whether the document is the one that waits, or else is served: then a log that was made again
    /// says the same as the one before, whatever it counts.
    fn says(&self, job: &Job) -> bool {
        let Some(document) = &job.document else {
            return false;
        };
        match (self.waiting.get(&job.place), self.places.get(&job.place)) {
            (Some(waiting), _) => waiting.document.as_ref() == Some(document),
            (None, Some(place)) => place
                .served
                .as_ref()
                .is_some_and(|served| served.digest == Digest::of(document.text.as_bytes())),
            (None, None) => false,
        }
    }

    /// The log holds what is served, under an older number. That number is not remembered: it must not
    /// open the way for what came between.
    fn agree(&mut self, place: &str) {
        if let Some(place) = self.places.get_mut(place) {
            self.restated |= place.rejected.take().is_some();
        }
        self.confirm(place);
    }

    /// The log holds what the disk held.
    fn confirm(&mut self, place: &str) {
        if let Some(served) = self
            .places
            .get_mut(place)
            .and_then(|place| place.served.as_mut())
        {
            self.restated |= served.origin != Origin::Log;
            served.origin = Origin::Log;
        } else if let Some(job) = self.waiting.get_mut(place) {
            job.origin = Origin::Log;
        }
    }

    /// A newer version of a set does not count; its name is a place, or a subject of the log. Of names
    /// that nothing else is known of, only some get a row: anyone who can write junk can make them up.
    pub(super) fn refused(&mut self, mut refused: Refused, refusals: &mut Refusals) {
        refusals.count(Kind::FlagSets, refused.reason);
        let Some(name) = refused.name.take() else {
            return refusals.show(refused);
        };
        let place = Log::flags().token(&name).unwrap_or(&name).to_owned();
        if !self.reject(&place, &refused.message) {
            refused.name = Some(place);
            refusals.show(refused);
        }
    }

    /// Its last good version was on disk, and is lost. Counted where it was found.
    pub(super) fn corrupt(&mut self, name: &str, message: &str, refusals: &mut Refusals) {
        if !self.waiting.contains_key(name) && !self.reject(name, message) {
            refusals.show(Refused {
                kind: Kind::FlagSets,
                name: Some(name.to_owned()),
                reason: "corrupt",
                message: message.to_owned(),
            });
        }
    }

    /// Whether there is a row that shows it.
    fn reject(&mut self, place: &str, message: &str) -> bool {
        let rejected = Some(bounded(message.to_owned()));
        if let Some(place) = self.places.get_mut(place) {
            place.rejected = rejected;
        } else if self.strangers().count() < MAX_STRANGERS {
            let stranger = Place {
                rejected,
                ..Place::default()
            };
            self.places.insert(place.to_owned(), stranger);
        } else {
            return false;
        }
        self.restated = true;
        true
    }

    /// Places of which nothing is known but a refusal.
    fn strangers(&self) -> impl Iterator<Item = &Place> {
        self.places
            .values()
            .filter(|place| place.served.is_none() && place.seen.is_none())
    }

    /// Whether something that is shown changed without a compilation since this was last asked.
    pub(super) fn take_restated(&mut self) -> bool {
        std::mem::take(&mut self.restated)
    }

    /// Whether something waits to be compiled.
    pub(super) fn has_jobs(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What waits to be compiled, in order of place. What is taken has been seen: nothing older counts.
    pub(super) fn take_jobs(&mut self) -> Vec<Job> {
        let jobs: Vec<Job> = std::mem::take(&mut self.waiting).into_values().collect();
        for job in &jobs {
            if let Some(record) = &job.record {
                let place = self.places.entry(job.place.clone()).or_default();
                place.seen = Some((record.record().revision, record.digest()));
            }
        }
        jobs
    }

    /// What is served, by place.
    pub(super) fn served(&self) -> BTreeMap<String, Arc<FlagSet>> {
        self.served_sets()
            .map(|(name, set)| (name.clone(), set.clone()))
            .collect()
    }

    /// Takes what was compiled. Returns what is to be kept on disk.
    pub(super) fn apply(
        &mut self,
        results: Vec<(Job, Outcome)>,
        refusals: &mut Refusals,
    ) -> Vec<Kept> {
        let mut keep = Vec::new();
        for (job, outcome) in results {
            match outcome {
                Outcome::Refused(refusal) => {
                    refusals.count(Kind::FlagSets, refusal.reason);
                    let (set, reason) = (job.place.clone(), refusal.reason);
                    let place = self.places.entry(job.place).or_default();
                    let consequence = if place.served.is_some() {
                        "its last good version stays"
                    } else {
                        "there is no good version of it to serve"
                    };
                    tracing::error!(
                        set,
                        reason,
                        problem = refusal.message,
                        "flag set refused; {consequence}"
                    );
                    place.rejected = Some(refusal.message);
                    continue;
                }
                Outcome::Compiled(set) => {
                    let place = self.places.entry(job.place).or_default();
                    place.rejected = None;
                    place.served = Some(Served {
                        set,
                        revision: job
                            .record
                            .as_ref()
                            .map_or(0, |record| record.record().revision),
                        digest: Digest::of(
                            job.document
                                .as_ref()
                                .map_or(&[], |document| document.text.as_bytes()),
                        ),
                        origin: job.origin,
                    });
                }
                Outcome::Deleted => match &job.record {
                    // The revision of the deletion must be remembered, so that nothing older comes back.
                    Some(_) => {
                        let place = self.places.entry(job.place).or_default();
                        (place.served, place.rejected) = (None, None);
                    }
                    None => drop(self.places.remove(&job.place)),
                },
            }
            if job.origin == Origin::Log {
                keep.extend(
                    job.record
                        .map(|record| Kept::record(Log::flags(), record, None)),
                );
            }
        }
        keep
    }

    fn served_sets(&self) -> impl Iterator<Item = (&String, &Arc<FlagSet>)> {
        self.places
            .iter()
            .filter_map(|(name, place)| Some((name, &place.served.as_ref()?.set)))
    }

    /// Name and digest of every set that is served.
    pub(super) fn digests(&self) -> Vec<(&str, Digest)> {
        let holders = holders(self.served_sets());
        let served = holders.into_iter().filter_map(|(name, (place, _))| {
            Some((name, self.places.get(place)?.served.as_ref()?.digest))
        });
        served.collect()
    }

    /// One for every set that is served or was refused, in order of name.
    pub(super) fn status(&self) -> Vec<SetStatus> {
        let holders = holders(self.served_sets());
        let shown = self
            .places
            .iter()
            .filter(|(_, place)| place.served.is_some() || place.rejected.is_some());
        let mut status: Vec<SetStatus> = shown
            .map(|(name, place)| {
                let set = place.served.as_ref().map(|served| &*served.set.id);
                let holder = set
                    .and_then(|set| holders.get(set))
                    .map(|&(holder, _)| holder);
                place.status(name, holder.filter(|holder| holder != name))
            })
            .collect();
        status.sort_by(|a, b| (&a.name, &a.rejected).cmp(&(&b.name, &b.rejected)));
        status
    }
}

impl Place {
    /// `holder`: the place that serves the set of this name instead.
    fn status(&self, place: &str, holder: Option<&str>) -> SetStatus {
        let elsewhere =
            holder.map(|holder| format!("{place} names a flag set that is served from {holder}"));
        let rejected = elsewhere.or_else(|| self.rejected.clone());
        let Some(served) = self.served.as_ref().filter(|_| holder.is_none()) else {
            let name = Path::new(place)
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or(place)
                .to_owned();
            let origin = if name == place {
                Origin::Log
            } else {
                Origin::File
            };
            return SetStatus {
                name,
                revision: 0,
                digest: String::new(),
                flags: 0,
                origin,
                rejected,
                spoiled: Vec::new(),
            };
        };
        let spoiled = served
            .set
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Flag);
        SetStatus {
            name: served.set.id.to_string(),
            revision: served.revision,
            digest: served.digest.to_string(),
            flags: served.set.flags.len(),
            origin: served.origin,
            rejected,
            spoiled: spoiled
                .map(|problem| {
                    format!(
                        "{}: {}",
                        problem.flag.as_deref().unwrap_or(&problem.path),
                        problem.message
                    )
                })
                .collect(),
        }
    }
}

/// `None` for what is no record of a flag set, which its log's kind rules out.
fn job(record: Verified, origin: Origin) -> Option<Job> {
    let log = Log::flags();
    debug_assert_eq!(log.kind(), Kind::FlagSets);
    let name = log.token(&record.record().subject)?.to_owned();
    let document = match &record.record().change {
        Change::Put(Document::FlagSet(text)) => Some(text.clone()),
        Change::Put(Document::Override(_)) => return None,
        Change::Delete => None,
    };
    Some(Job {
        place: name.clone(),
        name,
        named: true,
        document,
        origin,
        record: Some(record),
    })
}
