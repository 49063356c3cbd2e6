//! What a loop sees, what it reads, and what stands in it by reference; and in which order faults count.

use std::sync::Arc;

use burgee_eval::{AttributeId, Compiler, Context, ErrorCode, Moment, Snapshot, evaluate};
use serde_json::{Value as Json, json};

fn document(rule: &Json, evaluators: &Json) -> Json {
    let flag = json!({ "state": "ENABLED", "variants": { "on": 1, "off": 2 }, "targeting": rule });
    json!({ "$evaluators": evaluators, "flags": { "f": flag } })
}

fn snapshot(rule: &Json, evaluators: &Json) -> Snapshot {
    let mut compiler = Compiler::new();
    let set = compiler.compile("loops", &document(rule, evaluators));
    Snapshot::new(
        &compiler,
        [Arc::new(set.expect("a rule spoils at most its flag"))],
    )
}

fn decide(rule: &Json, evaluators: &Json, context: &Json) -> Result<String, ErrorCode> {
    let snapshot = snapshot(rule, evaluators);
    let flag = snapshot.find("f").expect("it is there");
    let context = Context::from_json(snapshot.attributes(), context);
    let decision = evaluate(&snapshot, flag, &context, Moment::current(0));
    match decision.error {
        Some(error) => Err(error),
        None => Ok(decision.variant_name().unwrap_or_default().to_owned()),
    }
}

/// flagd substitutes text, so that what a reference stands for reads what stands in its place.
#[test]
fn a_reference_inside_a_loop_reads_the_item() {
    let evaluators = json!({
        "large": { ">": [{ "var": "total" }, 100] },
        "start": [{ "$ref": "word" }, "b"],
        "word": "a",
        "arguments": [{ "var": "orders" }, { "$ref": "large" }],
    });
    let context = json!({ "total": 500, "orders": [{ "total": 5 }, { "total": 7 }] });
    let on = |condition: Json| json!({ "if": [condition, "on", "off"] });
    let decide = |rule: &Json| decide(rule, &evaluators, &context);
    let some = json!({ "some": [{ "var": "orders" }, { "$ref": "large" }] });
    assert_eq!(decide(&on(some)), Ok("off".to_owned()));
    assert_eq!(decide(&on(json!({ "$ref": "large" }))), Ok("on".to_owned()));
    let all = json!({ "none": { "$ref": "arguments" } });
    assert_eq!(decide(&on(all)), Ok("on".to_owned()));
    // Also where nothing is evaluated.
    let start = json!({ "reduce": [[], 1, { "$ref": "start" }] });
    let equal = json!({ "===": [start, ["a", "b"]] });
    assert_eq!(decide(&on(equal)), Ok("on".to_owned()));
    let constant = json!({ "var": "x.0", "y": { "$ref": "start" } });
    let chosen = json!({ "map": [[constant], { "var": "y.0" }] });
    assert_eq!(
        decide(&on(json!({ "===": [chosen, ["a"]] }))),
        Ok("on".to_owned())
    );
}

/// The edge extracts what a rule reads, and no more: a loop reads its array, not what its items have.
#[test]
fn a_loop_reads_its_array_alone() {
    let body = json!({ "and": [
        { "==": [{ "var": "age" }, { "var": "targetingKey" }] },
        { "missing": ["name"] },
        { "var": { "cat": ["a", "b"] } },
        { "var": "" },
        { "var": "$flagd.timestamp" },
        { "fractional": [["on", 1]] },
    ] });
    let snapshot = snapshot(&json!({ "some": [{ "var": "people" }, body] }), &json!({}));
    let flag = snapshot.flag(snapshot.find("f").expect("it is there"));
    let names: Vec<&str> = flag
        .reads
        .iter()
        .map(|id| snapshot.attributes().name(*id))
        .collect();
    assert_eq!(names, ["people"]);
    assert!(!flag.reads_tree && !flag.reads_time);
}

#[test]
fn missing_reads_its_keys() {
    let rule =
        json!({ "if": [{ "missing": ["plan", "targetingKey", "$flagd.timestamp"] }, "off", "on"] });
    let snapshot = snapshot(&rule, &json!({}));
    let flag = snapshot.flag(snapshot.find("f").expect("it is there"));
    assert!(!flag.reads_tree && flag.reads_time);
    assert_eq!(flag.reads.len(), 2);
    assert!(flag.reads.contains(&AttributeId::TARGETING_KEY));
    // By slots, as the edge sets them.
    let mut context = Context::new(snapshot.attributes());
    let decide = |context: &Context<'_>| {
        let index = snapshot.find("f").expect("it is there");
        evaluate(&snapshot, index, context, Moment::current(0)).variant_name()
    };
    context.set_targeting_key("u1");
    assert_eq!(decide(&context), Some("off"));
    let plan = snapshot.attributes().find("plan").expect("it is read");
    context.set(plan, burgee_eval::Value::Str("gold"));
    assert_eq!(decide(&context), Some("on"));
}

/// flagd evaluates arguments also where it ignores them, and looks an operator up after that.
#[test]
fn faults_count_in_the_order_of_flagd() {
    let code = |rule: Json| decide(&rule, &json!({}), &json!({ "zero": 0 })).expect_err("it fails");
    let zero = || json!({ "/": [1, { "var": "zero" }] });
    let unknown = || json!({ "nope": [] });
    assert_eq!(
        code(json!({ "/": [1, 0, unknown()] })),
        ErrorCode::ParseError
    );
    assert_eq!(code(json!({ "==": [1, 1, zero()] })), ErrorCode::General);
    assert_eq!(
        code(json!({ "missing": [["a"], zero()] })),
        ErrorCode::General
    );
    assert_eq!(code(json!({ "log": ["on", zero()] })), ErrorCode::General);
    assert_eq!(code(json!({ "nope": [zero()] })), ErrorCode::General);
    assert_eq!(
        code(json!({ "map": [[1], unknown()] })),
        ErrorCode::ParseError
    );
    assert_eq!(code(json!({ "var.x": [] })), ErrorCode::General);
    assert_eq!(code(json!({ "==.": [] })), ErrorCode::General);
    assert_eq!(code(json!({ "map.x": [] })), ErrorCode::ParseError);
    assert_eq!(code(json!({ "a.b": [] })), ErrorCode::ParseError);
    // What is not reached does no harm: the body of an empty loop, what `reduce` begins with, and
    // whatever follows.
    for fine in [
        json!({ "if": [{ "map": [[], unknown()] }, "off", "on"] }),
        json!({ "if": [{ "reduce": [[1], 1, unknown()] }, "on", "off"] }),
        json!({ "if": [{ "some": [[1], 1, unknown()] }, "on", "off"] }),
        json!({ "if": [{ "filter": [unknown()] }, "off", "on"] }),
    ] {
        assert_eq!(
            decide(&fine, &json!({}), &json!({})),
            Ok("on".to_owned()),
            "{fine}"
        );
    }
}
