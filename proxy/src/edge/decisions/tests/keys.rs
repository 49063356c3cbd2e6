//! No two contexts that a rule could tell apart have the same key.

use burgee_eval::{AttributeId, Context, Value};
use serde_json::{Value as Json, json};

use super::world::{NOW_MS, World, at, flags, state};
use crate::edge::decisions::decide;
use crate::store::State;

/// Rules read `a` and `b`, and tell texts from numbers and booleans.
fn reads_both() -> Json {
    let shown = |name: &str| {
        let value = json!({ "var": name });
        json!({ "if": [
            { "===": [value, null] }, "null",
            { "===": [value, true] }, "true",
            { "===": [value, false] }, "false",
            { "===": [value, 1] }, "one",
            { "===": [value, 0] }, "zero",
            { "cat": ["text:", value] },
        ] })
    };
    json!({ "fractional": [{ "cat": [shown("a"), "/", shown("b")] }, ["on", 50], ["off", 50]] })
}

const TEXTS: [&str; 12] = [
    "",
    "a",
    "b",
    "ab",
    "1",
    "0",
    "true",
    "false",
    "null",
    "s",
    "s\u{1}\0\0\0a",
    "n\0\0\0\0\0\0\u{f0}?",
];

fn values() -> Vec<Value<'static>> {
    let mut values: Vec<Value<'static>> = TEXTS.into_iter().map(Value::Str).collect();
    values.extend([
        Value::Null,
        Value::Bool(true),
        Value::Bool(false),
        Value::Number(1.0),
        Value::Number(0.0),
    ]);
    values
}

fn context<'a>(state: &State, a: Value<'a>, b: Value<'a>) -> Context<'a> {
    let attributes = state.snapshot.attributes();
    let mut context = Context::new(attributes);
    for (name, value) in [("a", a), ("b", b)] {
        let id: AttributeId = attributes.find(name).expect("the rules read it");
        context.set(id, value);
    }
    context
}

#[test]
fn values_that_differ_only_in_type_or_where_they_end_are_kept_apart() {
    let world = World::new();
    let state = state(&flags(&reads_both()), &[]);
    let route = &state.routes[0];
    let mut asked = 0;
    let mut variants = Vec::new();
    for round in 0..2 {
        for a in values() {
            for b in values() {
                let context = context(&state, a, b);
                let found = decide(&state, route, &context, at(NOW_MS), Some(&world.cache));
                let anew = decide(&state, route, &context, at(NOW_MS), None);
                assert_eq!(found.decided, anew.decided, "{a:?}, {b:?}");
                variants.push(found.decided[0].variant);
                asked += 1;
                let (hits, misses) = world.counted();
                assert_eq!(hits + misses, asked);
                assert_eq!(hits > 0, round > 0, "no two contexts share a key");
            }
        }
    }
    variants.dedup();
    assert!(variants.len() > 50, "the rule tells them apart");
}

#[test]
fn what_is_no_value_of_a_request_is_decided_each_time() {
    let world = World::new();
    let state = state(&flags(&reads_both()), &[]);
    let list = json!(["a"]);
    let context = context(&state, Value::Json(&list), Value::Null);
    let route = &state.routes[0];
    for _ in 0..2 {
        let found = decide(&state, route, &context, at(NOW_MS), Some(&world.cache));
        let anew = decide(&state, route, &context, at(NOW_MS), None);
        assert_eq!(found.decided, anew.decided);
    }
    assert_eq!(world.counted(), (0, 0));
}
