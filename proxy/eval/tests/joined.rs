//! A bucketing value that is joined by `cat` is hashed without being made; it must be the hash of what
//! would have been made, and whoever explains the rule, which does make it, must find the same.

use std::sync::Arc;

use burgee_eval::{Compiler, Context, Moment, Snapshot, evaluate, explain};
use serde_json::{Value as Json, json};

fn snapshot(bucketing: &str, parts: &Json) -> Snapshot {
    let variants: serde_json::Map<String, Json> = (0..50)
        .map(|number| (format!("v{number}"), json!(number)))
        .collect();
    let flag = |value: &Json| {
        let entries = variants.keys().map(|name| json!([name, 1]));
        let arguments: Vec<Json> = [value.clone()].into_iter().chain(entries).collect();
        json!({
            "state": "ENABLED",
            "variants": variants,
            "defaultVariant": null,
            "targeting": { "fractional": arguments },
        })
    };
    let document = json!({
        "metadata": { "bucketing": bucketing },
        "flags": {
            "joined": flag(&json!({ "cat": parts })),
            "whole": flag(&json!({ "var": "whole" })),
        },
    });
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("test", &document)
        .expect("the document is valid");
    Snapshot::new(&compiler, [Arc::new(set)])
}

#[test]
fn a_joined_bucketing_value_is_its_text() {
    let (flag_key, user) = (json!({ "var": "$flagd.flagKey" }), json!({ "var": "user" }));
    let (number, nothing) = (json!({ "var": "number" }), json!({ "var": "nothing" }));
    let long = "a text of more bytes than are copied in one step, so that it takes some of them";
    for bucketing in ["v2", "v3"] {
        for (parts, leading, trailing) in [
            (json!([flag_key, user]), "joined", ""),
            (json!([flag_key, "/", user]), "joined/", ""),
            (json!([user, "/", flag_key]), "", "/joined"),
            (json!([user]), "", ""),
            (json!(["", user, ""]), "", ""),
            (json!([long, user, long]), long, long),
            (json!([number, user]), "7.5", ""),
            (
                json!(["n", user, number, long]),
                "n",
                &*format!("7.5{long}"),
            ),
            (json!([nothing, user]), "null", ""),
            (
                json!(["1", "2", "3", "4", "5", "6", "7", "8", user, "9"]),
                "12345678",
                "9",
            ),
        ] {
            let snapshot = snapshot(bucketing, &parts);
            let find = |key| snapshot.find(key).expect("it is in the document");
            for user in 0..200 {
                let user = format!("user-{user}");
                let whole = format!("{leading}{user}{trailing}");
                let tree = json!({ "user": user, "whole": whole, "number": 7.5 });
                let context = Context::from_json(snapshot.attributes(), &tree);
                let variant = |key| {
                    evaluate(&snapshot, find(key), &context, Moment::current(0)).variant_name()
                };
                assert!(variant("whole").is_some());
                assert_eq!(
                    variant("joined"),
                    variant("whole"),
                    "{bucketing} {parts} {user}"
                );
                let explained = explain(&snapshot, find("joined"), &context, Moment::current(0));
                assert_eq!(
                    explained.decision.variant_name(),
                    variant("joined"),
                    "{parts} {user}"
                );
            }
        }
    }
}

#[test]
fn nothing_joined_is_a_value_in_v3_only() {
    for (bucketing, has_value) in [("v2", false), ("v3", true)] {
        let snapshot = snapshot(bucketing, &json!(["", { "var": "user" }]));
        let tree = json!({ "user": "" });
        let context = Context::from_json(snapshot.attributes(), &tree);
        let flag = snapshot.find("joined").expect("it is in the document");
        let decision = evaluate(&snapshot, flag, &context, Moment::current(0));
        assert_eq!(decision.variant.is_some(), has_value, "{bucketing}");
    }
}
