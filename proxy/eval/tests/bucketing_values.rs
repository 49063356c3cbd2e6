//! What a bucketing value does that is no text: not the same in every bucketing.

use std::sync::Arc;

use burgee_eval::{Compiler, Context, Moment, Reason, Snapshot, evaluate};
use serde_json::json;

/// The table in the documentation of `burgee_eval::bucketing`, of values that are no text.
#[test]
fn of_some_bucketing_values_nobody_gets_a_variant() {
    for (value, in_v2, in_v3) in [
        (json!(null), Reason::Default, Reason::Default),
        (json!({ "var": "absent" }), Reason::Default, Reason::Default),
        (json!(1), Reason::Default, Reason::TargetingMatch),
        (json!(true), Reason::Default, Reason::TargetingMatch),
        (
            json!({ "a": 1, "b": 2 }),
            Reason::Default,
            Reason::TargetingMatch,
        ),
        (json!(""), Reason::Default, Reason::TargetingMatch),
        (
            json!("salt"),
            Reason::TargetingMatch,
            Reason::TargetingMatch,
        ),
        // An array is an entry, and the split is by the targeting key.
        (
            json!(["on", 1]),
            Reason::TargetingMatch,
            Reason::TargetingMatch,
        ),
    ] {
        for (bucketing, expected) in [("v2", in_v2), ("v3", in_v3)] {
            let document = json!({
                "metadata": { "bucketing": bucketing },
                "flags": { "a": {
                    "state": "ENABLED",
                    "variants": { "on": true, "off": false },
                    "defaultVariant": "off",
                    "targeting": { "fractional": [value, ["on", 1], ["on", 1]] },
                } },
            });
            let mut compiler = Compiler::new();
            let set = compiler.compile("set", &document).expect("it compiles");
            let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
            let flag = snapshot.find("a").expect("it is there");
            let context = json!({ "targetingKey": "alice" });
            let context = Context::from_json(snapshot.attributes(), &context);
            let decision = evaluate(&snapshot, flag, &context, Moment::current(0));
            assert_eq!(decision.reason, expected, "{bucketing}: {value}");
        }
    }
}
