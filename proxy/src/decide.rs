//! One flag, one context, one decision: an override first, then the rules.
//!
//! The edge and the admin listener both decide here and nowhere else, so that `/explain` cannot
//! disagree with what a request gets.

mod asked;

use burgee_eval::{
    Context, Decision, Explanation, FlagIndex, Moment, Overridden, Overrides, Snapshot,
    evaluate_with, explain_with,
};

use crate::overrides::InForce;
use crate::store::State;

pub(crate) use asked::lifecycle;
pub use asked::{SyncedAt, SyncedAtError};

/// When a request is decided, and how fresh what it is decided from is. In Unix milliseconds, for
/// overrides end between seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Now.
    pub now_ms: u64,
    /// When flag sets and overrides were both last known to be current; `None`: never. See
    /// [`Store::current_at_ms`](crate::store::Store::current_at_ms), to be asked before the state is
    /// loaded, so that no state counts as fresher than it is.
    pub synced_at_ms: Option<u64>,
}

impl At {
    /// Whether nothing is stale that may be this old, in seconds; `None` may have any age.
    pub(crate) fn is_within(self, stale_after: Option<u64>) -> bool {
        stale_after.is_none_or(|after| self.moment().age().is_some_and(|age| age <= after))
    }

    fn moment(self) -> Moment {
        Moment {
            now: self.now_ms / 1000,
            synced_at: self.synced_at_ms.map(|at_ms| at_ms / 1000),
        }
    }
}

/// Decides one flag. Pure, and without allocation where evaluation is.
pub fn decide<'s>(
    state: &'s State,
    flag: FlagIndex,
    context: &Context<'_>,
    at: At,
) -> Decision<'s> {
    Deciding::new(state, context, at).decide(flag)
}

/// Many flags of one state, for one context, at one moment.
pub(crate) struct Deciding<'s, 'c> {
    snapshot: &'s Snapshot,
    context: &'c Context<'c>,
    moment: Moment,
    standing: Standing<'s>,
}

impl<'s, 'c> Deciding<'s, 'c> {
    pub(crate) fn new(state: &'s State, context: &'c Context<'c>, at: At) -> Self {
        Self {
            snapshot: &state.snapshot,
            context,
            moment: at.moment(),
            standing: Standing::new(&state.overrides, at),
        }
    }

    /// As [`decide`].
    #[allow(clippy::inline_always)] // A call costs a route of many flags a twentieth of its time.
    #[inline(always)]
    pub(crate) fn decide(&self, flag: FlagIndex) -> Decision<'s> {
        match self.standing.find(flag, self.context) {
            Some(overridden) => Decision::overridden(self.snapshot.flag(flag), overridden),
            None => evaluate_with(
                self.snapshot,
                flag,
                self.context,
                self.moment,
                &self.standing,
            ),
        }
    }
}

/// The decision of an override, where one of `overrides` is in force for this flag and targeting key, and
/// its position in the list of the census that they are of.
pub fn overridden<'s>(
    state: &'s State,
    overrides: &InForce,
    flag: FlagIndex,
    context: &Context<'_>,
    at: At,
) -> Option<(Decision<'s>, usize)> {
    let key = context.targeting_key();
    let (outcome, listed) = overrides.find_listed(flag, key, at.now_ms)?;
    let decision = Decision::overridden(state.snapshot.flag(flag), outcome);
    Some((decision, listed))
}

/// What [`decide`] does where no override stands for the flag itself, told. One of `overrides` for a
/// flag that it requires counts.
pub fn explain<'s>(
    state: &'s State,
    overrides: &InForce,
    flag: FlagIndex,
    context: &Context<'_>,
    at: At,
) -> Explanation<'s> {
    let standing = Standing::new(overrides, at);
    explain_with(&state.snapshot, flag, context, at.moment(), &standing)
}

/// Overrides that are in force somewhere, at one moment.
struct Standing<'s> {
    overrides: &'s InForce,
    now_ms: u64,
}

impl<'s> Standing<'s> {
    fn new(overrides: &'s InForce, at: At) -> Self {
        Self {
            overrides,
            now_ms: at.now_ms,
        }
    }
}

impl Overrides for Standing<'_> {
    #[inline]
    fn find(&self, flag: FlagIndex, context: &Context<'_>) -> Option<Overridden> {
        self.overrides
            .find(flag, context.targeting_key(), self.now_ms)
    }
}

#[cfg(test)]
pub(crate) mod tests;
