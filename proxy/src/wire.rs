//! How decisions look on the wire: header names, header values, the RFC 9651 dictionary.
//!
//! Pure. Everything that can be worked out before a request arrives is worked out here, once per
//! published state, so that a request parses no name and renders no value. A flag that cannot be
//! told to a backend is left out and named in [`RouteFlags::problems`]; it never spoils its neighbours.

mod dictionary;
mod problems;
mod value;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use burgee_eval::{AttributeId, Flag, FlagIndex, Snapshot, VariantIndex};
use http::{HeaderName, HeaderValue};
use prometheus::IntCounter;

use crate::config::{Form, MAX_FLAG_HEADERS, Present, Route};

pub use problems::{WireProblem, problems};
pub use value::{decode, encode};

/// A value on the wire, at most, in bytes: servers refuse heads of 8 KiB and more.
pub const MAX_VALUE_BYTES: usize = 4096;

/// The dictionary header (RFC 9651).
pub const DICTIONARY: HeaderName = HeaderName::from_static("flags");
/// The revision of all flag sets and overrides: 16 hex digits, equal on equal proxies.
pub const REVISION: HeaderName = HeaderName::from_static("x-flags-revision");
/// Names the flag whose canary could not be reached, when the baseline serves for it.
pub const FALLBACK: HeaderName = HeaderName::from_static("x-flags-fallback");

/// Between two members of a dictionary.
pub(crate) const SEPARATOR: &str = ", ";

/// Default name of a flag's header: this and its key.
const DEFAULT_PREFIX: &str = "x-flag-";

/// The most reasons that a decision can have; counters are laid out by it.
const REASON_SLOTS: usize = 16;

/// The next [`RouteFlags::id`].
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// What a route tells its backend, for one snapshot.
#[derive(Debug)]
pub struct RouteFlags {
    /// Its number in this process, which no other route has, nor the same route of another state: what is
    /// kept of one state is never taken for another's.
    pub(crate) id: u64,
    /// The listed flags in the order of the configuration, then the canary's where it is not among them.
    pub flags: Box<[RouteFlag]>,
    /// Which of `flags` chooses the upstream, and how.
    pub canary: Option<RouteCanary>,
    /// Which attributes `flags` and their prerequisites read, sorted, without duplicates.
    pub reads: Box<[AttributeId]>,
    /// Some rule needs the context as a tree.
    pub reads_tree: bool,
    /// Positions in `flags` of those that read the time, themselves or by their prerequisites.
    pub(crate) read_time: Box<[usize]>,
    /// The least `stale.after` of `flags` and their prerequisites, in seconds.
    pub(crate) stale_after: Option<u64>,
    /// One header per flag, or one for all.
    pub form: Form,
    /// Bytes of the dictionary, each member with a separator, at most.
    pub(crate) dictionary_bytes: usize,
    /// What could not be done as configured, for people.
    pub problems: Vec<WireProblem>,
    /// Where the edge finds what `reads` names; it works this out once per state.
    pub(crate) bindings: OnceLock<Bindings>,
}

/// One flag of a route.
#[derive(Debug)]
pub struct RouteFlag {
    /// Its key.
    pub key: Arc<str>,
    /// `None`: no flag set defines it.
    pub index: Option<FlagIndex>,
    /// `None`: the backend is not told (it only chooses the upstream, or its name is at fault).
    pub told: Option<Told>,
    /// One per variant and reason; each is resolved at its first use.
    counters: Box<[OnceLock<IntCounter>]>,
}

/// How a backend is told of one flag. Values are by [`VariantIndex`].
#[derive(Debug)]
pub enum Told {
    /// A header of its own.
    Header {
        /// Its name.
        name: HeaderName,
        /// One per variant.
        values: Box<[HeaderValue]>,
    },
    /// A member of the dictionary: `key=value`, serialized, and the separator from the next one, so that
    /// a request copies once.
    Member(Box<[Box<str>]>),
}

/// A route's upstream by a flag's variant.
#[derive(Debug)]
pub struct RouteCanary {
    /// Position in [`RouteFlags::flags`].
    pub flag: usize,
    /// The flag's key, ready for [`FALLBACK`].
    pub name: HeaderValue,
    /// By [`VariantIndex`]; `None` is the baseline.
    pub upstreams: Box<[Option<Arc<str>>]>,
}

/// Where the edge finds what a route's flags read. Made and understood by `edge::context`.
#[derive(Debug)]
pub(crate) struct Bindings {
    /// Attribute and the number of its source in the edge's list.
    pub(crate) attributes: Box<[(AttributeId, usize)]>,
    /// Some rule reads the targeting key.
    pub(crate) targeting_key: bool,
    /// The context must be built as a tree.
    pub(crate) tree: bool,
    /// Request headers that the decisions depend on.
    pub(crate) vary: Option<HeaderValue>,
}

impl RouteFlags {
    /// Works out what `route` tells its backend about the flags of `snapshot`. `reserved` is
    /// `Config::reserved`: a header outside of it could be forged, so it is not used.
    pub fn compile(route: &Route, snapshot: &Snapshot, reserved: &[String]) -> Self {
        let mut problems = Vec::new();
        let mut names = problems::Names::default();
        let mut headers = 0;
        let mut flags: Vec<RouteFlag> = Vec::with_capacity(route.flags.len() + 1);
        for key in &route.flags {
            if flags.iter().any(|flag| *flag.key == **key) {
                continue;
            }
            let Some((index, flag)) = find(snapshot, key) else {
                problems.push(WireProblem::unknown_flag(route, key));
                flags.push(RouteFlag::new(key, None, None));
                continue;
            };
            let told = names
                .claim(flag, route.present.form, reserved)
                .and_then(|name| {
                    headers += usize::from(route.present.form == Form::Headers);
                    if headers > MAX_FLAG_HEADERS {
                        return Err(WireProblem::too_many_headers(route, key));
                    }
                    let told = Told::new(flag, name, route.present);
                    if told.longest() > MAX_VALUE_BYTES {
                        return Err(WireProblem::too_long(route, key));
                    }
                    Ok(told)
                })
                .map_err(|problem| problems.push(problem))
                .ok();
            flags.push(RouteFlag::new(key, Some((index, flag)), told));
        }
        let canary = compile_canary(route, snapshot, &mut flags, &mut problems);
        let mut reads = BTreeSet::new();
        let mut reads_tree = false;
        let mut read_time = Vec::new();
        let mut stale_after: Option<u64> = None;
        for (number, flag) in flags.iter().enumerate() {
            let Some(index) = flag.index else { continue };
            let needs = snapshot.needs(index);
            reads.extend(needs.attributes);
            reads_tree |= needs.tree;
            read_time.extend(needs.time.then_some(number));
            stale_after = [stale_after, needs.stale_after].into_iter().flatten().min();
        }
        let told = flags.iter().filter_map(|flag| flag.told.as_ref());
        Self {
            dictionary_bytes: told.map(Told::in_dictionary).sum(),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            flags: flags.into(),
            canary,
            reads: reads.into_iter().collect(),
            reads_tree,
            read_time: read_time.into(),
            stale_after,
            form: route.present.form,
            problems,
            bindings: OnceLock::new(),
        }
    }

    /// Whether requests of this route are decided at all.
    pub fn decides(&self) -> bool {
        !self.flags.is_empty()
    }
}

impl RouteFlag {
    fn new(key: &str, known: Option<(FlagIndex, &Flag)>, told: Option<Told>) -> Self {
        let variants = known.map_or(0, |(_, flag)| flag.variants.len());
        Self {
            key: known.map_or_else(|| key.into(), |(_, flag)| Arc::clone(&flag.key)),
            index: known.map(|(index, _)| index),
            told,
            counters: (0..(variants + 1) * REASON_SLOTS)
                .map(|_| OnceLock::new())
                .collect(),
        }
    }

    /// The place of the counter for one variant and one reason's number; `None` for a reason
    /// beyond the layout, which is then counted the slow way.
    pub(crate) fn counter(
        &self,
        variant: Option<VariantIndex>,
        reason: usize,
    ) -> Option<&OnceLock<IntCounter>> {
        let row = variant.map_or(0, |variant| usize::from(variant.0) + 1);
        (reason < REASON_SLOTS)
            .then(|| self.counters.get(row * REASON_SLOTS + reason))
            .flatten()
    }
}

impl Told {
    fn new(flag: &Flag, name: problems::Name, present: Present) -> Self {
        match name {
            problems::Name::Header(name) => Self::Header {
                name,
                values: flag
                    .variants
                    .iter()
                    .map(|variant| value::header(variant, present.content))
                    .collect(),
            },
            problems::Name::Member(key) => Self::Member(
                flag.variants
                    .iter()
                    .map(|variant| {
                        let member = dictionary::member(&key, variant, present.content);
                        [&*member, SEPARATOR].concat().into()
                    })
                    .collect(),
            ),
        }
    }

    fn longest(&self) -> usize {
        match self {
            Self::Header { values, .. } => values.iter().map(HeaderValue::len).max(),
            Self::Member(members) => {
                let lengths = members.iter().map(|member| member.len() - SEPARATOR.len());
                lengths.max()
            }
        }
        .unwrap_or(0)
    }

    /// What it adds to a dictionary, at most.
    fn in_dictionary(&self) -> usize {
        match self {
            Self::Header { .. } => 0,
            Self::Member(_) => self.longest() + SEPARATOR.len(),
        }
    }
}

fn compile_canary(
    route: &Route,
    snapshot: &Snapshot,
    flags: &mut Vec<RouteFlag>,
    problems: &mut Vec<WireProblem>,
) -> Option<RouteCanary> {
    let canary = route.canary.as_ref()?;
    let Some((index, flag)) = find(snapshot, &canary.flag) else {
        problems.push(WireProblem::unknown_flag(route, &canary.flag));
        return None;
    };
    for variant in canary.upstreams.keys() {
        if flag.variant(variant).is_none() {
            problems.push(WireProblem::unknown_variant(route, &canary.flag, variant));
        }
    }
    let position = flags
        .iter()
        .position(|flag| *flag.key == *canary.flag)
        .unwrap_or_else(|| {
            flags.push(RouteFlag::new(&canary.flag, Some((index, flag)), None));
            flags.len() - 1
        });
    Some(RouteCanary {
        flag: position,
        name: value::encode(&canary.flag),
        upstreams: flag
            .variants
            .iter()
            .map(|variant| {
                canary
                    .upstreams
                    .get(&*variant.name)
                    .map(|name| Arc::from(name.as_str()))
            })
            .collect(),
    })
}

fn find<'s>(snapshot: &'s Snapshot, key: &str) -> Option<(FlagIndex, &'s Flag)> {
    snapshot
        .find(key)
        .map(|index| (index, snapshot.flag(index)))
}

#[cfg(test)]
mod tests;
