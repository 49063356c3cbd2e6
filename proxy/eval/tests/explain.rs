//! An explanation says which step decided, in words.

use std::sync::Arc;

use burgee_eval::limits::MAX_RULE_DEPTH;
use burgee_eval::{Compiler, Context, Moment, Snapshot, explain};
use serde_json::{Value as Json, json};

/// Explains the flag `f` of a document: `depth path = outcome`, one for each step.
fn steps(document: &Json, context: &Json) -> Vec<String> {
    let mut compiler = Compiler::new();
    let set = compiler.compile("explain", document).expect("valid");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot.find("f").expect("it is there");
    let context = Context::from_json(snapshot.attributes(), context);
    let explanation = explain(&snapshot, flag, &context, Moment::current(1_750_000_000));
    let shown = explanation.steps.iter();
    shown
        .map(|step| format!("{} {} = {}", step.depth, step.path, step.outcome))
        .collect()
}

fn flag(rule: &Json) -> Json {
    json!({ "flags": { "f": {
        "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off", "targeting": rule,
    } } })
}

#[track_caller]
fn check(document: &Json, context: &Json, expected: &[&str]) {
    assert_eq!(steps(document, context), expected);
}

#[test]
fn a_country_and_a_share() {
    let rule = json!({ "if": [
        { "in": [{ "var": "geo.country" }, ["DE", "FR", "NL"]] },
        { "fractional": [["on", 10], ["off", 90]] },
        "off",
    ] });
    check(
        &flag(&rule),
        &json!({ "targetingKey": "u1", "geo": { "country": "DE" } }),
        &[
            "0 /targeting/if = \"off\" (condition 1 holds)",
            "1 /targeting/if/0/in = true (geo.country is \"DE\")",
            "1 /targeting/if/1/fractional = \"off\" (bucket 20 of 100, in 10..100)",
            "0 /variants/off = /targeting/if gave \"off\"",
        ],
    );
    check(
        &flag(&rule),
        &json!({ "targetingKey": "u1" }),
        &[
            "0 /targeting/if = \"off\" (the condition does not hold)",
            "1 /targeting/if/0/in = false (geo.country is absent or null)",
            "0 /variants/off = /targeting/if gave \"off\"",
        ],
    );
}

#[test]
fn what_happens_outside_of_a_rule() {
    let rule = json!({ "if": [{ "var": "beta" }, "on", null] });
    check(
        &flag(&rule),
        &json!({}),
        &[
            "0 /targeting/if = null (beta is absent or null, the condition does not hold)",
            "0 /defaultVariant = the rule gave null: the default",
        ],
    );
    check(
        &flag(&json!({})),
        &json!({}),
        &["0 /defaultVariant = there is no rule: the default"],
    );
    let mut disabled = flag(&rule);
    disabled["flags"]["f"]["state"] = json!("DISABLED");
    check(
        &disabled,
        &json!({}),
        &["0 /state = the flag is disabled: no variant"],
    );
    check(
        &flag(&json!({ "if": [true, { "cet": ["on"] }] })),
        &json!({}),
        &[
            "0 /targeting/if = cannot be evaluated (condition 1 holds)",
            "1 /targeting/if/1/cet = cannot be evaluated: there is no operator \"cet\"",
            "0 /targeting/if/1/cet = no variant: there is no operator \"cet\"",
        ],
    );
    check(
        &flag(&json!({ "if": [true, "onn"] })),
        &json!({}),
        &[
            "0 /targeting/if = \"onn\" (condition 1 holds)",
            "0 /targeting/if = gave \"onn\", which names no variant",
        ],
    );
}

/// flagd substitutes the text, so a list takes the place of the arguments.
#[test]
fn a_reference_to_a_list_is_the_arguments() {
    let mut document = flag(&json!({ "if": { "$ref": "arguments" } }));
    document["$evaluators"] = json!({ "arguments": [{ "var": "beta" }, "on", "off"] });
    check(
        &document,
        &json!({ "beta": true }),
        &[
            "0 /targeting/if = \"on\" (beta is true, condition 1 holds)",
            "0 /variants/on = /targeting/if gave \"on\"",
        ],
    );
}

#[test]
fn references_are_followed() {
    let mut document = flag(&json!({ "if": [{ "$ref": "premium" }, "on", "off"] }));
    document["$evaluators"] = json!({ "premium": { "==": [{ "var": "plan" }, "gold"] } });
    let context = json!({ "plan": "gold" });
    check(
        &document,
        &context,
        &[
            "0 /targeting/if = \"on\" (condition 1 holds)",
            "1 /targeting/if/0/== = true (plan is \"gold\")",
            "0 /variants/on = /targeting/if gave \"on\"",
        ],
    );
    let mut compiler = Compiler::new();
    let set = compiler.compile("explain", &document).expect("valid");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot.find("f").expect("it is there");
    let context = Context::from_json(snapshot.attributes(), &context);
    let expressions: Vec<String> = explain(&snapshot, flag, &context, Moment::current(0))
        .steps
        .into_iter()
        .map(|step| step.expression)
        .collect();
    assert_eq!(
        expressions,
        [
            r#"{"if":[{"$ref":"premium"},"on","off"]}"#,
            r#"{"==":[{"var":"plan"},"gold"]}"#,
            "true",
        ]
    );
}

#[test]
fn a_loop_says_which_item_decided() {
    let context = json!({ "orders": [{ "total": 5 }, { "total": 120 }, { "total": 7 }] });
    let rule = |operator: &str| {
        let body = json!({ ">": [{ "var": "total" }, 100] });
        json!({ "if": [{ operator: [{ "var": "orders" }, body] }, "on", "off"] })
    };
    check(
        &flag(&rule("some")),
        &context,
        &[
            "0 /targeting/if = \"on\" (condition 1 holds)",
            "1 /targeting/if/0/some = true (orders is [{\"total\":5},{\"total\":120},{\"total\":7}], it holds for item 1 of 3)",
            "2 /targeting/if/0/some/1/> = false (item 0, total of the item is 5)",
            "2 /targeting/if/0/some/1/> = true (item 1, total of the item is 120)",
            "0 /variants/on = /targeting/if gave \"on\"",
        ],
    );
    check(
        &flag(&rule("filter")),
        &context,
        &[
            "0 /targeting/if = \"on\" (condition 1 holds)",
            "1 /targeting/if/0/filter = [{\"total\":120}] (orders is [{\"total\":5},{\"total\":120},{\"total\":7}], 1 of 3 items)",
            "2 /targeting/if/0/filter/1/> = false (item 0, total of the item is 5)",
            "2 /targeting/if/0/filter/1/> = true (item 1, total of the item is 120)",
            "2 /targeting/if/0/filter/1/> = false (item 2, total of the item is 7)",
            "0 /variants/on = /targeting/if gave \"on\"",
        ],
    );
    check(
        &flag(&rule("all")),
        &json!({ "orders": "none" }),
        &[
            "0 /targeting/if = \"off\" (the condition does not hold)",
            "1 /targeting/if/0/all = false (orders is \"none\", not an array)",
            "0 /variants/off = /targeting/if gave \"off\"",
        ],
    );
}

#[test]
fn computed_values_show_where_they_come_from() {
    let total = json!({ "reduce": [
        { "var": "cart" },
        { "+": [{ "var": "accumulator" }, { "*": [{ "var": "current.qty" }, { "var": "current.price" }] }] },
        0,
    ] });
    check(
        &flag(
            &json!({ "if": [{ ">": [total, 10] }, { "substr": [{ "cat": ["o", { "var": "rest" }] }, 0, 2] }] }),
        ),
        &json!({ "cart": [{ "qty": 2, "price": 4.5 }, { "qty": 1, "price": 3 }], "rest": "nwards" }),
        &[
            "0 /targeting/if = \"on\" (condition 1 holds)",
            "1 /targeting/if/0/> = true",
            "2 /targeting/if/0/>/0/reduce = 12 (cart is [{\"price\":4.5,\"qty\":2},{\"price\":3,\"qty\":1}], 2 items)",
            "3 /targeting/if/0/>/0/reduce/1/+ = 9 (item 0, accumulator is 0)",
            "4 /targeting/if/0/>/0/reduce/1/+/1/* = 9 (current.qty is 2, current.price is 4.5)",
            "3 /targeting/if/0/>/0/reduce/1/+ = 12 (item 1, accumulator is 9)",
            "4 /targeting/if/0/>/0/reduce/1/+/1/* = 3 (current.qty is 1, current.price is 3)",
            "1 /targeting/if/1/substr = \"on\"",
            "2 /targeting/if/1/substr/0/cat = \"onwards\" (rest is \"nwards\")",
            "0 /variants/on = /targeting/if gave \"on\"",
        ],
    );
    check(
        &flag(&json!({ "if": [{ "missing": ["plan", "age"] }, "off", "on"] })),
        &json!({ "age": 5 }),
        &[
            "0 /targeting/if = \"off\" (condition 1 holds)",
            "1 /targeting/if/0/missing = [\"plan\"] (plan is absent or null, age is 5, 1 of 2 missing)",
            "0 /variants/off = /targeting/if gave \"off\"",
        ],
    );
}

#[test]
fn what_fails_says_why() {
    check(
        &flag(&json!({ "if": [{ "<": [{ "/": [100, { "var": "count" }] }, 5] }, "on", "off"] })),
        &json!({ "count": 0 }),
        &[
            "0 /targeting/if = fails, in flagd too: a number is divided by 0",
            "1 /targeting/if/0/< = fails, in flagd too: a number is divided by 0",
            "2 /targeting/if/0/</0/~1 = fails, in flagd too: a number is divided by 0 (count is 0)",
            "0 /targeting/if/0/</0/~1 = the rule of \"f\" fails: a number is divided by 0",
        ],
    );
}

/// A rule that is nothing but what people take for a part of one is a step nevertheless.
#[test]
fn a_rule_that_is_an_attribute() {
    let x = json!({ "var": "x" });
    check(
        &flag(&x),
        &json!({ "x": "on" }),
        &[
            "0 /targeting/var = \"on\" (x is \"on\")",
            "0 /variants/on = /targeting/var gave \"on\"",
        ],
    );
    check(
        &flag(&x),
        &json!({ "x": "zzz" }),
        &[
            "0 /targeting/var = \"zzz\" (x is \"zzz\")",
            "0 /targeting/var = gave \"zzz\", which names no variant",
        ],
    );
    for context in [json!({}), json!({ "x": null })] {
        check(
            &flag(&x),
            &context,
            &[
                "0 /targeting/var = null (x is absent or null)",
                "0 /defaultVariant = the rule gave null: the default",
            ],
        );
    }
    check(
        &flag(&json!({ "var": "$flagd.timestamp" })),
        &json!({}),
        &[
            "0 /targeting/var = 1750000000 ($flagd.timestamp is 1750000000)",
            "0 /targeting/var = gave 1750000000, which names no variant",
        ],
    );
}

#[test]
fn a_rule_that_is_a_constant() {
    for (operator, argument) in [("log", json!(["on"])), ("cat", json!(["o", "n"]))] {
        check(
            &flag(&json!({ operator: argument })),
            &json!({}),
            &[
                &format!("0 /targeting/{operator} = \"on\" (constant)"),
                &format!("0 /variants/on = /targeting/{operator} gave \"on\""),
            ],
        );
    }
    check(
        &flag(&json!({ "fractional": [] })),
        &json!({}),
        &[
            "0 /targeting/fractional = null (`fractional` takes at least 1 argument, not 0)",
            "0 /defaultVariant = the rule gave null: the default",
        ],
    );
    // Several keys are no operator, and their object is one constant.
    check(
        &flag(&json!({ "if": [true, "on"], "or": [] })),
        &json!({}),
        &[
            "0 /targeting = {\"if\":[true,\"on\"],\"or\":[]}",
            "0 /targeting = gave {\"if\":[true,\"on\"],\"or\":[]}, which names no variant",
        ],
    );
}

#[test]
fn a_condition_that_is_a_constant() {
    let told = |condition: Json, path: &str, outcome: &str| {
        check(
            &flag(&json!({ "if": [condition, "on", "off"] })),
            &json!({ "a": "x" }),
            &[
                "0 /targeting/if = \"off\" (the condition does not hold)",
                &format!("1 /targeting/if/0/{path} = {outcome}"),
                "0 /variants/off = /targeting/if gave \"off\"",
            ],
        );
    };
    let a = json!({ "var": "a" });
    told(
        json!({ "starts_with": [a, "x", "y"] }),
        "starts_with",
        "null (`starts_with` takes 2 arguments, not 3)",
    );
    told(
        json!({ "sem_ver": [a, "="] }),
        "sem_ver",
        "null (`sem_ver` takes 3 arguments, not 2)",
    );
    told(
        json!({ "some": [[1]] }),
        "some",
        "false (`some` takes 2 arguments, not 1)",
    );
    told(json!({ "==": [1, 2] }), "==", "false (constant)");
    // A constant that is written as an attribute is told as one.
    check(
        &flag(&json!({ "if": [{ "==": [{ "var": "$flagd.flagKey" }, a] }, "on", "off"] })),
        &json!({ "a": "f" }),
        &[
            "0 /targeting/if = \"on\" (condition 1 holds)",
            "1 /targeting/if/0/== = true ($flagd.flagKey is \"f\", a is \"f\")",
            "0 /variants/on = /targeting/if gave \"on\"",
        ],
    );
}

#[test]
fn what_cannot_be_evaluated_is_told_at_its_place() {
    let cannot = |rule: &Json, path: &str, why: &str| {
        check(
            &flag(rule),
            &json!({}),
            &[
                &format!("0 {path} = cannot be evaluated: {why}"),
                &format!("0 {path} = no variant: {why}"),
            ],
        );
    };
    let none = "there is no operator \"cet\"";
    cannot(&json!({ "cet": ["on"] }), "/targeting/cet", none);
    let none = "there is no evaluator \"nope\"";
    cannot(&json!({ "$ref": "nope" }), "/targeting/$ref", none);
    check(
        &flag(&json!({ "if": [{ "var": ["a", 1, 2] }, "on"] })),
        &json!({}),
        &[
            "0 /targeting/if = fails, in flagd too: `var` takes a path and a default, and nothing more",
            "1 /targeting/if/0/var = fails, in flagd too: `var` takes a path and a default, and nothing more",
            "0 /targeting/if/0/var = the rule of \"f\" fails: `var` takes a path and a default, and nothing more",
        ],
    );
    // Only what was reached counts, and an evaluator is told where it is used.
    let mut document = flag(&json!({ "or": [{ "$ref": "broken" }, { "dog": [] }] }));
    document["$evaluators"] = json!({ "broken": { "!": { "cet": [] } }, "a": { "$ref": "a" } });
    check(
        &document,
        &json!({}),
        &[
            "0 /targeting/or = cannot be evaluated",
            "1 /targeting/or/0/!/cet = cannot be evaluated: there is no operator \"cet\"",
            "0 /targeting/or/0/!/cet = no variant: there is no operator \"cet\"",
        ],
    );
    document["flags"]["f"]["targeting"] = json!({ "!": { "$ref": "a" } });
    check(
        &document,
        &json!({}),
        &[
            "0 /targeting/!/$ref = cannot be evaluated: the evaluator \"a\" refers to itself",
            "0 /targeting/!/$ref = no variant: the evaluator \"a\" refers to itself",
        ],
    );
    let inner = |level: usize| json!({ "$ref": format!("e{level}") });
    let mut evaluators = serde_json::Map::from_iter([("e0".to_owned(), json!({ "var": "a" }))]);
    for level in 1..=MAX_RULE_DEPTH {
        evaluators.insert(format!("e{level}"), json!({ "!": inner(level - 1) }));
    }
    let mut document = flag(&inner(MAX_RULE_DEPTH));
    document["$evaluators"] = json!(evaluators);
    let told = steps(&document, &json!({}));
    let last = told.last().expect("there is one");
    assert!(last.starts_with("0 /targeting/!/!/!"), "{last}");
    assert!(last.contains("96 levels deep"), "{last}");
}

/// Each thing that spoils a flag has its pointer and what stands there.
#[test]
fn a_spoiled_flag_says_by_what() {
    let mut document = flag(&json!({ "cet": ["on"] }));
    document["delivery"] =
        json!({ "f": { "regions": ["eu", "US"], "layer": { "name": "a", "from": 0 } } });
    let mut compiler = Compiler::new();
    let set = compiler.compile("explain", &document).expect("valid");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot.find("f").expect("it is there");
    let context = Context::new(snapshot.attributes());
    let explanation = explain(&snapshot, flag, &context, Moment::current(0));
    let told: Vec<(&str, &str, &str)> = explanation
        .steps
        .iter()
        .map(|step| (&*step.path, &*step.expression, &*step.outcome))
        .collect();
    assert_eq!(
        told,
        [
            (
                "/delivery/layer",
                r#"{"from":0,"name":"a"}"#,
                "no variant: `to` is missing",
            ),
            (
                "/delivery/regions/1",
                "\"US\"",
                "no variant: \"US\" matches no region",
            ),
            (
                "/targeting/cet",
                r#"["on"]"#,
                "no variant: there is no operator \"cet\"",
            ),
        ]
    );
    let message = explanation.decision.error_message();
    let message = message.expect("it is spoiled");
    assert!(
        message.contains("/delivery/f/regions/1: \"US\" matches no region"),
        "{message}"
    );
}

#[test]
fn loops_over_few_items() {
    let told = |operator: &str, items: Json| {
        let rule = json!({ operator: [{ "var": "list" }, { "!": { "var": "" } }] });
        steps(&flag(&rule), &json!({ "list": items })).swap_remove(0)
    };
    let is = |operator: &str, items: Json, outcome: &str| {
        let told = told(operator, items.clone());
        let expected = format!("0 /targeting/{operator} = {outcome}");
        let expected = expected.replace("LIST", &format!("list is {items}"));
        assert_eq!(told, expected);
    };
    for operator in ["all", "some"] {
        is(operator, json!([]), "false (LIST, there are no items)");
    }
    is("none", json!([]), "true (LIST, there are no items)");
    is("all", json!([0]), "true (LIST, it holds for all of 1 item)");
    is(
        "all",
        json!([0, 1]),
        "false (LIST, it does not hold for item 1 of 2)",
    );
    is(
        "none",
        json!([1, 2]),
        "true (LIST, it holds for none of 2 items)",
    );
    is(
        "some",
        json!([1]),
        "false (LIST, it holds for none of 1 item)",
    );
    is("filter", json!([1]), "[] (LIST, 0 of 1 item)");
}

/// Why nobody is in a bucket depends on the bucketing.
#[test]
fn fractional_says_why_there_is_no_bucket() {
    let shares = [json!(["on", 1]), json!(["off", 1])];
    let rule = |first: Json| json!({ "fractional": [first, shares[0], shares[1]] });
    let told = |rule: Json, bucketing: &str| {
        let mut document = flag(&rule);
        document["delivery"] = json!({ "f": { "bucketing": bucketing } });
        steps(&document, &json!({})).swap_remove(0)
    };
    let absent = rule(json!({ "var": "user" }));
    assert_eq!(
        told(absent.clone(), "v2"),
        "0 /targeting/fractional = null (user is absent or null, the first argument is neither a text to hash nor an entry)"
    );
    assert_eq!(
        told(absent, "v3"),
        "0 /targeting/fractional = null (user is absent or null, the bucketing value is null)"
    );
    assert_eq!(
        told(json!({ "fractional": shares }), "v3"),
        "0 /targeting/fractional = null (there is no targeting key)"
    );
}
