//! One flag, one context, one decision: an override first, then the rules.
//!
//! The edge and the admin listener both decide here and nowhere else, so that `/explain` cannot
//! disagree with what a request gets.

use burgee_eval::{Context, Decision, FlagIndex, Moment, Reason, evaluate};

use crate::overrides::Overridden;
use crate::store::State;

/// Decides one flag. `now_ms` is in Unix milliseconds. Pure, and without allocation where
/// evaluation is.
pub fn decide<'s>(
    state: &'s State,
    flag: FlagIndex,
    context: &Context<'_>,
    now_ms: u64,
) -> Decision<'s> {
    overridden(state, flag, context, now_ms).unwrap_or_else(|| {
        evaluate(
            &state.snapshot,
            flag,
            context,
            Moment::current(now_ms / 1000),
        )
    })
}

/// The decision of an override, where one is in force for this flag and targeting key.
pub fn overridden<'s>(
    state: &'s State,
    flag: FlagIndex,
    context: &Context<'_>,
    now_ms: u64,
) -> Option<Decision<'s>> {
    let found = state
        .overrides
        .find(flag, context.targeting_key(), now_ms)?;
    let flag = state.snapshot.flag(flag);
    let variant = match found {
        Overridden::Variant(variant) => Some(variant),
        Overridden::Default => flag.default_variant,
    };
    Some(Decision {
        flag,
        variant,
        reason: Reason::Override,
        error: None,
        asked: None,
        fault: None,
    })
}

/// A reason as it is called in metrics, logs and JSON.
pub fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Static => "STATIC",
        Reason::TargetingMatch => "TARGETING_MATCH",
        Reason::Default => "DEFAULT",
        Reason::Disabled => "DISABLED",
        Reason::Error => "ERROR",
        Reason::Override => "OVERRIDE",
    }
}
