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
