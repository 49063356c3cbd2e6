//! The way through: text, compile, snapshot, evaluate, explain.

use std::sync::Arc;

use burgee_eval::text::{Format, parse};
use burgee_eval::{Compiler, Context, Reason, Snapshot, evaluate, explain};
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
    let decision = evaluate(&snapshot, flag, &context, 0);
    assert_eq!(decision.reason, Reason::TargetingMatch);
    let explanation = explain(&snapshot, flag, &context, 0);
    assert_eq!(explanation.decision.variant, decision.variant);
}
