//! A flag's lifecycle is read from its metadata and its set's, and decides nothing.

use std::sync::Arc;

use burgee_eval::{Compiler, Context, Moment, Reason, Severity, Snapshot, explain};
use serde_json::{Value as Json, json};

fn document(set: &Json, flag: &Json) -> Json {
    json!({
        "metadata": set,
        "flags": { "f": { "state": "ENABLED", "variants": { "on": 1 }, "defaultVariant": "on", "metadata": flag } },
    })
}

#[test]
fn the_flags_own_wins_over_its_sets() {
    let set = json!({ "owner": "team", "expires": "2030-01-01", "version": "4" });
    let document = document(
        &set,
        &json!({ "owner": "ann", "purpose": "a page", "stage": "rollout" }),
    );
    let set = Compiler::new().compile("set", &document).expect("valid");
    assert_eq!(set.problems, []);
    let lifecycle = serde_json::to_value(set.flags[0].lifecycle()).expect("JSON");
    let expected =
        json!({ "owner": "ann", "purpose": "a page", "stage": "rollout", "expires": "2030-01-01" });
    assert_eq!(lifecycle, expected);
}

#[test]
fn what_is_malformed_is_a_warning_and_counts_as_absent() {
    let set = json!({ "owner": 7, "stage": "" });
    let document = document(
        &set,
        &json!({ "purpose": true, "stage": " ", "expires": "next year" }),
    );
    let set = Compiler::new()
        .compile("set", &document)
        .expect("metadata is free");
    let warnings: Vec<String> = set
        .problems
        .iter()
        .map(|problem| {
            assert_eq!(problem.severity, Severity::Warning);
            assert!(problem.help.is_some());
            let flag = problem.flag.as_deref().unwrap_or("-");
            format!("{flag} {} {}", problem.path, problem.message)
        })
        .collect();
    assert_eq!(
        warnings,
        [
            "- /metadata/owner 7 is no owner, and counts as none",
            "- /metadata/stage \"\" is no stage, and counts as none",
            "f /flags/f/metadata/purpose true is no purpose, and counts as none",
            "f /flags/f/metadata/stage \" \" is no stage, and counts as none",
            "f /flags/f/metadata/expires \"next year\" is no date, so this never expires",
        ]
    );
    assert!(set.flags[0].lifecycle().is_empty());
}

#[test]
fn an_expired_flag_is_served_as_authored_and_the_explanation_says_so() {
    const LAST_SECOND: u64 = 1_735_689_599; // 2024-12-31T23:59:59Z
    let document = document(&json!({}), &json!({ "expires": "2024-12-31" }));
    let mut compiler = Compiler::new();
    let set = compiler.compile("set", &document).expect("valid");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot.find("f").expect("it is there");
    let context = Context::new(snapshot.attributes());
    for (now, expired) in [(LAST_SECOND, false), (LAST_SECOND + 1, true)] {
        let explanation = explain(&snapshot, flag, &context, Moment::current(now));
        assert_eq!(explanation.decision.variant_name(), Some("on"));
        assert_eq!(explanation.decision.reason, Reason::Static);
        assert_eq!(explanation.lifecycle.has_expired(now), expired);
        let told = explanation
            .steps
            .iter()
            .find(|step| step.path == "/metadata/expires");
        let expected = "it has expired, which changes nothing: it is served as authored";
        assert_eq!(told.map(|step| &*step.outcome), expired.then_some(expected));
    }
}
