//! Any rule and any gate in any context: never a panic, explained as it is decided, and a function of
//! what the snapshot says that it needs.
//!
//! An input is a JSON object: `sets` (documents), `context`, `now`, `syncedAt`, and `overrides` (by
//! flag, the variant or null).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use burgee_eval::limits::MAX_EXPLAINED_STEPS;
use burgee_eval::{
    Compiler, Context, Decision, ErrorCode, Fault, FlagIndex, Moment, Overridden, Overrides,
    Reason, Snapshot, ValueType, VariantIndex, evaluate_with, explain_with,
};
use serde::Deserialize;
use serde_json::Value as Json;

/// More sets say nothing that these do not, and take longer.
const MAX_SETS: usize = 4;

#[derive(Deserialize)]
struct Case {
    sets: Vec<Json>,
    #[serde(default)]
    context: Json,
    #[serde(default)]
    now: u64,
    #[serde(default, rename = "syncedAt")]
    synced_at: Option<u64>,
    #[serde(default)]
    overrides: BTreeMap<String, Option<String>>,
}

type Outcome = (
    Option<VariantIndex>,
    Reason,
    Option<ErrorCode>,
    Option<Fault>,
);

/// What decides besides the context.
#[derive(Clone, Copy)]
struct World<'c> {
    snapshot: &'c Snapshot,
    overrides: &'c InForce,
    moment: Moment,
}

/// Overrides for everyone.
struct InForce(BTreeMap<FlagIndex, Overridden>);

impl Overrides for InForce {
    fn find(&self, flag: FlagIndex, _: &Context<'_>) -> Option<Overridden> {
        self.0.get(&flag).copied()
    }
}

/// Panics where a decision breaks a promise.
pub fn check(input: &[u8]) {
    let Ok(case) = serde_json::from_slice::<Case>(input) else {
        return;
    };
    let snapshot = join(&case.sets);
    let overrides = in_force(&case.overrides, &snapshot);
    let world = World {
        snapshot: &snapshot,
        overrides: &overrides,
        moment: Moment {
            now: case.now,
            synced_at: case.synced_at,
        },
    };
    let context = Context::from_json(snapshot.attributes(), &case.context);
    for (index, flag) in snapshot.flags() {
        let outcome = world.decide(index, &context);
        let again = world.decide(index, &context);
        assert_eq!(again, outcome, "{}: again", flag.key);
        world.explain(index, &context, outcome);
        world.needs(index, &context, outcome);
    }
}

fn in_force(wanted: &BTreeMap<String, Option<String>>, snapshot: &Snapshot) -> InForce {
    let overrides = wanted.iter().filter_map(|(flag, variant)| {
        let index = snapshot.find(flag)?;
        let overridden = match variant {
            Some(variant) => Overridden::Variant(snapshot.flag(index).variant(variant)?),
            None => Overridden::Default,
        };
        Some((index, overridden))
    });
    InForce(overrides.collect())
}

/// Documents that are refused are left out, and so are those whose name is taken.
fn join(documents: &[Json]) -> Snapshot {
    let mut compiler = Compiler::new();
    let mut names = HashSet::new();
    let mut sets = Vec::new();
    for (number, document) in documents.iter().take(MAX_SETS).enumerate() {
        if let Ok(set) = compiler.compile(&format!("set-{number}"), document)
            && names.insert(Arc::clone(&set.id))
        {
            sets.push(Arc::new(set));
        }
    }
    Snapshot::new(&compiler, sets)
}

fn outcome(decision: &Decision<'_>) -> Outcome {
    (
        decision.variant,
        decision.reason,
        decision.error,
        decision.fault,
    )
}

impl World<'_> {
    fn decide(self, flag: FlagIndex, context: &Context<'_>) -> Outcome {
        let decision = evaluate_with(self.snapshot, flag, context, self.moment, self.overrides);
        told(&decision);
        outcome(&decision)
    }

    fn explain(self, flag: FlagIndex, context: &Context<'_>, expected: Outcome) {
        let explained = explain_with(self.snapshot, flag, context, self.moment, self.overrides);
        assert_eq!(outcome(&explained.decision), expected, "explained");
        // Those that are listed, how many are not, and the conclusion.
        assert!(explained.steps.len() <= MAX_EXPLAINED_STEPS + 2);
        for step in &explained.steps {
            assert!(step.path.starts_with('/') && !step.expression.is_empty());
        }
    }

    /// A request carries no more than what the snapshot says that a flag needs, and a decision that
    /// is remembered holds for as long as it says: nothing else may count.
    fn needs(self, flag: FlagIndex, whole: &Context<'_>, expected: Outcome) {
        let needs = self.snapshot.needs(flag);
        if !needs.tree {
            let mut only = Context::new(self.snapshot.attributes());
            for id in &needs.attributes {
                only.set(*id, whole.get(*id));
            }
            assert_eq!(self.decide(flag, &only), expected, "of what it needs");
        }
        if !needs.time
            && let Some(moment) = later(self.moment)
        {
            let world = Self { moment, ..self };
            assert_eq!(world.decide(flag, whole), expected, "later");
        }
        let is_young = |after| self.moment.age().is_some_and(|age| age <= after);
        if needs.stale_after.is_none_or(is_young) {
            let moment = Moment::current(self.moment.now);
            let world = Self { moment, ..self };
            assert_eq!(world.decide(flag, whole), expected, "of a current snapshot");
        }
    }
}

/// Whatever is asked of a decision is answered.
fn told(decision: &Decision<'_>) {
    let failed = decision.reason == Reason::Error;
    assert_eq!(decision.error.is_some(), failed, "{decision:?}");
    assert!(failed || decision.fault.is_none());
    assert_eq!(decision.error_message().is_some(), failed);
    assert_eq!(
        decision.value().is_some(),
        decision.variant_name().is_some()
    );
    for wanted in [
        ValueType::Boolean,
        ValueType::String,
        ValueType::Integer,
        ValueType::Float,
        ValueType::Object,
    ] {
        let seen = decision.typed(wanted);
        assert_eq!(
            seen.error.is_some(),
            seen.error_message().is_some(),
            "{wanted:?}"
        );
    }
}

/// The same age of the same snapshot, thirty years on.
fn later(moment: Moment) -> Option<Moment> {
    const THIRTY_YEARS: u64 = 1_000_000_007;
    Some(Moment {
        now: moment.now.checked_add(THIRTY_YEARS)?,
        synced_at: match moment.synced_at {
            Some(at) => Some(at.checked_add(THIRTY_YEARS)?),
            None => None,
        },
    })
}
