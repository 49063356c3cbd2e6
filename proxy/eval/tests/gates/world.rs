//! Snapshots in a few words, and what they decide.

use std::sync::Arc;

use burgee_eval::{Compiler, Context, Decision, Moment, Severity, Snapshot, evaluate, explain};
use serde_json::{Value as Json, json};

/// A set: its name, its flags, and their entries in `delivery`.
pub(crate) struct Set<'t>(pub(crate) &'t str, pub(crate) Json, pub(crate) Json);

pub(crate) fn flag(default: &str) -> Json {
    json!({ "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": default })
}

/// `on` by its rule, `off` by default.
pub(crate) fn ruled() -> Json {
    let mut flag = flag("off");
    flag["targeting"] = json!({ "if": [true, "on"] });
    flag
}

pub(crate) fn disabled() -> Json {
    let mut flag = ruled();
    flag["state"] = json!("DISABLED");
    flag
}

pub(crate) fn join(sets: &[Set<'_>]) -> Snapshot {
    let mut compiler = Compiler::new();
    let joined: Vec<_> = sets
        .iter()
        .map(|Set(name, flags, delivery)| {
            let document = json!({ "flags": flags, "delivery": delivery });
            Arc::new(compiler.compile(name, &document).expect("valid"))
        })
        .collect();
    Snapshot::new(&compiler, joined)
}

pub(crate) fn one(flags: Json, delivery: Json) -> Snapshot {
    join(&[Set("one", flags, delivery)])
}

pub(crate) const NOW: u64 = 1_000_000;

pub(crate) fn moment() -> Moment {
    Moment::current(NOW)
}

pub(crate) fn synced(synced_at: Option<u64>) -> Moment {
    Moment {
        now: NOW,
        synced_at,
    }
}

pub(crate) fn told(decision: &Decision<'_>) -> String {
    let variant = decision.variant_name().unwrap_or("-");
    format!("{variant} {}", decision.reason.name())
}

/// What a flag gives, and that its explanation gives the same.
pub(crate) fn at(snapshot: &Snapshot, key: &str, context: &Json, moment: Moment) -> String {
    let flag = snapshot.find(key).expect("it is there");
    let context = Context::from_json(snapshot.attributes(), context);
    let decision = evaluate(snapshot, flag, &context, moment);
    let explained = explain(snapshot, flag, &context, moment).decision;
    assert_eq!(told(&decision), told(&explained), "{key}");
    assert_eq!(decision.error, explained.error, "{key}");
    told(&decision)
}

pub(crate) fn decide(snapshot: &Snapshot, key: &str, context: &Json) -> String {
    at(snapshot, key, context, moment())
}

/// `set path message`
pub(crate) fn problems(snapshot: &Snapshot) -> Vec<String> {
    let problems = snapshot.problems().iter().map(|found| {
        let problem = &found.problem;
        assert_eq!(problem.severity, Severity::Flag);
        assert!(problem.flag.is_some());
        assert!(problem.help.is_some(), "says what to do: {problem:?}");
        format!("{} {} {}", found.set, problem.path, problem.message)
    });
    problems.collect()
}

pub(crate) const MET: &str = "on TARGETING_MATCH";

pub(crate) const UNMET: &str = "off PREREQUISITE";
