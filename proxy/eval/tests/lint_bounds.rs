//! Lints: what they claim holds, and however a document is made, they end.

#[path = "lints/set.rs"]
mod set;

use std::sync::Arc;

use burgee_eval::lint::{self, World};
use burgee_eval::{Compiler, Context, Moment, Snapshot, code, explain, limits};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

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
                .filter(|problem| problem.message.starts_with("this is never reached"))
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

/// Conditions of one attribute are looked at together, though not all of them.
#[test]
fn many_conditions_of_one_attribute_do_not_multiply() {
    let chain = |branches: usize, constants: usize| {
        let mut arguments = Vec::new();
        for branch in 0..branches {
            let list: Vec<String> = (0..constants).map(|of| format!("{branch}-{of}")).collect();
            arguments.push(json!({ "in": [{ "var": "x" }, list] }));
            arguments.push(json!("on"));
        }
        // The last one stands far behind what decides it, and is let be.
        arguments.extend([json!({ "===": [{ "var": "x" }, "0-0"] }), json!("off")]);
        set(&operation("if", arguments), &json!({}))
    };
    assert_eq!(lint(&chain(1_500, 1)), NOTHING);
    assert_eq!(lint(&chain(40, 200)), NOTHING);
    assert_eq!(
        lint(&chain(2, 200)),
        ["unreachable-rule /flags/a/targeting/if/5"]
    );
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

fn conditions() -> impl Strategy<Value = Value> {
    let attribute = || select(vec![json!({ "var": "x" }), json!({ "var": "y" })]);
    let constant = || select(constants());
    let operator = select(vec!["==", "===", "!=", "!==", "<", "<=", ">", ">="]);
    let comparison = (operator, attribute(), constant());
    let comparison = comparison.prop_map(|(operator, x, c)| operation(operator, vec![x, c]));
    let list = proptest::collection::vec(constant(), 0..3);
    let member = (attribute(), list).prop_map(|(x, list)| json!({ "in": [x, list] }));
    let leaf = prop_oneof![4 => comparison, 2 => member, 1 => attribute()];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let several = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (select(vec!["and", "or"]), several).prop_map(|(of, all)| operation(of, all)),
            inner.prop_map(|inner| json!({ "!": [inner] })),
        ]
    })
}

fn operation(operator: &str, arguments: Vec<Value>) -> Value {
    Value::Object(Map::from_iter([(operator.to_owned(), arguments.into())]))
}

fn constants() -> Vec<Value> {
    let constants = json!([null, true, 0, 1, 3, 5, "", "1", "3", " 3", "a", "b", "null"]);
    constants.as_array().expect("a list").clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Whatever the rule, what is said to be never reached is not reached by any value, and what only lists
    /// are said to reach, by no other.
    #[test]
    fn nothing_reaches_what_is_never_reached(
        branches in proptest::collection::vec(conditions(), 1..5),
    ) {
        // An explanation tells of an operator whether it was reached.
        let result = || json!({ "var": ["result", "on"] });
        let branches = branches.into_iter();
        let mut arguments: Vec<Value> = branches.flat_map(|test| [test, result()]).collect();
        arguments.push(result());
        let document = set(&operation("if", arguments), &json!({}));
        let found = lint::document(&document, &World::default());
        let never = found.iter().filter(|problem| problem.code == code::UNREACHABLE_RULE);
        let never: Vec<(&str, bool)> = never
            .filter_map(|problem| {
                let but_for_lists = problem.message.starts_with("only lists get here");
                Some((problem.path.strip_prefix("/flags/a")?, but_for_lists))
            })
            .collect();
        if never.is_empty() {
            return Ok(());
        }
        let mut compiler = Compiler::new();
        let snapshot = compiler.compile("set", &document).expect("a set");
        let snapshot = Snapshot::new(&compiler, [Arc::new(snapshot)]);
        let index = snapshot.find("a").expect("the flag");
        let mut values = constants();
        values.extend([json!(false), json!(2), json!(4), json!("2"), json!("ab"), json!({}), json!([])]);
        values.extend(constants().into_iter().map(|constant| json!([constant])));
        for x in &values {
            for y in &values {
                let context = json!({ "x": x, "y": y });
                let context = Context::from_json(snapshot.attributes(), &context);
                let explanation = explain(&snapshot, index, &context, Moment::current(0));
                let is_single = !(x.is_array() || x.is_object() || y.is_array() || y.is_object());
                for step in &explanation.steps {
                    for (path, but_for_lists) in &never {
                        let rest = step.path.strip_prefix(path);
                        let is_inside = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                        prop_assert!(
                            !is_inside || (*but_for_lists && !is_single),
                            "{path} with {x} and {y} in {document}"
                        );
                    }
                }
            }
        }
    }
}
