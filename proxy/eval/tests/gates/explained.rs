//! What a flag says that it reads, and what an explanation says of its gates.

use burgee_eval::bucketing::slot;
use burgee_eval::{AttributeId, Context, Moment, Snapshot, explain};
use serde_json::{Value as Json, json};

use crate::world::{NOW, disabled, flag, moment, one, ruled, synced};

#[test]
fn reads_and_needs() {
    let mut by_plan = flag("off");
    by_plan["targeting"] = json!({ "if": [{ "==": [{ "var": "plan" }, "gold"] }, "on", "off"] });
    let mut timed = flag("off");
    timed["targeting"] =
        json!({ "if": [{ ">": [{ "var": "$flagd.timestamp" }, 500] }, "on", "off"] });
    let mut whole = flag("off");
    whole["targeting"] = json!({ "if": [{ "var": { "var": "which" } }, "on", "off"] });
    let snapshot = one(
        json!({ "top": ruled(), "middle": by_plan, "timed": timed, "whole": whole, "alone": ruled(), "plain": ruled() }),
        json!({
            "top": { "requires": { "middle": ["on"] }, "stale": { "after": "1h", "then": "serve" } },
            "middle": { "requires": { "timed": ["on"] }, "regions": ["eu"], "stale": { "after": "1m", "then": "default" } },
            "timed": { "layer": { "name": "x", "from": 0, "to": 1 } },
            "alone": { "requires": { "whole": ["on"] } },
        }),
    );
    let named = |attributes: &[AttributeId]| -> Vec<&str> {
        let mut names: Vec<&str> = attributes
            .iter()
            .map(|id| snapshot.attributes().name(*id))
            .collect();
        names.sort_unstable();
        names
    };
    let find = |key: &str| snapshot.find(key).expect("it is there");
    let needs = |key: &str| {
        let needs = snapshot.needs(find(key));
        (
            named(&needs.attributes),
            needs.tree,
            needs.time,
            needs.stale_after,
        )
    };
    assert_eq!(named(&snapshot.flag(find("top")).reads), [] as [&str; 0]);
    assert_eq!(
        named(&snapshot.flag(find("middle")).reads),
        ["plan", "region"]
    );
    assert_eq!(named(&snapshot.flag(find("timed")).reads), ["targetingKey"]);
    let all = vec!["plan", "region", "targetingKey"];
    assert_eq!(needs("top"), (all.clone(), false, true, Some(60)));
    assert_eq!(needs("middle"), (all, false, true, Some(60)));
    assert_eq!(needs("timed"), (vec!["targetingKey"], false, true, None));
    let whole = needs("whole");
    assert!(whole.1 && whole.2);
    assert_eq!(needs("alone"), whole);
    assert_eq!(needs("plain"), (vec![], false, false, None));
}

/// `path expression = outcome`
fn steps(snapshot: &Snapshot, key: &str, context: &Json, moment: Moment) -> Vec<String> {
    let flag = snapshot.find(key).expect("it is there");
    let context = Context::from_json(snapshot.attributes(), context);
    let explanation = explain(snapshot, flag, &context, moment);
    let steps = explanation.steps.iter();
    steps
        .map(|step| format!("{} {} = {}", step.path, step.expression, step.outcome))
        .collect()
}

#[test]
fn an_explanation_has_each_gate_before_the_rule() {
    let snapshot = one(
        json!({ "f": ruled(), "new-cart": flag("on"), "a/b": disabled(), "closed": ruled(), "unknown": ruled() }),
        json!({
            "f": {
                "stale": { "after": "90s", "then": "serve" },
                "regions": ["eu", "eu-*"],
                "requires": { "new-cart": ["on"] },
                "layer": { "name": "checkout-tests", "from": 0, "to": 9999 },
            },
            "closed": { "requires": { "a/b": ["on"], "new-cart": ["on"] } },
            "unknown": { "requires": { "new-crat": ["on"] } },
        }),
    );
    let context = json!({ "region": "eu-1", "targetingKey": "u1" });
    let slot = slot("checkout-tests", "u1");
    let gates = |age: &str| {
        vec![
            format!("/delivery/stale {{\"after\":\"1m 30s\",\"then\":\"serve\"}} = {age}"),
            "/delivery/regions [\"eu\",\"eu-*\"] = true (region is \"eu-1\")".to_owned(),
            "/delivery/requires/new-cart [\"on\"] = true (new-cart is \"on\", STATIC)".to_owned(),
            format!(
                "/delivery/layer {{\"from\":0,\"name\":\"checkout-tests\",\"to\":9999}} = true (slot {slot} of 10000)"
            ),
            "/targeting/if {\"if\":[true,\"on\"]} = \"on\" (condition 1 holds)".to_owned(),
            "/variants/on true = /targeting/if gave \"on\"".to_owned(),
        ]
    };
    let fresh = "false (known to be current 5s ago)";
    assert_eq!(
        steps(&snapshot, "f", &context, synced(Some(NOW - 5))),
        gates(fresh)
    );
    let old = "true (known to be current 20m ago)";
    assert_eq!(
        steps(&snapshot, "f", &context, synced(Some(NOW - 1200))),
        gates(old)
    );
    assert_eq!(
        steps(&snapshot, "f", &json!({}), synced(None)),
        [
            "/delivery/stale {\"after\":\"1m 30s\",\"then\":\"serve\"} = true (never known to be current)",
            "/delivery/regions [\"eu\",\"eu-*\"] = false (region is absent or null)",
            "/defaultVariant \"off\" = this is outside of its regions: the default",
        ]
    );
    assert_eq!(
        steps(&snapshot, "closed", &json!({}), moment()),
        [
            "/delivery/requires/a~1b [\"on\"] = false (a/b has no variant, DISABLED)",
            "/defaultVariant \"off\" = a prerequisite does not hold: the default",
        ]
    );
    assert_eq!(
        steps(&snapshot, "unknown", &json!({}), moment()),
        [
            "/delivery/requires/new-crat [\"on\"] = false (there is no flag \"new-crat\", which \"unknown\" requires)",
            "/defaultVariant \"off\" = a prerequisite does not hold: the default",
        ]
    );
    let suggestion = snapshot.problems()[0].problem.help.as_deref();
    assert_eq!(suggestion, Some("did you mean \"new-cart\"?"));
}
