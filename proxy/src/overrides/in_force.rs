//! Which overrides count in one snapshot, and what a request asks of them.

use std::cmp::Reverse;

use burgee_eval::{FlagIndex, Overridden, Snapshot};
use jiff::Timestamp;
use serde::Serialize;

use super::{Keys, OverrideDocument, Scope};
use crate::envelope::Digest;
use crate::store::Origin;

/// Overrides that one proxy holds in force at once. What comes beyond, in order of precedence, is
/// ignored and counted.
pub const MAX_IN_FORCE: usize = 1_000;

/// Overrides in force, by flag.
#[derive(Debug, Default)]
pub struct InForce {
    /// Sorted by flag, then by precedence, the strongest first.
    entries: Box<[Entry]>,
    /// When each of them ends, in order.
    ends_ms: Box<[u64]>,
}

#[derive(Debug)]
struct Entry {
    flag: FlagIndex,
    outcome: Overridden,
    keys: Option<Keys>,
    ends_ms: u64,
    /// Its position in [`Census::list`].
    listed: usize,
}

/// An override that a proxy holds, whether it counts or not.
#[derive(Clone, Debug)]
pub struct Known {
    /// What it says.
    pub document: OverrideDocument,
    /// The log of the region where it was set.
    pub log: String,
    /// How it came here.
    pub origin: Origin,
    /// The record's.
    pub revision: u64,
    /// The record's signed time.
    pub when: Timestamp,
    /// The record's digest.
    pub digest: Digest,
    /// Who set it.
    pub who: String,
    /// For what reason.
    pub why: String,
    /// Its end in milliseconds of this proxy's Unix clock; see [`super::local_end_ms`].
    pub ends_ms: u64,
}

/// Which proxy this is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its region.
    pub region: &'a str,
    /// Its cluster.
    pub cluster: &'a str,
}

/// What an override that is known does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideState {
    /// It counts.
    InForce,
    /// It is for another region or cluster.
    OutOfScope,
    /// It does not count, and why.
    Ignored(Ignored),
}

/// Why an override in scope does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// No set has this flag.
    UnknownFlag,
    /// The flag has no such variant.
    UnknownVariant,
    /// There are more than a proxy holds in force.
    TooMany,
}

impl Ignored {
    /// A word for metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnknownFlag => "unknown_flag",
            Self::UnknownVariant => "unknown_variant",
            Self::TooMany => "too_many",
        }
    }
}

/// An override for people: `/snapshot` and `override list`.
#[derive(Clone, Debug, Serialize)]
pub struct OverrideStatus {
    /// The flag's key.
    pub flag: String,
    /// `None`: the flag's default.
    pub variant: Option<String>,
    /// Where it counts.
    pub scope: Scope,
    /// How many targeting keys it is for; `None`: everyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<usize>,
    /// The log of the region where it was set.
    pub log: String,
    /// How it came here.
    pub origin: Origin,
    /// The record's.
    pub revision: u64,
    /// Who set it.
    pub who: String,
    /// For what reason.
    pub why: String,
    /// When it was set.
    pub when: Timestamp,
    /// When it ends, by this proxy's clock.
    pub ends: Timestamp,
    /// What it does here.
    pub state: OverrideState,
}

/// Everything that follows from the overrides that are known, for one snapshot at one moment.
#[derive(Debug, Default)]
pub struct Census {
    /// What requests ask.
    pub in_force: InForce,
    /// One for each that has not ended, the strongest first.
    pub list: Vec<OverrideStatus>,
    /// Digests of the documents in force, sorted: part of the revision.
    pub digests: Vec<Digest>,
    /// When the next one ends, in milliseconds of the Unix clock.
    pub next_end_ms: Option<u64>,
}

impl InForce {
    /// The strongest override of a flag for a request, if there is one. Allocates nothing; an override
    /// for named keys costs one SHA-256.
    #[inline]
    pub fn find(
        &self,
        flag: FlagIndex,
        targeting_key: Option<&str>,
        now_ms: u64,
    ) -> Option<Overridden> {
        if self.entries.is_empty() {
            return None;
        }
        self.search(flag, targeting_key, now_ms)
            .map(|entry| entry.outcome)
    }

    /// As [`InForce::find`], with the override's position in [`Census::list`].
    pub fn find_listed(
        &self,
        flag: FlagIndex,
        targeting_key: Option<&str>,
        now_ms: u64,
    ) -> Option<(Overridden, usize)> {
        self.search(flag, targeting_key, now_ms)
            .map(|entry| (entry.outcome, entry.listed))
    }

    /// Never inlined, for most of the time there is no override at all.
    #[inline(never)]
    fn search(&self, flag: FlagIndex, targeting_key: Option<&str>, now_ms: u64) -> Option<&Entry> {
        let first = self.entries.partition_point(|entry| entry.flag < flag);
        self.entries[first..]
            .iter()
            .take_while(|entry| entry.flag == flag)
            .find(|entry| {
                now_ms < entry.ends_ms
                    && match (&entry.keys, targeting_key) {
                        (None, _) => true,
                        (Some(keys), Some(key)) => keys.contains(key),
                        (Some(_), None) => false,
                    }
            })
    }

    /// Whether one of them is for named targeting keys, so that what is decided depends on the key
    /// although no rule reads it.
    pub fn read_keys(&self) -> bool {
        self.entries.iter().any(|entry| entry.keys.is_some())
    }

    /// How many of them have ended. While that number is the same, the same ones count.
    #[inline]
    pub fn ended(&self, now_ms: u64) -> usize {
        self.ends_ms.partition_point(|end| *end <= now_ms)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Census {
    /// Sorts out what counts. Those that ended by `now_ms` are left out altogether.
    pub fn take<'k>(
        known: impl IntoIterator<Item = &'k Known>,
        snapshot: &Snapshot,
        place: Place<'_>,
        now_ms: u64,
    ) -> Self {
        let mut known: Vec<&Known> = known
            .into_iter()
            .filter(|known| now_ms < known.ends_ms)
            .collect();
        known.sort_by_cached_key(|known| Reverse(precedence(known)));
        let mut census = Self::default();
        let mut entries: Vec<Entry> = Vec::new();
        for known in known {
            let state = match resolve(known, snapshot, place) {
                Ok(Some(entry)) if entries.len() < MAX_IN_FORCE => {
                    census.digests.push(document_digest(&known.document));
                    entries.push(Entry {
                        listed: census.list.len(),
                        ..entry
                    });
                    OverrideState::InForce
                }
                Ok(Some(_)) => OverrideState::Ignored(Ignored::TooMany),
                Ok(None) => OverrideState::OutOfScope,
                Err(ignored) => OverrideState::Ignored(ignored),
            };
            census.list.push(known.status(state));
        }
        entries.sort_by_key(|entry| entry.flag); // Stable: keeps the order of precedence within a flag.
        census.digests.sort_unstable();
        let mut ends_ms: Box<[u64]> = entries.iter().map(|entry| entry.ends_ms).collect();
        ends_ms.sort_unstable();
        census.next_end_ms = ends_ms.first().copied();
        census.in_force = InForce {
            entries: entries.into(),
            ends_ms,
        };
        census
    }
}

impl Known {
    /// For people.
    pub fn status(&self, state: OverrideState) -> OverrideStatus {
        let ends_ms = i64::try_from(self.ends_ms).unwrap_or(i64::MAX);
        OverrideStatus {
            flag: self.document.flag.clone(),
            variant: self.document.variant.clone(),
            scope: self.document.scope.clone(),
            keys: self.document.keys.as_ref().map(|keys| keys.sha256.len()),
            log: self.log.clone(),
            origin: self.origin,
            revision: self.revision,
            who: self.who.clone(),
            why: self.why.clone(),
            when: self.when,
            ends: Timestamp::from_millisecond(ends_ms).unwrap_or(Timestamp::MAX),
            state,
        }
    }
}

/// Compares as the design orders: a greater value is the stronger override.
fn precedence(known: &Known) -> (bool, u8, Timestamp, Digest) {
    let scope = match known.document.scope {
        Scope::Global => 0,
        Scope::Region(_) => 1,
        Scope::Cluster(_) => 2,
    };
    (
        known.document.keys.is_some(),
        scope,
        known.when,
        known.digest,
    )
}

fn resolve(known: &Known, snapshot: &Snapshot, place: Place<'_>) -> Result<Option<Entry>, Ignored> {
    let document = &known.document;
    if !document.scope.covers(place.region, place.cluster) {
        return Ok(None);
    }
    let flag = snapshot.find(&document.flag).ok_or(Ignored::UnknownFlag)?;
    let outcome = match &document.variant {
        None => Overridden::Default,
        Some(name) => Overridden::Variant(
            snapshot
                .flag(flag)
                .variant(name)
                .ok_or(Ignored::UnknownVariant)?,
        ),
    };
    Ok(Some(Entry {
        flag,
        outcome,
        keys: document.keys.clone(),
        ends_ms: known.ends_ms,
        listed: 0,
    }))
}

/// Of the document alone, so that proxies which got the same override in different ways agree.
fn document_digest(document: &OverrideDocument) -> Digest {
    Digest::of(&serde_json::to_vec(document).expect("an override is strings and lists of strings"))
}

#[cfg(test)]
mod tests;
