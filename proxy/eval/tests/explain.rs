//! An explanation says which step decided, in words.

use std::sync::Arc;

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
        ],
    );
    check(
        &flag(&rule),
        &json!({ "targetingKey": "u1" }),
        &[
            "0 /targeting/if = \"off\" (the condition does not hold)",
            "1 /targeting/if/0/in = false (geo.country is absent)",
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
            "0 /targeting/if = null (beta is absent, the condition does not hold)",
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
            "0  = /flags/f/targeting/if/1/cet: there is no operator \"cet\"",
        ],
    );
    check(
        &flag(&json!({ "if": [true, "onn"] })),
        &json!({}),
        &[
            "0 /targeting/if = \"onn\" (condition 1 holds)",
            "0  = the rule of \"f\" gave something that names no variant",
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
        &["0 /targeting/if = \"on\" (beta is true, condition 1 holds)"],
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
        ],
    );
    check(
        &flag(&rule("all")),
        &json!({ "orders": "none" }),
        &[
            "0 /targeting/if = \"off\" (the condition does not hold)",
            "1 /targeting/if/0/all = false (orders is \"none\", not an array)",
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
        ],
    );
    check(
        &flag(&json!({ "if": [{ "missing": ["plan", "age"] }, "off", "on"] })),
        &json!({ "age": 5 }),
        &[
            "0 /targeting/if = \"off\" (condition 1 holds)",
            "1 /targeting/if/0/missing = [\"plan\"] (plan is absent, age is 5, 1 of 2 missing)",
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
            "0  = the rule of \"f\" fails: a number is divided by 0",
        ],
    );
}
