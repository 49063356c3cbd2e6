//! What was decided about every flag of a route, ready to be told: made anew, or the same as before.
//!
//! Deciding is pure, so a decision may be kept: it is the same again wherever the published state, the
//! overrides that have ended, and the values that the route's flags read are the same. [`Cache`] finds
//! it by exactly these. What else decides is looked at for every request: flags that are stale by now,
//! and flags that read the time.

mod cache;

use std::sync::Arc;

use burgee_eval::{Context, ErrorCode, FlagIndex, Reason, VariantIndex};
use bytes::Bytes;
use http::HeaderValue;

pub(super) use cache::{Cache, LEAST_FLAGS};

use crate::decide::{At, Deciding};
use crate::store::State;
use crate::wire::{RouteFlag, RouteFlags, SEPARATOR, Told};

/// The decisions of one route for one context. Knows numbers only: names and values are the state's.
#[derive(Debug)]
pub(super) struct Decisions {
    /// One for every flag of the route, in its order.
    pub(super) decided: Box<[Decided]>,
    /// All of them in one header, where the route wants that.
    pub(super) dictionary: Option<HeaderValue>,
}

/// How long decisions are kept. To shrink a dictionary to its size copies it, which pays only for what stays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasts {
    OneRequest,
    Long,
}

/// One decision, without its flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) variant: Option<VariantIndex>,
    pub(super) reason: Reason,
    pub(super) error: Option<ErrorCode>,
}

/// Decides every flag of a route of this state, or finds that it was done before.
pub(super) fn decide(
    state: &State,
    route: &RouteFlags,
    context: &Context<'_>,
    at: At,
    cache: Option<&Cache>,
) -> Arc<Decisions> {
    let deciding = Deciding::new(state, context, at);
    match cache.filter(|cache| cache.serves(route, at)) {
        Some(cache) => cache.decide(state, route, context, at.now_ms, &deciding),
        None => Arc::new(Decisions::new(route, &deciding, Lasts::OneRequest)),
    }
}

impl Decisions {
    fn new(route: &RouteFlags, deciding: &Deciding<'_, '_>, lasts: Lasts) -> Self {
        Self::render(route, lasts, |_, flag| Decided::new(deciding, flag.index))
    }

    /// The same with the flags that read the time decided anew; `None` where that changes nothing.
    fn renewed(&self, route: &RouteFlags, deciding: &Deciding<'_, '_>) -> Option<Self> {
        let mut renewed: Option<Box<[Decided]>> = None;
        for number in &route.read_time {
            let decided = Decided::new(deciding, route.flags[*number].index);
            if decided != self.decided[*number] {
                renewed.get_or_insert_with(|| self.decided.clone())[*number] = decided;
            }
        }
        renewed.map(|decided| Self::render(route, Lasts::Long, |number, _| decided[number]))
    }

    /// Takes one decision after the other, each with its part of the dictionary.
    fn render(
        route: &RouteFlags,
        lasts: Lasts,
        decide: impl Fn(usize, &RouteFlag) -> Decided,
    ) -> Self {
        let mut dictionary = Dictionary::with_capacity(route.dictionary_bytes);
        let decided = route.flags.iter().enumerate().map(|(number, flag)| {
            let decided = decide(number, flag);
            if let (Some(Told::Member(members)), Some(variant)) = (&flag.told, decided.variant) {
                dictionary.push(&members[usize::from(variant.0)]);
            }
            decided
        });
        Self {
            decided: decided.collect(),
            dictionary: dictionary.finish(lasts),
        }
    }

    /// What it holds in memory beside itself.
    fn bytes(&self) -> usize {
        size_of_val(&*self.decided) + self.dictionary.as_ref().map_or(0, HeaderValue::len)
    }
}

impl Decided {
    #[allow(clippy::inline_always)] // As for what it calls.
    #[inline(always)]
    fn new(deciding: &Deciding<'_, '_>, flag: Option<FlagIndex>) -> Self {
        let Some(flag) = flag else {
            return Self {
                variant: None,
                reason: Reason::Error,
                error: Some(ErrorCode::FlagNotFound),
            };
        };
        let decision = deciding.decide(flag);
        Self {
            variant: decision.variant,
            reason: decision.reason,
            error: decision.error,
        }
    }
}

/// The dictionary header, being joined from members that were serialized beforehand.
struct Dictionary(Vec<u8>);

impl Dictionary {
    fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Appends a member, which ends in the separator from the next one.
    fn push(&mut self, member: &str) {
        self.0.extend_from_slice(member.as_bytes());
    }

    /// An empty dictionary is not sent (RFC 9651, 4.1).
    fn finish(mut self, lasts: Lasts) -> Option<HeaderValue> {
        let bytes = self.0.len().checked_sub(SEPARATOR.len())?;
        self.0.truncate(bytes);
        if lasts == Lasts::Long {
            self.0.shrink_to_fit();
        }
        HeaderValue::from_maybe_shared(Bytes::from(self.0)).ok()
    }
}

#[cfg(test)]
mod tests;
