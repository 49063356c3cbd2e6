//! 10,000 flags in 200 sets, as a large organisation has them: the size of the budgets.

// Not every test compiles them in the same way.
#![allow(dead_code)]

use std::sync::Arc;

use burgee_eval::text::{Format, parse};
use burgee_eval::{Compiler, FlagSet, Snapshot};
use serde_json::{Map, Value, json};

pub(crate) const SETS: usize = 200;
pub(crate) const FLAGS: usize = 50;

/// Every set, as text, with its name.
pub(crate) fn texts() -> Vec<(String, String)> {
    (0..SETS).map(|set| (name(set), text(set))).collect()
}

/// Parses, compiles and joins them, as a proxy does when it starts.
pub(crate) fn compile(texts: &[(String, String)]) -> (Compiler, Snapshot) {
    let mut compiler = Compiler::new();
    let sets: Vec<Arc<FlagSet>> = texts
        .iter()
        .map(|(name, text)| Arc::new(compile_one(&mut compiler, name, text)))
        .collect();
    let snapshot = Snapshot::new(&compiler, sets);
    assert_eq!(snapshot.flags().len(), SETS * FLAGS);
    (compiler, snapshot)
}

/// Parses and compiles one of them.
pub(crate) fn compile_one(compiler: &mut Compiler, name: &str, text: &str) -> FlagSet {
    let parsed = parse(text, Format::Json).expect("the text is valid");
    let set = compiler
        .compile(name, &parsed.value)
        .expect("the document is valid");
    assert!(set.problems.is_empty(), "{:?}", set.problems);
    set
}

fn name(set: usize) -> String {
    format!("team-{set:03}")
}

fn text(set: usize) -> String {
    let keys = (0..FLAGS).map(|flag| format!("team-{set:03}-feature-{flag:02}"));
    let flags: Map<String, Value> = keys
        .enumerate()
        .map(|(flag, key)| (key, definition(flag)))
        .collect();
    json!({
        "metadata": { "flagSetId": name(set), "version": "42", "bucketing": "v3" },
        "$evaluators": {
            "staff": { "ends_with": [{ "var": "email" }, "@example.com"] },
        },
        "flags": flags,
    })
    .to_string()
}

/// A switch, a rollout, an experiment, or a value by plan.
fn definition(flag: usize) -> Value {
    let (variants, targeting) = match flag % 4 {
        0 => (json!({ "on": true, "off": false }), json!({})),
        1 => (
            json!({ "on": true, "off": false }),
            json!({ "if": [
                { "in": [{ "var": "geo.country" }, ["DE", "FR", "NL"]] },
                { "fractional": [["on", 10], ["off", 90]] },
                "off",
            ] }),
        ),
        2 => (
            json!({ "control": "a", "short": "b", "long": "c", "none": "d" }),
            json!({ "if": [
                { "$ref": "staff" }, "short",
                { "and": [
                    { "==": [{ "var": "device.class" }, "mobile"] },
                    { "sem_ver": [{ "var": "app.version" }, ">=", "2.1.0"] },
                ] },
                { "fractional": [["control", 25], ["short", 25], ["long", 25], ["none", 25]] },
                "none",
            ] }),
        ),
        _ => (
            json!({ "small": { "items": 10, "trial": false }, "large": { "items": 1000, "trial": true } }),
            json!({ "if": [{ "in": [{ "var": "plan" }, ["gold", "enterprise"]] }, "large", "small"] }),
        ),
    };
    let default = variants
        .as_object()
        .and_then(|variants| variants.keys().next())
        .cloned();
    json!({
        "state": "ENABLED",
        "variants": variants,
        "defaultVariant": default,
        "targeting": targeting,
        "metadata": {
            "owner": "team-checkout",
            "purpose": "what this is for, in the few words that people spend on it",
            "stage": "rollout",
            "expires": "2027-03-31",
        },
    })
}
