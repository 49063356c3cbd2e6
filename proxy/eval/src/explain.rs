//! The same walk as [`crate::evaluate()`], traced.

mod conclusion;
mod listener;
mod source;

use serde_json::Value as Json;

use self::listener::Listener;
use crate::context::Context;
use crate::evaluate::{Asked, Decision, Moment, UNCOUNTED, decide};
use crate::lifecycle::Lifecycle;
#[cfg(doc)]
use crate::limits::MAX_EXPLAINED_STEPS;
use crate::overrides::{NoOverrides, Overrides};
use crate::snapshot::{FlagIndex, Snapshot};

/// One step of a walk, in the order in which it was taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// How deep in the rule; 0 is the rule itself.
    pub depth: usize,
    /// JSON Pointer from the flag, e.g. `/targeting/if/0/in`; never empty. The flag's entry in `delivery`
    /// counts as a member of it: `/delivery/requires/new-cart`. References are substituted; what is wrong
    /// with an evaluator, and spoils the flag, stands in the document: `/$evaluators/beta/in`.
    pub path: String,
    /// The expression, as compact JSON, shortened; never empty.
    pub expression: String,
    /// What it gave, with what decided it, e.g. `true (geo.country is "DE")`, `"on" (bucket 3120 of 10000 …)`.
    pub outcome: String,
}

/// A decision and how it came about.
#[derive(Clone, Debug)]
pub struct Explanation<'s> {
    /// Equal to what [`crate::evaluate()`] gives.
    pub decision: Decision<'s>,
    /// Every step, as far as there are no more than [`MAX_EXPLAINED_STEPS`]; then one more says how
    /// many there were. The last one is the conclusion: the variant that the rule named, the default,
    /// the state, or what is wrong (one each, where several things spoil the flag).
    pub steps: Vec<Step>,
    /// What the flag's metadata says of its life; it decides nothing.
    pub lifecycle: Lifecycle<'s>,
}

/// Decides one flag and tells how.
pub fn explain<'s>(
    snapshot: &'s Snapshot,
    flag: FlagIndex,
    context: &Context<'_>,
    moment: Moment,
) -> Explanation<'s> {
    explain_with(snapshot, flag, context, moment, &NoOverrides)
}

/// As [`explain`], with prerequisites as they are served under `overrides`; see
/// [`crate::evaluate_with`].
pub fn explain_with<'s>(
    snapshot: &'s Snapshot,
    index: FlagIndex,
    context: &Context<'_>,
    moment: Moment,
    overrides: &impl Overrides,
) -> Explanation<'s> {
    let flag = snapshot.flag(index);
    let asked = Asked::new(snapshot, context, moment, overrides);
    let lifecycle = flag.lifecycle();
    let first = expiry(&lifecycle, moment).into_iter().collect();
    let mut listener = Listener::new(flag, snapshot.attributes(), first);
    let decision = decide::<_, _, UNCOUNTED>(&asked, index, &mut listener);
    let (mut steps, heard) = listener.finish();
    steps.extend(conclusion::conclude(&decision, &heard));
    Explanation {
        decision,
        steps,
        lifecycle,
    }
}

/// A flag that should be gone. It is a step, so that whoever reads the steps reads it.
fn expiry(lifecycle: &Lifecycle<'_>, moment: Moment) -> Option<Step> {
    let expires = lifecycle.expires.filter(|date| date.is_over(moment.now))?;
    Some(Step {
        depth: 0,
        path: "/metadata/expires".to_owned(),
        expression: Json::from(expires.to_string()).to_string(),
        outcome: "it has expired, which changes nothing: it is served as authored".to_owned(),
    })
}
