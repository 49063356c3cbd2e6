//! Lints: what they claim holds, and however a document is made, they end.

#[path = "lints/set.rs"]
mod set;

use std::sync::Arc;

use burgee_eval::lint::{self, World};
use burgee_eval::{Compiler, Context, Moment, Snapshot, code, explain, limits};
use serde_json::{Value, json};

use set::{NOTHING, lint, set};

#[test]
fn nesting_and_sharing_do_not_multiply() {
    // Weights in entries in entries.
    let mut rule = json!("on");
    for _ in 0..20 {
        let weight = json!({ "if": [{ "var": "x" }, 1, 0] });
        rule = json!({ "fractional": [[rule, weight], ["off", 1]] });
    }
    assert_eq!(lint(&set(&rule, &json!({}))), NOTHING);
    // Evaluators that refer to each other twice: 2^40 ways through them.
    let mut evaluators = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({ "$ref": format!("e{}", level + 1) });
        let rule = json!({ "if": [{ "var": "x" }, next, next] });
        evaluators.insert(format!("e{level}"), rule);
    }
    evaluators.insert("e40".to_owned(), json!("on"));
    let document = set(&json!({ "$ref": "e0" }), &evaluators.into());
    assert_eq!(lint(&document), NOTHING);
}

/// What is said to be never reached is not reached in any case that the official evaluators decided.
#[test]
fn what_is_never_reached_is_not_reached() {
    let vectors = [
        include_str!("vectors/v2-generated.json"),
        include_str!("vectors/v3.json"),
        include_str!("vectors/v3-generated.json"),
    ];
    let (mut linted, mut claims) = (0, 0);
    for vectors in vectors {
        let cases: Vec<Value> = serde_json::from_str(vectors).expect("cases");
        for case in &cases {
            let document = &case["document"];
            let found = lint::document(document, &World::default());
            linted += 1;
            let flag = case["flag"].as_str().expect("a flag");
            let of_flag = format!("/flags/{flag}");
            let never: Vec<&str> = found
                .iter()
                .filter(|problem| problem.code == code::UNREACHABLE_RULE)
                .filter_map(|problem| problem.path.strip_prefix(&of_flag))
                .collect();
            if never.is_empty() {
                continue;
            }
            claims += never.len();
            let mut compiler = Compiler::new();
            let set = compiler.compile("vectors", document).expect("a set");
            let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
            let index = snapshot.find(flag).expect("the flag");
            let context = Context::from_json(snapshot.attributes(), &case["context"]);
            let moment = Moment::current(case["now"].as_u64().unwrap_or_default());
            let explanation = explain(&snapshot, index, &context, moment);
            for step in &explanation.steps {
                let is_inside = |never: &&str| {
                    let rest = step.path.strip_prefix(*never);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                let reached = never.iter().find(|never| is_inside(never));
                assert_eq!(reached, None, "{case:#}");
            }
        }
    }
    assert!(
        linted > 150 && claims > 10,
        "{claims} claims in {linted} cases"
    );
}

/// Evaluators can lead deeper than any rule, and in circles; the compiler reports both.
#[test]
fn depth_is_bounded() {
    let mut evaluators = serde_json::Map::new();
    for level in 0..20_000 {
        let next = json!({ "$ref": format!("e{}", level + 1) });
        evaluators.insert(format!("e{level}"), json!({ "!": [next] }));
    }
    let rule = json!({ "if": [{ "$ref": "e0" }, "on", { "$ref": "e0" }, "off"] });
    let deep = set(&rule, &evaluators.into());
    lint::document(&deep, &World::default());
    for circle in [
        json!({ "!": [{ "$ref": "a" }] }),
        json!({ "!!": { "$ref": "a" } }),
        json!({ "and": [{ "$ref": "a" }, { "$ref": "a" }] }),
        json!({ "or": [{ "!": [{ "$ref": "a" }] }, { "$ref": "a" }] }),
        json!({ "if": [{ "$ref": "a" }, { "$ref": "a" }, { "$ref": "a" }] }),
        json!({ "fractional": [{ "$ref": "a" }, [{ "$ref": "a" }, { "$ref": "a" }]] }),
        json!([{ "$ref": "a" }]),
        json!({ "$ref": "a" }),
    ] {
        let evaluators = json!({ "a": circle });
        let a = json!({ "$ref": "a" });
        for rule in [json!({ "if": [a, a, a, a] }), json!({ "fractional": a }), a] {
            lint::document(&set(&rule, &evaluators), &World::default());
        }
    }
}

/// The text of a condition is looked at wherever the condition is referred to.
#[test]
fn conditions_that_many_rules_share_take_steps() {
    const BYTES: usize = 15_000;
    let lint_many = |flags: usize| {
        let condition = json!({ "==": [{ "var": "x" }, "x".repeat(BYTES)] });
        let rule = json!({ "if": [{ "$ref": "long" }, "on", "off"] });
        let mut document = set(&rule, &json!({ "long": condition }));
        let flag = document["flags"]["a"].clone();
        for number in 0..flags {
            document["flags"][format!("f{number}")] = flag.clone();
        }
        lint(&document)
    };
    assert_eq!(lint_many(1_000), NOTHING);
    assert_eq!(lint_many(5_000), ["too-large-to-lint "]);
}

/// What proxies have no trouble with must not trouble whoever lints it.
#[test]
fn steps_are_bounded() {
    const ENTRIES: usize = 4_900;
    let lint_many = |flags: usize| {
        let entries: Vec<Value> = (0..ENTRIES).map(|_| json!(["on", 1])).collect();
        let share = json!({ "share": { "fractional": entries } });
        let mut document = set(&Value::Null, &share);
        let mut flag = document["flags"]["a"].clone();
        flag["targeting"] = json!({ "$ref": "share" });
        for number in 0..flags {
            document["flags"][format!("f{number}")] = flag.clone();
        }
        lint(&document)
    };
    let few = limits::MAX_LINT_STEPS / (ENTRIES + 100);
    assert_eq!(lint_many(few), NOTHING);
    let many = limits::MAX_LINT_STEPS / ENTRIES + 1;
    assert_eq!(lint_many(many), ["too-large-to-lint "]);
}
