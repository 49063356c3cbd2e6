//! The way through: text, compile, snapshot, evaluate, explain.

use std::sync::Arc;

use burgee_eval::text::{Format, parse};
use burgee_eval::{
    Compiler, Context, ErrorCode, Moment, Reason, Snapshot, ValueType, evaluate, explain,
};
use serde_json::json;

#[test]
fn a_rule_decides_by_country_and_share() {
    let text = include_str!("../../../config/flags/checkout.yaml");
    let parsed = parse(text, Format::Yaml).expect("the sample parses");
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("sample", &parsed.value)
        .expect("the sample compiles");
    assert_eq!(&*set.id, "checkout");
    assert_eq!(set.problems, []);
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot.find("new-checkout").expect("it is there");

    let tree = json!({"targetingKey": "u1", "geo": {"country": "DE"}});
    let context = Context::from_json(snapshot.attributes(), &tree);
    let decision = evaluate(&snapshot, flag, &context, Moment::current(0));
    assert_eq!(decision.reason, Reason::TargetingMatch);
    let explanation = explain(&snapshot, flag, &context, Moment::current(0));
    assert_eq!(explanation.decision.variant, decision.variant);
}

#[test]
fn a_mismatch_names_both_types() {
    let flag = |value: serde_json::Value| json!({ "state": "ENABLED", "variants": { "v": value }, "defaultVariant": "v" });
    let document = json!({ "flags": {
        "n": flag(json!(1)),
        "f": flag(json!(1.5)),
        "s": flag(json!("x")),
        "o": flag(json!({})),
    } });
    let mut compiler = Compiler::new();
    let set = compiler.compile("given", &document).expect("valid");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let context = Context::new(snapshot.attributes());
    let typed = |key: &str, wanted: ValueType| {
        let flag = snapshot.find(key).expect("it is there");
        evaluate(&snapshot, flag, &context, Moment::current(0)).typed(wanted)
    };
    let check = |key: &str, wanted: ValueType, expected: &str| {
        let decision = typed(key, wanted);
        assert_eq!(decision.error, Some(ErrorCode::TypeMismatch));
        assert_eq!(decision.error_message().as_deref(), Some(expected));
    };
    check(
        "n",
        ValueType::Boolean,
        "the value is a number, but a boolean was asked for",
    );
    check(
        "f",
        ValueType::Integer,
        "the value is a float, but an integer was asked for",
    );
    check(
        "s",
        ValueType::Float,
        "the value is a string, but a float was asked for",
    );
    check(
        "o",
        ValueType::String,
        "the value is an object, but a string was asked for",
    );
    assert_eq!(typed("n", ValueType::Float).error, None);
    assert_eq!(typed("n", ValueType::Integer).asked, None);
}
