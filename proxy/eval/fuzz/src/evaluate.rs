//! Any rule in any context: never a panic, explained as it is decided, and a function of what the
//! flag says that it reads.
//!
//! An input is a JSON object: `sets` (documents), `context`, `now`, and `syncedAt`.

use std::collections::HashSet;
use std::sync::Arc;

use burgee_eval::{
    Compiler, Context, Decision, ErrorCode, FlagIndex, Moment, Reason, Snapshot, ValueType,
    VariantIndex, evaluate, explain,
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
}

type Outcome = (Option<VariantIndex>, Reason, Option<ErrorCode>);

/// Panics where a decision breaks a promise.
pub fn check(input: &[u8]) {
    let Ok(case) = serde_json::from_slice::<Case>(input) else {
        return;
    };
    let moment = Moment {
        now: case.now,
        synced_at: case.synced_at,
    };
    let snapshot = join(&case.sets);
    let context = Context::from_json(snapshot.attributes(), &case.context);
    for (index, flag) in snapshot.flags() {
        let decision = evaluate(&snapshot, index, &context, moment);
        told(&decision);
        let outcome = outcome(&decision);
        let again = evaluate(&snapshot, index, &context, moment);
        assert_eq!(self::outcome(&again), outcome, "{}: again", flag.key);
        let explained = explain(&snapshot, index, &context, moment);
        assert_eq!(
            self::outcome(&explained.decision),
            outcome,
            "{}: explained",
            flag.key
        );
        for step in &explained.steps {
            assert!(step.path.is_empty() || step.path.starts_with('/'));
        }
        reads_what_it_says(&snapshot, index, &context, moment, outcome);
    }
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
    (decision.variant, decision.reason, decision.error)
}

/// Whatever is asked of a decision is answered.
fn told(decision: &Decision<'_>) {
    let failed = decision.reason == Reason::Error;
    assert_eq!(decision.error.is_some(), failed, "{decision:?}");
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

/// A request carries no more than what a flag says that it reads, so nothing else may count.
fn reads_what_it_says(
    snapshot: &Snapshot,
    index: FlagIndex,
    whole: &Context<'_>,
    moment: Moment,
    expected: Outcome,
) {
    let flag = snapshot.flag(index);
    if !flag.reads_tree {
        let mut only = Context::new(snapshot.attributes());
        for id in &flag.reads {
            only.set(*id, whole.get(*id));
        }
        let decision = evaluate(snapshot, index, &only, moment);
        assert_eq!(outcome(&decision), expected, "{}: what it reads", flag.key);
    }
    if !flag.reads_time
        && let Some(later) = later(moment)
    {
        let decision = evaluate(snapshot, index, whole, later);
        assert_eq!(outcome(&decision), expected, "{}: later", flag.key);
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
